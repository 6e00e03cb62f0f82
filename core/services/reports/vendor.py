"""Per vendor: totals over all customers now, a month and a year ago (S1-73, S1-74), and how they developed (S1-86)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime

from core.domain.text import T, Text
from core.reporting import Level, Report, Row, Section, Table
from core.services.reports.asked import Scene, months_before
from core.services.reports.columns import COMPARED, PRODUCT, VENDOR, Known, compared, compared_sum, plus, total_row
from core.store import reports as store

EMPTY = T("Nothing was used.")
Totals = dict[tuple[str, str], tuple[Known, ...]]
"""By vendor and product."""


def vendor(scene: Scene) -> Report:
    """Product, now, last month, difference, a year ago; grouped by vendor, with the sum of all."""
    from core.services.reports.development import vendor_chart

    days = compared_days(scene)
    instants = [scene.instant, *(scene.at(day) for day in days[1:])]
    return Report(
        name="vendor",
        title=T("Licences per vendor"),
        day=scene.day,
        made_at=scene.ctx.clock.now(),
        facts=[compared_fact(days), *filtered(scene)],
        notes=scene.notes(*instants),
        sections=(
            Section(
                name="products",
                title=T("Per vendor"),
                table=Table((VENDOR, PRODUCT, *COMPARED), tuple(_rows(product_totals(scene, instants))), EMPTY),
                chart=vendor_chart(scene) if scene.asked.chart else None,
            ),
        ),
    )


def compared_days(scene: Scene) -> tuple[date, date, date]:
    """The day, a month and a year earlier; ends of months where a month was chosen."""
    whole = scene.asked.month is not None
    month, year = (months_before(scene.day, back, whole_months=whole) for back in (1, 12))
    return scene.day, month, year


def compared_fact(days: tuple[date, date, date]) -> Text:
    """Which days are compared."""
    return T("On {day}, compared with {month} and {year}.", day=days[0], month=days[1], year=days[2])


def product_totals(scene: Scene, instants: Sequence[datetime]) -> Totals:
    """Sums by vendor and product at each instant; None where the vendor had not been read by then.

    Products of one name are one row; so are portals of one name, of which one was put away.
    """
    found: Totals = {}
    nothing: tuple[Known, ...] = (None,) * len(instants)
    for one in store.sums_at(scene.session, instants, scene.within):
        key = (scene.portals.get(one.portal_id, "?"), scene.product(one.portal_id, one.product_key))
        values = [scene.known(one.portal_id, at, total) for at, total in zip(instants, one.totals, strict=True)]
        found[key] = tuple(plus(a, b) for a, b in zip(found.get(key, nothing), values, strict=True))
    return dict(sorted(found.items(), key=lambda item: ([part.casefold() for part in item[0]], item[0])))


def filtered(scene: Scene) -> list[Text]:
    """What the report is limited to, in words."""
    asked = scene.asked
    limits = (
        (asked.customer, T("Only customer {name}.", name=asked.customer)),
        (asked.portal, T("Only portal {name}.", name=asked.portal)),
        (asked.product, T("Only product {name}.", name=asked.product)),
    )
    return [words for given, words in limits if given]


def _rows(totals: Totals) -> list[Row]:
    groups: dict[str, list[tuple[str, tuple[Known, ...]]]] = defaultdict(list)
    for (portal, product), values in totals.items():
        groups[portal].append((product, values))
    rows: list[Row] = []
    for portal, products in groups.items():
        rows += [Row((portal, product, *compared(values))) for product, values in products]
        if len(products) > 1:
            sums = compared_sum(values for _, values in products)
            rows.append(Row((T("{vendor}: sum", vendor=portal), "", *sums), Level.SUBTOTAL))
    return [*rows, total_row(2, compared_sum(totals.values()))] if rows else []
