"""A process that was cut off comes back when another one has taken its run over: it writes nothing more, nowhere (M4)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from core.domain.contract import LineKind, LineRef
from core.domain.errors import RemoteError
from core.domain.ports import Adjustment
from core.services.owners import new_owner
from core.services.running import WRITER
from core.store import leases, plans, runs
from tests.services.money.world import TODAY, SandboxData, World
from tests.waiting import until

LINES = 8
ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=ENGINES)
def eight(request: pytest.FixtureRequest, data: SandboxData, make_world: Callable[..., World]) -> World:
    """Eight companies with a line of 10 units each; the portal says 12."""
    service = data.service("MFA per user")
    names = {f"C{number}": data.company(f"C{number} BV") for number in range(LINES)}
    for company in names.values():
        data.line(data.contract(company), service, 10)
    url = request.getfixturevalue("postgres_database") if request.param == "postgres" else ""
    world = make_world(data, url=url)
    world.portal()
    world.map(names, {"users": service})
    world.says({(name, "users"): 12 for name in names})
    return world


def take_over(world: World) -> str:
    """Another process takes the run that goes on, and the turn to write; gives its name."""
    other, now = new_owner(), world.clock.now()
    with world.database.write() as session:
        [run] = runs.unfinished(session)
        runs.heartbeat(session, run.id, run.lease_owner, now, -1.0)
        runs.interrupt_dead(session, now)
        runs.requeue(session, run.id)
        assert runs.claim(session, other, now, 60.0, run_id=run.id)
        leases.release(session, WRITER, run.lease_owner)
        assert leases.acquire(session, WRITER, other, now, 60.0)
    return other


@pytest.mark.parametrize("ended", [False, True])
def test_m4_a_run_that_was_taken_over_sends_nothing_more(eight: World, ended: bool) -> None:
    """Two of eight writes are on their way, two more were noted as sent and wait for a place: these stay at home, too.

    That the other process has ended by then, and the turn is nobody's, makes no difference.
    """
    eight.server.faults.add(
        action="hold", entity="ContractServiceAdjustments", operation="create", when="after", times=2
    )
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(eight.sync()))
    thread.start()
    assert until(lambda: len(eight.adjustments()) == 2)
    other = take_over(eight)
    if ended:
        with eight.database.write() as session:
            leases.release(session, WRITER, other)
            [run] = runs.unfinished(session)
            runs.finish(session, run.id, "done", eight.clock.now(), owner=other)
        plan = _plan_of(eight)
    eight.server.faults.release()
    thread.join(60)
    assert not thread.is_alive()
    assert len(eight.adjustments()) == 2
    assert results[0].status == "failed"  # type: ignore[attr-defined]
    if ended:
        assert _plan_of(eight) == plan, "the plan that the other one left stays"
        with eight.database.session() as session:
            assert runs.unfinished(session) == [], "the run stays ended"


def _plan_of(world: World) -> object:
    with world.database.session() as session:
        return plans.head(session)


def test_m4_what_was_taken_over_is_written_once_by_the_other(eight: World) -> None:
    eight.server.faults.add(
        action="hold", entity="ContractServiceAdjustments", operation="create", when="after", times=2
    )
    thread = threading.Thread(target=eight.sync)
    thread.start()
    assert until(lambda: len(eight.adjustments()) == 2)
    other = take_over(eight)
    eight.server.faults.release()
    thread.join(60)
    with eight.database.write() as session:
        leases.release(session, WRITER, other)
        [run] = runs.unfinished(session)
        runs.heartbeat(session, run.id, other, eight.clock.now(), -1.0)
    eight.clock.move(seconds=60)
    eight.sync()
    assert [eight.units(8001 + number) for number in range(LINES)] == [12] * LINES
    assert len(eight.adjustments()) == LINES


def test_m4_a_write_that_waits_for_its_place_is_asked_about_when_it_has_it(eight: World) -> None:
    """The other request at Autotask takes its time; meanwhile the run is lost."""
    eight.limits = eight.limits.model_copy(update={"in_flight": 1, "read_timeout": 30.0})
    target = eight.autotask()
    allowed = threading.Event()
    allowed.set()
    target.only_while(allowed.is_set)
    eight.server.faults.add(action="hold", entity="ContractServiceAdjustments", operation="create")
    errors: list[RemoteError] = []

    def adjust(line: int, contract: int) -> None:
        try:
            target.adjust(Adjustment(contract, LineRef(LineKind.SERVICE, line), TODAY + timedelta(days=1), 1))
        except RemoteError as error:
            errors.append(error)

    known = target.lines(None)[:2]
    first, second = (threading.Thread(target=adjust, args=(line.ref.id, line.contract_id)) for line in known)
    first.start()
    assert eight.server.faults.wait_held()
    second.start()
    allowed.clear()
    eight.server.faults.release()
    first.join(60)
    second.join(60)
    target.close()
    assert len(eight.adjustments()) == 1
    assert [(error.kind, error.retryable) for error in errors] == [("not_sent", False)]
