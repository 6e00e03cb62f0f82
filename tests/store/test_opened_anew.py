"""What was opened for reading alone is opened anew by itself: nobody is inside then, and nothing of SQLite's stays open."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from core.store import db, workspace
from core.store.db import Database
from core.store.gate import Gate


@pytest.fixture
def sqlite(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(db, "MEND_EVERY", 0.0)
    path = tmp_path / "store.db"
    path.write_bytes(empty_database.read_bytes())
    return Database(f"sqlite:///{path}")


def _open_files(database: Database) -> list[str]:
    file = database.engine.url.database or ""
    found = Path("/proc/self/fd").iterdir()
    return [str(one.readlink()) for one in found if one.is_symlink() and str(one.readlink()).startswith(file)]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="nobody tells which files are open")
def test_every_connection_is_closed_also_one_whose_error_is_still_held(sqlite: Database) -> None:
    seen: list[list[str]] = []
    with sqlite.session() as session:
        assert workspace.all_settings(session) == {}
    # The same words as on a read-only disk; the stack trace holds the cursor.
    with pytest.raises(DBAPIError, match="readonly") as error, sqlite.session() as session:
        workspace.put(session, {"a": 1})
    dispose = sqlite.engine.dispose
    sqlite.engine.dispose = lambda: (dispose(), seen.append(_open_files(sqlite)))  # type: ignore[method-assign]
    with sqlite.write() as session:
        workspace.put(session, {"a": 2})
    assert seen == [[]]
    assert "readonly" in str(error.value)
    sqlite.engine.dispose = dispose  # type: ignore[method-assign]
    sqlite.dispose()


def test_where_it_still_cannot_be_written_nothing_is_opened_anew(sqlite: Database) -> None:
    with pytest.raises(DBAPIError, match="readonly"), sqlite.session() as session:
        workspace.put(session, {"a": 1})
    asked: list[int] = []
    sqlite.engine.dispose = lambda: asked.append(1)  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "_can_write", lambda _: False)
        with sqlite.session():
            pass
    assert not asked
    with sqlite.session():
        pass
    assert asked


def test_who_is_inside_may_go_in_again_and_others_wait_until_it_is_open() -> None:
    gate = Gate(patience=60)
    inside, go, told = threading.Event(), threading.Event(), []

    def reader() -> None:
        with gate.inside():
            inside.set()
            assert go.wait(60)
            with gate.inside():
                told.append("inside")

    with ThreadPoolExecutor(2) as pool:
        reading = pool.submit(reader)
        assert inside.wait(60)
        closing = pool.submit(gate.alone, lambda: told.append("alone"))
        go.set()
        assert closing.result(60)
        reading.result(60)
    with gate.inside():
        told.append("open again")
    assert told == ["inside", "alone", "open again"]


def test_nobody_waits_for_ever_for_one_who_does_not_come_out() -> None:
    gate = Gate(patience=0.01)
    done: list[Callable[[], object]] = []
    with gate.inside(), ThreadPoolExecutor(1) as pool:
        assert not pool.submit(gate.alone, lambda: done.append(print)).result(60)
        with gate.inside():
            assert not done
    assert gate.alone(lambda: done.append(print))
    assert gate.depth == 0
