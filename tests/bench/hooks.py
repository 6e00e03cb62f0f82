"""Measures webhooks: events a second that a real server accepts, each on the disk before it is answered, and nothing lost.

Beside it, in the same run and on the same database: one commit for each event, brought to the disk in the same way, without a
server. The ratio tells what verifying, parsing, encrypting and HTTP cost against what writes that go to the disk together save.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from core import bootstrap
from core.services import portals, webhook_processing, webhooks
from core.services.access import SYSTEM
from core.services.context import Context
from core.settings import Settings
from core.store import webhooks as store
from core.store.webhooks import Delivery
from core.web import routes

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
SENDERS = 16


def measure_hooks(events: int) -> dict[str, Any]:
    """Events a second over HTTP and as plain commits, and the seconds that the work on them takes afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        app = bootstrap.build(Settings(home=Path(folder), database_url="", secret_key=None))
        try:
            return _measure(app.context, events)
        finally:
            app.close()


def _measure(ctx: Context, events: int) -> dict[str, Any]:
    settings = {"requests_per_minute": 100_000}
    for name in ("Sender", "Plain"):
        portals.create_portal(ctx, SYSTEM, name, "webhook", settings=settings, secrets={"secret": SECRET})
    path = webhooks.make_address(ctx, SYSTEM, "Sender")
    plain = _timed(lambda: _plain_commits(ctx, events))
    _forget(ctx)
    codes, seconds = _over_http(ctx, path, events)
    with ctx.database.session() as session:
        kept = {row.named for row in store.last(session, 1, events + 1)}
    work = _timed(lambda: webhook_processing.process_waiting(ctx, seconds=600))
    return {
        "events": events,
        "accepted": codes.count(202),
        "lost": events - len(kept),
        "accepted per second": round(events / seconds),
        "plain commits per second": round(events / plain),
        "accepted / plain commits": round(plain / seconds, 2),
        "worked on per second": round(events / work),
    }


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _plain_commits(ctx: Context, events: int) -> None:
    """One transaction a row, each on the disk before the next: what a receiver does that keeps each event by itself."""
    now = datetime.now(UTC)
    row = Delivery(portal_id=2, received_at=now, event_at=now, body="x" * 300, sha256="0" * 64)
    for number in range(events):
        one = replace(row, dedupe=str(number))
        ctx.database.run(lambda session, one=one: store.add_all(session, ctx.secrets, [one]))
        store.make_durable(ctx.database)


def _forget(ctx: Context) -> None:
    ctx.database.run(lambda session: session.execute(store.DELIVERY.delete()))


def _over_http(ctx: Context, path: str, events: int) -> tuple[list[int], float]:
    config = uvicorn.Config(
        Starlette(routes=routes.routes(lambda: ctx), middleware=routes.middleware(lambda: ctx)),
        host="127.0.0.1", port=0, log_level="error", lifespan="off",
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    address = ("127.0.0.1", int(server.servers[0].sockets[0].getsockname()[1]), path)
    requests = [signed(number) for number in range(events)]
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as senders:
        senders.submit(_send_all, address, []).result()
        begin = time.perf_counter()
        codes = senders.submit(_send_all, address, requests).result()
        seconds = time.perf_counter() - begin
    server.should_exit = True
    thread.join(10)
    return codes, seconds


def signed(number: int) -> tuple[bytes, dict[str, str]]:
    """An event of this number with its headers, signed now."""
    body = f'{{"customers":[{{"id":"C{number % 50}","products":[{{"sku":"A","quantity":{number}}}]}}]}}'.encode()
    moment = int(time.time())
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.new(key, f"m{number}.{moment}.".encode() + body, hashlib.sha256).digest()
    return body, {
        "content-type": "application/json", "webhook-id": f"m{number}", "webhook-timestamp": str(moment),
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }  # fmt: skip


def _send(address: tuple[str, int, str], requests: list[tuple[bytes, dict[str, str]]]) -> list[int]:
    """Post in turn over one connection; runs in a process of its own, as senders do."""
    host, port, path = address
    line = http.client.HTTPConnection(host, port, timeout=60)
    codes: list[int] = []
    for body, headers in requests:
        line.request("POST", path, body, headers)
        answer = line.getresponse()
        answer.read()
        codes.append(answer.status)
    line.close()
    return codes


def _send_all(address: tuple[str, int, str], requests: list[tuple[bytes, dict[str, str]]]) -> list[int]:
    with ThreadPoolExecutor(SENDERS) as pool:
        return [
            code for codes in pool.map(lambda n: _send(address, requests[n::SENDERS]), range(SENDERS)) for code in codes
        ]
