"""Records added up by what charges can be split by: whole columns at a time, exactly, in memory that follows the number of sums."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.domain.billing_words import (
    NO_DAY,
    day_number,
    group_name,
    identity,
    month_start,
    period_end,
    tags_of,
)
from core.domain.consumption_settings import ConsumptionSettings
from core.domain.errors import InputError
from core.domain.text import T
from core.files.consumption.chunks import AMOUNTS, EXACT, Piece
from core.files.issues import Kind

__all__ = ["GRAIN", "Grouping", "Words"]

Codes = npt.NDArray[np.int32]
Value = TypeVar("Value", bound=Hashable)

GRAIN = (
    "customer_id", "subscription_id", "resource_group", "resource_id", "product", "service", "meter_category", "unit",
    "charge_type", "publisher_type", "pricing_model", "region", "currency", "invoiced", "tags", "start", "end",
)  # fmt: skip
"""What records of one sum have in common."""
FOLDED = {"unit", "service", "meter_category", "region"}
COMPACT_FROM = 200_000
"""Rows of partial sums before they are added up again."""
_COUNTED = tuple(f"{name}_rows" for name in AMOUNTS)


class Words:
    """Numbers for the distinct values of a column over all pieces. `take` turns a text of the file into the value that counts."""

    def __init__(self, take: Callable[[str], Hashable] = str.strip) -> None:
        self.values: list[Any] = []
        self.texts: list[str] = []
        """For each value the text it was first seen as."""
        self._take = take
        self._by_text: dict[str, int] = {}
        self._by_value: dict[Hashable, int] = {}

    def code(self, text: str) -> int:
        known = self._by_text.get(text)
        if known is None:
            value = self._take(text)
            known = self._by_value.get(value)
            if known is None:
                known = self._by_value[value] = len(self.values)
                self.values.append(value)
                self.texts.append(text)
            self._by_text[text] = known
        return known

    def number(self, value: Hashable) -> int | None:
        """The number of a value; None for one that did not occur."""
        return self._by_value.get(value)

    def codes(self, column: pa.DictionaryArray) -> Codes:
        texts = column.dictionary.to_pylist()
        numbers = list(map(self._by_text.get, texts))
        if None in numbers or not numbers:
            numbers = [self.code(text or "") for text in texts] or [self.code("")]
        table = np.array(numbers, np.int32)
        found: Codes = table[column.indices.to_numpy(zero_copy_only=False)]
        return found


@dataclass(slots=True)
class Grouping:
    """Adds up the pieces of all files. `first` of a sum is part × 2³² + row: where its first record stands."""

    settings: ConsumptionSettings
    words: dict[str, Words] = field(default_factory=dict)
    names: dict[str, dict[int, str]] = field(default_factory=lambda: {"customer_id": {}, "subscription_id": {}})
    unreadable_tags: int = 0
    without_amount: int = 0
    rows: int = 0
    totals: dict[str, Any] = field(default_factory=dict)
    """What the cost column comes to by currency, worked out apart from the groups."""
    months_of_parts: dict[tuple[int, int, int, int], None] = field(default_factory=dict)
    """Part, customer, subscription and start of period that occur together."""
    _partial: list[pa.Table] = field(default_factory=list)
    _partial_rows: int = 0
    _compacted: int = 0
    _days: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wanted = frozenset(name.strip().casefold() for name in self.settings.tags)
        takes: dict[str, Callable[[str], Hashable]] = {
            "customer_id": identity,
            "subscription_id": identity,
            "section_id": str.strip,
            "resource_group": group_name,
            "resource_id": lambda text: text.strip().casefold(),
            "currency": lambda text: text.strip().upper(),
            "tags": lambda text: tags_of(text, wanted),
        }
        for role in ("section_id", *GRAIN):
            self.words[role] = Words(takes.get(role, str.strip))

    def add(self, piece: Piece, part: int, first_row: int) -> None:
        """Add the records of a piece. Raises InputError for a date that cannot be read."""
        codes = self.codes(piece)
        columns: dict[str, Any] = {name: pa.array(codes[name]) for name in GRAIN}
        for name in AMOUNTS:
            amounts = piece.columns.get(name)
            columns[name] = pa.nulls(piece.rows, EXACT) if amounts is None else amounts
        columns["first"] = pa.array(np.arange(piece.rows, dtype=np.int64) + ((part << 32) + first_row))
        table = pa.table(columns)
        self.rows += piece.rows
        self._count(table)
        found = _first_sums(table)
        self._remember_months(found, part)
        self._partial.append(found)
        self._partial_rows += found.num_rows
        if self._partial_rows > max(COMPACT_FROM, 3 * self._compacted):
            self.table()

    def forget(self) -> None:
        """Begin anew with the sums; what the words are numbered stays."""
        self._partial, self._partial_rows, self._compacted = [], 0, 0

    def table_of(self, customer_id: str) -> pa.Table:
        """The sums of one customer; None where there are none."""
        whole, number = self.table(), self.words["customer_id"].number(customer_id)
        if whole is None or number is None:
            return None
        return whole.filter(pc.equal(whole.column("customer_id"), number))

    def table(self) -> pa.Table:
        """All sums so far: the columns of GRAIN as numbers, amounts, `rows`, `first`. None where there are none."""
        if not self._partial:
            return None
        whole = _sums_of_sums(pa.concat_tables(self._partial))
        self._partial, self._partial_rows, self._compacted = [whole], whole.num_rows, whole.num_rows
        return whole

    def codes(self, piece: Piece) -> dict[str, Codes]:
        """The number of each record's value in each column of GRAIN."""
        codes = {role: self._coded(piece, role) for role in GRAIN if role not in ("invoiced", "start", "end")}
        has_resource = self.words["resource_id"].code("")
        codes["product"] = np.where(
            codes["resource_id"] == has_resource, codes["product"], self.words["product"].code("")
        ).astype(np.int32)
        codes["customer_id"] = self._customers(piece, codes)
        self._names(piece, "subscription", "subscription_id", codes["subscription_id"])
        codes["start"], codes["end"] = self._period(piece)
        invoice = piece.columns.get("invoice")
        codes["invoiced"] = np.zeros(piece.rows, np.int32)
        if invoice is not None:
            told = np.array(
                [bool((text or "").strip()) for text in invoice.dictionary.to_pylist()] or [False], np.int32
            )
            codes["invoiced"] = told[invoice.indices.to_numpy(zero_copy_only=False)]
        return codes

    def _coded(self, piece: Piece, role: str) -> Codes:
        column = piece.columns.get(role)
        if column is None:
            return np.full(piece.rows, self.words[role].code(""), np.int32)
        return self.words[role].codes(column)

    def _customers(self, piece: Piece, codes: dict[str, Codes]) -> Codes:
        """Whoever stands for the customer, by setting; their numbers are those of the column `customer_id`."""
        wanted = self.settings.customer
        roles = piece.columns
        if wanted == "invoice_section":
            source, name = "section_id", "section"
        elif wanted == "subscription" or (wanted == "automatic" and "customer_id" not in roles):
            source, name = "subscription_id", "subscription"
        else:
            self._names(piece, "customer", "customer_id", codes["customer_id"])
            return codes["customer_id"]
        own = self._coded(piece, source)
        words = self.words[source]
        table = np.array([self.words["customer_id"].code(str(value)) for value in words.values], np.int32)
        found: Codes = table[own]
        self._names(piece, name, "customer_id", found)
        return found

    def _names(self, piece: Piece, role: str, of: str, codes: Codes) -> None:
        """The name that goes with each id, the first one seen; names change and repeat, ids do not."""
        column = piece.columns.get(role)
        if column is None:
            return
        known = self.names[of]
        nameless = np.ones(len(self.words[of].values), np.bool_)
        nameless[list(known)] = False
        if not nameless[codes].any():
            return
        pairs = np.unique(codes.astype(np.int64) << 32 | column.indices.to_numpy(zero_copy_only=False))
        texts = column.dictionary.to_pylist()
        for pair in pairs.tolist():
            text = (texts[pair & 0xFFFFFFFF] or "").strip()
            if text:
                known.setdefault(pair >> 32, text)

    def _period(self, piece: Piece) -> tuple[Codes, Codes]:
        """Ordinals of the first and last day of the billing period; of the date's month where the file has none."""
        start, end = self._day(piece, "period_start"), self._day(piece, "period_end")
        day = self._day(piece, "date")
        if (start == NO_DAY).any():
            start = np.where(start == NO_DAY, _each(day, month_start), start)
        if (start == NO_DAY).any():
            raise InputError(
                T("A row has no date and no billing period."),
                remedy=T("Use the file as Microsoft wrote it: a spreadsheet program changes its dates and amounts."),
                kind=Kind.NOT_A_DATE,
            )
        if len(start) and (start == start[0]).all() and (end == end[0]).all():
            return start, np.full(piece.rows, period_end(int(start[0]), int(end[0])), np.int32)
        pairs, places = np.unique(
            start.astype(np.int64) << 32 | (end.astype(np.int64) & 0xFFFFFFFF), return_inverse=True
        )
        ends = [period_end(pair >> 32, _signed(pair & 0xFFFFFFFF)) for pair in pairs.tolist()]
        return start.astype(np.int32), np.array(ends, np.int32)[places]

    def _day(self, piece: Piece, role: str) -> Codes:
        column = piece.columns.get(role)
        if column is None:
            return np.full(piece.rows, NO_DAY, np.int32)
        for text in column.dictionary.to_pylist():
            if (text or "") not in self._days:
                self._days[text or ""] = self._read_day(text or "", piece, role)
        table = np.array([self._days[text or ""] for text in column.dictionary.to_pylist()] or [NO_DAY], np.int32)
        found: Codes = table[column.indices.to_numpy(zero_copy_only=False)]
        return found

    @staticmethod
    def _read_day(text: str, piece: Piece, role: str) -> int:
        try:
            return day_number(text)
        except InputError as error:
            raise InputError(
                error.message, place=piece.layout.roles[role], remedy=error.remedy, kind=error.kind
            ) from error

    def _count(self, table: pa.Table) -> None:
        """What the columns come to apart from the groups, and what could not be read."""
        sums = table.group_by("currency", use_threads=False).aggregate([("cost", "sum"), ("cost", "count")])
        for one in sums.to_pylist():
            currency = self.words["currency"].values[one["currency"]]
            self.totals.setdefault(currency, []).append(one["cost_sum"])
            self.without_amount -= one["cost_count"]
        self.without_amount += table.num_rows
        unreadable = [code for code, value in enumerate(self.words["tags"].values) if value is None]
        if unreadable:
            self.unreadable_tags += int(np.isin(table.column("tags").to_numpy(), unreadable).sum())

    def _remember_months(self, found: pa.Table, part: int) -> None:
        places = found.group_by(["customer_id", "subscription_id", "start"], use_threads=False).aggregate([])
        for row in zip(*(column.to_pylist() for column in places.columns), strict=True):
            self.months_of_parts.setdefault((part, *row))


