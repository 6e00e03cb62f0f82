"""M7 for money: what tells no month belongs to the month that it is in the workspace's time zone, not in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.charges.settings import ChargeSettings
from core.domain.policy import Mode
from core.domain.usage import Reading, UsageLine
from core.services.told_amounts import keep_amounts, keep_file_amounts
from core.store import charges, consumption, portals, workspace
from core.store.db import Database
from core.store.portals import Portal

TURN = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
"""In Amsterdam half past twelve on the first of November; in New York the evening of the day before."""
LINE = UsageLine(
    customer_id="A", customer="A", product_key="disk", product="Disk", quantity=Decimal(1), unit_cost=Decimal(12), currency="EUR"
)  # fmt: skip


@pytest.mark.parametrize("keep", [keep_amounts, keep_file_amounts])
@pytest.mark.parametrize(
    ("zone", "month"), [("Europe/Amsterdam", date(2026, 11, 1)), ("America/New_York", date(2026, 10, 1))]
)
def test_m7_an_amount_without_a_period_is_of_the_month_that_it_is_here(
    empty_database: Path, tmp_path: Path, keep: Callable[..., object], zone: str, month: date
) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(empty_database.read_bytes())
    database = Database(f"sqlite:///{path}")
    with database.write() as session:
        workspace.put(session, {workspace.ZONE: zone})
        portal = portals.save(session, Portal(name="P", connector="file", mode=Mode.REVIEW), TURN).id
        charges.save_settings(session, portal, "P", ChargeSettings(from_prices=True), TURN)
        keep(session, portal, Reading(portal="P", taken_at=TURN, lines=(LINE,)))
    with database.session() as session:
        (one,) = consumption.current(session, portal_ids=[portal])
        assert (one.period_start, one.taken_at) == (month, TURN)
    database.dispose()
