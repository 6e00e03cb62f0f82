"""Per customer: what is active, since when, at which price, and what changed (S1-72); without one, all customers compared."""

from __future__ import annotations

from datetime import datetime

from core.domain.text import T
from core.reporting import Column, Kind, Report, Row, Section, Table
from core.services.reports.as_of import price_of
from core.services.reports.asked import Scene, months_before
from core.services.reports.changes import CHANGES, SHOWN, event_row
from core.services.reports.columns import (
    BILLING,
    COMPANY,
    COMPARED,
    CUSTOMER,
    PORTAL,
    PRODUCT,
    TERM,
    Known,
    billing_of,
    compared,
    compared_sum,
    plus,
    term_of,
    total_row,
)
from core.services.reports.development import product_chart
from core.services.reports.vendor import EMPTY, compared_days, compared_fact, filtered
from core.store import reports as store
from core.store.reports import Line

LICENCES = (
    PORTAL,
    CUSTOMER,
    PRODUCT,
    TERM,
    BILLING,
    Column("quantity", T("Units"), Kind.COUNT),
    Column("unit", T("Unit")),
    Column("since", T("Since"), Kind.DATE),
    Column("unit_price", T("Price per unit"), Kind.MONEY),
)


def customer(scene: Scene) -> Report:
    """Of one customer all there is to tell; of all of them the comparison only."""
    if scene.chosen is None:
        return _all_customers(scene)
    days = compared_days(scene)
    instants = [scene.instant, *(scene.at(day) for day in days[1:])]
    lines = sorted(
        store.lines_at(scene.session, scene.instant, scene.within), key=lambda line: _line_order(scene, line)
    )
    back = max(1, scene.asked.months)
    start = scene.at(months_before(scene.day, back))
    events = store.events_between(scene.session, start, scene.instant, scene.within, limit=SHOWN + 1)
    more = [T("Only the newest {count} changes are shown.", count=SHOWN)] if len(events) > SHOWN else []
    return Report(
        name="customer",
        title=T("Licences of {customer}", customer=_whose(scene)),
        day=scene.day,
        made_at=scene.ctx.clock.now(),
        facts=[
            T("As of {day}: {count} active lines.", day=scene.day, count=len(lines)),
            compared_fact(days),
            *filtered(scene)[1:],
        ],
        notes=[*more, *scene.notes(*instants)],
        sections=(
            Section(
                name="licences",
                title=T("Active licences"),
                table=Table(LICENCES, tuple(_licence(scene, line) for line in lines), EMPTY),
                chart=product_chart(scene),
            ),
            Section(name="compared", title=T("Compared"), table=_compared(scene, instants)),
            Section(
                name="changes",
                title=T("Changes in the last {months} months", months=back),
                table=Table(CHANGES, tuple(event_row(scene, one) for one in events[:SHOWN]), T("Nothing changed.")),
            ),
        ),
    )


def _all_customers(scene: Scene) -> Report:
    days = compared_days(scene)
    instants = [scene.instant, *(scene.at(day) for day in days[1:])]
    return Report(
        name="customer",
        title=T("Licences per customer"),
        day=scene.day,
        made_at=scene.ctx.clock.now(),
        facts=[compared_fact(days), *filtered(scene)],
        notes=scene.notes(*instants),
        sections=(Section(name="customers", title=T("Per customer"), table=_compared(scene, instants)),),
    )


def _compared(scene: Scene, instants: list[datetime]) -> Table:
    found: dict[tuple[str, str, str, str], tuple[Known, ...]] = {}
    nothing: tuple[Known, ...] = (None,) * len(instants)
    for one in store.sums_at(scene.session, instants, scene.within, by_customer=True):
        who = scene.customers.get((one.portal_id, one.customer_id))
        key = (
            who.company if who else "",
            scene.portals.get(one.portal_id, "?"),
            who.name if who else one.customer_id,
            scene.product(one.portal_id, one.product_key),
        )
        values = [scene.known(one.portal_id, at, total) for at, total in zip(instants, one.totals, strict=True)]
        found[key] = tuple(plus(a, b) for a, b in zip(found.get(key, nothing), values, strict=True))
    ordered = sorted(found.items(), key=lambda item: ([part.casefold() for part in item[0]], item[0]))
    rows = [Row((*key, *compared(values))) for key, values in ordered]
    if rows:
        rows.append(total_row(4, compared_sum(found.values())))
    return Table((COMPANY, PORTAL, CUSTOMER, PRODUCT, *COMPARED), tuple(rows), EMPTY)


def _licence(scene: Scene, line: Line) -> Row:
    who = scene.customers.get((line.portal_id, line.customer_id))
    return Row(
        (
            scene.portals.get(line.portal_id, "?"),
            who.name if who else line.customer_id,
            scene.product(line.portal_id, line.product_key),
            term_of(line.term),
            billing_of(line.billing_frequency),
            line.quantity,
            line.unit,
            scene.local_day(line.since),
            price_of(line),
        ),
        line_id=line.line_id,
    )


def _whose(scene: Scene) -> str:
    chosen = scene.chosen or []
    companies = sorted({one.company for one in chosen if one.company})
    names = sorted({one.name for one in chosen})
    return ", ".join(companies or names) or scene.asked.customer


def _line_order(scene: Scene, line: Line) -> tuple[str, ...]:
    who = scene.customers.get((line.portal_id, line.customer_id))
    return (
        scene.portals.get(line.portal_id, "").casefold(),
        (who.name if who else line.customer_id).casefold(),
        scene.product(line.portal_id, line.product_key).casefold(),
        line.term,
        line.billing_frequency,
        line.subscription_id,
    )
