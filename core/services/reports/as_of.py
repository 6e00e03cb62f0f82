"""What was used at any moment, line by line (S1-76, S1-77)."""

from __future__ import annotations

from core.domain.text import T
from core.reporting import Cell, Coded, Column, Kind, Money, Report, Row, Section, Table
from core.reporting.values import plain
from core.services.reports.asked import Scene
from core.services.reports.columns import BILLING, COMPANY, CUSTOMER, PORTAL, PRODUCT, TERM, billing_of, term_of
from core.services.reports.vendor import EMPTY, filtered
from core.store import reports as store
from core.store.reports import Line

COLUMNS = (
    PORTAL,
    Column("customer_id", T("Customer in the portal"), paper=False),
    CUSTOMER,
    Column("company_id", T("Company number"), paper=False),
    COMPANY,
    Column("product_key", T("Product code"), paper=False),
    PRODUCT,
    TERM,
    BILLING,
    Column("subscription_id", T("Subscription"), paper=False),
    Column("quantity", T("Units"), Kind.COUNT),
    Column("unit", T("Unit")),
    Column("unit_price", T("Price per unit"), Kind.MONEY),
    Column("since_utc", T("Since"), Kind.INSTANT),
    Column("origin", T("Read from"), paper=False),
)


def as_of(scene: Scene) -> Report:
    """Every line in use at the moment, with the quantity, since when, and where it was read."""
    lines = store.lines_at(scene.session, scene.instant, scene.within)
    rows = sorted((_row(scene, line) for line in lines), key=_order)
    return Report(
        name="as-of",
        title=T("What was used at a moment"),
        day=scene.day,
        made_at=scene.ctx.clock.now(),
        facts=[T("As of {moment}: {count} lines.", moment=scene.instant, count=len(lines)), *filtered(scene)],
        notes=scene.notes(scene.instant),
        sections=(Section(name="lines", title=T("Lines"), table=Table(COLUMNS, tuple(rows), EMPTY)),),
    )


def _row(scene: Scene, line: Line) -> Row:
    customer = scene.customers.get((line.portal_id, line.customer_id))
    cells: tuple[Cell, ...] = (
        scene.portals.get(line.portal_id, "?"),
        line.customer_id,
        customer.name if customer else line.customer_id,
        None
        if customer is None or customer.company_id is None
        else Coded(customer.company_id, str(customer.company_id)),
        customer.company if customer else "",
        line.product_key,
        scene.product(line.portal_id, line.product_key),
        term_of(line.term),
        billing_of(line.billing_frequency),
        line.subscription_id,
        line.quantity,
        line.unit,
        price_of(line),
        line.since,
        line.origin,
    )
    return Row(cells, line_id=line.line_id)


def price_of(line: Line) -> Money | None:
    """What the portal tells as the price of one unit."""
    return None if line.unit_price is None else Money(line.unit_price, line.currency)


def _order(row: Row) -> tuple[str, ...]:
    return tuple(str(plain(row.cells[place])).casefold() for place in (0, 2, 6, 7, 8, 9))
