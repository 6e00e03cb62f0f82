"""The way of a newcomer through all use cases, on each database, wired as in production."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, get_ident

import pytest
from pydantic import SecretStr
from sqlalchemy.orm import Session

from connectors.autotask.sandbox import SandboxServer
from core import bootstrap
from core.domain.errors import InputError, SettingsError
from core.domain.identity import Identified, OpenIdSettings
from core.services import (
    activity,
    autotask_settings,
    decisions,
    doctor,
    mapping,
    overview,
    people,
    planning,
    portals,
    products,
    reports,
    sync,
    uploads,
    workspace,
)  # fmt: skip
from core.services.access import Role
from core.services.openid_people import person_of_account
from core.services.paging import PageQuery
from core.settings import Settings
from core.store import people as people_store

from .conftest import ADMIN, LONG, csv_of


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield ""
        return
    yield request.getfixturevalue("new_postgres")(request.getfixturevalue("postgres_template"))


@pytest.fixture
def app(url: str, tmp_path: Path) -> Iterator[bootstrap.App]:
    settings = Settings(
        home=tmp_path, database_url=url, secret_key=None, admin_password=SecretStr("correct horse battery")
    )
    app = bootstrap.build(settings)
    yield app
    app.close()


def test_s1_27_from_nothing_to_updated_contract_lines(app: bootstrap.App, sandbox: SandboxServer) -> None:
    sandbox.reset()
    ctx = app.context
    _, admin = people.sign_in(ctx, "admin", "correct horse battery")
    number = people.add_person(ctx, admin, "Otto", "another good password", Role.OPERATOR)
    token, otto = people.sign_in(ctx, "otto", "another good password", people.Visit("10.0.0.1"))
    assert (otto.id, people.actor_of_token(ctx, token)) == (number, otto)

    known = sandbox.credentials
    autotask_settings.save_autotask(
        ctx, admin, user_name=known.user_name, secret=known.secret, integration_code=known.integration_code,
        base_url=sandbox.base_url,
    )  # fmt: skip
    assert autotask_settings.test_autotask(ctx, otto).ok
    portals.create_portal(ctx, otto, "AV", "file", settings={}, secrets={}, schedule={"every": "day"})
    data = csv_of(("Krakeling, Bakkerij De Gouden", "Antivirus per endpoint", 11), ("ACME", "Other", 1))
    preview = uploads.preview_upload(ctx, otto, "AV", data, "av.csv", LONG)
    assert (preview.pending, preview.mapped) == (2, 0)
    uploads.accept_upload(ctx, otto, "AV", data, "av.csv", LONG)

    assert mapping.accept_exact_suggestions(ctx, otto).saved == 2
    assert products.accept_exact_products(ctx, otto) == 1
    mapping.undo_last(ctx, otto)
    products.accept_exact_products(ctx, otto)
    plan = planning.replan(ctx, otto)
    assert [(change.from_units, change.to_units) for change in plan.changes] == [(9, 11)]
    decisions.approve_all(ctx, otto)
    assert sync.apply_now(ctx, otto).changes["applied"] == 1
    assert sync.run_sync(ctx, otto).changes["planned"] == 0
    line = plan.changes[0].line
    assert line is not None
    assert sandbox.units(line.id, plan.changes[0].effective_date) == 11

    now = overview.overview(ctx, otto)
    assert (now.customers_mapped, now.products, now.products_mapped) == (2, 2, 1)
    assert overview.overview_rows(ctx, otto, PageQuery(text="krakeling")).rows[0].count == 11
    assert reports.build(ctx, otto, "vendor").sections[0].table.rows[-1].cells[2] == 12
    assert activity.verify(ctx, otto).ok
    assert activity.audit(ctx, otto, PageQuery(text="Otto mapping")).total >= 2
    assert "verified" in "".join(activity.export_lines(ctx, otto))
    wrong = {check.code for check in doctor.examine(ctx, admin) if check.state == "wrong"}
    assert wrong <= {"postgres.not_durable"}, "the server of the tests keeps nothing"

    exported = workspace.export_workspace(ctx, admin)
    assert workspace.apply_workspace(ctx, admin, exported, {}).created == 0
    portals.archive_portal(ctx, otto, "AV")
    assert workspace.apply_workspace(ctx, admin, exported, {}).created == 1 + 2 + 1
    assert overview.overview(ctx, otto).portals == 1


def test_two_starts_on_one_database_are_one_workspace(app: bootstrap.App) -> None:
    other = bootstrap.build(app.settings)
    autotask_settings.save_time_zone(app.context, ADMIN, "America/New_York")
    assert other.zone == "America/New_York"
    assert not people.needs_first_admin(other.context)
    with pytest.raises(SettingsError, match="not connected yet"):
        other.context.autotask()
    other.close()


def test_two_admins_who_take_the_role_from_one_another_at_once_leave_one(app: bootstrap.App) -> None:
    ctx, together = app.context, Barrier(2)
    _, admin = people.sign_in(ctx, "admin", "correct horse battery")
    numbers = [admin.id, people.add_person(ctx, admin, "Bert", "another good password", Role.ADMIN)]

    def take(number: int) -> str:
        together.wait(60)
        try:
            people.change_person(ctx, ADMIN, number, role=Role.VIEWER)
        except InputError as error:
            return error.kind
        return ""

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(take, numbers)) == ["", "last_admin"]


def test_first_visits_of_one_company_account_at_the_same_moment_make_one_account(
    app: bootstrap.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has looked, and found nobody, before any of them makes the account; on SQLite only one may write at a time anyway."""
    ctx, both_looked = app.context, Barrier(2)
    people.save_oidc_groups(ctx, ADMIN, {"*": Role.VIEWER})
    real, looked = people_store.by_oidc_subject, set[int]()

    def look(session: Session, subject: str) -> people_store.Person | None:
        found = real(session, subject)
        if not ctx.database.is_sqlite and get_ident() not in looked:
            looked.add(get_ident())
            both_looked.wait(60)
        return found

    monkeypatch.setattr(people_store, "by_oidc_subject", look)
    found = Identified(subject="https://login|cas", claims={"preferred_username": "admin"}, id_token="")
    settings = OpenIdSettings(issuer="https://login", client_id="us", client_secret="x")
    with ThreadPoolExecutor(2) as both:
        come_in = [both.submit(person_of_account, ctx, found, settings, "en") for _ in range(2)]
        first, second = (one.result() for one in come_in)
    assert first == second
    assert len(people.list_people(ctx, ADMIN)) == 2
