"""From method and path to what is asked, in any letter case (Autotask reference §2)."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.autotask.sandbox.entities import BY_LOWER, CHILD_BY_LOWER
from connectors.autotask.sandbox.errors import not_found, wrong_verb
from connectors.autotask.sandbox.schema import EntitySpec, ParentPath
from connectors.autotask.sandbox.switches import SandboxSwitches

_INFORMATION = {
    ("entityinformation",): "information",
    ("entityinformation", "fields"): "fields",
    ("entityinformation", "userdefinedfields"): "udfs",
}
_SPECIAL = {"thresholdinformation": "threshold", "zoneinformation": "zone", "versioninformation": "version"}
_COLLECTION = {"GET": "children", "POST": "create", "PATCH": "patch", "PUT": "put"}
_KIND = {"children": "query", "patch": "update", "put": "update", "previous": "page", "next": "page"}


@dataclass(frozen=True, slots=True)
class Call:
    """What a request asks. `spec` is None for the calls that belong to no entity."""

    action: str
    spec: EntitySpec | None = None
    key: int | None = None
    parent_id: int | None = None

    @property
    def entity(self) -> str:
        """The bucket of the thread limit and the name in the ledger."""
        return self.spec.name if self.spec else self.action

    @property
    def operation(self) -> str:
        """The word that faults and counters use."""
        return _KIND.get(self.action, self.action)


def route(method: str, path: str, switches: SandboxSwitches) -> Call:
    """Raises RoutingError with 404 or 405."""
    parts = [part for part in path.lower().split("/") if part]
    if not parts or parts[0] != "atservicesrest":
        raise not_found(path)
    parts = parts[1:]
    if parts == ["versioninformation"]:
        return _only(("GET",), method, Call("version"))
    if not parts or parts[0] not in ("v1.0", "1.0"):
        raise not_found(path)
    parts = parts[1:]
    if len(parts) == 1 and parts[0] in _SPECIAL:
        return _only(("GET",), method, Call(_SPECIAL[parts[0]]))
    return _entity(method, path, parts, switches)


def _entity(method: str, path: str, parts: list[str], switches: SandboxSwitches) -> Call:
    if len(parts) >= 3 and (parts[0], parts[2]) in CHILD_BY_LOWER and parts[1].lstrip("-").isdigit():
        return _child(method, path, CHILD_BY_LOWER[parts[0], parts[2]], int(parts[1]), parts[3:])
    spec = BY_LOWER.get(parts[0]) if parts else None
    if spec is None:
        raise not_found(path)
    return _root(method, path, spec, parts[1:], switches)


def _root(method: str, path: str, spec: EntitySpec, rest: list[str], switches: SandboxSwitches) -> Call:
    if tuple(rest) in _INFORMATION:
        return _only(("GET",), method, Call(_INFORMATION[tuple(rest)], spec))
    if not rest:
        return _root_collection(method, path, spec, switches)
    if "query" in spec.verbs and rest[0] == "query":
        return _query(method, path, spec, rest[1:])
    if len(rest) == 1 and rest[0].lstrip("-").isdigit():
        return _item(method, path, spec, int(rest[0]))
    raise not_found(path)


def _root_collection(method: str, path: str, spec: EntitySpec, switches: SandboxSwitches) -> Call:
    if method in ("POST", "PATCH", "PUT") and method in spec.verbs:
        return Call(_COLLECTION[method], spec)
    if spec.parent and method == "POST" and switches.child_create_at_root == 404:
        raise not_found(path)
    raise wrong_verb(method)


def _query(method: str, path: str, spec: EntitySpec, rest: list[str]) -> Call:
    action = {(): "query", ("count",): "count", ("next",): "next", ("previous",): "previous"}.get(tuple(rest))
    if action is None:
        raise not_found(path)
    return _only(("GET", "POST"), method, Call(action, spec))


def _item(method: str, path: str, spec: EntitySpec, key: int) -> Call:
    if method == "GET" and "GET" in spec.verbs:
        return Call("get", spec, key)
    if method == "DELETE" and "DELETE" in spec.verbs:
        return Call("delete", spec, key)
    if "GET" not in spec.verbs:
        raise not_found(path)
    raise wrong_verb(method)


def _child(method: str, path: str, spec: EntitySpec, parent_id: int, rest: list[str]) -> Call:
    parent = spec.parent
    assert isinstance(parent, ParentPath)
    if tuple(rest) in _INFORMATION:
        return _only(("GET",), method, Call(_INFORMATION[tuple(rest)], spec))
    if not rest:
        return _only(tuple(parent.verbs), method, Call(_COLLECTION.get(method, ""), spec, parent_id=parent_id))
    if len(rest) == 1 and rest[0].isdigit() and parent.item_verbs:
        action = {"GET": "get", "DELETE": "delete"}.get(method, "")
        return _only(tuple(parent.item_verbs), method, Call(action, spec, int(rest[0]), parent_id))
    raise not_found(path)


def _only(verbs: tuple[str, ...], method: str, call: Call) -> Call:
    if method not in verbs:
        raise wrong_verb(method)
    return call
