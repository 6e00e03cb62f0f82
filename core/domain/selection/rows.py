"""Rows of a document: its records, with the lists inside them spread out, and the filters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Protocol

from core.domain.patterns import UserPattern, compile_pattern
from core.domain.selection.listing import Listing, base, listing
from core.domain.selection.mapping import Expand, Filter, FilterOp, OnEmpty, is_map
from core.domain.selection.paths import Scope, compile_path, row_getter
from core.domain.selection.values import Unreadable, plain_text
from core.domain.text import T, Text

Trail = tuple[int | str, ...]
LONGEST_SEARCHED = 2_000
PLAIN_PATH = re.compile(r'(?:(?P<above>(?:(?:\w+|"[^"\\]+")\.)*(?:\w+|"[^"\\]+"))\.)?(?P<name>\w+|"[^"\\]+")')
"""Names alone, plain or quoted: the only paths that tell a list with null from one that is not there."""


NOTHING_JOINED: Mapping[str, Any] = MappingProxyType({})


class Row(Scope):
    """One row: its scope, and the trail of numbers and keys that leads to it."""

    __slots__ = ("trail",)

    def __init__(self, item: Any, parents: tuple[Any, ...], key: str | None, document: Any, trail: Trail) -> None:
        self.item = item
        self.parents = parents
        self.parent = parents[-1] if parents else None
        self.key = key
        self.keys = () if key is None else (key,)
        self.document = document
        self.joined = NOTHING_JOINED
        self.trail = trail


class Watcher(Protocol):
    """Is told of records that give no rows."""

    def no_list(self, row: Row, message: Text, found: str) -> None:
        """Where the record's list should be, there is something else."""

    def empty(self, row: Row) -> None:
        """The record's list is empty."""


class _Unwatched:
    def no_list(self, row: Row, message: Text, found: str) -> None:
        """Nobody asks."""

    def empty(self, row: Row) -> None:
        """Nobody asks."""


class _Level:
    """One list inside the records. `seen` says that at least one record had it."""

    def __init__(self, declared: Expand) -> None:
        path = declared.path
        self.path = path
        self.on_empty = declared.on_empty
        self.may_lack = declared.may_lack or declared.on_empty is OnEmpty.PARENT
        self.items: Listing = listing(path)
        self.asked = False
        self.seen = False
        plain = path.removesuffix("[*]").removesuffix("[]").removesuffix(".*")
        named = PLAIN_PATH.fullmatch(plain)
        self.name = named["name"].strip('"') if named else ""
        self.look = compile_path(named["above"] or "") if named else None

    def is_null(self, row: Row) -> bool:
        """Whether the list is there with null, which is as good as empty."""
        above = self.look(row) if self.look else None
        return isinstance(above, dict) and self.name in above

    def was_lost(self, row: Row) -> bool:
        """Whether the list should be there and is not, not even with null (M2). A path that computes cannot tell."""
        return not self.may_lack and self.look is not None and not self.is_null(row)


