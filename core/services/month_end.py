"""The end of a month: is all settled, what will the next invoice contain, who signed for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.consumption_lines import month_of
from core.domain.errors import InputError
from core.domain.month_end import Gate, NextKind, NextLine
from core.domain.next_invoice import company_invoices, next_lines
from core.domain.text import T, Text
from core.reporting import Report
from core.services.access import Actor, Role, require
from core.services.audited import note
from core.services.live_contracts import contracts_between
from core.services.month_end_evidence import evidence, verify_evidence
from core.services.month_end_gates import gates
from core.services.month_end_model import (
    LEFT_OUT,
    Difference,
    MonthEnd,
    PackCheck,
    SignOff,
    digest_of,
    numbers_of,
    sealed,
    sign_off_of,
    totals_of,
)
from core.services.plan_making import companies_of
from core.store import mappings, reporting
from core.store.bulk import alone
from core.store.ledger import open_intents
from core.store.reporting import StoredSignOff

if TYPE_CHECKING:
    from core.services.context import Context

__all__ = [
    "Difference",
    "MonthEnd",
    "PackCheck",
    "SignOff",
    "ask_again",
    "evidence",
    "glance",
    "month_end",
    "month_report",
    "months",
    "sign_off",
    "verify_evidence",
]

NOTHING = Decimal(0)
SIGNING = 0x7369676E
"""Two people (or two clicks) sign one after the other."""
GLANCE = "next invoice"
GLANCE_SECONDS = 60.0
"""So old may be what is only looked at. Signing, evidence and files always ask."""


def month_end(ctx: Context, actor: Actor, month: date) -> MonthEnd:
    """Gates and the next invoice of a month (any day of it). Reads Autotask where it can be read. For viewers."""
    require(actor, Role.VIEWER)
    first, last = month_of(month)
    with ctx.database.session() as session:
        companies = companies_of(mappings.load_mapping(session))
    return _month_end(ctx, first, last, _seen(ctx, first, last, companies))


def glance(ctx: Context, actor: Actor, month: date) -> MonthEnd:
    """The same for looking at: what Autotask said may be a minute old, and is shared by all who look. For viewers."""
    require(actor, Role.VIEWER)
    first, last = month_of(month)
    with ctx.database.session() as session:
        companies = companies_of(mappings.load_mapping(session))
    seen = ctx.looks.get((GLANCE, first), companies, lambda: _seen(ctx, first, last, companies), seconds=GLANCE_SECONDS)
    return _month_end(ctx, first, last, seen)


def ask_again(ctx: Context, month: date) -> None:
    """The next glance asks Autotask, however short ago the last one was."""
    ctx.looks.forget((GLANCE, month_of(month)[0]))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What Autotask bills in a month; no lines where it was not asked (`problem` says why)."""

    live: bool
    lines: tuple[NextLine, ...]
    problem: Text | None


def _seen(ctx: Context, first: date, last: date, companies: Collection[int]) -> _Seen:
    seen = contracts_between(ctx, first, last, company_ids=companies, amounts=True)
    lines = next_lines(seen.state, seen.amounts, first, last) if seen.live else ()
    return _Seen(seen.live, tuple(lines), seen.problem)


def _month_end(ctx: Context, first: date, last: date, seen: _Seen) -> MonthEnd:
    with ctx.database.session() as session:
        found = gates(ctx, session, first)
        charged = list(_charges(session, first, last))
        signed = next(iter(reporting.sign_offs(session, first)), None)
    if not seen.live:
        return _not_known(first, found, signed, seen)
    lines = [*seen.lines, *charged]
    invoices, present = company_invoices(lines), digest_of(lines)
    return MonthEnd(
        month=first,
        live=True,
        gates=found,
        companies=invoices,
        to_bill=sum((one.to_bill for one in invoices), NOTHING),
        posted=sum((one.posted for one in invoices), NOTHING),
        unknown=sum(one.unknown for one in invoices),
        digest=present,
        signed=_signed(signed),
        changed=_changed(signed, totals_of(invoices), present),
        notes=(LEFT_OUT,),
    )


