"""The parts of a usage line in one row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from core.domain.file_settings import NumberFormat
from core.domain.selection.mapping import RecordMapping, Value
from core.domain.selection.paths import Scope
from core.domain.selection.values import Ambiguous, Unreadable, ambiguous, date_of, number_of, plain_text, raw_of
from core.domain.terms import billing_frequency, term
from core.domain.text import T
from core.domain.usage import NOTHING, LineKey, Origin, UsageLine

ONE = Decimal(1)
KEYS = ("term", "billing_frequency", "subscription_id")
"""Optional parts that make a line another line."""


class Found(NamedTuple):
    """What one row says. `key` are the parts of a LineKey, `text` is the quantity as it was written, "" where it was a number."""

    key: tuple[str, ...]
    customer: str
    product: str
    quantity: Decimal | Ambiguous
    text: str
    extras: Mapping[str, Any]
    attributes: Mapping[str, str]
    amount: Decimal | None = None
    description: str = ""

    def line(self, quantity: Decimal, origin: Origin) -> UsageLine:
        key = LineKey(*self.key)
        return UsageLine(
            customer_id=key.customer_id,
            customer=self.customer,
            product_key=key.product_key,
            product=self.product,
            quantity=quantity,
            term=key.term,
            billing_frequency=key.billing_frequency,
            subscription_id=key.subscription_id,
            attributes=self.attributes,
            origin=origin,
            **self.extras,
        )


class _Part:
    """One optional part: how it is read, and whether any row had it."""

    def __init__(self, name: str, value: Value, read: Callable[[Any], Any]) -> None:
        self.name = name
        self.path = value.path
        self.raw = raw_of(value)
        self.read = read
        self.asked = False
        self.seen = value.constant is not None

    def of(self, row: Scope) -> Any:
        found = self.raw(row)
        self.asked = True
        if found is None:
            return None
        self.seen = True
        return self.read(found)


class Fields:
    """Reads rows by a mapping. Remembers which optional parts were never there.

    `customer` gives key and name of a row's customer; it raises Unreadable when the record names none.
    """

    def __init__(self, mapping: RecordMapping) -> None:
        self.customer = _pair(mapping.customer_id, mapping.customer)
        self._product = _pair(mapping.product_key, mapping.product)
        self._quantity = None if mapping.counts or mapping.quantity is None else raw_of(mapping.quantity)
        self._quantity_path = mapping.quantity.path if mapping.quantity else ""
        self._number_format = mapping.quantity.number_format if mapping.quantity else NumberFormat.AUTO
        self._term = _text_part(mapping, "term", term)
        self._frequency = _text_part(mapping, "billing_frequency", billing_frequency)
        self._subscription = _text_part(mapping, "subscription_id", str)
        self._keyed = any(part is not None for part in (self._term, self._frequency, self._subscription))
        self._extras = [part for part in (_extra(mapping, name) for name in _EXTRAS) if part is not None]
        self._amount = None if mapping.amount is None else _Part("amount", mapping.amount, _amount(mapping.amount))
        self._description = _text_part(mapping, "description", str)
        self._attributes = [_Part(name, value, plain_text) for name, value in mapping.attributes.items()]

    def read(self, row: Scope, customer: tuple[str, str]) -> Found:
        """The rest of the row. Raises Unreadable."""
        product_key, product = self._product(row)
        quantity, text = self._count(row)
        key: tuple[str, ...] = (customer[0], product_key)
        if self._keyed:
            key = (*key, _of(self._term, row), _of(self._frequency, row), _of(self._subscription, row))
        extras: Mapping[str, Any] = NOTHING
        if self._extras:
            extras = {part.name: value for part in self._extras if (value := part.of(row)) is not None}
        attributes = NOTHING
        if self._attributes:
            told = {part.name: value for part in self._attributes if (value := part.of(row)) not in (None, "")}
            attributes = MappingProxyType(told)
        if self._amount is None and self._description is None:
            return Found(key, customer[1], product, quantity, text, extras, attributes)
        words = _of(self._description, row)
        return Found(key, customer[1], product, quantity, text, extras, attributes, self._money(row), words)

    def _money(self, row: Scope) -> Decimal | None:
        """What the record costs; one that should tell an amount and does not is not read (M2)."""
        if self._amount is None:
            return None
        amount: Decimal | None = self._amount.of(row)
        if amount is None:
            raise Unreadable(T("The record has no {path}.", path=self._amount.path))
        return amount

    def lost_keys(self) -> list[str]:
        """Paths of mapped parts of the line's key that no row had."""
        parts = (self._term, self._frequency, self._subscription)
        return [part.path for part in parts if part is not None and part.asked and not part.seen]

    def lost_extras(self) -> list[str]:
        """Paths of other mapped parts that no row had."""
        return [part.path for part in (*self._extras, *self._attributes) if part.asked and not part.seen]

    def _count(self, row: Scope) -> tuple[Decimal | Ambiguous, str]:
        if self._quantity is None:
            return ONE, ""
        found = self._quantity(row)
        try:
            number = number_of(found, self._number_format)
        except Unreadable as problem:
            raise Unreadable(
                T("There is no number at {path}: {problem}", path=self._quantity_path, problem=problem.message), found
            ) from problem
        if number is None:
            raise Unreadable(T("The record has no {path}.", path=self._quantity_path))
        return number, found.strip() if isinstance(found, str) else ""


def _pair(key: Value | None, name: Value | None) -> Callable[[Scope], tuple[str, str]]:
    """Key and name of a customer or product; where only one of them is mapped it is both."""
    leading = key or name
    if leading is None:
        raise ValueError("neither key nor name is mapped")
    first, path = raw_of(leading), leading.path
    second = raw_of(name) if key is not None and name is not None else None

    def read(row: Scope) -> tuple[str, str]:
        found = first(row)
        text = found.strip() if found.__class__ is str else plain_text(found)
        if not text:
            raise Unreadable(T("The record has no {path}.", path=path))
        if second is None:
            return text, text
        found = second(row)
        return text, (found.strip() if found.__class__ is str else plain_text(found)) or text

    return read


def _of(part: _Part | None, row: Scope) -> str:
    return "" if part is None else part.of(row) or ""


def _text_part(mapping: RecordMapping, name: str, read: Callable[[str], str]) -> _Part | None:
    value: Value | None = getattr(mapping, name)
    return None if value is None else _Part(name, value, lambda found: read(plain_text(found) or ""))


def _amount(value: Value) -> Callable[[Any], Decimal | None]:
    def read(found: Any) -> Decimal | None:
        number = number_of(found, value.number_format)
        if isinstance(number, Ambiguous):
            raise ambiguous(str(found))
        return number

    return read


_EXTRAS = ("unit", "currency", "unit_cost", "unit_price", "effective_date", "period_start", "period_end")


def _extra(mapping: RecordMapping, name: str) -> _Part | None:
    value: Value | None = getattr(mapping, name)
    if value is None:
        return None
    if name in ("unit", "currency"):
        return _Part(name, value, plain_text)
    if name in ("unit_cost", "unit_price"):
        return _Part(name, value, _amount(value))

    def read(found: Any) -> date | None:
        return date_of(found, value.date_format)

    return _Part(name, value, read)
