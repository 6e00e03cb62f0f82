"""A workspace with history for reports, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

import pytest

from core.domain.contract import Company
from core.domain.errors import SettingsError
from core.domain.text import T
from core.domain.usage import Reading, UsageLine
from core.services.access import Actor, Role
from core.services.context import Context
from core.store import directory, history, portals
from core.store.db import Database
from core.store.portals import Portal
from core.store.tables import METADATA

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DUTCH = Actor(1, "Vera", Role.VIEWER, "nl", "nl_NL")
ENGLISH = Actor(1, "Vera", Role.VIEWER, "en", "en_GB")
OPERATOR = Actor(2, "Otto", Role.OPERATOR, "nl", "nl_NL")
ADMIN = Actor(3, "Anna", Role.ADMIN, "nl", "nl_NL")


class StandingClock:
    """Moves when a test says so."""

    def __init__(self) -> None:
        self.instant = NOW

    def now(self) -> datetime:
        return self.instant

    def today(self) -> date:
        return self.instant.date()


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


def unconnected() -> NoReturn:
    raise SettingsError(T("Autotask is not connected yet."), kind="autotask_missing")


@pytest.fixture
def ctx(empty_database: Path, tmp_path: Path, clock: StandingClock) -> Iterator[Context]:
    path = tmp_path / "reports.db"
    path.write_bytes(empty_database.read_bytes())
    database = Database(f"sqlite:///{path}")
    yield Context(database, clock, None, unconnected, None, None, tmp_path)  # type: ignore[arg-type]
    database.dispose()


def read(ctx: Context, portal: str, at: datetime, used: Mapping[tuple[str, str], object], **facts: object) -> None:
    """One reading: (customer, product) → quantity. The portal is made where there is none."""
    with ctx.database.write() as session:
        found = portals.by_name(session, portal) or portals.save(session, Portal(name=portal, connector="x"), at)
        lines = tuple(
            UsageLine(
                customer_id=customer, customer=customer, product_key=product, product=product,
                quantity=Decimal(str(quantity)), **facts,
            )
            for (customer, product), quantity in used.items()
        )  # fmt: skip
        history.record_reading(session, found.id, Reading(portal=portal, taken_at=at, lines=lines))


def link(ctx: Context, company_id: int, company: str, *customers: str) -> None:
    """Map portal customers to a company."""
    table = METADATA.tables["portal_customer"]
    with ctx.database.write() as session:
        directory.save_companies(session, [Company(company_id, company)])
        session.execute(table.update().where(table.c.customer_id.in_(customers)).values(company_id=company_id))


SEED = (
    ("Microsoft 365", "Business Premium", 187, 182),
    ("Microsoft 365", "Exchange Online", 340, 347),
    ("Duo", "Duo Advantage", 54, 54),
    ("SentinelOne", "Singularity Control", 523, 498),
    ("Datto RMM", "Managed device", 211, 208),
)
"""Vendor, product, now, a month ago (S1-74)."""


@pytest.fixture
def seeded(ctx: Context) -> Context:
    """The customer's own example: five products of four vendors."""
    for place, at in ((3, datetime(2026, 10, 15, 2, tzinfo=UTC)), (2, datetime(2026, 11, 10, 2, tzinfo=UTC))):
        for vendor in dict.fromkeys(row[0] for row in SEED):
            mine = {("Acme", row[1]): row[place] for row in SEED if row[0] == vendor}
            read(ctx, vendor, at, mine, unit_price=Decimal("284.60"), currency="EUR")
    link(ctx, 7, "Acme B.V.", "Acme")
    return ctx
