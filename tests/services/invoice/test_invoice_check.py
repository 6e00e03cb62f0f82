"""The vendor's invoice beside own records and Autotask, over real HTTP against the sandbox (S1-78, S1-79)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import openpyxl
import pytest

from core.domain.errors import AccessDenied, InputError, SettingsError
from core.domain.invoice.model import EVERYBODY, CheckSettings, Count, Period, Place, State, Why
from core.reporting import Form
from core.services import invoice_check as checks
from core.services.access import SYSTEM, Actor, Role
from core.services.paging import PageQuery
from core.store import audit, history, reporting
from tests.services.money.world import SandboxData, World, reading

OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31))
NEAR = {"product": "Product", "quantity": "Quantity", "amount": "Amount", "currency": "Currency"}
EACH = {**NEAR, "customer": "Customer"}
VIEWER = Actor(9, "Vera", Role.VIEWER)
OPERATOR = Actor(8, "Otto", Role.OPERATOR)
Make = Callable[..., World]


def read(world: World, when: datetime, used: dict[tuple[str, str], int], **more: object) -> None:
    lines = reading("Microsoft 365", when, used).lines
    with world.database.write() as session:
        from dataclasses import replace

        from core.store import portals

        portal = portals.by_name(session, "Microsoft 365")
        assert portal is not None
        told = tuple(replace(line, unit_cost=Decimal("3.40"), currency="EUR") for line in lines)
        whole = replace(reading("Microsoft 365", when, {}), lines=told)
        history.record_reading(session, portal.id, whole)


@pytest.fixture
def seeds(make_world: Make, data: SandboxData) -> World:
    """347 mailboxes until 14 October, 340 from then on; both customers are billed for theirs in Autotask."""
    companies = [data.company("Acme B.V."), data.company("Beta B.V.")]
    service = data.service("Exchange Online", 5.0, 3.4)
    for company, units in zip(companies, (300, 40), strict=True):
        data.line(data.contract(company, start=date(2026, 1, 1)), service, units)
    world = make_world(data)
    world.portal("Microsoft 365")
    for day in (1, 4, 7, 10, 13, 14, 17, 20, 23, 26, 29, 31):
        beta = 47 if day < 14 else 40
        read(world, datetime(2026, 10, day, 2, tzinfo=UTC), {("Acme", "Exchange Online"): 300, ("Beta", "Exchange Online"): beta})  # fmt: skip
    world.says({("Acme", "Exchange Online"): 300, ("Beta", "Exchange Online"): 40}, "Microsoft 365")
    world.map(dict(zip(("Acme", "Beta"), companies, strict=True)), {"Exchange Online": service}, "Microsoft 365")
    world.sync(apply=False)
    return world


def invoice(*rows: tuple[object, ...], customer: bool = False) -> bytes:
    head = ["Customer"] * customer + ["Product", "Quantity", "Amount", "Currency"]
    return "\n".join(",".join(map(str, row)) for row in [head, *rows]).encode()


def checked(world: World, data: bytes, columns: dict[str, str] = NEAR, **more: object) -> checks.InvoiceCheck:
    return checks.check_invoice(
        world.ctx, OPERATOR, "Microsoft 365", data, "invoice.csv", columns=columns, period=OCTOBER, **more
    )


def test_s1_78_s1_79_the_invoices_340_beside_own_records_and_the_day_on_which_they_parted(seeds: World) -> None:
    [row] = checked(seeds, invoice(("Exchange Online", 340, "1156.00", "EUR"))).rows
    assert (row.invoice, row.own, row.autotask) == (340, 347, 340)
    assert row.state is State.DIFFERENT
    assert (row.difference, row.autotask_difference) == (-7, -7)
    assert row.explanation.why is Why.ANOTHER_DAY
    assert row.explanation.first == date(2026, 10, 14)
    assert [(move.day, move.customer, move.change) for move in row.explanation.moves] == [
        (date(2026, 10, 14), "Beta", -7)
    ]
    told = [str(text) for text in row.explanation.texts]
    assert told[:2] == [
        "Own records have 340 from 2026-10-14 to 2026-11-20, and 347 on 2026-10-01.",
        "7 removed on 2026-10-14 (Beta).",
    ]
    assert (row.invoice_amount, row.own_amount, row.money_difference) == (
        Decimal("1156.00"), Decimal("1179.80"), Decimal("-23.80"),
    )  # fmt: skip
    assert (row.by_units, row.by_price) == (Decimal("-23.80"), 0)


def test_counted_on_the_last_day_the_same_invoice_is_right(seeds: World) -> None:
    made = checked(seeds, invoice(("Exchange Online", 340, "1156.00", "EUR")), check=CheckSettings(count=Count.END))
    assert made.rows[0].state is State.EQUAL
    assert made.state == "settled"
    assert made.totals.own_amount == Decimal("1156.00")


@pytest.mark.parametrize(
    ("settings", "units", "own"),
    [
        (CheckSettings(count=Count.DAY, day=14), 340, 340),
        (CheckSettings(count=Count.DAY, day=13), 347, 347),
        (CheckSettings(count=Count.MAXIMUM), 347, 347),
        (CheckSettings(count=Count.AVERAGE), "342.94", Decimal("342.94")),
    ],
)
def test_each_way_of_counting(seeds: World, settings: CheckSettings, units: object, own: Decimal) -> None:
    [row] = checked(seeds, invoice(("Exchange Online", units, "", "EUR")), check=settings).rows
    assert row.own == own
    assert row.explanation.why is Why.EQUAL


def test_per_customer_each_has_its_own_row_and_only_the_wrong_one_is_open(seeds: World) -> None:
    data = invoice(("Acme", "Exchange Online", 300, "1020.00", "EUR"), ("Beta", "exchange online", 40, "136", "EUR"),
                   ("Gamma", "Exchange Online", 5, "17", "EUR"), customer=True)  # fmt: skip
    rows = {row.customer: row for row in checked(seeds, data, EACH).rows}
    assert rows["Acme"].state is State.EQUAL
    assert (rows["Beta"].own, rows["Beta"].autotask, rows["Beta"].difference) == (47, 40, -7)
    assert rows["Gamma"].explanation.why is Why.ONLY_INVOICE
    assert rows["Gamma"].difference == 5
    assert rows["Gamma"].own is None


def test_what_was_used_and_is_not_on_the_invoice_is_a_row(seeds: World) -> None:
    data = invoice(("Acme", "Exchange Online", 300, "1020.00", "EUR"), customer=True)
    rows = {row.customer: row for row in checked(seeds, data, EACH).rows}
    assert rows["Beta"].explanation.why is Why.ONLY_OWN
    assert (rows["Beta"].invoice, rows["Beta"].difference) == (None, -47)


def test_m2_before_the_first_reading_nothing_is_known_rather_than_zero(seeds: World) -> None:
    september = Period(date(2026, 9, 1), date(2026, 9, 30))
    made = checks.check_invoice(
        seeds.ctx, OPERATOR, "Microsoft 365", invoice(("Exchange Online", 347, "", "EUR"), ("Visio", 2, "", "EUR")),
        "september.csv", columns=NEAR, period=september,
    )  # fmt: skip
    rows = {row.product: row for row in made.rows}
    assert [(row.own, row.state, row.explanation.why) for row in rows.values()] == [
        (None, State.UNKNOWN, Why.NOT_KNOWN)
    ] * 2
    assert made.totals.own is None


def test_m2_autotask_that_cannot_be_asked_is_not_known_and_it_is_said(seeds: World) -> None:
    seeds.server.stop()
    made = checked(seeds, invoice(("Exchange Online", 340, "1156.00", "EUR")))
    assert made.rows[0].autotask is None
    assert not made.autotask_known
    assert any("Autotask could not be asked" in str(text) for text in made.notes)


def test_days_without_a_reading_are_told(seeds: World) -> None:
    made = checks.preview_invoice(
        seeds.ctx, OPERATOR, "Microsoft 365", invoice(("Exchange Online", 340, "", "EUR")), "november.csv",
        columns=NEAR, period=Period(date(2026, 11, 1), date(2026, 11, 30)), check=CheckSettings(day=1),
    )  # fmt: skip
    assert [str(text) for text in made.notes] == [
        "Products of the invoice without an amount that can be read: 1.",
        "Microsoft 365 was not read from 2026-11-01 to 2026-11-19: its last known numbers count.",
    ]


def test_a_tolerance_lets_small_differences_pass(seeds: World) -> None:
    settings = CheckSettings(tolerance_units=Decimal(7), tolerance_amount=Decimal(25))
    [row] = checked(seeds, invoice(("Exchange Online", 340, "1156.00", "EUR")), check=settings).rows
    assert row.state is State.TOLERATED


def test_a_dearer_price_is_a_difference_of_its_own(seeds: World) -> None:
    [row] = checked(
        seeds, invoice(("Exchange Online", 340, "1224.00", "EUR")), check=CheckSettings(count=Count.END)
    ).rows
    assert (row.difference, row.money_difference, row.by_units, row.by_price) == (0, 68, 0, 68)
    assert row.state is State.DIFFERENT


def test_a_mute_holds_until_the_difference_changes(seeds: World) -> None:
    first = checked(seeds, invoice(("Exchange Online", 340, "1156.00", "EUR")))
    assert first.id is not None
    place = Place(EVERYBODY, "Exchange Online")
    muted = checks.mute_difference(seeds.ctx, OPERATOR, first.id, place, "Credited next month")
    assert muted.rows[0].state is State.MUTED
    assert muted.state == "settled"
    [head] = checks.list_checks(seeds.ctx, VIEWER, PageQuery(status="settled")).rows
    assert head.id == first.id
    again = checked(seeds, invoice(("Exchange Online", 340, "1156.00", "EUR")))
    assert again.rows[0].state is State.MUTED
    other = checked(seeds, invoice(("Exchange Online", 339, "1152.60", "EUR")))
    assert other.rows[0].state is State.DIFFERENT
    back = checks.unmute_difference(seeds.ctx, OPERATOR, first.id, place)
    assert back.rows[0].state is State.DIFFERENT
    with seeds.database.session() as session:
        events = [entry.event for entry in audit.export(session)]
    assert events.count("invoice.muted") == events.count("invoice.unmuted") == 1


def test_a_check_is_kept_as_evidence(seeds: World) -> None:
    data = invoice(("Exchange Online", 340, "1156.00", "EUR"))
    made = checked(seeds, data)
    assert made.id is not None
    kept = checks.get_check(seeds.ctx, VIEWER, made.id)
    assert kept == made
    with seeds.database.session() as session:
        stored = reporting.get_check(session, made.id)
        entry = next(entry for entry in audit.export(session) if entry.event == "invoice.checked")
    assert stored is not None
    assert (seeds.home / stored.stored_path).read_bytes() == data
    assert made.sha256 in entry.after
    assert made.digest in entry.after
    assert entry.actor == "Otto"


def test_columns_and_the_way_of_counting_are_remembered_per_vendor(seeds: World) -> None:
    checked(seeds, invoice(("Exchange Online", 340, "1156.00", "EUR")), check=CheckSettings(count=Count.END))
    known = checks.invoice_settings(seeds.ctx, VIEWER, "Microsoft 365")
    assert known.columns["product"] == "Product"
    assert "customer" not in known.columns
    next_one = checks.preview_invoice(
        seeds.ctx,
        OPERATOR,
        "Microsoft 365",
        invoice(("Exchange Online", 340, "1156.00", "EUR")),
        "next.csv",
        period=OCTOBER,
    )
    assert next_one.rows[0].state is State.EQUAL
    assert checks.list_checks(seeds.ctx, VIEWER, PageQuery()).total == 1


def test_names_of_the_invoice_that_the_portal_does_not_know_are_mapped_once(seeds: World) -> None:
    settings = CheckSettings(count=Count.END, products={"EXO P1": "Exchange Online"})
    [row] = checked(seeds, invoice(("EXO P1", 340, "1156.00", "EUR")), check=settings).rows
    assert (row.product, row.state) == ("Exchange Online", State.EQUAL)


def test_the_same_numbers_in_every_format(seeds: World) -> None:
    made = checked(seeds, invoice(("Exchange Online", 340, "1156.00", "EUR")))
    assert made.id is not None
    rows = list(
        csv.DictReader(
            io.StringIO(checks.export_check(seeds.ctx, VIEWER, made.id, Form.CSV).content.decode("utf-8-sig"))
        )
    )
    assert (rows[0]["invoice"], rows[0]["own"], rows[0]["autotask"], rows[0]["state"]) == (
        "340",
        "347",
        "340",
        "different",
    )
    document = json.loads(checks.export_check(seeds.ctx, VIEWER, made.id, Form.JSON).content)
    assert document["rows"][0]["difference"] == -7
    book = openpyxl.load_workbook(io.BytesIO(checks.export_check(seeds.ctx, VIEWER, made.id, Form.XLSX).content))
    assert any(347 in row for row in book.worksheets[0].iter_rows(values_only=True))
    assert checks.export_check(seeds.ctx, VIEWER, made.id, Form.PDF).content.startswith(b"%PDF")


def test_half_an_invoice_is_refused(seeds: World) -> None:
    with pytest.raises(InputError):
        checked(seeds, invoice(("Exchange Online", "many", "1156.00", "EUR")))
    with pytest.raises(InputError, match="chosen"):
        checks.preview_invoice(seeds.ctx, OPERATOR, "Microsoft 365", b"a,b\n1,2", "x.csv")
    with pytest.raises(SettingsError):
        checks.save_invoice_settings(seeds.ctx, OPERATOR, "Microsoft 365", {"product": "Product"}, CheckSettings())
    assert checks.list_checks(seeds.ctx, VIEWER, PageQuery()).total == 0


def test_viewers_look_and_operators_check(seeds: World) -> None:
    with pytest.raises(AccessDenied):
        checks.preview_invoice(seeds.ctx, VIEWER, "Microsoft 365", b"", "x.csv")
    with pytest.raises(AccessDenied):
        checks.save_invoice_settings(seeds.ctx, VIEWER, "Microsoft 365", NEAR, CheckSettings())
    with pytest.raises(AccessDenied):
        checks.mute_difference(seeds.ctx, VIEWER, 1, Place("", ""), "x")
    made = checked(seeds, invoice(("Exchange Online", 347, "1179.80", "EUR")))
    assert made.id is not None
    with pytest.raises(InputError, match="why"):
        checks.mute_difference(seeds.ctx, OPERATOR, made.id, Place(EVERYBODY, "Exchange Online"), " ")
    with pytest.raises(InputError, match="no such"):
        checks.get_check(seeds.ctx, SYSTEM, 12345)


def test_a_reconciliation_file_of_partner_center_needs_no_columns(seeds: World) -> None:
    """25 seats and 3 added halfway: 28 at most, 495,60 before tax."""
    from tests.files.test_consumption import LICENCES, RECON, ZON

    lines = [RECON, *([row.get(name, "") for name in RECON] for row in LICENCES)]
    data = "\n".join(",".join(cells) for cells in lines).encode()
    made = checks.preview_invoice(seeds.ctx, OPERATOR, "Microsoft 365", data, "recon.csv")
    rows = {row.place: row for row in made.rows}
    row = rows[Place(ZON, "pc:CFQ7TTC0LCHC:0002")]
    assert (row.invoice, row.invoice_amount, row.currency) == (28, Decimal("495.60"), "EUR")
    assert made.period == Period(date(2026, 1, 1), date(2026, 1, 31))
    assert row.explanation.why is Why.NOT_KNOWN
