"""The process is really killed, at every step of charging, and started again: never twice, never lost (M4, M15)."""

from __future__ import annotations

import signal
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.services.charges.world import brings, charging, in_autotask, line, post, total
from tests.services.money.world import SandboxData, World
from tests.services.nursery import Nursery

SCENE = "tests.services.charges.scene"
JOURNAL = [
    ("intended", 1, "after"), ("exchange", 1, "before"), ("exchange", 1, "after"), ("exchange", 2, "before"),
    ("exchange", 2, "after"), ("ended", 1, "before"),
]  # fmt: skip
CREATE: dict[str, Any] = {"entity": "ContractCharges", "operation": "create"}


@pytest.fixture
def three(make_world: Callable[..., World], data: SandboxData) -> World:
    """Three customers; the first has a billed charge to correct, the second one to update, the third none."""
    companies = {f"C{number}": data.company(f"C{number} BV") for number in range(3)}
    first, *_ = [data.contract(company) for company in companies.values()]
    world = make_world(data)
    charging(world, companies)
    brings(world, [line("C0", amount="10"), line("C1", amount="20")])
    world.sync()
    post(world, contract=first)
    brings(world, [line("C0", amount="11"), line("C1", amount="22"), line("C2", amount="33")])
    return world


def assert_right_after_restart(world: World) -> None:
    world.sync()
    keys = [row["internalPurchaseOrderNumber"] for row in in_autotask(world)]
    assert len(set(keys)) == len(keys) == 4
    assert total(world) == Decimal(66)
    assert world.sync().charges["planned"] == 0


@pytest.mark.parametrize(("step", "nth", "when"), JOURNAL)
def test_m15_killed_around_a_step_of_the_journal(
    three: World, nursery: Nursery, step: str, nth: int, when: str
) -> None:
    process = nursery.start(SCENE, three, die=[step, nth, when])
    assert nursery.wait(process) == -signal.SIGKILL
    assert_right_after_restart(three)


@pytest.mark.parametrize(("nth", "when"), [(1, "before"), (1, "after"), (2, "after")])
def test_m15_killed_while_a_charge_is_on_its_way(three: World, nursery: Nursery, nth: int, when: str) -> None:
    three.server.faults.add(action="hold", when=when, nth=nth, **CREATE)
    process = nursery.start(SCENE, three)
    assert three.server.faults.wait_held(60)
    nursery.kill(process)
    three.server.faults.clear()
    assert_right_after_restart(three)


def test_m15_two_processes_at_once_charge_once(three: World, nursery: Nursery) -> None:
    processes = [nursery.start(SCENE, three) for _ in range(2)]
    assert [nursery.wait(process) for process in processes] == [0, 0]
    assert_right_after_restart(three)
