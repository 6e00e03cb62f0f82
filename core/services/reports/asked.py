"""What somebody wants to see: which moments, whose lines, of which portals and products."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.errors import InputError
from core.domain.text import T, Text
from core.services.autotask_settings import zone
from core.store import reports as store
from core.store.reports import Customer, Within

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from core.services.context import Context

Moment = date | datetime
"""A plain day means its end in the workspace's time zone; an instant means itself."""
SILENT_DAYS = 2
"""After so many days without a whole reading a report says how old a portal's numbers are."""

NAMED = 3
"""So many new portals get a note each; more of them share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Nothing set: everything, today. `month` (any day of it) means its last day; `other` is what to compare with.

    `customer` is the exact name or id of a portal customer or of an Autotask company; `portal` and `product` are names as well.
    `months` is how far back changes and developments go; `chart` adds a vendor report's development.
    """

    moment: Moment | None = None
    month: date | None = None
    other: Moment | None = None
    months: int = 12
    customer: str = ""
    company_id: int | None = None
    portal: str = ""
    product: str = ""
    chart: bool = False


@dataclass
class Scene:
    """One report's view of the database: a session, the words for portals, products and customers, and the moments."""

    ctx: Context
    session: Session
    asked: Asked
    zone: ZoneInfo
    day: date
    instant: datetime

    @cached_property
    def portals(self) -> dict[int, str]:
        return store.portal_names(self.session)

    @cached_property
    def products(self) -> dict[tuple[int, str], str]:
        return store.product_names(self.session)

    @cached_property
    def chosen(self) -> list[Customer] | None:
        """The customers asked for; None: all. Raises InputError (kind `unknown_customer`)."""
        asked = self.asked
        if asked.company_id is not None:
            return store.customers_of(self.session, asked.company_id)
        if not asked.customer:
            return None
        found = store.customers_named(self.session, asked.customer)
        if not found:
            raise InputError(T("There is no customer {name}.", name=asked.customer), kind="unknown_customer")
        return found

    @cached_property
    def customers(self) -> dict[tuple[int, str], Customer]:
        chosen = self.chosen
        if chosen is not None:
            return {(one.portal_id, one.customer_id): one for one in chosen}
        return store.customers(self.session)

    @cached_property
    def first(self) -> dict[int, datetime]:
        return store.first_readings(self.session)

    @cached_property
    def within(self) -> Within:
        """Raises InputError (kinds `unknown_portal`, `unknown_product`, `unknown_customer`)."""
        chosen = self.chosen
        return Within(
            portal_ids=self._portal_ids(),
            customer_ids=None if chosen is None else tuple(one.id for one in chosen),
            products=self._products(),
        )

    def product(self, portal_id: int, key: str) -> str:
        return self.products.get((portal_id, key), key)

    def at(self, moment: Moment) -> datetime:
        """The instant of a moment, never later than now."""
        return min(_instant(moment, self.zone), self.ctx.clock.now())

    def local_day(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    def known(self, portal_id: int, instant: datetime, total: Decimal | None) -> Decimal | None:
        """A sum, 0 where the portal was read and had nothing, None before it was ever read (M2)."""
        first = self.first.get(portal_id)
        if first is None or first > instant:
            return None
        return Decimal(0) if total is None else total

    def wanted_portals(self) -> list[int]:
        """Portals of this report that were ever read, by name."""
        ids = self.within.portal_ids
        found = [number for number in self.first if ids is None or number in ids]
        return sorted(found, key=lambda number: (self.portals.get(number, "").casefold(), number))

    def notes(self, *instants: datetime) -> list[Text]:
        """What to keep in mind: portals that were read too late to be in, or whose numbers were old by then."""
        late = [number for number in self.wanted_portals() if self.first[number] > min(instants)]
        last = store.last_readings(self.session, self.instant)
        old = {
            number: at
            for number, at in last.items()
            if number in self.wanted_portals() and self.instant - at > timedelta(days=SILENT_DAYS)
        }
        return [*self._late(late), *self._old(old)]

    def _late(self, numbers: list[int]) -> list[Text]:
        if len(numbers) > NAMED:
            return [
                T(
                    "Before their first reading nothing is known, and differences leave them out: {portals}.",
                    portals=tuple(self.portals[number] for number in numbers),
                )
            ]
        return [
            T(
                "{portal} was first read on {moment}: before that nothing is known, and differences leave it out.",
                portal=self.portals[number],
                moment=self.first[number],
            )
            for number in numbers
        ]

    def _old(self, read: dict[int, datetime]) -> list[Text]:
        return [
            T(
                "{portal} was last read on {moment}: its last known numbers are shown.",
                portal=self.portals[number],
                moment=read[number],
            )
            for number in sorted(read, key=lambda number: (self.portals[number].casefold(), number))
        ]

    def _portal_ids(self) -> tuple[int, ...] | None:
        wanted = self.asked.portal.casefold().strip()
        if not wanted:
            return None
        found = tuple(number for number, name in self.portals.items() if name.casefold() == wanted)
        if not found:
            raise InputError(T("There is no portal {name}.", name=self.asked.portal), kind="unknown_portal")
        return found

    def _products(self) -> tuple[tuple[int, str], ...] | None:
        wanted = self.asked.product.casefold().strip()
        if not wanted:
            return None
        found = tuple(key for key, name in self.products.items() if wanted in (name.casefold(), key[1].casefold()))
        if not found:
            raise InputError(T("There is no product {name}.", name=self.asked.product), kind="unknown_product")
        return found


def scene(ctx: Context, session: Session, asked: Asked) -> Scene:
    """Everything a builder needs; the moment is that of `asked`, never later than now."""
    where = zone(ctx)
    moment = asked.moment or (month_end(asked.month) if asked.month else ctx.clock.today())
    instant = min(_instant(moment, where), ctx.clock.now())
    return Scene(ctx, session, asked, where, instant.astimezone(where).date(), instant)


def months_before(day: date, months: int, *, whole_months: bool = False) -> date:
    """The same day so many months earlier; the last of the month where it is shorter, or where months are compared whole."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    last = month_end(date(year, month + 1, 1))
    if whole_months and day == month_end(day):
        return last
    return min(last.replace(day=1) + timedelta(days=day.day - 1), last)


def month_end(day: date) -> date:
    """The last day of the month that `day` is in."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _instant(moment: Moment, where: ZoneInfo) -> datetime:
    if isinstance(moment, datetime):
        return (moment if moment.tzinfo else moment.replace(tzinfo=where)).astimezone(UTC)
    after = datetime.combine(moment + timedelta(days=1), time(), where)
    return after.astimezone(UTC) - timedelta(microseconds=1)
