"""What a person chose: where the records are, and where in a record each part of a usage line stands."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from core.domain.file_settings import Aggregate, NumberFormat, Rounding, Texts
from core.domain.patterns import compile_pattern
from core.domain.selection.paths import compile_path
from core.domain.text import T

__all__ = ["Aggregate", "Expand", "Filter", "FilterOp", "OnEmpty", "RecordMapping", "Rounding", "Value"]

DEEPEST = 3
"""Lists inside lists, below the records."""


def _path(text: str) -> str:
    compile_path(text)
    return text


def _list_path(text: str) -> str:
    compile_path(text.strip().removesuffix("*").removesuffix(".") if is_map(text) else text)
    return text


def is_map(path: str) -> bool:
    """Whether a path walks a map keyed by name: it ends with `.*`, or is `*`."""
    text = path.strip()
    return text == "*" or text.endswith(".*")


def _safe_pattern(text: str) -> str:
    if len(text) > 200:
        raise ValueError(T("The pattern {pattern} is too involved. Use a simpler one.", pattern=text[:60]))
    try:
        compile_pattern(text)
    except ValueError as error:
        raise ValueError(T("{pattern} is not a regular expression.", pattern=text[:60])) from error
    return text


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


Path = Annotated[str, AfterValidator(_path)]
ListPath = Annotated[str, AfterValidator(_list_path)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, coerce_numbers_to_str=True)


class Value(_Part):
    """One part of a usage line: what stands at a path, or a constant. In a file a text alone is a path: `quantity: qty`."""

    path: Path = Field("", title="Path", description="Where it stands in the record, such as qty or parent.name.")
    constant: str | None = Field(None, title="Fixed text", description="The same for every record.")
    value_map: dict[str, str] = Field(
        default_factory=dict, title="Rename", description="What stands there, and what to use."
    )
    number_format: NumberFormat = Field(
        NumberFormat.AUTO,
        title="Decimal sign",
        description="Settles whether the text 1.250 is 1250 or one and a quarter.",
    )
    date_format: str = Field(
        "", title="Date format", description="Such as %d-%m-%Y, unix, or unix_ms. Empty: ISO 8601, such as 2026-10-01."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_of_both(self) -> Value:
        if bool(self.path) == (self.constant is not None):
            raise ValueError(T("Give a path or a fixed text, one of the two."))
        return self

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        if self == Value.model_construct(**_DEFAULTS, path=self.path):
            return self.path
        written: dict[str, Any] = handler(self)
        return {name: value for name, value in written.items() if name in self.model_fields_set}


_DEFAULTS: Mapping[str, Any] = {
    "constant": None,
    "value_map": {},
    "number_format": NumberFormat.AUTO,
    "date_format": "",
}


class OnEmpty(StrEnum):
    """What an empty or missing list inside a record means."""

    SKIP = "skip"
    """The record gives no line."""
    PARENT = "parent"
    """The record itself stands for the line."""


class Expand(_Part):
    """A list inside a record: each of its items becomes a row that sees the record as `parent`.

    The path is relative to the record. With `.*` at its end it walks a map keyed by name: rows have `key` and `item`.
    """

    path: ListPath = Field(
        min_length=1, title="List", description="Such as products[*], or addons.* for a map keyed by name."
    )
    on_empty: OnEmpty = Field(
        OnEmpty.SKIP, title="When it is empty", description="Leave the record out, or let it stand for itself."
    )
    may_lack: bool = Field(
        False, title="May be left out", description="A record without this list has none; otherwise it is a problem."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value


class FilterOp(StrEnum):
    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    IN = "in"
    EXISTS = "exists"
    """There is a value that is not null, whatever it is."""
    MISSING = "missing"
    GREATER = "greater"
    LESS = "less"
    MATCHES = "matches"


class Filter(_Part):
    """Only rows for which this holds are counted. Texts are compared without regard to case; true is written `true`.

    `greater` and `less` compare numbers alone: a text is neither. `matches` finds a pattern anywhere in a text.
    """

    path: Path = Field(min_length=1, title="Path", description="Where it stands in the record.")
    op: FilterOp = Field(FilterOp.EQUALS, title="Condition", description="How it is compared.")
    values: Texts = Field((), title="Values", description="What it is compared with.")

    @model_validator(mode="after")
    def _fits(self) -> Filter:
        needs = self.op not in (FilterOp.EXISTS, FilterOp.MISSING)
        if needs and not self.values:
            raise ValueError(T("Give a value to compare with."))
        if self.op in (FilterOp.GREATER, FilterOp.LESS) and not _is_number(self.values[0]):
            raise ValueError(T("This is not a number."))
        if self.op is FilterOp.MATCHES:
            for pattern in self.values:
                _safe_pattern(pattern)
        return self


class RecordMapping(_Part):
    """From documents to usage lines. Every path is checked when this is made; pydantic's error names the one that is wrong.

    `records` is looked up in the document and may lead to a list, to one record, or with `.*` at its end to a map keyed by name.
    All other paths are looked up in a row: a field of its item by name (`qty`), and `item`, `parent`, `parents`, `key`,
    `keys`, `document`, `joined` (see `paths.Scope`).
    """

    records: ListPath = Field(
        "", title="Records", description="The list in the answer, such as data.items. Empty: the whole."
    )
    expand: tuple[Expand, ...] = Field(
        (), max_length=DEEPEST, title="Lists inside", description="Lists inside each record."
    )
    record_key: Path = Field(
        "", title="Key of a record", description="What makes a record unique: the same one twice counts once."
    )
    filters: tuple[Filter, ...] = Field((), title="Filters", description="Only records for which all of these hold.")

    customer_id: Value | None = Field(None, title="Customer number", description="The portal's key of the customer.")
    customer: Value | None = Field(None, title="Customer", description="The customer's name.")
    product_key: Value | None = Field(None, title="Product code", description="The portal's key of the product.")
    product: Value | None = Field(None, title="Product", description="The product's name.")
    quantity: Value | None = Field(None, title="Quantity", description="How many.")
    unit: Value | None = Field(None, title="Unit", description="Such as seats.")
    term: Value | None = Field(None, title="Term", description="Such as monthly, P1Y, three years.")
    billing_frequency: Value | None = Field(None, title="Billing frequency", description="Such as monthly or yearly.")
    subscription_id: Value | None = Field(
        None, title="Subscription", description="Where a customer has one product several times."
    )
    unit_cost: Value | None = Field(None, title="Unit cost", description="What one unit costs.")
    unit_price: Value | None = Field(None, title="Unit price", description="What one unit sells for.")
    amount: Value | None = Field(
        None, title="Amount", description="What the record costs in all; below zero for a credit. It becomes charges."
    )
    description: Value | None = Field(
        None, title="Description", description="What was used, in words for the invoice: a server, a disk."
    )
    currency: Value | None = Field(None, title="Currency", description="A code such as EUR.")
    period_start: Value | None = Field(None, title="Start of the period", description="A date.")
    period_end: Value | None = Field(None, title="End of the period", description="A date.")
    effective_date: Value | None = Field(
        None, title="Effective date", description="The date from which the quantity counts."
    )
    attributes: dict[str, Value] = Field(
        default_factory=dict, title="More", description="Further values to keep beside the line."
    )

    count_records: bool = Field(False, title="Count records", description="Each record is one; no quantity is read.")
    aggregate: Aggregate = Field(
        Aggregate.SUM, title="Several records", description="What several records of one customer and product come to."
    )
    rounding: Rounding = Field(Rounding.NONE, title="Rounding", description="Of the outcome, per customer and product.")
    error_path: Path = Field(
        "", title="Error in the answer", description="Where the answer tells of an error although it says OK."
    )
    complete_path: Path = Field(
        "",
        title="Complete",
        description="Where the answer tells whether it holds everything. Only true may lower quantities.",
    )

    @model_validator(mode="before")
    @classmethod
    def _lenient(cls, values: Any) -> Any:
        """An empty setting is one that was not made; one list alone may be given for `expand`. An endpoint that tells amounts alone
        has them for quantities.
        """
        if not isinstance(values, dict):
            return values
        kept = {name: value for name, value in values.items() if value is not None and value != ""}
        if isinstance(kept.get("expand"), str | dict):
            kept["expand"] = [kept["expand"]]
        counted = kept.get("count_records") or kept.get("aggregate") == Aggregate.COUNT
        if "amount" in kept and "quantity" not in kept and not counted:
            kept["quantity"] = kept["amount"]
        return kept

    @model_validator(mode="after")
    def _fits_together(self) -> RecordMapping:
        if self.customer is None and self.customer_id is None:
            raise ValueError(T("Choose where the customer stands: its name or its number."))
        if self.product is None and self.product_key is None:
            raise ValueError(T("Choose where the product stands, or give a fixed name."))
        if self.quantity is None and not self.counts:
            raise ValueError(T("Choose where the quantity stands, or count records."))
        return self

    @property
    def counts_money(self) -> bool:
        """Whether the amounts themselves stand where quantities would: there are no other numbers."""
        return not self.counts and self.amount is not None and self.quantity == self.amount

    @property
    def counts(self) -> bool:
        """Whether records are counted, so that no quantity is read."""
        return self.count_records or self.aggregate is Aggregate.COUNT

    def to_settings(self) -> dict[str, Any]:
        """As it stands in a workspace file: only what was chosen."""
        written: dict[str, Any] = self.model_dump(mode="json", exclude_defaults=True)
        return written
