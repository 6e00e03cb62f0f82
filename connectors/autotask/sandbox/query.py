"""The query language (Autotask reference §3): from a JSON body to a predicate and what a table can narrow by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.autotask.sandbox.errors import Malformed, Refusal, no_such_field
from connectors.autotask.sandbox.filters import Predicate, all_of, any_of, compile_condition
from connectors.autotask.sandbox.schema import EntitySpec, FieldType
from connectors.autotask.sandbox.switches import SandboxSwitches
from connectors.autotask.sandbox.table import Narrowing
from connectors.autotask.sandbox.values import shift

_GROUPS = ("and", "or")
_OR_LIMIT = 500
_OR_TEXT = "Invalid query syntax. Queries are limited to 500 or fewer 'OR' conditions."


@dataclass(frozen=True, slots=True)
class Query:
    """One understood query. `fields` None means all; `udfs` None means all user-defined fields."""

    matches: Predicate
    narrowing: Narrowing
    max_records: int
    fields: tuple[str, ...] | None
    udfs: frozenset[str] | None
    fingerprint: bytes


class QueryParser:
    """Reads the body of one query on one entity. `udf_names` maps folded names of its user-defined fields to the names."""

    def __init__(self, spec: EntitySpec, udf_names: Mapping[str, str], switches: SandboxSwitches) -> None:
        self._spec = spec
        self._udf_names = udf_names
        self._switches = switches
        self._narrowing = Narrowing()
        self._udf_conditions = 0
        self._or_conditions = 0

    def parse(self, body: object) -> Query:
        """Raises Refusal (or Malformed) where Autotask refuses the query."""
        if not isinstance(body, dict):
            raise Malformed("The query could not be read: a JSON object is expected.")
        parts = {str(name).lower(): value for name, value in body.items()}
        filters = parts.get("filter")
        if not isinstance(filters, list) or not filters:
            raise Refusal("Value does not exist for the required field Filter. A query needs at least one filter.")
        predicates = [self._node(node, certain=True, in_or=False) for node in filters]
        fields, udfs = self._included(parts.get("includefields"))
        return Query(
            matches=all_of([one for one in predicates if one is not None]),
            narrowing=self._narrowing,
            max_records=self._max_records(parts.get("maxrecords")),
            fields=fields,
            udfs=udfs,
            fingerprint=orjson.dumps([filters, parts.get("includefields")], option=orjson.OPT_SORT_KEYS),
        )

    def _max_records(self, value: object) -> int:
        if value is None:
            return min(500, self._switches.page_cap)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 500:
            raise Refusal("MaxRecords must be between 1 and 500.", status=self._switches.max_records_status)
        return min(value, self._switches.page_cap)

    def _included(self, names: object) -> tuple[tuple[str, ...] | None, frozenset[str] | None]:
        if names is None or names == []:
            return None, None
        if not isinstance(names, list):
            raise Malformed("IncludeFields must be a list of field names.")
        fields: dict[str, None] = {"id": None} if self._switches.include_id_always else {}
        udfs: set[str] = set()
        for name in map(str, names):
            if name.lower() == "userdefinedfields" and self._spec.udf_type is not None:
                udfs.update(self._udf_names.values())
                continue
            known = self._spec.find(name)
            if known is not None:
                fields[known.name] = None
            elif name.casefold() in self._udf_names:
                udfs.add(self._udf_names[name.casefold()])
            else:
                raise no_such_field(name, self._spec.singular)
        return tuple(fields), frozenset(udfs)

    def _node(self, node: object, *, certain: bool, in_or: bool) -> Predicate | None:
        """`certain`: this condition must hold for every result. None: the condition is ignored."""
        if not isinstance(node, dict):
            raise Malformed("A filter must be a JSON object.")
        parts = {str(name).lower(): value for name, value in node.items()}
        if parts.get("op") in _GROUPS:
            return self._group(parts, certain=certain)
        self._or_conditions += in_or
        if self._or_conditions > _OR_LIMIT:
            raise Refusal(_OR_TEXT)
        return self._condition(parts, certain=certain)

    def _group(self, parts: Mapping[str, Any], *, certain: bool) -> Predicate | None:
        items = parts.get("items")
        if not isinstance(items, list) or not items:
            raise Refusal(f"Invalid query syntax. '{parts['op']}' needs items.")
        either = parts["op"] == "or" and len(items) > 1
        nodes = [self._node(item, certain=certain and not either, in_or=either) for item in items]
        predicates = [one for one in nodes if one is not None]
        if not predicates:
            return None
        return any_of(predicates) if either else all_of(predicates)

    def _condition(self, parts: Mapping[str, Any], *, certain: bool) -> Predicate | None:
        op, name = parts.get("op"), parts.get("field")
        if not isinstance(op, str) or not isinstance(name, str):
            raise Refusal("Invalid query syntax. A filter needs op and field.")
        if parts.get("udf") is True:
            return self._udf_condition(op, name, parts)
        known = self._spec.find(name)
        if known is None:
            raise no_such_field(name, self._spec.singular)
        compiled = compile_condition(known, op, parts.get("value"), self._switches)
        if compiled is None:
            return None
        if certain:
            self._narrow(known.name, known.type, op, compiled.value)
        return compiled.predicate

    def _udf_condition(self, op: str, name: str, parts: Mapping[str, Any]) -> Predicate | None:
        self._udf_conditions += 1
        if self._udf_conditions > 1:
            raise Refusal("Only one user defined field may be queried at a time.")
        udf = self._udf_names.get(name.casefold())
        if udf is None:
            raise no_such_field(name, self._spec.singular)
        compiled = compile_condition(None, op, parts.get("value"), self._switches)
        if compiled is None:
            return None
        inner = compiled.predicate
        return lambda row: inner({"": (row.get("_udf") or {}).get(udf)})

    def _narrow(self, name: str, kind: FieldType, op: str, value: object) -> None:
        narrowing = self._narrowing
        if op in ("eq", "in") and kind not in (FieldType.DATE, FieldType.DATETIME, FieldType.DOUBLE):
            values = value if isinstance(value, frozenset) else frozenset((value,))
            narrowing.equals[name] = narrowing.equals.get(name, values) & values
        elif name == "id" and isinstance(value, int | float):
            self._narrow_id(op, value)
        elif kind is FieldType.DATE and isinstance(value, str):
            self._narrow_date(name, op, value)

    def _narrow_id(self, op: str, value: float) -> None:
        narrowing = self._narrowing
        if op in ("gt", "gte"):
            bound = int(value) if op == "gt" else int(value) - 1
            narrowing.after = max(narrowing.after, bound)
        elif op in ("lt", "lte"):
            bound = int(value) + 1
            narrowing.below = bound if narrowing.below is None else min(narrowing.below, bound)

    def _narrow_date(self, name: str, op: str, value: str) -> None:
        low, high = self._narrowing.ranges.get(name, ("0001-01-01", "9999-12-31"))
        day = value[:10]
        if op in ("gt", "gte", "eq"):
            low = max(low, day)
        if op in ("lt", "lte", "eq"):
            high = min(high, day if day == value else shift(day, 1))
        self._narrowing.ranges[name] = (low, high)
