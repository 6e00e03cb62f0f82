"""Measures the subscriptions page: processor seconds of each view, against loading all subscriptions once in the same run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from core import bootstrap
from core.domain.usage import Reading, UsageLine
from core.services import new_subscription_list, subscriptions
from core.services.access import SYSTEM
from core.services.paging import PageQuery
from core.services.portals import create_portal, find
from core.settings import Settings
from core.store import history
from core.store import subscriptions as store

RUNS = 3
PORTAL = "Distributor"


def measure_subscriptions(lines: int) -> dict[str, Any]:
    """Seconds of each view; all but the calendar are slices and stay far below one load of everything."""
    with tempfile.TemporaryDirectory() as home:
        app = bootstrap.build(Settings(home=Path(home), database_url="", secret_key=None))
        try:
            return _measure(app, lines)
        finally:
            app.close()


def _measure(app: bootstrap.App, lines: int) -> dict[str, Any]:
    ctx, today = app.context, app.context.clock.today()
    create_portal(ctx, SYSTEM, PORTAL, "sample", settings={"of": "sample"}, secrets={})
    told = Reading(portal=PORTAL, taken_at=ctx.clock.now(), lines=_lines(lines, today))
    ctx.database.run(lambda session: history.record_reading(session, find(session, PORTAL).id, told))

    def load_all() -> None:
        with ctx.database.session() as session:
            store.with_terms(session, PageQuery())

    views: dict[str, Callable[[], object]] = {
        "list": lambda: subscriptions.subscriptions(ctx, SYSTEM, PageQuery()),
        "search": lambda: subscriptions.subscriptions(ctx, SYSTEM, PageQuery(text="customer 99")),
        "counts": lambda: subscriptions.badge_counts(ctx, SYSTEM),
        "new": lambda: new_subscription_list.new_rows(ctx, SYSTEM, PageQuery()),
        "one": lambda: subscriptions.subscription_detail(ctx, SYSTEM, PORTAL, "c5", "s150"),
        "calendar": lambda: subscriptions.calendar_view(ctx, SYSTEM, today, PageQuery()),
    }
    whole = _seconds(load_all)
    figures: dict[str, Any] = {"subscriptions": lines, "load all, cpu seconds": round(whole, 3)}
    for name, view in views.items():
        seconds = _seconds(view)
        figures[name] = {"cpu seconds": round(seconds, 3), "/ load all": round(seconds / whole, 3)}
    return figures


def _lines(count: int, today: date) -> tuple[UsageLine, ...]:
    """Thirty subscriptions a customer, whose terms end over a year, with seats that nobody uses."""
    return tuple(
        UsageLine(
            customer_id=f"c{number // 30}", customer=f"Customer {number // 30}", product_key=f"p{number % 30}",
            product=f"Product {number % 30}", quantity=Decimal(number % 40 + 1), term="P1Y", billing_frequency="monthly",
            subscription_id=f"s{number}",
            attributes={
                "status": "active", "auto_renew": "true", "assigned": str(number % 40),
                "commitment_end": (today + timedelta(days=number % 360)).isoformat(),
            },
        )
        for number in range(count)
    )  # fmt: skip


def _seconds(view: Callable[[], object]) -> float:
    """The least of some runs: the rest is the machine."""
    least = float("inf")
    for _ in range(RUNS):
        begin = time.process_time()
        view()
        least = min(least, time.process_time() - begin)
    return least