def months(ctx: Context, actor: Actor) -> tuple[SignOff, ...]:
    """The last sign-off of each month, newest first."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return tuple(sign_off_of(stored) for stored in reporting.sign_offs(session))


def sign_off(ctx: Context, actor: Actor, month: date, digest: str, remark: str = "") -> SignOff:
    """Sign for a month as it was shown (`digest`). For operators; open gates and lines without a price need a remark. The same once
    more, because the answer was lost or somebody clicked twice, is no second signature.

    Raises InputError when it changed since it was shown (kind `changed`), a remark is needed (kind `remark`), Autotask could not be
    asked (kind `not_known`), or something is being written there (kind `writing`).
    """
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        before = reporting.head(session, "ledger")
    shown = month_end(ctx, actor, month)
    _may_sign(shown, digest, remark)
    numbers = numbers_of(shown)

    def work(session: Session) -> SignOff:
        alone(session, SIGNING)
        ledger, audit = reporting.head(session, "ledger"), reporting.head(session, "audit")
        last = next(iter(reporting.sign_offs(session, shown.month)), None)
        if last is not None and _is_the_same(last, numbers, actor, remark):
            return sign_off_of(last)
        if ledger != before or open_intents(session):
            # The numbers must be those that Autotask had at this very position of the ledger.
            raise InputError(
                T("Something is being written to Autotask, or it is not certain yet what was."),
                remedy=T("Let the run end, or start one, then look again and sign."),
                kind="writing",
            )
        stored = StoredSignOff(
            month=shown.month,
            person=actor.name,
            at=ctx.clock.now(),
            remark=remark.strip(),
            gates_open=shown.open_gates,
            to_bill=shown.to_bill or NOTHING,
            digest=shown.digest,
            ledger_position=ledger.position,
            ledger_hash=ledger.hash,
            audit_position=audit.position,
            audit_hash=audit.hash,
            numbers=numbers,
        )
        number = reporting.add_sign_off(session, stored)
        after = {
            "digest": shown.digest, "numbers": sealed(numbers), "to_bill": shown.to_bill, "gates_open": shown.open_gates,
            "remark": remark.strip(), "ledger": [ledger.position, ledger.hash],
        }  # fmt: skip
        note(ctx, session, actor, "month.signed", f"{shown.month:%Y-%m}", after=after)
        return sign_off_of(replace(stored, id=number))

    return ctx.database.run(work)


def _is_the_same(last: StoredSignOff, numbers: Mapping[str, object], actor: Actor, remark: str) -> bool:
    return (last.person, last.remark, sealed(last.numbers)) == (actor.name, remark.strip(), sealed(numbers))


def month_report(ctx: Context, actor: Actor, shown: MonthEnd) -> Report:
    """A month as a report."""
    from core.services.reports.month_end import report_of

    require(actor, Role.VIEWER)
    return report_of(shown, ctx.clock.now())


def _may_sign(shown: MonthEnd, expected: str, remark: str) -> None:
    if not shown.live:
        raise InputError(T("Autotask must answer before a month is signed for."), kind="not_known")
    if shown.digest != expected:
        raise InputError(
            T("The month changed since it was shown."), remedy=T("Look at it again, then sign."), kind="changed"
        )
    points = shown.open_gates + bool(shown.unknown)
    if points and not remark.strip():
        raise InputError(
            T("{count} points are still open: say why the month is closed all the same.", count=points),
            place="remark",
            kind="remark",
        )


def _not_known(month: date, found: tuple[Gate, ...], signed: StoredSignOff | None, seen: _Seen) -> MonthEnd:
    notes: tuple[Text, ...] = (seen.problem,) if seen.problem else ()
    return MonthEnd(
        month=month,
        live=False,
        gates=found,
        companies=(),
        to_bill=None,
        posted=None,
        unknown=0,
        digest="",
        signed=_signed(signed),
        notes=(*notes, T("What the next invoice will contain is not known.")),
    )


def _charges(session: Session, first: date, last: date) -> Iterator[NextLine]:
    """Charges of periods that end in the month: what Autotask has, posted or not, and what it still lacks."""
    for row in reporting.charges(session, first=first, last=last):
        there, billed = Decimal(row.data["in_autotask"]), Decimal(row.data["billed"])
        planned = NOTHING if row.status == "dismissed" else row.price - there
        parts = (
            (NextKind.CHARGE, billed, True),
            (NextKind.CHARGE, there - billed, False),
            (NextKind.PLANNED_CHARGE, planned, False),
        )
        for kind, amount, posted in parts:
            if amount:
                yield NextLine(
                    kind=kind,
                    company_id=row.company_id,
                    company=row.company,
                    contract_id=row.contract_id,
                    contract=row.contract,
                    what=row.data["name"] or row.data["title"],
                    first=row.period_start,
                    last=row.period_end,
                    units=Decimal(1),
                    unit_price=amount,
                    amount=amount,
                    posted=posted,
                )


def _changed(signed: StoredSignOff | None, now: Mapping[str, Decimal], present: str) -> tuple[Difference, ...]:
    if signed is None or signed.digest == present:
        return ()
    before = {name: Decimal(amount) for name, amount in signed.numbers["totals"].items()}
    names = sorted({*before, *now}, key=str.casefold)
    return tuple(
        Difference(company=name, signed=before.get(name), now=now.get(name))
        for name in names
        if before.get(name) != now.get(name)
    )


def _signed(stored: StoredSignOff | None) -> SignOff | None:
    return None if stored is None else sign_off_of(stored)
