"""Leakage as a report: largest first, and contracts that end soon."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.leakage import Direction, Expiring, Leak, LeakKind
from core.domain.text import Money, T, Text
from core.reporting import Cell, Coded, Column, Kind, Level, Report, Row, Section, Table
from core.services.leakage import Leakage, leakage_in
from core.services.reports.asked import Scene
from core.services.reports.columns import COMPANY, PRODUCT

if TYPE_CHECKING:
    from core.services.context import Context

KINDS = {
    LeakKind.NO_LINE: T("no contract line"),
    LeakKind.EXPIRED_CONTRACT: T("contract ended"),
    LeakKind.TOO_FEW: T("too few billed"),
    LeakKind.TOO_MANY: T("too many billed"),
    LeakKind.NO_USAGE: T("never in use"),
    LeakKind.CANCELLED: T("cancelled, still billed"),
    LeakKind.UNMAPPED: T("not mapped"),
    LeakKind.UNDER_COST: T("price under cost"),
    LeakKind.UNBILLED_CONSUMPTION: T("consumption not billed"),
    LeakKind.OVERBILLED_CONSUMPTION: T("consumption billed too high"),
}
DIRECTIONS = {Direction.LOST: T("not billed"), Direction.OVERBILLED: T("billed, not used")}
TOTALS = {Direction.LOST: T("Total not billed"), Direction.OVERBILLED: T("Total billed, not used")}
COLUMNS = (
    Column("direction", T("Direction")),
    Column("kind", T("What")),
    Column("company_id", T("Company number"), paper=False),
    COMPANY,
    PRODUCT,
    Column("contract", T("Contract")),
    Column("contract_id", T("Contract number"), paper=False),
    Column("units", T("Units"), Kind.COUNT),
    Column("unit_price", T("Price per unit"), Kind.MONEY, paper=False),
    Column("per_month", T("Per month"), Kind.MONEY),
    Column("explanation", T("Explanation")),
    Column("portals", T("Portal"), paper=False),
)
ENDING = (
    COMPANY,
    Column("contract", T("Contract")),
    Column("contract_id", T("Contract number"), paper=False),
    Column("end", T("Ends on"), Kind.DATE),
    Column("days", T("Days left"), Kind.COUNT),
    Column("per_month", T("Per month"), Kind.MONEY),
)


def leakage(scene: Scene) -> Report:
    """Leaks, largest first, and contracts that end soon. Always of today."""
    return report_of(scene.ctx, leakage_in(scene.ctx, scene.session, company_of(scene)))


def report_of(ctx: Context, shown: Leakage) -> Report:
    """Leaks as a report."""
    unread = T("Autotask was never read: nothing can be said yet.")
    notes = [] if shown.read_at else [unread]
    if shown.not_judged:
        notes.append(
            T(
                "Contract lines that cannot be judged now, because what they should be is not known: {count}.",
                count=shown.not_judged,
            )
        )
    if shown.unpriced:
        notes.append(T("Leaks without a known price, in no sum: {count}.", count=shown.unpriced))
    return Report(
        name="leakage",
        title=T("Leakage"),
        day=shown.day,
        made_at=ctx.clock.now(),
        facts=_facts(shown),
        notes=notes,
        sections=(
            Section(
                name="leaks",
                title=T("Leaks"),
                table=Table(
                    COLUMNS, (*map(_row, shown.leaks), *_sums(shown)), T("Nothing leaks.") if shown.read_at else unread
                ),
            ),
            Section(
                name="expiring",
                title=T("Contracts that end soon"),
                table=Table(
                    ENDING,
                    tuple(map(_ending, shown.expiring)),
                    T("No contract ends soon.") if shown.read_at else unread,
                ),
            ),
        ),
    )


def _facts(shown: Leakage) -> list[Text]:
    """The sums both ways. Nothing before Autotask was read: what is not known is not € 0 (M2)."""
    if shown.read_at is None:
        return []
    lost, over = shown.totals[Direction.LOST], shown.totals[Direction.OVERBILLED]
    return [
        T("Not billed: {amount}, per month and of consumption that is not billed yet.", amount=Money(lost)),
        T("Billed and not used: {amount}, per month and of consumption that is billed too high.", amount=Money(over)),
    ]


def company_of(scene: Scene) -> int | None:
    """The one company that was asked for. Without an exact company, None: all."""
    if scene.asked.company_id is not None:
        return scene.asked.company_id
    ids = {one.company_id for one in scene.chosen or () if one.company_id is not None}
    return ids.pop() if len(ids) == 1 else (-1 if scene.chosen is not None else None)


def _row(leak: Leak) -> Row:
    cells: tuple[Cell, ...] = (
        Coded(leak.direction.value, DIRECTIONS[leak.direction]),
        Coded(leak.kind.value, KINDS[leak.kind]),
        leak.company_id,
        leak.company,
        leak.product,
        leak.contract,
        leak.contract_id,
        leak.units,
        money(leak.unit_price),
        money(leak.per_month),
        leak.message,
        ", ".join(leak.portals),
    )
    return Row(cells)


def _sums(shown: Leakage) -> Iterator[Row]:
    if shown.leaks:
        for direction, amount in shown.totals.items():
            cells: tuple[Cell, ...] = (
                Coded(direction.value, DIRECTIONS[direction]), TOTALS[direction], None, "", "", "", None, None, None,
                money(amount), "", "",
            )  # fmt: skip
            yield Row(cells, Level.TOTAL)


def _ending(one: Expiring) -> Row:
    return Row((one.company, one.contract, one.contract_id, one.end, one.days, money(one.per_month)))


def money(amount: Decimal | None) -> Money | None:
    """An amount in the currency of contracts; None stays unknown."""
    return None if amount is None else Money(amount)
