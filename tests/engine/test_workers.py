"""Three workers on one PostgreSQL, each in a process of its own, in a network of its own where the machine allows that. One is killed
in the middle of a write, one is cut off in another until somebody else has done its work. Every run is carried out once, nothing is
written twice, runs of a portal keep their order, and Autotask never has more requests at a time than it allows.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import make_url

from connectors.autotask.sandbox import SandboxData, SandboxServer, SandboxSwitches
from core.bootstrap import App, build
from core.store import ledger, runs
from core.store.leases import LEASE
from core.store.runs import RUN, NewRun, Run
from core.store.tables import table
from core.store.tables.workers import ApiSlotRow
from tests.days import one_day
from tests.engine.machines import PACE, Machines, connect, machines, say, settings
from tests.waiting import until

pytestmark = pytest.mark.postgres
PORTALS, COMPANIES, SERVICES = 6, 2, 2
PATIENCE = 300.0
"""Seconds: three workers on a busy machine may take ten times as long as on an idle one."""
THREADS = 2
"""Requests at the same time that this Autotask allows for one entity: as many as we make, and not one more."""


@dataclass
class Shop:
    """One workspace, its Autotask, and the machines that work for it."""

    app: App
    server: SandboxServer
    machines: Machines
    lines: dict[str, dict[tuple[int, int], int]]
    url: str
    cut: Callable[[int], None]
    mend: Callable[[int], None]
    networks: list[str | None]
    workers: list[int] = field(default_factory=list)

    def start(self) -> None:
        self.workers = [self.machines.start(self.url, network) for network in self.networks]

    def want(self, more: int) -> None:
        """Every portal has more of everything than Autotask knows, and is to be read."""
        for portal, lines in self.lines.items():
            say(self.app, portal, dict.fromkeys(lines, 10 + more))
        now = self.app.context.clock.now()
        with self.app.context.database.write() as session:
            for portal in self.lines:
                runs.enqueue(session, NewRun(kind="sync", portals=[portal], options={"apply": True}), now)

    def runs(self) -> list[Run]:
        with self.app.context.database.session() as session:
            rows = session.execute(RUN.select().order_by(RUN.c.id)).all()
            return [run for row in rows if (run := runs.get(session, row.id)) is not None]

    def all_done(self) -> bool:
        return all(run.status == "done" for run in self.runs())

    def standing(self) -> str:
        """What a person would ask first when it does not end."""
        lines = [
            f"{run.id} {run.portals} {run.status} {run.attempt} {run.lease_owner} {run.error}" for run in self.runs()
        ]
        logs = [f"{path.name}\n{path.read_text()[-4000:]}" for path in sorted(self.app.settings.home.glob("*.log"))]
        return "\n".join([f"workers {self.workers}", *lines, *logs])

    def writer(self) -> Run:
        """The run that has the turn to write, whose request Autotask holds."""
        with self.app.context.database.session() as session:
            owner = session.execute(LEASE.select().where(LEASE.c.name == "writer")).one().owner
        return next(run for run in self.runs() if run.lease_owner == owner)

    def held_by(self, worker: int) -> list[int]:
        """Numbers of the runs that this worker carries out, as far as anybody knows."""
        return [run.id for run in self.runs() if run.status == "running" and worker_of(run) == worker]

    def refused(self) -> int:
        """How often Autotask had too many requests at a time."""
        return sum(entry.status == 429 for entry in self.server.requests())

    def time_out(self, worker: int) -> None:
        """What this worker holds has run out: nobody waits a minute for it."""
        past = datetime.now(UTC) - timedelta(seconds=1)
        mine = f"%|{worker}|%"
        slot = table(ApiSlotRow)
        with self.app.context.database.write() as session:
            session.execute(RUN.update().where(RUN.c.lease_owner.like(mine)).values(lease_until=past))
            session.execute(LEASE.update().where(LEASE.c.owner.like(mine)).values(until=past))
            session.execute(slot.update().where(slot.c.owner.like(mine)).values(until=past))


def worker_of(run: Run) -> int:
    return int(run.lease_owner.split("|")[1])


@pytest.fixture(params=["processes", "networks"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, postgres_database: str) -> Iterator[Shop]:
    data = SandboxData(one_day(minutes=2))
    services = [data.service(f"S{number}") for number in range(SERVICES)]
    lines: dict[str, dict[tuple[int, int], int]] = {}
    for number in range(PORTALS):
        companies = [data.company(f"P{number} C{other}") for other in range(COMPANIES)]
        lines[f"P{number}"] = {
            (company, service): data.line(contract, service, 10)
            for company in companies
            for contract in [data.contract(company)]
            for service in services
        }
    with ExitStack() as stack:
        url, host = make_url(postgres_database), "127.0.0.1"
        # A worker that is cut off inside a transaction must not keep the others waiting for a minute.
        url = url.update_query_dict({"options": "-c timezone=utc -c idle_in_transaction_session_timeout=2s"})
        networks: list[str | None] = [None, None, None]
        cut: Callable[[int], None] = lambda worker: os.kill(shop.workers[worker], signal.SIGSTOP)  # noqa: E731
        mend: Callable[[int], None] = lambda worker: os.kill(shop.workers[worker], signal.SIGCONT)  # noqa: E731
        if request.param == "networks":
            net = stack.enter_context(networks_of_their_own())
            host, networks = net.host, [*net.names]
            port = stack.enter_context(forwarding(host, Path(str(url.query["host"])) / ".s.PGSQL.5432"))
            url = url.difference_update_query(["host"]).set(host=host, port=port)
            cut, mend = net.down, net.up
        switches = SandboxSwitches(thread_limit=THREADS, slot_release_delay=0, same_day="merge")
        server = stack.enter_context(SandboxServer(data, switches=switches, host=host))
        address = url.render_as_string(hide_password=False)
        app = build(settings(tmp_path, address), pace=PACE)
        stack.callback(app.close)
        connect(app, server, {portal: [*pairs] for portal, pairs in lines.items()})
        farm = stack.enter_context(machines(tmp_path))
        shop = Shop(app, server, farm, lines, address, cut, mend, networks)
        stack.callback(server.faults.release)
        yield shop


def test_m4_one_worker_is_killed_and_one_is_cut_off_and_nothing_is_lost_or_doubled(shop: Shop) -> None:
    shop.want(1)
    shop.want(2)
    shop.server.faults.add(action="hold", entity="ContractServiceAdjustments", operation="create", when="before", nth=3)
    shop.start()
    assert shop.server.faults.wait_held(PATIENCE)
    killed = worker_of(shop.writer())
    assert shop.refused() == 0
    os.kill(killed, signal.SIGKILL)
    shop.machines.wait(killed)
    left = shop.held_by(killed)
    assert until(lambda: not shop.server.faults.wait_held(0.0), PATIENCE), "its request went with it"
    shop.server.faults.add(action="hold", entity="ContractServiceAdjustments", operation="create", when="after", nth=4)

    assert shop.server.faults.wait_held(PATIENCE)
    frozen = worker_of(shop.writer())
    number = shop.workers.index(frozen)
    shop.cut(number)
    left += shop.held_by(frozen)
    shop.time_out(frozen)
    assert until(shop.all_done, PATIENCE), shop.standing()
    written = len(shop.server.adjustments())
    shop.mend(number)
    shop.server.faults.release()
    assert until(lambda: not shop.server.faults.wait_held(0.0), PATIENCE)
    # What died or was cut off took places at Autotask that nobody counted any more: some of the others were refused and came again.
    refused = shop.refused()

    shop.want(3)
    assert until(shop.all_done, PATIENCE), shop.standing()
    for worker in shop.workers:
        if worker != killed:
            os.kill(worker, signal.SIGTERM)
            assert shop.machines.wait(worker) == 0, "asked to end, it ends by itself"
    assert shop.refused() == refused, "places are kept over all workers"
    _assert_right(shop, written, left)
    with shop.app.context.database.session() as session:
        processes = LEASE.select().where(LEASE.c.owner.like("%|%"), LEASE.c.owner.not_like(f"%|{killed}|%"))
        owners = session.execute(processes).all()
    assert owners == [], "who was asked to end gave back what it had"


def _assert_right(shop: Shop, written: int, left: list[int]) -> None:
    lines = {line: portal for portal, pairs in shop.lines.items() for line in pairs.values()}
    today = shop.app.context.clock.today()
    assert {line: shop.server.units(line, today) for line in lines} == dict.fromkeys(lines, 13)
    changes = [entry.values["unitChange"] for entry in shop.server.adjustments()]
    assert written == len(lines), "what was cut off had been written by then, once"
    assert Counter(changes) == {2: len(lines), 1: len(lines)}
    known = shop.runs()
    assert {run.id: run.attempt - 1 for run in known if run.attempt != 1} == Counter(left), (
        "begun again where it was left alone"
    )
    for portal in shop.lines:
        mine = [run for run in known if run.portals == (portal,)]
        assert len(mine) == 3
        for before, after in pairwise(mine):
            assert before.finished_at and after.started_at and before.finished_at <= after.started_at
    with shop.app.context.database.session() as session:
        assert ledger.open_intents(session) == []
        assert ledger.verify(session).ok


# ---- networks


@dataclass
class Networks:
    """Three networks, each with one line to this one that can be cut."""

    host: str
    names: list[str]

    def down(self, worker: int) -> None:
        _ip("link", "set", _line(self.names[worker]), "down")

    def up(self, worker: int) -> None:
        _ip("link", "set", _line(self.names[worker]), "up")


def _line(name: str) -> str:
    return f"{name}-o"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=60)


@contextmanager
def networks_of_their_own() -> Iterator[Networks]:
    """Skips where this user may not make any."""
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("networks need root and iproute2")
    third, tag = os.getpid() % 250 + 1, f"cb{os.getpid() % 100_000}"
    bridge, host = f"{tag}-b", f"10.213.{third}.1"
    names = [f"{tag}-{number}" for number in range(3)]
    with ExitStack() as stack:
        try:
            _ip("link", "add", bridge, "type", "bridge")
        except subprocess.CalledProcessError:
            pytest.skip("this machine allows no networks of one's own")
        stack.callback(_ip, "link", "del", bridge)
        _ip("addr", "add", f"{host}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for number, name in enumerate(names):
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "del", name)
            _ip("link", "add", _line(name), "type", "veth", "peer", "name", "out", "netns", name)
            _ip("link", "set", _line(name), "master", bridge, "up")
            _ip("-n", name, "addr", "add", f"10.213.{third}.{number + 2}/24", "dev", "out")
            _ip("-n", name, "link", "set", "out", "up")
        yield Networks(host, names)


@contextmanager
def forwarding(host: str, path: Path) -> Iterator[int]:
    """A port that leads to the server's socket file, which no network can be cut from."""
    listener = socket.create_server((host, 0))
    opened: list[socket.socket] = [listener]

    def serve() -> None:
        with suppress(OSError):
            while True:
                one, _ = listener.accept()
                other = socket.socket(socket.AF_UNIX)
                other.connect(str(path))
                opened.extend([one, other])
                for source, target in ((one, other), (other, one)):
                    threading.Thread(target=_pump, args=(source, target), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        for each in opened:
            each.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
