"""Back-ups, restoring and moving to another database, with syncs before and after (M1, M4)."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from core.domain.errors import InputError, SettingsError
from core.services import activity, backup
from core.services.access import SYSTEM
from core.store import leases, ledger, migrate, runs
from core.store.db import Database
from tests.services.money.world import NOW, SandboxData, World


@pytest.fixture
def duo(make_world: Callable[..., World], data: SandboxData) -> World:
    """One line of 10 units; the portal says 12, and that is written."""
    company, service = data.company("Acme BV"), data.service("MFA per user")
    data.line(data.contract(company), service, 10)
    world = make_world(data)
    world.portal("Duo")
    world.map({"Acme": company}, {"users": service})
    says(world, 12)
    assert world.sync().changes["applied"] == 1
    return world


def says(world: World, units: int) -> None:
    world.says({("Acme", "users"): units})


def line_of(world: World) -> int:
    return int(world.adjustments()[0].values["contractServiceID"])


def again(world: World, url: str) -> World:
    """The same workspace on another database."""
    other = World(Database(url), world.server, world.clock, world.home)
    other.said = world.said
    return other


@pytest.fixture
def empty_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'restored.db'}"


def test_m1_after_restoring_an_older_copy_nothing_is_written_twice(duo: World, tmp_path: Path, empty_url: str) -> None:
    line = line_of(duo)
    made = backup.make(duo.ctx, SYSTEM, tmp_path / "old.zip")
    assert made.total > 0
    duo.clock.move(days=1)
    says(duo, 15)
    assert duo.sync().changes["applied"] == 1
    backup.restore(SYSTEM, tmp_path / "old.zip", empty_url, tmp_path, duo.clock.now())
    restored = again(duo, empty_url)
    summary = restored.sync()
    assert summary.changes["applied"] == 0
    assert duo.units(line) == 15
    duo.clock.move(days=1)
    says(duo, 16)
    restored.sync()
    assert [int(one.values["unitChange"]) for one in duo.adjustments(line)][:2] == [2, 3]
    assert duo.units(line) in (15, 16)
    restored.database.dispose()


def test_the_restored_database_has_every_row_and_whole_chains(duo: World, tmp_path: Path, empty_url: str) -> None:
    made = backup.make(duo.ctx, SYSTEM, tmp_path / "b.zip")
    done = backup.restore(SYSTEM, tmp_path / "b.zip", empty_url, tmp_path, NOW)
    assert dict(done.rows) == dict(made.rows)
    restored = again(duo, empty_url)
    assert all(check.ok for check in activity.verify_chains(restored.ctx, SYSTEM))
    with restored.database.session() as session:
        assert ledger.verify(session).entries == made.rows["ledger"]
    restored.database.dispose()


def test_m4_an_open_intent_in_the_back_up_is_read_back_and_not_sent_again(
    duo: World, tmp_path: Path, empty_url: str
) -> None:
    line = line_of(duo)
    duo.clock.move(days=1)
    says(duo, 14)
    copies: list[Path] = []

    # The copy is made at the moment at which the request is under way: its intent is in the ledger, its answer is not.
    def copy_now(statement: str) -> None:
        if not copies and "ContractServiceAdjustments" in statement:
            copies.append(tmp_path / "during.zip")
            backup.make(duo.ctx, SYSTEM, copies[0])

    target = duo.ctx.autotask
    object.__setattr__(duo.ctx, "autotask", lambda: _Watched(target(), copy_now))
    duo.sync()
    assert copies
    assert duo.units(line) == 14
    backup.restore(SYSTEM, copies[0], empty_url, tmp_path, duo.clock.now())
    restored = again(duo, empty_url)
    with restored.database.session() as session:
        assert len(ledger.open_intents(session)) == 1
    # The process that was at work then is none any more once its lease has run out.
    duo.clock.move(minutes=2)
    restored.sync()
    assert [int(one.values["unitChange"]) for one in duo.adjustments(line)] == [2, 2]
    with restored.database.session() as session:
        assert ledger.open_intents(session) == []
    restored.database.dispose()


class _Watched:
    """Autotask, telling before each adjustment."""

    def __init__(self, target: object, told: Callable[[str], None]) -> None:
        self._target = target
        self._told = told

    def __getattr__(self, name: str) -> object:
        return getattr(self._target, name)

    def adjust(self, adjustment: object) -> None:
        self._told("ContractServiceAdjustments")
        self._target.adjust(adjustment)  # type: ignore[attr-defined]


def test_uploaded_files_come_back(duo: World, tmp_path: Path, empty_url: str) -> None:
    kept = duo.home / "uploads" / "1" / "abc-export.csv"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"a;b\n1;2\n")
    backup.make(duo.ctx, SYSTEM, tmp_path / "b.zip")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert backup.restore(SYSTEM, tmp_path / "b.zip", empty_url, elsewhere, NOW).files == 1
    assert (elsewhere / "uploads" / "1" / "abc-export.csv").read_bytes() == b"a;b\n1;2\n"


def test_a_database_that_is_not_empty_stays_as_it_is(duo: World, tmp_path: Path) -> None:
    backup.make(duo.ctx, SYSTEM, tmp_path / "b.zip")
    before = duo.sync().run_id
    with pytest.raises(SettingsError, match="not empty"):
        backup.restore(SYSTEM, tmp_path / "b.zip", duo.database.url, tmp_path, NOW)
    assert duo.sync().run_id == before + 1


def aside(world: World) -> list[Path]:
    """Databases that were set aside beside the world's own."""
    path = Path(str(world.database.engine.url.database))
    return list(path.parent.glob(f"{path.stem}-before-*"))


