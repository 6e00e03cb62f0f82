"""How a table of any shape becomes usage lines: chosen once on a preview, remembered by heading (DESIGN §6)."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from core.domain.patterns import compile_pattern

__all__ = [
    "Aggregate",
    "ColumnsRightOf",
    "Constant",
    "FileSettings",
    "FromFileName",
    "FromSheetName",
    "NumberFormat",
    "PairSide",
    "Rounding",
    "Shape",
    "ValueSource",
]


class Shape(StrEnum):
    """How a table tells its quantities."""

    LONG = "long"
    """Customer, product and quantity in each row."""
    WIDE = "wide"
    """A row for a customer, a column for each product."""
    SEATS = "seats"
    """A row for a seat: rows are counted."""
    PAIR = "pair"
    """Used and ordered in one cell: `38 of 50`."""
    GROUPED = "grouped"
    """The customer once, its rows below."""
    DAILY = "daily"
    """A row for a date, or a log of changes."""
    TREE = "tree"
    """JSON or XML with lists inside lists."""


class Aggregate(StrEnum):
    """What several rows of one customer and product come to."""

    SUM = "sum"
    MAX = "max"
    LAST = "last"
    AVERAGE = "average"
    COUNT = "count"


class Rounding(StrEnum):
    NONE = "none"
    UP = "up"
    NEAREST = "nearest"


class NumberFormat(StrEnum):
    """Which sign stands before the decimals."""

    AUTO = "auto"
    COMMA = "comma"
    POINT = "point"


class PairSide(StrEnum):
    LEFT = "left"
    RIGHT = "right"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, coerce_numbers_to_str=True)


class Constant(_Part):
    """The same text for every row: `{constant: Backup}`."""

    constant: str = Field(min_length=1, title="Text", description="The same for every row.")


class FromFileName(_Part):
    """A part of the file's name, by a pattern with one group: `{file_name: "^(\\S+) "}`."""

    file_name: Annotated[str, AfterValidator(lambda text: _pattern(text, groups=1))] = Field(
        min_length=1, title="Pattern", description="A regular expression with one group."
    )


class FromSheetName(_Part):
    """The name of the worksheet: `{sheet_name: true}`."""

    sheet_name: bool = Field(True, title="Sheet name", description="The name of the sheet.")


class ColumnsRightOf(_Part):
    """All columns to the right of a heading: `{right_of: Customer}`."""

    right_of: str = Field(min_length=1, title="Right of", description="Every column to the right of this heading.")


def _month(text: str) -> str:
    if text and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
        raise ValueError("a month is written as 2026-09")
    return text


def _pattern(text: str, groups: int = 0) -> str:
    try:
        compiled = compile_pattern(text)
    except ValueError as error:
        raise ValueError(f"not a regular expression: {error}") from error
    if groups and not compiled.groups:
        raise ValueError("the pattern needs a group: put the part that is wanted between ( and )")
    return text


_YAML_WORDS = {True: ("true", "yes", "on"), False: ("false", "no", "off")}


def _as_texts(value: Any) -> Any:
    """YAML reads `Yes` and `1` as a truth value and a number; in a filter they are what stands in the file."""
    parts = value if isinstance(value, list | tuple | set | frozenset) else [value]
    words: list[str] = []
    for part in parts:
        words.extend(_YAML_WORDS[part] if isinstance(part, bool) else [str(part)])
    return tuple(words)


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_texts)]
Pattern = Annotated[str, AfterValidator(_pattern)]
ValueSource = str | Constant | FromFileName | FromSheetName
"""A heading (or, for a tree, a path below its record), or where else the value comes from."""


