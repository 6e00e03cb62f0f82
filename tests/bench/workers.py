"""Measures what more workers bring: runs of several portals per minute with 1, 2 and 4 processes on one PostgreSQL, against an Autotask
and portals that take their time to answer each request. The database is a cluster of its own, in the temporary directory.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from connectors.autotask.sandbox import SandboxData, SandboxServer, SandboxSwitches
from core.bootstrap import build
from core.store import leases, runs
from core.store.runs import NewRun
from tests import postgres_cluster
from tests.engine.machines import PACE, connect, machines, settings

COUNTS = (1, 2, 4)
COMPANIES = 4
PAGES = 30
"""Requests that it takes to read a portal, one after the other."""
LIMIT = 600.0


def measure(portals: int, latency: float) -> dict[str, Any]:
    """Figures for a run of each of `portals` portals: quiet ones without news, and busy ones with a change on each of their lines.

    `latency`: seconds that every request takes, to the portal and to Autotask. Portals are read side by side, writing is one run at
    a time: quiet runs grow with the workers (as far as the processors go), busy ones as far as reading takes longer than writing.
    """
    server = postgres_cluster.server_url()
    if server is None:
        return {"skipped": "PostgreSQL is not installed"}
    found = {count: _once(server, count, portals, latency) for count in COUNTS}
    first = found[COUNTS[0]]
    times = {
        kind: {str(count): round(found[count][name] / first[name], 2) for count in COUNTS}
        for kind, name in (("quiet", "quiet_runs_per_minute"), ("busy", "busy_runs_per_minute"))
    }
    return {
        "portals": portals,
        "latency_s": latency,
        "requests_to_read_a_portal": PAGES,
        "changes_of_a_busy_run": COMPANIES,
        "workers": {str(count): figures for count, figures in found.items()},
        "times_one_worker": times,
    }


def _once(server: str, count: int, portals: int, latency: float) -> dict[str, Any]:
    name = f"bench_{os.getpid()}_{count}"
    url = make_url(server).set(database=name).render_as_string(hide_password=False)
    data = SandboxData(datetime.now(UTC).date())
    service = data.service("Seats")
    lines: dict[str, list[tuple[int, int]]] = {}
    for number in range(portals):
        companies = [data.company(f"P{number} C{other}") for other in range(COMPANIES)]
        for company in companies:
            data.line(data.contract(company), service, 10)
        lines[f"P{number}"] = [(company, service) for company in companies]
    with ExitStack() as stack:
        _admin(server, f"CREATE DATABASE {name}")
        stack.callback(_admin, server, f"DROP DATABASE {name} WITH (FORCE)")
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        switches = SandboxSwitches(hourly_limit=1_000_000, usage_latency_scale=0)
        autotask = stack.enter_context(SandboxServer(data, switches=switches))
        app = build(settings(home, url), pace=PACE)
        stack.callback(app.close)
        vendor = Vendor(lines)
        port = stack.enter_context(endpoint(vendor))
        connect(app, autotask, lines, lambda portal: of_rest(port, portal), ["127.0.0.1"])
        farm = stack.enter_context(machines(home))
        for _ in range(count):
            farm.start(url)
        database, now = app.context.database, app.context.clock.now

        def ready() -> int:
            with database.session() as session:
                return len(leases.holders(session, "worker:", now()))

        _until(lambda: ready() == count)

        def left() -> int:
            with database.session() as session:
                return len(runs.unfinished(session))

        def carry_out() -> float:
            """All portals once: how long that took."""
            began = time.monotonic()
            with database.write() as session:
                for portal in lines:
                    runs.enqueue(session, NewRun(kind="sync", portals=[portal], options={"apply": True}), now())
            _until(lambda: not left())
            return time.monotonic() - began

        # What a process does for the first time takes longer: that is not the point.
        carry_out()
        switches.latency = vendor.latency = latency
        quiet = carry_out()
        asked = len(autotask.requests())
        vendor.units = 11
        busy = carry_out()
        written = len(autotask.adjustments())
        requests = autotask.requests()[asked:]
        assert written == portals * COMPANIES, f"{written} changes instead of {portals * COMPANIES}"
    return {
        "quiet_runs_per_minute": round(portals / quiet * 60, 1),
        "busy_runs_per_minute": round(portals / busy * 60, 1),
        "autotask_requests_of_a_busy_run": round(len(requests) / portals, 1),
        "refused_for_too_many_at_once": sum(entry.status == 429 for entry in requests),
    }


def of_rest(port: int, portal: str) -> dict[str, Any]:
    return {
        "connector": "rest",
        "settings": {
            "url": f"http://127.0.0.1:{port}/{portal}",
            "network": {"internal": True},
            "paging": {"kind": "page", "param": "page"},
            "mapping": {
                "records": "data", "customer_id": "customer", "customer": "customer", "product_key": "product",
                "product": "product", "quantity": "quantity",
            },
        },
    }  # fmt: skip


@dataclass
class Vendor:
    """What the portals tell: the same number of units of everything, on pages that have to be asked for one by one."""

    lines: Mapping[str, Sequence[tuple[int, int]]]
    units: int = 10
    latency: float = 0.0

    def page(self, portal: str, number: int) -> bytes:
        rows = [
            {
                "customer": f"C{company}",
                "product": f"P{service}",
                "quantity": self.units if number == 1 else 0,
                "page": number,
            }
            for company, service in self.lines[portal]
        ]
        return json.dumps({"data": rows if number < PAGES else []}).encode()


@contextmanager
def endpoint(vendor: Vendor) -> Iterator[int]:
    """The port where the vendor answers."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                number = int(path.partition("page=")[2].partition("&")[0] or 1)
                found = vendor.page(path.strip("/").partition("?")[0], number)
                await asyncio.sleep(vendor.latency)
                start = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(found)}\r\n\r\n"
                writer.write(start.encode() + found)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(handle, "127.0.0.1", 0), loop).result(60)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)


def _until(true: Any) -> None:
    end = time.monotonic() + LIMIT
    while not true():
        if time.monotonic() > end:
            raise SystemExit("bench: the workers did not end in time")
        time.sleep(0.05)


def _admin(server: str, statement: str) -> None:
    address = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]
