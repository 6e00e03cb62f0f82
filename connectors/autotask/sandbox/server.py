"""The sandbox as a server: in a thread (`SandboxServer`, `serve`) or as a whole process (`serve_forever`)."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from connectors.autotask.sandbox.app import SandboxApp
from connectors.autotask.sandbox.data import Credentials, SandboxData
from connectors.autotask.sandbox.demo import demo_data
from connectors.autotask.sandbox.faults import Faults
from connectors.autotask.sandbox.sandbox import Sandbox, utc_now
from connectors.autotask.sandbox.state import LedgerEntry
from connectors.autotask.sandbox.switches import SandboxSwitches

_START_TIMEOUT = 20.0


class _Protocol(H11Protocol):
    """Lets a request reach its own connection: a fault has to be able to close it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def _config(sandbox: Sandbox) -> uvicorn.Config:
    return uvicorn.Config(
        SandboxApp(sandbox),
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=1 << 20,
    )


def _listen(host: str, port: int) -> socket.socket:
    # named as TCP, or asyncio does not switch Nagle's algorithm off and every answer takes 40 ms
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(256)
    return listener


class SandboxServer:
    """A sandbox on a free port of the loopback, for tests.

    `with SandboxServer(data) as s:` then `s.base_url`, `s.faults`, `s.switches`, `s.units(line, day)`, `s.ledger()`.
    `stop()` and `start()` keep port and state, as if the machine was away for a while.
    """

    def __init__(
        self,
        data: SandboxData | None = None,
        *,
        switches: SandboxSwitches | None = None,
        state_file: Path | None = None,
        port: int = 0,
        host: str = "127.0.0.1",
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        data = data or SandboxData(clock().date())
        self.sandbox = Sandbox(data, switches=switches, state_file=state_file, clock=clock)
        self.host = host
        self.port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> SandboxServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; returns when requests are answered."""
        listener = _listen(self.host, self.port)
        self.port = listener.getsockname()[1]
        self._server = uvicorn.Server(_config(self.sandbox))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="autotask-sandbox", daemon=True
        )
        self._thread.start()
        self._await_start()

    def _await_start(self) -> None:
        assert self._server is not None and self._thread is not None
        waited = 0.0
        pause = threading.Event()
        while not self._server.started:
            if waited > _START_TIMEOUT or not self._thread.is_alive():
                raise RuntimeError("The sandbox did not start.")
            pause.wait(0.005)
            waited += 0.005

    def stop(self) -> None:
        """Stop listening; state, ledger and faults stay."""
        if self._server is None or self._thread is None:
            return
        self.faults.release()
        self._server.should_exit = True
        self._thread.join(_START_TIMEOUT)
        self._server = self._thread = None

    # ---- where and who

    @property
    def root_url(self) -> str:
        """`http://127.0.0.1:PORT`, for zone discovery and control routes."""
        return f"http://{'127.0.0.1' if self.host in ('0.0.0.0', '') else self.host}:{self.port}"  # noqa: S104

    @property
    def base_url(self) -> str:
        """What zoneInformation answers: ends with `/ATServicesRest/`, without the version."""
        return f"{self.root_url}/ATServicesRest/"

    @property
    def credentials(self) -> Credentials:
        return self.sandbox.data.credentials

    @property
    def headers(self) -> dict[str, str]:
        """The three headers that open this sandbox."""
        user = self.credentials
        return {"ApiIntegrationCode": user.integration_code, "UserName": user.user_name, "Secret": user.secret}

    # ---- the sandbox's own methods

    @property
    def faults(self) -> Faults:
        return self.sandbox.faults

    @property
    def switches(self) -> SandboxSwitches:
        return self.sandbox.switches

    def units(self, line_id: int, day: date | None = None, kind: str = "service") -> int:
        """Units of a line on a day (default today)."""
        return self.sandbox.units(line_id, day, kind)

    def ledger(self, entity: str | None = None) -> list[LedgerEntry]:
        """Committed writes in order."""
        return self.sandbox.ledger(entity)

    def adjustments(self, line_id: int | None = None, kind: str = "service") -> list[LedgerEntry]:
        """Committed adjustments that came over the API, of one line or of all of that kind."""
        entity = "ContractServiceAdjustments" if kind == "service" else "ContractServiceBundleAdjustments"
        key = "contractServiceID" if kind == "service" else "contractServiceBundleID"
        return [entry for entry in self.ledger(entity) if entry.by == "api" and line_id in (None, entry.values[key])]

    def request_counts(self) -> dict[str, dict[str, int]]:
        """Entity → operation (query, page, count, get, create, update, delete …) → number of requests."""
        return self.sandbox.request_counts()

    def requests(self) -> list[Any]:
        """Every request that came in, in order."""
        return list(self.sandbox.log)

    def reset(self, data: SandboxData | None = None) -> None:
        """Start again from `data` (default: what it began with)."""
        self.sandbox.reset(data)


def serve(
    data: SandboxData | None = None,
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    journal: Path | None = None,
    switches: SandboxSwitches | None = None,
) -> SandboxServer:
    """Start a sandbox in the background and return it listening; `stop()` ends it. Without `data` it is the demo company.

    With `journal` everything that was committed is there again at the next start, and `data` is not looked at.
    Raises OSError for a taken port.
    """
    server = SandboxServer(data or demo_data(), switches=switches, state_file=journal, port=port, host=host)
    server.start()
    return server


def serve_forever(
    port: int = 0,
    host: str = "127.0.0.1",
    state_file: Path | None = None,
    today: date | None = None,
    *,
    on_ready: Callable[[SandboxServer], None] | None = None,
) -> None:
    """Serve the demo company until the process is told to end (Ctrl-C, SIGTERM). `on_ready` is called once it listens."""
    server = serve(demo_data(today), port=port, host=host, journal=state_file)
    ended = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())
    if on_ready is not None:
        on_ready(server)
    while not ended.wait(3600):
        continue
    server.stop()
