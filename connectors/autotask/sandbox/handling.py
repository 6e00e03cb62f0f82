"""From a call to its answer; no network here. Bodies are JSON bytes, statuses as in Autotask reference §6."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.autotask.sandbox import metadata
from connectors.autotask.sandbox.errors import Malformed, Refusal, RoutingError, no_right
from connectors.autotask.sandbox.reader import search_suffix
from connectors.autotask.sandbox.routing import Call
from connectors.autotask.sandbox.sandbox import Sandbox
from connectors.autotask.sandbox.schema import EntitySpec

METADATA = ("information", "fields", "udfs")


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the request matters: verb, body, query string by lower-case name, and its own root URL."""

    method: str
    body: bytes
    params: Mapping[str, str]
    root: str


def json_reply(status: int, content: object, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer with a JSON body."""
    return Reply(status, orjson.dumps(content), headers or {})


def handle(sandbox: Sandbox, call: Call, asked: Asked) -> Reply:
    """Do what is asked; refusals become their answers."""
    try:
        with sandbox.state.lock:
            return json_reply(200, _answer(sandbox, call, asked))
    except _Empty as empty:
        return Reply(empty.status)
    except Malformed as malformed:
        status = malformed.status or sandbox.switches.malformed_status
        return json_reply(status, {"errors": malformed.errors})
    except Refusal as refusal:
        status = refusal.status or sandbox.switches.validation_status
        return json_reply(status, {"errors": refusal.errors})
    except RoutingError as error:
        return json_reply(error.status, {"Message": error.message})


class _Empty(Exception):
    """An answer without a body."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _answer(sandbox: Sandbox, call: Call, asked: Asked) -> object:
    if call.spec is None:
        return _special(sandbox, call, asked)
    if call.action not in METADATA and f"{call.spec.name}:{_right(call)}" in sandbox.switches.withheld:
        raise no_right(_right(call))
    if call.action in ("create", "patch", "put", "delete"):
        return {"itemId": _write(sandbox, call, call.spec, asked)}
    if call.action in METADATA:
        return _metadata(sandbox, call, call.spec)
    return _read(sandbox, call, call.spec, asked)


def _right(call: Call) -> str:
    return {"create": "create", "patch": "update", "put": "update", "delete": "delete"}.get(call.action, "query")


def _special(sandbox: Sandbox, call: Call, asked: Asked) -> object:
    if call.action == "version":
        return {"apiVersions": [sandbox.switches.api_version_text]}
    if call.action == "threshold":
        return {
            "externalRequestThreshold": sandbox.switches.hourly_limit,
            "requestThresholdTimeframe": round(sandbox.switches.threshold_minutes),
            "currentTimeframeRequestCount": sandbox.gate.used(),
        }
    if not sandbox.switches.zone_lookup or not sandbox.gate.knows_user(asked.params.get("user")):
        raise Refusal("Unable to determine the zone of this user.", status=500)
    url = sandbox.switches.zone_url or f"{asked.root}/ATServicesRest/"
    return {"zoneName": "Sandbox", "url": url, "webUrl": f"{asked.root}/", "ci": 0}


def _metadata(sandbox: Sandbox, call: Call, spec: EntitySpec) -> object:
    if call.action == "information":
        return metadata.information(sandbox.state, spec)
    if call.action == "fields":
        return metadata.fields(spec)
    return metadata.user_defined_fields(sandbox.state, spec)


def _write(sandbox: Sandbox, call: Call, spec: EntitySpec, asked: Asked) -> int | None:
    if call.action == "delete":
        return sandbox.writer.delete(spec, call.key or 0, call.parent_id)
    body = read_json(asked.body)
    if call.action == "create":
        return sandbox.writer.create(spec, body, call.parent_id)
    return sandbox.writer.update(spec, body, call.parent_id, full=call.action == "put")


def _read(sandbox: Sandbox, call: Call, spec: EntitySpec, asked: Asked) -> object:
    if call.action == "get":
        return _one(sandbox, call, spec)
    if call.action == "children":
        assert spec.parent is not None
        return sandbox.reader.children(spec, spec.parent.key, call.parent_id or 0)
    search = asked.params.get("search", "")
    body = read_json(search.encode() if asked.method == "GET" else asked.body)
    if call.action == "count":
        return sandbox.reader.count(spec, body)
    url = f"{asked.root}/ATServicesRest/V1.0/{spec.name}/query"
    suffix = search_suffix(search) if asked.method == "GET" else ""
    if call.action == "query":
        return sandbox.reader.query(spec, body, asked.method, url, suffix)
    return sandbox.reader.page(spec, asked.params.get("paging", ""), body, asked.method, url, suffix)


def _one(sandbox: Sandbox, call: Call, spec: EntitySpec) -> dict[str, Any]:
    item = sandbox.reader.one(spec, call.key if call.key is not None else -1)
    if item is not None and spec.parent and call.parent_id is not None and item[spec.parent.key] != call.parent_id:
        item = None
    if item is None and sandbox.switches.missing_record != "null_item":
        raise _Empty(200 if sandbox.switches.missing_record == "empty" else 404)
    return {"item": item}


def read_json(body: bytes) -> object:
    """The JSON of a body or of `search`; an empty one is an object without anything in it."""
    if not body.strip():
        return {}
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"The request could not be read: {error}.") from error
