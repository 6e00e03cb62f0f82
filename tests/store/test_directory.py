"""Autotask as it was last read: replaced whole or in deltas, and given back exactly."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

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
from core.store import directory
from core.store.db import Database
from core.store.directory import EntityState
from tests.store.conftest import NOW

BIG = 2**40
SERVICE, BUNDLE = LineKind.SERVICE, LineKind.BUNDLE
COMPANIES = [Company(1, "Acme", True, "A1", 3), Company(BIG, "Beta", False)]
ITEMS = [
    CatalogueItem(ItemRef(SERVICE, 5), "MFA", True, PeriodType.MONTHLY, Decimal("1.25"), Decimal("0.999999"), "sku"),
    CatalogueItem(ItemRef(BUNDLE, 5), "Bundle", False),
]
CONTRACTS = [
    Contract(10, 1, "Main", date(2026, 1, 1), date(2026, 12, 31), PeriodType.QUARTERLY, True, "N1"),
    Contract(11, BIG, "Other", date(2026, 1, 1), date(2026, 12, 31), PeriodType.UNKNOWN, False),
]
LINES = [
    ContractLine(LineRef(SERVICE, BIG), 10, ItemRef(SERVICE, 5), Decimal("1.25"), None, "words"),
    ContractLine(LineRef(BUNDLE, BIG), 11, ItemRef(BUNDLE, 5)),
    ContractLine(LineRef(SERVICE, 7), 10, ItemRef(SERVICE, 5)),
]
ROWS = [UnitRow(date(2026, 1, 1), date(2026, 2, 1), 3, True), UnitRow(date(2026, 2, 1), date(2026, 12, 31), 4)]
UNITS = {LINES[0].ref: ROWS, LINES[1].ref: [ROWS[1], ROWS[1]._replace(units=0)], LINES[2].ref: []}


def fill(database: Database) -> None:
    with database.write() as session:
        directory.save_companies(session, COMPANIES, whole=True)
        directory.save_items(session, ITEMS, whole=True)
        directory.save_contracts(session, CONTRACTS, whole=True)
        directory.save_lines(session, LINES, whole=True)
        directory.save_units(session, UNITS, NOW)


def state(database: Database) -> ContractState:
    with database.session() as session:
        return directory.load_state(session)


def test_what_was_read_comes_back_exactly(database: Database) -> None:
    fill(database)
    found = state(database)
    assert found.companies == {company.id: company for company in COMPANIES}
    assert found.items == {item.ref: item for item in ITEMS}
    assert found.contracts == {contract.id: contract for contract in CONTRACTS}
    assert found.lines == {line.ref: line for line in LINES}
    assert found.units == {ref: rows for ref, rows in UNITS.items() if rows}
    assert found.units_known == frozenset(UNITS)


def test_lines_whose_units_were_not_read_are_not_known(database: Database) -> None:
    fill(database)
    new = ContractLine(LineRef(SERVICE, 8), 10, ItemRef(SERVICE, 5))
    with database.write() as session:
        directory.save_lines(session, [new])
    assert new.ref in state(database).lines
    assert new.ref not in state(database).units_known


def test_a_delta_changes_only_what_it_names(database: Database) -> None:
    fill(database)
    renamed = Company(1, "Acme BV", True, "A1", 3)
    with database.write() as session:
        assert directory.save_companies(session, [renamed]) == 1
        assert directory.save_companies(session, [renamed]) == 0
    assert state(database).companies == {1: renamed, BIG: COMPANIES[1]}


def test_a_whole_reading_that_changes_nothing_writes_nothing(database: Database) -> None:
    fill(database)
    with database.write() as session:
        assert directory.save_companies(session, COMPANIES, whole=True) == 0
        assert directory.save_items(session, ITEMS, whole=True) == 0
        assert directory.save_contracts(session, CONTRACTS, whole=True) == 0
        assert directory.save_lines(session, LINES, whole=True) == 0
        assert directory.save_units(session, UNITS, NOW + timedelta(days=1)) == 0


def test_what_a_whole_reading_does_not_name_is_gone(database: Database) -> None:
    fill(database)
    with database.write() as session:
        assert directory.save_companies(session, COMPANIES[:1], whole=True) == 1
        assert directory.save_items(session, ITEMS[:1], whole=True) == 1
        assert directory.save_lines(session, LINES[:1], whole=True) == 2
    found = state(database)
    assert set(found.companies) == {1}
    assert set(found.items) == {ITEMS[0].ref}
    assert set(found.lines) == set(found.units) == {LINES[0].ref}


def test_lines_of_contracts_that_were_read_wholly_are_replaced(database: Database) -> None:
    fill(database)
    with database.write() as session:
        directory.save_lines(session, [LINES[0]], contract_ids=[10])
    assert set(state(database).lines) == {LINES[0].ref, LINES[1].ref}


def test_units_are_replaced_line_by_line(database: Database) -> None:
    fill(database)
    fresh = [UnitRow(date(2026, 1, 1), date(2026, 12, 31), 9)]
    with database.write() as session:
        assert directory.save_units(session, {LINES[0].ref: fresh, LINES[1].ref: []}, NOW) == 2
    found = state(database)
    assert found.units == {LINES[0].ref: fresh}
    assert LINES[1].ref in found.units_known


def test_prices_are_taken_over(database: Database) -> None:
    fill(database)
    with database.write() as session:
        directory.save_prices(session, {LINES[1].ref: (Decimal("9.5"), Decimal("1"))})
    line = state(database).lines[LINES[1].ref]
    assert (line.unit_price, line.unit_cost) == (Decimal("9.5"), Decimal(1))


def test_the_state_of_some_companies(database: Database) -> None:
    fill(database)
    with database.session() as session:
        found = directory.load_state(session, company_ids=[1])
        assert directory.companies(session) == COMPANIES[:1]
        assert directory.items(session) == ITEMS[:1]
        assert directory.company_names(session) == {1: "Acme", BIG: "Beta"}
        assert directory.counts(session)["lines"] == 3
    assert (set(found.companies), set(found.contracts)) == ({1}, {10})
    assert set(found.lines) == {LINES[0].ref, LINES[2].ref}


def test_how_far_an_entity_was_read_is_kept(database: Database) -> None:
    first = EntityState(NOW, NOW, date(2026, 10, 1), date(2026, 12, 1))
    with database.write() as session:
        directory.set_state(session, "units", first)
        directory.set_state(session, "companies", EntityState(NOW))
        directory.set_state(session, "companies", EntityState(NOW + timedelta(hours=1)))
        assert directory.states(session) == {"units": first, "companies": EntityState(NOW + timedelta(hours=1))}


def test_another_autotask_starts_empty(database: Database) -> None:
    fill(database)
    with database.write() as session:
        directory.clear(session)
        assert set(directory.counts(session).values()) == {0}
        assert directory.load_state(session) == ContractState({}, {}, {}, {})
