"""The workspace file: applied, applied again, exported, told what is wrong with it."""

from __future__ import annotations

import pytest

from connectors.autotask.sandbox import SandboxServer
from core.domain.contract import ItemRef, LineKind
from core.domain.errors import RemoteError
from core.domain.mapping import ProductKey
from core.services import activity, alerts, mapping, people, portals, products, uploads, workspace
from core.services.access import Role
from core.services.autotask_settings import autotask_settings, time_zone
from core.services.context import Context
from core.services.openid_settings import connection
from core.services.paging import PageQuery
from core.services.workspace_file import WorkspaceFileError

from .conftest import ADMIN, OPERATOR

FILE = """\
time_zone: Europe/Brussels
autotask: {user_name: USER, secret: "${AT_SECRET}", integration_code: "${AT_CODE}", base_url: BASE}
portals:
  - name: Antivirus export
    connector: file
    settings: {customer: Customer name, product: Product, quantity: Count, complete: true}
    mode: automatic
    schedule: {every: month, day: last, at: 02:00}
    policy: {increase: today, decrease: next_period, max_change_percent: 40, stale_after_days: 5}
    overrides: [{customer_id: Acme Ltd, max_change: 3}]
  - name: Second
    connector: file
    settings: {shape: wide, customer: Klant, product_columns: {right_of: Klant}, filter: {Status: [Active]}}
customers:
  - {portal: Antivirus export, customer: Acme Ltd, company_id: 1002}
  - {portal: Antivirus export, customer: "Jansen, Fysio", company: fysiotherapie jansen}
  - {portal: Antivirus export, customer: "00123", ignore: true}
  - {portal: Second, customer: Own, ignore: "our own use"}
products:
  - {portal: Antivirus export, product: AV, service: Antivirus per endpoint, formula: "max(0, users - 2)", name: users, minimum: 1}
  - {portal: Second, product: Workplace, bundle: Werkplek Compleet, rounding: up, included: 1.5}
  - sources: [{portal: Second, product: A, name: a}, {portal: Second, product: B, name: b}]
    service_id: 305
    formula: a + b * 2
  - {portal: Second, product: Free, ignore: true}
renames:
  - {portal: Second, pattern: "A *", product: A}
lines:
  - {company_id: 1011, service_id: 301, contract_service_id: 8029}
"""


@pytest.fixture
def file(sandbox: SandboxServer) -> str:
    return FILE.replace("USER", sandbox.credentials.user_name).replace("BASE", sandbox.base_url)


@pytest.fixture
def environment(sandbox: SandboxServer) -> dict[str, str]:
    return {"AT_SECRET": sandbox.credentials.secret, "AT_CODE": sandbox.credentials.integration_code}


def apply(ctx: Context, text: str, environment: dict[str, str]) -> workspace.WorkspaceResult:
    return workspace.apply_workspace(ctx, ADMIN, text, environment, place="w.yaml")


def problems(ctx: Context, text: str, environment: dict[str, str]) -> list[tuple[int, str]]:
    before = activity.audit(ctx, ADMIN, PageQuery()).total
    with pytest.raises(WorkspaceFileError) as caught:
        apply(ctx, text, environment)
    assert portals.list_portals(ctx, ADMIN) == [] or before
    return [(problem.line, problem.path) for problem in caught.value.problems]


def test_a_file_makes_the_workspace_and_again_changes_nothing(
    ctx: Context, file: str, environment: dict[str, str]
) -> None:
    result = apply(ctx, file, environment)
    assert (result.created, result.changed, result.deleted) == (2 + 4 + 4 + 1 + 1, 2, 0)
    assert time_zone(ctx, ADMIN) == "Europe/Brussels"
    assert autotask_settings(ctx, ADMIN).configured
    detail = portals.portal_detail(ctx, ADMIN, "Antivirus export")
    assert (detail.card.mode, detail.policy.max_change_percent, detail.overrides[0].max_change) == ("automatic", 40, 3)
    assert detail.schedule == {"every": "month", "day": "last"}
    before = activity.audit(ctx, ADMIN, PageQuery()).total
    again = apply(ctx, file, environment)
    assert (again.created, again.changed, again.deleted, again.steps) == (0, 0, 0, ())
    assert again.unchanged == result.created + result.changed
    assert activity.audit(ctx, ADMIN, PageQuery()).total == before


def test_what_was_exported_is_applied_without_a_change_and_exported_the_same(
    ctx: Context, file: str, environment: dict[str, str]
) -> None:
    apply(ctx, file, environment)
    exported = workspace.export_workspace(ctx, ADMIN)
    assert "${AT_SECRET}" in exported
    assert environment["AT_SECRET"] not in exported
    result = apply(ctx, exported, environment)
    assert (result.created, result.changed, result.deleted) == (0, 0, 0)
    assert workspace.export_workspace(ctx, ADMIN) == exported


