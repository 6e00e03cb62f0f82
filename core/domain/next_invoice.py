"""What the next invoice will contain: the unit rows that begin in a month, prorated as Autotask does (reference §7.2, §7.3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from core.domain.contract import Contract, ContractLine, ContractState, LineRef
from core.domain.contract_money import cents
from core.domain.month_end import CompanyInvoice, NextKind, NextLine
from core.domain.period import ONE_DAY, next_period_start, period_end, period_start
from core.domain.ports import RowAmount

NOTHING = Decimal(0)


def next_lines(
    state: ContractState, amounts: Mapping[LineRef, Sequence[RowAmount]], first: date, last: date
) -> list[NextLine]:
    """A line for each unit row that begins on one of the days, with what it bills.

    `amounts` are the rows that touch the days and the month after, in order of start. An amount is what Autotask says of the row;
    where it says none, units × unit price × days of the row ÷ days of the period, rounded once. Inside a period that is posted, a
    later row bills only what is more (or less) than was posted for its days.
    """
    found: list[NextLine] = []
    for ref, rows in sorted(amounts.items()):
        line = state.lines.get(ref)
        contract = state.contracts.get(line.contract_id) if line else None
        if line is None or contract is None:
            continue
        maker = _Maker(state, line, contract)
        for period in _by_period(contract, rows).values():
            found += [made for made in maker.lines(period) if first <= made.first <= last]
    return found


def company_invoices(lines: Iterable[NextLine]) -> tuple[CompanyInvoice, ...]:
    """By company, with sums of what is to be billed and what is posted."""
    found: dict[int, list[NextLine]] = defaultdict(list)
    for line in lines:
        found[line.company_id].append(line)
    invoices = (
        CompanyInvoice(
            company_id=company_id,
            company=mine[0].company,
            to_bill=_sum(mine, posted=False),
            posted=_sum(mine, posted=True),
            lines=tuple(sorted(mine, key=_order)),
            unknown=sum(line.amount is None for line in mine),
        )
        for company_id, mine in found.items()
    )
    return tuple(sorted(invoices, key=lambda one: (one.company.casefold(), one.company_id)))


def _sum(lines: Iterable[NextLine], *, posted: bool) -> Decimal:
    return sum((line.amount or NOTHING for line in lines if line.posted is posted), NOTHING)


def _order(line: NextLine) -> tuple[str, int, str, date, str]:
    return (line.contract.casefold(), line.contract_id, line.what.casefold(), line.first, line.kind)


def _by_period(contract: Contract, rows: Iterable[RowAmount]) -> dict[date, list[RowAmount]]:
    found: dict[date, list[RowAmount]] = defaultdict(list)
    for row in rows:
        found[period_start(contract, row.start)].append(row)
    return found


@dataclass(frozen=True, slots=True)
class _Maker:
    state: ContractState
    line: ContractLine
    contract: Contract

    def lines(self, rows: Sequence[RowAmount]) -> Iterator[NextLine]:
        """Of the rows of one period, in order. A row ends where the next one begins: what Autotask writes as its end is uncertain
        (§7.2) and counts only where the next row was not read.
        """
        end = period_end(self.contract, rows[0].start)
        ends = [*(row.start - ONE_DAY for row in rows[1:]), max(min(end, rows[-1].end), rows[-1].start)]
        made: list[NextLine] = []
        posted: int | None = None
        for row, last in zip(rows, ends, strict=True):
            one = self._line(row, last)
            if one.posted:
                posted = len(made)
            elif posted is not None:
                made[posted], one = _late(made[posted], one)
            made.append(one)
        return (one for one in made if one.units or one.amount)

    def _line(self, row: RowAmount, last: date) -> NextLine:
        days = (last - row.start).days + 1
        start = period_start(self.contract, row.start)
        following = next_period_start(self.contract, row.start)
        period_days = (following - start).days if following else (self.contract.end - start).days + 1
        computed = None
        if self.line.unit_price is not None:
            computed = cents(row.units * self.line.unit_price * days / period_days)
        amount = cents(row.price) if row.price is not None else computed
        company = self.state.companies.get(self.contract.company_id)
        item = self.state.items.get(self.line.item)
        return NextLine(
            kind=NextKind.PERIOD if days == period_days else NextKind.PART,
            company_id=self.contract.company_id,
            company=company.name if company else str(self.contract.company_id),
            contract_id=self.contract.id,
            contract=self.contract.name,
            what=item.name if item else f"{self.line.item.kind} {self.line.item.id}",
            first=row.start,
            last=last,
            units=Decimal(row.units),
            unit_price=self.line.unit_price if amount == computed else None,
            amount=amount if row.units else NOTHING,
            posted=row.posted,
            days=days,
            period_days=period_days,
            item=self.line.item,
            line=self.line.ref,
        )


def _late(posted: NextLine, late: NextLine) -> tuple[NextLine, NextLine]:
    """A row that a change made inside a posted period: its days were billed already, at the units that were posted."""
    if posted.amount is None or late.amount is None:
        return replace(posted, last=late.last), replace(late, units=late.units - posted.units, amount=None)
    billed = cents(posted.amount * late.days / posted.days) if late.days else NOTHING
    # The days before grow with each row, so that the next one is measured against all of them.
    grown = replace(posted, last=late.last, days=posted.days + late.days, amount=posted.amount + billed)
    return grown, replace(late, kind=NextKind.PART, units=late.units - posted.units, amount=late.amount - billed)
