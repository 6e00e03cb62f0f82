"""What all tests share: a PostgreSQL server of their own, and empty databases to copy."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from tests import looking, order, postgres_cluster
from tests.rerun import pytest_report_teststatus, pytest_runtest_protocol, pytest_terminal_summary

__all__ = ["pytest_report_teststatus", "pytest_runtest_protocol", "pytest_terminal_summary"]

_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    looking.load()
    if not hasattr(config, "workerinput"):
        os.environ[postgres_cluster.SESSION_VARIABLE] = str(os.getpid())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Alone, tests run as they stand in their files."""
    if hasattr(config, "workerinput"):
        items[:] = order.spread(items)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long bytes are named by their place: what was packed holds the moment of packing, and all workers must find the same names."""
    return argname if isinstance(val, bytes) and len(val) > 30 else None


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The address of a PostgreSQL server for this test session. Without one the test is skipped, or fails where it must not be."""
    url = postgres_cluster.server_url()
    if url is None:
        if os.environ.get("CONTRACTBRIDGE_REQUIRE_POSTGRES") == "1":
            pytest.fail(
                "There is no PostgreSQL here, and CONTRACTBRIDGE_REQUIRE_POSTGRES=1 says that there must be one."
            )
        pytest.skip("there is no PostgreSQL here")
    return url


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated SQLite file to copy: migrating takes longer than most tests."""
    from core.store import migrate

    path = tmp_path_factory.mktemp("empty") / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """The name of an empty, migrated database to copy. Every worker has its own: what is copied may not be in use."""
    from core.store import migrate

    name = f"template_{os.getpid()}"
    migrate.upgrade(postgres_cluster.create(postgres_url, name))
    return name


@pytest.fixture(scope="session")
def postgres_templates(postgres_url: str) -> postgres_cluster.Templates:
    """Copies of databases, of this worker's own."""
    return postgres_cluster.Templates(postgres_url)


@pytest.fixture
def new_postgres(postgres_url: str, postgres_templates: postgres_cluster.Templates) -> Iterator[Callable[..., str]]:
    """Makes databases: `new_postgres()` one without tables, `new_postgres(template)` a copy. Gives their addresses."""
    made: list[str] = []
    copies: list[tuple[str, str]] = []

    def make(template: str = "") -> str:
        if template:
            copies.append((postgres_templates.take(template), template))
            return postgres_cluster.named(postgres_url, copies[-1][0])
        made.append(f"test_{os.getpid()}_{next(_numbers)}")
        return postgres_cluster.create(postgres_url, made[-1])

    yield make
    for name in made:
        postgres_cluster.drop(postgres_url, name)
    for name, template in copies:
        postgres_templates.give_back(name, template)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[Callable[[], object]]:
    """Passwords kept by argon2id with little work: in hundreds of tests people sign in. Gives what the product makes them with."""
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

    from core.services import passwords

    hasher = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
    with pytest.MonkeyPatch.context() as patched:
        before = passwords._hasher
        patched.setattr(passwords, "_hasher", lambda: hasher)
        yield before


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """A test that sets up logging leaves the others as they are."""
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
