"""Door A: from the rows of a billing report to usage lines (Altaro §6, §10–§12)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.select import Record
from connectors.altaro.products import amount, product_of
from connectors.altaro.report import Memory, Report
from connectors.altaro.table import MISSING, at, rows_of
from core.domain.errors import RemoteError, SettingsError, ShapeChanged
from core.domain.text import T
from core.domain.usage import LineKey, Origin, Reading, UsageLine

if TYPE_CHECKING:
    from connectors.altaro.manifest import AltaroSecrets, AltaroSettings

NONE = "-"
FIELDS = ("customer_id_field", "customer_name_field", "product_field", "item_field", "quantity_field", "period_field")


class Billing:
    """The billing report behind one link."""

    def __init__(self, portal: str, settings: AltaroSettings, secrets: AltaroSecrets) -> None:
        self.portal = portal
        self.settings = settings
        link, key = secrets.report_link.get_secret_value().strip(), secrets.api_key.get_secret_value().strip()
        self.report = Report(link, key, settings.base_url, settings.tls)
        self.fields = {name: _named(getattr(settings, name)) for name in FIELDS}
        if not self.fields["customer_id_field"] and not self.fields["customer_name_field"]:
            raise SettingsError(
                T("Name the field of the customer's ID or of its name."), place="customer_name_field", kind="missing"
            )

    def test(self) -> None:
        """Raises what is wrong, in words; the report is kept for the reading that follows."""
        self._rows()

    def read(self, now: datetime) -> Reading:
        builder = ReadingBuilder(self.portal, now)
        rows, age = self._rows()
        if age:
            builder.note(
                T("The report is {seconds} seconds old: a link may be called once in five minutes.", seconds=age)
            )
        if not rows:
            builder.incomplete(T("The report is empty: nothing is lowered."))
            return builder.reading()
        period, chosen = self._of_one_month(rows)
        customers: set[str] = set()
        for place, row in chosen:
            customer = self._customer(row, place)
            customers.add(customer.id)
            self._add(builder, customer, row, place, period)
        self._compare(builder, len(customers))
        reading = builder.reading()
        return _highest(reading, self.report.memory, period) if self.settings.period_rule == "highest" else reading

    def _rows(self) -> tuple[list[Record], int]:
        answer, age = self.report.fetch()
        rows = rows_of(answer, self.settings.rows_path)
        if rows:
            self._check_fields(rows)
        return rows, age

    def _check_fields(self, rows: Sequence[Record]) -> None:
        wrong = [name for name in self.fields.values() if name and all(at(row, name) is MISSING for row in rows)]
        if wrong:
            raise SettingsError(
                T(
                    "The report has no field {missing}. It has: {found}.",
                    missing=tuple(wrong),
                    found=tuple(dict.fromkeys(name for row in rows for name in _names(row))),
                ),
                place=self.portal,
                remedy=T("Set the names of the fields, and - for those that are not there."),
                kind="mapping",
            )

    def _value(self, row: Record, field: str) -> object:
        name = self.fields[field]
        found = at(row, name) if name else None
        return None if found is MISSING else found

    def _text(self, row: Record, field: str) -> str:
        found = self._value(row, field)
        return "" if found is None or isinstance(found, dict | list) else " ".join(str(found).split())

    def _of_one_month(self, rows: Sequence[Record]) -> tuple[date | None, list[tuple[str, Record]]]:
        """The rows of the newest month or of the one asked for, each with its place."""
        placed = [(f"row {number}", row) for number, row in enumerate(rows, start=1)]
        if not self.fields["period_field"]:
            return None, placed
        if not self.settings.period and len({self._text(row, "period_field") for row in rows}) == 1:
            return _month_or_none(self._text(rows[0], "period_field")), placed
        months = [(_month(self._text(row, "period_field"), place), place, row) for place, row in placed]
        wanted = (
            _month(self.settings.period, "period") if self.settings.period else max(month for month, _, _ in months)
        )
        chosen = [(place, row) for month, place, row in months if month == wanted]
        if not chosen:
            raise ShapeChanged(T("The report has no rows of {month}.", month=f"{wanted:%Y-%m}"), place=self.portal)
        return wanted, chosen

    def _customer(self, row: Record, place: str) -> Customer:
        identity, name = self._text(row, "customer_id_field"), self._text(row, "customer_name_field")
        if not identity and (self.fields["customer_id_field"] or not name):
            raise ShapeChanged(T("The report has a row without a customer."), place=place)
        return Customer(identity or name.casefold(), name or identity)

    def _add(self, builder: ReadingBuilder, customer: Customer, row: Record, place: str, period: date | None) -> None:
        product = product_of(self._text(row, "product_field"), self._text(row, "item_field"), self.settings.product_map)
        if product.key.startswith("unmapped:"):
            builder.note(
                T("The report counts {product}, which is not assigned to a product yet.", product=product.name)
            )
        try:
            quantity = amount(
                self._value(row, "quantity_field") if self.fields["quantity_field"] else 1, self.settings.decimal_sign
            )
        except RemoteError as error:
            builder.failed(
                customer,
                T(
                    "{customer}: {reason}",
                    customer=customer.name,
                    reason=T("{place}: {reason}", place=place, reason=error.message),
                ),
            )
            return
        builder.add(
            UsageLine(
                customer_id=customer.id, customer=customer.name, product_key=product.key, product=product.name,
                quantity=quantity, unit=product.unit, period_start=period, origin=Origin("report API link", place),
            )
        )  # fmt: skip

    def _compare(self, builder: ReadingBuilder, customers: int) -> None:
        """A link for one customer looks like one for all: a report that lost most customers lowers nothing (Altaro §10)."""
        before, least = self.report.memory.customers, self.settings.least_customers
        if customers < least or (before >= 3 and customers * 2 < before):
            builder.incomplete(
                T(
                    "The report has {now} customers instead of {before}: nothing is lowered.",
                    now=customers,
                    before=max(before, least),
                )
            )
            return
        self.report.memory.customers = customers


def _highest(reading: Reading, memory: Memory, period: date | None) -> Reading:
    """Each number of the month as high as it was seen: that is what is invoiced (Altaro §10)."""
    known: dict[LineKey, UsageLine] = memory.highest.setdefault(str(period), {})
    for line in reading.lines:
        seen = known.get(line.key)
        known[line.key] = line if seen is None or line.quantity >= seen.quantity else seen
    lines = [line for line in known.values() if line.customer_id not in reading.failed_customers]
    return replace(reading, lines=tuple(lines))


def _named(field: str) -> str:
    return "" if field == NONE else field


def _names(row: Record) -> Iterable[str]:
    """Names of a row's fields; those inside another with a dot."""
    for name, value in row.items():
        if isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in value)
        else:
            yield str(name)


def _month_or_none(text: str) -> date | None:
    """Where all rows are of one month it does not matter how it is written."""
    try:
        return _month(text, "")
    except ShapeChanged:
        return None


def _month(text: str, place: str) -> date:
    """The first day of a month written as 2026-11, 2026-11-30, 11/2026 or 202611."""
    found = re.match(r"(?P<y>\d{4})[-/.]?(?P<m>\d{2})(?!\d{3})", text) or re.fullmatch(
        r"(?P<m>\d{1,2})[-/.](?P<y>\d{4})", text
    )
    if found is None or not 1 <= int(found["m"]) <= 12:
        raise ShapeChanged(T("{value} is no month.", value=text[:40] or "?"), place=place)
    return date(int(found["y"]), int(found["m"]), 1)
