"""What clicks in a document mean for a mapping: a list becomes the records, a field the path of a part of the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.domain.selection.listing import ALL, path_steps
from core.domain.selection.paths import quoted
from core.domain.selection.suggest import Suggestion
from core.domain.selection.tree import Node, NodeKind, path_of_click

__all__ = ["Place", "clicked_parts", "list_of_click", "moved_fields"]

PLAIN = (NodeKind.TEXT, NodeKind.NUMBER, NodeKind.FLAG, NodeKind.EMPTY)


class Place(NamedTuple):
    """Where records are: the outer list and the lists inside it."""

    records: str
    expand: tuple[str, ...] = ()


def list_of_click(nodes: Sequence[Node], node: Node) -> Place | None:
    """The records that a click on this node means; None where there is no list to be meant.

    A list means its items, within the items of the lists around it. A record whose fields are all records is a map keyed by name;
    another one stands for itself. A plain value means the innermost list it stands in.
    """
    steps = path_steps(node.path)
    if steps is None:
        return None
    if node.kind in PLAIN:
        if ALL not in steps:
            return None
        steps = steps[: len(steps) - steps[::-1].index(ALL)]
        return _split(steps)
    if node.kind is NodeKind.LIST:
        return _split((*steps, ALL))
    place = _split(steps)
    below = _children(nodes, node)
    if not below or any(child.kind is not NodeKind.RECORD for child in below):
        return place
    levels = [place.records, *place.expand]
    last = f"{levels[-1]}.*" if levels[-1] else "*"
    return Place(*_outer_first([*levels[:-1], last]))


def clicked_parts(nodes: Sequence[Node], place: Place, fields: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Which parts of the line (their names in `fields`, with their paths) stand at which node, by the node's path."""
    found: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        if node.kind in (NodeKind.LIST, NodeKind.RECORD):
            continue
        path = path_of_click(node.path, place.records, place.expand)
        parts = tuple(part for part, chosen in fields.items() if chosen and chosen == path)
        if parts:
            found[node.path] = parts
    return found


def moved_fields(
    nodes: Sequence[Node], before: Place, after: Place, fields: Mapping[str, str], suggestion: Suggestion
) -> dict[str, str]:
    """The paths of the same fields when other lists become the records; what leads nowhere any more is proposed anew."""
    where = {part: path for path, parts in clicked_parts(nodes, before, fields).items() for part in parts}
    kept: dict[str, str] = {}
    for part, node in where.items():
        path = path_of_click(node, after.records, after.expand)
        if not path.startswith("document.") and "[*]" not in path:
            kept[part] = path
    proposed = next((one for one in suggestion.candidates if Place(one.records, one.expand) == after), None)
    taken = set(kept.values())
    for part, path in proposed.fields.items() if proposed else ():
        if part not in kept and path not in taken and not _says_already(part, kept):
            kept[part] = path
    return kept


def _says_already(part: str, kept: Mapping[str, str]) -> bool:
    """A name is not proposed beside another name that a person chose."""
    pair = {"customer": "customer_id", "customer_id": "customer", "product": "product_key", "product_key": "product"}
    return False if part not in pair else part in kept


def _split(steps: Sequence[Any]) -> Place:
    levels: list[str] = []
    here = ""
    for step in steps:
        if step is ALL:
            levels.append(f"{here}[*]")
            here = ""
        else:
            here = f"{here}.{quoted(step)}" if here else quoted(step)
    if here:
        levels.append(here)
    return Place(*_outer_first(levels or [""]))


def _outer_first(levels: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    return levels[0], tuple(levels[1:])


def _children(nodes: Sequence[Node], node: Node) -> list[Node]:
    found: list[Node] = []
    inside = False
    for one in nodes:
        if one is node or one == node:
            inside = True
        elif inside and one.depth <= node.depth:
            break
        elif inside and one.depth == node.depth + 1:
            found.append(one)
    return found
