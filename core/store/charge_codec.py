"""Charge changes, values and lines as JSON and back, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from core.domain.charges.keys import ChargeKey
from core.domain.charges.plan import ChargeChange, ChargeChangeKind, ChargeValues
from core.domain.consumption import ConsumptionKind, ConsumptionLine
from core.domain.plan import ChangeStatus
from core.domain.text import Text
from core.domain.usage import Origin
from core.store.codec import text_from_json, text_to_json, texts_from_json

MOST_LINES = 100
"""Lines of one change that the ledger keeps with it; all of them stay in the reading."""


def change_to_json(change: ChargeChange) -> dict[str, Any]:
    """A whole change, with at most `MOST_LINES` of its lines."""
    return {
        "kind": change.kind.value,
        "portal": change.portal,
        "customer_id": change.customer_id,
        "customer": change.customer,
        "company_id": change.company_id,
        "contract_id": change.contract_id,
        "period_start": change.period_start.isoformat(),
        "period_end": change.period_end.isoformat(),
        "key": change.key.text,
        "title": change.title,
        "status": change.status.value,
        "reason": text_to_json(change.reason),
        "charge_id": change.charge_id,
        "before": values_to_json(change.before),
        "after": values_to_json(change.after),
        "total": str(change.total),
        "holds": [text_to_json(hold) for hold in change.holds],
        "lines": [line_to_json(line) for line in change.lines[:MOST_LINES]],
    }


def change_from_json(data: Mapping[str, Any], *, status: str = "") -> ChargeChange:
    """The change again; `status` replaces the one it was stored with."""
    key = ChargeKey.parse(data["key"])
    assert key is not None
    return ChargeChange(
        kind=ChargeChangeKind(data["kind"]),
        portal=data["portal"],
        customer_id=data["customer_id"],
        customer=data["customer"],
        company_id=data["company_id"],
        contract_id=data["contract_id"],
        period_start=date.fromisoformat(data["period_start"]),
        period_end=date.fromisoformat(data["period_end"]),
        key=key,
        title=data["title"],
        status=ChangeStatus(status or data["status"]),
        reason=text_from_json(data["reason"]) or Text(""),
        charge_id=data["charge_id"],
        before=values_from_json(data["before"]),
        after=values_from_json(data["after"]),
        total=Decimal(data["total"]),
        holds=texts_from_json(data["holds"]),
        lines=tuple(line_from_json(line) for line in data["lines"]),
    )


def values_to_json(values: ChargeValues | None) -> dict[str, Any] | None:
    """What a charge says."""
    if values is None:
        return None
    return {
        "name": values.name,
        "description": values.description,
        "day": values.day.isoformat(),
        "price": str(values.price),
        "cost": str(values.cost),
        "billing_code_id": values.billing_code_id,
        "product_id": values.product_id,
    }


def values_from_json(data: Mapping[str, Any] | None) -> ChargeValues | None:
    if data is None:
        return None
    return ChargeValues(
        name=data["name"],
        description=data["description"],
        day=date.fromisoformat(data["day"]),
        price=Decimal(data["price"]),
        cost=Decimal(data["cost"]),
        billing_code_id=data["billing_code_id"],
        product_id=data["product_id"],
    )


def line_to_json(line: ConsumptionLine) -> dict[str, Any]:
    """A consumption line with its origin (M13)."""
    return {
        "customer_id": line.customer_id,
        "customer": line.customer,
        "resource_key": line.resource_key,
        "resource": line.resource,
        "amount": str(line.amount),
        "currency": line.currency,
        "start": line.period_start.isoformat(),
        "end": line.period_end.isoformat(),
        "kind": line.kind.value,
        "price": None if line.price is None else str(line.price),
        "quantity": None if line.quantity is None else str(line.quantity),
        "unit": line.unit,
        "provisional": line.provisional,
        "dimensions": dict(line.dimensions),
        "origin": [line.origin.source, line.origin.place, line.origin.rows],
        **({} if line.told_at is None else {"told_at": line.told_at.isoformat()}),
    }


def line_from_json(data: Mapping[str, Any]) -> ConsumptionLine:
    """The line again."""
    source, place, rows = data["origin"]
    return ConsumptionLine(
        customer_id=data["customer_id"],
        customer=data["customer"],
        resource_key=data["resource_key"],
        resource=data["resource"],
        amount=Decimal(data["amount"]),
        currency=data["currency"],
        period_start=date.fromisoformat(data["start"]),
        period_end=date.fromisoformat(data["end"]),
        kind=ConsumptionKind(data["kind"]),
        price=None if data["price"] is None else Decimal(data["price"]),
        quantity=None if data["quantity"] is None else Decimal(data["quantity"]),
        unit=data["unit"],
        provisional=data["provisional"],
        dimensions=data["dimensions"],
        origin=Origin(source, place, rows),
        told_at=datetime.fromisoformat(data["told_at"]) if "told_at" in data else None,
    )
