"""Contract lines and their unit rows. Nothing is stored per period: rows are computed from the adjustments when they are
asked for, and only those of the periods in question (Autotask reference §7.2-7.4).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from connectors.autotask.sandbox.grid import Grid
from connectors.autotask.sandbox.values import Record, money, ordinal, shift

SLOTS = 4096
"""Row ids are line id x SLOTS + slot: the number of the period, or SPLIT + the number of the adjustment."""
SPLIT = 1024


@dataclass(frozen=True, slots=True)
class Kind:
    """Services and bundles are separate worlds with the same rules (reference §8.5): the names that differ."""

    name: str
    lines: str
    units: str
    adjustments: str
    adjustment: str
    catalogue: str
    line_key: str
    item_key: str
    repeat_key: str
    period_key: str
    adjustment_key: str


SERVICE = Kind(
    "service", "ContractServices", "ContractServiceUnits", "ContractServiceAdjustments", "ContractServiceAdjustment",
    "Services", "contractServiceID", "serviceID", "allowRepeatService", "contractServicePeriodID",
    "contractServiceAdjustmentID",
)  # fmt: skip
BUNDLE = Kind(
    "bundle", "ContractServiceBundles", "ContractServiceBundleUnits", "ContractServiceBundleAdjustments",
    "ContractServiceBundleAdjustment", "ServiceBundles", "contractServiceBundleID", "serviceBundleID",
    "allowRepeatServiceBundle", "contractServiceBundlePeriodID", "contractServiceBundleAdjustmentID",
)  # fmt: skip
KINDS = {kind.name: kind for kind in (SERVICE, BUNDLE)}
BY_UNITS = {kind.units: kind for kind in KINDS.values()}
BY_LINES = {kind.lines: kind for kind in KINDS.values()}
BY_ADJUSTMENTS = {kind.adjustments: kind for kind in KINDS.values()}


@dataclass(slots=True)
class Adjustment:
    """One change of units or price. `visible`: the day from which unit rows show it (later than `effective` only where
    posted rows are kept). `late`: its period was already posted. `void`: gone, the contract was shortened.
    """

    id: int
    effective: str
    change: int
    visible: str
    price: float | None = None
    cost: float | None = None
    late: bool = False
    void: bool = False


class Segment(NamedTuple):
    """From `start` on: so many units at this price. `slot`: of the row that begins here inside a period."""

    start: str
    units: int
    price: float | None
    cost: float | None
    slot: int
    late: bool


class UnitRow(NamedTuple):
    """One row: first and last day (inclusive), period number, and whether an adjustment ends it before its period does."""

    slot: int
    start: str
    last: str
    units: int
    price: float | None
    cost: float | None
    period: int
    cut: bool
    late: bool


@dataclass(slots=True)
class LineState:
    """What stands behind one contract line: its first price, its adjustments, its posted periods (number → instant)."""

    line_id: int
    price: float | None
    cost: float | None
    adjustments: list[Adjustment] = field(default_factory=list)
    posted: dict[int, str] = field(default_factory=dict)
    _segments: list[Segment] | None = None

    def add(self, adjustment: Adjustment) -> None:
        self.adjustments.append(adjustment)
        self._segments = None

    def reprice(self, price: float | None, cost: float | None) -> None:
        """The price and cost that hold until an adjustment changes them."""
        self.price, self.cost, self._segments = price, cost, None

    def void_after(self, day: str) -> None:
        """The contract now ends on this day: later adjustments are gone."""
        for adjustment in self.adjustments:
            if adjustment.effective > day:
                adjustment.void = True
        self._segments = None

    def live(self) -> list[Adjustment]:
        return [one for one in self.adjustments if not one.void]

    def segments(self) -> list[Segment]:
        """Quantities over time, one per day on which something changes."""
        if self._segments is None:
            self._segments = self._compute()
        return self._segments

    def _compute(self) -> list[Segment]:
        units, price, cost = 0, self.price, self.cost
        found: list[Segment] = []
        numbered = [(one.visible, number, one) for number, one in enumerate(self.adjustments) if not one.void]
        for day, number, one in sorted(numbered, key=lambda item: item[:2]):
            units += one.change
            price = price if one.price is None else one.price
            cost = cost if one.cost is None else one.cost
            slot = SPLIT + number
            if found and found[-1].start == day:
                slot = found.pop().slot
            found.append(Segment(day, units, price, cost, slot, one.late))
        return found

    def units_on(self, day: str) -> int:
        """Units in force on a day, by the rows."""
        at = bisect_right(self.segments(), day, key=lambda segment: segment.start) - 1
        return self.segments()[at].units if at >= 0 else 0

    def rows(self, grid: Grid, first: int, last: int, *, zero_rows: bool) -> list[UnitRow]:
        """Rows of the periods `first` to `last`, by ascending slot (which is not the order of dates)."""
        segments = self.segments()
        begin = max(first, 0)
        if segments and not zero_rows:
            begin = max(begin, grid.index(segments[0].start))
        if not segments and not zero_rows:
            return []
        rows: list[UnitRow] = []
        for period in range(begin, min(last, len(grid.starts) - 1) + 1):
            rows.extend(self._period_rows(grid, period, segments, zero_rows=zero_rows))
        rows.sort()
        return rows

    def _period_rows(self, grid: Grid, period: int, segments: list[Segment], *, zero_rows: bool) -> Iterator[UnitRow]:
        start, last = grid.starts[period], grid.lasts[period]
        at = bisect_right(segments, start, key=lambda segment: segment.start)
        until = bisect_right(segments, last, lo=at, key=lambda segment: segment.start)
        inner = segments[at:until]
        ends = [*(shift(segment.start, -1) for segment in inner), last]
        if at or zero_rows:
            now = segments[at - 1] if at else Segment(start, 0, self.price, self.cost, 0, late=False)
            yield UnitRow(
                period, start, ends[0], now.units, now.price, now.cost, period, bool(inner),
                now.late and now.start == start,
            )  # fmt: skip
        for number, segment in enumerate(inner):
            yield UnitRow(
                segment.slot, segment.start, ends[number + 1], segment.units, segment.price, segment.cost, period,
                number < len(inner) - 1, segment.late,
            )  # fmt: skip


@lru_cache(maxsize=65536)
def extended(units: int, price: float, days: int, full_days: int) -> float:
    """units x price, prorated by days of the period, rounded once to cents (reference §7.3)."""
    return float(money(Decimal(repr(price)) * units * days / full_days))


def row_price(row: UnitRow, grid: Grid, price: float | None) -> float | None:
    """The extended amount of a row; None without a price."""
    if price is None:
        return None
    return extended(row.units, price, ordinal(row.last) - ordinal(row.start) + 1, grid.full_days[row.period])


def unit_record(kind: Kind, line: Record, state: LineState, grid: Grid, row: UnitRow, options: RowOptions) -> Record:
    """A row as the record that the API shows."""
    price = row_price(row, grid, row.price)
    ends_next = options.end == "next_start" or (options.end == "split_next_start" and row.cut)
    posted = state.posted.get(row.period)
    if posted and row.late and not options.late_stamped and row.slot >= SPLIT:
        posted = None
    return {
        "id": state.line_id * SLOTS + row.slot,
        "contractID": line["contractID"],
        kind.line_key: state.line_id,
        kind.item_key: line[kind.item_key],
        "startDate": row.start,
        "endDate": shift(row.last, 1) if ends_next else row.last,
        "units": row.units,
        "price": price,
        "internalCurrencyPrice": price,
        "cost": row_price(row, grid, row.cost),
        "approveAndPostDate": posted,
        "organizationalLevelAssociationID": None,
        "vendorCompanyID": options.vendors.get(line[kind.item_key]),
    }


class RowOptions(NamedTuple):
    """The switches that decide how rows look, and the vendor of each service."""

    end: str
    late_stamped: bool
    zero_rows: bool
    vendors: dict[int, Any]


def window(grid: Grid, ranges: dict[str, tuple[str, str]]) -> tuple[int, int]:
    """First and last period that can hold rows with these start and end dates; the whole filter still decides."""
    low, high = ranges.get("startDate", ("", "9999"))
    end_low, end_high = ranges.get("endDate", ("", "9999"))
    if end_low > "0001-01-01":
        low = max(low, shift(end_low, -1))
    return max(grid.index(low), 0), grid.index(min(high, end_high))


def adjustment_dict(adjustment: Adjustment) -> dict[str, Any]:
    """For the journal."""
    return asdict(adjustment)
