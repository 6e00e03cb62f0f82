"""The amounts of a file: what consumption is made of, kept apart by month, currency, words, and credits (S1-61, S1-62)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd

from core.domain.consumption_lines import WIDE, month_of
from core.domain.file_settings import Aggregate, FileSettings
from core.domain.text import T
from core.domain.usage import UsageLine
from core.files.aggregate import Groups, agreed, earliest, grouped, latest, money, quantities, rounded
from core.files.cells import Cell, Column
from core.files.findings import Findings
from core.files.issues import NoteKind
from core.files.lines import LineMaker, line_keys, months_of
from core.files.records import UNCOUNTED, Records, unread
from core.files.table import Table

UNREAD, FREE = "?", "free"
"""Marks of rows whose amount cannot be read, and of rows that tell none."""
PERIODS = ("period_start", "period", "period_end", "date", "effective_date")
"""What tells a row's month, the surest first."""


def amount_lines(
    records: Records, tables: Sequence[Table], settings: FileSettings, findings: Findings, file_name: str
) -> tuple[UsageLine, ...]:
    """What consumption is made of, as usage lines with the attributes `amount`, `price` and `description`; none where the mapping
    reads no amounts. An amount that cannot be read is `?`: the reading is not complete for it.
    """
    if not settings.tells_amounts or not len(records):
        return ()
    by_row = _by_row(records, settings)
    keys = line_keys(records) | _finer_keys(records, by_row)
    groups = grouped(records, list(keys.values()), settings)
    # What is odd about prices was told when the lines were made.
    maker = LineMaker(records, tables, settings, Findings(findings.limits), file_name, keys, groups)
    numbers = [rounded(exact, settings.rounding) for exact in quantities(records, groups, settings)]
    amounts = _sums(by_row, groups) if by_row is not None else _conflicts(records, groups, settings)
    unclear = sum(amount == UNREAD for amount in amounts)
    if unclear:
        text = T(
            "{count} lines have an amount that cannot be read; nothing is charged until that is mended.", count=unclear
        )
        findings.note(NoteKind.PRICE_UNREADABLE, text)
    prices = _prices(records, groups, settings)
    words = maker.of_first(records.columns.get("description"))
    months = maker.of_first(keys.get("month"))
    starts, ends = _periods(records, groups)
    found: list[UsageLine] = []
    for line, amount, price, text, month, start, end in zip(
        maker.lines(numbers), amounts, prices, words, months, starts, ends, strict=True
    ):
        told = {"amount": amount, "price": price, "description": text, "quantity": settings.counts_money and "none"}
        attributes = {name: str(value) for name, value in told.items() if value}
        first, last = _period(month, start, end)
        found.append(replace(line, attributes=attributes, period_start=first, period_end=last))
        if by_row is not None and not amount:
            # Rows without a quantity, or without a price: what is left of the two is no amount.
            found[-1] = replace(found[-1], unit_cost=None, unit_price=None)
    return tuple(found)


def _finer_keys(records: Records, by_row: Column | None) -> dict[str, Column]:
    """What lines of amounts are told apart by, beside customer, product, term and subscription."""
    columns = records.columns
    keys: dict[str, Column] = {role: columns[role] for role in ("currency", "unit", "description") if role in columns}
    told = [role for role in PERIODS if role in columns]
    if told:
        keys["month"] = _joined([columns[role] for role in told], _month)
    if by_row is not None:
        keys["sign"] = by_row.mapped(_sign)
    return keys


def _sign(amount: Cell) -> str:
    if isinstance(amount, Decimal):
        return "-" if amount < 0 else ""
    return str(amount)


def _month(*told: Cell) -> str:
    """The first month that one of the cells tells; empty where none does."""
    for cell in told:
        if isinstance(cell, datetime):
            return f"{cell:%Y-%m}"
        month = months_of(cell) if isinstance(cell, str) and cell else None
        if month is not None:
            return f"{month[0]:%Y-%m}"
    return ""


def _by_row(records: Records, settings: FileSettings) -> Column | None:
    """The amount of each record; None where it is known for a whole line alone, as with the largest or last quantity."""
    columns = records.columns
    nothing = Column.constant(None, len(records))
    uncounted = columns.get(UNCOUNTED, nothing)
    if settings.counts_money:
        return _joined([columns["quantity"], uncounted], lambda amount, none: FREE if none else amount)
    if "amount" in columns:
        odd = columns.get(unread("amount"), nothing)
        return _joined([columns["amount"], odd, uncounted], _told)
    if settings.distinct or settings.combine not in (Aggregate.SUM, Aggregate.COUNT):
        return None
    parts = [
        columns.get(role, nothing) for role in ("unit_cost", "unit_price", unread("unit_cost"), unread("unit_price"))
    ]
    return _joined([columns["quantity"], *parts, uncounted], _times)


