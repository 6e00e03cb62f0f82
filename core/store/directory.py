"""Autotask as it was last read: kept in bulk, loaded in a handful of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Table, func, select
from sqlalchemy.orm import Session

from core.domain.contract import (
    CatalogueItem,
    Company,
    Contract,
    ContractLine,
    ContractState,
    ItemRef,
    LineKind,
    LineRef,
    PeriodType,
    UnitRow,
)
from core.store.bulk import alone, chunks, delete_rows, insert_rows, merge_rows, update_rows, upsert_rows
from core.store.folding import folded
from core.store.tables import table
from core.store.tables.directory import (
    CompanyRow,
    ContractLineRow,
    ContractRow,
    DirectoryStateRow,
    ItemRow,
    UnitRowRow,
)

COMPANY, ITEM, CONTRACT = table(CompanyRow), table(ItemRow), table(ContractRow)
LINE, UNITS, STATE = table(ContractLineRow), table(UnitRowRow), table(DirectoryStateRow)
DIRECTORY_LOCK = 0x636F6E77
"""Two runs may have read Autotask at the same time: one after the other writes down what it saw."""


@dataclass(frozen=True, slots=True)
class EntityState:
    """How far an entity was read. `watermark`: instant for the next delta read; `full_read_at`: last whole reading."""

    watermark: datetime | None = None
    full_read_at: datetime | None = None
    window_first: date | None = None
    window_last: date | None = None


def states(session: Session) -> dict[str, EntityState]:
    """How far each entity was read: `companies`, `items`, `contracts`, `lines`, `units`."""
    return {
        row.entity: EntityState(row.watermark, row.full_read_at, row.window_first, row.window_last)
        for row in session.execute(select(STATE))
    }


def set_state(session: Session, entity: str, state: EntityState) -> None:
    """Note how far an entity was read."""
    values = {
        "entity": entity,
        "watermark": state.watermark,
        "full_read_at": state.full_read_at,
        "window_first": state.window_first,
        "window_last": state.window_last,
    }
    upsert_rows(session, STATE, [values], ["entity"])


def save_companies(session: Session, companies: Iterable[Company], *, whole: bool = False) -> int:
    """Take over companies; `whole`: those not given are gone. Returns how many rows were written. So do all `save_…`."""
    rows = [
        {
            "id": company.id,
            "name": company.name,
            "folded": folded(company.name, company.number),
            "active": company.active,
            "number": company.number,
            "company_type": company.company_type,
        }
        for company in companies
    ]
    return _save(session, COMPANY, rows, ["id"], whole)


def save_items(session: Session, items: Iterable[CatalogueItem], *, whole: bool = False) -> int:
    """Take over services and bundles."""
    rows = [
        {
            "kind": item.ref.kind.value,
            "id": item.ref.id,
            "name": item.name,
            "active": item.active,
            "period_type": item.period_type.value,
            "unit_price": item.unit_price,
            "unit_cost": item.unit_cost,
            "sku": item.sku,
        }
        for item in items
    ]
    return _save(session, ITEM, rows, ["kind", "id"], whole)


def save_contracts(session: Session, contracts: Iterable[Contract], *, whole: bool = False) -> int:
    """Take over contracts."""
    rows = [
        {
            "id": contract.id,
            "company_id": contract.company_id,
            "name": contract.name,
            "start": contract.start,
            "end": contract.end,
            "period_type": contract.period_type.value,
            "active": contract.active,
            "number": contract.number,
        }
        for contract in contracts
    ]
    return _save(session, CONTRACT, rows, ["id"], whole)


def save_lines(
    session: Session,
    lines: Iterable[ContractLine],
    *,
    whole: bool = False,
    contract_ids: Collection[int] | None = None,
) -> int:
    """Take over contract lines. `contract_ids`: these contracts were read wholly, their lines not given are gone."""
    rows = [
        {
            "kind": line.ref.kind.value,
            "id": line.ref.id,
            "contract_id": line.contract_id,
            "item_kind": line.item.kind.value,
            "item_id": line.item.id,
            "unit_price": line.unit_price,
            "unit_cost": line.unit_cost,
            "description": line.description,
        }
        for line in lines
    ]
    written = _save(session, LINE, rows, ["kind", "id"], whole)
    if contract_ids is not None and not whole:
        given = {(row["kind"], row["id"]) for row in rows}
        asked = set(contract_ids)
        query = select(LINE.c.kind, LINE.c.id, LINE.c.contract_id)
        gone = [(row[0], row[1]) for row in session.execute(query) if row[2] in asked and (row[0], row[1]) not in given]
        delete_rows(session, LINE, [LINE.c.kind, LINE.c.id], gone)
        written += len(gone)
    _drop_units_without_line(session)
    return written


def save_units(session: Session, units: Mapping[LineRef, Sequence[UnitRow]], read_at: datetime) -> int:
    """Take over the unit rows of these lines wholly; a line with no rows has 0 units. Marks the lines' units as read."""
    alone(session, DIRECTORY_LOCK)
    have = _unit_rows(session)
    differing = [ref for ref, rows in units.items() if have.get(ref, []) != list(rows)]
    delete_rows(
        session,
        UNITS,
        [UNITS.c.line_kind, UNITS.c.line_id],
        [(ref.kind.value, ref.id) for ref in differing if ref in have],
    )
    rows = [
        {
            "line_kind": ref.kind.value,
            "line_id": ref.id,
            "position": position,
            "start": row.start,
            "end": row.end,
            "units": row.units,
            "posted": row.posted,
        }
        for ref in differing
        for position, row in enumerate(units[ref])
    ]
    insert_rows(session, UNITS, rows)
    _mark_read(session, units.keys(), read_at)
    return len(differing)


