"""Refresh tokens that die with each use: the next one is stored before anything else, and only one use is under way at a time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from core.domain.errors import RemoteError
from core.domain.ports import Clock
from core.domain.text import T
from core.services.owners import new_owner
from core.store import leases, secrets
from core.store import portals as portal_store
from core.store.db import Database

if TYPE_CHECKING:
    from core.secrets import SecretBox

Result = TypeVar("Result")

LEASE_SECONDS = 120.0
WAIT_SECONDS = 60.0
NAP_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Rotations:
    """Makes the rotating secrets of one portal; fulfils `core.domain.connector.Rotation`."""

    database: Database
    box: SecretBox
    clock: Clock
    connector: str
    portal: str

    def __call__(self, field: str, value: str) -> StoredSecret:
        with self.database.session() as session:
            portal = portal_store.by_name(session, self.portal)
            owner = f"portal:{portal.id}" if portal is not None and portal.connector == self.connector else ""
            stored = secrets.get(session, self.box, owner).get(field) if owner else None
        return StoredSecret(self, field, value, owner if stored == value else "")


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """One rotating secret: of a stored portal, or still of a form.

    A value of a form that was used by the connection test is dead when the form is saved. Its successor is therefore kept under the
    fingerprint of the value it came from, and found again from there.
    """

    of: Rotations
    field: str
    first: str
    owner: str
    """Under which name the stored portal keeps it; empty while it belongs to a form."""

    def exchange(self, use: Callable[[str], tuple[str, Result]]) -> Result:
        """See `core.domain.connector.RotatingSecret`. Raises RemoteError when another process uses the secret for too long."""
        with self._alone():
            owner, value = self._newest()
            following, result = use(value)
            now = self.of.clock.now()
            self.of.database.run(lambda session: secrets.put(session, self.of.box, owner, {self.field: following}, now))
            return result

    def _newest(self) -> tuple[str, str]:
        """Under which name the next value is kept, and the value to use now."""
        with self.of.database.session() as session:
            value = self.first
            if self.owner:
                value = secrets.get(session, self.of.box, self.owner).get(self.field, value)
            successor = secrets.get(session, self.of.box, _fingerprint(value)).get(self.field)
        return self.owner or _fingerprint(self.first), successor or value

    @contextmanager
    def _alone(self) -> Iterator[None]:
        name, owner = f"secret:{self.of.connector}:{self.of.portal}", new_owner()
        until = time.monotonic() + WAIT_SECONDS
        while not self._acquire(name, owner):
            if time.monotonic() > until:
                raise RemoteError(
                    T("Another process is signing in to {portal} at the moment.", portal=self.of.portal), retryable=True
                )
            time.sleep(NAP_SECONDS)
        try:
            yield
        finally:
            self.of.database.run(lambda session: leases.release(session, name, owner))

    def _acquire(self, name: str, owner: str) -> bool:
        now = self.of.clock.now()
        return self.of.database.run(lambda session: leases.acquire(session, name, owner, now, LEASE_SECONDS))


def _fingerprint(value: str) -> str:
    return f"rotated:{hashlib.sha256(value.encode()).hexdigest()[:40]}"
