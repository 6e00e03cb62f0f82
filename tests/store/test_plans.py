"""A plan comes back as it was saved, whatever is in it; its changes are filtered, sorted and decided on."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.domain.contract import CatalogueItem, Company, Contract, ItemRef, LineKind, LineRef, PeriodType
from core.domain.finding import Finding, FindingKind
from core.domain.mapping import ChoiceKey
from core.domain.paging import PageQuery
from core.domain.plan import Change, ChangeKind, ChangeStatus, Plan
from core.domain.target import KnownLine, TargetSource
from core.domain.text import T, Text
from core.domain.usage import Origin, UsageLine
from core.store import decisions, directory, ledger, plans
from core.store.db import Database
from core.store.ledger import Event, Fact
from core.store.plan_codec import change_from_json, change_to_json, finding_from_json, finding_to_json
from tests.looking import tries
from tests.store.conftest import NOW

TODAY = date(2026, 10, 1)
words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
whole = st.integers(0, 2**40)
units = st.integers(0, 2**31 - 1)
exact = st.decimals(-(10**6), 10**6, places=4)
days = st.dates(date(2020, 1, 1), date(2030, 1, 1))
instants = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
refs = st.builds(LineRef, st.sampled_from(LineKind), whole)
items = st.builds(ItemRef, st.sampled_from(LineKind), whole)
plain = st.one_of(words, st.integers(), st.booleans(), exact, days, instants, st.none())
templates = words.map(lambda text: text.replace("{", "").replace("}", ""))
texts = st.recursive(
    st.builds(Text, templates, st.dictionaries(words, plain | st.lists(words).map(tuple), max_size=2)),
    lambda inner: st.builds(Text, templates, st.dictionaries(words, inner, max_size=2)),
    max_leaves=3,
)
usages = st.builds(
    UsageLine,
    customer_id=words, customer=words, product_key=words, product=words, quantity=exact, unit=words, term=words,
    billing_frequency=words, subscription_id=words, effective_date=st.none() | days, period_start=st.none() | days,
    period_end=st.none() | days, unit_cost=st.none() | exact, unit_price=st.none() | exact, currency=words,
    attributes=st.dictionaries(words, words, max_size=2), origin=st.builds(Origin, words, words, units),
)  # fmt: skip
known = st.builds(KnownLine, usages, st.booleans(), instants, instants, whole)
changes = st.builds(
    Change,
    kind=st.sampled_from(ChangeKind), company_id=whole, contract_id=whole, line=st.none() | refs, item=items,
    from_units=units, to_units=units, effective_date=days, status=st.sampled_from(ChangeStatus), reason=texts,
    holds=st.lists(texts, max_size=2).map(tuple), unit_price=st.none() | exact, unit_cost=st.none() | exact,
    money_per_period=st.none() | exact, period_type=st.sampled_from(PeriodType),
    sources=st.lists(st.builds(TargetSource, words, known, whole, words), max_size=2).map(tuple),
    explanation=st.lists(texts, max_size=2).map(tuple), portals=st.lists(words, max_size=2).map(tuple),
)  # fmt: skip
findings = st.builds(
    Finding,
    kind=st.sampled_from(FindingKind), key=words, message=texts, remedy=st.none() | texts, portal=words, subject=words,
    company_id=st.none() | whole, line=st.none() | refs, candidates=st.lists(st.tuples(words, words), max_size=2).map(tuple),
    choice=st.none() | st.builds(ChoiceKey, whole, items, words),
)  # fmt: skip
whole_plans = st.builds(
    Plan, days, st.lists(changes, max_size=3).map(tuple), st.lists(findings, max_size=3).map(tuple), units
)
quick = tries(25)


@quick
@given(whole_plans)
def test_m13_a_plan_comes_back_exactly(database: Database, plan: Plan) -> None:
    with database.write() as session:
        number = plans.save(session, plan, NOW)
        assert plans.load(session, number) == plan
        head = plans.head(session)
    assert head is not None
    assert (head.id, head.checksum, head.unchanged) == (number, plan.checksum, plan.unchanged)
    assert sum(head.by_status.values()) == len(plan.changes)
    assert sum(head.by_finding.values()) == len(plan.findings)


@tries(100)
@given(changes, findings)
def test_m13_no_field_is_lost_on_the_way_through_json(change: Change, finding: Finding) -> None:
    assert change_from_json(change_to_json(change)) == change
    assert finding_from_json(finding_to_json(finding)) == finding
    assert set(change_to_json(change)) == {field.name for field in dataclasses.fields(Change)}
    assert set(finding_to_json(finding)) == {field.name for field in dataclasses.fields(Finding)}
    source = change_to_json(change)["sources"]
    fields = {field.name for kind in (TargetSource, KnownLine) for field in dataclasses.fields(kind)} - {"line"}
    assert all(set(part) == fields for part in source)
    assert all(set(part["usage"]) == {field.name for field in dataclasses.fields(UsageLine)} for part in source)


def change(number: int, **values: object) -> Change:
    given: dict[str, object] = {
        "kind": ChangeKind.UNITS, "company_id": 1 + number % 2, "contract_id": 10, "line": LineRef(LineKind.SERVICE, number),
        "item": ItemRef(LineKind.SERVICE, 5), "from_units": 1, "to_units": number, "effective_date": TODAY,
        "status": ChangeStatus.NEEDS_APPROVAL, "reason": T("More used."), "portals": ("Duo",),
    }  # fmt: skip
    return Change(**(given | values))  # type: ignore[arg-type]


def save(database: Database, *given: Change, **values: object) -> int:
    plan = Plan(
        TODAY, given, (Finding(kind=FindingKind.STALE, key="k", message=T("Old."), portal="Duo", company_id=1),)
    )
    with database.write() as session:
        directory.save_companies(session, [Company(1, "Acme Één"), Company(2, "Beta")])
        directory.save_contracts(session, [Contract(10, 1, "Main", TODAY, TODAY, PeriodType.MONTHLY)])
        directory.save_items(session, [CatalogueItem(ItemRef(LineKind.SERVICE, 5), "MFA per user")])
        return plans.save(session, plan, values.get("at", NOW), run_id=values.get("run_id"))  # type: ignore[arg-type]


def test_changes_are_found_by_the_names_people_know(database: Database) -> None:
    save(
        database,
        *(change(number) for number in range(20)),
        change(20, status=ChangeStatus.HELD, portals=("Duo", "Pax8"), money_per_period=Decimal("12.3456789")),
    )
    with database.session() as session:
        assert plans.page_changes(session, PageQuery(text="acme ÉÉN mfa")).total == 11
        assert plans.page_changes(session, PageQuery(text="nothing")).total == 0
        assert plans.page_changes(session, PageQuery(portal="Pax8")).total == 1
        assert plans.page_changes(session, PageQuery(portal="Pax")).total == 0
        assert plans.page_changes(session, PageQuery(status="held")).rows[0].change.money_per_period == Decimal(
            "12.3456789"
        )
        assert plans.page_changes(session, PageQuery(), company_id=2, kind="units").total == 10
        top = plans.page_changes(session, PageQuery(sort="to_units", descending=True, limit=2, offset=1))
        assert [row.change.to_units for row in top.rows] == [19, 18]
        assert (top.total, top.rows[0].company, top.rows[0].contract, top.rows[0].item) == (
            21,
            "Beta",
            "Main",
            "MFA per user",
        )
        assert len(plans.change_ids(session, PageQuery(text="beta"))) == 10
        found = plans.page_findings(session, PageQuery(status="stale", text="acme", portal="Duo"))
        assert (found.total, found.rows[0].company, found.rows[0].finding.message) == (1, "Acme Één", T("Old."))
        assert plans.page_findings(session, PageQuery(status="drift")).total == 0


def test_only_the_newest_plan_is_current(database: Database) -> None:
    with database.session() as session:
        assert plans.head(session) is None
        assert plans.load(session) is None
    first, second = save(database, change(1)), save(database, change(2))
    with database.session() as session:
        assert plans.current_id(session) == second
        assert plans.load(session).changes == (change(2),)  # type: ignore[union-attr]
        assert plans.load(session, first).changes == (change(1),)  # type: ignore[union-attr]
        assert plans.find_change(session, change(1).id).change == change(1)  # type: ignore[union-attr]
        assert plans.find_change(session, "unknown") is None
        assert [row.change for row in plans.find_changes(session, [change(1).id, change(2).id])] == [change(2)]


def test_a_decision_shows_in_the_plan_at_once(database: Database) -> None:
    save(database, change(1), change(2))
    with database.write() as session:
        assert plans.set_status(session, [change(2).id, "unknown"], ChangeStatus.APPROVED) == 1
        plan = plans.load(session)
        assert plan is not None
        assert [found.status for found in plan.changes] == [ChangeStatus.NEEDS_APPROVAL, ChangeStatus.APPROVED]
        assert plan.checksum == Plan(TODAY, (change(1), change(2)), ()).checksum
        assert plans.page_changes(session, PageQuery(status="approved")).total == 1


def test_old_plans_go_but_not_those_that_were_written(database: Database) -> None:
    save(database, change(1), at=NOW - timedelta(days=9), run_id=None)
    with database.write() as session:
        from core.store import runs

        run = runs.enqueue(session, runs.NewRun(kind="sync"), NOW)
        assert run is not None
        ledger.append(session, NOW, [Fact(event=Event.INTENDED, run_id=run.id, change_id="x")])
    written = save(database, change(2), at=NOW - timedelta(days=8), run_id=run.id)
    current = save(database, change(3), at=NOW - timedelta(days=7))
    with database.write() as session:
        assert plans.prune(session, NOW) == 1
        assert plans.load(session, written) is not None
        assert plans.current_id(session) == current


def test_decisions_are_kept_until_they_are_taken_back(database: Database) -> None:
    with database.write() as session:
        decisions.approve(session, ["a", "b", "a"], "jan", NOW)
        decisions.approve(session, ["a"], "piet", NOW)
        decisions.dismiss(session, ["k1", "k2"], "wrong", "jan", NOW, until=TODAY)
        decisions.dismiss(session, ["k1"], "still wrong", "jan", NOW)
        found = decisions.load(session, TODAY)
        assert (found.approved, found.dismissed) == ({"a": "jan", "b": "jan"}, {"k1": "still wrong", "k2": "wrong"})
        assert decisions.load(session, TODAY + timedelta(days=1)).dismissed == {"k1": "still wrong"}
        assert decisions.withdraw(session, ["a", "x"]) == 1
        assert decisions.restore(session, ["k1"]) == 1
        assert decisions.load(session, TODAY).approved == {"b": "jan"}
        assert decisions.load(session, TODAY).dismissed == {"k2": "wrong"}
