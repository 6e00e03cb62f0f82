"""What the doctor says of situations that are seldom: each is made here, and is told in both languages with what to do."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import count

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors._kit.observed import observing, stage_of
from connectors.autotask.sandbox import SandboxData, SandboxServer
from core.domain.contract import LineKind, LineRef
from core.domain.policy import Policy
from core.domain.text import T
from core.domain.usage import Reading, UsageLine
from core.i18n import translate
from core.services import doctor, portals
from core.services.autotask_settings import save_autotask
from core.services.context import Context, Lookout
from core.services.examining import database, outside, working
from core.services.examining.check import Check
from core.services.owners import new_owner
from core.store import alert_outbox, history, ledger, runs, trouble
from core.store.alert_outbox import StoredChannel
from core.store.db import Database
from core.store.history.readings import record_failure
from core.store.ledger import Event, Fact
from core.store.runs import NewRun
from tests import postgres_cluster
from tests.connectors.fakes import serving

from .conftest import ADMIN, NOW, OPERATOR, StandingClock

NUMBERS = count(1)
DUO = {"integration_key": "DI" + "X" * 18}


@pytest.fixture
def looking(ctx: Context) -> Context:
    return replace(ctx, lookout=Lookout(observing, stage_of))


def found(checks: Iterator[Check] | list[Check], code: str, state: str = "wrong") -> Check:
    """The finding of this code, which is told in both languages, and with a remedy where something is wrong."""
    there = {check.code: check for check in checks}
    assert code in there, there
    check = there[code]
    assert check.state == state
    for text in (check.message, check.remedy):
        assert text is not None or state == "ok"
        if text is not None:
            in_english, in_dutch = (translate(text, language) for language in ("en", "nl"))
            assert in_english != in_dutch
            assert not {"{", "}"} & set(in_english + in_dutch)
    return check


# ---- PostgreSQL


@contextmanager
def on_postgres(looking: Context, url: str) -> Iterator[Context]:
    opened = Database(url, pool_size=1)
    try:
        yield replace(looking, database=opened)
    finally:
        opened.dispose()


@contextmanager
def made_with(server: str, how: str) -> Iterator[str]:
    """An empty database, made in another way than ours are."""
    name = f"odd_{os.getpid()}_{next(NUMBERS)}"
    with postgres_cluster._administering(server) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 {how}")  # type: ignore[arg-type]
    try:
        yield postgres_cluster.named(server, name)
    finally:
        postgres_cluster.drop(server, name)


@pytest.mark.postgres
def test_a_database_in_another_encoding(looking: Context, postgres_url: str) -> None:
    with made_with(postgres_url, "ENCODING 'LATIN1' LOCALE 'C'") as url, on_postgres(looking, url) as there:
        assert "LATIN1" in str(found(database.look(there), "postgres.encoding").message)


@pytest.mark.postgres
def test_a_database_that_was_made_with_other_sorting_rules_than_the_server_has_now(
    looking: Context, postgres_url: str
) -> None:
    with on_postgres(looking, postgres_url) as there, there.database.session() as session:
        version = session.connection().dialect.server_version_info
    if version is None or version < (15,):
        pytest.skip("this PostgreSQL does not tell")
    how = "LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C.UTF-8' ENCODING 'UTF8' COLLATION_VERSION '1.0'"
    with made_with(postgres_url, how) as url, on_postgres(looking, url) as there:
        assert "1.0 →" in str(found(database.look(there), "postgres.collation", "todo").message)


@pytest.mark.postgres
def test_a_connection_in_another_time_zone(looking: Context, postgres_url: str) -> None:
    """Who sets options of his own takes ours away."""
    with on_postgres(looking, f"{postgres_url}&options=-c%20timezone%3DEurope/Amsterdam") as there:
        assert "Europe/Amsterdam" in str(found(database.look(there), "postgres.time_zone").message)


@pytest.mark.postgres
def test_a_server_that_is_too_old_or_has_no_room(
    looking: Context, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one server here: what is asked of it is raised, and it says itself that its disk is full."""
    monkeypatch.setattr(database, "OLDEST_POSTGRES", 10**9)
    full = "DO $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$"
    monkeypatch.setattr(trouble, "SPILL", (full,))
    with on_postgres(looking, postgres_url) as there:
        told = list(database.look(there))
    assert "is too old" in str(found(told, "postgres.version").message)
    found(told, "postgres.disk_full")


# ---- portals and Autotask


def answering(status: int, wait: threading.Event | None = None) -> Starlette:
    def answer(_: Request) -> JSONResponse:
        if wait is not None:
            wait.wait(120)
        return JSONResponse({"stat": "FAIL", "code": status * 100, "message": "no"}, status_code=status)

    return Starlette(routes=[Route("/{rest:path}", answer, methods=["GET", "POST"])])


def duo(ctx: Context, url: str, name: str) -> None:
    settings = {**DUO, "base_url": url}
    portals.create_portal(ctx, OPERATOR, name, "duo", settings=settings, secrets={"secret_key": "k" * 40})


def of_portal(checks: list[Check], name: str) -> list[Check]:
    return [check for check in checks if check.name == "Portals" and str(check.message).startswith(f"{name}:")]


def test_a_portal_that_refuses_because_of_a_limit_and_one_that_fails(looking: Context) -> None:
    with serving(answering(429)) as busy, serving(answering(500)) as broken:
        duo(looking, busy.url, "Busy")
        duo(looking, broken.url, "Broken")
        told = list(outside.look(looking))
    found(of_portal(told, "Busy"), "portal.busy", "todo")
    assert [check.code for check in of_portal(told, "Broken")] == ["portal.fails"]


