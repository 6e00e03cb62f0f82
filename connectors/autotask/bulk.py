"""Reading much in few requests: lists of ids in chunks, and one entity over two cursors at once (M16).

A query answers page after page, so one cursor keeps one request in flight where two are allowed. A long reading is
therefore split by id into stretches, each read by its own cursor. That costs one request for the count, the first time, and
for each split at most one page that is not full.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from connectors._kit.threads import in_parallel
from connectors.autotask.answers import Row
from connectors.autotask.client import AutotaskClient, Query, where

SPLIT_FROM_PAGES = 4
"""Fewer pages than this left to read are not worth a split."""
WAKE_AT_PAGE = 3
"""A reading that comes this far is long enough to count its rows and share it."""
EXTENT_SECONDS = 86_400.0


def read_chunks(client: AutotaskClient, query: Query, name: str, ids: Collection[int] | Collection[str]) -> list[Row]:
    """All rows of `query` whose field `name` is one of `ids`."""
    ordered: list[int] | list[str] = sorted(set(ids))  # type: ignore[type-var, assignment]
    size = client.limits.ids_per_query
    queries = [query.also(where("in", name, ordered[at : at + size])) for at in range(0, len(ordered), size)]

    def reader(one: Query) -> Callable[[], list[Row]]:
        return lambda: [row for page in client.pages(one) for row in page]

    found = in_parallel([reader(one) for one in queries], client.limits.in_flight) if queries else []
    return unique(row for rows in found for row in rows)


def read_all(client: AutotaskClient, query: Query) -> list[Row]:
    """All rows of `query`, over as many cursors as requests are allowed in flight."""
    return unique(_Reading(client, query).run())


def unique(rows: Iterable[Row]) -> list[Row]:
    """Rows in order of id, each once: a row may be seen twice while records are added."""
    return [row for _, row in sorted({row["id"]: row for row in rows}.items())]


@dataclass(slots=True)
class _Stretch:
    """Ids above `after` up to `last` (None: to the end). `density` is ids per row, as seen on the latest page."""

    after: int | None
    last: int | None = None
    density: float = 1.0
    done: bool = False
    ordered: bool = True
    rows: list[Row] = field(default_factory=list)

    def take(self, page: list[Row]) -> bool:
        """Keep a page; True when the stretch is read to its end. Pages out of order prove no end: then all are read."""
        self.rows.extend(page)
        if not page:
            return False
        ids = [row["id"] for row in page]
        lowest, highest = min(ids), max(ids)
        self.ordered = self.ordered and ids == sorted(ids) and (self.after is None or lowest > self.after)
        self.density = max((highest - lowest + 1) / len(page), 1.0)
        self.after = highest if self.after is None else max(highest, self.after)
        return self.ordered and self.last is not None and self.after >= self.last


class _Extent(NamedTuple):
    """How many rows the last reading had, and the id in their middle."""

    rows: int
    middle: int


class _Reading:
    """One entity, read by `in_flight` threads that split what is left among them."""

    def __init__(self, client: AutotaskClient, query: Query) -> None:
        self._client = client
        self._query = query
        self._lock = threading.Lock()
        self._stretches = [_Stretch(None)]
        self._more = threading.Event()
        self._total: int | None = None
        self._failed = False
        self._page = client.limits.page_size
        self._name = f"extent {query.entity} {[(one.get('op'), one.get('field')) for one in query.filters]}"

    def run(self) -> list[Row]:
        """All rows, some perhaps twice."""
        begun = self._begin_as_last_time()
        helpers = [self._help for _ in range(self._client.limits.in_flight - 1 - begun)]
        in_parallel([self._first, *([self._second] * begun), *helpers], self._client.limits.in_flight)
        rows = [row for stretch in self._stretches for row in stretch.rows]
        self._keep_extent(rows)
        return rows

    def _begin_as_last_time(self) -> int:
        """Split at once where the middle of the last reading was; 1 when that could be done.

        However much has changed since, nothing is lost: what lies below the middle is read by one cursor, the rest by another.
        """
        known = self._client.shared.memory.get(self._name, EXTENT_SECONDS)
        if not isinstance(known, _Extent) or self._client.limits.in_flight < 2:
            return 0
        self._total = known.rows
        self._stretches = [_Stretch(None, known.middle), _Stretch(known.middle)]
        return 1

    def _keep_extent(self, rows: list[Row]) -> None:
        if len(rows) >= SPLIT_FROM_PAGES * self._page:
            ids = sorted(row["id"] for row in rows)
            self._client.shared.memory.put(self._name, _Extent(len(ids), ids[len(ids) // 2]))

    def _second(self) -> None:
        """The upper half of a reading whose middle is known."""
        self._read(self._stretches[1])
        self._share()

    def _first(self) -> None:
        """The stretch that begins at the beginning; helpers wake up when it turns out to be long."""
        try:
            self._read(self._stretches[0])
            self._share()
        finally:
            self._more.set()

    def _help(self) -> None:
        self._more.wait()
        if self._worth_counting():
            total = self._client.count(self._query)
            with self._lock:
                self._total = total
        self._share()

    def _worth_counting(self) -> bool:
        with self._lock:
            return self._total is None and not self._stretches[0].done and not self._failed

    def _share(self) -> None:
        """Take part of what others still have to read, as long as it is worth it."""
        while (stretch := self._split()) is not None:
            self._read(stretch)

    def _read(self, stretch: _Stretch) -> None:
        try:
            for number, page in enumerate(self._client.pages(self._query, stretch.after), start=1):
                with self._lock:
                    if stretch.take(page) or self._failed:
                        break
                if number == WAKE_AT_PAGE:
                    self._more.set()
        except BaseException:
            self._failed = True
            raise
        with self._lock:
            stretch.done = True

    def _split(self) -> _Stretch | None:
        """The upper half, by estimate, of the one stretch that is still being read."""
        with self._lock:
            open_ones = [one for one in self._stretches if not one.done]
            if self._total is None or self._failed or len(open_ones) != 1:
                return None
            stretch = open_ones[0]
            left = self._total - sum(len(one.rows) for one in self._stretches)
            if left < SPLIT_FROM_PAGES * self._page or stretch.after is None or not stretch.ordered:
                return None
            middle = stretch.after + int(left / 2 * stretch.density)
            if stretch.last is not None and middle >= stretch.last:
                return None
            upper = _Stretch(middle, stretch.last)
            stretch.last = middle
            self._stretches.append(upper)
            return upper
