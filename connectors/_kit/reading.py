"""Putting a reading together: counts per customer and product, and which customers could not be read (M2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from connectors._kit.threads import in_parallel
from core.domain.errors import RemoteError, Unauthorized
from core.domain.text import T, Text
from core.domain.usage import LineKey, Origin, Reading, Scope, UsageLine

__all__ = ["Customer", "ReadingBuilder"]

Found = TypeVar("Found")


class Customer(NamedTuple):
    """A customer in the portal's words."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: Text


class ReadingBuilder:
    """Collects the lines of one reading. Lines with the same key add up; the first one's words stay."""

    def __init__(self, portal: str, now: datetime) -> None:
        self._portal = portal
        self._now = now
        self._lines: dict[LineKey, UsageLine] = {}
        self._failed: dict[str, Text] = {}
        self._notes: dict[Text, None] = {}
        self._complete = True

    def add(self, line: UsageLine) -> None:
        known = self._lines.get(line.key)
        if known is None:
            self._lines[line.key] = line
            return
        origin = Origin(known.origin.source, known.origin.place, known.origin.rows + line.origin.rows)
        self._lines[line.key] = replace(known, quantity=known.quantity + line.quantity, origin=origin)

    def count(
        self,
        customer: Customer,
        product_key: str,
        product: str,
        quantity: Decimal | int = 1,
        *,
        unit: str = "",
        source: str = "",
    ) -> None:
        """Add a plain count, the most usual line."""
        self.add(
            UsageLine(
                customer_id=customer.id,
                customer=customer.name,
                product_key=product_key,
                product=product,
                quantity=Decimal(quantity),
                unit=unit,
                origin=Origin(source),
            )
        )

    def note(self, text: Text) -> None:
        """Something a person should know that spoils nothing."""
        self._notes.setdefault(text)

    def failed(self, customer: Customer, reason: Text) -> None:
        """This customer could not be read wholly: nothing of it in this reading is used."""
        self._failed[customer.id] = reason
        for key in [key for key in self._lines if key.customer_id == customer.id]:
            del self._lines[key]

    def incomplete(self, reason: Text) -> None:
        """Not everything of the portal could be asked: what is absent proves nothing."""
        self._complete = False
        self.note(reason)

    def each_customer(
        self, customers: Iterable[Customer], read: Callable[[Customer], Iterable[UsageLine]], *, at_once: int = 4
    ) -> None:
        """Read customers next to each other. One that fails is marked and spoils no other; refused credentials end the reading."""
        for _, lines in self.gather(customers, lambda customer: tuple(read(customer)), at_once=at_once):
            for line in lines:
                self.add(line)

    def gather(
        self, customers: Iterable[Customer], read: Callable[[Customer], Found], *, at_once: int = 4
    ) -> list[tuple[Customer, Found]]:
        """What `read` found for each customer that could be read, in their order; the others are marked as `each_customer` does."""

        def attempt(customer: Customer) -> Found | _Failure:
            try:
                return read(customer)
            except Unauthorized:
                raise
            except RemoteError as error:
                return _Failure(T("{customer}: {reason}", customer=customer.name, reason=error.message))

        wanted = list(customers)
        results = in_parallel([lambda c=customer: attempt(c) for customer in wanted], at_once) if wanted else []  # type: ignore[misc]
        found: list[tuple[Customer, Found]] = []
        for customer, result in zip(wanted, results, strict=True):
            if isinstance(result, _Failure):
                self.failed(customer, result.reason)
            else:
                found.append((customer, result))
        return found

    def reading(self, scope: Scope = Scope.PORTAL) -> Reading:
        lines = tuple(line for line in self._lines.values() if line.customer_id not in self._failed)
        return Reading(
            portal=self._portal,
            taken_at=self._now,
            lines=lines,
            complete=self._complete,
            scope=scope,
            failed_customers=MappingProxyType(dict(self._failed)),
            notes=tuple(self._notes),
        )
