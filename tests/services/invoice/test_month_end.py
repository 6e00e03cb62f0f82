"""The end of a month against the sandbox over real HTTP: gates, the next invoice, signing, evidence that can be verified."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.autotask.sandbox.posting import post_period
from core.domain.contract import LineKind, LineRef
from core.domain.errors import AccessDenied, InputError
from core.domain.invoice.model import CheckSettings
from core.domain.leakage import Direction, LeakKind
from core.domain.month_end import GateName, NextKind
from core.domain.ports import Adjustment
from core.reporting import Form
from core.services import invoice_check as checks
from core.services import leakage, margin, reports
from core.services import month_end as closing
from core.services.access import Actor, Role
from core.services.directory import refresh
from core.services.month_end_model import MonthEnd
from core.store import audit, directory, ledger, reporting
from core.store.audit import AuditFilter
from tests.services.charges.world import brings, charging, example
from tests.services.money.world import SandboxData, SandboxSwitches, World

VIEWER = Actor(9, "Vera", Role.VIEWER)
OPERATOR = Actor(8, "Otto", Role.OPERATOR)
NOVEMBER, OCTOBER = date(2026, 11, 1), date(2026, 10, 1)
Make = Callable[..., World]


@pytest.fixture
def acme(make_world: Make, data: SandboxData) -> World:
    """Acme: 10 MFA at 2.50 all month; Beta: 4 on a yearly contract that begins on 15 November."""
    service = data.service("MFA per user", 2.5, 2.0)
    first, second = data.company("Acme B.V."), data.company("Beta B.V.")
    data.line(data.contract(first, "Managed"), service, 10)
    data.line(data.contract(second, "Yearly", start=date(2025, 11, 15), end=date(2028, 11, 14), period=5), service, 4,
              price=30.0)  # fmt: skip
    world = make_world(data)
    world.portal()
    world.says({("Acme", "mfa"): 10, ("Beta", "mfa"): 4})
    world.map({"Acme": first, "Beta": second}, {"mfa": service})
    world.sync()
    return world


def shown(world: World, month: date = NOVEMBER) -> MonthEnd:
    return closing.month_end(world.ctx, VIEWER, month)


def gate(found: MonthEnd, name: GateName) -> int | None:
    return next(one.count for one in found.gates if one.name is name)


def test_the_next_invoice_holds_whole_periods_and_prorated_parts(acme: World) -> None:
    acme.says({("Acme", "mfa"): 16, ("Beta", "mfa"): 4})
    acme.sync()
    found = shown(acme)
    lines = {(one.company, one.kind, one.first): one for one in found.lines}
    before = lines["Acme B.V.", NextKind.PART, date(2026, 11, 1)]
    after = lines["Acme B.V.", NextKind.PART, date(2026, 11, 20)]
    yearly = lines["Beta B.V.", NextKind.PERIOD, date(2026, 11, 15)]
    assert (before.units, before.days, before.amount) == (10, 19, Decimal("15.83"))
    assert (after.units, after.days, after.amount) == (16, 11, Decimal("14.67"))
    assert (yearly.amount, yearly.last) == (Decimal("120.00"), date(2027, 11, 14))
    assert found.to_bill == Decimal("150.50")
    assert [one.company for one in found.companies] == ["Acme B.V.", "Beta B.V."]
    assert found.open_gates == 0


def test_m8_posted_periods_are_apart_and_posting_is_no_change_of_what_was_signed(acme: World) -> None:
    signed = closing.sign_off(acme.ctx, OPERATOR, NOVEMBER, shown(acme).digest)
    assert signed.to_bill == Decimal("145.00")
    post_period(acme.server.sandbox.state, "2026-11-30")
    found = shown(acme)
    assert (found.to_bill, found.posted, found.changed) == (0, Decimal("145.00"), ())


def billed(world: World, *, posted: bool) -> Decimal:
    """What the sandbox's own billing items of November come to (reference §8.10)."""
    items = world.server.sandbox.state.tables["BillingItems"].rows.values()
    mine = [item for item in items if item["itemDate"][:7] == "2026-11" and bool(item.get("postedDate")) is posted]
    return sum((Decimal(str(item["extendedPrice"])) for item in mine), Decimal(0))


