"""Changes and findings as JSON and back, exactly."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from core.domain.contract import ItemRef, LineKind, LineRef, PeriodType
from core.domain.finding import Finding, FindingKind
from core.domain.mapping import ChoiceKey
from core.domain.plan import Change, ChangeKind, ChangeStatus
from core.domain.provisioning.steps import Step
from core.domain.target import KnownLine, TargetSource
from core.domain.text import Text
from core.domain.usage import NOTHING, Origin, UsageLine
from core.store.codec import text_from_json, text_to_json, texts_from_json


def change_to_json(change: Change) -> dict[str, Any]:
    """Everything of a change: the page, the ledger and the read-back all work on this."""
    return {
        "kind": change.kind.value,
        "company_id": change.company_id,
        "contract_id": change.contract_id,
        "line": _ref(change.line),
        "item": _ref(change.item),
        "from_units": change.from_units,
        "to_units": change.to_units,
        "effective_date": change.effective_date.isoformat(),
        "status": change.status.value,
        "reason": text_to_json(change.reason),
        "holds": [text_to_json(text) for text in change.holds],
        "unit_price": _number(change.unit_price),
        "unit_cost": _number(change.unit_cost),
        "money_per_period": _number(change.money_per_period),
        "period_type": change.period_type.value,
        "sources": [_source_to_json(source) for source in change.sources],
        "explanation": [text_to_json(text) for text in change.explanation],
        "portals": list(change.portals),
        "pair": change.pair,
        "step": _step_to_json(change.step) if change.step else None,
    }


def change_from_json(data: dict[str, Any], *, status: str | None = None) -> Change:
    """The change again; `status` where a person's decision came after it was stored."""
    return Change(
        kind=ChangeKind(data["kind"]),
        company_id=data["company_id"],
        contract_id=data["contract_id"],
        line=LineRef(LineKind(data["line"][0]), data["line"][1]) if data["line"] else None,
        item=ItemRef(LineKind(data["item"][0]), data["item"][1]),
        from_units=data["from_units"],
        to_units=data["to_units"],
        effective_date=date.fromisoformat(data["effective_date"]),
        status=ChangeStatus(status or data["status"]),
        reason=_text(data["reason"]),
        holds=texts_from_json(data["holds"]),
        unit_price=_decimal(data["unit_price"]),
        unit_cost=_decimal(data["unit_cost"]),
        money_per_period=_decimal(data["money_per_period"]),
        period_type=PeriodType(data["period_type"]),
        sources=tuple(_source_from_json(source) for source in data["sources"]),
        explanation=texts_from_json(data["explanation"]),
        portals=tuple(data["portals"]),
        pair=data.get("pair", ""),
        step=_step_from_json(data.get("step")),
    )


_STEP_PLAIN = ("key", "name", "description", "billing_code", "service_level_agreement", "category")


def _step_to_json(step: Step) -> dict[str, Any]:
    return {
        **{name: getattr(step, name) for name in _STEP_PLAIN},
        "period_type": step.period_type.value,
        "start": _day(step.start),
        "end": _day(step.end),
        "unit_price": _number(step.unit_price),
        "unit_cost": _number(step.unit_cost),
    }


def _step_from_json(data: dict[str, Any] | None) -> Step | None:
    if data is None:
        return None
    return Step(
        **{name: data[name] for name in _STEP_PLAIN},
        period_type=PeriodType(data["period_type"]),
        start=date.fromisoformat(data["start"]) if data["start"] else None,
        end=date.fromisoformat(data["end"]) if data["end"] else None,
        unit_price=_decimal(data["unit_price"]),
        unit_cost=_decimal(data["unit_cost"]),
    )


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """Everything of a finding."""
    return {
        "kind": finding.kind.value,
        "key": finding.key,
        "message": text_to_json(finding.message),
        "remedy": text_to_json(finding.remedy) if finding.remedy else None,
        "portal": finding.portal,
        "subject": finding.subject,
        "company_id": finding.company_id,
        "line": _ref(finding.line),
        "candidates": [list(candidate) for candidate in finding.candidates],
        "choice": _choice_to_json(finding.choice),
    }


def finding_from_json(data: dict[str, Any]) -> Finding:
    """The finding again."""
    return Finding(
        kind=FindingKind(data["kind"]),
        key=data["key"],
        message=_text(data["message"]),
        remedy=text_from_json(data["remedy"]),
        portal=data["portal"],
        subject=data["subject"],
        company_id=data["company_id"],
        line=LineRef(LineKind(data["line"][0]), data["line"][1]) if data["line"] else None,
        candidates=tuple((candidate[0], candidate[1]) for candidate in data["candidates"]),
        choice=_choice_from_json(data.get("choice")),
    )


def _choice_to_json(choice: ChoiceKey | None) -> list[Any] | None:
    return [choice.company_id, _ref(choice.item), choice.billing_frequency] if choice else None


def _choice_from_json(data: list[Any] | None) -> ChoiceKey | None:
    return ChoiceKey(data[0], ItemRef(LineKind(data[1][0]), data[1][1]), data[2]) if data else None


def _source_to_json(source: TargetSource) -> dict[str, Any]:
    line, usage = source.line, source.line.usage
    return {
        "portal": source.portal,
        "rule_id": source.rule_id,
        "name": source.name,
        "id": line.id,
        "changed_on": _day(line.changed_on),
        "present": line.present,
        "since": line.since.isoformat(),
        "confirmed_at": line.confirmed_at.isoformat(),
        "usage": {
            **{name: getattr(usage, name) for name in _WORDS},
            **{name: _number(getattr(usage, name)) for name in _NUMBERS},
            **{name: _day(getattr(usage, name)) for name in _DATES},
            "attributes": dict(usage.attributes),
            "origin": list(usage.origin),
        },
    }


_WORDS = (
    "customer_id", "customer", "product_key", "product", "unit", "term", "billing_frequency", "subscription_id", "currency",
)  # fmt: skip
_NUMBERS = ("quantity", "unit_cost", "unit_price")
_DATES = ("effective_date", "period_start", "period_end")


def _source_from_json(data: dict[str, Any]) -> TargetSource:
    usage = data["usage"]
    values: dict[str, Any] = {name: usage[name] for name in _WORDS}
    values |= {name: _decimal(usage[name]) for name in _NUMBERS}
    values |= {name: date.fromisoformat(usage[name]) if usage[name] else None for name in _DATES}
    line = KnownLine(
        UsageLine(**values, attributes=usage["attributes"] or NOTHING, origin=Origin(*usage["origin"])),
        data["present"],
        datetime.fromisoformat(data["since"]),
        datetime.fromisoformat(data["confirmed_at"]),
        data["id"],
        date.fromisoformat(data["changed_on"]) if data.get("changed_on") else None,
    )
    return TargetSource(data["portal"], line, data["rule_id"], data["name"])


def _ref(ref: LineRef | ItemRef | None) -> list[Any] | None:
    return [ref.kind.value, ref.id] if ref else None


def _number(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _text(value: Any) -> Text:
    return text_from_json(value) or Text("")
