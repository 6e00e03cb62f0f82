"""Webhook deliveries on both engines: kept in order, once, and worked on exactly once."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors._kit.registry import Registry
from core.domain.hook_settings import WebhookSettings
from core.domain.hooks import Delivered
from core.secrets import SecretBox
from core.services import portals as portal_service
from core.services import webhook_processing, webhooks
from core.services import webhook_receiving as receiving
from core.services.access import SYSTEM
from core.services.context import Context
from core.store import history
from core.store import webhooks as store
from core.store.db import Database
from tests.store.conftest import NOW

numbers = itertools.count(1)


@dataclass
class Clock:
    instant: datetime = NOW

    def now(self) -> datetime:
        return self.instant

    def today(self) -> date:
        return self.instant.date()


@pytest.fixture
def ctx(database: Database, tmp_path: Path) -> Iterator[Context]:
    nothing: Any = None
    context = Context(database, Clock(), SecretBox([b"k" * 32]), nothing, nothing, Registry(), tmp_path)
    settings = {"verification": {"scheme": "url_only"}}
    portal_service.create_portal(context, SYSTEM, "P", "webhook", settings=settings, secrets={})
    webhooks.make_address(context, SYSTEM, "P")
    yield context


def prepared(ctx: Context, quantity: object, message: str = "", **more: Any) -> receiving.Prepared:
    hook = receiving.Hook(1, "P", WebhookSettings.model_validate({"verification": {"scheme": "url_only"}}))
    data = {"customers": [{"id": "C", "products": [{"sku": "A", "quantity": quantity}]}], **more.pop("data", {})}
    headers = {"content-type": "application/json", "webhook-id": message or f"m{next(numbers)}"}
    body = json.dumps({"data": data, **more}).encode()
    return receiving.prepare(ctx, hook, Delivered("POST", "/", headers, body))


def snapshot(ctx: Context, quantity: int, at: datetime) -> receiving.Prepared:
    return prepared(ctx, quantity, type="license.snapshot", timestamp=at.isoformat(), data={"complete": True})


def quantity(ctx: Context) -> list[int]:
    with ctx.database.session() as session:
        return [int(one.quantity) for one in history.as_of(session, ctx.clock.now())]


def test_deliveries_of_one_write_are_kept_in_order_and_once(ctx: Context) -> None:
    several = [prepared(ctx, number, f"m{number % 5}") for number in (0, 1, 2, 3, 4, 5, 1)]
    answers = receiving.keep_all(ctx, several)
    assert [answer.code for answer in answers] == [202, 202, 202, 202, 202, 409, 200]
    assert answers[6].status == "received before"
    again = receiving.keep_all(ctx, [prepared(ctx, 1, "m1"), prepared(ctx, 9, "m1")])
    assert [(answer.code, answer.delivery) for answer in again] == [(200, answers[1].delivery), (409, 0)]
    with ctx.database.session() as session:
        assert [row.named for row in store.waiting(session, 100)] == ["m0", "m1", "m2", "m3", "m4"]
    assert webhook_processing.process_waiting(ctx) == 5
    assert quantity(ctx) == [4]


def test_a_snapshot_older_than_one_of_the_same_write_is_superseded(ctx: Context) -> None:
    hour = timedelta(hours=1)
    several = [snapshot(ctx, 2, NOW - hour), snapshot(ctx, 1, NOW - 2 * hour), snapshot(ctx, 3, NOW - hour / 2)]
    assert [answer.status for answer in receiving.keep_all(ctx, several)] == ["accepted", "superseded", "accepted"]
    webhook_processing.process_waiting(ctx)
    assert quantity(ctx) == [3]


def test_a_sender_whose_clock_runs_ahead_does_not_outdo_the_next_event(ctx: Context) -> None:
    receiving.keep_all(ctx, [snapshot(ctx, 1, NOW + timedelta(days=900))])
    ctx.clock.instant = NOW + timedelta(seconds=1)  # type: ignore[attr-defined]
    assert receiving.keep_all(ctx, [snapshot(ctx, 2, NOW + timedelta(days=900))])[0].code == 202
    webhook_processing.process_waiting(ctx)
    assert quantity(ctx) == [2]


def test_two_that_work_at_the_same_time_settle_each_delivery_once(ctx: Context) -> None:
    receiving.keep_all(ctx, [prepared(ctx, number) for number in range(30)])
    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(lambda _: webhook_processing.process_waiting(ctx), range(3)))
    assert sum(counts) == 30 or webhook_processing.process_waiting(ctx) + sum(counts) == 30
    with ctx.database.session() as session:
        rows = store.last(session, 1, 100)
        readings = history.latest_readings(session)
    assert {row.state for row in rows} == {"applied"}
    assert readings[1].lines == 1
    assert quantity(ctx) == [29]


def test_a_burst_becomes_one_reading_and_gives_what_one_by_one_gives(ctx: Context) -> None:
    receiving.keep_all(ctx, [*(prepared(ctx, number) for number in range(20)), prepared(ctx, "x"), prepared(ctx, 7)])
    assert webhook_processing.process_waiting(ctx) == 22
    with ctx.database.session() as session:
        rows = store.last(session, 1, 100)
        line = history.known_lines(session, [1])[1][0]
    assert [row.state for row in rows[:2]] == ["applied", "failed"]
    assert len({row.reading_id for row in rows if row.state == "applied"}) == 1
    assert (int(line.usage.quantity), line.usage.origin.source) == (7, f"webhook {rows[0].id}")
    assert rows[1].reading_id is None


def test_events_of_earlier_times_do_not_overrule_later_ones_in_a_burst(ctx: Context) -> None:
    at = [NOW - timedelta(seconds=shift) for shift in (50, 40, 45, 30)]
    receiving.keep_all(ctx, [prepared(ctx, number, timestamp=when.isoformat()) for number, when in enumerate(at)])
    webhook_processing.process_waiting(ctx)
    assert quantity(ctx) == [3]
    late = [NOW - timedelta(seconds=shift) for shift in (48, 35)]
    receiving.keep_all(
        ctx, [prepared(ctx, 90 + number, timestamp=when.isoformat()) for number, when in enumerate(late)]
    )
    webhook_processing.process_waiting(ctx)
    assert quantity(ctx) == [3]


def test_a_key_may_be_used_again_after_a_week_and_bodies_go_after_a_month(ctx: Context) -> None:
    receiving.keep_all(ctx, [prepared(ctx, 1, "m")])
    webhook_processing.process_waiting(ctx)
    ctx.clock.instant = NOW + timedelta(days=7, seconds=1)  # type: ignore[attr-defined]
    assert receiving.keep_all(ctx, [prepared(ctx, 2, "m")])[0].code == 202
    webhook_processing.process_waiting(ctx)
    assert quantity(ctx) == [2]
    ctx.clock.instant = NOW + timedelta(days=31)  # type: ignore[attr-defined]
    webhook_processing.tidy(ctx)
    assert [row.has_body for row in webhooks.deliveries(ctx, SYSTEM, "P")] == [True, False]


def test_text_that_no_database_takes_is_replaced(ctx: Context) -> None:
    odd = "license\x00\ud800"
    data = {
        "customers": [{"id": "C\x00", "products": [{"sku": "A\ud800", "quantity": 1}, {"sku": "B", "quantity": odd}]}]
    }
    answers = receiving.keep_all(ctx, [prepared(ctx, 1, type=odd), prepared(ctx, 1, data=data)])
    assert [answer.status for answer in answers] == ["accepted, nothing to do", "accepted"]
    webhook_processing.process_waiting(ctx)
    rows = webhooks.deliveries(ctx, SYSTEM, "P")
    assert ([row.state for row in rows], len(rows[0].problems)) == (["partly", "ignored"], 1)


def test_bodies_move_to_a_new_key(ctx: Context) -> None:
    receiving.keep_all(ctx, [prepared(ctx, number) for number in range(3)])
    box = SecretBox([b"n" * 32, b"k" * 32])
    assert ctx.database.run(lambda session: store.reseal(session, box)) == 3
    assert ctx.database.run(lambda session: store.reseal(session, box)) == 0
    with ctx.database.session() as session:
        one = store.waiting(session, 1)[0]
    assert b'"quantity": 0' in (store.open_body(SecretBox([b"n" * 32]), one) or b"")
