"""Secrets: encrypted for one place, with a key from outside the database, which can be changed."""

from __future__ import annotations

import base64
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from core.bootstrap import build
from core.domain.errors import SettingsError
from core.secrets import KEY_FILE, SecretBox, load_box, retire_old_keys, with_new_key
from core.settings import Settings
from core.store import secrets
from core.store.db import Database
from core.store.secrets import SECRET
from tests.store.conftest import NOW


def test_a_secret_comes_back_and_is_nowhere_in_the_clear(database: Database, tmp_path: Path) -> None:
    box = load_box(tmp_path)
    with database.write() as session:
        secrets.put(session, box, "portal:3", {"key": "s3cret é", "other": "x"}, NOW)
        secrets.put(session, box, "portal:3", {"key": "changed"}, NOW)
    with database.session() as session:
        assert secrets.get(session, box, "portal:3") == {"key": "changed", "other": "x"}
        assert secrets.get(session, box, "portal:4") == {}
        assert secrets.fields(session, ["portal:3", "portal:4"]) == {
            "portal:3": {"key", "other"},
            "portal:4": frozenset(),
        }
        assert "changed" not in repr(session.execute(select(SECRET)).all())
    with database.write() as session:
        secrets.remove(session, "portal:3", ["key"])
        assert set(secrets.get(session, box, "portal:3")) == {"other"}
        secrets.remove(session, "portal:3")
        assert secrets.get(session, box, "portal:3") == {}


def test_a_ciphertext_moved_to_another_place_does_not_open(database: Database, tmp_path: Path) -> None:
    box = load_box(tmp_path)
    with database.write() as session:
        secrets.put(session, box, "portal:1", {"key": "mine"}, NOW)
        secrets.put(session, box, "portal:2", {"key": "theirs"}, NOW)
        stolen = session.execute(select(SECRET.c.ciphertext).where(SECRET.c.owner == "portal:1")).scalar_one()
        session.execute(update(SECRET).where(SECRET.c.owner == "portal:2").values(ciphertext=stolen))
    with database.session() as session, pytest.raises(SettingsError, match="cannot be read") as caught:
        secrets.get(session, box, "portal:2")
    assert "mine" not in str(caught.value) + str(caught.value.detail)


@pytest.mark.parametrize(
    "change", [lambda s: s[:-6] + "AAAAAA", lambda s: s + "!", lambda s: "9" + s[1:], lambda s: ""]
)
def test_a_changed_ciphertext_does_not_open(tmp_path: Path, change: object) -> None:
    box = load_box(tmp_path)
    assert callable(change)
    with pytest.raises(SettingsError):
        box.open(change(box.seal("text", "a:b")), "a:b")


def test_keys_are_changed_without_losing_a_secret(database: Database, tmp_path: Path) -> None:
    old = load_box(tmp_path)
    with database.write() as session:
        secrets.put(session, old, "portal:1", {"a": "1", "b": "2"}, NOW)
    new = with_new_key(tmp_path)
    assert new.key_id != old.key_id
    with database.write() as session:
        assert secrets.get(session, new, "portal:1") == {"a": "1", "b": "2"}
        assert secrets.reseal(session, new, NOW) == 2
        assert secrets.reseal(session, new, NOW) == 0
    alone = retire_old_keys(tmp_path)
    with database.session() as session:
        assert secrets.get(session, alone, "portal:1") == {"a": "1", "b": "2"}
        assert secrets.get(session, old, "portal:1") == {"a": "1", "b": "2"}, "it looks at the file again"
        with pytest.raises(SettingsError):
            secrets.get(session, SecretBox([bytes(range(32))]), "portal:1")


def test_a_wrong_key_is_told_in_words(database: Database, tmp_path: Path) -> None:
    with database.write() as session:
        secrets.put(session, load_box(tmp_path, "the right pass phrase"), "autotask", {"secret": "x"}, NOW)
    with database.session() as session, pytest.raises(SettingsError, match="present key"):
        secrets.get(session, load_box(tmp_path, "another pass phrase"), "autotask")


def test_keys_from_the_environment_can_be_changed_too(tmp_path: Path) -> None:
    sealed = load_box(tmp_path, "the first pass phrase").seal("text", "a:b")
    both = load_box(tmp_path, "the second pass phrase, the first pass phrase")
    assert both.open(sealed, "a:b") == "text"
    assert not both.is_current(sealed)
    assert both.is_current(both.seal("text", "a:b"))
    raw = base64.b64encode(bytes(range(32))).decode()
    assert load_box(tmp_path, raw).key_id == SecretBox([bytes(range(32))]).key_id
    assert not (tmp_path / KEY_FILE).exists()


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="at least 16") as caught:
        load_box(tmp_path, "too short")
    assert "too short" not in str(caught.value).replace("is too short", "")


@pytest.mark.skipif(sys.platform == "win32", reason="no file modes")
def test_the_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    load_box(tmp_path / "home")
    with_new_key(tmp_path / "home")
    mode = stat.S_IMODE((tmp_path / "home" / KEY_FILE).stat().st_mode)
    assert mode == 0o600
    assert [path.name for path in (tmp_path / "home").iterdir()] == [KEY_FILE]


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = {box.key_id for box in pool.map(load_box, [tmp_path] * 16)}
    assert len(keys) == 1


@pytest.mark.parametrize("content", ["", "not base64 !", "c2hvcnQ="])
def test_a_broken_key_file_is_not_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / KEY_FILE).write_text(content)
    with pytest.raises(SettingsError, match="no usable key"):
        load_box(tmp_path)
    assert (tmp_path / KEY_FILE).read_text() == content


def test_nothing_shows_the_key(tmp_path: Path) -> None:
    box = load_box(tmp_path)
    assert (tmp_path / KEY_FILE).read_text().strip() not in repr(box) + repr(vars(box))


def test_starting_with_a_new_key_in_front_seals_everything_again(tmp_path: Path) -> None:
    def start(keys: str) -> tuple[Database, SecretBox]:
        context = build(Settings(home=tmp_path, database_url="", secret_key=SecretStr(keys))).context
        return context.database, context.secrets

    database, box = start("the first pass phrase")
    with database.write() as session:
        secrets.put(session, box, "autotask", {"secret": "x"}, NOW)
    database.dispose()
    start("the second pass phrase,the first pass phrase")[0].dispose()
    database, box = start("the second pass phrase")
    with database.session() as session:
        assert secrets.get(session, box, "autotask") == {"secret": "x"}
    database.dispose()


def test_a_secret_is_taken_once_and_old_ones_of_a_kind_are_forgotten(database: Database, tmp_path: Path) -> None:
    box = load_box(tmp_path)
    owners = ("sign_in:old", "sign_in:new", "signXin:old", "portal:1")

    with database.write() as session:
        for owner in owners:
            at = NOW if owner.endswith("new") else NOW - timedelta(hours=2)
            secrets.put(session, box, owner, {"pending": owner, "other": "x"}, at)
    assert database.run(lambda session: secrets.take(session, box, "sign_in:new", "pending")) == "sign_in:new"
    assert database.run(lambda session: secrets.take(session, box, "sign_in:new", "pending")) is None
    database.run(lambda session: secrets.remove_older(session, "sign_in:", NOW - timedelta(hours=1)))
    with database.session() as session:
        left = {owner: set(secrets.get(session, box, owner)) for owner in owners}
    both = {"pending", "other"}
    assert left == {"sign_in:old": set(), "sign_in:new": {"other"}, "signXin:old": both, "portal:1": both}