def test_an_export_makes_the_same_workspace_elsewhere(
    ctx: Context, connected: Context, file: str, environment: dict[str, str]
) -> None:
    apply(ctx, file, environment)
    exported = workspace.export_workspace(ctx, ADMIN)
    apply(connected, exported, environment)
    assert workspace.export_workspace(connected, ADMIN) == exported


def test_secrets_whose_variable_is_not_set_stay_as_they_are_stored(
    ctx: Context, file: str, environment: dict[str, str]
) -> None:
    apply(ctx, file, environment)
    result = apply(ctx, file, {})
    assert (result.changed, len(result.notes)) == (0, 2)
    assert "AT_SECRET is not set" in str(result.notes[0])


def test_what_is_no_longer_in_the_file_goes(ctx: Context, file: str, environment: dict[str, str]) -> None:
    apply(ctx, file, environment)
    shorter = file.split("customers:", maxsplit=1)[0] + "customers: []\nproducts: []\n"
    shorter = shorter.split("  - name: Second")[0] + "customers: []\nproducts: []\n"
    result = apply(ctx, shorter, environment)
    assert result.created == result.changed == 0
    assert [card.name for card in portals.list_portals(ctx, ADMIN)] == ["Antivirus export"]
    assert mapping.customers(ctx, ADMIN, PageQuery()).total == 0
    assert products.rules(ctx, ADMIN, PageQuery()).total == 0
    apply(ctx, file, environment)
    assert products.rules(ctx, ADMIN, PageQuery()).total == 3


def test_a_part_that_is_left_out_stays(ctx: Context, file: str, environment: dict[str, str]) -> None:
    apply(ctx, file, environment)
    result = apply(ctx, "time_zone: Europe/Amsterdam\n", {})
    assert (result.created, result.changed, result.deleted) == (0, 1, 0)
    assert products.rules(ctx, ADMIN, PageQuery()).total == 3


def test_names_are_found_in_autotask_and_unknown_ones_are_all_told(
    ctx: Context, file: str, environment: dict[str, str]
) -> None:
    wrong = (
        file.replace("fysiotherapie jansen", "Nobody At All")
        .replace("company_id: 1002", "company_id: 77")
        .replace("service: Antivirus per endpoint", "service: Antivirus (oud pakket)")
        .replace("bundle: Werkplek Compleet", "bundle: Nope")
        .replace("service_id: 305", "service_id: 4711", 1)
    )
    assert problems(ctx, wrong, environment) == [
        (15, "customers.0.company_id"),
        (16, "customers.1.company"),
        (20, "products.0.service"),
        (21, "products.1.bundle"),
        (23, "products.2.service_id"),
    ]
    assert portals.list_portals(ctx, ADMIN) == []


def test_wrong_settings_are_all_told_with_their_lines(ctx: Context, environment: dict[str, str]) -> None:
    text = """\
portals:
  - {name: A, connector: fiel}
  - {name: A, connector: file, settings: {shape: lng, nope: 1}, schedule: {every: day, at: "26:00"}}
  - {name: B, connector: file, secrets: {key: x}}
customers:
  - {portal: C, customer: x, company_id: 1}
  - {portal: A, customer: X, company_id: 1}
  - {portal: A, customer: " x ", company_id: 2}
products:
  - {portal: A, product: p, service_id: 1, formula: "1 +"}
  - {sources: [{portal: A, product: p}, {portal: A, product: q}], service_id: 1, formula: p + q}
renames:
  - {portal: D, pattern: "*", product: p}
"""
    assert problems(ctx, text, environment) == [
        (2, "portals.0.connector"),
        (3, "portals.1.settings.shape"),
        (3, "portals.1.settings.nope"),
        (3, "portals.1.schedule.at"),
        (3, "portals.1"),
        (4, "portals.2.secrets.key"),
        (6, "customers.0.portal"),
        (8, "customers.2"),
        (10, "products.0.formula"),
        (11, "products.1.sources"),
        (13, "renames.0.portal"),
    ]


def test_autotask_that_does_not_answer_is_told_and_no_mapping_is_written(
    ctx: Context, file: str, environment: dict[str, str], sandbox: SandboxServer
) -> None:
    wrong = file.replace(sandbox.base_url, "http://127.0.0.1:9/ATServicesRest/")
    with pytest.raises(RemoteError):
        apply(ctx, wrong, environment)
    assert portals.list_portals(ctx, ADMIN) == []


