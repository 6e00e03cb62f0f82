"""Unit rows: how many units each contract line has from which day on (Autotask reference §7.2)."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, timedelta

import structlog

from connectors._kit.threads import in_parallel
from connectors.autotask.bulk import read_all, read_chunks
from connectors.autotask.client import AutotaskClient, Filter, Query, where
from connectors.autotask.families import FAMILIES, Family
from connectors.autotask.models import LineRow, UnitWire, lacks, parsed
from core.domain.contract import LineRef, UnitRow

log = structlog.get_logger(__name__)

AROUND = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class _Window:
    """The days asked for, both inclusive; `last` None: to the end."""

    first: date
    last: date | None

    def filters(self) -> tuple[Filter, ...]:
        """A little wider than the days: dates may be stored as midnight in the US, hours after the plain date (§4)."""
        found = [where("gte", "endDate", self.first.isoformat())]
        if self.last is not None and self.last < date.max:
            found.append(where("lt", "startDate", (self.last + timedelta(days=1)).isoformat()))
        return tuple(found)

    def wider(self) -> _Window:
        """With the months around it."""
        open_ended = self.last is None or self.last > date.max - 2 * AROUND
        first = max(self.first, date.min + AROUND) - AROUND
        return _Window(first, None if open_ended or self.last is None else self.last + 2 * AROUND)

    def covers(self, other: _Window) -> bool:
        """Whether every row of the other window is in this one."""
        ends_later = self.last is None or (other.last is not None and other.last <= self.last)
        return self.first <= other.first and ends_later

    def holds(self, start: date, end: date) -> bool:
        return end >= self.first and (self.last is None or start <= self.last)


class UnitReader:
    """Reads rows by lines, by contracts or all; gives rows that do not name their line to the one line they can mean."""

    def __init__(self, client: AutotaskClient, families: Callable[[], list[Family]]) -> None:
        self._client = client
        self._families = families
        self._asking = threading.Lock()
        self._without_nameless: dict[Family, list[_Window]] = defaultdict(list)

    def read(
        self,
        first: date,
        last: date | None,
        lines: Collection[LineRef] | None,
        contracts: Collection[int] | None,
    ) -> dict[LineRef, list[UnitRow]]:
        window = _Window(first, last)
        if lines is not None:
            wanted = {family: {one.id for one in lines if one.kind is family.kind} for family in FAMILIES.values()}
            tasks = [self._by_lines(family, window, ids) for family, ids in wanted.items() if ids]
        else:
            tasks = [self._by_contracts(family, window, contracts) for family in self._families()]
        found = in_parallel(tasks) if tasks else []
        return {line: rows for part in found for line, rows in part.items()}

    def _by_contracts(
        self, family: Family, window: _Window, contracts: Collection[int] | None
    ) -> Callable[[], dict[LineRef, list[UnitRow]]]:
        def read() -> dict[LineRef, list[UnitRow]]:
            query = Query(family.units, family.unit_fields, window.filters())
            if contracts is None:
                found = parsed(UnitWire, read_all(self._client, query), family.units)
            else:
                found = parsed(UnitWire, read_chunks(self._client, query, "contractID", contracts), family.units)
            if all(family.line_of(row) is not None for row in found):
                if contracts is None:
                    self._without_nameless[family].append(window)
                return _by_line(family, window, found, {})
            return _by_line(family, window, found, self._meant(family, found))

        return read

    def _by_lines(self, family: Family, window: _Window, ids: set[int]) -> Callable[[], dict[LineRef, list[UnitRow]]]:
        def read() -> dict[LineRef, list[UnitRow]]:
            query = Query(family.units, family.unit_fields, window.filters(), bulk=False)
            nameless = self._nameless(family, window)
            rows = parsed(UnitWire, read_chunks(self._client, query, family.line_key, ids), family.units)
            meant = self._meant(family, nameless) if nameless else {}
            found = _by_line(family, window, [*rows, *nameless], meant)
            return {line: units for line, units in found.items() if line.id in ids}

        return read

    def _nameless(self, family: Family, window: _Window) -> list[UnitWire]:
        """Rows without a line, which a query by line never finds. Asked once where there are none: also for the months around."""
        with self._asking:
            if any(known.covers(window) for known in self._without_nameless[family]):
                return []
            wider = window.wider()
            filters = (*wider.filters(), where("notExist", family.line_key))
            rows = read_all(self._client, Query(family.units, family.unit_fields, filters, bulk=False))
            if not rows:
                self._without_nameless[family].append(wider)
            return parsed(UnitWire, rows, family.units)

    def _meant(self, family: Family, rows: Collection[UnitWire]) -> dict[tuple[int, int], list[int]]:
        """(contract, item) → its lines, for the rows that do not name theirs."""
        contracts = {row.contract_id for row in rows if family.line_of(row) is None and row.contract_id is not None}
        query = Query(family.lines, ("id", "contractID", family.item_key), bulk=False)
        found: dict[tuple[int, int], list[int]] = defaultdict(list)
        for line in parsed(LineRow, read_chunks(self._client, query, "contractID", contracts), family.lines):
            item = family.item_of(line)
            if line.contract_id is not None and item is not None:
                found[line.contract_id, item].append(line.id)
        return found


def _by_line(
    family: Family, window: _Window, rows: Collection[UnitWire], meant: dict[tuple[int, int], list[int]]
) -> dict[LineRef, list[UnitRow]]:
    """Rows per line, in order of start."""
    found: dict[LineRef, dict[int, UnitRow]] = defaultdict(dict)
    for row in rows:
        unit = _unit(family, row)
        if not window.holds(unit.start, unit.end):
            continue
        line = family.line_of(row)
        if line is None:
            line = _only_line(family, row, meant)
        if line is not None:
            found[LineRef(family.kind, line)][row.id] = unit
    return {
        line: [unit for _, unit in sorted(units.items(), key=lambda pair: (pair[1].start, pair[0]))]
        for line, units in found.items()
    }


def _unit(family: Family, row: UnitWire) -> UnitRow:
    """A row without units or start is no row with 0 units (M2)."""
    if row.units is None:
        raise lacks(family.units, row, "units")
    if row.start_date is None:
        raise lacks(family.units, row, "startDate")
    return UnitRow(row.start_date, row.end_date or date.max, row.units, posted=bool(row.approve_and_post_date))


def _only_line(family: Family, row: UnitWire, meant: dict[tuple[int, int], list[int]]) -> int | None:
    item = family.item_of(row)
    lines = meant.get((row.contract_id or -1, item if item is not None else -1), [])
    if len(lines) == 1:
        return lines[0]
    log.warning("units.ambiguous_row", entity=family.units, row=row.id, contract=row.contract_id, lines=len(lines))
    return None
