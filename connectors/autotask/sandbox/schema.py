"""What an entity is: its fields, its verbs, its place below a parent. The lists themselves are in `entities/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class FieldType(StrEnum):
    LONG = "long"
    INT = "int"
    DOUBLE = "double"
    STRING = "string"
    BOOL = "bool"
    DATE = "date"
    DATETIME = "datetime"


METADATA_TYPE = {
    FieldType.LONG: "long",
    FieldType.INT: "integer",
    FieldType.DOUBLE: "double",
    FieldType.STRING: "string",
    FieldType.BOOL: "boolean",
    FieldType.DATE: "datetime",
    FieldType.DATETIME: "datetime",
}


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field. `create_only`: settable on create, then fixed. `touch`/`created`: the server stamps it on write/create."""

    name: str
    type: FieldType
    length: int = 0
    required: bool = False
    read_only: bool = False
    create_only: bool = False
    reference: str = ""
    picklist: str = ""
    default: object = None
    touch: bool = False
    created: bool = False


@dataclass(frozen=True, slots=True)
class ParentPath:
    """Where a child lives: `/{parent}/{id}/{segment}`. `verbs` of the collection, `item_verbs` of `/{id}` below it."""

    parent: str
    segment: str
    key: str
    verbs: frozenset[str]
    item_verbs: frozenset[str] = frozenset({"GET"})


@dataclass(frozen=True, slots=True)
class EntitySpec:
    """One entity of the API. `verbs` at its root: query (with count), GET (by id), POST, PATCH, PUT, DELETE (by id)."""

    name: str
    singular: str
    fields: Mapping[str, FieldSpec]
    verbs: frozenset[str]
    parent: ParentPath | None = None
    udf_type: int | None = None
    indexed: tuple[str, ...] = ()
    by_lower: Mapping[str, FieldSpec] = field(default_factory=dict)
    dated: tuple[tuple[str, bool], ...] = ()

    def find(self, name: str) -> FieldSpec | None:
        """A field by any letter case."""
        return self.fields.get(name) or self.by_lower.get(name.lower())


def entity(
    name: str,
    singular: str,
    lines: str,
    *,
    verbs: str,
    parent: ParentPath | None = None,
    udf_type: int | None = None,
    indexed: str = "",
) -> EntitySpec:
    """Build one entity from lines like `int R C ref=Companies: companyID billToCompanyID`.

    Marks: R required, RO read-only, C create only, T stamped on write, N stamped on create, ref=, pick=, default=.
    """
    fields: dict[str, FieldSpec] = {}
    for line in filter(None, (raw.strip() for raw in lines.splitlines())):
        head, _, names = line.partition(":")
        fields |= {one: _field(one, head.split()) for one in names.split()}
    return EntitySpec(
        name=name,
        singular=singular,
        fields=fields,
        verbs=frozenset(verbs.split()),
        parent=parent,
        udf_type=udf_type,
        indexed=tuple(indexed.split()),
        by_lower={one.lower(): spec for one, spec in fields.items()},
        dated=tuple(
            (one, spec.type is FieldType.DATE)
            for one, spec in fields.items()
            if spec.type in (FieldType.DATE, FieldType.DATETIME)
        ),
    )


def _field(name: str, head: list[str]) -> FieldSpec:
    kind, _, length = head[0].partition("(")
    marks = {mark for mark in head[1:] if "=" not in mark}
    options = dict(mark.split("=", 1) for mark in head[1:] if "=" in mark)
    return FieldSpec(
        name=name,
        type=FieldType(kind),
        length=int(length.rstrip(")")) if length else 0,
        required="R" in marks,
        read_only="RO" in marks or "T" in marks or "N" in marks,
        create_only="C" in marks,
        reference=options.get("ref", ""),
        picklist=options.get("pick", ""),
        default=_default(options.get("default")),
        touch="T" in marks,
        created="N" in marks,
    )


def _default(text: str | None) -> object:
    if text is None:
        return None
    if text in ("true", "false"):
        return text == "true"
    return int(text)