def test_replace_sets_the_database_that_is_there_aside(duo: World, tmp_path: Path) -> None:
    backup.make(duo.ctx, SYSTEM, tmp_path / "b.zip")
    duo.database.dispose()
    backup.restore(SYSTEM, tmp_path / "b.zip", duo.database.url, tmp_path, NOW, replace=True)
    assert len(aside(duo)) == 1
    assert duo.sync().status == "done"


def test_a_back_up_that_was_changed_is_refused_and_the_old_database_comes_back(duo: World, tmp_path: Path) -> None:
    backup.make(duo.ctx, SYSTEM, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["contractbridge.db"] = parts["contractbridge.db"][:-1] + b"!"
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    duo.database.dispose()
    with pytest.raises(InputError, match="not a whole back-up"):
        backup.restore(SYSTEM, tmp_path / "bad.zip", duo.database.url, tmp_path, NOW, replace=True)
    assert aside(duo) == []
    assert duo.sync().status == "done"


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil", "uploads/../../evil", "elsewhere/evil"])
def test_names_that_lead_elsewhere_are_refused(duo: World, tmp_path: Path, empty_url: str, name: str) -> None:
    backup.make(duo.ctx, SYSTEM, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        parts = {one: archive.read(one) for one in archive.namelist()}
    manifest = json.loads(parts["manifest.json"])
    manifest["sha256"][name] = hashlib.sha256(b"x").hexdigest()
    parts |= {"manifest.json": json.dumps(manifest).encode(), name: b"x"}
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        for one, content in parts.items():
            archive.writestr(one, content)
    with pytest.raises(InputError):
        backup.restore(SYSTEM, tmp_path / "evil.zip", empty_url, tmp_path, NOW)
    assert not list(tmp_path.rglob("evil*")) or [one.name for one in tmp_path.rglob("evil*")] == ["evil.zip"]


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_back_up_is_refused(tmp_path: Path, empty_url: str, content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(InputError):
        backup.restore(SYSTEM, tmp_path / "x.zip", empty_url, tmp_path, NOW)


def test_nothing_is_restored_under_an_engine_that_works(duo: World, tmp_path: Path) -> None:
    backup.make(duo.ctx, SYSTEM, tmp_path / "b.zip")
    with duo.database.write() as session:
        assert leases.acquire(session, "engine", "host:1", NOW, 60)
    with pytest.raises(SettingsError, match="still works"):
        backup.restore(SYSTEM, tmp_path / "b.zip", duo.database.url, tmp_path, NOW, replace=True)
    with pytest.raises(SettingsError, match="still works"):
        backup.move(SYSTEM, duo.database.url, f"sqlite:///{tmp_path / 'moved.db'}", NOW)
    assert backup.move(SYSTEM, duo.database.url, f"sqlite:///{tmp_path / 'moved.db'}", NOW + timedelta(minutes=2))


def test_m4_nothing_moves_or_is_replaced_under_a_run_that_a_command_carries_out(duo: World, tmp_path: Path) -> None:
    """It goes on writing to Autotask, and what it notes would be lost."""
    backup.make(duo.ctx, SYSTEM, tmp_path / "b.zip")
    with duo.database.write() as session:
        assert runs.enqueue(session, runs.NewRun(kind="apply"), NOW)
        assert runs.claim(session, "host:1", NOW, 60)
    with pytest.raises(SettingsError, match="still works"):
        backup.restore(SYSTEM, tmp_path / "b.zip", duo.database.url, tmp_path, NOW, replace=True)
    with pytest.raises(SettingsError, match="still works"):
        backup.move(SYSTEM, duo.database.url, f"sqlite:///{tmp_path / 'moved.db'}", NOW)
    assert backup.move(SYSTEM, duo.database.url, f"sqlite:///{tmp_path / 'moved.db'}", NOW + timedelta(minutes=2))


def test_a_back_up_never_overwrites_a_file(duo: World, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_text("mine")
    with pytest.raises(InputError):
        backup.make(duo.ctx, SYSTEM, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_text() == "mine"


@pytest.fixture
def postgres_db(new_postgres: Callable[..., str]) -> str:
    return new_postgres()


@pytest.mark.postgres
def test_moving_from_sqlite_to_postgresql_and_back_changes_no_row(duo: World, postgres_db: str, tmp_path: Path) -> None:
    rows = backup.move(SYSTEM, duo.database.url, postgres_db, NOW)
    moved = again(duo, postgres_db)
    duo.clock.move(days=1)
    says(duo, 13)
    assert moved.sync().changes["applied"] == 1, "numbers go on after those that were copied"
    made = backup.make(moved.ctx, SYSTEM, tmp_path / "pg.zip")
    assert made.rows["usage_line"] == rows["usage_line"]
    back = f"sqlite:///{tmp_path / 'back.db'}"
    assert dict(backup.restore(SYSTEM, tmp_path / "pg.zip", back, tmp_path, NOW).rows) == dict(made.rows)
    restored = again(duo, back)
    assert restored.sync().changes["planned"] == 0
    for one in (moved, restored):
        one.database.dispose()


def test_a_back_up_of_an_older_version_is_brought_to_this_one(duo: World, tmp_path: Path, empty_url: str) -> None:
    backup.make(duo.ctx, SYSTEM, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        parts = {one: archive.read(one) for one in archive.namelist()}
    old = tmp_path / "old.db"
    old.write_bytes(parts["contractbridge.db"])
    migrate.downgrade(f"sqlite:///{old}", "0004")
    manifest = json.loads(parts["manifest.json"])
    manifest |= {"revision": "0004", "sha256": {"contractbridge.db": hashlib.sha256(old.read_bytes()).hexdigest()}}
    with zipfile.ZipFile(tmp_path / "old.zip", "w") as archive:
        archive.writestr("contractbridge.db", old.read_bytes())
        archive.writestr("manifest.json", json.dumps(manifest))
    backup.restore(SYSTEM, tmp_path / "old.zip", empty_url, tmp_path, NOW)
    restored = again(duo, empty_url)
    assert restored.sync().changes["planned"] == 0
    restored.database.dispose()
