"""What an invoice is compared with: our own records day by day, and Autotask's contract lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from core.domain.invoice.billed import billed_on
from core.domain.invoice.explain import AROUND, counting_day
from core.domain.invoice.model import BilledUnits, CheckFacts, CheckSettings, Count, OwnRecord, Period, Place
from core.domain.invoice.names import names_of, placed
from core.domain.invoice.records import Piece, records_of
from core.domain.mapping import WorkspaceMapping
from core.domain.text import T, Text
from core.services.invoice_check_file import InvoiceFile
from core.services.live_contracts import contracts_between
from core.store import mappings, reporting, workspace
from core.store import reports as report_store
from core.store.portals import Portal

if TYPE_CHECKING:
    from core.services.context import Context

ONE_DAY = timedelta(days=1)
SILENT_DAYS = 3
"""So many days without a whole reading are told: until then the last known numbers count."""


def gather(
    ctx: Context, portal: Portal, file: InvoiceFile, settings: CheckSettings, period: Period
) -> tuple[CheckFacts, list[Text], bool]:
    """The facts, what there is to say about them, and whether Autotask's units are known."""
    with ctx.database.session() as session:
        known = _Known(session, portal, settings, period, ctx.clock.today(), by_customer=file.by_customer)
        names = names_of(known.customers(), known.products.items(), settings)
        items = tuple(placed(item, names) for item in file.items)
        own = known.records()
        mutes = reporting.mutes(session, portal.id)
        notes = known.notes()
        mapping = mappings.load_mapping(session)
    day = billing_day(settings, period)
    places = {*(item.place for item in items), *own}
    billed, problem = _billed(ctx, portal.name, mapping, places, day)
    facts = CheckFacts(
        period=period,
        settings=settings,
        items=items,
        own=own,
        known_from=known.known_from,
        billed=billed,
        mutes=mutes,
    )
    return facts, [*notes, *problem], not problem


def billing_day(settings: CheckSettings, period: Period) -> date:
    """The day on which contract lines are looked at: the one that counts; the last one where all days do."""
    return period.last if settings.count in (Count.MAXIMUM, Count.AVERAGE) else counting_day(settings, period)


def _billed(
    ctx: Context, portal: str, mapping: WorkspaceMapping, places: Iterable[Place], day: date
) -> tuple[dict[Place, BilledUnits], list[Text]]:
    companies = {
        customer.company_id
        for key, customer in mapping.customers.items()
        if key.portal == portal and customer.company_id is not None and customer.ignored is None
    }
    if not companies:
        return {}, []
    seen = contracts_between(ctx, day, day, company_ids=companies)
    return billed_on(places, portal, mapping, seen.state, day), [seen.problem] if seen.problem else []


class _Known:
    """Our own records of one portal around a period."""

    def __init__(
        self,
        session: Session,
        portal: Portal,
        settings: CheckSettings,
        period: Period,
        today: date,
        *,
        by_customer: bool,
    ) -> None:
        self._today = today
        self._session, self._portal, self._period, self._by_customer = session, portal, period, by_customer
        self._zone = workspace.time_zone(session)
        self._cost_day = billing_day(settings, period)
        first = report_store.first_readings(session).get(portal.id)
        self.known_from = first.astimezone(self._zone).date() if first else None
        self.products = {
            key: name for (number, key), name in report_store.product_names(session).items() if number == portal.id
        }

    def customers(self) -> list[tuple[str, str]]:
        found = report_store.customers(self._session).values()
        return [(one.customer_id, one.name) for one in found if one.portal_id == self._portal.id]

    def records(self) -> dict[Place, OwnRecord]:
        if self.known_from is None:
            return {}
        start = _begin(self._period.first - AROUND, self._zone)
        end = _begin(self._period.last + AROUND + ONE_DAY, self._zone)
        pieces = [self._piece(one) for one in reporting.intervals(self._session, self._portal.id, start, end)]
        return records_of(pieces, self.products, self.known_from, self._cost_day, by_customer=self._by_customer)

    def _piece(self, one: reporting.Interval) -> Piece:
        first = one.start.astimezone(self._zone).date()
        # What ended on a day was not there at its end.
        last = None if reporting.is_open(one) else one.end.astimezone(self._zone).date() - ONE_DAY
        return Piece(
            one.customer_id, one.customer, one.product_key, one.quantity, first, last, one.unit_cost, one.currency
        )

    def notes(self) -> list[Text]:
        """Days of the period on which the portal was not read: what was known before counts for them."""
        if self.known_from is None:
            return [T("{portal} was never read.", portal=self._portal.name)]
        first, last = max(self._period.first, self.known_from), min(self._period.last, self._today)
        instants = reporting.whole_readings(
            self._session,
            self._portal.id,
            _begin(first - ONE_DAY, self._zone),
            _begin(last + ONE_DAY, self._zone),
        )
        days = [at.astimezone(self._zone).date() for at in instants]
        return [
            T(
                "{portal} was not read from {first} to {last}: its last known numbers count.",
                portal=self._portal.name,
                first=gap.first,
                last=gap.last,
            )
            for gap in silent(days, first, last)
        ]


def silent(days: Sequence[date], first: date, last: date) -> list[Period]:
    """Stretches of at least `SILENT_DAYS` days without any of `days` in them, from `first` to `last`."""
    edges = [first - ONE_DAY, *(day for day in sorted(set(days)) if first <= day <= last), last + ONE_DAY]
    gaps = (Period(one + ONE_DAY, other - ONE_DAY) for one, other in pairwise(edges))
    return [gap for gap in gaps if gap.days >= SILENT_DAYS]


def _begin(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
