"""Subscriptions as people look at them: the list with its badge, one in full, and the calendar of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.contract import LineRef
from core.domain.errors import InputError
from core.domain.plan import Change
from core.domain.subscription import calendar as calendar_rules
from core.domain.subscription import words
from core.domain.subscription.badge import Badge, badge_of
from core.domain.subscription.calendar import Entry, EntryKind, Subscribed
from core.domain.subscription.events import explained
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.paging import Page, PageQuery
from core.store import directory, ledger, lineage, plans
from core.store import subscription_events as events
from core.store import subscriptions as store
from core.store.subscriptions import SubscriptionEntry

if TYPE_CHECKING:
    from core.services.context import Context

MOST_STEPS = 200
"""Entries of the ledger beside one subscription, the newest."""
CALENDAR_SECONDS = 60.0
"""So long turning pages and choosing entries works nothing out again; a reading, or what a person does, ends it at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRow:
    """One subscription and product. `renewal`: first day of the next term. `badge`: in_sync, out_of_sync, unmapped, ignored."""

    portal: str
    customer_id: str
    customer: str
    company: str
    product: str
    name: str
    subscription_id: str
    quantity: Decimal
    present: bool
    term: str
    billing_frequency: str
    status: str
    renewal: date | None
    auto_renew: bool | None
    unit_price: Decimal | None
    currency: str
    contract: str
    contract_id: int | None
    line: LineRef | None
    badge: str
    problem: Text | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One thing that happened. `effective_date` is a plain date, `at` the instant at which a reading showed it."""

    kind: str
    product: str
    effective_date: date
    at: datetime
    before: Mapping[str, str]
    after: Mapping[str, str]
    explanation: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One entry of the ledger about the contract line."""

    at: datetime
    event: str
    run_id: int | None
    change_id: str
    effective_date: date | None


