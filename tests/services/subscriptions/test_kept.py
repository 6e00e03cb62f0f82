"""What is kept of subscriptions, the same on both databases."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from core.domain.contract import LineKind, LineRef
from core.domain.paging import PageQuery
from core.domain.subscription.badge import Standing, Standpoint
from core.domain.subscription.events import EventKind
from core.domain.subscription.pairs import Pair
from core.domain.text import T
from core.domain.usage import Reading, Scope, UsageLine
from core.store import audit, history, portal_names, portals, provisioning, subscription_events, subscriptions
from core.store.audit import AuditFilter
from core.store.db import Database
from core.store.portals import Portal
from tests.services.money.world import NOW
from tests.services.subscriptions.seats import sub

LINE = LineRef(LineKind.SERVICE, 8001)


def portal(database: Database, name: str = "Duo") -> int:
    with database.write() as session:
        return portals.save(session, Portal(name=name, connector="duo"), NOW).id


def read(
    database: Database, number: int, *lines: UsageLine, at: datetime = NOW, name: str = "Duo", **more: object
) -> None:
    made = Reading(portal=name, taken_at=at, lines=lines, **more)  # type: ignore[arg-type]
    with database.write() as session:
        history.record_reading(session, number, made)


def later(hours: int) -> datetime:
    return NOW + timedelta(hours=hours)


def events_of(database: Database, number: int, subscription: str = "s1") -> list[str]:
    with database.session() as session:
        found = subscription_events.of_subscription(session, number, "Acme", subscription)
    return [one.kind.value for one in found]


def test_events_are_kept_in_order_with_an_audit_entry_each(database: Database) -> None:
    """The first reading is where it begins: nothing happened yet. A webhook tells one line, and nothing of the others."""
    duo = portal(database)
    read(database, duo, sub("basic", 10, label="Home"), sub("basic", 5, "s2"))
    assert events_of(database, duo) == []
    read(database, duo, sub("basic", 12, label="Home"), at=later(1), scope=Scope.LINES)
    read(database, duo, sub("basic", 12, label="Office"), sub("basic", 5, "s2"), at=later(2))
    read(database, duo, sub("basic", 12, label="Office"), at=later(3))
    read(database, duo, sub("basic", 9), sub("basic", 5, "s2"), at=later(1))
    assert events_of(database, duo) == ["quantity", "name"]
    assert events_of(database, duo, "s2") == ["cancelled"]
    with database.session() as session:
        entries = audit.page(session, AuditFilter(event="subscription.", descending=False)).rows
        assert audit.verify(session).ok
        assert subscription_events.last_increases(session, NOW) == {1: date(2026, 11, 20)}
    assert [entry.event for entry in entries] == [
        "subscription.quantity",
        "subscription.name",
        "subscription.cancelled",
    ]
    assert entries[0].subject == "Duo · Acme · basic"


def test_a_reading_that_broke_off_or_says_the_same_makes_no_events(database: Database) -> None:
    duo = portal(database)
    read(database, duo, sub("basic", 10), sub("basic", 5, "s2"))
    read(database, duo, sub("basic", 8), at=later(1), complete=False)
    read(database, duo, sub("basic", 10), sub("basic", 5, "s2"), at=later(2))
    assert events_of(database, duo) + events_of(database, duo, "s2") == []


def test_dates_are_those_of_the_workspace_not_of_utc(database: Database) -> None:
    duo = portal(database)
    evening = datetime.fromisoformat("2026-11-20T23:30:00+00:00")
    read(database, duo, sub("basic", 10))
    read(database, duo, sub("basic", 11), at=evening)
    with database.session() as session:
        [event] = subscription_events.of_subscription(session, duo, "Acme", "s1")
        [[known]] = history.known_lines(session, [duo]).values()
    assert event.effective_date == known.changed_on == date(2026, 11, 21)


def test_s5_19_moved_from_one_distributor_to_another_in_whatever_order(database: Database) -> None:
    one, other = portal(database), portal(database, "Pax8")
    read(database, one, sub("basic", 10, "a", vendor_subscription="V1"), sub("basic", 5, "b", vendor_subscription="V2"))
    read(database, other, sub("x", 1, "z"), name="Pax8")
    read(database, other, sub("x", 1, "z"), sub("b8", 5, "p2", vendor_subscription="v2"), at=later(1), name="Pax8")
    read(database, one, at=later(2))
    read(
        database, other, sub("x", 1, "z"), sub("b8", 5, "p2", vendor_subscription="v2"),
        sub("b8", 10, "p1", vendor_subscription="V1"), at=later(3), name="Pax8",
    )  # fmt: skip
    assert events_of(database, other, "p2") == ["added", "reseller"]
    assert events_of(database, other, "p1") == ["added", "reseller"]
    with database.session() as session:
        pairs = subscription_events.pairs(session, later(4))
        assert len(pairs) == 2
        assert subscription_events.pairs(session, later(24 * 40)) == ()
    assert all(isinstance(pair, Pair) and pair.certain for pair in pairs)


def test_m9_two_portals_that_tell_of_one_subscription_moved_nothing(database: Database) -> None:
    one, other = portal(database), portal(database, "Pax8")
    read(database, one, sub("x", 1, "y"))
    read(database, other, sub("x", 1, "z"), name="Pax8")
    both = sub("basic", 10, "v1"), sub("b8", 10, "p1", vendor_subscription="V1")
    read(database, one, sub("x", 1, "y"), both[0], at=later(1))
    read(database, other, sub("x", 1, "z"), both[1], at=later(1), name="Pax8")
    read(database, one, sub("x", 1, "y"), at=later(2))
    read(database, other, sub("x", 1, "z"), at=later(2), name="Pax8")
    assert events_of(database, one, "v1") == ["added", "cancelled"]
    assert events_of(database, other, "p1") == ["added", "cancelled"]


def test_the_list_is_filtered_by_badge_and_words_and_sorted(database: Database) -> None:
    duo = portal(database)
    read(database, duo, sub("basic", 10), sub("premium", 5, "s2"), sub("plain", 3, ""), sub("gone", 1, "s9"))
    read(database, duo, sub("basic", 10), sub("premium", 5, "s2"), sub("plain", 3, ""), at=later(1))
    problem = T("From {before} to {after}.", before=10, after=12)
    places = [
        Standpoint(usage_line=1, standing=Standing.OPEN, company_id=1001, line=LINE, contract_id=7001, problem=problem),
        Standpoint(usage_line=2, standing=Standing.PLACED, company_id=1001, line=LINE, contract_id=7001),
    ]

    def page(**query: object) -> list[tuple[str, Standing | None]]:
        with database.session() as session:
            found = subscriptions.page_subscriptions(session, PageQuery(**query))  # type: ignore[arg-type]
        assert found.total == len(found.rows)
        return [(entry.line.usage.product, entry.standing) for entry in found.rows]

    assert page() == [("basic", None), ("premium", None)]
    assert page(status="unmapped") == page()
    with database.write() as session:
        subscriptions.keep_places(session, places)
    assert page(status="out_of_sync") == [("basic", Standing.OPEN)]
    assert page(text="PREM acme") == [("premium", Standing.PLACED)]
    assert page(sort="quantity") == [("premium", Standing.PLACED), ("basic", Standing.OPEN)]
    assert page(portal="Pax8") == []
    with database.session() as session:
        [entry] = subscriptions.find(session, "Duo", "Acme", "s1")
        assert str(entry.problem) == "From 10 to 12."
        assert len(subscriptions.with_terms(session, PageQuery())) == 2
    with database.write() as session:
        subscriptions.settle_places(session, [1])
    assert page(status="in_sync") == [("premium", Standing.PLACED)]
    with database.write() as session:
        subscriptions.settle_places(session, [])
        assert subscriptions.find(session, "Duo", "Acme", "s1")[0].problem is None
    assert len(page(status="in_sync")) == 2
    with database.write() as session:
        subscriptions.keep_places(session, places[:1])
    assert page(status="unmapped") == [("premium", None)]


def test_the_price_from_before_a_suspension_is_remembered(database: Database) -> None:
    with database.write() as session:
        subscriptions.remember_prices(session, {LINE: Decimal("3.25")}, NOW)
        subscriptions.remember_prices(session, {LINE: Decimal("3.50")}, NOW)
        assert subscriptions.remembered_prices(session) == {LINE: Decimal("3.50")}
        subscriptions.forget_prices(session, [LINE])
        assert subscriptions.remembered_prices(session) == {}


def test_recent_events_of_one_kind(database: Database) -> None:
    duo = portal(database)
    read(database, duo, sub("basic", 10, term="P1M"))
    read(database, duo, sub("basic", 10, term="P1Y"), at=later(1))
    with database.session() as session:
        [event] = subscription_events.recent(session, [EventKind.TERM], NOW)
        assert (event.before["term"], event.after["term"]) == ("P1M", "P1Y")
        assert subscription_events.recent(session, [EventKind.TERM], later(2)) == []


def test_new_ones_counts_and_made_lines_are_the_same_on_both_databases(database: Database) -> None:
    duo = portal(database)
    portal(database, "Pax8")
    read(database, duo, sub("basic", 10), sub("basic", 4, "s2"), sub("basic", 2, "s3"))
    read(
        database, duo, sub("basic", 10), sub("basic", 4, "s2"), sub("basic", 2, "s3"), sub("new", 1, "s4"), at=later(1)
    )
    places = [
        Standpoint(usage_line=1, standing=Standing.PLACED, company_id=1001, contract_id=7001),
        Standpoint(usage_line=2, standing=Standing.NO_LINE, company_id=1001),
        Standpoint(usage_line=3, standing=Standing.IGNORED),
    ]
    with database.write() as session:
        subscriptions.keep_places(session, places)
        subscriptions.place_on_lines(session, {1: LINE, 99: LINE})
        seen = provisioning.SeenSubscription(
            portal="Duo", customer_id="Acme", subscription_id="s2", product_key="basic", seen_at=NOW,
            confirmed_at=NOW, confirmed_by="anna", contract_id=7001, run_id=5,
        )  # fmt: skip
        provisioning.confirm_subscription(session, seen)
    with database.session() as session:
        assert subscriptions.find(session, "Duo", "Acme", "s1")[0].contract_line == LINE
        assert subscriptions.count_badges(session) == {"in_sync": 1, "out_of_sync": 1, "unmapped": 1, "ignored": 1}
        found = subscriptions.page_new(session, PageQuery(), ()).rows
        assert [(one.entry.line.usage.subscription_id, one.run_id) for one in found] == [("s4", None), ("s2", 5)]
        assert subscriptions.page_new(session, PageQuery(status="open"), ()).total == 1
        assert subscriptions.page_new(session, PageQuery(), {"Duo"}).total == 0
        assert subscriptions.count_new(session, ()) == 1
        assert subscriptions.portals_with_terms(session) == ["Duo"]
        assert portal_names.customers(session, duo, "acm", (), 10) == {"Acme": "Acme"}
        assert portal_names.products(session, duo, "nothing", {"basic"}, 10) == {"basic": "basic"}
