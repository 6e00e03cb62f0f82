"""Consumption and charges as they are stored, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from core.domain.charges.keys import key_of
from core.domain.charges.plan import ChargeChange, ChargeChangeKind, ChargePlan, ChargeReversal, ChargeRow, ChargeValues
from core.domain.charges.settings import ChargeOverride, ChargeSettings
from core.domain.consumption import ConsumptionKind, ConsumptionLine, ConsumptionReading
from core.domain.finding import Finding, FindingKind
from core.domain.paging import PageQuery
from core.domain.plan import ChangeStatus
from core.domain.policy import Mode
from core.domain.text import T
from core.domain.usage import Origin
from core.store import charge_shown, charges, consumption, mappings, portals
from core.store.charges import Booking, VerifiedCharge
from core.store.db import Database
from core.store.portals import Portal
from tests.store.conftest import NOW

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
LINE = ConsumptionLine(
    customer_id="c1", customer="Acme", resource_key="vm", resource="ERP", amount=Decimal("0.0593311007296123"), currency="EUR",
    period_start=OCTOBER[0], period_end=OCTOBER[1], kind=ConsumptionKind.USAGE, price=Decimal("1.2E-05"),
    quantity=Decimal("3.870968"), unit="1 GB/Month", dimensions={"tag:env": "Zürich", "resource_group": "rg"},
    origin=Origin("part_1.csv", "row 3", 24),
)  # fmt: skip
KEY = key_of("Azure", "c1", OCTOBER[0], 7001, "usage|bundled|")
VALUES = ChargeValues(
    name="Azure", description="d", day=OCTOBER[1], price=Decimal("335.30"), cost=Decimal("300"), billing_code_id=4
)


def reading(*lines: ConsumptionLine, **more: object) -> ConsumptionReading:
    values: dict[str, object] = {
        "portal": "Azure", "taken_at": NOW, "period_start": OCTOBER[0], "period_end": OCTOBER[1], "lines": lines,
    }  # fmt: skip
    return ConsumptionReading(**(values | more))  # type: ignore[arg-type]


def portal(database: Database, name: str = "Azure") -> int:
    with database.write() as session:
        return portals.save(session, Portal(name=name, connector="azure_export", mode=Mode.REVIEW), NOW).id


def test_s1_62_amounts_come_back_exactly(database: Database) -> None:
    number = portal(database)
    with database.write() as session:
        consumption.record(session, number, reading(LINE, total=LINE.amount), files=["uploads/1/a.csv"])
    with database.session() as session:
        [stored] = consumption.current(session)
        assert stored.lines == (LINE,)
        assert (stored.period_start, stored.period_end, stored.taken_at) == (*OCTOBER, NOW)
        assert consumption.files_of(session, {stored.reading_id}) == ["uploads/1/a.csv"]
        assert [one.customer for one in mappings.pending_customers(session, "Azure")] == ["Acme"]


def test_m15_the_same_reading_is_kept_once_and_a_later_one_replaces_only_its_customers(database: Database) -> None:
    number = portal(database)
    other = replace(LINE, customer_id="c2", customer="Other")
    with database.write() as session:
        first = consumption.record(session, number, reading(LINE, other))
        again = consumption.record(session, number, reading(LINE, other, taken_at=NOW + timedelta(days=1)))
        assert (first.known, again.known, again.reading_ids) == (False, True, first.reading_ids)
        consumption.record(session, number, reading(replace(LINE, amount=Decimal(2))))
        assert consumption.count(session) == 2
        found = {one.customer_id: one.lines[0].amount for one in consumption.current(session)}
        assert found == {"c1": Decimal(2), "c2": LINE.amount}
        back = consumption.record(session, number, reading(LINE, other))
        assert not back.known
        assert {one.lines[0].amount for one in consumption.current(session)} == {LINE.amount}


def test_m2_an_incomplete_reading_is_kept_and_does_not_count(database: Database) -> None:
    number = portal(database)
    with database.write() as session:
        consumption.record(session, number, reading(LINE))
        consumption.record(session, number, reading(replace(LINE, amount=Decimal(9)), complete=False))
        assert [one.lines[0].amount for one in consumption.current(session)] == [LINE.amount]
        assert len(consumption.readings(session, number)) == 2


def test_a_reading_of_several_months_counts_month_by_month(database: Database) -> None:
    number = portal(database)
    november = replace(LINE, period_start=date(2026, 11, 1), period_end=date(2026, 11, 30))
    with database.write() as session:
        consumption.record(session, number, reading(LINE, november, period_end=date(2026, 11, 30)))
        assert consumption.periods(session) == [date(2026, 11, 1), OCTOBER[0]]
        assert [len(one.lines) for one in consumption.current(session)] == [1, 1]


def test_s3_19_settings_charges_and_reversals_come_back(database: Database) -> None:
    number = portal(database)
    settings = ChargeSettings(
        billing_code_id=4,
        percent=Decimal("12.5"),
        pricing="markup",
        overrides=(ChargeOverride(customer_id="c1", contract_id=7),),
    )
    known = VerifiedCharge(KEY, number, "c1", 7001, OCTOBER[0], 2**40, Decimal("335.30"), "charge-1", None)
    with database.write() as session:
        charges.save_settings(session, number, "Azure", settings, NOW)
        charges.save_settings(session, number, "Azure CSP", settings, NOW)
        assert charges.all_settings(session)[number].identity == "Azure"
        assert charges.all_settings(session)[number].settings == settings
        charges.remember(session, [known, replace(known, key=KEY._replace(number=1), price=Decimal(-5))], NOW)
        assert {one.price for one in charges.known_charges(session, OCTOBER[0])[KEY.base]} == {
            Decimal("335.3"),
            Decimal(-5),
        }
        assert charges.totals_by_period(session, OCTOBER[0]) == {(number, "c1", OCTOBER[0]): Decimal("330.3")}
        charges.forget(session, [KEY])
        assert charges.charge_ids(session, OCTOBER[0]) == {2**40}
        wanted = {KEY.base: ChargeReversal(Decimal(2), Decimal(1))}
        charges.propose_reversals(session, 1, wanted, "jan", NOW)
        assert charges.reversals(session) == wanted
        charges.drop_reversals(session, [KEY.base])
        assert charges.reversals(session) == {}
        charges.note_refused(session, {"charge-1": T("No {x}", x=1)}, NOW)
        assert str(charges.refused(session)["charge-1"]) == "No 1"


def test_s3_06_what_can_be_booked_on_is_replaced_as_a_whole(database: Database) -> None:
    with database.write() as session:
        charges.save_bookings(session, [Booking("billing_code", 1, "A"), Booking("product", 1, "B", "sku")])
        charges.save_bookings(session, [Booking("product", 1, "B", "sku")])
        assert charges.bookings(session) == [Booking("product", 1, "B", "sku")]


def test_s1_69_a_plan_is_shown_in_slices_with_totals(database: Database) -> None:
    change = ChargeChange(
        kind=ChargeChangeKind.CREATE, portal="Azure", customer_id="c1", customer="Acme", company_id=1, contract_id=7001,
        period_start=OCTOBER[0], period_end=OCTOBER[1], key=KEY, title="Azure", status=ChangeStatus.HELD, reason=T("r"),
        after=VALUES, total=Decimal("335.30"), holds=(T("h {n}", n=Decimal(1)),), lines=(LINE,),
    )  # fmt: skip
    row = ChargeRow(
        portal="Azure", customer_id="c1", customer="Acme", company_id=1, contract_id=7001, period_start=OCTOBER[0],
        period_end=OCTOBER[1], key=KEY.base, title="Azure", name="Azure", description="d", currency="EUR", cost=Decimal(300),
        price=Decimal("335.30"), in_autotask=Decimal(0), billed=Decimal(0), charge_ids=(), lines=(LINE,),
    )  # fmt: skip
    other = replace(row, key=KEY.base.replace("CB", "CB"), portal="Azure")
    finding = Finding(kind=FindingKind.HELD, key="k", message=T("m"), portal="Azure")
    with database.write() as session:
        charges.save_plan(session, ChargePlan(changes=(change,), findings=(finding,), rows=(other,)))
        charges.save_plan(session, ChargePlan(changes=(change,), findings=(finding,), rows=(other,)))
        assert charges.changes(session) == [change]
        assert charges.with_lanes(session, [change.id]) == [change]
        assert charges.findings(session) == [finding]
        page = charges.page_shown(session, PageQuery(text="acme", status="held", portal="Azure"), period=OCTOBER[0])
        assert (page.total, page.rows[0].price) == (1, Decimal("335.3"))
        [total] = charges.totals_shown(session, PageQuery())
        assert (total.currency, Decimal(total.price), total.charges) == ("EUR", Decimal("335.3"), 1)
        charges.set_status(session, [change], ChangeStatus.APPROVED)
        assert charges.changes(session, ids=[change.id])[0].status is ChangeStatus.APPROVED
        assert charges.page_shown(session, PageQuery(status="approved")).total == 1
        assert charges.page_shown(session, PageQuery(text="nobody")).total == 0


def shown_row(number: int, company: int, price: str, **more: object) -> ChargeRow:
    values: dict[str, object] = {
        "portal": "Azure", "customer_id": f"c{company}", "customer": "Acme", "company_id": company, "contract_id": 7001,
        "period_start": OCTOBER[0], "period_end": OCTOBER[1], "key": key_of("Azure", "c1", OCTOBER[0], 7001, str(number)).base,
        "title": "Azure", "name": f"Azure {number}", "description": "d", "currency": "EUR", "cost": Decimal(price) - 1,
        "price": Decimal(price), "in_autotask": Decimal("0.10"), "billed": Decimal(0), "charge_ids": (), "lines": (LINE,),
    }  # fmt: skip
    return ChargeRow(**(values | more))  # type: ignore[arg-type]


def test_m12_sums_of_many_charges_are_exact_and_no_currency_is_added_to_another(database: Database) -> None:
    rows = [shown_row(number, number % 3, "0.10") for number in range(30)]
    rows += [shown_row(99, 1, "5.00", currency="USD")]
    every = PageQuery()
    with database.write() as session:
        charges.save_plan(session, ChargePlan(rows=tuple(rows)))
        euro, dollar = charge_shown.sums(session, every, OCTOBER[0])
        assert (euro.currency, euro.price, euro.cost, euro.in_autotask, euro.charges, euro.companies) == (
            "EUR", Decimal(3), Decimal(-27), Decimal(3), 30, 3,
        )  # fmt: skip
        assert (dollar.price, dollar.charges) == (Decimal(5), 1)
        page = charge_shown.page_companies(session, PageQuery(limit=2, sort="price", descending=True))
        assert page.total == 4
        assert [(one.currency, one.price) for one in page.rows] == [("USD", Decimal(5)), ("EUR", Decimal(1))]
        assert charge_shown.by_status(session) == {"right": 31}
        assert charge_shown.cost_by_customer(session, OCTOBER[0])["Azure", "c0"] == Decimal(-9)


def test_what_goes_is_shown_too_and_leads_to_its_change(database: Database) -> None:
    gone = ChargeChange(
        kind=ChargeChangeKind.WITHDRAW, portal="Azure", customer_id="c1", customer="Acme", company_id=1, contract_id=7001,
        period_start=OCTOBER[0], period_end=OCTOBER[1], key=KEY, title="Azure", status=ChangeStatus.NEEDS_APPROVAL,
        reason=T("r"), charge_id=5, before=VALUES,
    )  # fmt: skip
    with database.write() as session:
        charges.save_plan(session, ChargePlan(changes=(gone,), rows=(shown_row(1, 1, "2.00"),)))
        waiting = PageQuery(status="needs_approval")
        assert charge_shown.change_ids(session, waiting, OCTOBER[0]) == [gone.id]
        [row] = charges.page_shown(session, waiting).rows
        assert (row.price, row.data["in_autotask"], row.data["kind"]) == (0, "335.30", "withdraw")
        assert [(one.price, one.in_autotask) for one in charge_shown.sums(session, waiting)] == [(0, Decimal("335.30"))]


def test_the_customers_of_a_portal_its_last_reading_and_an_example(database: Database) -> None:
    number = portal(database)
    other = replace(LINE, customer_id="c2", customer="Other")
    with database.write() as session:
        assert consumption.example(session, number) is None
        assert consumption.last_readings(session) == {}
        consumption.record(session, number, reading(LINE, other, replace(other, resource_key="two")))
        assert consumption.last_readings(session) == {number: (NOW, 3)}
        assert consumption.customers(session, number) == [("c1", "Acme"), ("c2", "Other")]
        most = consumption.example(session, number)
        assert most is not None
        assert (most.customer_id, len(most.lines)) == ("c2", 2)
        assert {row.amount for row in consumption.amounts(session, OCTOBER[0])} == {str(LINE.amount)}
