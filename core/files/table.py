"""The rows of one table, column by column: which of them hold a quantity, and of whom (import rules 3.6, 3.8; shapes G, W, S)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from core.domain.file_settings import Constant, FileSettings, FromFileName, FromSheetName, Shape
from core.domain.patterns import UserPattern, compile_pattern
from core.files.cells import Cell, CellError, Column, Lossy, Mask, Rows, Unstored, as_text, display, is_blank
from core.files.grid import Body
from core.files.headings import folded
from core.files.locate import Located
from core.files.numbers import NO_VALUE
from core.files.roles import TEXT_ROLES

_LOSSY = re.compile(r"-?\d([.,]\d+)?E\+\d+", re.IGNORECASE | re.ASCII)
Name = str | Lossy | CellError | Unstored
"""An identifier as it will be used, or why it cannot be."""


@dataclass(slots=True)
class Quantities:
    """One column of quantities. `product` is set where the column stands for a product (wide)."""

    cells: Column
    index: int | None
    product: str | None = None


@dataclass(slots=True)
class Table:
    """Rows of one table. `keep` marks the rows that are data: no blank rows, repeated headings, group lines, filtered rows."""

    located: Located
    body: Body
    names: dict[str, Column]
    quantities: list[Quantities]
    keep: Mask
    unfiltered: Mask
    others: dict[str, Column] = field(default_factory=dict)
    """Columns of dates, prices and distinct values, as the cells are."""

    @property
    def sheet(self) -> str:
        return self.located.grid.name

    @property
    def numbers(self) -> Rows:
        return self.body.numbers

    def reads(self, role: str) -> bool:
        """Whether the role is a column of the table, rather than a constant or a name of file or sheet."""
        return role in self.located.layout.roles


def open_table(located: Located, settings: FileSettings, file_name: str) -> Table:
    """Read the columns a mapping needs. Raises RejectedFile where the rows cannot be cut into cells."""
    layout = located.layout
    body = located.grid.body(located.start, located.end, sorted({0, *layout.columns}))
    names = _names(located, body, settings, file_name)
    quantities = _quantities(located, body, settings)
    others = {role: body.column(i) for role, i in layout.roles.items() if role not in TEXT_ROLES and role != "quantity"}
    present = ~_all_blank(body, layout.columns or [0]) & ~_repeated_header(located, body)
    table = Table(located, body, names, quantities, present, present.copy(), others)
    _group(table, settings)
    table.unfiltered = table.keep.copy()
    _filter(table, settings)
    return table


def file_part(source: FromFileName, file_name: str) -> str:
    """What the pattern finds in the file's name: its group `customer`, else its first group; empty where it does not fit."""
    match = compile_pattern(source.file_name).search(file_name)
    if match is None:
        return ""
    named = match.groupdict()
    return str(next(iter(named.values()), None) or match[1] or "").strip()


def _names(located: Located, body: Body, settings: FileSettings, file_name: str) -> dict[str, Column]:
    names: dict[str, Column] = {}
    for role in TEXT_ROLES:
        if role in located.layout.roles:
            column = body.column(located.layout.roles[role]).mapped(_name)
        else:
            text = _fixed(getattr(settings, role), located.grid.name, file_name)
            if not text:
                continue
            column = Column.constant(text, body.rows)
        names[role] = _renamed(column, settings.value_map.get(role, {}))
    names.setdefault("customer", names.get("customer_id") or Column.constant("", body.rows))
    names.setdefault("product", names.get("product_key") or Column.constant("", body.rows))
    return names


def _fixed(source: object, sheet: str, file_name: str) -> str:
    match source:
        case Constant():
            return source.constant
        case FromFileName():
            return file_part(source, file_name)
        case FromSheetName():
            return sheet
    return ""


def _name(cell: Cell) -> Name:
    text = as_text(cell)
    return Lossy(text) if isinstance(text, str) and "+" in text and _LOSSY.fullmatch(text) else text


def _renamed(column: Column, new_names: Mapping[str, str]) -> Column:
    if not new_names:
        return column
    by_key = {folded(old): new for old, new in new_names.items()}
    return column.mapped(lambda name: by_key.get(folded(name), name) if isinstance(name, str) else name)


def _quantities(located: Located, body: Body, settings: FileSettings) -> list[Quantities]:
    layout = located.layout
    if settings.shape is Shape.WIDE:
        rename = {folded(old): new for old, new in settings.value_map.get("product", {}).items()}
        return [Quantities(body.column(i), i, rename.get(folded(name), name)) for i, name in layout.products.items()]
    if settings.counts_rows:
        return [Quantities(Column.constant(1, body.rows), None)]
    index = layout.roles["quantity"]
    return [Quantities(body.column(index), index)]


