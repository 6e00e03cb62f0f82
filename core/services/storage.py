"""Whether anything can be stored at the moment, for readiness and pages: tried at most every few seconds."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from core.store.trouble import Kind, StorageTrouble, look, look_at_server, trouble_of

if TYPE_CHECKING:
    from core.services.context import Context

__all__ = ["Kind", "StorageTrouble", "storage_trouble", "trouble_of"]

LOOK_EVERY = 3.0
"""Seconds: it writes and forgets a file (and lets PostgreSQL do so), which is not to be done for every click."""


class _Last:
    """What was found last, by database and data directory."""

    def __init__(self) -> None:
        self.looking = threading.Lock()
        self.found: dict[tuple[str, str], tuple[float, StorageTrouble | None]] = {}


_last = _Last()


def storage_trouble(ctx: Context) -> StorageTrouble | None:
    """Why nothing can be stored, in words and with what to do; None when all is well."""
    key = (ctx.database.url, str(ctx.home))
    at, found = _last.found.get(key, (float("-inf"), None))
    # A busy disk may take its time: one looks, the others go on with what was found last.
    if time.monotonic() - at > LOOK_EVERY and _last.looking.acquire(blocking=False):
        try:
            found = look(ctx.database, ctx.home) or look_at_server(ctx.database)
            _last.found[key] = (time.monotonic(), found)
        finally:
            _last.looking.release()
    return found
