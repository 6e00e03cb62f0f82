"""What is booked for a later day is seen although today's units are right (M10, Autotask reference §7.2)."""

from __future__ import annotations

from datetime import date

import pytest

from tests.services.money.world import SandboxData, World

NEXT_MONTH = date(2026, 12, 1)


@pytest.fixture
def acme(data: SandboxData) -> tuple[int, int, int]:
    """A company, a service, and the line of it."""
    company, service = data.company("Acme BV"), data.service("MFA per user")
    return company, service, data.line(data.contract(company), service, 10)


@pytest.fixture
def line(acme: tuple[int, int, int], world: World) -> int:
    company, service, number = acme
    world.portal("Duo")
    world.map({"Acme": company}, {"users": service})
    return number


def test_m10_a_booking_ahead_by_somebody_else_is_held_and_shown(line: int, world: World) -> None:
    world.server.sandbox.adjust(line, 8, NEXT_MONTH)
    world.says({("Acme", "users"): 10})
    summary = world.sync()
    assert summary.changes["held"] == 1
    assert summary.findings["drift"] == 1
    assert world.units(line, NEXT_MONTH) == 18
    assert world.adjustments() == []


def test_m10_a_booking_made_after_the_first_look_is_seen_within_a_day(line: int, world: World) -> None:
    world.says({("Acme", "users"): 10})
    world.sync()
    world.server.sandbox.adjust(line, 8, NEXT_MONTH)
    world.clock.move(hours=1)
    assert world.sync().changes["planned"] == 0
    world.clock.move(hours=24)
    world.says({("Acme", "users"): 10})
    assert world.sync().changes["held"] == 1


def test_m16_units_ahead_are_read_once_a_day(line: int, world: World) -> None:
    world.says({("Acme", "users"): 12})
    world.sync()
    world.server.sandbox.clear_requests()
    world.clock.move(hours=1)
    again = world.sync()
    assert again.changes["planned"] == 0
    bodies = [one for one in world.server.requests() if one.entity == "ContractServiceUnits"]
    assert len(bodies) <= 2
    assert world.units(line) == 12
