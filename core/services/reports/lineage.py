"""From a number of a report, a change or an invoice back to the readings and the raw rows behind it (M13, S1-82)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from core.files.issues import RejectedFile
from core.files.rows import RowsAround, rows_around
from core.services.access import Actor, Role, require
from core.services.reports.asked import Asked, Scene, months_before, scene
from core.services.reports.vendor import compared_days
from core.services.upload_files import kept
from core.store import lineage as store
from core.store import reports
from core.store.lineage import ReadLine

if TYPE_CHECKING:
    from core.services.context import Context

MOST = 100
"""Lines that are told one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """Which number of a report: its row's names, or the portal's own ids (empty: all of them), and its column.

    `line_ids` name usage lines instead. `at` is the moment where the column does not tell it.
    """

    portal: str = ""
    product: str = ""
    customer: str = ""
    company: str = ""
    customer_id: str = ""
    product_key: str = ""
    column: str = ""
    line_ids: tuple[int, ...] = ()
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """One usage line behind a number. `quantity` is None where it had ended by then."""

    portal: str
    customer: str
    company: str
    product: str
    quantity: Decimal | None
    read: ReadLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All lines behind a number at `instant`, largest first; `left_out` counts those beyond `MOST`. `total` is of all of them."""

    instant: datetime
    lines: tuple[Behind, ...]
    total: Decimal
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """The kept file of a reading, with the rows around the place; `rows` is None where they cannot be shown."""

    file: str
    imported_by: str
    imported_at: datetime
    rows: RowsAround | None


def behind(ctx: Context, actor: Actor, asked: Asked, number: Number) -> Story:
    """What a number was counted from, at the moment of its column. Raises InputError for names that are not there."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        now = scene(ctx, session, asked)
        instant = number.at or _instant(now, number.column)
        if number.line_ids:
            read = store.lines_behind(session, number.line_ids, instant)
            count, total = len(read), sum((one.quantity for one in read if one.present), Decimal(0))
        else:
            found = sorted(_lines(now, number, instant), key=lambda line: -line.quantity)
            count, total = len(found), sum((line.quantity for line in found), Decimal(0))
            read = store.lines_behind(session, [line.line_id for line in found[:MOST]], instant)
        lines = sorted((_behind(now, one) for one in read), key=lambda one: -(one.quantity or Decimal(0)))
    return Story(instant=instant, lines=tuple(lines), total=total, left_out=count - len(lines))


def raw(ctx: Context, actor: Actor, read: ReadLine) -> Raw | None:
    """The rows of the file a line was read from; None where it was no file. Raises InputError when the file is gone."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        file = store.file_of(session, read.reading_id)
    if file is None:
        return None
    try:
        rows = rows_around(kept(ctx.home, file), file.name, read.place)
    except RejectedFile:
        # It was read once, by settings that are not known here; the file itself can still be had.
        rows = None
    return Raw(file=file.name, imported_by=file.imported_by, imported_at=file.imported_at, rows=rows)


def _lines(now: Scene, number: Number, instant: datetime) -> Sequence[reports.Line]:
    """The lines whose names are those of the number's row: the same grouping as in the reports."""
    return [line for line in reports.lines_at(now.session, instant, now.within) if _is_of(now, line, number)]


def _is_of(now: Scene, line: reports.Line, number: Number) -> bool:
    who = now.customers.get((line.portal_id, line.customer_id))
    names = (
        (number.portal, now.portals.get(line.portal_id, "?")),
        (number.product, now.product(line.portal_id, line.product_key)),
        (number.customer, who.name if who else line.customer_id),
        (number.company, who.company if who else ""),
        (number.customer_id, line.customer_id),
        (number.product_key, line.product_key),
    )
    return all(not wanted or wanted == name for wanted, name in names)


def _instant(now: Scene, column: str) -> datetime:
    if column.startswith("on_"):
        return now.at(date.fromisoformat(column.removeprefix("on_")))
    _, month, year = compared_days(now)
    if column == "month_before":
        return now.at(month)
    if column == "year_before":
        return now.at(year)
    if column in ("before", "after"):
        other = now.at(now.asked.other or months_before(now.day, 1))
        return min(other, now.instant) if column == "before" else max(other, now.instant)
    return now.instant


def _behind(now: Scene, read: ReadLine) -> Behind:
    who = now.customers.get((read.portal_id, read.customer_id))
    return Behind(
        portal=now.portals.get(read.portal_id, "?"),
        customer=who.name if who else read.customer_id,
        company=who.company if who else "",
        product=now.product(read.portal_id, read.product_key),
        quantity=read.quantity if read.present else None,
        read=read,
    )
