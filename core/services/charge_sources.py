"""Where amounts come from: the portals that tell them, their readings, and whether charges add up to the source (S1-71)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from core.domain.charges.planner import told_too_early_key
from core.domain.charges.settings import ChargeSettings
from core.domain.charges.wanted import place_of
from core.domain.connector import Feed
from core.domain.consumption_lines import FINAL_AFTER_DAYS, WIDE, final_from
from core.domain.mapping import CustomerKey
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.consumption import tells_amounts
from core.services.portals import find
from core.store import charge_shown, charges, consumption, mappings
from core.store import portals as portal_store
from core.store.portals import Portal

if TYPE_CHECKING:
    from sqlalchemy import Row
    from sqlalchemy.orm import Session

    from core.services.context import Context

CENT = Decimal("0.01")
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountSource:
    """A portal that tells amounts, or told some. `takes_files`: they are brought as billing files. `settings` None: nobody said
    how it is charged; `ready`: it is known what to book on.
    """

    portal: str
    connector: str
    takes_files: bool
    settings: ChargeSettings | None
    last_read: datetime | None

    @property
    def ready(self) -> bool:
        return self.settings is not None and (self.settings.ready or not self.settings.charge)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRow:
    """One reading of a portal's amounts. `total` is what the source itself says it comes to, where it does. Of a provisional one:
    `final_on` is the day from which its month does not change any more, `again` that this day has come and nobody told it since.
    """

    taken_at: datetime
    period_start: date
    period_end: date
    lines: int
    complete: bool
    provisional: bool
    total: Decimal | None
    files: tuple[str, ...]
    final_on: date | None = None
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerCheck:
    """What the source told of a customer in a month and what its charges come to at cost; `why` where these differ."""

    portal: str
    customer_id: str
    customer: str
    currency: str
    told: Decimal
    charged: Decimal
    why: Text | None = None

    @property
    def left(self) -> Decimal:
        return self.told - self.charged


def sources(ctx: Context, actor: Actor) -> tuple[AmountSource, ...]:
    """All portals that tell amounts, by name."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        portals = portal_store.all_portals(session)
        told = consumption.portals_with_consumption(session)
        settings = charges.all_settings(session)
        last = consumption.last_readings(session)
    return tuple(
        AmountSource(
            portal=portal.name,
            connector=portal.connector,
            takes_files=tells_amounts(ctx, portal, Feed.PUSH),
            settings=settings[portal.id].settings if portal.id in settings else None,
            last_read=last[portal.id][0] if portal.id in last else None,
        )
        for portal in sorted(portals, key=lambda portal: portal.name.casefold())
        if portal.id in told
        or portal.id in settings
        or tells_amounts(ctx, portal, Feed.PUSH)
        or tells_amounts(ctx, portal)
    )


def is_source(ctx: Context, actor: Actor, portal: str) -> bool:
    """Whether this portal tells amounts."""
    return any(source.portal == portal for source in sources(ctx, actor))


def readings(ctx: Context, actor: Actor, portal: str, *, limit: int = 50) -> tuple[ReadingRow, ...]:
    """The latest readings of a portal's amounts."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        found = find(session, portal)
        rows = consumption.readings(session, found.id, limit=limit)
    today = ctx.clock.today()
    told: set[date] = set()
    shown: list[ReadingRow] = []
    for row in rows:
        closed = final_day(found, row.period_end) if row.provisional else None
        early = closed is not None and row.complete and row.taken_at.date() < closed <= today
        shown.append(_reading(row, closed, again=early and row.period_start not in told))
        told |= {row.period_start} if row.complete else set()
    return tuple(shown)


def final_day(portal: Portal, period_end: date) -> date:
    """From which day a month of this portal is taken to be final (setting `final_after_days`)."""
    days = portal.settings.get("final_after_days")
    return final_from(period_end, days if isinstance(days, int) else FINAL_AFTER_DAYS)


def _reading(row: Row[Any], final_on: date | None, *, again: bool) -> ReadingRow:
    return ReadingRow(
        taken_at=row.taken_at, period_start=row.period_start, period_end=row.period_end, lines=row.lines,
        complete=row.complete, provisional=row.provisional, total=None if row.total is None else Decimal(row.total),
        files=tuple(str(name).rsplit("/", 1)[-1] for name in row.files), final_on=final_on, again=again,
    )  # fmt: skip


def charged_customers(ctx: Context, actor: Actor, portal: str) -> list[tuple[str, str]]:
    """Id and name of all customers of whom the portal told amounts."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return consumption.customers(session, find(session, portal).id)


