"""Browsers in which a person signed in before: by a sealed mark that only such a browser can bring along.

Wrong tries in one of them are counted by themselves, so that nobody elsewhere keeps the person waiting who sits before it. A mark
lets nobody in: it says whose tries are counted with whose, and no more.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from core.domain.errors import SettingsError
from core.services.sessions import token_hash
from core.store.people import folded

if TYPE_CHECKING:
    from core.services.context import Context

LASTS = timedelta(days=90)
LONGEST = 500


def name_hash(name: str) -> str:
    """Not the name itself: people type passwords there. Too short a hash to find one by."""
    return token_hash(folded(name).encode("utf-8", "replace").decode())[:8]


def mark(ctx: Context, name: str) -> str:
    """A mark for the browser in which somebody of this name has just signed in."""
    until = ctx.clock.now() + LASTS
    return ctx.secrets.seal(f"{secrets.token_hex(8)}|{until.isoformat()}", _place(name))


def recognised(ctx: Context, name: str, brought: str) -> str:
    """Which browser it is that brought this mark for this name; "" for a mark of another name, an old one, or none of ours."""
    if not brought or len(brought) > LONGEST:
        return ""
    try:
        number, _, until = ctx.secrets.open(brought, _place(name)).partition("|")
        return number if ctx.clock.now() < datetime.fromisoformat(until) else ""
    except (SettingsError, ValueError):
        return ""


def _place(name: str) -> str:
    return f"known_browser:{name_hash(name)}"
