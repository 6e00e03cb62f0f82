"""The ASGI application: gate, latency, faults, answer. Everything under `/__sandbox__/` goes to `control`."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from connectors.autotask.sandbox.control import PREFIX, control
from connectors.autotask.sandbox.errors import RoutingError
from connectors.autotask.sandbox.faults import Fault
from connectors.autotask.sandbox.gate import HOURLY_TEXT, THREAD_TEXT
from connectors.autotask.sandbox.handling import Asked, Reply, handle, json_reply
from connectors.autotask.sandbox.routing import Call, route
from connectors.autotask.sandbox.sandbox import RequestEntry, Sandbox

_OPEN = ("zone", "version")
_HTML = b"<!DOCTYPE html><html><head><title>Autotask</title></head><body><h1>We will be right back</h1></body></html>"
_JSON = ("application/json", "text/json")


class _Dropped(Exception):
    """The connection is to be closed without an answer (the rest of it, when `partial` was sent)."""

    def __init__(self, partial: Reply | None = None) -> None:
        super().__init__("dropped")
        self.partial = partial


class SandboxApp:
    """One sandbox behind HTTP."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        body = await request.body()
        if scope["path"].startswith(PREFIX):
            await _send(await control(self.sandbox, request, body), scope, receive, send)
            return
        try:
            reply = await self._serve(request, body)
        except _Dropped as dropped:
            await _drop(dropped.partial, scope, receive, send)
        else:
            await _send(reply, scope, receive, send)

    async def _serve(self, request: Request, body: bytes) -> Reply:
        entry = self.sandbox.enter(request.method, request.scope["path"])
        reply = await self._answer(request, body, entry)
        entry.status = reply.status
        return reply

    async def _answer(self, request: Request, body: bytes, entry: RequestEntry) -> Reply:
        """From the gate inwards."""
        sandbox = self.sandbox
        path = request.scope["path"]
        if len(str(request.url)) > sandbox.switches.url_limit:
            return Reply(404)
        known = sandbox.gate.knows(request.headers)
        try:
            call = route(request.method, path, sandbox.switches)
        except RoutingError as error:
            return json_reply(error.status, {"Message": error.message}) if known else self._unauthorized()
        sandbox.called(entry, call.entity, call.operation)
        if call.action in _OPEN:
            return handle(sandbox, call, _asked(request, body))
        if not known:
            return self._unauthorized()
        return await self._through_gate(request, body, call, entry)

    def _unauthorized(self) -> Reply:
        return Reply(401, headers={"WWW-Authenticate": 'Basic Realm="webservices.sandbox"'})

    async def _through_gate(self, request: Request, body: bytes, call: Call, entry: RequestEntry) -> Reply:
        gate, switches = self.sandbox.gate, self.sandbox.switches
        code = request.headers.get("apiintegrationcode", "")
        if not gate.admit():
            return self._limited(
                429, HOURLY_TEXT.format(limit=switches.hourly_limit, minutes=switches.threshold_minutes)
            )
        if not gate.enter(code, call.entity):
            return self._limited(switches.thread_limit_status, THREAD_TEXT.format(limit=switches.thread_limit))
        try:
            return await self._inside(request, body, call, entry)
        finally:
            if switches.slot_release_delay:
                asyncio.get_running_loop().call_later(switches.slot_release_delay, gate.leave, code, call.entity)
            else:
                gate.leave(code, call.entity)

    def _limited(self, status: int, text: str, retry_after: float | None = None) -> Reply:
        seconds = self.sandbox.switches.retry_after if retry_after is None else retry_after
        headers = {} if seconds is None else {"Retry-After": f"{seconds:g}"}
        return json_reply(status, {"errors": [text]}, headers)

    async def _inside(self, request: Request, body: bytes, call: Call, entry: RequestEntry) -> Reply:
        switches = self.sandbox.switches
        pause = switches.latency + self.sandbox.gate.usage_latency()
        if pause:
            await asyncio.sleep(pause)
        if body and request.method != "GET" and not request.headers.get("content-type", "").startswith(_JSON):
            return json_reply(415, {"Message": "The request entity's media type is not supported for this resource."})
        asked = _asked(request, body)
        fault = self.sandbox.faults.take(call.entity, call.operation, body)
        if fault is None:
            return handle(self.sandbox, call, asked)
        entry.fault = f"{fault.action}:{fault.when}"
        return await self._with_fault(fault, call, asked, request)

    async def _with_fault(self, fault: Fault, call: Call, asked: Asked, request: Request) -> Reply:
        if fault.action in ("delay", "hold") and fault.when == "before":
            await self._wait(fault, request)
            return handle(self.sandbox, call, asked)
        if fault.action == "late":
            asyncio.get_running_loop().call_later(fault.seconds, self._land, call, asked)
            raise _Dropped
        if fault.when == "before" and call.operation in ("create", "update", "delete"):
            reply = json_reply(200, {"itemId": None})
        else:
            reply = handle(self.sandbox, call, asked)
        if fault.action in ("delay", "hold"):
            await self._wait(fault, request)
            return reply
        return self._spoiled(fault, reply, asked)

    def _land(self, call: Call, asked: Asked) -> None:
        handle(self.sandbox, call, asked)
        self.sandbox.faults.landed += 1

    async def _wait(self, fault: Fault, request: Request) -> None:
        """Raises _Dropped where the client did not wait for a held request."""
        if fault.action == "delay":
            await asyncio.sleep(fault.seconds)
            return
        faults = self.sandbox.faults
        faults.begin_hold()
        while not faults.end_hold():
            if await request.is_disconnected():
                faults.drop_hold()
                raise _Dropped
            await asyncio.sleep(0.005)

    def _spoiled(self, fault: Fault, reply: Reply, asked: Asked) -> Reply:
        """What is sent instead of the right answer."""
        switches = self.sandbox.switches
        if fault.action == "drop":
            raise _Dropped
        if fault.action == "truncate":
            raise _Dropped(reply)
        answers = {
            "thread_limit": lambda: self._limited(
                429, THREAD_TEXT.format(limit=switches.thread_limit), fault.retry_after
            ),
            "hourly_limit": lambda: self._limited(
                429,
                HOURLY_TEXT.format(limit=switches.hourly_limit, minutes=switches.threshold_minutes),
                fault.retry_after,
            ),
            "status": lambda: Reply(fault.status, _HTML, media_type="text/html"),
            "errors": lambda: json_reply(500 if fault.status == 503 else fault.status, {"errors": [fault.text]}),
            "malformed": lambda: Reply(200, reply.body[: max(1, len(reply.body) // 2)]),
            "html": lambda: Reply(200, _HTML, media_type="text/html"),
            "empty": lambda: Reply(200),
            "ignore_write": lambda: reply,
            "wrong_page_verb": lambda: json_reply(
                405, {"Message": f"The requested resource does not support http method '{asked.method}'."}
            ),
        }
        return answers[fault.action]()


def _asked(request: Request, body: bytes) -> Asked:
    params = {name.lower(): value for name, value in request.query_params.items()}
    host = request.headers.get("host") or "127.0.0.1"
    return Asked(request.method, body, params, f"{request.url.scheme}://{host}")


async def _send(reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
    media = reply.media_type if reply.body else None
    await Response(reply.body, reply.status, dict(reply.headers), media)(scope, receive, send)


async def _drop(partial: Reply | None, scope: Scope, receive: Receive, send: Send) -> None:
    """Close the connection, after half of the answer where there is one to send."""
    transport = scope["state"]["transport"]
    if partial is None:
        transport.abort()
    else:
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(partial.body)).encode())]
        start: Message = {"type": "http.response.start", "status": partial.status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": partial.body[: len(partial.body) // 2], "more_body": True})
        transport.close()
    while (await receive())["type"] != "http.disconnect":
        continue
