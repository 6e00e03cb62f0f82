"""A workspace for each test: a fresh database with a clock that stands still, and one demo sandbox Autotask for the session."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from connectors._kit.registry import Registry
from connectors.autotask.sandbox import SandboxServer
from connectors.autotask.sandbox.demo import demo_data
from core.bootstrap import connect_autotask
from core.domain.ports import Source
from core.secrets import SecretBox
from core.services.access import Actor, Role
from core.services.autotask_settings import save_autotask, test_autotask
from core.services.context import Context
from core.store.db import Database

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ADMIN = Actor(1, "Anna", Role.ADMIN)
OPERATOR = Actor(2, "Otto", Role.OPERATOR)
VIEWER = Actor(3, "Vera", Role.VIEWER)


class StandingClock:
    """Moves when a test says so."""

    def __init__(self) -> None:
        self.instant = NOW

    def now(self) -> datetime:
        return self.instant

    def today(self) -> date:
        return self.instant.date()

    def forward(self, **amount: float) -> None:
        self.instant += timedelta(**amount)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxServer]:
    """The demo company; the tests of this folder write nothing to it."""
    with SandboxServer(demo_data(NOW.date())) as server:
        yield server


@pytest.fixture(scope="session")
def connected_database(empty_database: Path, sandbox: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With Autotask connected, and its companies, services and contracts read once for all tests."""
    home = tmp_path_factory.mktemp("connected")
    with opened(empty_database, home, StandingClock()) as ctx:
        known = sandbox.credentials
        save_autotask(
            ctx, ADMIN, user_name=known.user_name, secret=known.secret, integration_code=known.integration_code,
            base_url=sandbox.base_url,
        )  # fmt: skip
        assert test_autotask(ctx, ADMIN).ok
    return home / "cases.db"


@contextmanager
def opened(template: Path, home: Path, clock: StandingClock) -> Iterator[Context]:
    """A context on a copy of a database."""
    shutil.copy(template, home / "cases.db")
    database = Database(f"sqlite:///{home / 'cases.db'}")
    box, registry = SecretBox([b"k" * 32]), Registry()

    def source(slug: str, portal: str, settings: Mapping[str, object], secrets: Mapping[str, str]) -> Source:
        return registry.get(slug).open(portal, settings, secrets)

    yield Context(database, clock, box, lambda: connect_autotask(database, box), source, registry, home)
    database.dispose()  # the last connection takes the write-ahead log into the file


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def ctx(empty_database: Path, tmp_path: Path, clock: StandingClock) -> Iterator[Context]:
    with opened(empty_database, tmp_path, clock) as context:
        yield context


@pytest.fixture
def connected(connected_database: Path, tmp_path: Path, clock: StandingClock) -> Iterator[Context]:
    """The same, with Autotask connected and its companies and services read."""
    with opened(connected_database, tmp_path, clock) as context:
        yield context


LONG = {"customer": "Customer", "product": "Product", "quantity": "Qty", "complete": True}


def csv_of(*rows: tuple[str, str, object]) -> bytes:
    """A long table with the headings of `LONG`."""
    return ("Customer,Product,Qty\n" + "".join(f'"{c}","{p}",{q}\n' for c, p, q in rows)).encode()
