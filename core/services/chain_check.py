"""Looking once a day whether ledger and audit are as they were written, and remembering when that was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.orm import Session

from core.services.access import SYSTEM
from core.services.activity import ChainCheck, verify_chains
from core.store import workspace

if TYPE_CHECKING:
    from core.services.context import Context

log = structlog.get_logger()

CHECKED = "chains_checked"
"""The setting: name of the chain → when it was looked through, and how that ended."""
EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Checked:
    """The last look at one chain. `broken_at` is the number of the first entry that does not fit."""

    at: datetime
    ok: bool
    entries: int
    broken_at: int | None


def last_checked(session: Session) -> dict[str, Checked]:
    """The last look at each chain, by name (`audit`, `ledger`)."""
    kept: Mapping[str, Mapping[str, object]] = workspace.get(session, CHECKED, {})
    return {
        name: Checked(
            datetime.fromisoformat(str(one["at"])),
            bool(one["ok"]),
            int(str(one["entries"])),
            None if one["broken_at"] is None else int(str(one["broken_at"])),
        )
        for name, one in kept.items()
    }


def check_chains(ctx: Context) -> tuple[ChainCheck, ChainCheck]:
    """Look through both chains now, and remember it. An empty workspace stays empty."""
    now = ctx.clock.now()
    found = verify_chains(ctx, SYSTEM)
    kept = {
        one.chain: {"at": now.isoformat(), "ok": one.ok, "entries": one.entries, "broken_at": one.broken_at}
        for one in found
    }
    for one in found:
        if not one.ok:
            log.error("chain.broken", chain=one.chain, entry=one.broken_at)
    if any(one.entries or not one.ok for one in found):
        ctx.database.run(lambda session: workspace.put(session, {CHECKED: kept}))
    return found


def check_chains_when_due(ctx: Context) -> None:
    """The same, once a day however many ask."""
    with ctx.database.session() as session:
        known = last_checked(session)
    if not known or any(ctx.clock.now() - one.at >= EVERY for one in known.values()):
        check_chains(ctx)
