"""The engine in a process of its own: it works, comes back when it dies, and never outlives the process it belongs to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.bootstrap import build
from core.engine.beside import Beside
from core.settings import Settings
from core.store import vitals
from core.store.db import Database
from tests.waiting import until

LONGEST = 90.0
PARENT = """
import time
from core.engine.beside import Beside
beside = Beside()
beside.start()
time.sleep(600)
"""


def is_gone(process: int) -> bool:
    """Nobody may wait for a grandchild: one that has ended counts as gone although its entry is still there."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONTRACTBRIDGE_HOME", str(tmp_path))
    build(Settings(home=tmp_path)).close()
    return tmp_path


def owners(home: Path) -> set[str]:
    """The processes whose engines work on this database."""
    database = Database(Settings(home=home).database)
    try:
        with database.session() as session:
            return {owner.split("|")[1] for owner in vitals.engines(session, datetime.now(UTC))}
    finally:
        database.dispose()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_it_works_comes_back_when_it_is_killed_and_ends_when_told(home: Path) -> None:
    beside = Beside(again_after=0.1)
    beside.start()
    try:
        assert until(lambda: str(beside.process) in owners(home), LONGEST)
        first = beside.process
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert until(lambda: beside.process != first, LONGEST)
    finally:
        beside.stop()
    assert beside.process is not None
    assert is_gone(beside.process)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it looks every second")
def test_it_ends_with_the_process_it_belongs_to_however_that_ends(home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=Path(__file__).parents[2]) as parent:
        assert until(lambda: bool(owners(home)), LONGEST)
        [child] = owners(home)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert until(lambda: is_gone(int(child)), LONGEST)
