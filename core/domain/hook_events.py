"""Our own layout of webhook events: `license.snapshot` and `license.change`, as JSON or as flat records.

`{"type": "license.snapshot", "timestamp": "2026-10-05T06:00:00Z", "data": {"complete": true, "customers": [{"id": "C-001",
"name": "De Halm", "products": [{"sku": "M365-BP", "name": "Business Premium", "quantity": 25}]}]}}`. `type` and `data` may
be left out. A flat record has `customer_id` or `customer`, `sku` or `product`, and `quantity`. Quantities are absolute, never
plus or minus.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from core.domain.selection import Problem
from core.domain.text import T, Text
from core.domain.usage import NOTHING, LineKey, Origin, UsageLine

SNAPSHOT, CHANGE = "license.snapshot", "license.change"
BILLING = ("monthly", "quarterly", "semiannual", "yearly", "once")
MOST_PROBLEMS = 200
MOST_ATTRIBUTES = 50
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,12})?")
_TERM = re.compile(r"P[0-9]{1,3}[DWMY]")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an event says of itself. `type` is empty where it tells none; `at` is when it was true, None where it does not tell."""

    type: str
    at: datetime | None
    complete: bool
    customers: Sequence[Any] = ()

    @property
    def is_known(self) -> bool:
        return self.type in (SNAPSHOT, CHANGE)

    @property
    def is_whole(self) -> bool:
        """Whether what is absent from it may be gone."""
        return self.type == SNAPSHOT and self.complete