def drop_later_units(session: Session, lines: Collection[LineRef], day: date) -> None:
    """Forget the unit rows of these lines that begin after a day."""
    alone(session, DIRECTORY_LOCK)
    for kind in {ref.kind for ref in lines}:
        for chunk in chunks(sorted(ref.id for ref in lines if ref.kind is kind)):
            session.execute(
                UNITS.delete().where(UNITS.c.line_kind == kind.value, UNITS.c.line_id.in_(chunk), UNITS.c.start > day)
            )


def save_prices(session: Session, prices: Mapping[LineRef, tuple[Any, Any]]) -> None:
    """Take over unit price and unit cost of lines."""
    alone(session, DIRECTORY_LOCK)
    rows = [
        {"kind": ref.kind.value, "id": ref.id, "unit_price": price, "unit_cost": cost}
        for ref, (price, cost) in prices.items()
    ]
    update_rows(session, LINE, rows, ["kind", "id"])


def load_state(session: Session, *, company_ids: Collection[int] | None = None) -> ContractState:
    """Autotask as it was last read: all of it, or what concerns some companies."""
    wanted = None if company_ids is None else set(company_ids)
    companies = {
        row.id: Company(row.id, row.name, row.active, row.number, row.company_type)
        for row in session.execute(select(COMPANY))
        if wanted is None or row.id in wanted
    }
    items = {item.ref: item for item in _items(session)}
    contracts = {
        row[0]: Contract(row[0], row[1], row[2], row[3], row[4], PeriodType(row[5]), row[6], row[7])
        for row in session.execute(
            select(
                CONTRACT.c.id, CONTRACT.c.company_id, CONTRACT.c.name, CONTRACT.c.start, CONTRACT.c.end,
                CONTRACT.c.period_type, CONTRACT.c.active, CONTRACT.c.number,
            )
        )
        if wanted is None or row[1] in wanted
    }  # fmt: skip
    lines, known = _lines(session, contracts)
    units = {ref: rows for ref, rows in _unit_rows(session).items() if ref in lines}
    return ContractState(companies, items, contracts, lines, units, known)


def company_names(session: Session) -> dict[int, str]:
    """Names of all companies that are known, inactive ones too."""
    return {row[0]: row[1] for row in session.execute(select(COMPANY.c.id, COMPANY.c.name))}