def test_the_next_invoice_is_what_autotask_then_posts(acme: World) -> None:
    acme.says({("Acme", "mfa"): 16, ("Beta", "mfa"): 3})
    acme.sync()
    found = shown(acme)
    post_period(acme.server.sandbox.state, "2026-11-30")
    assert found.to_bill == billed(acme, posted=True)
    assert shown(acme).posted == found.to_bill


def test_m8_a_change_inside_a_posted_period_is_the_item_that_autotask_adds(make_world: Make, data: SandboxData) -> None:
    line = data.line(data.contract(data.company("Acme B.V.")), data.service("MFA per user", 2.5, 2.0), 10)
    world = make_world(data, SandboxSwitches(posted_split_stamped=False))
    world.portal()
    world.says({("Acme", "mfa"): 10})
    world.map({"Acme": 1001}, {"mfa": 301})
    world.sync()
    post_period(world.server.sandbox.state, "2026-11-30")
    with contextlib.closing(world.autotask()) as target:
        target.adjust(Adjustment(7001, LineRef(LineKind.SERVICE, line), date(2026, 11, 16), 4))
    found = shown(world)
    assert (found.posted, found.to_bill) == (Decimal("25.00"), Decimal("5.00"))
    assert found.to_bill == billed(world, posted=False)


def test_a_change_after_signing_is_shown(acme: World) -> None:
    closing.sign_off(acme.ctx, OPERATOR, NOVEMBER, shown(acme).digest)
    acme.says({("Acme", "mfa"): 16, ("Beta", "mfa"): 4})
    acme.sync()
    [one] = shown(acme).changed
    assert (one.company, one.signed, one.now) == ("Acme B.V.", Decimal("25.00"), Decimal("30.50"))


def test_a_glance_is_shared_until_somebody_asks_again_and_signing_always_asks(acme: World) -> None:
    before = closing.glance(acme.ctx, VIEWER, NOVEMBER)
    assert before == shown(acme)
    with contextlib.closing(acme.autotask()) as target:
        [line] = [one for one in target.lines() if one.unit_price == Decimal("2.5")]
        target.adjust(Adjustment(line.contract_id, line.ref, date(2026, 11, 1), 2))
    acme.server.sandbox.clear_requests()
    assert closing.glance(acme.ctx, OPERATOR, NOVEMBER).to_bill == before.to_bill
    assert acme.server.sandbox.request_counts() == {}
    with pytest.raises(InputError, match="changed"):
        closing.sign_off(acme.ctx, OPERATOR, NOVEMBER, before.digest)
    closing.ask_again(acme.ctx, NOVEMBER)
    assert closing.glance(acme.ctx, VIEWER, NOVEMBER).digest == shown(acme).digest


def test_the_same_signature_again_is_none_and_another_one_is(acme: World) -> None:
    """The answer was lost, or somebody clicked twice."""
    first = closing.sign_off(acme.ctx, OPERATOR, NOVEMBER, shown(acme).digest)
    assert closing.sign_off(acme.ctx, OPERATOR, NOVEMBER, shown(acme).digest) == first
    other = closing.sign_off(acme.ctx, OPERATOR, NOVEMBER, shown(acme).digest, "looked at it with Anna")
    assert other.id != first.id
    with acme.database.session() as session:
        assert len(audit.page(session, AuditFilter(event="month.signed", limit=9)).rows) == 2


