"""Alive is not ready, and the numbers of /metrics: true, cheap, without names, and known to the alarm rules that are shipped."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, make_url
from starlette.testclient import TestClient

from core import bootstrap
from core.engine import Engine
from core.services import chain_check, portals
from core.services.access import SYSTEM
from core.services.context import Context
from core.services.owners import new_owner
from core.settings import Settings
from core.store import audit, leases, runs
from core.store.audit import Audited
from core.store.runs import NewRun
from core.web import metrics
from core.web.health import Health

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus-rules.yml"
UNITS = ("_seconds", "_bytes", "_total")
LABELS = {"state", "status", "kind", "place", "chain", "portal", "connector", "schema"}


def until(true: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def asking(ctx: Context) -> TestClient:
    from starlette.applications import Starlette

    return TestClient(Starlette(routes=Health(lambda: ctx).routes()))


def reasons(client: TestClient) -> list[str]:
    answer = client.get("/readyz")
    told = answer.json()
    assert (answer.status_code == 200) == (told["status"] == "ready")
    assert all(reason["message"].endswith(".") for reason in told.get("reasons", []))
    return [reason["code"] for reason in told.get("reasons", [])]


def test_ready_only_while_an_engine_works(web: Any) -> None:
    client = asking(web.context)
    assert reasons(client) == ["engine.none"]
    assert client.get("/healthz").status_code == 200
    engine = Engine(web.context, every=0.05)
    engine.start()
    try:
        assert until(lambda: reasons(client) == [])
    finally:
        engine.stop()
    assert until(lambda: reasons(client) == ["engine.none"])


def test_an_engine_that_was_killed_is_not_taken_for_one_that_works(web: Any) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    mine = new_owner().split("|")
    ended.wait(60)
    dead = "|".join([mine[0], str(ended.pid), mine[2], mine[3]])
    web.context.database.run(lambda session: leases.acquire(session, "engine", dead, datetime.now(UTC), 600.0))
    assert reasons(asking(web.context)) == ["engine.none"]


def test_not_ready_with_other_tables_or_where_nothing_can_be_stored(web: Any, tmp_path: Path) -> None:
    ctx = web.context
    ctx.database.run(lambda session: leases.acquire(session, "engine", new_owner(), datetime.now(UTC), 600.0))
    assert reasons(asking(ctx)) == []
    assert reasons(asking(replace(ctx, home=tmp_path / "not mounted"))) == ["storage.disk_read_only"]
    with ctx.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0003'")
    assert reasons(asking(ctx)) == ["database.version"]


def test_a_full_and_a_read_only_disk_are_told_apart_and_by_the_doctor_too(web: Any, tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    web.context.database.run(lambda session: leases.acquire(session, "engine", new_owner(), datetime.now(UTC), 600.0))
    done = subprocess.run(
        [sys.executable, "-m", "tests.web.small_disk", str(tmp_path / "small"), web.context.database.url],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    if not done.stdout:
        pytest.skip("this machine lets nobody have a disk of their own")
    assert json.loads(done.stdout) == [
        [[], ["disk.full"]],
        [["storage.disk_full"], ["disk.full"]],
        [[], ["disk.full"]],
        [["storage.disk_read_only"], ["disk.read_only"]],
    ], "2 MB are little in any case"


@pytest.fixture
def postgres_app(postgres_url: str, tmp_path: Path) -> Iterator[tuple[bootstrap.App, Callable[[], None]]]:
    name = f"health_{os.getpid()}"

    def admin(statement: str) -> None:
        address = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    admin(f"CREATE DATABASE {name}")
    url = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    app = bootstrap.build(Settings(home=tmp_path, database_url=url, secret_key=None))
    yield app, lambda: admin(f"DROP DATABASE {name} WITH (FORCE)")
    app.close()
    admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.mark.postgres
def test_a_database_that_goes_away_is_told_and_the_numbers_that_are_left(
    postgres_app: tuple[bootstrap.App, Callable[[], None]],
) -> None:
    app, remove = postgres_app
    client = asking(app.context)
    assert "contractbridge_database_up 1.0" in client.get("/metrics").text
    remove()
    assert reasons(client) == ["database.away"]
    assert client.get("/healthz").json() == {"status": "ok"}
    told = asking(app.context).get("/metrics")
    assert told.status_code == 200
    assert "contractbridge_database_up 0.0" in told.text
    assert 'contractbridge_disk_free_bytes{place="data"}' in told.text


def test_a_database_that_hangs_keeps_nobody_waiting(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.web import health

    monkeypatch.setattr(health, "LONGEST", 0.2)
    client = asking(web.context)
    connection = web.context.database.engine.connect()
    event.listen(web.context.database.engine, "begin", lambda _: time.sleep(2))
    try:
        assert reasons(client) == ["database.away"]
    finally:
        connection.close()


# ---- metrics


def filled(ctx: Context) -> None:
    """Something of each kind."""
    now = ctx.clock.now()
    portals.create_portal(
        ctx, SYSTEM, "Secret Customer Portal", "sample", settings={"of": "duo"}, secrets={}, schedule={"every": "day"}
    )
    with ctx.database.write() as session:
        runs.enqueue(session, NewRun(kind="sync"), now - timedelta(minutes=20))
        runs.enqueue(session, NewRun(kind="sync"), now - timedelta(minutes=10))
        runs.claim(session, new_owner(), now - timedelta(minutes=5), 600.0)
        runs.finish(session, 1, "failed", now)
        audit.append(session, now, [Audited(actor="jan", event="backup.made")])
    with ctx.database.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO api_meter (integration, \"limit\", used, window_minutes, told_at, since_told, since_asked)"
            " VALUES ('x', 10000, 7000, 60, ?, 11, 11)", (now.strftime("%Y-%m-%d %H:%M:%S.%f"),),
        )  # fmt: skip
    chain_check.check_chains(ctx)


def numbers(text: str) -> dict[str, float]:
    return {
        sample.name + "".join(f",{name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_numbers_are_true_and_named_as_prometheus_wants(web: Any) -> None:
    filled(web.context)
    text = asking(web.context).get("/metrics").text
    found = numbers(text)
    assert found["contractbridge_runs_total,status=failed"] == found["contractbridge_runs_failed"] == 1
    assert found["contractbridge_queue_runs"] == 1
    assert 590 < found["contractbridge_queue_runs_oldest_seconds"] < 900
    assert (found["contractbridge_api_requests_used"], found["contractbridge_api_requests_limit"]) == (7011, 10000)
    assert found["contractbridge_chain_ok,chain=audit"] == 1
    assert found["contractbridge_reading_lines,connector=sample,portal=1"] == 0
    assert found["contractbridge_changes,status=held"] == found["contractbridge_open_intents"] == 0
    assert found["contractbridge_engines"] == 0
    assert found["contractbridge_disk_free_bytes,place=database"] > 0
    assert "Secret" not in text
    for family in text_string_to_metric_families(text):
        assert family.name.startswith("contractbridge_")
        assert family.documentation.endswith(".") or family.documentation.endswith("none.")
        assert {name for sample in family.samples for name in sample.labels} <= LABELS
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)
        for word in ("second", "byte"):
            assert word not in family.name or family.name.endswith(UNITS)


def test_asking_often_reads_the_database_once_and_in_few_statements(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(web.context)
    monkeypatch.setattr(metrics, "FRESH", 3600.0)
    client, said = asking(web.context), []
    event.listen(web.context.database.engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    first = client.get("/metrics").text
    count = len(said)
    assert count < 60, "grouped counts, no statement a row"
    assert client.get("/metrics").text == first
    assert len(said) == count


def test_the_alarm_rules_ask_for_numbers_that_there_are(web: Any) -> None:
    filled(web.context)
    text = asking(web.context).get("/metrics").text
    names = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    names |= set(re.findall(r"^# HELP (\S+)", text, re.MULTILINE))
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 12
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"].endswith(".")
        assert re.fullmatch(r"\d+[smhd]", rule.get("for", "1m"))
        asked = set(re.findall(r"contractbridge_\w+", re.sub(r'"[^"]*"', "", rule["expr"])))
        assert asked or rule["expr"].startswith("up{")
        assert asked <= names, rule["alert"]
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    exposed = set(re.findall(r"^# HELP (contractbridge_\w+)", text, re.MULTILINE))
    listed = set(re.findall(r"`(contractbridge_\w+)", page))
    assert {name.removesuffix("_total") for name in exposed} == {name.removesuffix("_total") for name in listed}


def test_the_chains_are_looked_through_once_a_day(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx, looked = web.context, []
    real = chain_check.check_chains
    monkeypatch.setattr(chain_check, "check_chains", lambda one: looked.append(1) or real(one))
    ctx.database.run(lambda session: audit.append(session, ctx.clock.now(), [Audited(actor="jan", event="x.y")]))
    for _ in range(3):
        chain_check.check_chains_when_due(ctx)
    assert len(looked) == 1
    with ctx.database.engine.begin() as connection:
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql("UPDATE audit SET actor = 'piet'")
    real(ctx)
    assert 'contractbridge_chain_ok{chain="audit"} 0.0' in asking(ctx).get("/metrics").text
