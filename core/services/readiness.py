"""Whether the product can do its work now, for who sends visitors to it or wakes somebody: alive is not ready."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from core.domain.text import T, Text
from core.services.owners import is_dead
from core.services.storage import storage_trouble
from core.store import migrate
from core.store.vitals import engines

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True)
class Reason:
    """Why it is not ready. `code` is one of the doctor's."""

    code: str
    message: Text


def reasons(ctx: Context) -> list[Reason]:
    """Why the product is not ready; empty when it is. A few small queries and one small file: to be asked every few seconds."""
    trouble = storage_trouble(ctx)
    found = [] if trouble is None else [Reason(f"storage.{trouble.kind}", trouble.message)]
    try:
        with ctx.database.session() as session:
            version = migrate.current(session.connection())
            if version != migrate.head():
                text = T(
                    "Its tables are of version {found}, not {wanted}.", found=version or "?", wanted=migrate.head()
                )
                return [*found, Reason("database.version", text)]
            # A process of this machine that was killed is known to be gone before its lease has run out.
            working = [owner for owner in engines(session, ctx.clock.now()) if not is_dead(owner)]
    except (SQLAlchemyError, OSError):
        return [*found, Reason("database.away", T("The database does not answer."))]
    if not working:
        found.append(Reason("engine.none", T("No engine works: nothing is read or written.")))
    return found
