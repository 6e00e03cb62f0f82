"""The web process's own routes on a real server, over a workspace with a clock that a test moves."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette

from core import bootstrap
from core.services import portals, webhook_processing, webhooks
from core.services.access import SYSTEM
from core.services.context import Context
from core.store import history
from core.web import routes
from tests.connectors.fakes import _Server

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SHARED = "example-shared-secret-0123456789"
BODY = b'{"customers":[{"id":"C-001","products":[{"sku":"M365-BP","quantity":25}]}]}'
AT = 1_760_000_000


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.instant = datetime.fromtimestamp(AT, UTC)

    def now(self) -> datetime:
        return self.instant

    def today(self) -> date:
        return self.instant.date()

    def move(self, **step: float) -> None:
        self.instant += timedelta(**step)


def sign(message: str, moment: int, body: bytes, secret: str = SECRET) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return (
        "v1,"
        + base64.b64encode(hmac.new(key, f"{message}.{moment}.".encode() + body, hashlib.sha256).digest()).decode()
    )


@dataclass
class Receiver:
    """A served workspace with one webhook portal, `Sender`."""

    context: Context
    clock: Clock
    url: str
    client: httpx.Client
    address: str = ""
    sent: int = field(default=0)

    def portal(self, name: str = "Sender", secret: str = SECRET, **settings: object) -> str:
        portals.create_portal(
            self.context, SYSTEM, name, "webhook", settings=settings, secrets={"secret": secret} if secret else {}
        )
        self.address = webhooks.make_address(self.context, SYSTEM, name)
        return self.address

    def post(
        self, body: bytes | Mapping[str, Any], headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """One request as it is."""
        raw = body if isinstance(body, bytes) else httpx.Request("POST", self.url, json=body).content
        given = {"content-type": "application/json", **(headers or {})}
        return self.client.post(more.get("address", self.address), content=raw, headers=given)

    def signed(self, body: bytes | Mapping[str, Any], message: str = "", **more: Any) -> httpx.Response:
        """One request signed by Standard Webhooks, now."""
        raw = body if isinstance(body, bytes) else httpx.Request("POST", self.url, json=body).content
        self.sent += 1
        message = message or f"evt_{self.sent}"
        moment = int(self.clock.now().timestamp())
        signature = sign(message, moment, raw, more.pop("secret", SECRET))
        headers = {"webhook-id": message, "webhook-timestamp": str(moment), "webhook-signature": signature}
        return self.post(raw, headers | more.pop("headers", {}), **more)

    def work(self) -> int:
        """What the engine does every second."""
        return webhook_processing.process_waiting(self.context)

    def quantities(self) -> dict[tuple[str, str], Decimal]:
        self.work()
        with self.context.database.session() as session:
            used = history.as_of(session, self.clock.now())
        return {(one.customer_id, one.product_key): one.quantity for one in used}

    def states(self, name: str = "Sender") -> list[str]:
        """Of the deliveries, oldest first."""
        self.work()
        return [row.state for row in reversed(webhooks.deliveries(self.context, SYSTEM, name))]


@contextmanager
def serving(app: bootstrap.App) -> Iterator[Receiver]:
    """Serve the routes on a free port for as long as the block runs."""
    clock = Clock()
    context = replace(app.context, clock=clock)
    server = _Server(
        uvicorn.Config(
            Starlette(routes=routes.routes(lambda: context), middleware=routes.middleware(lambda: context)),
            host="127.0.0.1", port=0, log_level="error", lifespan="off",
        )
    )  # fmt: skip
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    with httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        yield Receiver(context, clock, url, client)
    server.should_exit = server.force_exit = True
    thread.join(60)


def event(*rows: tuple[str, str, object], **more: Any) -> dict[str, Any]:
    """A change in our own layout; `complete` and `timestamp` make it a snapshot of a time."""
    customers: dict[str, list[dict[str, object]]] = {}
    for customer, sku, quantity in rows:
        products = customers.setdefault(customer, [])
        products += [{"sku": sku, "quantity": quantity}] if sku else []
    data: dict[str, Any] = {
        "customers": [{"id": key, "name": key, "products": items} for key, items in customers.items()]
    }
    document: dict[str, Any] = {"type": more.get("type", "license.change"), "data": data}
    if "complete" in more:
        data["complete"] = more["complete"]
        document["type"] = "license.snapshot"
    if "timestamp" in more:
        document["timestamp"] = more["timestamp"]
    return document
