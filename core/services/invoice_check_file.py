"""A vendor's invoice file as items: by the universal importer, or a licence reconciliation file of Partner Center."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from core.domain.consumption_lines import month_of
from core.domain.errors import InputError
from core.domain.file_settings import FileSettings
from core.domain.invoice.check import items_of, together
from core.domain.invoice.model import EVERYBODY, InvoiceItem, Period, Place
from core.domain.reconciliation import LicenceRow, licence_amounts, licence_seats
from core.domain.text import T, Text
from core.domain.usage import UsageLine
from core.domain.validation import checked
from core.files import importer
from core.files.consumption.licences import licence_rows
from core.files.consumption.sources import parts_of
from core.files.importer import ImportResult, Outcome
from core.files.issues import NoteKind
from core.services.upload_files import safe_name

CUSTOMER_COLUMNS = ("customer", "customer_id", "group_line", "customers")


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceFile:
    """An invoice, read. `period` is what the file itself tells; None where it tells none, or several."""

    items: tuple[InvoiceItem, ...]
    by_customer: bool
    period: Period | None
    sha256: str
    notes: tuple[Text, ...] = ()


def read_invoice(data: bytes, name: str, columns: Mapping[str, object], portal: str, today: date) -> InvoiceFile:
    """The items of a file. Without columns it must be a reconciliation file of Partner Center.

    Raises InputError for a file that cannot be read to its last row: half an invoice proves nothing.
    """
    if not columns:
        return _reconciliation(data, name, today)
    by_customer = any(columns.get(column) for column in CUSTOMER_COLUMNS)
    settings: FileSettings = checked(FileSettings, _with_customer(columns, by_customer=by_customer), portal)
    result = importer.import_file(data, name, settings)
    if result.outcome in (Outcome.REJECTED, Outcome.NEEDS_REVIEW):
        raise _unreadable(result)
    items = tuple(together(items_of(result.lines, by_customer=by_customer)))
    notes = [note.message for note in result.notes if note.kind is not NoteKind.PRICE_UNREADABLE]
    without = sum(item.amount is None for item in items)
    if without and columns.get("amount"):
        notes.append(T("Products of the invoice without an amount that can be read: {count}.", count=without))
    return InvoiceFile(
        items=items, by_customer=by_customer, period=_period(result.lines), sha256=result.sha256, notes=tuple(notes)
    )


def checked_columns(columns: Mapping[str, object], portal: str) -> dict[str, object]:
    """Columns that are worth remembering: only what was set. Raises SettingsError that names what is wrong."""
    if not columns:
        return {}
    by_customer = any(columns.get(column) for column in CUSTOMER_COLUMNS)
    settings: FileSettings = checked(FileSettings, _with_customer(columns, by_customer=by_customer), portal)
    found = settings.model_dump(mode="json", exclude_defaults=True)
    if not by_customer:
        found.pop("customer", None)
    return found


def _with_customer(columns: Mapping[str, object], *, by_customer: bool) -> dict[str, object]:
    return dict(columns) if by_customer else {**columns, "customer": {"constant": EVERYBODY}}


def _unreadable(result: ImportResult) -> InputError:
    first = result.errors[0]
    more = len(result.errors) - 1
    text = result.sentence(first)
    if more:
        text = T("{first} There are {count} more problems.", first=text, count=more)
    return InputError(text, kind=str(first.kind))


def _period(lines: Iterable[UsageLine]) -> Period | None:
    told = {(line.period_start, line.period_end) for line in lines}
    first, last = next(iter(told)) if len(told) == 1 else (None, None)
    return Period(first, last) if first and last else None


def _reconciliation(data: bytes, name: str, today: date) -> InvoiceFile:
    rows = _licence_rows(data, name)
    seats = licence_seats(rows)
    amounts: dict[Place, Decimal] = defaultdict(Decimal)
    currencies: dict[Place, str] = {}
    for line in licence_amounts(rows, today, licences=True):
        place = Place(line.customer_id, line.resource_key)
        amounts[place] += line.amount
        currencies[place] = line.currency
    items = [
        replace(item, amount=amounts.get(item.place), currency=currencies.get(item.place, item.currency))
        for item in together(items_of(seats, by_customer=True))
    ]
    months = {month_of(line.period_start) for line in seats if line.period_start}
    period = Period(*months.pop()) if len(months) == 1 else None
    return InvoiceFile(items=tuple(items), by_customer=True, period=period, sha256=hashlib.sha256(data).hexdigest())


def _licence_rows(data: bytes, name: str) -> Sequence[LicenceRow]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / safe_name(name)
        path.write_bytes(data)
        try:
            return [row for part in parts_of([path]) for row in licence_rows(part)]
        except InputError as error:
            raise InputError(
                T("It was not chosen yet which columns of the invoice hold the product and the units."),
                place=name,
                remedy=T("Choose the columns; only a reconciliation file of Partner Center needs none."),
                kind="column_missing",
            ) from error
