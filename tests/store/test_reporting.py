"""Invoice checks, mutes and sign-offs, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from core.domain.invoice.explain import Explanation
from core.domain.invoice.model import CheckRow, CheckSettings, Count, Move, Mute, Place, State, Why
from core.domain.mapping import CustomerKey, CustomerMapping
from core.domain.paging import PageQuery
from core.domain.text import T
from core.domain.usage import Reading, UsageLine
from core.store import audit, history, mappings, reporting
from core.store.audit import Audited
from core.store.db import Database
from core.store.mappings import Author
from core.store.portals import Portal
from core.store.reporting import StoredCheck, StoredSettings, StoredSignOff
from core.store.reporting_codec import row_from_json, row_to_json
from tests.store.conftest import NOW

PLACE = Place("acme", "mfa")
ROW = CheckRow(
    place=PLACE, customer="Acme", product="MFA", invoice=Decimal("340"), own=Decimal("347.5"), autotask=None,
    invoice_amount=Decimal("1156.00"), own_amount=None, autotask_amount=Decimal("0.10"), currency="EUR", state=State.DIFFERENT,
    by_units=Decimal("-23.80"), shared=True, source="invoice.csv row 2",
    explanation=Explanation(
        why=Why.ANOTHER_DAY, first=date(2026, 10, 14), last=date(2026, 10, 31), is_maximum=True,
        moves=(Move(date(2026, 10, 14), "Beta", Decimal(-7)),), texts=(T("{count} on {day}", count=Decimal(7), day=date(2026, 10, 14)),),
    ),
)  # fmt: skip


def check(portal: Portal, *, open_rows: int = 1, month: int = 10, days: int = 0) -> StoredCheck:
    return StoredCheck(
        portal_id=portal.id, first=date(2026, month, 1), last=date(2026, month, 28), made_at=NOW + timedelta(days=days),
        person="Otto", file_name=f"m{month}.csv", file_digest="aa", stored_path="uploads/1/x", rows=1, open_rows=open_rows,
        invoice_amount=Decimal("1156.00"), own_amount=None, digest="bb", result={"rows": [row_to_json(ROW)]},
    )  # fmt: skip


def test_rows_come_back_exactly(database: Database, portal: Portal) -> None:
    with database.write() as session:
        number = reporting.add_check(session, check(portal))
    with database.session() as session:
        stored = reporting.get_check(session, number)
    assert stored is not None
    assert [row_from_json(row) for row in stored.result["rows"]] == [ROW]
    assert (stored.portal, stored.invoice_amount, stored.own_amount) == ("Duo", Decimal(1156), None)
    assert row_from_json(row_to_json(replace(ROW, state=State.MUTED))).state is State.DIFFERENT


def test_checks_are_paged_and_filtered(database: Database, portal: Portal) -> None:
    with database.write() as session:
        september = reporting.add_check(session, check(portal, month=9))
        first = reporting.add_check(session, check(portal, days=1))
        second = reporting.add_check(session, check(portal, open_rows=0, days=2))
    with database.session() as session:
        page = reporting.page_checks(session, PageQuery(limit=2))
        assert ([one.id for one in page.rows], page.total) == ([second, first], 3)
        october = reporting.page_checks(session, PageQuery(), first=date(2026, 10, 1), last=date(2026, 10, 31))
        assert [one.id for one in october.rows] == [second, first]
        assert [one.id for one in reporting.page_checks(session, PageQuery(status="open", text="M9")).rows] == [
            september
        ]
        assert reporting.page_checks(session, PageQuery(portal="Other")).total == 0
        assert reporting.last_checks(session, date(2026, 10, 1), date(2026, 10, 31)) == {portal.id: (second, 0)}


def test_settings_and_mutes(database: Database, portal: Portal) -> None:
    wanted = StoredSettings({"product": "Item"}, CheckSettings(count=Count.AVERAGE, tolerance_units=Decimal("1.5")))
    mute = Mute("-7|-23.8|?", "agreed", "Otto")
    with database.write() as session:
        assert reporting.settings(session, portal.id) == StoredSettings()
        assert reporting.portals_with_invoices(session) == {}
        reporting.save_settings(session, portal.id, wanted, NOW)
        reporting.save_mute(session, portal.id, PLACE, mute, NOW)
        reporting.save_mute(session, portal.id, PLACE, mute, NOW)
    with database.write() as session:
        assert reporting.settings(session, portal.id) == wanted
        assert reporting.portals_with_invoices(session) == {portal.id: "Duo"}
        assert reporting.mutes(session, portal.id) == {PLACE: mute}
        reporting.drop_mute(session, portal.id, PLACE)
        assert reporting.mutes(session, portal.id) == {}


def test_the_last_signature_of_each_month_counts(database: Database) -> None:
    def signed(month: int, amount: str) -> StoredSignOff:
        return StoredSignOff(
            month=date(2026, month, 1), person="Otto", at=NOW, remark="", gates_open=0, to_bill=Decimal(amount), digest="d",
            ledger_position=0, ledger_hash="", audit_position=1, audit_hash="h", numbers={"totals": {"Acme": "1.10"}},
        )  # fmt: skip

    with database.write() as session:
        for month, amount in ((10, "5"), (11, "6"), (10, "7.25")):
            reporting.add_sign_off(session, signed(month, amount))
    with database.session() as session:
        assert [(one.month.month, one.to_bill) for one in reporting.sign_offs(session)] == [
            (11, 6),
            (10, Decimal("7.25")),
        ]
        assert [one.to_bill for one in reporting.sign_offs(session, date(2026, 10, 1))] == [Decimal("7.25")]


def test_heads_of_chains_and_hashes_of_entries(database: Database) -> None:
    with database.write() as session:
        assert reporting.head(session, "ledger").position == 0
        audit.append(session, NOW, [Audited(actor="a", event="x.y"), Audited(actor="a", event="x.z")])
    with database.session() as session:
        head = reporting.head(session, "audit")
        assert (head.position, reporting.hash_at(session, "audit", 2)) == (2, head.hash)
        assert (reporting.hash_at(session, "ledger", 0), reporting.hash_at(session, "ledger", 5)) == ("", None)


def reading(at: datetime, quantity: int) -> Reading:
    line = UsageLine(customer_id="acme", customer="Acme", product_key="mfa", product="MFA", quantity=Decimal(quantity),
                     unit_cost=Decimal("3.4"), currency="EUR")  # fmt: skip
    return Reading(portal="Duo", taken_at=at, lines=(line,) if quantity else ())


def test_intervals_and_readings_between_two_instants(database: Database, portal: Portal) -> None:
    with database.write() as session:
        for day, quantity in ((0, 7), (1, 7), (3, 9), (5, 0)):
            history.record_reading(session, portal.id, reading(NOW + timedelta(days=day), quantity))
    with database.session() as session:
        found = reporting.intervals(session, portal.id, NOW, NOW + timedelta(days=30))
        assert [(one.customer, one.quantity, (one.start - NOW).days, (one.end - NOW).days) for one in found] == [
            ("Acme", 7, 0, 3), ("Acme", 9, 3, 5),
        ]  # fmt: skip
        assert found[0].unit_cost == Decimal("3.4")
        assert not any(map(reporting.is_open, found))
        days = [(at - NOW).days for at in reporting.whole_readings(session, portal.id, NOW, NOW + timedelta(days=4))]
        assert days == [1, 3]


def test_companies_that_were_mapped_since(database: Database, portal: Portal) -> None:
    def link(name: str, company: int, at: datetime) -> None:
        key = CustomerKey("Duo", name)
        with database.write() as session:
            mappings.set_customers(session, [CustomerMapping(key, name, company)], Author("test", at))

    link("acme", 1, NOW)
    link("beta", 2, NOW + timedelta(hours=2))
    link("acme-2", 1, NOW + timedelta(hours=2))
    with database.session() as session:
        assert reporting.companies_mapped_after(session, NOW + timedelta(hours=1)) == {2}
