"""Applies a mapping to documents, page after page, and sums up what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Any

from core.domain.file_settings import Aggregate, NumberFormat, Rounding
from core.domain.numbers import decimal_sign
from core.domain.selection.amounts import AmountSum, amount_key, tells_money
from core.domain.selection.fields import Fields, Found
from core.domain.selection.mapping import RecordMapping
from core.domain.selection.paths import compile_path
from core.domain.selection.result import Problem, Selection
from core.domain.selection.rows import Row, Rows, keeps
from core.domain.selection.values import Ambiguous, Unreadable, ambiguous, plain_text, shown
from core.domain.text import T, Text
from core.domain.usage import Origin, UsageLine

MOST_PROBLEMS = 1_000
"""So many are kept to be shown; all of them count."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Records of a second call, to be found by a value of each row: seen as `joined.{name}`. `on` is the path of that value."""

    name: str
    on: str
    table: Mapping[str, Any]


@dataclass(slots=True)
class _Sum:
    """What several records of one line come to."""

    first: Found
    origin: Origin
    quantities: list[Decimal | Ambiguous] = field(default_factory=list)
    rows: int = 0
    texts: list[str] = field(default_factory=list)
    total: Decimal = Decimal(0)


def select_lines(document: object, mapping: RecordMapping, *, source: str, place: str = "") -> Selection:
    """The usage lines of one document. `source` is the request or delivery it came in, without secrets; `place` goes before places.

    Bad content never raises: it is a problem, and its customer counts as not read (M2).
    """
    selector = Selector(mapping, source=source)
    selector.feed(document, place=place)
    return selector.selection()


def error_in(document: object, mapping: RecordMapping) -> str:
    """The text at `error_path`, when the document reports an error; "" when it does not."""
    if not mapping.error_path:
        return ""
    found = compile_path(mapping.error_path)(document)
    if found in (None, "", False, [], {}):
        return ""
    return shown(found) if not isinstance(found, dict) else shown(found.get("message") or found)


