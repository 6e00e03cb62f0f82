"""The process is really killed, at every step of apply, and started again: never twice, never lost (M4)."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core.domain.policy import Mode
from core.services import decisions, sync
from core.services.access import SYSTEM
from core.store import ledger, portals
from tests.services.money.world import SandboxData, World
from tests.services.nursery import Nursery

SCENE = "tests.services.money.scene"
SAYS = [12, 3, 25]
ADJUST: dict[str, Any] = {"entity": "ContractServiceAdjustments", "operation": "create"}
UNITS: dict[str, Any] = {"entity": "ContractServiceUnits", "operation": "query"}

JOURNAL = [
    ("intended", 1, "before"), ("intended", 1, "after"), ("exchange", 1, "before"), ("exchange", 1, "after"),
    ("exchange", 2, "before"), ("exchange", 2, "after"), ("exchange", 3, "before"), ("exchange", 3, "after"),
    ("ended", 1, "before"), ("ended", 1, "after"),
]  # fmt: skip
REQUESTS = [
    *((ADJUST, nth, when) for nth in (1, 2, 3) for when in ("before", "after")),
    (UNITS, 1, "before"),
    (UNITS, 4, "before"),
    (UNITS, 4, "after"),
]


@pytest.fixture
def three(make_world: Callable[..., World], data: SandboxData) -> World:
    """Three companies with a line of 10 units each, and a portal that says otherwise."""
    service = data.service("MFA per user")
    names = {f"C{number}": data.company(f"C{number} BV") for number in range(3)}
    for company in names.values():
        data.line(data.contract(company), service, 10)
    world = make_world(data)
    world.portal()
    world.map(names, {"users": service})
    world.says({(f"C{number}", "users"): units for number, units in enumerate(SAYS)})
    return world


def assert_right_after_restart(world: World) -> None:
    """A new process, then another run: units are right, and the sandbox's own ledger has one adjustment for each line."""
    world.sync()
    assert [world.units(8001 + number) for number in range(3)] == SAYS
    assert world.sync().changes["planned"] == 0
    adjusted = sorted(entry.values["contractServiceID"] for entry in world.adjustments())
    assert adjusted == [8001, 8002, 8003]
    with world.database.session() as session:
        assert ledger.open_intents(session) == []
        assert ledger.verify(session).ok


@pytest.mark.parametrize(("step", "nth", "when"), JOURNAL, ids=str)
def test_m4_killed_around_a_step_of_the_ledger(three: World, nursery: Nursery, step: str, nth: int, when: str) -> None:
    code = nursery.wait(nursery.start(SCENE, three, says=SAYS, die=[step, nth, when]))
    # With few lines all answers may arrive at once: then there is no third exchange to die at.
    assert code == -signal.SIGKILL or (nth == 3 and code == 0)
    assert_right_after_restart(three)


def test_m4_a_request_that_outlives_its_sender_is_waited_for(three: World, nursery: Nursery) -> None:
    """Autotask works on, although the one who asked was killed: what arrives late is not sent again meanwhile."""
    three.ctx = replace(three.ctx, pace=replace(three.ctx.pace, settle=1.0))
    for nth in range(1, 4):
        three.server.faults.add(action="delay", when="before", seconds=4.0, nth=nth, **ADJUST)
    process = nursery.start(SCENE, three, says=SAYS)
    end = time.monotonic() + 60
    while not three.server.faults.fired:
        assert time.monotonic() < end
        time.sleep(0.01)
    nursery.kill(process)
    three.sync()
    assert [three.units(8001 + number) for number in range(3)] == SAYS
    assert sorted(entry.values["contractServiceID"] for entry in three.adjustments()) == [8001, 8002, 8003]


@pytest.mark.parametrize(
    ("which", "nth", "when"), REQUESTS, ids=lambda value: value if isinstance(value, str) else None
)
def test_m4_killed_while_a_request_is_on_its_way(
    three: World, nursery: Nursery, which: dict[str, Any], nth: int, when: str
) -> None:
    three.server.faults.add(action="hold", when=when, nth=nth, **which)
    process = nursery.start(SCENE, three, says=SAYS)
    assert three.server.faults.wait_held(60)
    nursery.kill(process)
    three.server.faults.clear()
    assert_right_after_restart(three)


def test_m4_an_approved_change_survives_the_kill(three: World, nursery: Nursery) -> None:
    """In review mode: what was approved and interrupted is still approved, and written once."""
    with three.database.write() as session:
        portal = portals.by_name(session, "Duo")
        assert portal is not None
        portals.save(session, replace(portal, mode=Mode.REVIEW), three.clock.now())
    three.sync()
    decisions.approve_all(three.ctx, SYSTEM)
    three.server.faults.add(action="hold", when="before", nth=2, **ADJUST)
    process = nursery.start(SCENE, three, says=SAYS, apply=True)
    assert three.server.faults.wait_held(60)
    nursery.kill(process)
    three.server.faults.clear()
    sync.apply_now(three.ctx, SYSTEM)
    assert [three.units(8001 + number) for number in range(3)] == SAYS
    assert len(three.adjustments()) == 3


def test_two_processes_at_once_write_every_line_once(three: World, nursery: Nursery) -> None:
    processes = [nursery.start(SCENE, three, says=SAYS) for _ in range(2)]
    assert [nursery.wait(process) for process in processes] == [0, 0]
    assert [three.units(8001 + number) for number in range(3)] == SAYS
    assert len(three.adjustments()) == 3