class FileSettings(BaseModel):
    """The mapping of one file or answer to usage lines.

    Headings are compared without case, extra spaces and byte-order marks; `Qty#2` means the second column headed `Qty`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, coerce_numbers_to_str=True)

    shape: Shape = Field(Shape.LONG, title="Shape", description="How the table tells its quantities.")
    customer: ValueSource = Field("", title="Customer", description="The heading of the customer column.")
    product: ValueSource = Field("", title="Product", description="The heading of the product column.")
    quantity: str = Field("", title="Quantity", description="The heading of the quantity column.")

    customer_id: str = Field(
        "", title="Customer number", description="A heading, where the portal numbers its customers."
    )
    product_key: str = Field(
        "", title="Product code", description="A heading, where the portal has a code for a product."
    )
    term: ValueSource = Field("", title="Term", description="A heading: monthly, yearly, three years.")
    billing_frequency: ValueSource = Field("", title="Billing frequency", description="A heading: monthly, yearly.")
    subscription_id: str = Field(
        "", title="Subscription", description="A heading, where one product is there several times."
    )
    unit_cost: str = Field("", title="Unit cost", description="The heading of what one unit costs.")
    unit_price: str = Field("", title="Unit price", description="The heading of what one unit sells for.")
    amount: str = Field(
        "",
        title="Amount",
        description="The heading of what a row costs in all: then the file also tells amounts, which become charges.",
    )
    amounts: bool = Field(
        False,
        title="Tells amounts",
        description="Rows tell money, which becomes charges: the amount, or else quantity × unit cost or unit price; without "
        "those columns the numbers themselves.",
    )
    description: str = Field(
        "", title="Description", description="The heading of what was used, in words for the invoice: a server, a disk."
    )
    currency: ValueSource = Field("", title="Currency", description="A heading, or a fixed code such as EUR.")
    unit: ValueSource = Field("", title="Unit", description="A heading, or a fixed word such as seats.")
    effective_date: str = Field(
        "", title="Effective date", description="The heading of the date a quantity counts from."
    )
    period_start: str = Field(
        "", title="Start of the period", description="The heading of the first day that an amount is for."
    )
    period_end: str = Field(
        "", title="End of the period", description="The heading of the last day that an amount is for."
    )

    product_columns: tuple[str, ...] | ColumnsRightOf = Field(
        (), title="Product columns", description="Wide: the headings that are products."
    )
    pair: PairSide = Field(PairSide.LEFT, title="Side of the pair", description="Of 38/50: left is 38, right is 50.")
    count_rows: bool = Field(False, title="Count rows", description="Seats: every row is one.")
    distinct: str = Field("", title="Count distinct", description="Seats: count the different values of this heading.")
    group_line: Pattern = Field(
        "",
        title="Group line",
        description="Grouped: a pattern with a group named customer that finds a customer's own line.",
    )
    fill_down: bool = Field(False, title="Fill down", description="An empty customer is the one of the row above.")
    date: str = Field("", title="Date", description="Daily: the heading of the date.")
    date_format: str = Field(
        "", title="Date format", description="Such as dd/mm/yyyy or mm/dd/yyyy. Empty: found out from the file."
    )
    customers: str = Field("", title="List of customers", description="Tree: the path, such as customers[*].")
    products: str = Field(
        "", title="List of products", description="Tree: the path below a customer, such as products[*]."
    )

    filter: dict[str, Texts] = Field(
        default_factory=dict, title="Filter", description="Only rows whose column holds one of these values."
    )
    value_map: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        title="Rename",
        description="For customer or product: the name in the file, and the name to use.",
    )
    ignore_customers: Texts = Field((), title="Customers to leave out", description="Names as they stand in the file.")
    aggregate: Aggregate | None = Field(
        None,
        title="Several rows",
        description="What several rows of one customer and product come to. Usually their sum.",
    )
    rounding: Rounding = Field(Rounding.NONE, title="Rounding", description="Of the outcome, per customer and product.")
    number_format: NumberFormat = Field(
        NumberFormat.AUTO, title="Decimal sign", description="Settles whether 1.250 is 1250 or one and a quarter."
    )
    whole_only: bool = Field(False, title="Whole numbers only", description="A broken number needs a person's eye.")

    sheet: str = Field("", title="Sheet", description="The name of the sheet, or all.")
    table: int | None = Field(
        None, ge=1, le=100, title="Table", description="Which table of the file, where it holds several."
    )
    stop: Pattern = Field("", title="Ends at", description="A pattern that finds the line after the table.")
    header_rows: int = Field(1, ge=1, le=5, title="Lines of heading", description="Two where headings stand in groups.")

    complete: bool = Field(
        False,
        title="Holds everything",
        description="A file always holds everything of the portal: what is not in it is gone.",
    )
    period: str | FromFileName = Field("", title="Period", description="The heading that tells the month.")
    expected_period: Annotated[str, AfterValidator(_month)] = Field(
        "", title="Expected period", description="A month such as 2026-09: another month is refused."
    )
    expected_total: Decimal | None = Field(
        None, title="Control total", description="The sum of all quantities, where the portal tells it elsewhere."
    )
    big_change_percent: Decimal | None = Field(
        Decimal(50), ge=0, title="Big change", description="Warn when the total moves more than this percentage."
    )

    @model_validator(mode="before")
    @classmethod
    def _unset(cls, values: Any) -> Any:
        """An empty setting is one that was not made. A file that tells amounts alone has them for quantities."""
        if not isinstance(values, dict):
            return values
        made = {k: v for k, v in values.items() if v is not None}
        if made.get("amount") and not made.get("quantity") and made.get("shape", Shape.LONG) == Shape.LONG:
            made["quantity"] = made["amount"]
        return made

    @model_validator(mode="after")
    def _fits_together(self) -> FileSettings:
        if not self.is_mapped:
            return self
        needed: dict[str, object] = {"customer": self.customer or self.customer_id or self.group_line}
        if self.shape is Shape.WIDE:
            needed["product_columns"] = self.product_columns
        else:
            needed["product"] = self.product or self.product_key
            if not self.counts_rows:
                needed["quantity"] = self.quantity
        if self.shape is Shape.DAILY and self.combine is Aggregate.LAST:
            needed["date"] = self.date
        if self.shape is Shape.TREE:
            needed["customers"] = self.customers
        if self.amounts and self.counts_rows:
            needed["amount"] = self.amount or self.unit_cost or self.unit_price
        lacking = [name for name, value in needed.items() if not value]
        if lacking:
            raise ValueError(f"shape {self.shape} needs: {', '.join(lacking)}")
        if self.shape is Shape.WIDE and self.amount:
            raise ValueError(
                "shape wide has no column amount: with amounts, the numbers of its products are the amounts"
            )
        unknown = set(self.value_map) - {"customer", "product"}
        if unknown:
            raise ValueError(f"value_map takes customer and product, not {', '.join(sorted(unknown))}")
        return self

    @property
    def is_mapped(self) -> bool:
        """Whether columns were chosen; a portal that is new waits for its first file."""
        return bool(
            self.customer or self.customer_id or self.group_line or self.product or self.product_key or self.quantity
        ) or bool(self.product_columns or self.customers)

    @property
    def tells_amounts(self) -> bool:
        """Whether rows tell money beside quantities."""
        return self.amounts or bool(self.amount)

    @property
    def counts_money(self) -> bool:
        """Whether the amounts themselves stand where quantities would: the file has no other numbers."""
        if self.counts_rows:
            return False
        if self.amount:
            return self.quantity == self.amount
        return self.amounts and not (self.unit_cost or self.unit_price)

    @property
    def counts_rows(self) -> bool:
        """Whether rows are counted, so that no quantity column is read."""
        counted = self.count_rows or bool(self.distinct) or self.aggregate is Aggregate.COUNT
        return self.shape is Shape.SEATS or counted

    @property
    def combine(self) -> Aggregate:
        """The aggregate in force: the last day for a daily table, otherwise the sum."""
        return self.aggregate or (Aggregate.LAST if self.shape is Shape.DAILY else Aggregate.SUM)
