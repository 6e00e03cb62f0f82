"""A workspace that charges consumption: a real sandbox Autotask over HTTP, a real database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.autotask.sandbox.data import MATERIAL_CODE
from connectors.autotask.sandbox.posting import post_period
from core.domain.charges.settings import ChargeSettings
from core.domain.consumption import ConsumptionKind, ConsumptionLine, ConsumptionReading
from core.domain.consumption_lines import month_of
from core.domain.policy import Mode
from core.domain.usage import Origin
from core.services.access import SYSTEM
from core.services.charges import save_settings
from core.services.consumption import record_consumption
from tests.services.money.world import World

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
EXAMPLE = (
    ("vm-erp", "ERP server", "284.60", "744", "hour"),
    ("st-files", "Storage", "38.20", "4.2", "TB"),
    ("net-over", "Data over 50 GB limit", "12.50", "12.5", "GB"),
)
"""S1-69: 284,60 + 38,20 + 12,50 = 335,30."""


def line(
    customer: str = "Acme",
    resource: str = "vm-erp",
    amount: str = "284.60",
    *,
    name: str = "",
    quantity: str | None = None,
    unit: str = "",
    currency: str = "EUR",
    kind: ConsumptionKind = ConsumptionKind.USAGE,
    price: str | None = None,
    period: tuple[date, date] = OCTOBER,
    provisional: bool = False,
    **dimensions: str,
) -> ConsumptionLine:
    return ConsumptionLine(
        customer_id=customer,
        customer=customer,
        resource_key=resource,
        resource=name or resource,
        amount=Decimal(amount),
        currency=currency,
        period_start=period[0],
        period_end=period[1],
        kind=kind,
        price=None if price is None else Decimal(price),
        quantity=None if quantity is None else Decimal(quantity),
        unit=unit,
        provisional=provisional,
        dimensions={name.replace("tag_", "tag:"): value for name, value in dimensions.items()},
        origin=Origin("azure-oct.csv", f"row {resource}", 1),
    )


def example(customer: str = "Acme", **more: Any) -> list[ConsumptionLine]:
    return [
        line(customer, key, amount, name=name, quantity=quantity, unit=unit, **more)
        for key, name, amount, quantity, unit in EXAMPLE
    ]


def told(world: World, lines: list[ConsumptionLine], *, portal: str = "Azure", **more: Any) -> ConsumptionReading:
    """A reading of the lines' month."""
    first, last = month_of(lines[0].period_start)
    return ConsumptionReading(
        portal=portal, taken_at=world.clock.now(), period_start=first, period_end=last, lines=tuple(lines), **more
    )


def brings(world: World, lines: list[ConsumptionLine], *, portal: str = "Azure", **more: Any) -> None:
    """A file with these amounts comes in."""
    record_consumption(world.ctx, SYSTEM, portal, told(world, lines, portal=portal, **more))


def charging(
    world: World,
    customers: Mapping[str, int],
    *,
    portal: str = "Azure",
    mode: Mode = Mode.AUTOMATIC,
    **settings: Any,
) -> None:
    """A portal of files whose consumption is charged on the sandbox's material code."""
    world.portal(portal, connector="file", mode=mode)
    booked = {} if "product_id" in settings else {"billing_code_id": MATERIAL_CODE}
    save_settings(world.ctx, SYSTEM, portal, ChargeSettings.model_validate({**booked, **settings}))
    world.map(dict(customers), {}, name=portal)


def in_autotask(world: World) -> list[dict[str, Any]]:
    """All charges there are, in order of number."""
    rows = world.server.sandbox.state.tables["ContractCharges"].rows
    return [rows[key] for key in sorted(rows)]


def total(world: World) -> Decimal:
    return sum((Decimal(str(row["billableAmount"])) for row in in_autotask(world)), Decimal(0))


def post(world: World, day: date = OCTOBER[1], contract: int | None = None) -> int:
    """Approve and post, as people do in Autotask's own screens."""
    return post_period(world.server.sandbox.state, day.isoformat(), contract)
