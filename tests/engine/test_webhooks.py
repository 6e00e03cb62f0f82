"""An event reaches the contract line at once, by policy, through the running engine (S1-58)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from core.domain.connector import Feed
from core.domain.hook_settings import WebhookSettings
from core.domain.hooks import Delivered
from core.engine import Engine
from core.services import webhook_receiving as receiving
from core.services.autotask_settings import AUTOTASK
from core.store import portals, runs, webhooks, workspace
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
    push: Any = SimpleNamespace(get=lambda slug: SimpleNamespace(feed=Feed.PUSH), all=lambda: ())
    world.ctx = replace(world.ctx, connectors=push)
    portal = world.portal("Sender", connector="webhook")
    world.map({"Acme": company}, {"users": service_id, "backup": other}, "Sender")
    with world.database.write() as session:
        portals.save(session, replace(portal, settings=SETTINGS), world.clock.now())
        webhooks.set_address(session, portal.id, receiving.token_hash("t"), "test", world.clock.now())
        workspace.put(session, {AUTOTASK: {"user_name": "x"}})
    hook = receiving.Hook(portal.id, "Sender", WebhookSettings.model_validate(SETTINGS))
    body = json.dumps({"customers": [{"id": "Acme", "products": [{"sku": "users", "quantity": 12}]}]}).encode()
    headers = {"content-type": "application/json"}
    receiving.keep_all(world.ctx, [receiving.prepare(world.ctx, hook, Delivered("POST", "/", headers, body))])
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
