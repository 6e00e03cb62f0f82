"""What a template makes of a portal's latest consumption, as long as somebody writes it (S1-63, S1-64)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.charges.language import number, product_name
from core.domain.charges.pricing import cents, exact_sum, price_of
from core.domain.charges.settings import ChargeSettings, Split, settings_for
from core.domain.charges.splitting import split_lines
from core.domain.charges.template import DESCRIPTION_LENGTH, NAME_LENGTH, VARIABLES, Rendered, facts, product_of, render
from core.domain.consumption import ConsumptionLine
from core.domain.consumption_lines import month_of
from core.services.access import Actor, Role, require
from core.services.portals import find
from core.store import consumption

if TYPE_CHECKING:
    from core.services.context import Context

EXAMPLE = ConsumptionLine(
    customer_id="example", customer="Acme B.V.", resource_key="vm-1", resource="vm-1", amount=Decimal("284.60"),
    currency="EUR", period_start=date(2026, 10, 1), period_end=date(2026, 10, 31), quantity=Decimal(744), unit="hours",
    dimensions={"subscription": "Production", "resource_group": "rg-erp", "service": "Virtual Machines",
                "meter_category": "Virtual Machines", "region": "westeurope", "product_type": "usage"},
)  # fmt: skip
"""What a template is shown with as long as there is no consumption."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A template filled in, and the lines of the charge it was filled with: those of an example where `real` is False."""

    rendered: Rendered
    lines: tuple[ConsumptionLine, ...]
    real: bool


def template_preview(
    ctx: Context,
    actor: Actor,
    portal: str,
    template: str,
    language: str = "nl",
    *,
    is_name: bool = False,
    settings: ChargeSettings | None = None,
    customer_id: str | None = None,
) -> Preview:
    """What a template makes of the largest charge of a customer (this one, or who used most things) in the portal's last month.

    `settings` say how that month is split and what products are called; without them it is one resource. Raises InputError saying
    what is wrong where.
    """
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        stored = consumption.example(session, find(session, portal).id, customer_id)
    known = stored.lines if stored else ()
    chosen, product, group = _largest(
        known or (EXAMPLE,), settings or ChargeSettings(split=Split.RESOURCE), customer_id or ""
    )
    period = (stored.period_start, stored.period_end) if stored else _month(chosen)
    limit = NAME_LENGTH if is_name else DESCRIPTION_LENGTH
    own = settings.product_names if settings else {}
    values = facts(chosen, language, product=product_name(product, language, own), group=group, period=period)
    prices = [price_of(line, settings_for(settings or ChargeSettings(), customer_id or "", product)) for line in chosen]
    if None not in prices:
        values["amount"] = number(cents(exact_sum(one for one in prices if one is not None)), language, 2)
    return Preview(render(template, values, limit=limit), chosen, bool(known))


def _largest(
    lines: Sequence[ConsumptionLine], settings: ChargeSettings, customer_id: str
) -> tuple[tuple[ConsumptionLine, ...], str, str]:
    """The lines of the largest charge, its product, and what it is split by."""
    parts = split_lines(lines, lambda product: settings_for(settings, customer_id, product))
    part, chosen = max(parts.items(), key=lambda item: sum((line.amount for line in item[1]), Decimal(0)))
    return chosen, product_of(chosen[0]), part.title


def _month(lines: Sequence[ConsumptionLine]) -> tuple[date, date]:
    return month_of(lines[0].period_start)


def variables(ctx: Context, actor: Actor, portal: str) -> tuple[str, ...]:
    """The names that a template of this portal may have: those of all sources, and its own tags."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        stored = consumption.example(session, find(session, portal).id)
    lines = stored.lines if stored else ()
    return (*VARIABLES, *sorted({name for one in lines for name in one.dimensions if name.startswith("tag:")}))
