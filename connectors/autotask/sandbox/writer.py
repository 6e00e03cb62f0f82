"""Create, PATCH, PUT and DELETE for every entity (Autotask reference §4); what is special stands in `rules`."""

from __future__ import annotations

from typing import Any

from connectors.autotask.sandbox.adjusting import Adjuster
from connectors.autotask.sandbox.bodies import Body, read_body
from connectors.autotask.sandbox.errors import NO_MATCH, Refusal, missing_value, no_such_entity
from connectors.autotask.sandbox.lines import BY_ADJUSTMENTS
from connectors.autotask.sandbox.reader import Reader
from connectors.autotask.sandbox.rules import RULES, Change, Rules
from connectors.autotask.sandbox.schema import EntitySpec, FieldType
from connectors.autotask.sandbox.state import Effect, State, Write
from connectors.autotask.sandbox.values import Record


class Writer:
    """Every write either commits wholly and returns the itemId, or raises Refusal and changes nothing."""

    def __init__(self, state: State, reader: Reader) -> None:
        self._state = state
        self._reader = reader
        self._adjuster = Adjuster(state)

    def create(self, spec: EntitySpec, raw: object, parent_id: int | None) -> int | None:
        """POST. `parent_id` comes from a child path."""
        body = read_body(self._state, spec, raw, None, self._reader.udf_names(spec))
        if body.id:
            raise Refusal("id cannot be set on create.")
        self._set_parent(spec, body, parent_id)
        kind = BY_ADJUSTMENTS.get(spec.name)
        if kind is not None:
            return self._adjuster.adjust(kind, body.values, _plain(raw))
        record = self._defaults(spec, body)
        rules = RULES.get(spec.name, Rules())
        _check_required(spec, record)
        rules.create(Change(self._state, record, extra=body.extra))
        record["id"] = self._state.tables[spec.name].new_id()
        effects: list[Effect] = [["put", spec.name, record]]
        return self._commit(spec, "POST", record, effects, _plain(raw))

    def update(self, spec: EntitySpec, raw: object, parent_id: int | None, *, full: bool) -> int | None:
        """PATCH (`full` False: only the properties present) or PUT (omitted writable fields become null)."""
        key = _plain(raw, lower=True).get("id")
        old = self._state.get(spec.name, key) if isinstance(key, int) and not isinstance(key, bool) else None
        if key is None:
            raise missing_value("id")
        if old is None:
            raise Refusal(NO_MATCH.replace("delete", "update"))
        body = read_body(self._state, spec, raw, old, self._reader.udf_names(spec))
        self._same_parent(spec, old, parent_id)
        record = {**old, **(_emptied(spec) if full else {}), **body.values, **self._touched(spec)}
        if body.udfs or full:
            record["_udf"] = body.udfs if full else {**(old.get("_udf") or {}), **body.udfs}
        rules = RULES.get(spec.name, Rules())
        _check_required(spec, record)
        extra_effects = rules.update(Change(self._state, record, old, body.extra))
        verb = "PUT" if full else "PATCH"
        return self._commit(spec, verb, record, [["put", spec.name, record], *extra_effects], _plain(raw))

    def delete(self, spec: EntitySpec, key: int, parent_id: int | None) -> int | None:
        record = self._state.get(spec.name, key)
        if record is None:
            raise Refusal(NO_MATCH)
        self._same_parent(spec, record, parent_id)
        RULES.get(spec.name, Rules()).delete(Change(self._state, record, record))
        return self._commit(spec, "DELETE", record, [["drop", spec.name, key]], {})

    def _commit(
        self, spec: EntitySpec, verb: str, record: Record, effects: list[Effect], raw: dict[str, Any]
    ) -> int | None:
        key = int(record["id"])
        if spec.name not in self._state.switches.silent_entities:
            values = {name: value for name, value in record.items() if value is not None}
            self._state.commit(effects, Write("api", spec.name, verb, key, raw, values))
        return key

    def _defaults(self, spec: EntitySpec, body: Body) -> Record:
        record: Record = {name: known.default for name, known in spec.fields.items()}
        record |= body.values | self._touched(spec)
        record |= {name: self._state.now() for name, known in spec.fields.items() if known.created}
        if spec.udf_type is not None:
            record["_udf"] = {**self._udf_defaults(spec), **body.udfs}
        return record

    def _udf_defaults(self, spec: EntitySpec) -> dict[str, Any]:
        definitions = self._state.tables["UserDefinedFieldDefinitions"].by("udfType", spec.udf_type)
        return {one["name"]: one["defaultValue"] for one in definitions if one.get("defaultValue") is not None}

    def _touched(self, spec: EntitySpec) -> Record:
        return {name: self._state.now() for name, known in spec.fields.items() if known.touch}

    def _set_parent(self, spec: EntitySpec, body: Body, parent_id: int | None) -> None:
        if spec.parent is None or parent_id is None:
            return
        key = spec.parent.key
        if body.values.get(key, parent_id) != parent_id:
            raise Refusal(f"{key} does not match the id of the parent in the URL.")
        known = spec.fields[key]
        if self._state.get(known.reference, parent_id) is None:
            raise no_such_entity(key)
        body.values[key] = parent_id

    def _same_parent(self, spec: EntitySpec, record: Record, parent_id: int | None) -> None:
        if spec.parent and parent_id is not None and record.get(spec.parent.key) != parent_id:
            raise Refusal(NO_MATCH.replace("delete", "update"))


def _check_required(spec: EntitySpec, record: Record) -> None:
    for name, known in spec.fields.items():
        if known.required and not known.read_only and record.get(name) is None:
            raise missing_value(name)


def _emptied(spec: EntitySpec) -> Record:
    """Every writable field as PUT leaves it when it is omitted."""
    return {
        name: False if known.type is FieldType.BOOL else None
        for name, known in spec.fields.items()
        if not known.read_only and not known.create_only
    }


def _plain(raw: object, *, lower: bool = False) -> dict[str, Any]:
    if not isinstance(raw, dict):
        return {}
    return {str(name).lower() if lower else str(name): value for name, value in raw.items()}