def _all_blank(body: Body, columns: list[int]) -> Mask:
    blank = np.ones(body.rows, dtype=np.bool_)
    for index in columns:
        column = body.column(index)
        if any(is_blank(value) for value in column.values):
            blank &= column.where(is_blank)
        else:
            return np.zeros(body.rows, dtype=np.bool_)
    return blank


def _repeated_header(located: Located, body: Body) -> Mask:
    """Rows that say the headings again (an export of several pages)."""
    header = located.layout.header
    repeated = np.ones(body.rows, dtype=np.bool_)
    for index in located.layout.columns:
        key = folded(header.names[index]) if index < len(header.names) else ""
        column = body.column(index)
        matching = [isinstance(value, str) and folded(value) == key for value in column.values]
        if not any(matching):
            return np.zeros(body.rows, dtype=np.bool_)
        repeated &= column.marked(matching)
    return repeated if located.layout.columns else np.zeros(body.rows, dtype=np.bool_)


def first_texts(table: Table, rows: Rows) -> list[str]:
    """For each of these rows the text of its first cell that is not empty."""
    texts = [""] * len(rows)
    waiting = np.arange(len(rows))
    for index in range(len(table.located.layout.header.names)):
        if not len(waiting):
            break
        column = table.body.column(index)
        blank = column.where(is_blank)[rows[waiting]]
        for place in waiting[~blank]:
            text = as_text(column.at(int(rows[place])))
            texts[place] = text if isinstance(text, str) else ""
        waiting = waiting[blank]
    return texts


def _group(table: Table, settings: FileSettings) -> None:
    """Give rows the customer of their group: from a line of its own, or from the last row that names one."""
    if settings.shape is Shape.GROUPED and settings.group_line:
        _group_lines(table, compile_pattern(settings.group_line))
    elif settings.shape is Shape.GROUPED and _one_column_for_both(table):
        _outline(table)
    if settings.fill_down or (settings.shape is Shape.GROUPED and not settings.group_line):
        for role in ("customer_id", "customer"):
            if role in table.names:
                table.names[role] = _filled(table.names[role], table.keep)


def _one_column_for_both(table: Table) -> bool:
    roles = table.located.layout.roles
    return "customer" in roles and roles.get("customer") == roles.get("product")


def _outline(table: Table) -> None:
    """Customer and product in one column: a row without a quantity names the customer of the rows below."""
    lines = table.keep & table.quantities[0].cells.where(lambda cell: is_blank(cell) or _says_nothing(cell))
    customer = table.names["customer"]
    blank = Column([*customer.values, ""], np.where(lines, customer.codes, len(customer.values)).astype(np.int32))
    table.names["customer"] = blank
    table.keep &= ~lines


def _says_nothing(cell: Cell) -> bool:
    return isinstance(cell, str) and cell.strip().casefold() in NO_VALUE


def _group_lines(table: Table, pattern: UserPattern) -> None:
    rows = np.flatnonzero(table.keep)
    found: dict[str, int] = {"": 0}
    codes = np.zeros(table.body.rows, dtype=np.int32)
    for row, text in zip(rows, first_texts(table, rows), strict=True):
        match = pattern.search(text)
        if match is None:
            continue
        name = match.groupdict().get("customer") or (match[1] if pattern.groups else match[0])
        codes[row] = found.setdefault(" ".join((name or "").split()), len(found))
        table.keep[row] = False
    table.names["customer"] = _filled(Column(list(found), codes), np.ones(table.body.rows, dtype=np.bool_))
    table.names.pop("customer_id", None)


def _filled(column: Column, among: Mask) -> Column:
    """Each empty cell takes the value of the nearest filled row above it."""
    filled = ~column.where(lambda value: value == "")
    sources = np.where(filled & (among | filled), np.arange(len(column)), -1)
    last = np.maximum.accumulate(sources) if len(sources) else sources
    codes = np.where(last >= 0, column.codes[np.maximum(last, 0)], column.codes)
    return Column(column.values, codes.astype(np.int32))


def _filter(table: Table, settings: FileSettings) -> None:
    for heading, wanted in settings.filter.items():
        allowed = {folded(value) for value in wanted}
        column = table.body.column(table.located.layout.filters[heading])
        table.keep &= column.marked([folded(display(cell)) in allowed for cell in column.values])
    if settings.ignore_customers:
        left_out = {folded(name) for name in settings.ignore_customers}
        for role in ("customer", "customer_id"):
            if role in table.names:
                table.keep &= ~table.names[role].where(lambda name: isinstance(name, str) and folded(name) in left_out)