def source_check(ctx: Context, actor: Actor, period: date) -> tuple[CustomerCheck, ...]:
    """What the sources told of a month against what its charges come to at cost, customer by customer; differences first."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        told = _told(session, period)
        charged = charge_shown.cost_by_customer(session, period)
        reasons = _reasons(session, period)
    checks = [
        CustomerCheck(
            portal=portal, customer_id=customer_id, customer=name, currency=currency, told=round(amount, 2),
            charged=(there := charged.get((portal, customer_id), NOTHING)),
            why=None if abs(amount - there) < CENT else reasons.of(portal, customer_id, there, provisional=provisional),
        )
        for (portal, customer_id, currency), (name, amount, provisional) in told.items()
    ]  # fmt: skip
    return tuple(sorted(checks, key=lambda one: (one.why is None, one.portal.casefold(), one.customer.casefold())))


def _told(session: Session, period: date) -> Mapping[tuple[str, str, str], tuple[str, Decimal, bool]]:
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    names: dict[tuple[str, str, str], tuple[str, bool]] = {}
    for row in consumption.amounts(session, period):
        key = (row.portal, row.customer_id, row.currency)
        sums[key] = WIDE.add(sums[key], Decimal(row.amount))
        names.setdefault(key, (row.customer or row.customer_id, bool(row.provisional)))
    return {key: (names[key][0], amount, names[key][1]) for key, amount in sums.items()}


@dataclass(frozen=True, slots=True)
class _Reasons:
    """Why a customer's amounts are not charged, or not all of them."""

    findings: Mapping[tuple[str, str], Text]
    ignored: frozenset[CustomerKey]
    settings: Mapping[str, ChargeSettings | None]
    again: Mapping[str, Text]
    """By portal: that its month was read too early, and what to do."""

    def of(self, portal: str, customer_id: str, charged: Decimal, *, provisional: bool) -> Text:
        if CustomerKey(portal, customer_id) in self.ignored:
            return T("This customer is ignored.")
        settings = self.settings.get(portal)
        if settings is None:
            return T("It is not said how {portal} is charged.", portal=portal)
        if found := self.findings.get((portal, customer_id)):
            return found
        if charged:
            return T("Some amounts are not charged: taxes, licences, or what the settings leave out.")
        if provisional and portal in self.again:
            return self.again[portal]
        if provisional and not settings.provisional:
            return T("The source may still change this month: it is charged when it is final.")
        return T("The settings leave these amounts out, or no plan was made since they came.")


def _reasons(session: Session, period: date) -> _Reasons:
    found: dict[tuple[str, str], Text] = {}
    again: dict[str, Text] = {}
    for one in charges.findings(session):
        if one.key == told_too_early_key(one.portal, period) and one.remedy is not None:
            again[one.portal] = T("{message} {remedy}", message=one.message, remedy=one.remedy)
        place = place_of(one)
        if place is not None and place[2] == period:
            found.setdefault(place[:2], one.message)
    known = mappings.load_mapping(session).customers
    settings = charges.all_settings(session)
    return _Reasons(
        found,
        frozenset(key for key, one in known.items() if one.ignored is not None),
        {
            portal.name: settings[portal.id].settings if portal.id in settings else None
            for portal in portal_store.all_portals(session)
        },
        again,
    )
