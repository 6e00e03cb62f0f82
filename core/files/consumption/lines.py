"""Sums as consumption lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from core.domain.billing_words import PARTNER, kind_of, last_segment, product_type_of
from core.domain.consumption import ConsumptionKind, ConsumptionLine, ProductType
from core.domain.consumption_lines import WIDE, is_provisional
from core.domain.usage import Origin
from core.files.consumption.grouping import Grouping

__all__ = ["exact", "lines_of"]


def exact(value: Decimal | None) -> Decimal | None:
    """Without zeros at the end and without an exponent above 0."""
    if value is None:
        return None
    short = value.normalize(WIDE)
    return short.quantize(Decimal(1), context=WIDE) if int(short.as_tuple().exponent) > 0 else short


@dataclass(frozen=True, slots=True)
class _Sum:
    """One row of the table of sums, with its words."""

    grouping: Grouping
    row: dict[str, Any]

    def value(self, role: str) -> Any:
        return self.grouping.words[role].values[self.row[role]]

    def text(self, role: str) -> str:
        """As it was first written."""
        found: str = self.grouping.words[role].texts[self.row[role]]
        return found.strip()

    def name(self, role: str) -> str:
        return self.grouping.names[role].get(self.row[role], "")


def lines_of(
    grouping: Grouping, files: Sequence[str], today: date, *, customer_id: str | None = None
) -> Iterator[ConsumptionLine]:
    """A line for each sum, of all customers or one, in the order of the files. `files` are their names by number."""
    after_days = grouping.settings.final_after_days
    own = "" if customer_id == PARTNER else customer_id
    table = grouping.table() if own is None else grouping.table_of(own)
    if table is None:
        return
    table = table.sort_by("first")
    for batch in table.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            if row["cost_rows"]:
                yield _line(_Sum(grouping, row), files, today, after_days)


def _line(one: _Sum, files: Sequence[str], today: date, after_days: int) -> ConsumptionLine:
    row = one.row
    charge = kind_of(one.value("charge_type")) or ConsumptionKind.USAGE
    words = {name: one.value(name) for name in ("publisher_type", "pricing_model", "product")}
    product_type = product_type_of(charge, words)
    bought = product_type is ProductType.MARKETPLACE and charge is ConsumptionKind.USAGE
    start, end = date.fromordinal(row["start"]), date.fromordinal(row["end"])
    customer_id = one.value("customer_id") or PARTNER
    resource_key, resource = _resource(one)
    return ConsumptionLine(
        customer_id=customer_id,
        customer=one.name("customer_id") or customer_id,
        resource_key=resource_key,
        resource=resource,
        amount=exact(row["cost"]) or Decimal(0),
        currency=one.value("currency"),
        period_start=start,
        period_end=end,
        kind=ConsumptionKind.PURCHASE if bought else charge,
        price=exact(row["price"]) if row["price_rows"] == row["rows"] else None,
        quantity=exact(row["quantity"]) if row["quantity_rows"] == row["rows"] else None,
        unit=one.value("unit"),
        provisional=is_provisional(end, today, invoiced=bool(row["invoiced"]), after_days=after_days),
        dimensions=MappingProxyType(_dimensions(one, product_type)),
        origin=Origin(files[row["first"] >> 32], f"row {row['first'] & 0xFFFFFFFF}", row["rows"]),
    )


def _resource(one: _Sum) -> tuple[str, str]:
    """The key of what was used, and its words: a resource's own name, else the product's."""
    key = one.value("resource_id")
    if key:
        return key, last_segment(one.text("resource_id"))
    product = one.value("product")
    subscription = one.value("subscription_id")
    return f"{subscription}/{product or one.value('meter_category')}".strip("/"), product or one.value("meter_category")


def _dimensions(one: _Sum, product_type: ProductType) -> dict[str, str]:
    found = {
        "subscription_id": one.value("subscription_id"),
        "subscription": one.name("subscription_id"),
        "resource_group": one.value("resource_group"),
        "service": one.value("service"),
        "meter_category": one.value("meter_category"),
        "region": one.value("region"),
        "product_type": str(product_type),
    }
    tags = one.value("tags") or ()
    return {name: value for name, value in found.items() if value} | {f"tag:{name}": value for name, value in tags}
