"""A real HTTP server on loopback for a portal's fake: a starlette app in a thread, which remembers what it was asked."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Server:
    """Where the fake listens, and all it was asked, in order."""

    url: str
    asked: list[Asked] = field(default_factory=list)

    def paths(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.asked]


class _Recorder:
    def __init__(self, app: ASGIApp, asked: list[Asked]) -> None:
        self.app = app
        self.asked = asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self.asked.append(
            Asked(scope["method"], scope["path"], scope["query_string"].decode(), headers, body, time.monotonic())
        )
        sent = False

        async def again() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, send)


class _Server(uvicorn.Server):
    """Looks more often than uvicorn does whether it should end: tests start and end many of these."""

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            await asyncio.sleep(0.005)


@contextmanager
def serving(app: ASGIApp, **uvicorn_options: Any) -> Iterator[Server]:
    """Serve `app` on a free loopback port for as long as the block runs (TLS with `ssl_keyfile`, `ssl_certfile`)."""
    asked: list[Asked] = []
    config = uvicorn.Config(
        _Recorder(app, asked), host="127.0.0.1", port=0, log_level="error", lifespan="off", **uvicorn_options
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the fake did not start")
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    scheme = "https" if "ssl_certfile" in uvicorn_options else "http"
    try:
        yield Server(f"{scheme}://127.0.0.1:{port}", asked)
    finally:
        server.should_exit = server.force_exit = True
        thread.join(60)


def self_signed(folder: Path, address: str = "127.0.0.1") -> dict[str, str]:
    """A certificate that no authority vouches for, as options for `serving`; `ssl_certfile` is what a person would trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "appliance")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "server.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return {"ssl_certfile": str(folder / "server.pem"), "ssl_keyfile": str(folder / "server.key")}