def _first_sums(table: pa.Table) -> pa.Table:
    """One row for each combination of GRAIN: sums of the amounts, how many records have each, how many there are."""
    found = table.group_by(list(GRAIN), use_threads=False).aggregate(
        [*((name, how) for name in AMOUNTS for how in ("sum", "count")), ("first", "min"), ("first", "count")]
    )
    columns = {name: found.column(name) for name in GRAIN}
    columns |= {name: found.column(f"{name}_sum").cast(EXACT) for name in AMOUNTS}
    columns |= {f"{name}_rows": found.column(f"{name}_count") for name in AMOUNTS}
    return pa.table({**columns, "rows": found.column("first_count"), "first": found.column("first_min")})


def _sums_of_sums(table: pa.Table) -> pa.Table:
    """The same of rows that are sums themselves."""
    added = (*AMOUNTS, *_COUNTED, "rows")
    found = table.group_by(list(GRAIN), use_threads=False).aggregate(
        [*((name, "sum") for name in added), ("first", "min")]
    )
    columns = {name: found.column(name) for name in GRAIN} | {name: found.column(f"{name}_sum") for name in added}
    return pa.table({**columns, "first": found.column("first_min")})


def _each(days: Codes, work: Callable[[int], int]) -> Codes:
    distinct, places = np.unique(days, return_inverse=True)
    found: Codes = np.array([work(day) for day in distinct.tolist()], np.int32)[places]
    return found


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value
