"""Control routes for tests and demos, under `/__sandbox__/`; nothing here is Autotask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.requests import Request

from connectors.autotask.sandbox.data import SandboxData
from connectors.autotask.sandbox.demo import demo_data
from connectors.autotask.sandbox.faults import Fault
from connectors.autotask.sandbox.generate import generate
from connectors.autotask.sandbox.handling import Reply, json_reply
from connectors.autotask.sandbox.sandbox import Sandbox
from connectors.autotask.sandbox.switches import SandboxSwitches

PREFIX = "/__sandbox__/"
Values = dict[str, Any]


async def control(sandbox: Sandbox, request: Request, body: bytes) -> Reply:
    """Answer one control request."""
    name = f"{request.method} {request.scope['path'].removeprefix(PREFIX).rstrip('/')}"
    route = _ROUTES.get(name)
    if route is None:
        return json_reply(404, {"error": f"no such route: {name}", "routes": sorted(_ROUTES)})
    try:
        values = {**request.query_params, **(orjson.loads(body) if body.strip() else {})}
        if name == "POST reset":
            return json_reply(200, await asyncio.to_thread(route, sandbox, values))
        return json_reply(200, route(sandbox, values))
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        return json_reply(400, {"error": str(error)})


def _ledger(sandbox: Sandbox, values: Values) -> object:
    return {"ledger": [asdict(entry) for entry in sandbox.ledger(values.get("entity"))]}


def _requests(sandbox: Sandbox, values: Values) -> object:  # noqa: ARG001
    return sandbox.report()


def _clear_requests(sandbox: Sandbox, values: Values) -> object:  # noqa: ARG001
    sandbox.clear_requests()
    return {"ok": True}


def _state(sandbox: Sandbox, values: Values) -> object:
    day = _day(values, "day") or date.fromisoformat(sandbox.state.today())
    return {"day": day.isoformat(), "lines": sandbox.all_units(day)}


def _switches(sandbox: Sandbox, values: Values) -> object:
    checked = SandboxSwitches.model_validate({**sandbox.switches.model_dump(), **values})
    for name in values:
        setattr(sandbox.switches, name, getattr(checked, name))
    return sandbox.switches.model_dump(mode="json")


def _add_fault(sandbox: Sandbox, values: Values) -> object:
    return sandbox.faults.add(Fault.model_validate(values)).model_dump(mode="json")


def _random_faults(sandbox: Sandbox, values: Values) -> object:
    sandbox.faults.random(float(values.pop("rate")), int(values.pop("seed", 0)), **values)
    return {"ok": True}


def _faults(sandbox: Sandbox, values: Values) -> object:  # noqa: ARG001
    return {"fired": sandbox.faults.fired, "held": sandbox.faults.held()}


def _clear_faults(sandbox: Sandbox, values: Values) -> object:  # noqa: ARG001
    sandbox.faults.clear()
    return {"ok": True}


def _release(sandbox: Sandbox, values: Values) -> object:  # noqa: ARG001
    sandbox.faults.release()
    return {"ok": True}


def _reset(sandbox: Sandbox, values: Values) -> object:
    sandbox.reset(_data(sandbox, values))
    return {"ok": True}


def _data(sandbox: Sandbox, values: Values) -> SandboxData | None:
    today = _day(values, "today") or date.fromisoformat(sandbox.state.today())
    kind = values.get("data")
    if kind is None:
        return None
    if kind == "demo":
        return demo_data(today)
    if kind == "empty":
        return SandboxData(today)
    if kind == "generate":
        sizes = {name: int(values[name]) for name in ("companies", "lines", "months", "seed") if name in values}
        return generate(today=today, **sizes)
    raise ValueError("data must be demo, empty or generate")


def _post_period(sandbox: Sandbox, values: Values) -> object:
    day = _day(values, "day") or date.fromisoformat(sandbox.state.today())
    contract = values.get("contract_id")
    return {"billing_items": sandbox.post_period(day, int(contract) if contract is not None else None)}


def _adjust(sandbox: Sandbox, values: Values) -> object:
    day = _day(values, "day") or date.fromisoformat(sandbox.state.today())
    sandbox.adjust(int(values["line_id"]), int(values["change"]), day, values.get("kind", "service"))
    return {"ok": True}


def _edit(sandbox: Sandbox, values: Values) -> object:
    sandbox.edit(values["entity"], int(values["id"]), **values["values"])
    return {"ok": True}


def _renew(sandbox: Sandbox, values: Values) -> object:
    return {"contract_id": sandbox.renew(int(values["contract_id"]))}


def _day(values: Values, name: str) -> date | None:
    return date.fromisoformat(values[name]) if values.get(name) else None


_ROUTES: Mapping[str, Callable[[Sandbox, Values], object]] = {
    "GET ledger": _ledger,
    "GET requests": _requests,
    "DELETE requests": _clear_requests,
    "GET state": _state,
    "GET switches": _switches,
    "PATCH switches": _switches,
    "GET faults": _faults,
    "POST faults": _add_fault,
    "DELETE faults": _clear_faults,
    "POST faults/random": _random_faults,
    "POST faults/release": _release,
    "POST reset": _reset,
    "POST post-period": _post_period,
    "POST adjust": _adjust,
    "POST edit": _edit,
    "POST renew": _renew,
}
