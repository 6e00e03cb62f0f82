"""Changing the key: while others store secrets, killed at any step, and only with somebody's own right to do so."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors._kit.registry import Registry
from core.domain.errors import SettingsError
from core.secrets import KEY_FILE, SecretBox, load_box
from core.services import keys, sessions
from core.services.access import SYSTEM
from core.services.context import Context
from core.services.sessions import Visit
from core.store import audit, people, sealing, secrets, webhooks
from core.store.db import Database
from core.store.people import Person
from core.store.portals import Portal
from core.store.secrets import SECRET
from core.store.sessions import LOGIN, OPENID
from tests.store.conftest import NOW

ROOT = Path(__file__).resolve().parents[2]


class Standing:
    def now(self) -> object:
        return NOW

    def today(self) -> object:
        return NOW.date()


def workspace(database: Database, home: Path, box: SecretBox | None = None) -> Context:
    """A process of its own on this database, as far as the key is concerned."""
    nothing = lambda *_: None  # noqa: E731
    return Context(database, Standing(), box or load_box(home), nothing, nothing, Registry(), home)  # type: ignore[arg-type]


def store(ctx: Context, owner: str, value: str) -> None:
    ctx.database.run(lambda session: secrets.put(session, ctx.secrets, owner, {"key": value}, NOW))


def events(database: Database) -> list[str]:
    with database.session() as session:
        return [entry.event for entry in audit.export(session)]


def lines(home: Path) -> list[str]:
    return (home / KEY_FILE).read_text().split()


def sealed_with(database: Database) -> set[str]:
    with database.session() as session:
        return set(session.execute(select(SECRET.c.key_id)).scalars())


def test_the_key_is_changed_and_a_process_that_runs_finds_the_new_one(
    database: Database, portal: Portal, tmp_path: Path
) -> None:
    running, terminal = workspace(database, tmp_path), workspace(database, tmp_path)
    before = running.secrets.key_id
    store(running, "autotask", "first")
    body = webhooks.seal_body(running.secrets, portal.id, "a" * 64, b"an event")
    kept = webhooks.Delivery(portal_id=portal.id, sha256="a" * 64, body=body, received_at=NOW, event_at=NOW)
    database.run(lambda session: webhooks.add_all(session, running.secrets, [kept]))
    done = keys.rotate(terminal, SYSTEM)
    assert (done.secrets, done.bodies, done.in_file) == (1, 1, True)
    assert len(lines(tmp_path)) == 1
    assert done.key_id != before
    with database.session() as session:
        assert secrets.get(session, running.secrets, "autotask") == {"key": "first"}
        known = sealing.state(session)
    assert (known.key_id, known.since, known.retired) == (done.key_id, NOW, {before})
    # What was sealed with the old key, and is stored only now, is sealed again.
    database.run(lambda session: webhooks.add_all(session, running.secrets, [kept]))
    fresh = load_box(tmp_path)
    with database.session() as session:
        waiting = [webhooks.get(session, one.id) for one in webhooks.last(session, portal.id, 9)]
        assert [webhooks.open_body(fresh, one) for one in waiting if one] == [b"an event"] * 2
    assert events(database) == ["secret_key.changed", "secret_key.old_removed"]


def test_a_process_that_only_has_the_old_key_stores_nothing_with_it(database: Database, tmp_path: Path) -> None:
    old = b"o" * 32
    behind = workspace(database, tmp_path, SecretBox([old]))
    store(behind, "autotask", "first")
    keys.rotate(workspace(database, tmp_path, SecretBox([b"n" * 32, old])), SYSTEM)
    with pytest.raises(SettingsError, match="changed for another one"):
        store(behind, "portal:1", "lost")
    assert sealed_with(database) == {SecretBox([b"n" * 32]).key_id}


def test_without_a_new_key_in_the_environment_nothing_happens_and_it_is_told(
    database: Database, tmp_path: Path
) -> None:
    alone = workspace(database, tmp_path, SecretBox([b"o" * 32]))
    with pytest.raises(SettingsError, match="CONTRACTBRIDGE_SECRET_KEY"):
        keys.rotate(alone, SYSTEM)
    assert events(database) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are killed here")
def test_killed_at_any_step_nothing_is_lost_and_the_next_try_ends_it(database: Database, tmp_path: Path) -> None:
    from tests.store import key_killed

    key_killed.fill(database, tmp_path)
    database.dispose()
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.key_killed", database.url, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_secrets_stored_all_the_while_open_with_the_one_key_that_is_left(database: Database, tmp_path: Path) -> None:
    load_box(tmp_path)
    ended, stored, wrong = threading.Event(), [], []

    def storing(name: int) -> None:
        ctx, count = workspace(database, tmp_path), 0
        try:
            while not ended.is_set() or count < 3:
                store(ctx, f"portal:{name}-{count % 7}", str(count))
                stored.append(name)
                count += 1
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=storing, args=(name,)) for name in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        keys.rotate(workspace(database, tmp_path), SYSTEM)
    ended.set()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert len(stored) >= 9
    assert len(lines(tmp_path)) == 1
    box = SecretBox([base64.b64decode(lines(tmp_path)[0])])
    with database.session() as session:
        for owner in {row[0] for row in session.execute(select(SECRET.c.owner))}:
            assert secrets.get(session, box, owner)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only an administrator gives files away")
def test_the_key_file_stays_that_of_the_user_the_product_runs_as(database: Database, tmp_path: Path) -> None:
    ctx = workspace(database, tmp_path)
    os.chown(tmp_path / KEY_FILE, 12345, 12346)
    keys.rotate(ctx, SYSTEM)
    found = (tmp_path / KEY_FILE).stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12345, 12346, 0o600)


def test_what_the_provider_gave_for_signing_out_does_not_outlive_its_key(database: Database, tmp_path: Path) -> None:
    ctx = workspace(database, tmp_path)

    def enter(session: Session) -> str:
        cas = Person(name="Cas", oidc_subject="cas")
        cas = replace(cas, id=people.add(session, cas, NOW))
        return sessions.open_session(ctx, session, cas, Visit(), through=OPENID, id_token="a.b.c")[0]

    token = database.run(enter)
    keys.rotate(ctx, SYSTEM)
    with database.session() as session:
        assert session.execute(select(LOGIN.c.id_token)).scalars().all() == [""]
    assert sessions.close(ctx, token) == (OPENID, "")


def test_where_the_new_key_is_lost_a_third_one_stores_what_is_entered_again(database: Database, tmp_path: Path) -> None:
    old = b"o" * 32
    store(workspace(database, tmp_path, SecretBox([old])), "autotask", "first")
    keys.rotate(workspace(database, tmp_path, SecretBox([b"n" * 32, old])), SYSTEM)
    third = workspace(database, tmp_path, SecretBox([b"t" * 32]))
    store(third, "autotask", "entered again")
    with database.session() as session:
        assert secrets.get(session, third.secrets, "autotask") == {"key": "entered again"}
        assert sealing.state(session).key_id == third.secrets.key_id