def test_numbers_alone_need_no_autotask(ctx: Context) -> None:
    text = """\
portals: [{name: A, connector: file}]
customers: [{portal: A, customer: x, company_id: 5}]
products: [{portal: A, product: p, service_id: 7}]
"""
    assert apply(ctx, text, {}).created == 3


def test_what_the_file_declares_by_name_is_what_readings_bring(
    connected: Context, file: str, environment: dict[str, str]
) -> None:
    apply(connected, file, environment)
    data = b'Customer name,Product,Count\nAcme Ltd,AV,9\n00123,AV,4\n"Jansen, Fysio",Other,1\n'
    uploads.import_file(connected, OPERATOR, "Antivirus export", data, "x.csv")
    assert {
        r.customer: r.status for r in mapping.customers(connected, ADMIN, PageQuery(portal="Antivirus export")).rows
    } == {
        "Acme Ltd": "mapped",
        "Jansen, Fysio": "mapped",
        "00123": "ignored",
    }
    result = apply(connected, file, environment)
    assert (result.created, result.changed, result.deleted) == (0, 0, 0)


KEYED = """\
portals:
  - {name: K, connector: file, settings: {customer: Name, customer_id: No, product: Product, product_key: Sku, quantity: Qty, term: Term, complete: true}}
customers: [{portal: K, customer: acme, company_id: 1002}]
products: [{portal: K, product: seat, service_id: 305}, {portal: K, product: Spare, ignore: true}]
"""
ROWS = b"No,Name,Sku,Product,Term,Qty\nC1,Acme,S1,Seat,P1M,3\nC1,Acme,S1,Seat,P1Y,4\nC1,Acme,S2,Spare,,1\n"


def test_names_get_the_portals_keys_and_each_term_its_own_rule(connected: Context) -> None:
    apply(connected, KEYED, {})
    uploads.import_file(connected, OPERATOR, "K", ROWS, "x.csv")
    assert [(r.customer_id, r.company_id) for r in mapping.customers(connected, ADMIN, PageQuery()).rows] == [
        ("C1", 1002)
    ]
    stored = products.rules(connected, ADMIN, PageQuery()).rows
    assert sorted((row.draft.sources[0].product, row.draft.item) for row in stored) == [
        (ProductKey("K", "S1", "P1M"), ItemRef(LineKind.SERVICE, 305)),
        (ProductKey("K", "S1", "P1Y"), ItemRef(LineKind.SERVICE, 305)),
    ]
    assert {r.product: r.status for r in products.products(connected, ADMIN, PageQuery()).rows} == {
        "Seat": "mapped",
        "Spare": "ignored",
    }
    result = apply(connected, KEYED, {})
    assert (result.created, result.changed, result.deleted) == (0, 0, 0)
    exported = workspace.export_workspace(connected, ADMIN)
    assert apply(connected, exported, {"AUTOTASK_SECRET": "sandbox-secret"}).created == 0
    assert workspace.export_workspace(connected, ADMIN) == exported


def test_a_name_that_two_customers_have_must_be_told_by_key(connected: Context) -> None:
    apply(connected, KEYED, {})
    rows = b"No,Name,Sku,Product,Term,Qty\nC1,Acme,S1,Seat,P1M,3\nC2,ACME,S1,Seat,P1M,4\n"
    uploads.import_file(connected, OPERATOR, "K", rows, "x.csv")
    with pytest.raises(WorkspaceFileError) as caught:
        apply(connected, KEYED, {})
    assert "2 customers" in str(caught.value.problems[0].message)
    apply(connected, KEYED.replace("customer: acme", "customer: C2"), {})
    assert {r.customer_id: r.status for r in mapping.customers(connected, ADMIN, PageQuery()).rows} == {
        "C1": "pending",
        "C2": "mapped",
    }


ALERTS = """\
portals:
  - {name: Second, connector: file}
channels:
  - name: Beheer
    kind: smtp
    settings: {host: mail.example.com, sender: portal@example.com, user: portal, port: 2525}
    secrets: {password: "${MAIL_PASSWORD}"}
    recipients: [beheer@example.com]
    language: nl
  - {name: Team, kind: teams, secrets: {url: "${TEAM_URL}"}, paused: true}
alert_rules:
  - {kind: usage, units: 5, percent: 12.5, channels: [Team, Beheer]}
  - {kind: usage, portal: Second, product: A, units: 3, paused: true}
  - {kind: leakage, amount: 250, telling: weekly, severity: critical}
"""
ALERT_SECRETS = {"MAIL_PASSWORD": "one two", "TEAM_URL": "https://team.example/hook?sig=abc"}


