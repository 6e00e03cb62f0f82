"""Single conditions of a query as predicates over a record. Null never compares (SQL), text compares without case."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from connectors.autotask.sandbox.errors import Refusal
from connectors.autotask.sandbox.schema import FieldSpec, FieldType
from connectors.autotask.sandbox.switches import SandboxSwitches
from connectors.autotask.sandbox.table import folded
from connectors.autotask.sandbox.values import filter_moment

Predicate = Callable[[Mapping[str, Any]], bool]

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "noteq": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_TEXT: Mapping[str, Callable[[str, str], bool]] = {
    "beginsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": lambda value, part: part in value,
}
_NEVER = object()
"""A filter value that equals nothing: text given for an id (reference §3)."""


class Compiled(NamedTuple):
    predicate: Predicate
    value: Any


def all_of(predicates: Sequence[Predicate]) -> Predicate:
    """True where every one is."""
    if len(predicates) == 1:
        return predicates[0]
    return lambda row: all(one(row) for one in predicates)


def any_of(predicates: Sequence[Predicate]) -> Predicate:
    """True where at least one is."""
    return lambda row: any(one(row) for one in predicates)


def compile_condition(spec: FieldSpec | None, op: str, value: object, switches: SandboxSwitches) -> Compiled | None:
    """One condition; `spec` None is a user-defined field (its value is under the name ""). None: ignored by the switch."""
    name = spec.name if spec else ""
    if op in ("exist", "notExist"):
        wanted = op == "exist"
        return Compiled(lambda row: (row.get(name) is not None) is wanted, None)
    if op in ("in", "notIn"):
        return _membership(spec, name, op, value, switches)
    if op in _TEXT:
        return _text(spec, name, op, value)
    if op in _COMPARE:
        return _comparison(spec, name, op, value)
    if switches.unknown_operators == "ignore":
        return None
    raise Refusal(f"Invalid query syntax. '{op}' is not a valid operator.")


def _membership(spec: FieldSpec | None, name: str, op: str, value: object, switches: SandboxSwitches) -> Compiled:
    if not isinstance(value, list) or not value:
        raise Refusal(f"Invalid query syntax. '{op}' needs a list of values.")
    if len(value) > switches.in_list_limit:
        raise Refusal(f"Invalid query syntax. Queries are limited to {switches.in_list_limit} or fewer values.")
    wanted = frozenset(_operand(spec, one) for one in value)
    inside = op == "in"

    def matches(row: Mapping[str, Any]) -> bool:
        found = row.get(name)
        return found is not None and (folded(found) in wanted) is inside

    return Compiled(matches, wanted)


def _text(spec: FieldSpec | None, name: str, op: str, value: object) -> Compiled:
    if spec is not None and spec.type is not FieldType.STRING:
        raise Refusal(f"Invalid query syntax. '{op}' cannot be used on field {name}.")
    if not isinstance(value, str):
        raise Refusal(f"Invalid query syntax. '{op}' on field {name} needs a text.")
    test, part = _TEXT[op], value.casefold()

    def matches(row: Mapping[str, Any]) -> bool:
        found = row.get(name)
        return found is not None and test(str(found).casefold(), part)

    return Compiled(matches, part)


def _comparison(spec: FieldSpec | None, name: str, op: str, value: object) -> Compiled:
    wanted = _operand(spec, value)
    compare = _COMPARE[op]
    if wanted is _NEVER:
        return Compiled(lambda row: False, _NEVER)  # noqa: ARG005
    if isinstance(wanted, str):

        def matches_text(row: Mapping[str, Any]) -> bool:
            found = row.get(name)
            return found is not None and bool(compare(folded(found), wanted))

        return Compiled(matches_text, wanted)

    def matches(row: Mapping[str, Any]) -> bool:
        found = row.get(name)
        return found is not None and bool(compare(found, wanted))

    return Compiled(matches, wanted)


def _operand(spec: FieldSpec | None, value: object) -> object:
    """The filter's value as it is compared with stored ones."""
    if value is None:
        raise Refusal(f"Invalid query syntax. null is not a valid value for field {spec.name if spec else 'udf'}.")
    if isinstance(value, list | dict):
        raise Refusal(f"Invalid query syntax. The value for field {spec.name if spec else 'udf'} cannot be read.")
    if spec is None or spec.type is FieldType.STRING:
        return folded(value if isinstance(value, str) else str(value))
    if spec.type is FieldType.BOOL:
        if not isinstance(value, bool):
            raise Refusal(f"Boolean values for field {spec.name} must be true or false.")
        return value
    if spec.type in (FieldType.DATE, FieldType.DATETIME):
        return _date_operand(spec, value)
    return _number_operand(spec, value)


def _date_operand(spec: FieldSpec, value: object) -> str:
    moment = filter_moment(value, date_only=spec.type is FieldType.DATE) if isinstance(value, str) else None
    if moment is None:
        raise Refusal("Conversion failed when converting date and/or time from character string.")
    # stored values are folded before they are compared with text
    return moment.casefold()


def _number_operand(spec: FieldSpec, value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    text = str(value)
    if not spec.picklist:
        return _NEVER
    if text.strip().lstrip("-").isdigit():
        return int(text)
    raise Refusal(f"Conversion failed when converting varchar '{text}' to data type int.")
