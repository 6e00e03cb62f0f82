"""History keeps what readings prove, and nothing that they do not (M2)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from core.domain.errors import InputError
from core.domain.paging import PageQuery
from core.domain.policy import Mode, Policy
from core.domain.target import KnownLine
from core.domain.text import T
from core.domain.usage import Origin, Reading, Scope, UsageLine
from core.store import history, portals
from core.store.db import Database
from core.store.history import Recorded
from core.store.portals import Portal
from core.store.tables import METADATA
from tests.store.conftest import NOW

DAY = timedelta(days=1)


def line(customer_id: str, product_key: str, quantity: str | int, **more: object) -> UsageLine:
    values = {"customer": f"{customer_id} BV", "product": product_key.upper()} | more
    return UsageLine(customer_id=customer_id, product_key=product_key, quantity=Decimal(quantity), **values)  # type: ignore[arg-type]


def reading(*lines: UsageLine, at: datetime = NOW, **more: object) -> Reading:
    return Reading(portal="Duo", taken_at=at, lines=lines, **more)  # type: ignore[arg-type]


def record(database: Database, portal: Portal, taken: Reading) -> Recorded:
    with database.write() as session:
        return history.record_reading(session, portal.id, taken)


def known(database: Database, portal: Portal) -> dict[tuple[str, str], KnownLine]:
    with database.session() as session:
        lines = history.known_lines(session).get(portal.id, [])
    return {(found.usage.customer_id, found.usage.product_key): found for found in lines}


def count(database: Database, name: str) -> int:
    with database.session() as session:
        return session.execute(select(func.count()).select_from(METADATA.tables[name])).scalar_one()


def test_everything_of_a_line_comes_back(database: Database, portal: Portal) -> None:
    given = line(
        "acme", "mfa", "12.5", unit="users", term="P1Y", billing_frequency="monthly", subscription_id="s1",
        effective_date=date(2026, 10, 3), period_start=date(2026, 10, 1), period_end=date(2026, 10, 31),
        unit_cost=Decimal("1.234567"), unit_price=Decimal("2.5"), currency="EUR", attributes={"tag": "é"},
        origin=Origin("export.csv", "row 14", 3),
    )  # fmt: skip
    record(database, portal, reading(given))
    found = known(database, portal)["acme", "mfa"]
    assert found.usage == given
    assert (found.present, found.since, found.confirmed_at) == (True, NOW, NOW)


def test_a_reading_that_changes_nothing_adds_no_line_rows(database: Database, portal: Portal) -> None:
    lines = [line("acme", "mfa", 12, attributes={"a": "b"}), line("beta", "mfa", 3)]
    record(database, portal, reading(*lines))
    before = count(database, "usage_interval"), count(database, "usage_line"), count(database, "portal_customer")
    again = record(database, portal, reading(*lines, at=NOW + DAY))
    assert (again.unchanged, again.changes_anything) == (2, False)
    assert (
        count(database, "usage_interval"),
        count(database, "usage_line"),
        count(database, "portal_customer"),
    ) == before
    assert count(database, "reading") == 2
    found = known(database, portal)["acme", "mfa"]
    assert (found.since, found.confirmed_at) == (NOW, NOW + DAY)


def test_m2_a_line_ends_only_where_its_absence_is_proved(database: Database, portal: Portal) -> None:
    start = [line("acme", "mfa", 12), line("beta", "mfa", 3), line("gamma", "mfa", 4)]
    record(database, portal, reading(*start))
    half = reading(line("acme", "mfa", 12), at=NOW + DAY, complete=False)
    assert record(database, portal, half).ended == 0
    named = reading(line("acme", "mfa", 13), at=NOW + 2 * DAY, scope=Scope.LINES)
    assert record(database, portal, named).ended == 0
    covered = reading(at=NOW + 3 * DAY, scope=Scope.CUSTOMERS, customers_covered=frozenset({"beta"}))
    assert record(database, portal, covered).ended == 1
    failed = reading(at=NOW + 4 * DAY, failed_customers={"gamma": T("Access denied.")})
    assert record(database, portal, failed).ended == 1
    found = known(database, portal)
    assert {key[0]: (found[key].present, found[key].quantity) for key in found} == {
        "acme": (False, Decimal(0)),
        "beta": (False, Decimal(0)),
        "gamma": (True, Decimal(4)),
    }
    assert found["gamma", "mfa"].confirmed_at == NOW
    assert found["beta", "mfa"].since == NOW + 3 * DAY


def test_m2_an_incomplete_reading_may_raise_and_never_lowers(database: Database, portal: Portal) -> None:
    record(database, portal, reading(line("acme", "mfa", 12), line("beta", "mfa", 3)))
    half = reading(line("acme", "mfa", 5), line("beta", "mfa", 9), at=NOW + DAY, complete=False)
    done = record(database, portal, half)
    assert (done.changed, done.kept) == (1, 1)
    found = known(database, portal)
    assert (found["acme", "mfa"].quantity, found["acme", "mfa"].confirmed_at) == (12, NOW)
    assert (found["beta", "mfa"].quantity, found["beta", "mfa"].confirmed_at) == (9, NOW)


def test_m2_lines_of_a_customer_that_failed_are_not_used(database: Database, portal: Portal) -> None:
    record(database, portal, reading(line("acme", "mfa", 12)))
    partly = reading(line("acme", "mfa", 99), at=NOW + DAY, failed_customers={"acme": T("Cut off.")})
    assert record(database, portal, partly).changed == 0
    with database.session() as session:
        usage = history.portal_usage(session)[0]
    assert usage.lines[0].quantity == 12
    assert usage.failed_customers == {"acme"}
    assert usage.confirmed_at == {"acme": NOW}
    assert usage.read_at == NOW + DAY


def test_a_reading_older_than_what_is_known_changes_nothing(database: Database, portal: Portal) -> None:
    record(database, portal, reading(line("acme", "mfa", 12, customer="New name"), at=NOW))
    old = reading(line("acme", "mfa", 5, customer="Old name"), line("beta", "mfa", 7), at=NOW - DAY)
    done = record(database, portal, old)
    assert (done.new, done.changed, done.ended, done.kept) == (0, 0, 0, 2), (
        "beta was absent from the newer, whole reading"
    )
    found = known(database, portal)
    assert found["acme", "mfa"].quantity == 12
    assert found["acme", "mfa"].usage.customer == "New name"
    with database.session() as session:
        assert portals.by_id(session, portal.id).read_at == NOW  # type: ignore[union-attr]


def test_an_old_message_about_another_line_still_counts(database: Database, portal: Portal) -> None:
    record(database, portal, reading(line("acme", "mfa", 12), line("acme", "sso", 1), at=NOW, scope=Scope.LINES))
    record(database, portal, reading(line("acme", "mfa", 13), at=NOW + 2 * DAY, scope=Scope.LINES))
    late = record(database, portal, reading(line("acme", "sso", 2), at=NOW + DAY, scope=Scope.LINES))
    assert late.changed == 1
    assert known(database, portal)["acme", "sso"].quantity == 2


def test_of_two_readings_of_one_instant_the_later_counts(database: Database, portal: Portal) -> None:
    record(database, portal, reading(line("acme", "mfa", 12)))
    record(database, portal, reading(line("acme", "mfa", 15)))
    with database.session() as session:
        story = history.timeline(session, known(database, portal)["acme", "mfa"].id)
    assert [(used.quantity, used.valid_from, used.valid_to) for used in story] == [(15, NOW, None)]


def test_a_new_price_begins_an_interval_and_keeps_since(database: Database, portal: Portal) -> None:
    record(database, portal, reading(line("acme", "mfa", 12, unit_price=Decimal("1"))))
    done = record(database, portal, reading(line("acme", "mfa", 12, unit_price=Decimal("2")), at=NOW + DAY))
    assert done.changed == 1
    found = known(database, portal)["acme", "mfa"]
    assert (found.since, found.usage.unit_price) == (NOW, Decimal(2))


def test_a_gone_line_comes_back_with_its_history(database: Database, portal: Portal) -> None:
    for day, lines in enumerate([[line("acme", "mfa", 12)], [], [line("acme", "mfa", 4)]]):
        record(database, portal, reading(*lines, at=NOW + day * DAY))
    with database.session() as session:
        story = history.timeline(session, known(database, portal)["acme", "mfa"].id)
    assert [(used.quantity, used.present) for used in story] == [(12, True), (0, False), (4, True)]
    assert [used.valid_to for used in story[:-1]] == [used.valid_from for used in story[1:]]


def test_m9_a_line_twice_in_a_reading_uses_nothing_of_it(database: Database, portal: Portal) -> None:
    with pytest.raises(InputError, match="twice"):
        record(database, portal, reading(line("beta", "mfa", 1), line("acme", "mfa", 1), line("acme", "mfa", 2)))
    assert known(database, portal) == {}
    assert count(database, "reading") == 0


@pytest.mark.parametrize("quantity", ["NaN", "Infinity", "1e30"])
def test_m12_a_number_that_is_none_is_named(database: Database, portal: Portal, quantity: str) -> None:
    with pytest.raises(InputError, match="no usable number"):
        record(database, portal, reading(line("acme", "mfa", quantity)))


def test_noise_of_floats_is_no_change(database: Database, portal: Portal) -> None:
    record(database, portal, reading(line("acme", "mfa", "0.3")))
    again = record(database, portal, reading(line("acme", "mfa", "0.30000000000000004"), at=NOW + DAY))
    assert again.unchanged == 1


def test_monthly_and_yearly_of_one_product_never_collide(database: Database, portal: Portal) -> None:
    both = [
        line("acme", "p", 1, term="P1M"),
        line("acme", "p", 2, term="P1Y"),
        line("acme", "p", 3, subscription_id="x"),
    ]
    assert record(database, portal, reading(*both)).new == 3
    with database.session() as session:
        assert sorted(found.quantity for found in history.known_lines(session)[portal.id]) == [1, 2, 3]


def test_changed_words_are_taken_over_without_new_intervals(database: Database, portal: Portal) -> None:
    record(database, portal, reading(line("acme", "mfa", 1, product="Old", attributes={"a": "1"})))
    done = record(database, portal, reading(line("acme", "mfa", 1, product="New", attributes={"a": "2"}), at=NOW + DAY))
    assert done.unchanged == 1
    usage = known(database, portal)["acme", "mfa"].usage
    assert (usage.product, usage.attributes) == ("New", {"a": "2"})


def test_usage_tells_mode_policy_and_what_fails(database: Database) -> None:
    with database.write() as session:
        given = Portal(name="A", connector="x", mode=Mode.AUTOMATIC, policy=Policy(max_change=3))
        stored = portals.save(session, given, NOW)
        portals.save(session, Portal(name="B", connector="x", enabled=False), NOW)
        history.record_reading(session, stored.id, reading(line("acme", "mfa", 1)))
        history.record_failure(session, stored.id, NOW + DAY, T("Wrong key {name}.", name="x"))
    with database.session() as session:
        (usage,) = history.portal_usage(session)
    assert (usage.portal, usage.mode, usage.policy.max_change) == ("A", Mode.AUTOMATIC, 3)
    assert usage.failing == T("Wrong key {name}.", name="x")
    assert usage.read_at == NOW
    with database.write() as session:
        history.record_reading(session, stored.id, reading(line("acme", "mfa", 1), at=NOW + 2 * DAY))
        assert history.portal_usage(session)[0].failing is None


def test_every_fetch_is_kept_with_its_outcome(database: Database, portal: Portal) -> None:
    with database.write() as session:
        taken = reading(line("acme", "mfa", 1), notes=(T("Row {row} left out.", row=4),), fingerprint="f1")
        history.record_reading(session, portal.id, taken, file_name="a.csv", sha256="s1")
        history.record_failure(session, portal.id, NOW, T("No."), status="needs_review", source=("b.csv", "s2"))
    with database.session() as session:
        page = history.page_readings(session, PageQuery(portal="Duo"))
        assert [(info.status, info.file_name) for info in page.rows] == [("needs_review", "b.csv"), ("used", "a.csv")]
        assert page.rows[1].notes == (T("Row {row} left out.", row=4),)
        assert history.page_readings(session, PageQuery(status="used")).total == 1
        assert history.with_fingerprint(session, portal.id, sha256="s1") is not None
        assert history.with_fingerprint(session, portal.id, sha256="s2") is None, (
            "a file that was not used may come again"
        )
        assert history.latest_readings(session)[portal.id].status == "needs_review"


def test_what_moved_between_two_instants(database: Database, portal: Portal) -> None:
    record(database, portal, reading(line("acme", "mfa", 1), line("beta", "mfa", 5)))
    record(database, portal, reading(line("acme", "mfa", 4), line("gamma", "mfa", 2), at=NOW + DAY))
    record(database, portal, reading(line("acme", "mfa", 4), line("gamma", "mfa", 2), at=NOW + 2 * DAY))
    with database.session() as session:
        moved = history.changes_between(session, NOW, NOW + 2 * DAY)
        assert {(found.used.customer_id, found.before, found.after) for found in moved} == {
            ("acme", Decimal(1), Decimal(4)),
            ("beta", Decimal(5), Decimal(0)),
            ("gamma", None, Decimal(2)),
        }
        assert history.changes_between(session, NOW + DAY, NOW + 2 * DAY) == []


def test_portals_do_not_touch_each_other(database: Database, portal: Portal) -> None:
    with database.write() as session:
        other = portals.save(session, Portal(name="Other", connector="x"), NOW)
    record(database, portal, reading(line("acme", "mfa", 1)))
    record(database, other, reading(line("acme", "mfa", 2), at=NOW + DAY))
    record(database, other, reading(at=NOW + 2 * DAY))
    assert known(database, portal)["acme", "mfa"].quantity == 1
    with database.write() as session:
        portals.delete(session, other.id)
    assert count(database, "usage_line") == 1
