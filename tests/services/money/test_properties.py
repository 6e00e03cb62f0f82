"""Random contracts, readings, faults and kill points. After the run and a second run: units equal the targets, no line was adjusted
twice, nothing held was written, nothing missing became zero.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import RemoteError
from core.domain.policy import Policy
from core.domain.text import T
from core.domain.usage import Reading
from core.services.journal import Journal
from core.store import ledger
from core.store.db import Database
from tests.looking import tries
from tests.services.money.world import BOLD, TODAY, SandboxData, SandboxServer, TestClock, World, reading

Usage = dict[tuple[str, str], int]
PRODUCTS = ("users", "gb")


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it (the real thing is in test_crashes)."""


@dataclass(frozen=True)
class Phase:
    """A day: what the portal says, how well, and what goes wrong in the first of two runs."""

    usage: Usage
    whole: bool
    failed: frozenset[str]
    down: bool
    fault_rate: float
    seed: int
    kill: tuple[str, int, bool] | None


@dataclass(frozen=True)
class Story:
    start: Usage
    limit: int | None
    phases: list[Phase]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    customers = [f"C{number}" for number in range(draw(st.integers(1, 4)))]
    keys = [(customer, product) for customer in customers for product in PRODUCTS]
    start = {key: draw(st.integers(0, 20)) for key in keys}
    phases = []
    for number in range(draw(st.integers(1, 3))):
        present = [key for key in keys if draw(st.integers(0, 9)) < 8]
        certain = number == 0
        phases.append(
            Phase(
                usage={key: draw(st.integers(0, 30)) for key in present},
                whole=certain or draw(st.integers(0, 3)) > 0,
                failed=frozenset() if certain else frozenset(c for c in customers if draw(st.integers(0, 4)) == 0),
                down=not certain and draw(st.integers(0, 5)) == 0,
                fault_rate=draw(st.sampled_from([0.0, 0.1, 0.3])),
                seed=draw(st.integers(0, 999)),
                kill=draw(
                    st.none()
                    | st.tuples(st.sampled_from(["intended", "exchange", "ended"]), st.integers(1, 5), st.booleans())
                ),
            )
        )
    return Story(start, draw(st.sampled_from([None, None, 6])), phases)


@dataclass
class Model:
    """What should be true, by the rules alone."""

    units: Usage
    limit: int | None
    known: Usage = field(default_factory=dict)

    def hear(self, phase: Phase) -> None:
        """M2: what is believed of a reading."""
        if phase.down:
            return
        for key, quantity in phase.usage.items():
            if key[0] not in phase.failed and (phase.whole or quantity > self.known.get(key, -1)):
                self.known[key] = quantity
        for key in self.known:
            if phase.whole and key[0] not in phase.failed and key not in phase.usage:
                self.known[key] = 0

    def apply(self) -> set[tuple[str, str]]:
        """The lines that are to change, now changed."""
        changed = set()
        for key, wanted in self.known.items():
            size = abs(wanted - self.units[key])
            if size and (self.limit is None or size <= self.limit):
                changed.add(key)
                self.units[key] = wanted
        return changed


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[SandboxServer, TestClock]]:
    """One server for all examples: it starts anew with each of them."""
    clock = TestClock()
    with SandboxServer(SandboxData(TODAY), clock=clock.now) as server:
        yield server, clock


@contextmanager
def killed_at(point: tuple[str, int, bool] | None) -> Iterator[None]:
    """End the run right before or after the nth time that a step is written down."""
    if point is None:
        yield
        return
    step, nth, after = point
    inner, count = getattr(Journal, step), 0

    def around(*args: Any) -> Any:
        nonlocal count
        count += 1
        if count == nth and not after:
            raise Killed
        result = inner(*args)
        if count == nth:
            raise Killed
        return result

    setattr(Journal, step, around)
    try:
        yield
    except Killed:
        pass
    finally:
        setattr(Journal, step, inner)


def set_up(stage: tuple[SandboxServer, TestClock], url: str, story: Story) -> tuple[World, dict[tuple[str, str], int]]:
    server, clock = stage
    clock.instant = TestClock().instant
    data = SandboxData(TODAY)
    services = {product: data.service(product) for product in PRODUCTS}
    companies: dict[str, int] = {}
    contracts: dict[str, int] = {}
    lines: dict[tuple[str, str], int] = {}
    for (customer, product), units in story.start.items():
        if customer not in companies:
            companies[customer] = data.company(f"{customer} BV")
            contracts[customer] = data.contract(companies[customer])
        lines[customer, product] = data.line(contracts[customer], services[product], units)
    server.sandbox.reset(data)
    world = World(Database(url), server, clock, Path())
    policy = Policy.model_validate({**BOLD.model_dump(), "max_change": story.limit, "stale_after_days": 30})
    world.portal(policy=policy)
    world.map(companies, services)
    return world, lines


def say(world: World, phase: Phase) -> None:
    def told(now: datetime) -> Reading:
        if phase.down:
            raise RemoteError(T("Down."), retryable=True)
        return reading(
            "Duo", now, phase.usage, complete=phase.whole, failed_customers={c: T("No answer.") for c in phase.failed}
        )

    world.said["Duo"] = told


@given(story=stories())
@tries(20)
def test_m1_m2_m4_m6_whatever_happens_the_units_are_right(
    story: Story, stage: tuple[SandboxServer, TestClock], empty_database: Path, tmp_path: Path
) -> None:
    path = tmp_path / "world.db"
    shutil.copy(empty_database, path)
    for rest in tmp_path.glob("world.db-*"):
        rest.unlink()
    world, lines = set_up(stage, f"sqlite:///{path}", story)
    model = Model(dict(story.start), story.limit)
    try:
        for phase in story.phases:
            world.clock.move(days=1)
            play(world, lines, model, phase)
    finally:
        world.database.dispose()


def play(world: World, lines: dict[tuple[str, str], int], model: Model, phase: Phase) -> None:
    say(world, phase)
    before = Counter(entry.values["contractServiceID"] for entry in world.adjustments())
    world.server.faults.random(phase.fault_rate, phase.seed)
    with killed_at(phase.kill):
        world.sync()
    world.server.faults.clear()
    second = world.sync()
    third = world.sync()

    model.hear(phase)
    changed = model.apply()
    assert {key: world.units(line) for key, line in lines.items()} == model.units
    made = Counter(entry.values["contractServiceID"] for entry in world.adjustments()) - before
    assert made == Counter(lines[key] for key in changed), "each line once, held and missing ones never"
    assert second.status != "failed" or phase.down
    assert third.changes["applied"] == third.changes["failed"] == 0
    with world.database.session() as session:
        assert ledger.open_intents(session) == []
        assert ledger.verify(session).ok
