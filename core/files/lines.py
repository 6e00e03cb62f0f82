"""The usage lines of a file: one for each customer, product, term, billing frequency and subscription (M13)."""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any


from core.domain.file_settings import FileSettings
from core.domain.text import T, Text
from core.domain.usage import Origin, UsageLine
from core.files.aggregate import Groups, agreed, grouped, last_date_conflicts, latest, quantities, rounded
from core.files.cells import Column
from core.files.dates import billing_frequency, term
from core.files.findings import Findings
from core.files.issues import ImportIssue, Kind, NoteKind, column_letter, shown
from core.files.records import COUNTED, Records
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
    if not len(records):
        return ()
    _tell_uncounted(records, findings)
    keys = _keys(records)
    groups = grouped(records, list(keys.values()), settings)
    maker = _LineMaker(records, tables, settings, findings, file_name, keys, groups)
    maker.refuse_conflicts(last_date_conflicts(records, groups, settings))
    exact = quantities(records, groups, settings)
    amounts = {role: maker.amounts(role) for role in MONEY_ROLES if role in records.columns}
    dates = latest(records.columns["effective_date"], groups) if "effective_date" in records.columns else None
    lines = []
    for group in range(len(groups)):
        extra = {role: values[group] for role, values in amounts.items()}
        moment = dates[group] if dates else None
        line = maker.line(group, rounded(exact[group], settings.rounding), extra, moment)
        if line is not None:
            lines.append(line)
    return tuple(lines)


def _keys(records: Records) -> dict[str, Column]:
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
        message = T("{count} rows have nothing in the column whose values are counted; they were not counted.", count=empty)
        findings.note(NoteKind.NO_VALUE, message)


def months_of(text: str) -> tuple[date, date] | None:
    """First and last day of the month a text names: `2026-09`, `09/2026`, `2026-09-30`."""
    match = _PERIOD.search(text)
    if match is None:
        return None
    year, month = int(match["y"] or match["y2"]), int(match["m"] or match["m2"])
    return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])


@dataclass(slots=True)
class _LineMaker:
    records: Records
    tables: Sequence[Table]
    settings: FileSettings
    findings: Findings
    file_name: str
    keys: dict[str, Column]
    groups: Groups

    def line(
        self, group: int, quantity: Decimal, amounts: dict[str, Decimal | None], moment: datetime | None
    ) -> UsageLine | None:
        row = int(self.groups.first[group])
        key = {role: column.values[column.codes[row]] for role, column in self.keys.items()}
        if self._unfit(quantity, row) or self.findings.is_tainted(key["customer_id"], key["product_key"]):
            return None
        start, end = months_of(self._text("period", row)) or _NO_DATE if "period" in self.records.columns else _NO_DATE
        return UsageLine(
            **key,
            **amounts,
            customer=self._text("customer", row) or key["customer_id"],
            product=self._text("product", row) or key["product_key"],
            quantity=quantity,
            unit=self._text("unit", row),
            effective_date=moment.date() if moment else None,
            period_start=start,
            period_end=end,
            currency=self._text("currency", row) or self._currency_of_heading(row),
            origin=Origin(self.file_name, self._place(row), int(self.groups.counts[group])),
        )

    def amounts(self, role: str) -> list[Any]:
        """The price or cost of each line; where its rows differ there is none, and it is said."""
        values, differing = agreed(self.records.columns[role], self.groups, self.settings)
        if differing:
            message = T("{count} lines have rows of different prices; no unit price is taken for them.", count=differing)
            self.findings.note(NoteKind.PRICE_DIFFERS, message)
        return [value if isinstance(value, Decimal) else None for value in values]

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
            remedy = T("Choose the maximum or the sum in the mapping, or a column that tells the rows apart (a time, a subscription).")
            self._refuse(Kind.SAME_DATE, message, remedy, row)

    def _unfit(self, quantity: Decimal, row: int) -> bool:
        if quantity < 0:
            message = T("The rows of {customer}, {product} come to {quantity}, less than nothing.", **self._who(row), quantity=quantity)
            self._refuse(Kind.NEGATIVE_TOTAL, message, T("Look at the credit lines; perhaps they belong to an earlier period."), row, quantity)
        elif self.settings.whole_only and quantity != quantity.to_integral_value():
            message = T("{customer}, {product} comes to {quantity}, not a whole number.", **self._who(row), quantity=quantity)
            self._refuse(Kind.NOT_WHOLE, message, T("Correct the file, or choose in the mapping how to round."), row, quantity)
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

    def _place(self, row: int) -> str:
        sheet, number, letter = self._table(row).sheet, int(self.records.rows[row]), int(self.records.letters[row])
        if not sheet:
            return f"row {number}"
        return f"{sheet}!{'' if letter == COUNTED else column_letter(letter)}{number}"

    def _currency_of_heading(self, row: int) -> str:
        """`Seller Cost (EUR)` says the currency in the heading."""
        layout = self._table(row).located.layout
        for role in MONEY_ROLES:
            index = layout.roles.get(role)
            match = _CURRENCY.search(layout.header.names[index]) if index is not None else None
            if match:
                return _SIGNS.get(match[1], match[1].upper())
        return ""


def total_of(lines: Sequence[UsageLine]) -> Decimal:
    """The sum of all quantities, for control."""
    return sum((line.quantity for line in lines), Decimal(0))
