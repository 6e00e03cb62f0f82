"""The product as processes that can be killed: web, workers, database, and the commands of people at work."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests.chaos.nursery import Nursery
from tests.postgres_cluster import binaries

TELL_AT_PARENTS_DEATH = 1
"""PR_SET_PDEATHSIG."""
GIVE_UP = 300.0
"""Seconds in which anything must be up again, however busy the machine is."""


def until(true: Callable[[], bool], what: str, seconds: float = GIVE_UP, pause: float = 0.1) -> None:
    """Wait for it; raises TimeoutError."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:.0f} seconds")
        time.sleep(pause)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    """A server of its own that keeps what it committed, whatever is done to it. Its log is beside its data."""

    def __init__(self, home: Path) -> None:
        place = binaries()
        if place is None:
            raise FileNotFoundError("There is no PostgreSQL on this machine: take --database sqlite.")
        self._place, self.home = place, home / "pg"
        self.home.mkdir(exist_ok=True)
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            # It refuses to run as root, and must reach its directory.
            home.chmod(0o755)
            shutil.chown(self.home, self._user)
        subprocess.run(
            [str(place / "initdb"), "-D", str(self.home / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "--wal-segsize=1"],
            check=True, user=self._user, stdout=subprocess.DEVNULL, cwd=self.home,
        )  # fmt: skip
        self._server: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql+psycopg://postgres@/postgres?host={self.home}"

    def start(self) -> None:
        """Until it answers; also after a violent end, whose remains may stand in the way for a moment."""
        end = time.monotonic() + GIVE_UP
        while not self.answers():
            if self._server is None or self._server.poll() is not None:
                self._spawn()
            if time.monotonic() > end:
                raise TimeoutError("PostgreSQL does not start again")
            time.sleep(0.2)

    def _spawn(self) -> None:
        settings = {"listen_addresses": "", "shared_buffers": "32MB", "max_connections": "100",
                    "max_wal_size": "64MB"}  # fmt: skip
        words = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.home / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [str(self._place / "postgres"), "-D", str(self.home / "data"), "-k", str(self.home), *words],
                user=self._user, cwd=self.home, stdout=log, stderr=log, start_new_session=True, preexec_fn=_end_with_parent,  # noqa: PLW1509 - one system call
            )  # fmt: skip

    def answers(self) -> bool:
        try:
            psycopg.connect(f"postgresql://postgres@/postgres?host={self.home}", connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def begin_log(self) -> None:
        """A new piece of its log, so that a disk that becomes full is so for the tables first."""
        with psycopg.connect(f"postgresql://postgres@/postgres?host={self.home}", autocommit=True) as connection:
            connection.execute("SELECT pg_switch_wal()")
            connection.execute("SELECT txid_current()")

    def crash(self, *, kill: bool) -> None:
        """Immediate stop (nothing is finished, nothing is written out), or SIGKILL."""
        assert self._server is not None
        self._server.send_signal(signal.SIGKILL if kill else signal.SIGQUIT)
        self._server.wait(60)

    def close(self) -> None:
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(60)


def _end_with_parent() -> None:
    """In a process that is about to begin: it is told to end when the one who started it does."""
    ctypes.CDLL(None).prctl(TELL_AT_PARENTS_DEATH, signal.SIGQUIT)


class Unit:
    """A process that is started again whenever it ended, as systemd does. Stopped ones are let go on first."""

    def __init__(self, house: House, name: str, words: list[str]) -> None:
        self.house, self.name, self.words = house, name, words
        self.process = 0
        self._lock = threading.Lock()

    def start(self) -> None:
        with self._lock:
            if not self._alive():
                self.process = self.house.start(self.words, self.name)
                self.house.counts[f"{self.name} started"] += 1

    def signal(self, number: int) -> bool:
        """False when it was not there."""
        with self._lock:
            if not self._alive():
                return False
            os.kill(self.process, number)
            return True

    def _alive(self) -> bool:
        return self.process != 0 and self.house.nursery.ended(self.process) is None


class House:
    """Everything that belongs to one installation of the product."""

    def __init__(self, home: Path, nursery: Nursery, database: str, workers: int) -> None:
        self.home, self.nursery = home, nursery
        self.counts: Counter[str] = Counter()
        self.logs = home / "logs"
        self.data = home / "data"
        self.logs.mkdir()
        self.data.mkdir(exist_ok=True)
        self.postgres = Postgres(home) if database == "postgres" else None
        self.url = self.postgres.url if self.postgres else f"sqlite:///{self.data / 'contractbridge.db'}"
        self.port = free_port()
        self.environment = {"CONTRACTBRIDGE_HOME": str(self.data)}
        if self.postgres:
            self.environment["CONTRACTBRIDGE_DATABASE_URL"] = self.url
        self.web = Unit(self, "web", ["run", "--port", str(self.port)])
        self.workers = [Unit(self, f"worker {number}", ["worker"]) for number in range(1, workers + 1)]
        self._started: list[int] = []
        self._commands: dict[int, str] = {}
        self._lock = threading.Lock()

    @property
    def units(self) -> list[Unit]:
        return [self.web, *self.workers]

    def start(self, what: list[str] | dict[str, Any], name: str) -> int:
        process = self.nursery.start(what, self.environment, self.logs / f"{name.replace(' ', '-')}.log")
        self._started.append(process)
        return process

    def command(self, what: list[str] | dict[str, Any], name: str, seconds: float = GIVE_UP) -> int:
        """Do one command to its end, as a person at a terminal; gives its exit code (-9 when it was killed)."""
        process = self.start(what, name)
        with self._lock:
            self._commands[process] = name
        code: list[int] = []

        def ended() -> bool:
            found = self.nursery.ended(process)
            code.extend([] if found is None else [found])
            return bool(code)

        try:
            until(ended, name, seconds, 0.05)
        except TimeoutError:
            os.kill(process, signal.SIGKILL)
            until(ended, name, seconds, 0.05)
        finally:
            with self._lock:
                self._commands.pop(process)
        self.counts["commands"] += 1
        return code[0]

    def act(self, name: str, seconds: float = GIVE_UP, **values: Any) -> int:
        """One of `tests.chaos.acts`."""
        return self.command({"call": f"tests.chaos.acts:{name}", "with": values}, name, seconds)

    def kill_a_command(self) -> str:
        """The name of the one that was killed, empty where none is at work."""
        with self._lock:
            for process, name in self._commands.items():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
                    return name
        return ""

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def all_up(self) -> None:
        """Database, web and workers, started where they are not, and answering."""
        if self.postgres:
            self.postgres.start()

        def up() -> bool:
            for unit in self.units:
                unit.signal(signal.SIGCONT)
                unit.start()
            return self.is_ready()

        until(up, "the web process", GIVE_UP, 0.3)

    def close(self) -> None:
        """Kill everything that was started here."""
        for process in self._started:
            if self.nursery.ended(process) is None:
                os.kill(process, signal.SIGKILL)
        if self.postgres:
            self.postgres.close()
