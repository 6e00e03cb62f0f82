"""Chains: append-only tables in which each entry carries the hash of the one before it.

Whoever changes, removes or inserts an entry breaks the chain at that place, and `verify` names it. Writers lock the chain's
head row, so that threads, processes and machines never fork it; the numbers of entries have no gaps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from core.domain.text import T, Text
from core.store.bulk import insert_rows
from core.store.codec import canonical, digest
from core.store.tables import table
from core.store.tables.ledger import ChainHeadRow

HEAD = table(ChainHeadRow)
OUTSIDE_HASH = frozenset({"hash", "prev_hash"})
ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Verification:
    """`broken_at` is the number of the first entry that does not fit; None when the chain is whole."""

    ok: bool
    entries: int
    broken_at: int | None
    message: Text


def append_rows(session: Session, target: Table, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Add entries to the end of a chain, in one go; gives their numbers.

    Holds the end of the chain until the transaction ends: do it late in a transaction.
    """
    if not rows:
        return []
    head = session.execute(
        select(HEAD.c.position, HEAD.c.hash).where(HEAD.c.name == target.name).with_for_update()
    ).one()
    position, last = head.position, head.hash
    entries = []
    for row in rows:
        position += 1
        entry = row | {"id": position, "prev_hash": last}
        entry["hash"] = last = _hash(entry)
        entries.append(entry)
    insert_rows(session, target, entries)
    session.execute(HEAD.update().where(HEAD.c.name == target.name).values(position=position, hash=last))
    return list(range(position - len(rows) + 1, position + 1))


def stream(session: Session, target: Table, after: int = 0) -> Iterator[Any]:
    """All entries in order, read in portions."""
    query = select(target).where(target.c.id > after).order_by(target.c.id)
    yield from session.execute(query, execution_options={"yield_per": ROWS_AT_ONCE})


def verify(session: Session, target: Table) -> Verification:
    """Recompute the whole chain; says where it is broken first."""
    position, last = 0, ""
    for row in stream(session, target):
        entry = row._asdict()
        position += 1
        if entry["id"] != position:
            return _broken(position, T("Entry {number} is missing.", number=position))
        if entry["prev_hash"] != last:
            return _broken(position, T("Entry {number} does not follow from the one before it.", number=position))
        if entry["hash"] != _hash(entry):
            return _broken(position, T("Entry {number} was changed after it was written.", number=position))
        last = entry["hash"]
    head = session.execute(select(HEAD.c.position, HEAD.c.hash).where(HEAD.c.name == target.name)).first()
    if head is None or (head.position, head.hash) != (position, last):
        return _broken(position + 1, T("Entries after number {number} are missing.", number=position))
    return Verification(True, position, None, T("All {count} entries are as they were written.", count=position))


def _broken(position: int, message: Text) -> Verification:
    return Verification(False, position - 1, position, message)


def _hash(entry: dict[str, Any]) -> str:
    content = {name: value for name, value in entry.items() if name not in OUTSIDE_HASH}
    return digest(entry["prev_hash"] + canonical(content))
