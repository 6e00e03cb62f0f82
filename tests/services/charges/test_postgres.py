"""The same promises on PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from decimal import Decimal

import pytest

from core.services import charges
from core.services import charging_decisions as deciding
from core.services.access import SYSTEM
from core.services.sync import apply_now
from core.store import ledger
from tests.services.charges.world import OCTOBER, brings, charging, example, in_autotask, line, post, total
from tests.services.money.world import SandboxData, World

pytestmark = pytest.mark.postgres
numbers = itertools.count(1)


def test_m15_update_correct_and_reverse(
    new_postgres: Callable[..., str], postgres_template: str, make_world: Callable[..., World], data: SandboxData
) -> None:
    data.contract(data.company("Acme B.V."))
    world = make_world(data, url=new_postgres(postgres_template))
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
