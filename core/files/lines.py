"""The usage lines of a file: one for each customer, product, term, billing frequency and subscription (M13)."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from core.domain.file_settings import FileSettings
from core.domain.text import T, Text
from core.domain.usage import NOTHING, Origin, UsageLine
from core.files.aggregate import Groups, agreed, grouped, last_date_conflicts, latest, money, quantities, rounded
from core.files.cells import Column
from core.files.dates import billing_frequency, term
from core.files.findings import Findings
from core.files.issues import ImportIssue, Kind, NoteKind, column_letter, shown
from core.files.records import COUNTED, UNCOUNTED, Records
from core.files.roles import MONEY_ROLES
from core.files.table import Table

_PERIOD = re.compile(r"(?P<y>20\d\d)[-/. ]?(?P<m>0[1-9]|1[0-2])(?!\d{3})|(?P<m2>0?[1-9]|1[0-2])[-/. ](?P<y2>20\d\d)")
_CURRENCY = re.compile(r"\(([A-Za-z]{3}|[€$£])\)\s*$")
_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP"}
_NO_DATE = (None, None)


def usage_lines(
    records: Records, tables: Sequence[Table], settings: FileSettings, findings: Findings, file_name: str
) -> tuple[UsageLine, ...]:
    """The lines of a file. A line with a bad row, a negative total or an unfit number is told to `findings` and left out."""
    if UNCOUNTED in records.columns:
        records = records.taken(~records.columns[UNCOUNTED].where(bool))
    if not len(records):
        return ()
    _tell_uncounted(records, findings)
    keys = line_keys(records)
    groups = grouped(records, list(keys.values()), settings)
    maker = LineMaker(records, tables, settings, findings, file_name, keys, groups)
    maker.refuse_conflicts(last_date_conflicts(records, groups, settings))
    numbers = [rounded(exact, settings.rounding) for exact in quantities(records, groups, settings)]
    unfit = {group for group, number in enumerate(numbers) if maker.is_unfit(number, int(groups.first[group]))}
    return tuple(
        line for group, line in enumerate(maker.lines(numbers)) if group not in unfit and not maker.is_tainted(line)
    )


def line_keys(records: Records) -> dict[str, Column]:
    """The columns that make a line one, with terms and frequencies as ISO durations and known words."""
    columns = records.columns
    for role, change in (("term", term), ("billing_frequency", billing_frequency)):
        if role in columns:
            columns[role] = columns[role].mapped(change)
    nothing = Column.constant("", len(records))
    return {
        "customer_id": columns.get("customer_id") or columns["customer"],
        "product_key": columns.get("product_key") or columns["product"],
        **{role: columns.get(role) or nothing for role in ("term", "billing_frequency", "subscription_id")},
    }


def _tell_uncounted(records: Records, findings: Findings) -> None:
    if "distinct" not in records.columns:
        return
    empty = int(records.columns["distinct"].where(lambda text: text == "").sum())
    if empty:
        message = T(
            "{count} rows have nothing in the column whose values are counted; they were not counted.", count=empty
        )
        findings.note(NoteKind.NO_VALUE, message)


def months_of(text: str) -> tuple[date, date] | None:
    """First and last day of the month a text names: `2026-09`, `09/2026`, `2026-09-30`."""
    match = _PERIOD.search(text)
    if match is None:
        return None
    year, month = int(match["y"] or match["y2"]), int(match["m"] or match["m2"])
    return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])


@dataclass(slots=True)
class LineMaker:
    """Makes the usage line of each group of records."""

    records: Records
    tables: Sequence[Table]
    settings: FileSettings
    findings: Findings
    file_name: str
    keys: dict[str, Column]
    groups: Groups

    def lines(self, quantities: Sequence[Decimal]) -> Iterator[UsageLine]:
        """The line of each group. What is asked of a column is asked for all groups at once."""
        keys = [self.of_first(column) for column in self.keys.values()]
        customers, products, units, periods, currencies = (
            self.of_first(self.records.columns.get(role))
            for role in ("customer", "product", "unit", "period", "currency")
        )
        costs, prices = self.amounts("unit_cost"), self.amounts("unit_price")
        totals = self.totals()
        moments = self.dates()
        counts, places = self.groups.counts.tolist(), self._places()
        default_currency = self._currency_of_headings()
        for group, key in enumerate(zip(*keys, strict=True)):
            start, end = (months_of(periods[group]) if periods[group] else None) or _NO_DATE
            moment = moments[group]
            yield UsageLine(
                customer_id=key[0],
                customer=customers[group] or key[0],
                product_key=key[1],
                product=products[group] or key[1],
                quantity=quantities[group],
                unit=units[group],
                term=key[2],
                billing_frequency=key[3],
                subscription_id=key[4],
                effective_date=moment.date() if moment else None,
                period_start=start,
                period_end=end,
                unit_cost=costs[group],
                unit_price=prices[group],
                currency=currencies[group] or default_currency,
                attributes={"amount": totals[group]} if totals[group] else NOTHING,
                origin=Origin(self.file_name, places[group], counts[group]),
            )

    def of_first(self, column: Column | None) -> list[str]:
        """For each line what its first record has in a column."""
        if column is None:
            return [""] * len(self.groups)
        return [column.values[code] for code in column.codes[self.groups.first].tolist()]

    def _places(self) -> list[str]:
        first = self.groups.first
        rows, letters, tables = (
            part[first].tolist() for part in (self.records.rows, self.records.letters, self.records.tables)
        )
        sheets = [table.sheet for table in self.tables]
        names = {letter: "" if letter == COUNTED else column_letter(letter) for letter in set(letters)}
        return [
            f"{sheets[table]}!{names[letter]}{row}" if sheets[table] else f"row {row}"
            for row, letter, table in zip(rows, letters, tables, strict=True)
        ]

    def is_tainted(self, line: UsageLine) -> bool:
        return self.findings.is_tainted(line.customer_id, line.product_key)

    def dates(self) -> list[datetime | None]:
        column = self.records.columns.get("effective_date")
        return latest(column, self.groups) if column is not None else [None] * len(self.groups)

    def amounts(self, role: str) -> list[Decimal | None]:
        """The price or cost of each line; where its rows differ there is none, and it is said."""
        column = self.records.columns.get(role)
        if column is None:
            return [None] * len(self.groups)
        values, differing = agreed(column, self.groups, self.settings)
        if differing:
            message = T(
                "{count} lines have rows of different prices; no unit price is taken for them.", count=differing
            )
            self.findings.note(NoteKind.PRICE_DIFFERS, message)
        return [value if isinstance(value, Decimal) else None for value in values]

    def totals(self) -> list[str]:
        """What each line costs in all, where the file tells; `?` where it tells something that is no amount."""
        column = self.records.columns.get("amount")
        if column is None:
            return [""] * len(self.groups)
        return ["?" if total is None else f"{total:f}" for total in money(column, self.groups)]

    def refuse_conflicts(self, pairs: Sequence[tuple[int, int]]) -> None:
        quantity, dates = self.records.columns["quantity"], self.records.columns.get("date")
        for row, other in pairs:
            message = T(
                "Two rows of {customer}, {product} are both of {date} with different quantities: {one} and {other}.",
                **self._who(row),
                date=dates.at(row).date() if dates else "",
                one=quantity.at(row),
                other=quantity.at(other),
            )
            remedy = T(
                "Choose the maximum or the sum in the mapping, or a column that tells the rows apart (a time, a subscription)."
            )
            self._refuse(Kind.SAME_DATE, message, remedy, row)

    def is_unfit(self, quantity: Decimal, row: int) -> bool:
        if quantity < 0 and not self.settings.tells_amounts:
            message = T(
                "The rows of {customer}, {product} come to {quantity}, less than nothing.",
                **self._who(row),
                quantity=quantity,
            )
            self._refuse(
                Kind.NEGATIVE_TOTAL,
                message,
                T("Look at the credit lines; perhaps they belong to an earlier period."),
                row,
                quantity,
            )
        elif self.settings.whole_only and quantity != quantity.to_integral_value():
            message = T(
                "{customer}, {product} comes to {quantity}, not a whole number.", **self._who(row), quantity=quantity
            )
            self._refuse(
                Kind.NOT_WHOLE, message, T("Correct the file, or choose in the mapping how to round."), row, quantity
            )
        else:
            return False
        return True

    def _refuse(self, kind: Kind, message: Text, remedy: Text, row: int, quantity: Decimal | str = "") -> None:
        letter = int(self.records.letters[row])
        issue = ImportIssue(
            kind=kind,
            message=message,
            remedy=remedy,
            sheet=self._table(row).sheet,
            row=int(self.records.rows[row]),
            column="" if letter == COUNTED else column_letter(letter),
            text=shown(quantity),
        )
        self.findings.add(issue)
        self.findings.taint(self.keys["customer_id"].at(row), self.keys["product_key"].at(row), message)

    def _who(self, row: int) -> dict[str, str]:
        return {"customer": self._text("customer", row), "product": self._text("product", row)}

    def _text(self, role: str, row: int) -> str:
        column = self.records.columns.get(role)
        value = column.values[column.codes[row]] if column is not None else ""
        return value if isinstance(value, str) else ""

    def _table(self, row: int) -> Table:
        return self.tables[int(self.records.tables[row])]

    def _currency_of_headings(self) -> str:
        """`Seller Cost (EUR)` says the currency in the heading."""
        for table in self.tables:
            layout = table.located.layout
            for index in (layout.roles[role] for role in MONEY_ROLES if role in layout.roles):
                match = _CURRENCY.search(layout.header.names[index])
                if match:
                    return _SIGNS.get(match[1], match[1].upper())
        return ""


def total_of(lines: Sequence[UsageLine]) -> Decimal:
    """The sum of all quantities, for control."""
    return sum((line.quantity for line in lines), Decimal(0))
