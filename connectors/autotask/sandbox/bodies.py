"""Bodies of writes: letter case, unknown and read-only fields, types, picklists, references (Autotask reference §4, §6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from connectors.autotask.sandbox.entities import ENTITIES
from connectors.autotask.sandbox.entities.picklists import PICKLISTS
from connectors.autotask.sandbox.errors import Malformed, Refusal, bad_reference, no_such_field, no_such_pick
from connectors.autotask.sandbox.schema import EntitySpec, FieldSpec
from connectors.autotask.sandbox.state import State
from connectors.autotask.sandbox.values import Record, read_value

_SPECIAL = ("id", "userdefinedfields", "soapparentpropertyid")


@dataclass(slots=True)
class Body:
    """What a body says, by the names of the entity. `extra` holds fields that only the live system knows (§7.5)."""

    id: int | None
    values: dict[str, Any] = field(default_factory=dict)
    udfs: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


def read_body(state: State, spec: EntitySpec, raw: object, old: Record | None, udf_names: dict[str, str]) -> Body:
    """Check and sort a body; `old` is the record that an update changes. Raises Refusal."""
    if not isinstance(raw, dict):
        raise Malformed("The request body could not be read: a JSON object is expected.")
    by_lower = {str(name).lower(): (str(name), value) for name, value in raw.items()}
    body = Body(id=_read_id(by_lower.get("id", ("id", None))[1]))
    body.udfs = _read_udfs(by_lower.get("userdefinedfields", ("", None))[1], udf_names, spec)
    for lower, (name, value) in by_lower.items():
        if lower in _SPECIAL:
            continue
        known = spec.find(name)
        if known is None:
            _unknown(state, spec, body, name, value)
        elif _accepts(state, known, value, old):
            body.values[known.name] = _checked(state, known, value)
    return body


def _read_id(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refusal(f"Error converting value {value!r} to type 'System.Int64'. Path 'id'.")
    return value


def _read_udfs(value: object, names: dict[str, str], spec: EntitySpec) -> dict[str, Any]:
    udfs: dict[str, Any] = {}
    for one in value if isinstance(value, list) else []:
        parts = {str(key).lower(): part for key, part in one.items()} if isinstance(one, dict) else {}
        name = str(parts.get("name", ""))
        if name.casefold() not in names:
            raise no_such_field(name, spec.singular)
        text = parts.get("value")
        udfs[names[name.casefold()]] = None if text is None else str(text)
    return udfs


def _unknown(state: State, spec: EntitySpec, body: Body, name: str, value: object) -> None:
    if spec.name == "ContractServices" and name.lower() == "adjustedprice":
        how = state.switches.adjusted_price
        if how == "refuse":
            raise no_such_field(name, spec.singular)
        if how == "accept" and isinstance(value, int | float):
            body.extra["adjustedPrice"] = value
        return
    if state.switches.unknown_body_fields == "refuse":
        raise no_such_field(name, spec.singular)


def _accepts(state: State, known: FieldSpec, value: object, old: Record | None) -> bool:
    """Is the field taken from the body? A value that changes nothing never hurts."""
    if known.read_only:
        if state.switches.read_only_fields == "refuse" and (old is None or old.get(known.name) != value):
            raise Refusal(f"{known.name} is read-only and cannot be set.")
        return False
    if known.create_only and old is not None:
        if read_value(known, value) != old.get(known.name):
            raise Refusal(f"{known.name} cannot be changed after the record was created.")
        return False
    return True


def _checked(state: State, known: FieldSpec, value: object) -> object:
    stored = read_value(known, value)
    if stored is None:
        return None
    if known.picklist and stored not in PICKLISTS[known.picklist]:
        raise no_such_pick(stored, known.name)
    if known.reference:
        check_reference(state, known, stored)
    return stored


def check_reference(state: State, known: FieldSpec, key: object) -> None:
    """The referenced record exists and is active; Autotask says the same of both (reference §6)."""
    entity = known.reference
    found = state.get(entity, key) if isinstance(key, int) else None
    if found is None or found.get("isActive") is False:
        raise bad_reference(known.name, ENTITIES[entity].singular)
