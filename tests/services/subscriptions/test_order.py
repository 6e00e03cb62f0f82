"""The order of changes when a write fails, and pairs in a run of one portal (M11, S5-16, S5-19 to S5-22): over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from core.domain.policy import When
from core.services import decisions, sync
from core.services.access import SYSTEM
from tests.services.money.world import BOLD, World
from tests.services.subscriptions.seats import says, sent, sub
from tests.services.subscriptions.test_changes import FOLLOW, badge, ids, make, next_day

__all__ = ["make"]
ADJUST = {"entity": "ContractServiceAdjustments", "operation": "create"}
TODAY, DECEMBER = date(2026, 11, 21), date(2026, 12, 1)


@pytest.mark.parametrize("fault", [
    {"action": "errors", "status": 500, "text": "Not now.", "times": 1},
    {"action": "drop", "when": "before", "times": None},
], ids=["refused once", "no answer"])  # fmt: skip
def test_m11_s5_20_s5_21_s5_22_later_changes_of_a_line_wait_for_the_first_and_are_retried_in_order(
    make: Callable[..., World], fault: dict[str, object]
) -> None:
    """Units count from today, the price from December: two writes of one line. The first fails, so the second is not sent."""
    world = make(FOLLOW.model_copy(update={"prices_from": When.NEXT_PERIOD}))
    basic, premium = ids(world)
    says(world, sub("basic", 10, unit_cost="2.00", unit_price="3.00"), sub("premium", 0, "s2"))
    world.sync()
    next_day(world)
    says(world, sub("basic", 14, unit_cost="2.50", unit_price="3.60"), sub("premium", 3, "s2"))
    world.server.faults.add(contains=f'"contractServiceID":{basic}', **ADJUST, **fault)
    summary = world.sync()
    assert world.server.faults.fired
    assert sent(world, basic) == [], "the second would have been taken, had it been sent"
    assert sent(world, premium) == [(TODAY, 3, None)], "the other line goes on"
    assert (summary.changes["applied"], summary.changes["failed"]) == (1, 2)
    assert (badge(world), badge(world, "s2")) == ("out_of_sync", "in_sync")
    world.server.faults.clear()
    again = world.sync()
    if fault["action"] == "errors":
        assert again.changes["held"] == 2, "what Autotask refused is for a person"
        decisions.approve_all(world.ctx, SYSTEM)
        sync.apply_now(world.ctx, SYSTEM)
    assert sent(world, basic) == [(TODAY, 4, None), (DECEMBER, 0, Decimal("3.6"))], "in the order of their dates"
    assert badge(world) == "in_sync"
    assert world.sync().changes["planned"] == 0


@pytest.mark.parametrize("only", ["Duo", "Pax8"])
def test_s5_19_a_run_of_one_portal_writes_both_halves_of_a_move(make: Callable[..., World], only: str) -> None:
    world = make(BOLD)
    basic, premium = ids(world)
    world.portal("Pax8", policy=BOLD)
    world.map({"Acme": 1001}, {"basic8": 302}, name="Pax8")
    stays = sub("other", 1, "x", customer="Umbrella")
    says(world, sub("basic", 10, "duo-1", vendor_subscription="V-77"))
    says(world, stays, name="Pax8")
    world.sync()
    next_day(world)
    says(world, stays, sub("basic8", 10, "p8-1", vendor_subscription="v-77"), name="Pax8")
    says(world)
    world.sync(apply=False)
    assert (world.units(basic), world.units(premium)) == (10, 0)
    assert world.sync(only).changes["applied"] == 2
    assert (world.units(basic), world.units(premium)) == (0, 10)


@pytest.mark.parametrize("half", [0, 1], ids=["the one that goes down", "the one that goes up"])
def test_s5_16_when_the_first_half_of_a_pair_fails_the_other_is_not_sent(make: Callable[..., World], half: int) -> None:
    """Both or none: the next run brings both, or asks for both."""
    world = make()
    lines = ids(world)
    world.sync()
    next_day(world)
    says(world, sub("premium", 10))
    world.server.faults.add(
        action="drop", when="before", times=None, contains=f'"contractServiceID":{lines[half]}', **ADJUST
    )
    world.sync()
    assert world.units(lines[half]) == (10, 0)[half]
    if half == 0:
        assert world.units(lines[1]) == 0, "the other half waits"
    world.server.faults.clear()
    world.sync()
    assert (world.units(lines[0]), world.units(lines[1])) == (0, 10)
    assert world.sync().changes["planned"] == 0