def test_nobody_signs_while_something_is_written_or_uncertain(acme: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers are those that Autotask had at the position of the ledger that stands in the evidence."""
    asked = closing.contracts_between

    def meanwhile(*values: Any, **named: Any) -> Any:
        found = asked(*values, **named)
        acme.database.run(lambda session: ledger.append(session, acme.clock.now(), facts))
        return found

    digest = shown(acme).digest
    facts = [ledger.Fact(event=ledger.Event.REVERSED, run_id=1)]
    monkeypatch.setattr(closing, "contracts_between", meanwhile)
    with pytest.raises(InputError, match="being written"):
        closing.sign_off(acme.ctx, OPERATOR, NOVEMBER, digest)
    monkeypatch.setattr(closing, "contracts_between", asked)
    assert closing.sign_off(acme.ctx, OPERATOR, NOVEMBER, digest)


def test_signing_is_for_what_was_shown_by_an_operator_and_audited(acme: World) -> None:
    found = shown(acme)
    with pytest.raises(AccessDenied):
        closing.sign_off(acme.ctx, VIEWER, NOVEMBER, found.digest)
    with pytest.raises(InputError, match="changed"):
        closing.sign_off(acme.ctx, OPERATOR, NOVEMBER, "another")
    closing.sign_off(acme.ctx, OPERATOR, NOVEMBER, found.digest)
    [one] = closing.months(acme.ctx, VIEWER)
    assert (one.month, one.person, one.to_bill) == (NOVEMBER, "Otto", Decimal("145.00"))
    with acme.database.session() as session:
        assert [entry.actor for entry in audit.export(session) if entry.event == "month.signed"] == ["Otto"]


def test_the_gates_count_what_is_open_and_an_open_one_needs_a_remark(acme: World) -> None:
    acme.says({("Acme", "mfa"): 9, ("Beta", "mfa"): 4, ("Stranger", "mfa"): 2})
    acme.sync(apply=False)
    found = shown(acme)
    assert (gate(found, GateName.UNMAPPED), gate(found, GateName.CHANGES), gate(found, GateName.DRIFT)) == (1, 1, 0)
    with pytest.raises(InputError, match="say why"):
        closing.sign_off(acme.ctx, OPERATOR, NOVEMBER, found.digest)
    assert closing.sign_off(acme.ctx, OPERATOR, NOVEMBER, found.digest, "Stranger is a trial").gates_open == 2


def test_applied_changes_are_not_open_any_more(acme: World) -> None:
    acme.says({("Acme", "mfa"): 12, ("Beta", "mfa"): 4})
    acme.sync()
    assert gate(shown(acme), GateName.CHANGES) == 0


def test_an_old_plan_is_said(acme: World) -> None:
    acme.clock.move(days=1)
    assert gate(shown(acme), GateName.PLAN) == 1


def test_m2_without_a_plan_nothing_is_settled(make_world: Make, data: SandboxData) -> None:
    found = shown(make_world(data))
    assert gate(found, GateName.UNMAPPED) is None
    assert found.open_gates >= 6


def test_invoices_of_vendors_that_are_checked_are_asked_for(acme: World) -> None:
    columns = {"product": "Product", "quantity": "Quantity"}
    assert gate(shown(acme), GateName.INVOICES) == 0
    checks.save_invoice_settings(acme.ctx, OPERATOR, "Duo", columns, CheckSettings(day=20))
    assert gate(shown(acme), GateName.INVOICES) == 1
    period = checks.Period(NOVEMBER, date(2026, 11, 30))
    made = checks.check_invoice(acme.ctx, OPERATOR, "Duo", b"Product,Quantity\nmfa,15", "duo.csv", period=period)
    assert (made.rows[0].own, gate(shown(acme), GateName.INVOICES)) == (14, 1)
    checks.check_invoice(acme.ctx, OPERATOR, "Duo", b"Product,Quantity\nmfa,14", "duo.csv", period=period)
    assert gate(shown(acme), GateName.INVOICES) == 0


def test_m2_when_autotask_does_not_answer_the_next_invoice_is_not_known(acme: World) -> None:
    digest = shown(acme).digest
    acme.server.stop()
    found = shown(acme)
    assert (found.live, found.to_bill, found.companies, found.digest) == (False, None, (), "")
    assert "could not be asked" in str(found.notes[0])
    with pytest.raises(InputError, match="answer"):
        closing.sign_off(acme.ctx, OPERATOR, NOVEMBER, digest)


def test_charges_of_the_month_planned_and_booked(make_world: Make, data: SandboxData) -> None:
    company = data.company("Acme B.V.")
    data.line(data.contract(company), data.service("MFA per user"), 1)
    world = make_world(data)
    charging(world, {"Acme": company})
    brings(world, example())
    world.sync(apply=False)
    found = shown(world, OCTOBER)
    planned = [one.amount for one in found.lines if one.kind is NextKind.PLANNED_CHARGE]
    assert sum(filter(None, planned)) == Decimal("335.30")
    assert gate(found, GateName.CHARGES) == len(planned)
    leaks = leakage.leakage(world.ctx, VIEWER)
    assert leaks.totals[Direction.LOST] == Decimal("335.30")
    world.sync()
    found = shown(world, OCTOBER)
    assert sum(one.amount or 0 for one in found.lines if one.kind is NextKind.CHARGE) == Decimal("335.30")
    assert gate(found, GateName.CHARGES) == 0
    assert leakage.leakage(world.ctx, VIEWER).totals[Direction.LOST] == 0


def test_m2_lines_without_a_price_are_said_and_need_a_remark(make_world: Make, data: SandboxData) -> None:
    company = data.company("Acme B.V.")
    data.line(data.contract(company), data.service("MFA per user"), 3, price=None, cost=None)
    world = make_world(data)
    world.portal()
    world.says({("Acme", "mfa"): 3})
    world.map({"Acme": company}, {"mfa": 301})
    world.sync()
    found = shown(world)
    assert (found.unknown, found.to_bill, found.open_gates) == (1, 0, 0)
    with pytest.raises(InputError, match="say why"):
        closing.sign_off(world.ctx, OPERATOR, NOVEMBER, found.digest)
    assert closing.sign_off(world.ctx, OPERATOR, NOVEMBER, found.digest, "free of charge").to_bill == 0


def tampered(pack: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(pack)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            new.writestr(entry.filename, change(data) if entry.filename == name else data)
    return out.getvalue()


def test_evidence_can_be_verified_later_and_shows_every_change(acme: World) -> None:
    with pytest.raises(InputError, match="Nobody signed"):
        closing.evidence(acme.ctx, VIEWER, NOVEMBER)
    closing.sign_off(acme.ctx, OPERATOR, NOVEMBER, shown(acme).digest, "All right")
    pack = closing.evidence(acme.ctx, VIEWER, NOVEMBER).content
    with zipfile.ZipFile(io.BytesIO(pack)) as files:
        names = files.namelist()
        numbers = json.loads(files.read("next-invoice-2026-11-30.json"))
    assert [name.rsplit(".", 1)[-1] for name in names] == ["pdf", "xlsx", "json", "json", "json"]
    assert numbers["rows"][-1]["amount"] == 145
    acme.clock.move(days=40)
    acme.says({("Acme", "mfa"): 30, ("Beta", "mfa"): 4})
    acme.sync()
    good = closing.verify_evidence(acme.ctx, VIEWER, pack)
    assert (good.ok, good.month, good.person) == (True, NOVEMBER, "Otto")
    report = closing.verify_evidence(acme.ctx, VIEWER, tampered(pack, names[0], lambda data: data + b" "))
    assert (report.ok, [str(text) for text in report.texts]) == (False, [f"{names[0]} was changed."])
    forged = tampered(pack, "numbers.json", lambda data: data.replace(b"145", b"144").replace(b'"25.00"', b'"24.00"'))
    assert not closing.verify_evidence(acme.ctx, VIEWER, forged).ok
    other = tampered(pack, "manifest.json", lambda data: data.replace(b'"position": ', b'"position": 1'))
    assert not closing.verify_evidence(acme.ctx, VIEWER, other).ok


@pytest.mark.parametrize("junk", [b"", b"no zip", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_pack_is_refused_in_words(acme: World, junk: bytes) -> None:
    with pytest.raises(InputError, match="no evidence pack"):
        closing.verify_evidence(acme.ctx, VIEWER, junk)


def test_a_pack_of_another_workspace_is_not_taken(acme: World, make_world: Make, data: SandboxData) -> None:
    closing.sign_off(acme.ctx, OPERATOR, NOVEMBER, shown(acme).digest)
    pack = closing.evidence(acme.ctx, VIEWER, NOVEMBER).content
    assert not closing.verify_evidence(make_world(data).ctx, VIEWER, pack).ok


def test_leakage_and_margin_of_what_autotask_bills_now(acme: World) -> None:
    acme.says({("Acme", "mfa"): 13})
    acme.sync(apply=False)
    found = leakage.leakage(acme.ctx, VIEWER)
    kinds = {leak.company: (leak.kind, leak.per_month) for leak in found.leaks}
    assert kinds == {
        "Acme B.V.": (LeakKind.TOO_FEW, Decimal("7.50")),
        "Beta B.V.": (LeakKind.CANCELLED, Decimal("10.00")),
    }
    assert (found.totals[Direction.LOST], found.totals[Direction.OVERBILLED]) == (Decimal("7.50"), Decimal("10.00"))
    made = margin.margin(acme.ctx, VIEWER)
    assert [(row.company, row.revenue, row.cost) for row in made.rows] == [
        ("Acme B.V.", Decimal("25.00"), Decimal("20.00")), ("Beta B.V.", Decimal("10.00"), Decimal("0.67")),
    ]  # fmt: skip
    one = leakage.leakage(acme.ctx, VIEWER, company_id=made.rows[0].company_id)
    assert [leak.company for leak in one.leaks] == ["Acme B.V."]


def test_every_report_in_every_format(acme: World) -> None:
    asked = reports.Asked(month=NOVEMBER)
    for name in ("leakage", "margin", "invoice", "next-invoice"):
        for form in (Form.CSV, Form.XLSX, Form.JSON):
            assert reports.export(acme.ctx, VIEWER, name, form, asked).content
    document = json.loads(reports.export(acme.ctx, VIEWER, "margin", Form.JSON, asked).content)
    assert document["rows"][-1]["margin"] == 14.33


def test_m2_before_autotask_was_read_nothing_leaks_and_it_is_said(make_world: Make, data: SandboxData) -> None:
    ctx = make_world(data).ctx
    found = leakage.leakage(ctx, VIEWER)
    assert (found.read_at, found.leaks) == (None, ())
    report = reports.build(ctx, VIEWER, "leakage")
    assert "never read" in str(report.notes[0])


def test_m2_after_another_address_of_autotask_nothing_leaks_before_its_lines_were_read(acme: World) -> None:
    """Companies, services and contracts are read for the pages at once, lines with the next run: what bills is not known."""
    with acme.database.write() as session:
        directory.clear(session)
    with contextlib.closing(acme.ctx.autotask()) as target:
        refresh(acme.ctx, target, ())
    found, made = leakage.leakage(acme.ctx, VIEWER), margin.margin(acme.ctx, VIEWER)
    assert (found.read_at, found.leaks, made.read_at) == (None, (), None)
    acme.sync(apply=False)
    assert leakage.leakage(acme.ctx, VIEWER).read_at is not None


def test_m2_a_company_that_was_mapped_since_the_last_reading_does_not_leak_yet(acme: World) -> None:
    acme.clock.move(minutes=5)
    acme.map({"Gamma": 1999}, {})
    with acme.database.session() as session:
        found = reporting.companies_mapped_after(session, acme.clock.now() - timedelta(minutes=1))
    assert found == {1999}
    assert margin.margin(acme.ctx, VIEWER).unread == 1


def test_one_month_of_many_lines_takes_few_requests(make_world: Make, data: SandboxData) -> None:
    service = data.service("MFA per user", 2.5, 2.0)
    companies = {f"c{number}": data.company(f"Company {number}") for number in range(60)}
    for company in companies.values():
        data.line(data.contract(company), service, 3)
    world = make_world(data)
    world.portal()
    world.says({(name, "mfa"): 3 for name in companies})
    world.map(companies, {"mfa": service})
    world.sync(apply=False)
    before = len(world.server.requests())
    found = shown(world)
    assert len(found.lines) == 60
    assert len(world.server.requests()) - before <= 8
