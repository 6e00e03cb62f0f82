"""Slices and sums of history: what the History page asks, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.domain.usage import Origin, Reading, UsageLine
from core.store import portals
from core.store.db import Database
from core.store.history import record_reading, slices

FIRST = datetime(2026, 9, 1, 6, 0, tzinfo=UTC)
MONTH = timedelta(days=30)


def line(customer: str, product: str, quantity: str) -> UsageLine:
    return UsageLine(
        customer_id=customer, customer=customer, product_key=product, product=product, quantity=Decimal(quantity),
        origin=Origin("export.csv", f"row {len(customer)}"),
    )  # fmt: skip


@pytest.fixture
def history(database: Database) -> Database:
    """Two portals over three months: Acme grows, Beta ends, Café Zürich comes."""

    def work(session) -> None:
        for name in ("Duo", "Backup"):
            portals.save(session, portals.Portal(name=name, connector="file"), FIRST)
        duo, backup = (portals.by_name(session, name) for name in ("Duo", "Backup"))
        readings = (
            (duo, FIRST, (line("Acme BV", "MFA", "10"), line("Beta NV", "MFA", "4"))),
            (backup, FIRST, (line("Acme BV", "Server", "1.5"),)),
            (duo, FIRST + MONTH, (line("Acme BV", "MFA", "12"), line("Beta NV", "MFA", "4"))),
            (duo, FIRST + 2 * MONTH, (line("Acme BV", "MFA", "12"), line("Café Zürich", "MFA", "7"))),
        )
        for portal, at, lines in readings:
            assert portal
            record_reading(session, portal.id, Reading(portal=portal.name, taken_at=at, lines=lines))

    database.run(work)
    return database


@pytest.mark.parametrize(
    ("months", "expected"),
    [
        (0, {("Acme BV", "MFA"): "10", ("Acme BV", "Server"): "1.5", ("Beta NV", "MFA"): "4"}),
        (1, {("Acme BV", "MFA"): "12", ("Acme BV", "Server"): "1.5", ("Beta NV", "MFA"): "4"}),
        (2, {("Acme BV", "MFA"): "12", ("Acme BV", "Server"): "1.5", ("Café Zürich", "MFA"): "7"}),
    ],
)
def test_s1_76_the_quantity_at_any_past_moment(history: Database, months: int, expected: dict) -> None:
    with history.session() as session:
        rows, total = slices.used_at(session, FIRST + months * MONTH + timedelta(hours=1))
    assert {(row.customer, row.product): row.quantity for row in rows} == {
        key: Decimal(quantity) for key, quantity in expected.items()
    }
    assert total == len(expected)


def test_before_the_first_reading_nothing_was_used(history: Database) -> None:
    with history.session() as session:
        assert slices.used_at(session, FIRST - timedelta(seconds=1)) == ([], 0)


def test_a_slice_is_cut_sorted_and_searched_in_the_database(history: Database) -> None:
    now = FIRST + 2 * MONTH
    with history.session() as session:
        first, total = slices.used_at(session, now, sort="quantity", limit=1)
        second, _ = slices.used_at(session, now, sort="quantity", offset=1, limit=1)
        found, count = slices.used_at(session, now, text="zürich")
        only, _ = slices.used_at(session, now, portal="Backup")
    assert ([row.quantity for row in (*first, *second)], total) == ([Decimal(12), Decimal(7)], 3)
    assert ([row.customer for row in found], count) == (["Café Zürich"], 1)
    assert [row.product for row in only] == ["Server"]
