"""Fifty thousand rows: filtered, sorted and cut in the database; thousands of lines written in few statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from sqlalchemy import event

from core.domain.contract import Company
from core.domain.mapping import CustomerKey, CustomerMapping
from core.domain.paging import PageQuery
from core.domain.usage import Reading, UsageLine
from core.store import directory, history, mappings
from core.store.bulk import insert_rows
from core.store.db import Database
from core.store.folding import folded
from core.store.mappings import Author
from core.store.portals import Portal
from core.store.tables import METADATA
from tests.store.conftest import NOW

MANY = 50_000


@pytest.fixture
def full(database: Database, portal: Portal) -> Database:
    rows = [
        {
            "portal_id": portal.id,
            "customer_id": f"c{number}",
            "name": f"Customer {number:05}",
            "folded": folded(f"Customer {number:05}"),
            "company_id": number if number % 2 else None,
            "first_seen_at": NOW,
        }
        for number in range(MANY)
    ]
    with database.write() as session:
        insert_rows(session, METADATA.tables["portal_customer"], rows)
        directory.save_companies(session, [Company(number, f"Company {number:05}") for number in range(1, 1000, 2)])
    return database


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN")):
            seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def test_pages_of_fifty_thousand_customers(full: Database) -> None:
    with full.session() as session, statements(full) as seen:
        page = mappings.page_customers(session, PageQuery(offset=40_000, limit=3))
        assert (page.total, [row.customer_id for row in page.rows]) == (MANY, ["c40000", "c40001", "c40002"])
        assert len(seen) == 3
        last = mappings.page_customers(session, PageQuery(sort="customer", descending=True, limit=1)).rows[0]
        assert (last.customer, last.status) == ("Customer 49999", "mapped")
        assert mappings.page_customers(session, PageQuery(status="pending")).total == MANY // 2
        assert mappings.page_customers(session, PageQuery(text="customer 0012")).total == 15
        assert mappings.page_customers(session, PageQuery(text="company 00777")).rows[0].customer_id == "c777"
        assert len(mappings.page_customers(session, PageQuery(limit=10_000)).rows) == 500


def test_ten_thousand_edits_take_few_statements_and_are_undone(full: Database) -> None:
    keys = [CustomerKey("Duo", f"c{number}") for number in range(10_000)]
    with full.write() as session, statements(full) as seen:
        batch = mappings.set_customers(session, [CustomerMapping(key, "", 5) for key in keys], Author("jan", NOW))
        assert len(seen) < 30
        assert batch is not None
        assert sum(found.company_id == 5 for found in mappings.find_customers(session, keys).values()) == 10_000
        undone = mappings.undo(session, batch, Author("jan", NOW))
        assert undone.conflicts == 0
        assert mappings.page_customers(session, PageQuery(status="pending")).total == MANY // 2


def test_a_reading_of_five_thousand_lines_takes_few_statements(database: Database, portal: Portal) -> None:
    lines = tuple(
        UsageLine(
            customer_id=f"c{n // 10}",
            customer=f"C{n // 10}",
            product_key=f"p{n % 10}",
            product="P",
            quantity=Decimal(n),
        )
        for n in range(5_000)
    )
    with database.write() as session, statements(database) as seen:
        assert history.record_reading(session, portal.id, Reading(portal="Duo", taken_at=NOW, lines=lines)).new == 5_000
        assert len(seen) < 20
        seen.clear()
        assert len(history.known_lines(session)[portal.id]) == 5_000
        assert len(seen) == 2, "the lines, and the time zone that their days are told in"
        seen.clear()
        assert history.portal_usage(session)[0].read_at == NOW
        assert len(seen) < 8
