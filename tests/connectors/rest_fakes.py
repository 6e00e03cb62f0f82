"""An endpoint of anybody's own: answers from a table, and a source that reads it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors._kit.registry import manifest
from connectors.rest.source import RestSource
from core.domain.connector import Rotation, Surroundings
from core.domain.usage import Reading
from core.services.rest_files import read_file
from tests.connectors.fakes import Server, serving

NOW = datetime(2026, 10, 5, 6, 0, tzinfo=UTC)
OPEN = frozenset({"127.0.0.1"})
FLAT = {"records": "data", "customer": "c", "product": "p", "quantity": "q"}
REFERENCE: dict[str, Any] = {
    "meta": {"next": "/v1/customers?page=2", "total": 3},
    "customers": [
        {
            "id": "00123", "name": "De Halm", "active": True,
            "products": [{"sku": "BP", "qty": "25", "status": "active"}, {"sku": "EDR", "qty": 3, "status": "trial"}],
        },
        {"id": "124", "name": "Smit", "active": False, "products": []},
        {"id": "125", "name": "Café Noir", "active": True, "products": None, "addons": {"BACKUP": {"qty": 2}, "ARCHIVE": {"qty": 0}}},
    ],
}  # fmt: skip
Handler = Callable[[Request], Any]


def answer(content: Any, status: int = 200, **headers: str) -> Response:
    """JSON of a structure, or bytes as they are."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body, status, {"content-type": "application/json", **names})


@contextmanager
def endpoint(routes: Mapping[str, Handler | Any], **options: Any) -> Iterator[Server]:
    """A server with these paths: handlers, or what they always answer."""

    def route(path: str, made: Handler | Any) -> Route:
        async def handle(request: Request) -> Response:
            found = made(request) if callable(made) and not isinstance(made, Response) else made
            if isinstance(found, Awaitable):
                found = await found
            return found if isinstance(found, Response) else answer(found)

        return Route(path, handle, methods=["GET", "POST"])

    with serving(Starlette(routes=[route(path, made) for path, made in routes.items()]), **options) as server:
        yield server


def source(
    server: Server,
    url: str = "/x",
    *,
    secrets: Mapping[str, str] | None = None,
    allowed: frozenset[str] = OPEN,
    rotation: Rotation | None = None,
    **settings: Any,
) -> RestSource:
    """The portal "Own" reading `url` of a server; waits are short."""
    values: dict[str, Any] = {
        "url": url,
        "base_url": server.url,
        "network": {"internal": True},
        "mapping": FLAT,
        "limits": {"first_wait": 0, "attempts": 2},
    }
    around = Surroundings(allowed_hosts=lambda: allowed, read_file=read_file)
    opened = manifest("rest").open("Own", values | settings, dict(secrets or {}), rotation, around)
    assert isinstance(opened, RestSource)
    return opened


def read(server: Server, url: str = "/x", **settings: Any) -> Reading:
    return source(server, url, **settings).read(NOW)


def quantities(reading: Reading) -> list[tuple[str, str, str]]:
    """(customer id, product key, quantity) of each line, sorted."""
    return sorted((line.customer_id, line.product_key, str(line.quantity)) for line in reading.lines)


def rows(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": n, "c": f"C{n}", "p": "P", "q": n} for n in numbers]
