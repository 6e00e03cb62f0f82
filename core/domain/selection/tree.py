"""A document as a tree a person can click in, and the path that a click means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from core.domain.selection.listing import ALL, path_steps
from core.domain.selection.mapping import is_map
from core.domain.selection.paths import SCOPE_NAMES, quoted
from core.domain.selection.values import shown

__all__ = ["Node", "NodeKind", "path_of_click", "path_of_first_call", "tree"]

DEEPEST = 12
LOOKED_AT = 50
"""So many items of a list are looked at to know their fields."""


class NodeKind(StrEnum):
    LIST = "list"
    RECORD = "record"
    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    EMPTY = "empty"
    """Null, in every record looked at."""


@dataclass(frozen=True, slots=True)
class Node:
    """One place in a document. The items of a list are shown as one: `customers[*].name` is the name of each of them.

    `path` leads there from the top of the document, `key` is its last step, `sample` what stands there first (80 characters),
    `count` how many items or fields it has, for a plain value in how many of the records looked at it is there.
    """

    path: str
    key: str
    kind: NodeKind
    depth: int
    sample: str = ""
    count: int = 0


def tree(document: object, limit: int = 500) -> tuple[Node, ...]:
    """The nodes of a document, outer before inner, `limit` at most."""
    nodes: list[Node] = []
    for node in _nodes([document], "", "", 0):
        nodes.append(node)
        if len(nodes) >= limit:
            break
    return tuple(nodes)


def _nodes(values: Sequence[Any], path: str, key: str, depth: int) -> Iterator[Node]:
    """The node of one place, of which `values` are the occurrences, and all below it."""
    there = [value for value in values if value is not None]
    lists = [value for value in there if isinstance(value, list)]
    records = [value for value in there if isinstance(value, dict)]
    if lists:
        items = [item for one in lists for item in one[:LOOKED_AT]][:LOOKED_AT]
        yield Node(path, key, NodeKind.LIST, depth, count=sum(map(len, lists)))
        if depth < DEEPEST and any(isinstance(item, dict | list) for item in items):
            yield from _inside(items, f"{path}[*]", depth)
        return
    if records:
        yield Node(path, key, NodeKind.RECORD, depth, count=len(_names(records)))
        if depth < DEEPEST:
            yield from _fields(records, path, depth)
        return
    yield Node(path, key, _kind(there), depth, shown(there[0]) if there else "", len(there))


def _inside(items: Sequence[Any], path: str, depth: int) -> Iterator[Node]:
    records = [item for item in items if isinstance(item, dict)]
    if records:
        yield from _fields(records, path, depth)
    else:
        yield from _nodes(items, path, "[*]", depth + 1)


def _fields(records: Sequence[dict[str, Any]], path: str, depth: int) -> Iterator[Node]:
    for name in _names(records):
        values = [record[name] for record in records if name in record]
        yield from _nodes(values, f"{path}.{quoted(name)}" if path else quoted(name), name, depth + 1)


def _names(records: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(name) for record in records for name in record))


def _kind(values: Sequence[Any]) -> NodeKind:
    if not values:
        return NodeKind.EMPTY
    if isinstance(values[0], bool):
        return NodeKind.FLAG
    return NodeKind.NUMBER if isinstance(values[0], int | float | Decimal) else NodeKind.TEXT


def path_of_first_call(node: str, expand: Sequence[str] = ()) -> str:
    """The path for a click on the record of a first call, which is around everything else."""
    steps = path_steps(node)
    start = "parents[0]" if expand else "parent"
    return f"{start}.{node}" if steps is None else _joined(start, steps)


def path_of_click(node: str, records: str, expand: Sequence[str] = (), *, first_call: bool = False) -> str:
    """The path of a field, for a click on the node with this path, while these lists are the records.

    Inside the innermost list it is relative (`qty`); above it begins with `parent`, `parents[0]` or `document`. The name of an
    entry of a map that is walked is `key`, of one further out `keys[0]`. `first_call` says that the record of a first call is
    around them.
    """
    rest: Sequence[Any] | None = path_steps(node)
    if rest is None:
        return f"document.{node}"
    levels = [records, *expand]
    reached = 0
    left: Sequence[Any] = rest
    by_key, keys = False, 0
    for level in levels:
        after = _after(left, level)
        if after is None:
            break
        left, by_key = after, is_map(level)
        keys += by_key
        reached += 1
    if not reached:
        return _joined("document", rest)
    above = len(levels) - reached
    if above == 0:
        return ("key" if by_key else "item") if not left else _relative(left)
    if by_key and not left:
        return f"keys[{keys - 1}]"
    return _joined("parent" if above == 1 else f"parents[{reached - 1 + first_call}]", left)


def _after(steps: Sequence[Any], level: str) -> Sequence[Any] | None:
    """The steps below the items of a list; None when these steps do not lead into it."""
    text = level.strip()
    by_key = is_map(text)
    wanted = path_steps(text[:-1].removesuffix(".") if by_key else text)
    if wanted is None:
        return None
    plain = list(wanted[:-1] if wanted and wanted[-1] is ALL else wanted)
    if list(steps[: len(plain)]) != plain:
        return None
    left = steps[len(plain) :]
    if by_key:
        return left[1:] if left else None
    return left[1:] if left and left[0] is ALL else (left if left or not plain else None)


def _relative(steps: Sequence[Any]) -> str:
    path = _joined("", steps)
    return f"item.{path}" if steps[0] in SCOPE_NAMES else path


def _joined(start: str, steps: Sequence[Any]) -> str:
    path = start
    for step in steps:
        path = f"{path}[*]" if step is ALL else f"{path}.{quoted(step)}" if path else quoted(step)
    return path