@dataclass(frozen=True, slots=True)
class Rows:
    """The usage lines of an event. `failed` are customers with a row that could not be read, each with the first reason;
    their other rows are among `lines`. `unplaced`: a row could not be read that may be anybody's. `amounts` are what consumption is
    made of where a mapping of one's own tells it apart from `lines`. `unread` are rows that could not be read, as far as they say
    whose they are and of what; one that tells of money has something as attribute `amount`.
    """

    lines: tuple[UsageLine, ...]
    problems: tuple[Problem, ...]
    covered: frozenset[str]
    failed: Mapping[str, Text]
    unplaced: bool
    amounts: tuple[UsageLine, ...] = ()
    unread: tuple[UsageLine, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    customer_id: str
    customer: str
    product: Mapping[str, Any]
    place: str


def envelope_of(document: Any, at: object = None) -> Envelope:
    """The event in a document; `at` is what stands where the settings look for its time."""
    whole = document if isinstance(document, dict) else {}
    inner = whole.get("data")
    data = inner if isinstance(inner, dict) else whole
    customers = data.get("customers")
    complete = data.get("complete") is True
    named = whole.get("type")
    usual = SNAPSHOT if complete else CHANGE
    kind = str(named) if named is not None else (usual if isinstance(customers, list) or _flat(document) else "")
    found = customers if isinstance(customers, list) else ()
    return Envelope(kind[:100], moment(at if at is not None else whole.get("timestamp")), complete, found)


def moment(value: object) -> datetime | None:
    """An ISO 8601 time (UTC where it names no zone) or seconds since 1970; None for anything else."""
    try:
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return datetime.fromtimestamp(float(value), UTC)
        if isinstance(value, str):
            told = datetime.fromisoformat(value.strip())
            return (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def rows_of(document: Any, source: str) -> Rows:
    """All lines of an event in our own layout; `source` is what their origin says."""
    envelope = envelope_of(document)
    problems: list[Problem] = []
    covered: dict[str, str] = {}
    found: list[tuple[_Row, UsageLine]] = []
    broken: list[_Row] = []
    for row in [*_nested(envelope.customers, problems), *_flat(document)]:
        covered[row.customer_id] = row.customer
        if row.product:
            line = _line(row, source, problems)
            found += [(row, line)] if line else []
            broken += [] if line else [row]
    covered.pop("", None)
    lines = _without_twice(found, problems)
    once = set(map(id, lines))
    unread = [line for _, line in found if id(line) not in once] + [_unread(row) for row in broken if row.customer_id]
    failed = {problem.customer_id: problem.message for problem in reversed(problems) if problem.customer_id}
    unplaced = any(not problem.customer_id for problem in problems)
    return Rows(
        lines, tuple(problems[:MOST_PROBLEMS]), frozenset(covered), failed, unplaced, unread=tuple(unread)
    )  # fmt: skip


def _nested(customers: Sequence[Any], problems: list[Problem]) -> Iterator[_Row]:
    for index, customer in enumerate(customers):
        place = f"customers[{index}]"
        known = customer if isinstance(customer, dict) else {}
        key = _words(known.get("id")) or _words(known.get("name"))
        products = known.get("products")
        if not key:
            problems.append(Problem(place, T("The customer has neither id nor name.")))
            continue
        if products is None or not isinstance(products, list):
            problems.append(Problem(place, T("The customer has no list of products."), _shown(products), key))
            continue
        name = _words(known.get("name")) or key
        yield _Row(key, name, {}, place)
        for at, product in enumerate(products):
            where = f"{place}.products[{at}]"
            if isinstance(product, dict) and product:
                yield _Row(key, name, product, where)
            else:
                problems.append(Problem(where, T("This is no product."), _shown(product), key))


def _flat(document: Any) -> list[_Row]:
    records = document if isinstance(document, list) else [document]
    rows: list[_Row] = []
    for index, record in enumerate(records):
        if (
            isinstance(record, dict)
            and ({"quantity", "amount"} & record.keys())
            and ({"customer_id", "customer"} & record.keys())
        ):
            key = _words(record.get("customer_id")) or _words(record.get("customer"))
            product = {"sku": record.get("product_key"), "name": record.get("product"), **record}
            rows.append(_Row(key, _words(record.get("customer")) or key, product, f"record {index + 1}"))
        elif isinstance(record, dict) and isinstance(document, list):
            inner = envelope_of(record) if "customers" in record or "data" in record else None
            rows += [*_nested(inner.customers, [])] if inner else []
    return rows


def _line(row: _Row, source: str, problems: list[Problem]) -> UsageLine | None:
    product = row.product
    key = _words(product.get("sku")) or _words(product.get("id")) or _words(product.get("name"))
    amount = _money(product.get("amount"))
    counted = "quantity" in product or amount is None
    quantity = _quantity(product.get("quantity")) if counted else amount
    wrong = _wrong(row, key, quantity)
    if wrong or quantity is None:
        problems.append(
            Problem(
                row.place, wrong or T("The quantity is no number."), _shown(product.get("quantity")), row.customer_id
            )
        )
        return None
    return UsageLine(
        customer_id=row.customer_id,
        customer=row.customer,
        product_key=key,
        product=_words(product.get("name")) or key,
        quantity=quantity,
        term=_words(product.get("term")),
        billing_frequency=_words(product.get("billing_frequency")),
        unit_cost=_quantity(product.get("unit_cost")),
        unit_price=_quantity(product.get("unit_price")),
        effective_date=_day(product.get("effective_date")),
        period_start=_day(product.get("period_start")),
        period_end=_day(product.get("period_end")),
        attributes={**_attributes(product.get("attributes")), **_told(product, amount, counted=counted)},
        unit=_words(product.get("unit")),
        subscription_id=_words(product.get("subscription_id")),
        currency=_words(product.get("currency")),
        origin=Origin(source, row.place),
    )


def _unread(row: _Row) -> UsageLine:
    """What a row that cannot be read says all the same: whose it is, and of what."""
    product = row.product
    key = _words(product.get("sku")) or _words(product.get("id")) or _words(product.get("name"))
    told = {
        "amount": "" if product.get("amount") is None else _shown(product["amount"]) or "?",
        "description": _words(product.get("description")),
    }
    return UsageLine(
        customer_id=row.customer_id,
        customer=row.customer,
        product_key=key,
        product=_words(product.get("name")) or key,
        quantity=Decimal(0),
        effective_date=_day(product.get("effective_date")),
        period_start=_day(product.get("period_start")),
        subscription_id=_words(product.get("subscription_id")),
        attributes={name: value for name, value in told.items() if value},
    )


def _wrong(row: _Row, key: str, quantity: Decimal | None) -> Text | None:
    """What makes the row unusable."""
    product = row.product
    if not row.customer_id:
        return T("The customer has neither id nor name.")
    if not key:
        return T("The product has neither sku nor name.")
    if quantity is None:
        return T("The quantity is no number.")
    term, frequency = _words(product.get("term")), _words(product.get("billing_frequency"))
    if term and not _TERM.fullmatch(term):
        return T("{text} is no term. Write P1M, P1Y or P3Y.", text=term[:40])
    if frequency and frequency not in BILLING:
        return T("{text} is no billing frequency. There are: {known}.", text=frequency[:40], known=BILLING)
    if product.get("amount") is not None and _money(product.get("amount")) is None:
        return T("{text} is no amount. Write 284.60.", text=_shown(product.get("amount")))
    if product.get("effective_date") and _day(product.get("effective_date")) is None:
        return T("{text} is no date. Write 2026-10-05.", text=_shown(product.get("effective_date")))
    return None


def _without_twice(found: Sequence[tuple[_Row, UsageLine]], problems: list[Problem]) -> tuple[UsageLine, ...]:
    """Lines that are there once; of those that are there twice nobody knows which is meant (M9)."""
    by_key: dict[LineKey, list[tuple[_Row, UsageLine]]] = {}
    for row, line in found:
        by_key.setdefault(line.key, []).append((row, line))
    for several in by_key.values():
        if len(several) > 1:
            row, line = several[1]
            text = T("{product} is there twice for {customer}.", product=line.product, customer=line.customer)
            problems.append(Problem(row.place, text, customer_id=line.customer_id))
    return tuple(several[0][1] for several in by_key.values() if len(several) == 1)


def _quantity(value: object) -> Decimal | None:
    """A number, or a text that is one with a point; nothing else, and nothing below zero."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        number = Decimal(value)
        return number if number.is_finite() and 0 <= number < Decimal(10**12) else None
    return Decimal(value.strip()) if isinstance(value, str) and _NUMBER.fullmatch(value.strip()) else None


def _money(value: object) -> Decimal | None:
    """An amount, which may be below zero: a credit."""
    if isinstance(value, str) and value.strip().startswith("-"):
        amount = _quantity(value.strip()[1:])
        return None if amount is None else -amount
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and value < 0:
        amount = _quantity(-value)
        return None if amount is None else -amount
    return _quantity(value)


def _told(product: Mapping[str, Any], amount: Decimal | None, *, counted: bool) -> dict[str, str]:
    """What makes the line an amount of money, as attributes."""
    told = {
        "amount": "" if amount is None else f"{amount:f}",
        "description": _words(product.get("description")),
        "quantity": "" if counted else "none",
    }
    return {name: value for name, value in told.items() if value}


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value.strip()[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def _words(value: object) -> str:
    """A text, or a number as text; empty for anything else."""
    if isinstance(value, str):
        return " ".join(value.split())[:500]
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else ""


def _attributes(value: object) -> Mapping[str, str]:
    """Texts and numbers that are told beside the quantity, by name."""
    if not isinstance(value, dict):
        return NOTHING
    return {_words(name): words for name, one in list(value.items())[:MOST_ATTRIBUTES] if (words := _words(one))}


def _shown(value: object) -> str:
    return "" if value is None else str(value)[:80]
