"""Which key what is stored is sealed with, and that nothing is sealed with a key that was changed for another one.

The key itself is never here: it is known by its id. A process that has not heard of the new key yet must not go on sealing with the
old one, which is thrown away when everything was sealed again. Whoever seals therefore asks here inside his transaction (`hold`);
whoever changes the key waits for all of those and keeps new ones waiting (`replace`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.domain.errors import SettingsError
from core.domain.text import T
from core.store import workspace
from core.store.bulk import dialect

KEY = "secret_key"
"""Name of the setting."""


class Box(Protocol):
    """What seals and opens (`core.secrets.SecretBox`)."""

    @property
    def key_id(self) -> str: ...

    def seal(self, text: str, place: str) -> str: ...

    def open(self, sealed: str, place: str) -> str: ...

    def refresh(self) -> None: ...


@dataclass(frozen=True, slots=True)
class KeyState:
    """The key in use (empty: nothing was ever sealed), since when, and those it was changed from."""

    key_id: str = ""
    since: datetime | None = None
    retired: frozenset[str] = frozenset()


def state(session: Session) -> KeyState:
    """What is known of the key."""
    kept = workspace.get(session, KEY)
    if not kept:
        return KeyState()
    return KeyState(kept["id"], datetime.fromisoformat(kept["since"]), frozenset(kept["retired"]))


def hold(session: Session, box: Box, now: datetime) -> None:
    """Inside a writing transaction, before sealing: from here to its end the box's key stays the one in use.

    Raises SettingsError when this process has only a key that was changed for another one.
    """
    _lock(session, "ROW EXCLUSIVE")
    known = state(session)
    if known.key_id == box.key_id:
        return
    box.refresh()
    if box.key_id in known.retired:
        raise SettingsError(
            T("This process works with a key that was changed for another one."),
            remedy=T(
                "Start it again with the new key (CONTRACTBRIDGE_SECRET_KEY or secret.key); if that is lost, with a third one."
            ),
            place=box.key_id,
            kind="secret_key",
        )
    if known.key_id != box.key_id:
        _keep(session, box.key_id, now, known.retired)


def replace(session: Session, box: Box, older: Collection[str], now: datetime) -> bool:
    """Inside a writing transaction: from its end on nothing is sealed with the `older` keys. Tells whether the key is another one
    than before. Everything must be sealed again in the same transaction, after this.
    """
    _lock(session, "EXCLUSIVE")
    known = state(session)
    retired = (known.retired | frozenset(older)) - {box.key_id}
    if (known.key_id, known.retired) == (box.key_id, retired):
        return False
    since = known.since if known.key_id == box.key_id and known.since else now
    _keep(session, box.key_id, since, retired)
    return known.key_id != box.key_id


def _keep(session: Session, key_id: str, since: datetime, retired: Collection[str]) -> None:
    workspace.put(session, {KEY: {"id": key_id, "since": since.isoformat(), "retired": sorted(retired)}})


def _lock(session: Session, mode: str) -> None:
    """On SQLite a writing transaction is the only one anyway."""
    if dialect(session) == "postgresql":
        session.execute(text(f"LOCK TABLE secret IN {mode} MODE"))