def _told(amount: Cell, odd: Cell, uncounted: Cell) -> Cell:
    """A row with a quantity should tell an amount; one with neither tells none."""
    if isinstance(amount, Decimal):
        return amount
    return FREE if uncounted and not odd else UNREAD


def _times(quantity: Cell, cost: Cell, price: Cell, odd_cost: Cell, odd_price: Cell, uncounted: Cell) -> Cell:
    if odd_cost or (cost is None and odd_price):
        return UNREAD
    each = cost if isinstance(cost, Decimal) else price
    return WIDE.multiply(quantity, each) if isinstance(each, Decimal) and not uncounted else FREE


def _sums(by_row: Column, groups: Groups) -> list[str]:
    free = np.zeros(len(groups), dtype=np.bool_)
    free[groups.of[by_row.where(lambda value: value == FREE)]] = True
    sums = money(by_row, groups)
    return [
        "" if nothing else UNREAD if total is None else f"{total:f}"
        for nothing, total in zip(free.tolist(), sums, strict=True)
    ]


def _conflicts(records: Records, groups: Groups, settings: FileSettings) -> list[str]:
    """`?` for lines whose rows have different costs or prices, or one that cannot be read: nobody can tell which holds (M9)."""
    odd = np.zeros(len(groups), dtype=np.bool_)
    for role in ("unit_cost", "unit_price"):
        column = records.columns.get(role)
        if column is None:
            continue
        some = np.zeros(len(groups), dtype=np.bool_)
        some[groups.of[column.where(lambda value: isinstance(value, Decimal))]] = True
        values, _ = agreed(column, groups, settings)
        odd |= some & np.array([value is None for value in values], dtype=np.bool_)
        marks = records.columns.get(unread(role))
        if marks is not None:
            odd[groups.of[marks.where(bool)]] = True
    return [UNREAD if one else "" for one in odd.tolist()]


def _prices(records: Records, groups: Groups, settings: FileSettings) -> list[str]:
    """What the source asks for each line in all, where every row tells a unit price."""
    price = records.columns.get("unit_price")
    if price is None or settings.counts_money or settings.distinct or settings.combine is not Aggregate.SUM:
        return [""] * len(groups)
    uncounted = records.columns.get(UNCOUNTED, Column.constant(None, len(records)))
    column = _joined([records.columns["quantity"], price, uncounted], _price)
    return ["" if total is None else f"{total:f}" for total in money(column, groups)]


def _price(quantity: Cell, each: Cell, uncounted: Cell) -> Cell:
    return WIDE.multiply(quantity, each) if isinstance(each, Decimal) and not uncounted else None


def _periods(records: Records, groups: Groups) -> tuple[list[datetime | None], list[datetime | None]]:
    """First and last day that the rows of each line tell."""
    starts, ends = records.columns.get("period_start"), records.columns.get("period_end")
    if starts is None:
        # Of days that rows are of, or of an end alone, the whole month counts.
        return [None] * len(groups), [None] * len(groups)
    return earliest(starts, groups), latest(ends if ends is not None else starts, groups)


def _period(month: str, start: datetime | None, end: datetime | None) -> tuple[date | None, date | None]:
    if start is not None:
        return start.date(), max(start.date(), end.date() if end is not None else start.date())
    return month_of(date.fromisoformat(f"{month}-01")) if month else (None, None)


def _joined(columns: Sequence[Column], change: Callable[..., Cell]) -> Column:
    """A column made of several; what it is made by is asked once for each different combination of cells."""
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        codes = pd.factorize(codes * max(len(column.values), 1) + column.codes)[0].astype(np.int64)
    different = int(codes.max()) + 1
    first = np.zeros(different, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1, dtype=np.int64)
    cells: Iterator[tuple[Cell, ...]] = zip(
        *([column.values[code] for code in column.codes[first].tolist()] for column in columns), strict=True
    )
    return Column([change(*one) for one in cells], codes.astype(np.int32)).mapped(lambda cell: cell)
