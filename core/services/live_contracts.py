"""Contract lines and their units over some days, as Autotask has them now; what was last read, where it cannot be asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from core.domain.contract import ContractState, LineRef, UnitRow
from core.domain.errors import ContractBridgeError, RemoteError, SettingsError
from core.domain.ports import RowAmount
from core.domain.text import T, Text
from core.store import directory

if TYPE_CHECKING:
    from core.services.context import Context

NEXT = timedelta(days=31)
"""Amounts are read so much further: a row that begins in a month may be cut by one in the next."""


@dataclass(frozen=True, slots=True)
class SeenContracts:
    """`state` holds the lines of contracts that run on any of the days; units are known where they were read for these days.

    `live`: Autotask was asked just now. `amounts` are what its unit rows bill, where that was asked for. `problem`: why not.
    """

    state: ContractState
    live: bool
    amounts: Mapping[LineRef, list[RowAmount]] = field(default_factory=dict)
    problem: Text | None = None


def contracts_between(
    ctx: Context, first: date, last: date, *, company_ids: Collection[int] | None = None, amounts: bool = False
) -> SeenContracts:
    """Lines of all contracts (or those of some companies) that run on any day from `first` to `last`, and their unit rows.

    The number of requests follows the number of pages, not of lines (M16).
    """
    with ctx.database.session() as session:
        stored = directory.load_state(session)
    ids = {
        contract.id
        for contract in stored.contracts.values()
        if contract.active and contract.start <= last and contract.end >= first
        if company_ids is None or contract.company_id in company_ids
    }
    try:
        return _live(ctx, stored, ids, (first, last), amounts=amounts)
    except (SettingsError, RemoteError) as error:
        return _stored(stored, ids, error, covers=first >= ctx.clock.today())


def _live(
    ctx: Context, stored: ContractState, ids: Collection[int], days: tuple[date, date], *, amounts: bool
) -> SeenContracts:
    with closing(ctx.autotask()) as target:
        if not ids:
            target.check()
            return SeenContracts(replace(stored, lines={}, units={}, units_known=frozenset()), live=True)
        lines = {line.ref: line for line in target.lines(ids) if line.contract_id in ids}
        billed = target.row_amounts(lines, days[0], days[1] + NEXT) if amounts else {}
        units: Mapping[LineRef, list[UnitRow]] = (
            {ref: [UnitRow(row.start, row.end, row.units, row.posted) for row in rows] for ref, rows in billed.items()}
            if amounts
            else target.units(*days, None, ids)
        )
    known = {ref: units.get(ref, []) for ref in lines}
    return SeenContracts(replace(stored, lines=lines, units=known, units_known=frozenset(lines)), True, billed)


def _stored(stored: ContractState, ids: Collection[int], error: ContractBridgeError, *, covers: bool) -> SeenContracts:
    """Units are kept of today and later alone: of earlier days they are not known."""
    lines = {ref: line for ref, line in stored.lines.items() if line.contract_id in ids}
    known = stored.units_known & lines.keys() if covers else frozenset()
    problem = T("Autotask could not be asked: {reason}", reason=error.message)
    return SeenContracts(replace(stored, lines=lines, units_known=frozenset(known)), False, {}, problem)
