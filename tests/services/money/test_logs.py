"""What is logged while a run goes on carries the run's number, in all its threads, as one JSON document a line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import logs
from core.cli import app
from tests.services.money.world import SandboxData, World


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """The log as in production, written where a test can read it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logs.configure("json", logging.DEBUG)
    out = io.StringIO()
    for handler in root.handlers:
        handler.setStream(out)  # type: ignore[attr-defined]
    yield out
    root.handlers, root.level = handlers, level


def test_every_line_of_a_run_carries_its_number_also_in_threads(
    make_world: Callable[..., World], data: SandboxData, logged: io.StringIO
) -> None:
    service = data.service("MFA per user")
    names = {f"C{number}": data.company(f"C{number} BV") for number in range(3)}
    for company in names.values():
        data.line(data.contract(company), service, 10)
    world = make_world(data)
    world.portal()
    world.map(names, {"users": service})
    world.says({(name, "users"): 12 + place for place, name in enumerate(names)})
    logged.truncate(0)
    logged.seek(0)
    first, second = world.sync(), world.sync()
    assert first.changes["applied"] == 3
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    began = [place for place, line in enumerate(lines) if line["event"] == "run.started"]
    ended = [place for place, line in enumerate(lines) if line["event"] == "run.ended"]
    assert [lines[place]["run_id"] for place in began] == [first.run_id, second.run_id]
    for start, end, run in zip(began, ended, (first, second), strict=True):
        inside = lines[start : end + 1]
        assert {line.get("run_id") for line in inside} == {run.run_id}, [one for one in inside if "run_id" not in one]
        assert sum(line["event"] == "http.answered" for line in inside) > 5, "requests are made in threads"
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)


def test_the_file_of_errors_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONTRACTBRIDGE_HOME", str(tmp_path))
    monkeypatch.setattr(app, "LARGEST_ERRORS", 200)
    places = {app._keep(f"{number:08x}", ValueError("x" * 90)) for number in range(9)}
    assert len(places) == 1
    folder = sorted(one.name for one in tmp_path.iterdir())
    assert folder == ["errors.log", "errors.old.log"]