class Selector:
    """Reads documents by one mapping and adds them up: `feed` each page, then take the `selection`.

    `joined` are tables of second calls. Memory grows with the lines, not with the records.
    """

    def __init__(self, mapping: RecordMapping, *, source: str = "", joined: Sequence[Joined] = ()) -> None:
        self._mapping = mapping
        self._source = source
        self._rows = Rows(mapping.records, mapping.expand)
        self._keeps = keeps(mapping.filters)
        self._fields = Fields(mapping)
        self._record_key = compile_path(mapping.record_key) if mapping.record_key else None
        self._joined = [(one.name, compile_path(one.on), one.table) for one in joined]
        self._sums: dict[tuple[str, ...], _Sum] = {}
        self._money: dict[tuple[object, ...], tuple[_Sum, AmountSum]] = {}
        self._tells_money = tells_money(mapping)
        self._problems: list[Problem] = []
        self._failed: dict[str, Text] = {}
        self._covered: set[str] = set()
        self._empty: set[str] = set()
        self._seen: set[str] = set()
        self._unplaced = False
        self._records = 0
        self._left_out = 0
        self._told: bool | None = None
        self._error = ""
        self._texts: list[str] = []
        self._prefix = ""

    def feed(self, document: object, *, place: str = "", source: str = "", parents: tuple[object, ...] = ()) -> int:
        """Read one more document; the number of its rows. `parents` are records of the calls it belongs to."""
        self._prefix = f"{place}: " if place else ""
        self._source = source or self._source
        self._error = self._error or error_in(document, self._mapping)
        if self._mapping.complete_path:
            told = compile_path(self._mapping.complete_path)(document)
            self._told = self._told is not False and str(told).strip().casefold() in ("true", "1", "yes")
        rows = self._rows.of(document, parents, self, one_row=True)
        if rows is None:
            path = self._mapping.records or "@"
            owner = self.customer_of(parents[-1]) if parents else ""
            self._problem(place, T("The answer has no list of records at {path}.", path=path), "", owner)
            return 0
        before = self._records
        for row in rows:
            self._records += 1
            self._take(row)
        return self._records - before

    def fail(self, place: str, message: Text, text: str = "", customer_id: str = "") -> None:
        """A problem found by the caller: a broken line, a call that failed. Without a customer it may be anybody's."""
        self._problem(place, message, text, customer_id)

    def customer_of(self, record: object) -> str:
        """The customer of a record of a first call, as the mapping names it by that record alone; "" where it does not."""
        return self._owner(Row(record, (), None, None, ()), parents=1)

    @property
    def distinct(self) -> int:
        """How many different records were read so far, where the mapping names their key."""
        return len(self._seen) + self._left_out

    def selection(self) -> Selection:
        """What was read so far."""
        self._look_for_gaps()
        lines = [line for key, one in self._sums.items() if (line := self._line(key, one)) is not None]
        return Selection(
            lines=tuple(line for line in lines if line.customer_id not in self._failed),
            amounts=tuple(line for line in self._amounts() if line.customer_id not in self._failed),
            problems=tuple(self._problems),
            notes=self._notes(),
            failed_customers=MappingProxyType(dict(self._failed)),
            covered=frozenset(self._covered),
            emptied=frozenset(self._empty - {line.customer_id for line in lines} - self._failed.keys()),
            unplaced=self._unplaced,
            records=self._records,
            left_out=self._left_out,
            told_complete=self._told,
            error=self._error,
        )

    def _take(self, row: Row) -> None:
        if self._joined:
            row.joined = {name: table.get(_key_text(on(row))) for name, on, table in self._joined}
        if self._keeps is not None and not self._keeps(row):
            self._left_out += 1
            return
        try:
            customer = self._fields.customer(row)
        except Unreadable as problem:
            self._problem(self._place(row), problem.message, problem.found)
            return
        self._covered.add(customer[0])
        try:
            if self._record_key is not None and self._is_known(row):
                return
            found = self._fields.read(row, customer)
        except Unreadable as problem:
            self._problem(self._place(row), problem.message, problem.found, customer[0])
            return
        self._add(row, found)

    def _is_known(self, row: Row) -> bool:
        """Whether this record was read before: lists move while they are paged through."""
        assert self._record_key is not None
        key = plain_text(self._record_key(row))
        if key is None:
            raise Unreadable(T("The record has no {path}.", path=self._mapping.record_key))
        if key in self._seen:
            return True
        self._seen.add(key)
        return False

    def _add(self, row: Row, found: Found) -> None:
        known = self._sums.get(found.key)
        if known is None:
            known = self._sums[found.key] = _Sum(found, Origin(self._source, self._place(row)))
        self._count_in(known, found)
        if self._tells_money:
            self._add_money(row, found)

    def _add_money(self, row: Row, found: Found) -> None:
        known = self._money.get(key := amount_key(found))
        if known is None:
            known = self._money[key] = (_Sum(found, Origin(self._source, self._place(row))), AmountSum())
        self._count_in(known[0], found)
        known[1].add(found)

    def _amounts(self) -> list[UsageLine]:
        """Lines of money. A line whose quantity is no number was told as a problem already, and its customer with it."""
        found = []
        for one, money in self._money.values():
            if one.first.key[0] not in self._failed:
                line = one.first.line(self._total(one), one.origin._replace(rows=one.rows))
                found.append(money.line(line, one.first, counts_money=self._mapping.counts_money))
        return found

    def _count_in(self, known: _Sum, found: Found) -> None:
        known.rows += 1
        quantity = found.quantity
        if isinstance(quantity, Ambiguous):
            known.texts.append(found.text)
            known.quantities.append(quantity)
            return
        if found.text and len(self._texts) < MOST_PROBLEMS:
            self._texts.append(found.text)
        if self._mapping.aggregate is Aggregate.SUM:
            known.total += quantity
        else:
            known.quantities.append(quantity)

    def _line(self, key: tuple[str, ...], one: _Sum) -> UsageLine | None:
        try:
            quantity = self._total(one)
        except Unreadable as problem:
            self._problem(one.origin.place, problem.message, problem.found, key[0])
            return None
        return one.first.line(quantity, one.origin._replace(rows=one.rows))

    def _total(self, one: _Sum) -> Decimal:
        numbers = [self._settled(number, one) for number in one.quantities]
        match self._mapping.aggregate:
            case Aggregate.MAX:
                total = max(numbers)
            case Aggregate.LAST:
                total = numbers[-1]
            case Aggregate.AVERAGE:
                total = sum(numbers, Decimal(0)) / len(numbers)
            case Aggregate.COUNT:
                total = Decimal(one.rows)
            case _:
                total = sum(numbers, one.total)
        total = _rounded(total, self._mapping.rounding)
        if total < 0 and not self._tells_money:
            raise Unreadable(T("The quantity of {product} is below zero.", product=one.first.product), total)
        return total

    def _settled(self, number: Decimal | Ambiguous, one: _Sum) -> Decimal:
        if isinstance(number, Decimal):
            return number
        settled = number.settled(self._sign(), "," if "," in one.texts[0] else ".")
        if isinstance(settled, Ambiguous):
            raise ambiguous(one.texts[0])
        return settled

    def _sign(self) -> NumberFormat:
        return decimal_sign(self._texts)

    def _look_for_gaps(self) -> None:
        """What was in no record at all: a list or key part that is gone everywhere was renamed, not emptied (M2)."""
        for path in self._rows.never_seen():
            self._problem("", T("No record has a list at {path}.", path=path))
        for path in self._fields.lost_keys():
            self._problem("", T("No record has a value at {path}.", path=path))

    def _notes(self) -> tuple[Text, ...]:
        notes = [T("No record has a value at {path}.", path=path) for path in self._fields.lost_extras()]
        if self._left_out:
            notes.append(T("{count} records are left out by the filters.", count=self._left_out))
        return (*notes, *self._failed.values(), *(p.message for p in self._problems if not p.customer_id))[:100]

    def no_list(self, row: Row, message: Text, found: str) -> None:
        """A record's inner list is something else: its customer was not read."""
        self._problem(self._place(row), message, found, self._owner(row))

    def empty(self, row: Row) -> None:
        """A record without rows: its customer was seen all the same."""
        owner = {self._owner(row)} - {""}
        self._covered |= owner
        self._empty |= owner

    def _owner(self, row: Row, parents: int = 0) -> str:
        """The customer of a record that gives no rows, as its rows would have named it; "" where only they could tell."""
        around = (*row.parents, row.item)
        unknown = len(self._mapping.expand) + parents - (len(row.trail) or 1)
        try:
            return self._fields.customer(Row(None, (*around, *[None] * unknown), row.key, row.document, ()))[0]
        except Unreadable:
            return ""

    def _place(self, row: Row) -> str:
        return f"{self._prefix}{self._rows.place(row.trail)}"

    def _problem(self, place: str, message: Text, text: str = "", customer_id: str = "") -> None:
        if customer_id:
            told = T("{place}: {message}", place=place, message=message) if place else message
            self._failed.setdefault(customer_id, told)
        else:
            self._unplaced = True
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append(Problem(place, message, text, customer_id))


def _rounded(total: Decimal, rounding: Rounding) -> Decimal:
    if rounding is Rounding.NONE or total == total.to_integral_value():
        return total
    return total.to_integral_value(ROUND_CEILING if rounding is Rounding.UP else ROUND_HALF_UP)


def _key_text(found: Any) -> str:
    return "" if found is None or isinstance(found, dict | list) else plain_text(found) or ""
