"""The Consumption page's lists: a month's charges and what they come to, per customer, and what is not charged yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from core.domain.amount_doubts import is_doubt
from core.domain.charges.wanted import place_of
from core.domain.finding import Finding, FindingKind
from core.domain.plan import ChangeStatus
from core.services.access import Actor, Role, require
from core.services.charges import ChargeView, view_of
from core.services.charging_decisions import approve
from core.services.paging import Page, PageQuery
from core.store import charge_shown, charges, consumption
from core.store.charge_shown import CompanySum, Sum

if TYPE_CHECKING:
    from core.services.context import Context

__all__ = [
    "Board",
    "CompanySum",
    "Going",
    "Sum",
    "approve_filtered",
    "board",
    "companies",
    "findings",
    "going",
    "months",
]

GOING = (ChangeStatus.READY.value, ChangeStatus.APPROVED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One slice of charges, and what all that pass the filter come to, by currency."""

    page: Page[ChargeView]
    sums: tuple[Sum, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the charges of a period come to, by currency, how many there are of each status; findings of the whole plan by kind."""

    sums: tuple[Sum, ...]
    by_status: Mapping[str, int]
    by_finding: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Going:
    """What is ready or approved, of all months: the changes, and what their charges come to, by currency."""

    change_ids: tuple[str, ...]
    sums: tuple[Sum, ...]


def months(ctx: Context, actor: Actor) -> tuple[date, ...]:
    """First days of the months of which amounts are known, the latest first."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return tuple(consumption.periods(session))


def board(ctx: Context, actor: Actor, period: date | None, query: PageQuery) -> Board:
    """Charges of one month (its first day), or of all."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        page = charges.page_shown(session, query, period=period)
        sums = charge_shown.sums(session, query, period)
    return Board(page=Page(tuple(view_of(row) for row in page.rows), page.total), sums=tuple(sums))


def totals(ctx: Context, actor: Actor, period: date | None) -> Totals:
    """All charges of one month, or of all, in one look."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return Totals(
            sums=tuple(charge_shown.sums(session, PageQuery(), period)),
            by_status=charge_shown.by_status(session, period),
            by_finding=charge_shown.by_finding(session),
        )


def companies(ctx: Context, actor: Actor, period: date | None, query: PageQuery) -> Page[CompanySum]:
    """What the charges come to per company; `sort` takes company and price."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return charge_shown.page_companies(session, query, period)


def findings(ctx: Context, actor: Actor, query: PageQuery) -> Page[Finding]:
    """What keeps amounts from being charged; `status` is a kind."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        found = charges.findings(session)
    words = query.text.casefold().split()
    fitting = [
        one
        for one in found
        if query.status in ("", one.kind.value)
        and query.portal in ("", one.portal)
        and all(word in f"{one.subject} {one.portal}".casefold() for word in words)
    ]
    names = {"portal": lambda one: one.portal, "kind": lambda one: one.kind.value}
    fitting.sort(key=names.get(query.sort, lambda one: one.subject.casefold()))
    return Page(tuple(fitting[query.offset : query.offset + query.size]), len(fitting))


def question_of(finding: Finding) -> tuple[str, str] | None:
    """Portal and customer whose contract is to be chosen among a finding's candidates; None where nothing is to be chosen."""
    place = place_of(finding)
    several = finding.kind is FindingKind.AMBIGUOUS and finding.key.endswith("|")
    return place[:2] if several and place is not None else None


def in_doubt(found: Sequence[Finding]) -> dict[str, str]:
    """Those that a person may end by saying that what counts is right: subject by key."""
    return {one.key: one.subject for one in found if is_doubt(one.key)}


def going(ctx: Context, actor: Actor) -> Going:
    """What would be written if charges were applied now."""
    require(actor, Role.VIEWER)
    every = PageQuery()
    with ctx.database.session() as session:
        ids = charge_shown.change_ids(session, every, statuses=GOING)
        sums = charge_shown.sums(session, every, statuses=GOING) if ids else []
    return Going(tuple(ids), tuple(sums))


def approve_filtered(ctx: Context, actor: Actor, period: date | None, query: PageQuery) -> list[str]:
    """Approve all charges of the month that pass the filter and wait for approval: held ones only where exactly those were
    filtered (M6). Gives the ids of the changes.
    """
    require(actor, Role.OPERATOR)
    wanted = replace(query, status=query.status or ChangeStatus.NEEDS_APPROVAL.value)
    with ctx.database.session() as session:
        ids = charge_shown.change_ids(session, wanted, period)
    return approve(ctx, actor, ids) if ids else []
