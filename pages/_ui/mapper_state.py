"""A mapping while a person clicks it together: what is chosen, and which part the next click is for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.domain.errors import ContractBridgeError
from core.domain.selection import NodeKind, PathError, compile_path, path_of_click, path_of_first_call
from core.domain.selection.picking import PLAIN, Place, clicked_parts, list_of_click, moved_fields
from core.services import rest_mapping
from core.services.rest_mapping import Sample

RECORDS = "records"
PARENT = "parent"
MAIN = ("customer", "customer_id", "product", "product_key", "quantity")
FURTHER = (
    "subscription_id", "term", "billing_frequency", "unit", "unit_cost", "unit_price", "amount", "description",
    "currency", "period_start", "period_end", "effective_date",
)  # fmt: skip
FIELDS = (*MAIN, *FURTHER)
NEEDED = (("customer", "customer_id"), ("product", "product_key"), ("quantity", "count_records", "amount"))
"""One of each; the first is asked for."""
MOST_OPEN = 120


@dataclass
class Draft:
    """`mapping` is written as in the workspace file. `closed` are nodes whose inside is not shown, `kept` what was worked out
    from the example, so that it is worked out once.
    """

    key: str
    sample: Sample
    mapping: dict[str, object]
    active: str = RECORDS
    closed: set[str] = field(default_factory=set)
    further: set[str] = field(default_factory=set)
    kept: dict[Hashable, object] = field(default_factory=dict)
    table_version: int = 0

    @classmethod
    def of(cls, key: str, sample: Sample, stored: Mapping[str, object] | None) -> Draft:
        """The stored mapping, or else the likeliest one."""
        draft = cls(key, sample, dict(stored or {}))
        best = next(iter(sample.suggestion.candidates), None)
        if not stored and best is not None:
            draft.mapping = {"records": best.records, "expand": list(best.expand), **best.fields}
        draft.further = {part for part in FURTHER if part in draft.mapping}
        if len(sample.tree) > MOST_OPEN:
            inner = draft.levels()
            draft.closed = {
                node.path
                for node in sample.tree
                if node.kind not in PLAIN and node.depth and not inner.startswith(node.path)
            }
        draft.active = draft.lacking()[0] if stored and draft.lacking() else RECORDS
        return draft

    def levels(self) -> str:
        """The lists as one path from the top."""
        return ".".join((self.place.records, *self.place.expand)).strip(".")

    @property
    def place(self) -> Place:
        found = self.mapping.get("expand") or ()
        levels = [found] if isinstance(found, str | Mapping) else found
        paths = tuple(str(one["path"]) if isinstance(one, Mapping) else str(one) for one in levels)
        return Place(str(self.mapping.get("records") or ""), paths)

    @place.setter
    def place(self, place: Place) -> None:
        self.mapping["records"] = place.records
        self._lay_out(place.expand, self.stands_for_itself, self.may_lack)

    @property
    def stands_for_itself(self) -> bool:
        """Whether a record with an empty list inside is a line of its own."""
        return any(one.get("on_empty") == "parent" for one in self._lists())

    def stand_for_itself(self, on: bool) -> None:
        self._lay_out(self.place.expand, on, self.may_lack)

    @property
    def may_lack(self) -> bool:
        """Whether a record without the list inside has none, instead of being a problem."""
        return any(bool(one.get("may_lack")) for one in self._lists())

    def let_lack(self, on: bool) -> None:
        self._lay_out(self.place.expand, self.stands_for_itself, on)

    def _lists(self) -> list[Mapping[str, object]]:
        """The lists inside that are more than a path."""
        found = self.mapping.get("expand") or ()
        return [one for one in ([found] if isinstance(found, str | Mapping) else found) if isinstance(one, Mapping)]

    def _lay_out(self, paths: Sequence[str], stands: bool, lacks: bool) -> None:
        told = {**({"on_empty": "parent"} if stands else {}), **({"may_lack": True} if lacks else {})}
        self.mapping["expand"] = [{"path": path, **told} if told else path for path in paths]

    def value(self, part: str) -> dict[str, object]:
        """The whole value of one part: path or fixed text, names to change, format."""
        found = self.mapping.get(part)
        return dict(found) if isinstance(found, Mapping) else {"path": found} if found else {}

    def put_value(self, part: str, value: Mapping[str, object]) -> None:
        kept = {name: one for name, one in value.items() if one not in (None, "", {}) or name == "constant"}
        if kept.get("number_format") == "auto":
            del kept["number_format"]
        if not kept:
            self.mapping.pop(part, None)
        else:
            self.mapping[part] = kept["path"] if set(kept) == {"path"} else kept

    def path(self, part: str) -> str:
        if part.startswith("filter "):
            return str(self.filters[int(part.split()[1])].get("path", ""))
        return str(self.value(part).get("path") or "")

    def put(self, part: str, path: str) -> None:
        if part.startswith("filter "):
            self.filters[int(part.split()[1])]["path"] = path
            return
        value = {name: one for name, one in self.value(part).items() if name != "constant"}
        self.put_value(part, value | {"path": path})

    @property
    def filters(self) -> list[dict[str, object]]:
        found = self.mapping.setdefault("filters", [])
        if not isinstance(found, list):
            found = self.mapping["filters"] = [dict(one) for one in found]
        return found

    def paths(self) -> dict[str, str]:
        return {part: path for part in FIELDS if (path := self.path(part))}

    def parts_at(self) -> dict[str, tuple[str, ...]]:
        """Which parts stand at which node."""
        paths = self.paths()
        return self.once(("parts", self.place, tuple(paths.items())),
                         lambda: clicked_parts(self.sample.tree, self.place, paths))  # fmt: skip

    def lacking(self) -> list[str]:
        """Parts that are still to be chosen, the first first."""
        return [one_of[0] for one_of in NEEDED if not any(self.mapping.get(part) for part in one_of)]

    def fits(self, sample: Sample) -> bool:
        """Whether another example has records at the same place."""
        try:
            return bool(rest_mapping.table_of(sample, *self.place, limit=1).count)
        except ContractBridgeError:
            return False

    def to_settings(self) -> dict[str, object]:
        """As it can be stored: without what is not filled in yet."""
        kept = {name: value for name, value in self.mapping.items() if value not in (None, "", [], {}, False)}
        whole = [
            one
            for one in self.filters
            if one.get("path") and (one.get("values") or one.get("op") in ("exists", "missing"))
        ]
        kept.pop("filters", None)
        return kept | ({"filters": whole} if whole else {})

    def click(self, index: int, *, first_call: bool = False) -> None:
        """A click on a node of the tree (of the first call's record where `first_call`)."""
        nodes = self.sample.parent_tree if first_call else self.sample.tree
        if index >= len(nodes):
            return
        node = nodes[index]
        if first_call:
            if node.kind in PLAIN and self.active != RECORDS:
                self.take(path_of_first_call(node.path, self.place.expand))
            return
        if self.active == RECORDS:
            self.choose_list(list_of_click(nodes, node))
            return
        path = path_of_click(node.path, *self.place, first_call=self.sample.parent is not None)
        if node.kind in PLAIN or path == "key" or path.startswith("keys["):
            self.take(path)
        elif node.path in self.closed:
            self.closed.discard(node.path)
        elif node.kind is not NodeKind.LIST or node.count:
            self.closed.add(node.path)

    def choose_list(self, place: Place | None) -> None:
        if place is None:
            return
        paths = moved_fields(self.sample.tree, self.place, place, self.paths(), self.sample.suggestion)
        for part in FIELDS:
            value = self.value(part)
            if "constant" in value and part not in paths:
                continue
            self.put_value(part, {**{n: v for n, v in value.items() if n not in ("path", "constant")}, "path": paths[part]}
                           if part in paths else {})  # fmt: skip
        self.place = place
        self.active = next(iter(self.lacking()), RECORDS)

    def take(self, path: str) -> None:
        self.put(self.active, path)
        if self.active in MAIN:
            self.active = next(iter(self.lacking()), self.active)

    def wrong(self, path: str) -> object:
        """What is wrong with a path, in words; None when it is understood."""
        try:
            compile_path(path)
        except PathError as error:
            return error.message
        return None

    def once(self, stamp: Hashable, work: Callable[[], Any]) -> Any:
        """A large example is not walked again because another widget was touched."""
        if stamp not in self.kept:
            self.kept[stamp] = work()
        for old in list(self.kept)[:-12]:
            del self.kept[old]
        return self.kept[stamp]
