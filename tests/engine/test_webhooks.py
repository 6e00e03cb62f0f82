"""An event reaches the contract line at once, by policy, through the running engine (S1-58)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from core.domain.connector import Feed
from core.domain.hook_settings import WebhookSettings
from core.domain.hooks import Delivered
from core.engine import Engine
from core.services import webhook_receiving as receiving
from core.services.autotask_settings import AUTOTASK
from core.services.webhook_processing import process_waiting, queue_syncs
from core.store import portals, runs, webhooks, workspace
from core.store.tables import table
from core.store.tables.history import UsageIntervalRow
from tests.services.money.world import SandboxData, World
from tests.waiting import until

SETTINGS = {"verification": {"scheme": "url_only"}, "settle_seconds": 0}


def test_s1_58_an_event_is_on_the_contract_line_moments_later(
    data: SandboxData, make_world: Callable[..., World]
) -> None:
    company, service_id, other = data.company("Acme BV"), data.service("MFA per user"), data.service("Back-up")
    contract = data.contract(company)
    line, untouched = data.line(contract, service_id, 10), data.line(contract, other, 4)
    world = make_world(data)
    hook = _sender(world)
    world.map({"Acme": company}, {"users": service_id, "backup": other}, "Sender")
    with world.database.write() as session:
        workspace.put(session, {AUTOTASK: {"user_name": "x"}})
    _deliver(world, hook, 12)
    engine = Engine(world.ctx, every=0.05)
    engine.start()
    try:
        assert until(lambda: world.units(line) == 12)
        assert until(lambda: _ended(world))
    finally:
        engine.stop()
    assert world.units(untouched) == 4
    with world.database.session() as session:
        last = runs.last_finished(session)
    assert last is not None
    assert (last.portals, last.started_by, last.status) == (("Sender",), "webhook", "done")


def _ended(world: World) -> bool:
    with world.database.session() as session:
        return runs.last_finished(session) is not None


def _sender(world: World) -> receiving.Hook:
    """A portal that is told by webhook."""
    push: Any = SimpleNamespace(get=lambda slug: SimpleNamespace(feed=Feed.PUSH), all=lambda: ())
    world.ctx = replace(world.ctx, connectors=push)
    portal = world.portal("Sender", connector="webhook")
    with world.database.write() as session:
        portals.save(session, replace(portal, settings=SETTINGS), world.clock.now())
        webhooks.set_address(session, portal.id, receiving.token_hash("t"), "test", world.clock.now())
    return receiving.Hook(portal.id, "Sender", WebhookSettings.model_validate(SETTINGS))


def _deliver(world: World, hook: receiving.Hook, quantity: int) -> None:
    body = json.dumps({"customers": [{"id": "Acme", "products": [{"sku": "users", "quantity": quantity}]}]}).encode()
    delivered = Delivered("POST", "/", {"content-type": "application/json"}, body)
    receiving.keep_all(world.ctx, [receiving.prepare(world.ctx, hook, delivered)])


@pytest.mark.postgres
def test_s1_58_events_of_a_portal_are_worked_on_in_order_once_whatever_number_of_processes_does_so(
    data: SandboxData, make_world: Callable[..., World], postgres_database: str
) -> None:
    """One process leads; one that stood still may think so for a moment longer."""
    world = make_world(data, url=postgres_database)
    hook = _sender(world)
    quantities = [*range(1, 25)]
    for quantity in quantities:
        _deliver(world, hook, quantity)
        world.clock.move(minutes=2)
    done: list[int] = []
    threads = [
        threading.Thread(target=lambda: done.append(process_waiting(world.ctx, seconds=120.0))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    assert sum(done) == len(quantities)
    with world.database.session() as session:
        kept = table(UsageIntervalRow)
        rows = session.execute(kept.select().order_by(kept.c.valid_from)).all()
    assert [int(row.quantity) for row in rows] == quantities
    with world.database.write() as session:
        workspace.put(session, {AUTOTASK: {"user_name": "x"}})
    assert sum(len(queued) for queued in _at_once(world)) == 1, "one sync follows"


def _at_once(world: World) -> list[list[int]]:
    found: list[list[int]] = []
    threads = [threading.Thread(target=lambda: found.append(queue_syncs(world.ctx))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found
