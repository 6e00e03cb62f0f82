"""How units developed over months (S1-86), with the way down: vendor → product → customer → readings (S1-82)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal

from core.domain.text import T
from core.reporting import Chart, Column, Kind, Report, Row, Section, Series, Table
from core.services.reports.asked import Scene, month_end, months_before
from core.services.reports.changes import CHANGES, SHOWN, event_row
from core.services.reports.columns import CUSTOMER, PRODUCT, VENDOR, Known, plus, total_row
from core.services.reports.vendor import EMPTY, filtered
from core.store import reports as store
from core.store.reports import Sum

Key = Callable[[Sum], tuple[str, str]]
"""What a sum is added up by."""
DRAWN = 8
"""Lines in one chart: as many as there are colours that can be told apart."""


def development(scene: Scene) -> Report:
    """Units at the end of each month, per vendor and product.

    Of one product: per customer; of one product of one customer: each reading that changed it, too.
    """
    days = month_days(scene)
    asked = scene.asked
    per_customer = bool(asked.product)
    key = _customer_key(scene) if per_customer else _product_key(scene)
    totals = _totals(scene, days, key, by_customer=per_customer)
    months = tuple(Column(f"on_{day.isoformat()}", T("{day}", day=day), Kind.COUNT) for day in days)
    labels = (VENDOR, CUSTOMER if per_customer else PRODUCT)
    rows = [Row((*names, *values)) for names, values in totals.items()]
    if rows:
        rows.append(total_row(2, _sum(totals.values(), len(days))))
    lines = _grouped(totals, len(days), place=1 if per_customer or asked.portal else 0)
    main = Section(
        name="months",
        title=T("Development"),
        table=Table((*labels, *months), tuple(rows), EMPTY),
        chart=_chart(days, lines),
    )
    sections = (main, _readings(scene, days[0])) if per_customer and scene.chosen is not None else (main,)
    return Report(
        name="development",
        title=T("Development over time"),
        day=scene.day,
        made_at=scene.ctx.clock.now(),
        facts=[T("From {first} to {last}.", first=days[0], last=days[-1]), *filtered(scene)],
        notes=scene.notes(*(scene.at(day) for day in days)),
        sections=sections,
    )


def month_days(scene: Scene) -> list[date]:
    """The last day of each month that history reaches, up to `months` back, and the day itself."""
    first = min(scene.first.values(), default=scene.instant)
    ends = [month_end(months_before(scene.day, back)) for back in range(max(1, scene.asked.months), 0, -1)]
    return [*(day for day in ends if day < scene.day and scene.at(day) >= first), scene.day]


def vendor_chart(scene: Scene) -> Chart:
    """One line a vendor."""
    return _chart_by(scene, 0)


def product_chart(scene: Scene) -> Chart:
    """One line a product."""
    return _chart_by(scene, 1)


def _chart_by(scene: Scene, place: int) -> Chart:
    days = month_days(scene)
    totals = _totals(scene, days, _product_key(scene), by_customer=False)
    return _chart(days, _grouped(totals, len(days), place=place))


def _readings(scene: Scene, first: date) -> Section:
    events = store.events_between(scene.session, scene.at(first), scene.instant, scene.within, limit=SHOWN)
    rows = tuple(event_row(scene, event) for event in events)
    return Section(
        name="readings", title=T("Readings that changed something"), table=Table(CHANGES, rows, T("Nothing changed."))
    )


def _product_key(scene: Scene) -> Key:
    return lambda one: (scene.portals.get(one.portal_id, "?"), scene.product(one.portal_id, one.product_key))


def _customer_key(scene: Scene) -> Key:
    def key(one: Sum) -> tuple[str, str]:
        who = scene.customers.get((one.portal_id, one.customer_id))
        return scene.portals.get(one.portal_id, "?"), who.name if who else one.customer_id

    return key


def _totals(
    scene: Scene, days: Sequence[date], key: Key, *, by_customer: bool
) -> dict[tuple[str, str], tuple[Known, ...]]:
    instants = [scene.at(day) if day != scene.day else scene.instant for day in days]
    found: dict[tuple[str, str], tuple[Known, ...]] = {}
    nothing: tuple[Known, ...] = (None,) * len(days)
    for one in store.sums_at(scene.session, instants, scene.within, by_customer=by_customer):
        values = [scene.known(one.portal_id, at, total) for at, total in zip(instants, one.totals, strict=True)]
        found[key(one)] = tuple(plus(a, b) for a, b in zip(found.get(key(one), nothing), values, strict=True))
    return dict(sorted(found.items(), key=lambda item: ([part.casefold() for part in item[0]], item[0])))


def _grouped(
    totals: dict[tuple[str, str], tuple[Known, ...]], days: int, *, place: int
) -> dict[str, tuple[Known, ...]]:
    groups: dict[str, list[tuple[Known, ...]]] = defaultdict(list)
    for labels, values in totals.items():
        groups[labels[place]].append(values)
    return {name: _sum(parts, days) for name, parts in groups.items()}


def _sum(rows: Iterable[tuple[Known, ...]], places: int) -> tuple[Known, ...]:
    sums: tuple[Known, ...] = (None,) * places
    for row in rows:
        sums = tuple(plus(one, other) for one, other in zip(sums, row, strict=True))
    return sums


def _chart(days: Sequence[date], lines: dict[str, tuple[Known, ...]]) -> Chart:
    """The lines that are largest in the end."""
    ordered = sorted(lines.items(), key=lambda item: (-(item[1][-1] or Decimal(0)), item[0]))
    shown = tuple(Series(name, values) for name, values in ordered[:DRAWN])
    return Chart(tuple(days), shown, max(0, len(ordered) - DRAWN))
