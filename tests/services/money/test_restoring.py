"""Restoring: archives made to do harm, between both kinds of databases, and what a sync writes afterwards (M1)."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from core.domain.errors import InputError, SettingsError
from core.services import activity, backup, sessions
from core.services.access import SYSTEM
from core.services.owners import new_owner
from core.services.sessions import Visit
from core.store import leases
from core.store import people as people_store
from core.store.people import Person
from core.store.sessions import PASSWORD
from tests.services.money.test_backup import again, duo, line_of, says
from tests.services.money.world import NOW, World

__all__ = ["duo"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_nobody_is_signed_in_by_restoring(duo: World, tmp_path: Path, home: Path) -> None:
    """A session that was ended since, for it was stolen perhaps, does not begin again."""
    now = duo.clock.now()

    def enter(session: Session) -> str:
        anna = Person(name="Anna", role="admin")
        anna = replace(anna, id=people_store.add(session, anna, now))
        return sessions.open_session(duo.ctx, session, anna, Visit(), through=PASSWORD)[0]

    token = duo.database.run(enter)
    assert sessions.actor_of_token(duo.ctx, token) is not None
    backup.make(duo.ctx, SYSTEM, tmp_path / "b.zip")
    url = f"sqlite:///{home / 'new.db'}"
    backup.restore(SYSTEM, tmp_path / "b.zip", url, home, now)
    other = again(duo, url)
    assert sessions.actor_of_token(other.ctx, token) is None
    with other.database.session() as session:
        assert people_store.by_name(session, "Anna") is not None
    other.database.dispose()


def with_sizes(made: Path, changed: Path, **sizes: int) -> Path:
    """The same archive, whose list of contents says that some parts are larger than they are."""
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        for name, size in sizes.items():
            new.getinfo(name.replace("__", ".")).file_size = size
    return changed


def test_a_back_up_that_would_unpack_to_a_thousand_times_its_size_is_refused(
    duo: World, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, url = tmp_path / "b.zip", f"sqlite:///{home / 'new.db'}"
    backup.make(duo.ctx, SYSTEM, made)
    for part in ("contractbridge__db", "manifest__json"):
        bomb = with_sizes(made, tmp_path / f"{part}.zip", **{part: 10**12})
        with pytest.raises(InputError, match="not a whole back-up"):
            backup.restore(SYSTEM, bomb, url, home, NOW)
    # One that is right, for which there is no room: told before anything is unpacked.
    monkeypatch.setattr(backup, "RESERVE", 10**18)
    with pytest.raises(InputError, match="no room") as caught:
        backup.restore(SYSTEM, made, url, home, NOW)
    assert caught.value.kind == "no_room"
    assert list(home.iterdir()) == []


def test_an_engine_of_another_machine_keeps_a_database_from_being_replaced(duo: World, tmp_path: Path) -> None:
    backup.make(duo.ctx, SYSTEM, tmp_path / "b.zip")
    with duo.database.write() as session:
        leases.acquire(session, "worker:1", "elsewhere|1|1|x", NOW, 60)
    with pytest.raises(SettingsError, match="still works"):
        backup.restore(SYSTEM, tmp_path / "b.zip", duo.database.url, tmp_path, NOW, replace=True)
    dead = new_owner().split("|")
    with duo.database.write() as session:
        leases.release(session, "worker:1", "elsewhere|1|1|x")
        leases.acquire(session, "worker:2", "|".join([dead[0], "999999999", dead[2], dead[3]]), NOW, 60)
    duo.database.dispose()
    assert backup.restore(SYSTEM, tmp_path / "b.zip", duo.database.url, tmp_path, NOW, replace=True).total


@pytest.mark.postgres
def test_m1_an_older_back_up_goes_into_postgresql_and_on_into_another_one_without_a_wrong_write(
    duo: World, tmp_path: Path, new_postgres: Callable[..., str], postgres_template: str
) -> None:
    line = line_of(duo)
    backup.make(duo.ctx, SYSTEM, tmp_path / "old.zip")
    duo.clock.move(days=1)
    says(duo, 15)
    assert duo.sync().changes["applied"] == 1, "what the back-up does not know"
    first = again(duo, _restored(tmp_path / "old.zip", new_postgres(postgres_template), tmp_path, duo))
    assert first.sync().changes["applied"] == 0
    assert duo.units(line) == 15, "it is as the portal says: nothing is written"
    made = backup.make(first.ctx, SYSTEM, tmp_path / "pg.zip")
    second = again(duo, _restored(tmp_path / "pg.zip", new_postgres(postgres_template), tmp_path, duo))
    summary = second.sync()
    assert (summary.changes["planned"], summary.changes["applied"]) == (0, 0)
    assert duo.units(line) == 15
    assert all(chain.ok and chain.entries for chain in activity.verify_chains(second.ctx, SYSTEM))
    assert made.rows["usage_line"] == 1
    assert [int(one.values["unitChange"]) for one in duo.adjustments(line)] == [2, 3]
    for world in (first, second):
        world.database.dispose()


def _restored(file: Path, url: str, home: Path, world: World) -> str:
    backup.restore(SYSTEM, file, url, home, world.clock.now())
    return url
