"""One table of records in memory: ascending ids and indexes on the fields that queries narrow by."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from connectors.autotask.sandbox.schema import EntitySpec
from connectors.autotask.sandbox.values import Record


@dataclass(slots=True)
class Narrowing:
    """What a filter says with certainty, so that only a part of a table must be looked at."""

    equals: dict[str, frozenset[object]] = field(default_factory=dict)
    """Field → the only values it may have (text folded to lower case)."""
    ranges: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Date field → earliest and latest stored value."""
    after: int = -1
    """Only ids above this."""
    below: int | None = None
    """Only ids below this."""


class Table:
    """Records of one entity."""

    def __init__(self, spec: EntitySpec) -> None:
        self.spec = spec
        self.rows: dict[int, Record] = {}
        self._ids: list[int] = []
        self._index: dict[str, dict[object, list[int]]] = {name: {} for name in spec.indexed}
        self._last = 0

    def new_id(self) -> int:
        """An id that was never used before."""
        self._last += 1
        return self._last

    def put(self, record: Record) -> None:
        """Insert, or replace what has the same id."""
        key = int(record["id"])
        old = self.rows.get(key)
        if old is None:
            insort(self._ids, key)
        self._last = max(self._last, key)
        self.rows[key] = record
        for name, entries in self._index.items():
            value = folded(record.get(name))
            if old is not None:
                before = folded(old.get(name))
                if before == value:
                    continue
                entries[before].remove(key)
            insort(entries.setdefault(value, []), key)

    def remove(self, key: int) -> None:
        """Forget a record."""
        record = self.rows.pop(key)
        self._ids.remove(key)
        for name, entries in self._index.items():
            entries[folded(record.get(name))].remove(key)

    def by(self, name: str, value: object) -> list[Record]:
        """Records whose indexed field has this value, by ascending id."""
        return [self.rows[key] for key in self._index[name].get(folded(value), ())]

    def select(self, narrowing: Narrowing) -> Iterator[Record]:
        """Records that may fit, by ascending id; the caller still applies the whole filter."""
        ids = self._candidates(narrowing)
        for position in range(bisect_left(ids, narrowing.after + 1), len(ids)):
            if narrowing.below is not None and ids[position] >= narrowing.below:
                return
            yield self.rows[ids[position]]

    def _candidates(self, narrowing: Narrowing) -> Sequence[int]:
        if "id" in narrowing.equals:
            return sorted(
                int(key) for key in narrowing.equals["id"] if isinstance(key, int | float) and key in self.rows
            )
        best: list[int] | None = None
        for name, values in narrowing.equals.items():
            entries = self._index.get(name)
            if entries is None:
                continue
            found = [entries.get(value, []) for value in values]
            if best is None or sum(map(len, found)) < len(best):
                best = sorted(key for keys in found for key in keys)
        return self._ids if best is None else best


def folded(value: object) -> object:
    """Text compares without letter case, as the database does."""
    return value.casefold().rstrip() if isinstance(value, str) else value
