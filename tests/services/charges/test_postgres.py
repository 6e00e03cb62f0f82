"""The same promises on PostgreSQL."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from decimal import Decimal

import psycopg
import pytest
from sqlalchemy import make_url

from core.services import charges
from core.services import charging_decisions as deciding
from core.services.access import SYSTEM
from core.services.sync import apply_now
from core.store import ledger, migrate
from tests.services.charges.world import OCTOBER, brings, charging, example, in_autotask, line, post, total
from tests.services.money.world import SandboxData, World

pytestmark = pytest.mark.postgres
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def template(postgres_url: str) -> Iterator[tuple[str, str]]:
    """The server, and an empty, migrated database to copy."""
    name = f"charges_{os.getpid()}"
    _admin(postgres_url, f"CREATE DATABASE {name}")
    migrate.upgrade(_named(postgres_url, name))
    yield postgres_url, name
    _admin(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


def test_m15_update_correct_and_reverse(
    template: tuple[str, str], make_world: Callable[..., World], data: SandboxData
) -> None:
    server, source = template
    name = f"{source}_{next(numbers)}"
    _admin(server, f"CREATE DATABASE {name} TEMPLATE {source}")
    data.contract(data.company("Acme B.V."))
    world = make_world(data, url=_named(server, name))
    charging(world, {"Acme": 1001}, split="resource")
    brings(world, example())
    assert world.sync().charges["applied"] == 3
    brings(world, example())
    assert world.sync().charges["planned"] == 0
    post(world)
    brings(world, [*example(), line(resource="late", amount="1.005")])
    run = world.sync().run_id
    assert total(world) == Decimal("336.31")
    deciding.reverse_charges(world.ctx, SYSTEM, run)
    world.sync()
    deciding.approve_all(world.ctx, SYSTEM)
    apply_now(world.ctx, SYSTEM)
    assert total(world) == Decimal("335.30")
    shown = charges.overview(world.ctx, SYSTEM, OCTOBER[0])
    assert (shown.page.total, len(in_autotask(world))) == (4, 3)
    detail = charges.charge_detail(world.ctx, SYSTEM, shown.page.rows[0].key)
    assert detail.steps
    with world.database.session() as session:
        assert ledger.open_intents(session) == []
        assert ledger.verify(session).ok


def _admin(url: str, statement: str) -> None:
    with psycopg.connect(
        make_url(url).set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    ) as connection:
        connection.execute(statement.encode())


def _named(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)
