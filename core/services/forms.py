"""A form drawn from a pydantic model: what a page must ask for a connector's settings and secrets."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field. `title` and `help` are English templates of the catalogue.

    `kind`: text, number, boolean, choice, list, map (names with values) or secret.
    """

    name: str
    title: str
    help: str
    kind: str
    required: bool
    default: object = None
    choices: tuple[str, ...] = ()


def form_of(model: type[BaseModel]) -> tuple[FormField, ...]:
    """The fields of a model, in its order."""
    return tuple(_field(name, info) for name, info in model.model_fields.items())


def _field(name: str, info: FieldInfo) -> FormField:
    kind, choices = _kind(info.annotation)
    default = None if info.is_required() else info.get_default(call_default_factory=True, validated_data={})
    return FormField(
        name=name,
        title=info.title or name,
        help=info.description or "",
        kind=kind,
        required=info.is_required(),
        default=default.value if isinstance(default, Enum) else default,
        choices=choices,
    )


def _kind(annotation: Any) -> tuple[str, tuple[str, ...]]:
    branches = [branch for branch in _branches(annotation) if branch is not type(None)]
    literal = [str(value) for branch in branches if get_origin(branch) is Literal for value in get_args(branch)]
    if literal:
        return "choice", tuple(literal)
    for branch in branches:
        plain = get_origin(branch) or branch
        if not isinstance(plain, type):
            continue
        if issubclass(plain, Enum):
            return "choice", tuple(str(member.value) for member in plain)
        for kind, kinds in _KINDS.items():
            if issubclass(plain, kinds):
                return kind, ()
    return "text", ()


_KINDS: Mapping[str, tuple[type, ...]] = {
    "secret": (SecretStr,),
    "text": (str,),
    "boolean": (bool,),
    "number": (int, float, Decimal),
    "map": (Mapping, BaseModel),
    "list": (Sequence, set, frozenset),
}


def _branches(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(inner for branch in get_args(annotation) for inner in _branches(branch))
    if get_origin(annotation) is Annotated:
        return _branches(get_args(annotation)[0])
    return (annotation,)


def forms_inside(model: type[BaseModel], name: str) -> dict[str, tuple[FormField, ...]]:
    """The forms of a field that is itself a model, by the `kind` each is chosen with; "" where there is one only."""
    found: dict[str, tuple[FormField, ...]] = {}
    for branch in _branches(model.model_fields[name].annotation):
        for inner in (branch, *get_args(branch)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                fields = form_of(inner)
                chosen = next((f.choices for f in fields if f.name == "kind"), ())
                found[chosen[0] if len(chosen) == 1 else ""] = fields
    return found
