"""Rows of an invoice check as JSON and back, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from core.domain.invoice.model import CheckRow, Explanation, Move, Place, State, Why
from core.store.codec import text_to_json, texts_from_json


def row_to_json(row: CheckRow) -> dict[str, Any]:
    """A row; who muted it is kept elsewhere."""
    return {
        "customer_id": row.place.customer_id,
        "product_key": row.place.product_key,
        "customer": row.customer,
        "product": row.product,
        "invoice": _text(row.invoice),
        "own": _text(row.own),
        "autotask": _text(row.autotask),
        "invoice_amount": _text(row.invoice_amount),
        "own_amount": _text(row.own_amount),
        "autotask_amount": _text(row.autotask_amount),
        "by_units": _text(row.by_units),
        "currency": row.currency,
        "state": (State.DIFFERENT if row.state is State.MUTED else row.state).value,
        "shared": row.shared,
        "source": row.source,
        "explanation": _explanation_to_json(row.explanation),
    }


def row_from_json(data: Mapping[str, Any]) -> CheckRow:
    """The row again, not muted."""
    return CheckRow(
        place=Place(data["customer_id"], data["product_key"]),
        customer=data["customer"],
        product=data["product"],
        invoice=_number(data["invoice"]),
        own=_number(data["own"]),
        autotask=_number(data["autotask"]),
        invoice_amount=_number(data["invoice_amount"]),
        own_amount=_number(data["own_amount"]),
        autotask_amount=_number(data["autotask_amount"]),
        by_units=_number(data["by_units"]),
        currency=data["currency"],
        state=State(data["state"]),
        shared=data["shared"],
        source=data["source"],
        explanation=_explanation_from_json(data["explanation"]),
    )


def _explanation_to_json(found: Explanation) -> dict[str, Any]:
    return {
        "why": found.why.value,
        "first": found.first.isoformat() if found.first else None,
        "last": found.last.isoformat() if found.last else None,
        "moves": [[move.day.isoformat(), move.customer, str(move.change)] for move in found.moves],
        "is_maximum": found.is_maximum,
        "texts": [text_to_json(text) for text in found.texts],
    }


def _explanation_from_json(data: Mapping[str, Any]) -> Explanation:
    return Explanation(
        why=Why(data["why"]),
        first=date.fromisoformat(data["first"]) if data["first"] else None,
        last=date.fromisoformat(data["last"]) if data["last"] else None,
        moves=tuple(Move(date.fromisoformat(day), who, Decimal(change)) for day, who, change in data["moves"]),
        is_maximum=data["is_maximum"],
        texts=texts_from_json(data["texts"]),
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _number(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