def test_channels_and_alert_rules_are_part_of_the_file(ctx: Context) -> None:
    first = workspace.apply_workspace(ctx, ADMIN, ALERTS, ALERT_SECRETS)
    assert (
        first.created == 1 + 2 + 1
    )  # The portal, both channels, and the rule of a product; the other two are changed.
    again = workspace.apply_workspace(ctx, ADMIN, ALERTS, ALERT_SECRETS)
    assert (again.created, again.changed, again.deleted) == (0, 0, 0)
    text = workspace.export_workspace(ctx, ADMIN)
    assert "one two" not in text and "sig=abc" not in text and "password: ${MAIL_PASSWORD}" in text
    assert "{kind: usage, units: 5, percent: '12.5', channels: [Beheer, Team]}" in text
    # What was stored stands in for a variable that is not set.
    same = workspace.apply_workspace(ctx, ADMIN, text, {})
    assert (same.created, same.changed, same.deleted, len(same.notes)) == (0, 0, 0, 2)
    rules = {(one.kind, one.portal): one for one in alerts.rules(ctx, ADMIN)}
    alerts.mute_rule(ctx, ADMIN, rules["leakage", ""].id, ctx.clock.now(), "known")
    fewer = text.replace("amount: 250", "amount: 300").replace("recipients:\n  - beheer@", "recipients:\n  - info@")
    changed = workspace.apply_workspace(ctx, ADMIN, fewer.replace("language: nl", "language: en"), {})
    assert (changed.created, changed.changed, changed.deleted) == (0, 2, 0)
    after = {(one.kind, one.portal): one for one in alerts.rules(ctx, ADMIN)}["leakage", ""]
    assert (after.amount, after.mute_reason, after.id) == (300, "known", rules["leakage", ""].id)
    gone = workspace.apply_workspace(ctx, ADMIN, "channels: []\nalert_rules: [{kind: held}]\n", {})
    assert (gone.created, gone.deleted, alerts.channels(ctx, ADMIN)) == (1, 2 + 3, [])


def test_mistakes_of_channels_and_rules_are_told_with_their_lines(ctx: Context) -> None:
    wrong = (
        ALERTS.replace("product: A, units: 3", "product: A")
        .replace("[Team, Beheer]", "[Nobody]")
        .replace("telling: weekly", "telling: never")
    )
    with pytest.raises(WorkspaceFileError) as caught:
        workspace.apply_workspace(ctx, ADMIN, wrong, ALERT_SECRETS)
    assert [(one.line, one.path) for one in caught.value.problems] == [(14, "alert_rules.2.telling")]
    with pytest.raises(WorkspaceFileError) as caught:
        workspace.apply_workspace(ctx, ADMIN, wrong.replace("never", "weekly"), {})
    assert [(one.line, str(one.message)[:40]) for one in caught.value.problems] == [
        (7, "The environment variable MAIL_PASSWORD i"),
        (10, "The environment variable TEAM_URL is not"),
        (12, "There is no channel Nobody. There are: B"),
        (13, "Say how many units or percent a quantity"),
    ]
    assert alerts.channels(ctx, ADMIN) == []


ACCOUNT = """\
company_account:
  issuer: https://login.microsoftonline.com/t/v2.0
  client_id: us
  client_secret: ${OIDC}
  groups_claim: teams
  confirm_without_time: true
  groups: {msp-admins: admin, "${x}": viewer}
"""


def test_the_company_account_comes_from_the_file_and_goes_back_without_its_secret(ctx: Context) -> None:
    result = apply(ctx, ACCOUNT, {"OIDC": "not to be seen"})
    assert result.changed == 2
    known = people.openid_settings(ctx, ADMIN)
    assert (known.configured, known.scopes, known.groups_claim, known.confirm_without_time) == (
        True,
        "profile email",
        "teams",
        True,
    )
    assert people.oidc_groups(ctx, ADMIN) == {"msp-admins": Role.ADMIN, "${x}": Role.VIEWER}
    exported = workspace.export_workspace(ctx, ADMIN)
    assert "not to be seen" not in exported
    assert "client_secret: ${OIDC}" in exported
    assert (apply(ctx, exported, {}).changed, connection(ctx).client_secret) == (0, "not to be seen")
    assert problems(ctx, ACCOUNT.replace("https:", "http:"), {}) == [(2, "company_account.issuer")]
    people.remove_openid(ctx, ADMIN)
    assert "company_account" not in workspace.export_workspace(ctx, ADMIN)
    assert problems(ctx, ACCOUNT, {}) == [(4, "company_account.client_secret")]
    assert problems(ctx, ACCOUNT.replace("viewer", "owner"), {"OIDC": "x"})[0][0] == 7
