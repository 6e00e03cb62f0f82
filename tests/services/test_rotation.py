"""A refresh token that dies with each use is never lost and never used twice."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from core.secrets import load_box
from core.services.rotation import Rotations
from core.store import portals as portal_store
from core.store import secrets
from core.store.db import Database
from core.store.portals import Portal

NOW = datetime(2026, 11, 2, tzinfo=UTC)


class Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self) -> date:
        return self.now().date()


@pytest.fixture
def rotations(empty_database: Path, tmp_path: Path) -> Iterator[Rotations]:
    shutil.copy(empty_database, tmp_path / "test.db")
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    yield Rotations(database, load_box(tmp_path, None), Clock(), "ion", "Ion")
    database.dispose()


class Issuer:
    """The other side: accepts only the newest token."""

    def __init__(self, token: str = "r0") -> None:
        self.newest = token
        self.uses = 0

    def __call__(self, token: str) -> tuple[str, str]:
        assert token == self.newest, f"{token} is dead"
        self.uses += 1
        self.newest = f"r{self.uses}"
        return self.newest, f"access {self.uses}"


def save(rotations: Rotations, token: str) -> str:
    with rotations.database.write() as session:
        portal = portal_store.save(session, Portal(name="Ion", connector="ion"), NOW)
        secrets.put(session, rotations.box, f"portal:{portal.id}", {"refresh_token": token}, NOW)
        return f"portal:{portal.id}"


def test_the_next_token_is_stored_for_the_next_process(rotations: Rotations) -> None:
    issuer = Issuer()
    owner = save(rotations, "r0")
    assert rotations("refresh_token", "r0").exchange(issuer) == "access 1"
    with rotations.database.session() as session:
        assert secrets.get(session, rotations.box, owner) == {"refresh_token": "r1"}
    assert rotations("refresh_token", "r1").exchange(issuer) == "access 2"


def test_a_source_opened_before_another_ones_use_goes_on_with_the_newest(rotations: Rotations) -> None:
    issuer = Issuer()
    save(rotations, "r0")
    first, second = rotations("refresh_token", "r0"), rotations("refresh_token", "r0")
    first.exchange(issuer)
    assert second.exchange(issuer) == "access 2"


def test_many_threads_use_it_one_after_the_other(rotations: Rotations) -> None:
    issuer = Issuer()
    save(rotations, "r0")
    secret = rotations("refresh_token", "r0")
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(secret.exchange(issuer))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [f"access {number}" for number in range(1, 7)]


def test_a_token_tested_in_the_form_still_works_after_saving(rotations: Rotations) -> None:
    issuer = Issuer()
    rotations("refresh_token", "r0").exchange(issuer)
    rotations("refresh_token", "r0").exchange(issuer)
    save(rotations, "r0")
    assert rotations("refresh_token", "r0").exchange(issuer) == "access 3"
    assert rotations("refresh_token", "r3").exchange(issuer) == "access 4"


def test_a_token_that_is_refused_stays(rotations: Rotations) -> None:
    owner = save(rotations, "r0")

    def refused(token: str) -> tuple[str, str]:
        raise ValueError(token)

    with pytest.raises(ValueError, match="r0"):
        rotations("refresh_token", "r0").exchange(refused)
    with rotations.database.session() as session:
        assert secrets.get(session, rotations.box, owner) == {"refresh_token": "r0"}
    assert replace(rotations("refresh_token", "r0"), first="r0").exchange(Issuer()) == "access 1"