def companies(session: Session) -> list[Company]:
    """Active companies in order of name."""
    query = select(COMPANY).where(COMPANY.c.active).order_by(COMPANY.c.folded, COMPANY.c.id)
    return [Company(row.id, row.name, row.active, row.number, row.company_type) for row in session.execute(query)]


def items(session: Session) -> list[CatalogueItem]:
    """Active services and bundles in order of name."""
    return sorted((item for item in _items(session) if item.active), key=lambda item: (item.name.casefold(), item.ref))


def counts(session: Session) -> dict[str, int]:
    """How many rows of each entity are kept."""
    tables = {"companies": COMPANY, "items": ITEM, "contracts": CONTRACT, "lines": LINE, "units": UNITS}
    return {name: session.execute(select(func.count()).select_from(kept)).scalar_one() for name, kept in tables.items()}


def clear(session: Session) -> None:
    """Forget everything that was read: another Autotask is connected."""
    for kept in (UNITS, LINE, CONTRACT, ITEM, COMPANY, STATE):
        session.execute(kept.delete())


def _save(session: Session, target: Table, rows: list[dict[str, Any]], keys: list[str], whole: bool) -> int:
    alone(session, DIRECTORY_LOCK)
    written = merge_rows(session, target, rows, keys)
    if whole:
        columns = [target.c[name] for name in keys]
        given = {tuple(row[name] for name in keys) for row in rows}
        gone = [tuple(row) for row in session.execute(select(*columns)) if tuple(row) not in given]
        delete_rows(session, target, columns, gone if len(keys) > 1 else [key[0] for key in gone])
        written += len(gone)
    return written


def _drop_units_without_line(session: Session) -> None:
    session.execute(
        UNITS.delete().where(
            ~select(LINE.c.id).where(LINE.c.kind == UNITS.c.line_kind, LINE.c.id == UNITS.c.line_id).exists()
        )
    )


def _mark_read(session: Session, refs: Iterable[LineRef], read_at: datetime) -> None:
    rows = [{"kind": ref.kind.value, "id": ref.id, "units_read_at": read_at} for ref in refs]
    update_rows(session, LINE, rows, ["kind", "id"])


def _items(session: Session) -> list[CatalogueItem]:
    return [
        CatalogueItem(
            ItemRef(LineKind(row.kind), row.id),
            row.name,
            row.active,
            PeriodType(row.period_type),
            row.unit_price,
            row.unit_cost,
            row.sku,
        )
        for row in session.execute(select(ITEM))
    ]


def _lines(
    session: Session, contracts: Mapping[int, Contract]
) -> tuple[dict[LineRef, ContractLine], frozenset[LineRef]]:
    kinds = {kind.value: kind for kind in LineKind}
    lines: dict[LineRef, ContractLine] = {}
    known: list[LineRef] = []
    query = select(
        LINE.c.kind, LINE.c.id, LINE.c.contract_id, LINE.c.item_kind, LINE.c.item_id, LINE.c.unit_price,
        LINE.c.unit_cost, LINE.c.description, LINE.c.units_read_at.is_not(None),
    )  # fmt: skip
    for kind, number, contract_id, item_kind, item_id, price, cost, description, units_read in session.execute(query):
        if contract_id not in contracts:
            continue
        ref = LineRef(kinds[kind], number)
        lines[ref] = ContractLine(ref, contract_id, ItemRef(kinds[item_kind], item_id), price, cost, description)
        if units_read:
            known.append(ref)
    return lines, frozenset(known)


def _unit_rows(session: Session) -> dict[LineRef, list[UnitRow]]:
    kinds = {kind.value: kind for kind in LineKind}
    units: dict[LineRef, list[UnitRow]] = defaultdict(list)
    query = select(
        UNITS.c.line_kind, UNITS.c.line_id, UNITS.c.start, UNITS.c.end, UNITS.c.units, UNITS.c.posted
    ).order_by(UNITS.c.line_kind, UNITS.c.line_id, UNITS.c.position)
    for kind, number, start, end, count, posted in session.execute(query):
        units[LineRef(kinds[kind], number)].append(UnitRow(start, end, count, posted))
    return dict(units)