class Rows:
    """Walks documents by a mapping. One object for all pages: it remembers which lists were ever there."""

    def __init__(self, records: str, expand: Sequence[Expand] = ()) -> None:
        paths = [records, *(one.path for one in expand)]
        self._records = listing(records)
        self._levels = [_Level(one) for one in expand]
        self._bases = [base(path) for path in paths]
        self._maps = [is_map(path) for path in paths]

    def of(
        self, document: Any, parents: tuple[Any, ...], watcher: Watcher | None = None, *, one_row: bool = False
    ) -> Iterator[Row] | None:
        """The rows of one document; None when it has no list of records, which is never an empty one (M2).

        `one_row` may give the same object again for the next row: for callers that keep none.
        """
        found = self._records(document)
        if found.missing or found.wrong:
            return None
        if one_row and not self._levels:
            return self._again(found.items, parents, document)
        return self._spread(found.items, parents, document, watcher or _Unwatched())

    def _again(self, items: Sequence[tuple[int | str, Any]], parents: tuple[Any, ...], document: Any) -> Iterator[Row]:
        keyed = self._maps[0]
        row = Row(None, parents, None, document, ())
        for name, item in items:
            row.item = item
            row.trail = (name,)
            if keyed:
                row.key = str(name)
                row.keys = (row.key,)
            yield row

    def never_seen(self) -> list[str]:
        """Lists inside that no record had."""
        return [level.path for level in self._levels if level.asked and not level.seen]

    def place(self, trail: Trail) -> str:
        """Where a row stands: `customers[1].products[0]`."""
        place = ""
        for number, name in enumerate(trail):
            here = self._bases[number]
            place += f".{here}" if place and here else here
            place += f"[{name}]" if not self._maps[number] else f".{name}" if place else str(name)
        return place

    def _spread(
        self, items: Sequence[tuple[int | str, Any]], parents: tuple[Any, ...], document: Any, watcher: Watcher
    ) -> Iterator[Row]:
        keyed = self._maps[0]
        for name, item in items:
            row = Row(item, parents, str(name) if keyed else None, document, (name,))
            if self._levels:
                yield from self._below(row, 0, watcher)
            else:
                yield row

    def _below(self, row: Row, depth: int, watcher: Watcher) -> Iterator[Row]:
        level = self._levels[depth]
        found = level.items(row)
        level.asked = True
        level.seen = level.seen or not found.missing or level.is_null(row)
        if found.wrong:
            watcher.no_list(row, T("There is no list at {path}.", path=level.path), found.wrong)
            return
        if found.missing and level.was_lost(row):
            why = T(
                "The list {path} is missing. Where it may be left out, say so under Filters and totals.",
                path=level.path,
            )
            watcher.no_list(row, why, "")
            return
        if not found.items:
            if level.on_empty is OnEmpty.PARENT:
                yield row
            else:
                watcher.empty(row)
            return
        parents = (*row.parents, row.item)
        keyed = self._maps[depth + 1]
        deeper = depth + 1 < len(self._levels)
        for name, item in found.items:
            inner = Row(item, parents, str(name) if keyed else row.key, row.document, (*row.trail, name))
            inner.keys = (*row.keys, str(name)) if keyed else row.keys
            if deeper:
                yield from self._below(inner, depth + 1, watcher)
            else:
                yield inner


def keeps(filters: Sequence[Filter]) -> Callable[[Scope], bool] | None:
    """Whether a row is counted; None when every row is."""
    if not filters:
        return None
    tests = [_test(one) for one in filters]
    if len(tests) == 1:
        return tests[0]
    return lambda row: all(test(row) for test in tests)


def _test(one: Filter) -> Callable[[Scope], bool]:
    look = row_getter(one.path)
    match one.op:
        case FilterOp.EXISTS:
            return lambda row: look(row) is not None
        case FilterOp.MISSING:
            return lambda row: look(row) is None
        case FilterOp.EQUALS | FilterOp.IN:
            wanted = frozenset(value.casefold() for value in one.values)
            return lambda row: _folded(look(row)) in wanted
        case FilterOp.NOT_EQUALS:
            unwanted = frozenset(value.casefold() for value in one.values)
            return lambda row: _folded(look(row)) not in unwanted
        case FilterOp.MATCHES:
            patterns = [compile_pattern(value, ignore_case=True) for value in one.values]
            return lambda row: _matches(look(row), patterns)
        case _:
            return _compared(one, look)


def _compared(one: Filter, look: Callable[[Any], Any]) -> Callable[[Scope], bool]:
    limit = Decimal(one.values[0])

    def test(row: Scope) -> bool:
        found = look(row)
        if isinstance(found, bool) or not isinstance(found, int | float | Decimal):
            return False
        return found > limit if one.op is FilterOp.GREATER else found < limit

    return test


def _folded(found: Any) -> str | None:
    if found.__class__ is str:
        return str.casefold(found.strip())
    try:
        text = plain_text(found)
    except Unreadable:
        return None
    return None if text is None else text.casefold()


def _matches(found: Any, patterns: Sequence[UserPattern]) -> bool:
    text = _folded(found)
    return text is not None and any(pattern.search(text[:LONGEST_SEARCHED]) for pattern in patterns)
