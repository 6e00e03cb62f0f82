"""Autotask as it is now: read in bulk, in deltas where it can tell what changed, and never line by line (M16)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from core.domain.contract import ContractLine, ContractState, ItemRef, LineRef, UnitRow
from core.domain.ports import TargetDirectory
from core.services.context import Context
from core.services.threads import Pool
from core.store import directory as store
from core.store.bulk import chunks

PAGE = 500
"""Records of a page, and ids of a query (Autotask reference §3)."""
HALVE_FROM = 100
"""Rows of fewer lines fit on a page or two."""
OVERLAP = timedelta(minutes=30)
"""A delta begins so much before the last one: clocks differ, and a change may become visible a little late."""
WHOLE_EVERY = timedelta(hours=24)
"""What a delta cannot tell (a record that was deleted, a clock that was set back) is right again after so long."""
LOOK_AHEAD = timedelta(days=35)
"""How far ahead units are read once in WHOLE_EVERY: into the next month, where changes are booked most."""


def refresh(ctx: Context, target: TargetDirectory, company_ids: Collection[int]) -> ContractState:
    """Autotask now, with the lines of these companies' contracts and the units in force today.

    Only for those lines are units known. What is booked for the next weeks is read once a day and remembered till then;
    all rows of a line are read by `deepen`. Raises RemoteError when anything
    could not be read: half a directory would look like contracts and lines that do not exist.
    """
    now = ctx.clock.now()
    with ctx.database.session() as session:
        states = store.states(session)
    with Pool(3, "directory") as pool:
        reads = [
            _Delta(pool, name, read, save, states.get(name, store.EntityState()), now)
            for name, read, save in (
                ("companies", target.companies, store.save_companies),
                ("items", target.items, store.save_items),
                ("contracts", target.contracts, store.save_contracts),
            )
        ]
        for one in reads:
            one.wait()

    def keep(session: Session) -> None:
        for one in reads:
            one.keep(session)

    ctx.database.run(keep)
    with ctx.database.session() as session:
        known = store.load_state(session)
    return _lines_and_units(ctx, target, known, set(company_ids), states.get("units", store.EntityState()))


def deepen(target: TargetDirectory, state: ContractState, lines: Collection[LineRef], first: date) -> ContractState:
    """The same state with all rows of these lines from `first` on: later changes that are booked already, and posted periods."""
    if not lines:
        return state
    # Two halves, because the pages of one answer can only be asked for one after the other.
    portion = PAGE if len(lines) <= HALVE_FROM else min(PAGE, -(-len(lines) // 2))
    with Pool(2, "units") as pool:
        parts = list(pool.map(lambda ids: target.units(first, lines=ids), chunks(sorted(lines), portion)))
    read: dict[LineRef, Sequence[UnitRow]] = dict.fromkeys(lines, ())
    for part in parts:
        read |= part
    return replace(state, units={**state.units, **read}, units_known=state.units_known | frozenset(lines))


def keep_units(ctx: Context, state: ContractState, lines: Collection[LineRef]) -> None:
    """Remember the units of these lines as they are in `state`."""
    units = {line: state.units.get(line, ()) for line in lines}
    ctx.database.run(lambda session: store.save_units(session, units, ctx.clock.now()))


class _Delta:
    """One entity: what changed since the last time, or all of it once a day."""

    def __init__(
        self,
        pool: Pool,
        name: str,
        read: Callable[[datetime | None], Sequence[Any]],
        save: Callable[..., int],
        state: store.EntityState,
        now: datetime,
    ) -> None:
        self.name, self.save, self.state, self.now = name, save, state, now
        self.future: Future[Sequence[Any]] = pool.submit(read, self.since)

    @property
    def since(self) -> datetime | None:
        full, mark = self.state.full_read_at, self.state.watermark
        if full is None or mark is None or not timedelta() <= self.now - full < WHOLE_EVERY or mark > self.now:
            return None
        return mark - OVERLAP

    def wait(self) -> None:
        self.future.result()

    def keep(self, session: Session) -> None:
        whole = self.since is None
        self.save(session, self.future.result(), whole=whole)
        full = self.now if whole else self.state.full_read_at
        store.set_state(session, self.name, store.EntityState(self.now, full))


def _lines_and_units(
    ctx: Context, target: TargetDirectory, known: ContractState, company_ids: set[int], units_state: store.EntityState
) -> ContractState:
    now, today = ctx.clock.now(), ctx.clock.today()
    matter = {c.id for c in known.contracts.values() if c.active and c.end >= today and c.company_id in company_ids}
    if not matter:
        return replace(known, lines={}, units={}, units_known=frozenset())
    narrow = _cheaper_narrow(known, matter)
    asked = sorted(matter) if narrow else None
    seen_ahead = units_state.full_read_at
    ahead = seen_ahead is None or not timedelta() <= now - seen_ahead < WHOLE_EVERY
    last = today + LOOK_AHEAD if ahead else today
    with Pool(2, "directory") as pool:
        lines_read = pool.submit(target.lines, asked)
        units_read = pool.submit(target.units, today, last, None, asked)
        every_line, every_unit = lines_read.result(), units_read.result()
    lines = {line.ref: line for line in every_line if line.contract_id in matter}
    remembered = {} if ahead else known.units
    units = {ref: _with_later(every_unit.get(ref, []), remembered.get(ref, ()), today) for ref in lines}

    def keep(session: Session) -> None:
        if narrow:
            store.save_lines(session, every_line, contract_ids=matter)
        else:
            store.save_lines(session, every_line, whole=True)
        store.save_units(session, units, now)
        whole = now if not narrow else None
        store.set_state(session, "lines", store.EntityState(now, whole))
        store.set_state(session, "units", store.EntityState(now, now if ahead else seen_ahead, today, last))

    ctx.database.run(keep)
    return replace(known, lines=lines, units=units, units_known=frozenset(lines))


def _with_later(read: Sequence[UnitRow], remembered: Sequence[UnitRow], today: date) -> list[UnitRow]:
    """What was read of today, and behind it what is remembered of later days."""
    return [*read, *(row for row in remembered if row.start > today)] if remembered else list(read)


def forget_ahead(ctx: Context, lines: Collection[LineRef]) -> None:
    """Forget later rows of lines that were just written: they moved with the change, and the next look ahead reads them."""
    if lines:
        ctx.database.run(lambda session: store.drop_later_units(session, lines, ctx.clock.today()))


def keep_new_lines(ctx: Context, lines: Mapping[LineRef, tuple[int, ItemRef]]) -> None:
    """Remember lines that were just put on contracts, with contract and service: pages know them before the next reading."""
    if lines:
        rows = [ContractLine(ref, contract_id, item) for ref, (contract_id, item) in lines.items()]
        ctx.database.run(lambda session: store.save_lines(session, rows))


def _cheaper_narrow(known: ContractState, matter: Collection[int]) -> bool:
    """Whether asking for these contracts alone takes no more pages than asking for everything."""
    counted = Counter(line.contract_id for line in known.lines.values())
    usual = max(1, round(sum(counted.values()) / len(counted))) if counted else 10
    size = {contract: counted.get(contract, usual) for contract in known.contracts}
    narrow = sum(_pages(sum(size[contract] for contract in ids)) for ids in chunks(sorted(matter), PAGE))
    return narrow <= _pages(sum(size.values()))


def _pages(rows: int) -> int:
    return max(1, -(-rows // PAGE))
