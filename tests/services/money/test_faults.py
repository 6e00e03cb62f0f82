"""Autotask and the way to it fail in every way they can: nothing is written twice, nothing is lost (M4)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import pytest

from connectors.autotask import Autotask
from core.domain.errors import OutcomeUnknown
from core.domain.policy import Mode, Policy, When
from core.domain.ports import Adjustment
from core.domain.text import T
from core.services import decisions, sync
from core.services.access import SYSTEM
from core.services.applying import ATTEMPTS
from core.services.context import Pace
from core.store import ledger, plans
from tests.services.money.world import BOLD, SandboxData, SandboxSwitches, World

ADJUST = {"entity": "ContractServiceAdjustments", "operation": "create"}
LINES = 6
Make = Callable[..., World]


@pytest.fixture
def make(make_world: Callable[..., World], data: SandboxData) -> Make:
    """Six companies with a line of 10 units each; the portal says 11 to 16."""

    def build(switches: SandboxSwitches | None = None, policy: Policy = BOLD, mode: Mode = Mode.AUTOMATIC) -> World:
        service = data.service("MFA per user")
        names = {f"C{number}": data.company(f"C{number} BV") for number in range(LINES)}
        for company in names.values():
            data.line(data.contract(company), service, 10)
        world = make_world(data, switches)
        world.portal(policy=policy, mode=mode)
        world.map(names, {"users": service})
        world.says({(f"C{number}", "users"): 11 + number for number in range(LINES)})
        return world

    return build


def assert_right(world: World) -> None:
    """Every line has its target, by exactly one adjustment."""
    assert [world.units(8001 + number) for number in range(LINES)] == [11 + number for number in range(LINES)]
    adjusted = [entry.values["contractServiceID"] for entry in world.adjustments()]
    assert sorted(adjusted) == [8001 + number for number in range(LINES)]
    with world.database.session() as session:
        assert ledger.open_intents(session) == []
        assert ledger.verify(session).ok


FAULTS = [
    ("thread_limit", "before"), ("hourly_limit", "before"), ("status", "before"), ("status", "after"), ("drop", "before"),
    ("drop", "after"), ("truncate", "after"), ("malformed", "after"), ("html", "after"), ("empty", "after"),
    ("ignore_write", "before"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "when"), FAULTS)
def test_m4_a_write_that_fails_is_read_back_before_it_is_sent_again(make: Make, action: str, when: str) -> None:
    world = make()
    world.server.faults.add(action=action, when=when, nth=3, **ADJUST)
    first = world.sync()
    assert world.server.faults.fired
    world.clock.move(hours=1)
    second = world.sync()
    assert_right(world)
    assert first.changes["applied"] + second.changes["applied"] == LINES
    assert first.changes["applied"] == LINES, "one fault does not need a second run"


@pytest.mark.parametrize("when", ["before", "after"])
def test_m4_a_write_that_times_out_is_read_back(make: Make, when: str) -> None:
    world = make()
    patient, world.limits = world.limits, world.limits.model_copy(update={"read_timeout": 1.0})
    world.server.faults.add(action="hold", when=when, nth=2, **ADJUST)
    world.sync()
    assert world.server.faults.fired
    world.limits = patient
    world.sync()
    assert_right(world)


def test_m4_a_refusal_of_what_is_there_already_is_no_failure(make: Make) -> None:
    """Autotask was slow: the first attempt became visible only after the second was sent, and refused."""
    world = make()
    late = _Late(world)
    world.ctx = replace(world.ctx, autotask=late.connect)
    world.sync()
    assert late.attempts == 2
    assert_right(world)


class _Late:
    """An Autotask that carries out the first write of line 8001 only when the second arrives."""

    def __init__(self, world: World) -> None:
        self._open = world.autotask
        self.attempts = 0
        self._kept: Adjustment | None = None

    def connect(self) -> Autotask:
        target = self._open()
        adjust = target.adjust

        def late(adjustment: Adjustment) -> None:
            if adjustment.line.id != 8001:
                return adjust(adjustment)
            self.attempts += 1
            if self._kept is None:
                self._kept = adjustment
                raise OutcomeUnknown(T("No answer."))
            adjust(self._kept)
            return adjust(adjustment)

        target.adjust = late  # type: ignore[method-assign]
        return target


def test_m11_a_refused_line_does_not_stop_the_others(make: Make) -> None:
    world = make()
    world.server.faults.add(
        action="errors", status=500, contains='"contractServiceID":8002', times=None, text="No.", **ADJUST
    )
    summary = world.sync()
    assert (summary.changes["applied"], summary.changes["failed"]) == (LINES - 1, 1)
    assert summary.findings.get("refused") == 1
    assert world.units(8002) == 10
    world.server.faults.clear()
    assert len([e for e in world.adjustments() if e.values["contractServiceID"] == 8002]) == 0


def test_m4_when_autotask_is_away_the_rest_stays_at_home(make: Make) -> None:
    world = make()
    world.server.faults.add(action="status", status=503, when="before", times=None, **ADJUST)
    summary = world.sync()
    assert summary.changes["failed"] == LINES
    assert world.adjustments() == []
    world.server.faults.clear()
    assert world.sync().changes["applied"] == LINES
    assert_right(world)


@pytest.mark.parametrize(
    ("entity", "action"),
    [
        ("Companies", "status"),
        ("Contracts", "truncate"),
        ("Services", "malformed"),
        ("ContractServices", "html"),
        ("ContractServices", "truncate"),
        ("ContractServiceUnits", "empty"),
        ("ContractServiceUnits", "truncate"),
    ],
)
def test_m2_a_directory_that_cannot_be_read_changes_nothing(make: Make, entity: str, action: str) -> None:
    world = make()
    world.server.faults.add(action=action, entity=entity, times=None, when="after" if action != "status" else "before")
    summary = world.sync()
    assert summary.status == "failed"
    assert summary.error is not None
    assert [portal.status for portal in summary.portals] == ["ok"]
    assert world.adjustments() == []
    world.server.faults.clear()
    world.sync()
    assert_right(world)


def test_m4_what_cannot_be_read_back_is_settled_by_the_next_run(make: Make) -> None:
    world = make()
    # Units are asked for the directory, twice for the rows of what is to change, and then to read back.
    world.server.faults.add(
        action="status", entity="ContractServiceUnits", operation="query", nth=4, times=None, when="before"
    )
    summary = world.sync()
    assert summary.status == "partly"
    assert summary.changes["failed"] == LINES
    with world.database.session() as session:
        assert len(ledger.open_intents(session)) == LINES
    world.server.faults.clear()
    again = world.sync()
    assert again.changes["planned"] == 0
    assert_right(world)


def test_m4_a_silent_write_is_tried_once_more_and_then_given_up(make: Make) -> None:
    world = make(SandboxSwitches(silent_entities=frozenset({"ContractServiceAdjustments"})))
    summary = world.sync()
    assert summary.changes["failed"] == LINES
    sent = world.server.request_counts()["ContractServiceAdjustments"]["create"]
    assert sent == 2 * LINES
    assert world.adjustments() == []


def test_m4_a_line_is_never_sent_more_than_the_limit(make: Make) -> None:
    world = make()
    world.server.faults.add(action="drop", when="before", contains='"contractServiceID":8003', times=None, **ADJUST)
    summary = world.sync()
    assert (summary.changes["applied"], summary.changes["failed"]) == (LINES - 1, 1)
    log = [entry for entry in world.server.faults.fired if entry["action"] == "drop"]
    assert len(log) == ATTEMPTS


def test_m8_in_a_posted_period_that_keeps_its_rows_nothing_is_sent_twice(make: Make) -> None:
    """A person approved a change inside a posted period; the rows there stay as they were."""
    world = make(SandboxSwitches(posted_period="keep"), Policy(increase=When.THIS_PERIOD, posted="hold"), Mode.REVIEW)
    world.server.sandbox.post_period(world.clock.today())
    from core.services import decisions, sync
    from core.services.access import SYSTEM

    assert world.sync().changes["held"] == LINES
    decisions.approve_all(world.ctx, SYSTEM)
    sync.apply_now(world.ctx, SYSTEM)
    world.clock.move(hours=1)
    world.sync()
    assert len(world.adjustments()) == LINES


@pytest.mark.parametrize("same_day", ["fail", "merge"])
def test_m5_a_second_change_on_a_day_counts_from_the_next_where_it_must(make: Make, same_day: str) -> None:
    world = make(SandboxSwitches(same_day=same_day))
    world.sync()
    world.clock.move(hours=2)
    world.says({(f"C{number}", "users"): 21 + number for number in range(LINES)})
    summary = world.sync()
    assert summary.changes["applied"] == LINES
    assert summary.changes["failed"] == 0
    day = world.clock.today()
    world.clock.move(days=1)
    assert [world.units(8001 + number) for number in range(LINES)] == [21 + number for number in range(LINES)]
    assert world.units(8001, day) == (11 if same_day == "fail" else 21)
    assert world.sync().changes["planned"] == 0


@pytest.mark.parametrize(
    ("unit_end", "dates"), [("last_day", "z"), ("next_start", "bare"), ("split_next_start", "eastern")]
)
def test_m4_verification_reads_every_way_of_writing_dates(make: Make, unit_end: str, dates: str) -> None:
    world = make(SandboxSwitches(unit_end=unit_end, dates=dates))
    assert world.sync().changes["applied"] == LINES
    assert world.sync().changes["planned"] == 0
    assert_right(world)


@pytest.mark.parametrize("how", ["hold", "dismiss", "withdraw"])
def test_what_a_person_stops_while_the_run_goes_on_is_not_written(make: Make, how: str) -> None:
    """Approved, and taken back when the first writes are on their way."""
    world = make(mode=Mode.REVIEW)
    world.sync()
    decisions.approve_all(world.ctx, SYSTEM)
    with world.database.session() as session:
        plan = plans.load(session)
    assert plan is not None
    last = plan.changes[-1]
    world.server.faults.add(action="hold", nth=1, **ADJUST)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(sync.apply_now, world.ctx, SYSTEM)
        assert world.server.faults.wait_held(60)
        if how == "dismiss":
            decisions.dismiss(world.ctx, SYSTEM, [last.id], "not now")
        else:
            getattr(decisions, how)(world.ctx, SYSTEM, [last.id])
        world.server.faults.release()
        summary = run.result(60)
    assert summary.changes["applied"] == LINES - 1
    assert last.line is not None
    assert world.units(last.line.id) == 10
    assert len(world.adjustments()) == LINES - 1


def test_a_portal_that_hangs_neither_delays_nor_spoils_the_others(make: Make) -> None:
    world = make()
    world.ctx = replace(world.ctx, pace=Pace(portal_limit=1.5, settle=0.0))
    world.portal("Slow")
    ended = Event()
    world.hangs(ended, "Slow")
    try:
        summary = world.sync()
    finally:
        ended.set()
    assert {portal.name: portal.status for portal in summary.portals} == {"Duo": "ok", "Slow": "failed"}
    assert_right(world)
