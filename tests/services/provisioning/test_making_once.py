"""Contracts are made exactly once, whatever happens to answers and processes (M4)."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Any

import pytest

from core.store import ledger
from tests.services.money.world import SandboxData, World
from tests.services.nursery import Nursery
from tests.services.provisioning.shop import Shop, open_shop, subscription
from tests.waiting import until

SCENE = "tests.services.provisioning.scene"
CONTRACT: dict[str, Any] = {"entity": "Contracts", "operation": "create"}
SERVICE: dict[str, Any] = {"entity": "Services", "operation": "create"}
FIELD: dict[str, Any] = {"entity": "UserDefinedFieldDefinitions", "operation": "create"}
PATCH: dict[str, Any] = {"entity": "Contracts", "operation": "update"}


@pytest.fixture
def shop(data: SandboxData, world: World) -> Shop:
    shop = open_shop(world, acme=1001)
    shop.sells(subscription("sub-1"), subscription("sub-2", quantity=3))
    return shop


@pytest.fixture(autouse=True)
def _company(data: SandboxData) -> None:
    assert data.company("Acme BV") == 1001


def assert_made_once(shop: Shop) -> None:
    """One field, one service, one contract a subscription, with their units; and nothing is left to do."""
    shop.world.sync()
    fields = [one["name"] for one in shop.world.server.sandbox.records("UserDefinedFieldDefinitions")]
    assert fields.count("Subscription ID") == 1
    assert len(shop.made("Services")) == 1
    ids = sorted(one["_udf"]["Subscription ID"] for one in shop.contracts())
    assert ids == ["sub-1", "sub-2"]
    units = {
        one["_udf"]["Subscription ID"]: [shop.world.units(line["id"]) for line in shop.lines_of(one["id"])]
        for one in shop.contracts()
    }
    assert units == {"sub-1": [5], "sub-2": [3]}
    assert shop.world.sync().changes["planned"] == 0
    with shop.world.database.session() as session:
        assert ledger.open_intents(session) == []
        assert ledger.verify(session).ok


@pytest.mark.parametrize(
    "lost",
    [
        [(CONTRACT, "after", "drop", 1), (CONTRACT, "after", "malformed", 2)],
        [(CONTRACT, "before", "ignore_write", 1), (SERVICE, "before", "status", 1)],
        [(SERVICE, "after", "drop", 1), (FIELD, "after", "status", 1)],
    ],
    ids=["both contracts", "contract and service", "service and field"],
)
def test_m4_an_answer_that_never_came_makes_no_second_one(
    shop: Shop, lost: list[tuple[dict[str, Any], str, str, int]]
) -> None:
    for which, when, action, nth in lost:
        shop.world.server.faults.add(action=action, when=when, nth=nth, **which)
    shop.world.sync()
    assert_made_once(shop)
    assert len(shop.world.server.faults.fired) == len(lost)


def test_m4_what_is_made_after_the_connection_broke_is_made_once(shop: Shop) -> None:
    shop.world.ctx = replace(shop.world.ctx, pace=replace(shop.world.ctx.pace, settle=0.2))
    for which in (CONTRACT, SERVICE):
        shop.world.server.faults.add(action="late", seconds=0.7, **which)
    shop.world.sync()
    assert until(lambda: shop.world.server.faults.landed == 2)
    assert_made_once(shop)


def test_m4_an_extension_whose_answer_was_lost_is_read_back(shop: Shop) -> None:
    from datetime import date

    shop.world.sync()
    shop.sells(subscription("sub-1", period_end=date(2028, 6, 14)), subscription("sub-2", quantity=3))
    shop.world.server.faults.add(action="drop", when="after", **PATCH)
    summary = shop.world.sync()
    assert (summary.changes["applied"], summary.changes["failed"]) == (1, 0)
    assert_made_once(shop)


def test_a_refused_contract_is_told_and_the_others_go_on(shop: Shop) -> None:
    text = "Contract creation is not allowed for this company."
    shop.world.server.faults.add(action="errors", text=text, contains="sub-1", **CONTRACT)
    summary = shop.world.sync()
    assert summary.changes["failed"] == 1
    assert [one["_udf"]["Subscription ID"] for one in shop.contracts()] == ["sub-2"]
    assert any(text in str(one.message) for one in shop.findings())
    assert_made_once(shop)


def test_without_the_field_no_contract_is_made(shop: Shop) -> None:
    shop.world.server.faults.add(action="errors", text="The maximum number has been reached.", times=None, **FIELD)
    shop.world.sync()
    assert shop.contracts() == []
    assert any("Subscription ID" in str(one.message) for one in shop.findings())
    shop.world.server.faults.clear()
    assert_made_once(shop)


STEPS = [
    ("intended", 1, "after"), ("exchange", 1, "after"), ("exchange", 5, "before"), ("ended", 2, "before"), ("ended", 3, "after"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "nth", "when"), STEPS, ids=str)
def test_m4_killed_around_a_step_of_the_ledger(shop: Shop, nursery: Nursery, step: str, nth: int, when: str) -> None:
    assert nursery.wait(nursery.start(SCENE, shop.world, die=[step, nth, when])) in (-signal.SIGKILL, 0)
    assert_made_once(shop)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("which", "nth"),
    [(SERVICE, 1), (CONTRACT, 2)],
    ids=["service", "contract"],
)
def test_m4_killed_while_a_request_is_on_its_way(
    shop: Shop, nursery: Nursery, which: dict[str, Any], nth: int, when: str
) -> None:
    shop.world.server.faults.add(action="hold", when=when, nth=nth, **which)
    process = nursery.start(SCENE, shop.world)
    assert shop.world.server.faults.wait_held(60)
    nursery.kill(process)
    shop.world.server.faults.clear()
    assert_made_once(shop)