@dataclass(frozen=True, slots=True)
class SubscriptionDetail:
    """One subscription: its lines (those that ended too), what happened in order, what is still to be changed, what was written."""

    rows: tuple[SubscriptionRow, ...]
    events: tuple[EventRow, ...]
    changes: tuple[Change, ...]
    ledger: tuple[LedgerRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarRow:
    """One entry of the calendar. `kind` as in `core.domain.subscription.calendar.EntryKind`; `days` from the day asked for."""

    kind: str
    portal: str
    customer_id: str
    customer: str
    company: str
    product: str
    subscription_id: str
    seats: Decimal
    day: date | None
    days: int | None
    text: Text


@dataclass(frozen=True, slots=True)
class CalendarView:
    """One slice of the calendar; of all that pass the filters besides the kind: how many entries of each kind, how many terms end
    within 7, 14 and 30 days, and how many seats are paid and not used.
    """

    page: Page[CalendarRow]
    kinds: Mapping[str, int]
    renewals: Mapping[int, int]
    unused_seats: Decimal


def subscriptions(ctx: Context, actor: Actor, query: PageQuery) -> Page[SubscriptionRow]:
    """All that are there: `status` is a badge, `portal` and `text` filter, sorted by customer or any column. For viewers."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        page = store.page_subscriptions(session, query)
    return Page(tuple(_row(entry) for entry in page.rows), page.total)


def badge_counts(ctx: Context, actor: Actor) -> Mapping[str, int]:
    """How many subscriptions have each badge. For viewers."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return store.count_badges(session)


def portals_shown(ctx: Context, actor: Actor) -> list[str]:
    """Names of the portals that tell subscriptions or terms, to filter by. For viewers."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return store.portals_with_terms(session)


def subscription_detail(
    ctx: Context, actor: Actor, portal: str, customer_id: str, subscription_id: str
) -> SubscriptionDetail:
    """One subscription with everything known of it. Raises InputError for one that was never seen. For viewers."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        found = store.find(session, portal, customer_id, subscription_id)
        if not found:
            raise InputError(
                T("No reading of {portal} has named subscription {subscription}.", portal=portal, subscription=subscription_id),
                place=subscription_id,
                kind="unknown_subscription",
            )  # fmt: skip
        told = events.of_subscription(session, found[0].portal_id, customer_id, subscription_id)
        numbers = {entry.line.id for entry in found}
        plan = plans.load(session)
        steps = _steps(session, {entry.contract_line for entry in found if entry.contract_line})
    changes = (
        change
        for change in (plan.changes if plan else ())
        if any(source.line.id in numbers for source in change.sources)
    )
    return SubscriptionDetail(
        tuple(_row(entry) for entry in found),
        tuple(
            EventRow(
                kind=one.kind.value,
                product=one.product,
                effective_date=one.effective_date,
                at=one.at,
                before=one.before,
                after=one.after,
                explanation=explained(one.kind),
            )
            for one in told
        ),
        tuple(changes),
        steps,
    )


def calendar(ctx: Context, actor: Actor, today: date, query: PageQuery) -> Page[CalendarRow]:
    """What can be given back until when, what is bound, what renews, what is paid and not used; the soonest first. For viewers.

    `status` is a kind of entry; `portal` and `text` filter.
    """
    return calendar_view(ctx, actor, today, query).page


def calendar_view(ctx: Context, actor: Actor, today: date, query: PageQuery) -> CalendarView:
    """The calendar with its sums. For viewers."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        version = lineage.version(session)
    told = ctx.looks.get(
        ("calendar", query.text, query.portal),
        (version, today),
        lambda: _told(ctx, today, query),
        seconds=CALENDAR_SECONDS,
    )
    entries = [entry for entry in told if not query.status or entry.kind.value == query.status]
    rows = tuple(_calendar_row(entry) for entry in entries[query.offset : query.offset + query.size])
    renewing = [entry.stage for entry in told if entry.kind is EntryKind.RENEWAL]
    return CalendarView(
        Page(rows, len(entries)),
        Counter(entry.kind.value for entry in told),
        {stage: sum(one <= stage for one in renewing) for stage in sorted(calendar_rules.STAGES)},
        sum((entry.seats for entry in told if entry.kind is EntryKind.UNUSED), Decimal(0)),
    )


def _told(ctx: Context, today: date, query: PageQuery) -> tuple[Entry, ...]:
    """Everything that the calendar tells of these subscriptions, in its order."""
    with ctx.database.session() as session:
        found = store.with_terms(session, PageQuery(text=query.text, portal=query.portal))
        since = ctx.clock.now() - timedelta(days=words.WINDOW_DAYS + 1)
        added = events.last_increases(session, since)
        companies = {entry.company_id for entry in found if entry.company_id is not None}
        contracts = directory.load_state(session, company_ids=companies).contracts if companies else {}
    subscribed = [
        Subscribed(
            portal=entry.portal,
            line=entry.line,
            company_id=entry.company_id,
            company=entry.company,
            added_on=added.get(entry.line.id),
            contract=contracts.get(entry.contract_id) if entry.contract_id is not None else None,
        )
        for entry in found
    ]
    return calendar_rules.calendar(subscribed, today)


def _row(entry: SubscriptionEntry) -> SubscriptionRow:
    usage = entry.line.usage
    end = words.commitment_end(usage)
    return SubscriptionRow(
        portal=entry.portal,
        customer_id=usage.customer_id,
        customer=usage.customer,
        company=entry.company,
        product=usage.product,
        name=words.label_of(usage),
        subscription_id=usage.subscription_id,
        quantity=entry.line.quantity,
        present=entry.line.present,
        term=usage.term,
        billing_frequency=usage.billing_frequency,
        status=words.status_of(usage).value if entry.line.present else words.Status.CANCELLED.value,
        renewal=None if end is None else end + timedelta(days=1),
        auto_renew=words.auto_renew_of(usage),
        unit_price=usage.unit_price,
        currency=usage.currency,
        contract=entry.contract,
        contract_id=entry.contract_id,
        line=entry.contract_line,
        badge=(Badge.UNMAPPED if entry.standing is None else badge_of(entry.standing)).value,
        problem=entry.problem,
    )


def _steps(session: Session, lines: set[LineRef]) -> tuple[LedgerRow, ...]:
    written = [entry for line in sorted(lines) for entry in ledger.of_line(session, line)]
    # A line that was made had no number when it was intended: what came before is found by its change.
    changes = ledger.of_changes(session, {entry.change_id for entry in written if entry.change_id})
    entries = sorted({entry.id: entry for entry in (*written, *changes)}.values(), key=lambda entry: entry.id)
    return tuple(
        LedgerRow(
            at=entry.at,
            event=entry.event.value,
            run_id=entry.run_id,
            change_id=entry.change_id,
            effective_date=entry.effective_date,
        )
        for entry in entries[-MOST_STEPS:]
    )


def _calendar_row(entry: calendar_rules.Entry) -> CalendarRow:
    usage = entry.of.line.usage
    return CalendarRow(
        kind=entry.kind.value,
        portal=entry.of.portal,
        customer_id=usage.customer_id,
        customer=usage.customer,
        company=entry.of.company,
        product=usage.product,
        subscription_id=usage.subscription_id,
        seats=entry.seats,
        day=entry.day,
        days=entry.days,
        text=entry.text,
    )
