"""What is left behind: by who had the turn to write and died (M4), by a run that was put off, by numbers that were worked out."""

from __future__ import annotations

import errno
from dataclasses import replace
from datetime import timedelta

import pytest

from core.domain.ports import Target
from core.engine.engine import MOST_ATTEMPTS, Engine
from core.services import sync
from core.services.access import SYSTEM
from core.services.context import Pace
from core.services.landing import let_land
from core.services.owners import new_owner
from core.services.reports import choices
from core.services.running import WRITER, Running, begin
from core.store import leases, runs
from core.store.runs import NewRun
from tests.services.money.world import World

ELSEWHERE = "elsewhere|1|1|x"


@pytest.mark.parametrize("given_back", [False, True])
def test_m4_what_left_long_after_it_was_noted_is_waited_for_too(world: World, given_back: bool) -> None:
    """A write that Autotask's limits refused leaves again minutes after the ledger noted it: the last sign of life counts."""
    ctx = replace(world.ctx, pace=Pace(lease=0.1, settle=0.01))
    with world.database.write() as session:
        leases.acquire(session, WRITER, ELSEWHERE, world.clock.now() - timedelta(seconds=30.01), 30.0)
        if given_back:
            leases.release(session, WRITER, ELSEWHERE)
    running = Running(ctx, begin(ctx, NewRun(kind="apply"), new_owner()))
    looked: list[bool] = []

    def landed() -> bool:
        looked.append(True)
        return False

    noted = world.clock.now() - timedelta(minutes=4)
    with running.turn():
        let_land(running, noted, landed)
        assert looked == ([] if given_back else [True])
        looked.clear()
        let_land(running, None, landed)
        assert looked == [], "nothing was sent"


def test_a_run_that_is_put_off_ended_no_process_however_often(world: World) -> None:
    world.portal()

    def full() -> Target:
        raise OSError(errno.ENOSPC, "No space left on device")

    working, world.ctx = world.ctx, replace(world.ctx, autotask=full)
    engine = Engine(world.ctx)
    with world.database.write() as session:
        run = runs.enqueue(session, NewRun(kind="sync"), world.clock.now())
    assert run is not None
    for _ in range(MOST_ATTEMPTS + 1):
        sync.carry_out(world.ctx, _claimed(world))
        engine.resume_interrupted()
        with world.database.session() as session:
            assert runs.claimable(session) == [], "not at once again: what reads portals reads them each time"
        world.clock.move(seconds=world.ctx.pace.lease)
        engine.resume_interrupted()
    world.says({})
    sync.carry_out(working, _claimed(world))
    with world.database.session() as session:
        ended = runs.get(session, run.id)
    assert ended is not None and ended.finished_at is not None
    assert ended.error is None, ended.error


def _claimed(world: World) -> runs.Run:
    with world.database.write() as session:
        run = runs.claim(session, new_owner(), world.clock.now(), world.ctx.pace.lease)
    assert run is not None
    return run


def test_what_was_worked_out_is_old_when_a_run_has_ended(world: World) -> None:
    """A run writes, and reads Autotask again, also where no portal tells anything new: no page may go on showing the sums before."""
    before = choices.version(world.ctx, SYSTEM)
    assert choices.version(world.ctx, SYSTEM) == before
    sync.apply_now(world.ctx, SYSTEM)
    assert choices.version(world.ctx, SYSTEM) != before
