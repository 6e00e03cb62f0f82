"""Leakage both ways, in money per month: what is used and not billed, and billed and not used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.contract import ContractState
from core.domain.finding import FindingKind
from core.domain.leakage import Direction, Expiring, Leak, LeakKind, totals
from core.domain.leaks import LeakFacts, expiring, find_leaks, largest_first
from core.domain.text import T
from core.services.access import Actor, Role, require
from core.store import charges, directory, history, mappings, reporting, subscriptions

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Leakage:
    """All leaks today, largest first; sums per month. `unpriced` counts leaks whose price is not known: they are in no sum.

    `not_judged` counts contract lines of which it is not known now what they should bill. `read_at` is when Autotask was last read;
    None: never, and then nothing can be said.
    """

    day: date
    read_at: datetime | None
    not_judged: int
    leaks: tuple[Leak, ...]
    totals: Mapping[Direction, Decimal]
    unpriced: int
    expiring: tuple[Expiring, ...]


def leakage(ctx: Context, actor: Actor, *, company_id: int | None = None) -> Leakage:
    """Leaks of all companies, or of one. For viewers; of what was last read, nothing is asked for."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return leakage_in(ctx, session, company_id)


def leakage_in(ctx: Context, session: Session, company_id: int | None = None) -> Leakage:
    """The same inside a session."""
    today = ctx.clock.today()
    state = directory.load_state(session)
    read_at = read_moment(session, today)
    leaks: tuple[Leak, ...] = ()
    not_judged = 0
    if read_at is not None:
        found = find_leaks(_facts(ctx, session, state, read_at))
        leaks, not_judged = largest_first([*found.leaks, *_consumption(session)]), found.not_judged
    whole = Leakage(
        day=today,
        read_at=read_at,
        not_judged=not_judged,
        leaks=leaks,
        totals=totals(leaks),
        unpriced=sum(leak.per_month is None for leak in leaks),
        expiring=tuple(expiring(state, today)),
    )
    return whole if company_id is None else of_company(whole, company_id)


def of_company(found: Leakage, company_id: int) -> Leakage:
    """One company's part, with its own sums. What is not judged stays counted for all."""
    leaks = tuple(leak for leak in found.leaks if leak.company_id == company_id)
    return replace(
        found,
        leaks=leaks,
        totals=totals(leaks),
        unpriced=sum(leak.per_month is None for leak in leaks),
        expiring=tuple(one for one in found.expiring if one.company_id == company_id),
    )


def read_moment(session: Session, today: date) -> datetime | None:
    """When contract lines and their units were last read; contracts, as long as no company was mapped whose lines matter.

    None also where there are contracts of mapped companies and their lines were not read yet, as after another address of Autotask
    was entered: nothing is known of them then, and that is not nothing (M2).
    """
    states = directory.states(session)
    known = states.get("units")
    if known is None and not reporting.has_running_contracts(session, today):
        known = states.get("contracts")
    return known.watermark if known else None


def _facts(ctx: Context, session: Session, state: ContractState, read_at: datetime) -> LeakFacts:
    return LeakFacts(
        usage=history.portal_usage(session),
        mapping=mappings.load_mapping(session),
        state=state,
        now=ctx.clock.now(),
        today=ctx.clock.today(),
        remembered=subscriptions.remembered_prices(session),
        unread=reporting.companies_mapped_after(session, read_at),
    )


def _consumption(session: Session) -> Iterator[Leak]:
    """Charges that Autotask lacks or has too much of, and consumption that cannot be charged."""
    for row in reporting.charges(session, open_only=True):
        apart = row.price - Decimal(row.data["in_autotask"])
        if not apart:
            continue
        text = T(
            "Consumption of {first} to {last} is not in Autotask as it should be.",
            first=row.period_start,
            last=row.period_end,
        )
        yield Leak(
            kind=LeakKind.UNBILLED_CONSUMPTION if apart > 0 else LeakKind.OVERBILLED_CONSUMPTION,
            company_id=row.company_id,
            company=row.company,
            item=None,
            product=row.data["title"],
            contract_id=row.contract_id,
            contract=row.contract,
            per_month=abs(apart),
            message=text,
            portals=(row.portal,),
        )
    for finding in charges.findings(session):
        if finding.kind in (FindingKind.UNMAPPED, FindingKind.NO_LINE, FindingKind.AMBIGUOUS):
            yield Leak(
                kind=LeakKind.UNBILLED_CONSUMPTION,
                company_id=finding.company_id,
                company=finding.subject,
                item=None,
                product="",
                message=finding.message,
                portals=(finding.portal,),
            )