def test_a_portal_that_does_not_answer_is_left_behind(looking: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "PORTAL_SECONDS", 1.0)
    released = threading.Event()
    with serving(answering(200, released)) as silent:
        duo(looking, silent.url, "Late")
        try:
            told = list(outside.look(looking))
        finally:
            released.set()
    assert "within 1 seconds" in str(found(of_portal(told, "Late"), "portal.late").message)


def test_a_portal_in_each_of_its_states(looking: Context, clock: StandingClock) -> None:
    portals.create_portal(looking, OPERATOR, "P", "sample", settings={"of": "duo"}, secrets={})
    portals.set_policy(looking, OPERATOR, "P", Policy(stale_after_days=2))

    def state() -> tuple[str, str]:
        (check,) = of_portal(list(outside.look(looking)), "P")
        return check.code, check.state

    assert state() == ("portal.never_read", "todo")
    reading = Reading(portal="P", taken_at=NOW, lines=())
    looking.database.run(lambda session: history.record_reading(session, 1, reading))
    assert state() == ("portal.ok", "ok")
    clock.forward(days=4)
    assert state() == ("portal.stale", "wrong")
    looking.database.run(lambda session: record_failure(session, 1, clock.now(), T("Broken.")))
    assert state() == ("portal.failing", "wrong")
    looking.database.run(lambda session: runs.enqueue(session, NewRun(kind="sync"), clock.now()))
    looking.database.run(lambda session: runs.claim(session, new_owner(), clock.now(), 3600.0))
    assert state() == ("portal.reading", "ok")
    portals.pause_portal(looking, OPERATOR, "P", True)
    assert state() == ("portal.paused", "ok")
    looking.database.run(lambda session: runs.finish(session, 1, "done", clock.now()))


def test_autotask_at_its_limit_and_with_a_fault(looking: Context) -> None:
    with SandboxServer(SandboxData(NOW.date())) as server:
        known = server.credentials
        save_autotask(
            looking, ADMIN, user_name=known.user_name, secret=known.secret, integration_code=known.integration_code,
            base_url=server.base_url,
        )  # fmt: skip
        server.switches.usage_latency_scale = 0
        server.switches.hourly_limit = 1
        found(outside.look(looking), "autotask.busy", "todo")


# ---- work


def test_writes_of_which_nobody_knows_whether_they_happened(looking: Context, clock: StandingClock) -> None:
    fact = Fact(
        event=Event.INTENDED, run_id=1, change_id="c1", line=LineRef(LineKind.SERVICE, 7),
        effective_date=date(2026, 11, 20), payload={"units": 3},
    )  # fmt: skip
    looking.database.run(lambda session: ledger.append(session, NOW, [fact]))
    clock.forward(minutes=50)
    assert "writes.open" not in {check.code for check in working.look(looking)}
    clock.forward(minutes=20)
    assert found(working.look(looking), "writes.open").message.values["count"] == 1
    settled = replace(fact, event=Event.SETTLED, payload={"applied": True, "units": 3})
    looking.database.run(lambda session: ledger.append(session, clock.now(), [settled]))
    assert "writes.open" not in {check.code for check in working.look(looking)}


def test_alerts_that_nobody_gets(looking: Context, clock: StandingClock) -> None:
    ctx = looking
    mail = StoredChannel(
        name="Mail", kind="smtp", settings={"host": "mail.example.com"}, recipients=("ops@msp.example",)
    )
    channel = ctx.database.run(lambda session: alert_outbox.save_channel(session, mail, NOW))
    ctx.database.run(lambda session: alert_outbox.put(session, channel, "k", "alerts", NOW, NOW))
    clock.forward(hours=2)
    found(working.look(ctx), "alerts.undelivered")
    ctx.database.run(lambda session: alert_outbox.end(session, 1, "failed", clock.now(), error=T("No.")))
    told = list(working.look(ctx))
    found(told, "alerts.given_up")
    assert "alerts.undelivered" not in {check.code for check in told}
    clock.forward(days=2)
    assert "alerts.given_up" not in {check.code for check in working.look(ctx)}


def test_a_ledger_that_somebody_changed(looking: Context) -> None:
    fact = Fact(event=Event.SEEN, line=LineRef(LineKind.SERVICE, 7), effective_date=NOW.date(), payload={"units": 3})
    looking.database.run(lambda session: ledger.append(session, NOW, [fact, fact]))
    with looking.database.engine.begin() as connection:
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql("UPDATE ledger SET payload = '{\"units\":4}' WHERE id = 2")
    assert "2" in str(found(database.look_at_chains(looking), "chain.ledger_broken").message)


def test_what_waits_for_a_person(looking: Context) -> None:
    portals.create_portal(looking, OPERATOR, "P", "sample", settings={"of": "duo"}, secrets={})
    line = UsageLine(customer_id="c", customer="Acme", product_key="p", product="P", quantity=Decimal(1))
    reading = Reading(portal="P", taken_at=NOW, lines=(line,))
    looking.database.run(lambda session: history.record_reading(session, 1, reading))
    check = next(one for one in doctor._mappings(looking) if one.code == "work.waiting")
    assert (check.name, check.state) == ("Work for a person", "todo")
    assert translate(check.message, "nl") != translate(check.message, "en")
