"""Reading the workspace file: every mistake at once, each with its line, and nothing read wrongly."""

from __future__ import annotations

import pytest

from core.services.workspace_file import WorkspaceFileError, dump, parse

GOOD = """\
autotask: {user_name: api@example.com, secret: "${AT_SECRET}", integration_code: "${AT_CODE}"}
portals:
  - name: Duo
    connector: duo
    secrets: {secret_key: "${DUO_SECRET}"}
    schedule: {every: day, at: 02:00}
    policy: {increase: today, decrease: next_period}
customers:
  - {portal: Duo, customer: 00123, company_id: 1042}
products:
  - {portal: Duo, product: Advantage, service: MFA per user, formula: quantity}
"""
ENVIRONMENT = {"AT_SECRET": "one", "AT_CODE": "two", "DUO_SECRET": "three"}


def problems(text: str, environment: dict[str, str] | None = None) -> list[tuple[int, str, str]]:
    with pytest.raises(WorkspaceFileError) as caught:
        parse(text, ENVIRONMENT if environment is None else environment, "w.yaml")
    return [(problem.line, problem.path, str(problem.message)) for problem in caught.value.problems]


def test_a_good_file_is_read_with_its_variables() -> None:
    parsed = parse(GOOD, ENVIRONMENT, "w.yaml")
    assert parsed.content.autotask is not None
    assert parsed.content.autotask.secret == "one"
    assert parsed.content.portals is not None
    assert parsed.content.portals[0].secrets == {"secret_key": "three"}
    assert parsed.variables["portals.0.secrets.secret_key"] == "DUO_SECRET"
    assert parsed.content.renames is None


def test_what_yaml_would_turn_into_another_number_stays_what_was_typed() -> None:
    parsed = parse(GOOD, ENVIRONMENT, "w.yaml")
    assert parsed.content.customers is not None
    assert parsed.content.customers[0].customer == "00123"
    assert parsed.content.portals is not None
    assert parsed.content.portals[0].schedule == {"every": "day", "at": "02:00"}
    text = "portals: [{name: No, connector: on, settings: {a: Yes, b: true, c: 1.5, d: 1_000, e: 2026-10-01, f: ~}, paused: yes}]"
    entry = (parse(text, {}, "w.yaml").content.portals or ())[0]
    assert (entry.name, entry.connector, entry.paused) == ("No", "on", True)
    assert entry.settings == {"a": "Yes", "b": True, "c": 1.5, "d": "1_000", "e": "2026-10-01", "f": None}


def test_all_mistakes_are_told_at_once_with_their_lines() -> None:
    text = """\
portals:
  - name: Duo
    conector: duo
    policy:
      increase: tody
      nope: 1
    mode: auto
customers:
  - {portal: Duo, customer: A}
  - {portal: Duo, customer: B, company_id: 1, ignore: true}
products:
  - {portal: Duo, service: S}
"""
    found = problems(text)
    assert [(line, path) for line, path, _ in found] == [
        (2, "portals.0.connector"),
        (3, "portals.0.conector"),
        (5, "portals.0.policy.increase"),
        (6, "portals.0.policy.nope"),
        (7, "portals.0.mode"),
        (9, "customers.0"),
        (10, "customers.1"),
        (12, "products.0"),
    ]


def test_a_secret_without_its_variable_is_told_apart_from_other_settings() -> None:
    parsed = parse(GOOD, {}, "w.yaml")
    assert parsed.missing == {
        "autotask.secret": "AT_SECRET",
        "autotask.integration_code": "AT_CODE",
        "portals.0.secrets.secret_key": "DUO_SECRET",
    }
    found = problems("autotask: {user_name: a, secret: b, integration_code: c, base_url: '${NO_URL}'}", {})
    assert found == [(1, "autotask.base_url", "The environment variable NO_URL is not set.")]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("portals:\n  - [", 2, "not YAML"),
        ("customers: []\ncustomers: []\n", 2, "twice"),
        ("portals: &a []\ncustomers: *a\n", 2, "References"),
        ("just text", 1, "Names with values"),
        ("nope: 1", 1, "There is no such setting"),
    ],
)
def test_what_is_no_workspace_file_is_refused_in_words(text: str, line: int, words: str) -> None:
    found = problems(text)
    assert found[0][0] == line
    assert words in found[0][2]


def test_a_dollar_sign_can_be_written_out() -> None:
    text = "autotask: {user_name: a, secret: 'x$${AT_SECRET}', integration_code: c}"
    parsed = parse(text, ENVIRONMENT, "w.yaml")
    assert parsed.content.autotask is not None
    assert parsed.content.autotask.secret == "x${AT_SECRET}"


def test_the_written_file_is_read_back_as_it_was() -> None:
    content = {
        "time_zone": "Europe/Amsterdam",
        "portals": [{"name": "Duo: één", "connector": "duo", "settings": {"a": [1, "x # y"]}}],
        "customers": [
            {"portal": "Duo: één", "customer": "A, B: {C}", "company_id": 7},
            {"portal": "x", "customer": "0123", "ignore": "yes"},
        ],
        "products": [],
    }
    parsed = parse(dump(content), {}, "w.yaml")
    assert parsed.content.customers is not None
    assert [entry.customer for entry in parsed.content.customers] == ["A, B: {C}", "0123"]
    assert parsed.content.products == ()
    assert parsed.content.portals is not None
    assert parsed.content.portals[0].settings == {"a": [1, "x # y"]}


def test_the_products_own_variables_never_get_into_settings() -> None:
    text = "portals: [{name: P, connector: c, settings: {a: '${CONTRACTBRIDGE_SECRET_KEY}'}}]"
    found = problems(text, {"CONTRACTBRIDGE_SECRET_KEY": "hush"})
    assert found == [(1, "portals.0.settings.a", "The environment variable CONTRACTBRIDGE_SECRET_KEY is not set.")]
