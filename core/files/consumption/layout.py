"""Which column of a billing file holds what: found by name, never by position (Azure reference §2.4 to §2.6, §4.2, §5)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.domain.errors import InputError
from core.domain.text import T
from core.files.issues import Kind

__all__ = ["Dialect", "Layout", "find_layout", "layout_of"]

ALIASES: dict[str, tuple[str, ...]] = {
    "customer_id": ("customertenantid", "xcustomerid", "customerid"),
    "customer": ("customername", "xcustomername"),
    "subscription_id": ("entitlementid", "subscriptionid", "subscriptionguid", "subaccountid"),
    "subscription": ("entitlementdescription", "subscriptionname", "subaccountname"),
    "section_id": ("invoicesectionid", "xinvoicesectionid"),
    "section": ("invoicesectionname", "xinvoicesectionname", "departmentname"),
    "resource_group": ("resourcegroupname", "resourcegroup", "xresourcegroupname"),
    "resource_id": ("resourceid", "instanceid", "resourceuri"),
    "service": ("servicefamily", "servicecategory", "consumedservice"),
    "meter_category": ("metercategory", "xskumetercategory", "servicename"),
    "product": ("productname", "product", "chargedescription"),
    "unit": ("unitofmeasure", "consumedunit"),
    "charge_type": ("chargetype", "chargecategory"),
    "publisher_type": ("publishertype", "xpublishercategory"),
    "pricing_model": ("pricingmodel", "pricingcategory"),
    "region": ("resourcelocation", "location", "resourcelocationnormalized", "regionid"),
    "currency": ("billingcurrency", "billingcurrencycode", "currency", "currencycode"),
    "cost": ("costinbillingcurrency", "billingpretaxtotal", "billedcost", "pretaxcost", "cost"),
    "price": ("paygcostinbillingcurrency",),
    "quantity": ("quantity", "consumedquantity"),
    "period_start": ("billingperiodstartdate", "billingperiodstart", "chargestartdate"),
    "period_end": ("billingperiodenddate", "billingperiodend", "chargeenddate"),
    "date": ("date", "usagedate", "usagedatetime", "chargeperiodstart"),
    "tags": ("tags",),
    "invoice": ("invoiceid", "invoicenumber", "xinvoiceid"),
}
"""Names of each role's column in lower case without spaces and marks, the best first."""
LICENCE_COLUMNS = {"customerid", "subscriptionid", "billablequantity", "effectiveunitprice", "subtotal", "chargetype"}
"""These together make a licence reconciliation file."""
DELIMITERS = (",", ";", "\t")
PREAMBLE_LINES = 20
"""Old usage files had some lines above the headings."""
_MARKS = re.compile(r"[\W_]+")


class Dialect(StrEnum):
    COST = "cost"
    """Amounts a resource and day or month: Cost Management exports, daily rated usage."""
    LICENCES = "licences"
    """The licence reconciliation file of Partner Center."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The headings of one file. `roles` gives for each role that there is the name of its column."""

    dialect: Dialect
    header: tuple[str, ...]
    roles: dict[str, str]
    delimiter: str = ","
    header_row: int = 1
    """Counted as a spreadsheet does."""


def folded(name: str) -> str:
    """A heading as it is compared: `Resource Group`, `resourceGroup` and `resource_group` are one."""
    return _MARKS.sub("", name).casefold()


def layout_of(header: Sequence[str], *, place: str, delimiter: str = ",", header_row: int = 1) -> Layout:
    """The layout of these headings. Raises InputError naming the columns that are missing."""
    unique = _unique(header)
    names: dict[str, str] = {}
    for name, own in zip(header, unique, strict=True):
        names.setdefault(folded(name), own)
    if names.keys() >= LICENCE_COLUMNS and "usagedate" not in names:
        return Layout(Dialect.LICENCES, unique, {name: names[name] for name in names}, delimiter, header_row)
    roles = {
        role: names[found]
        for role, aliases in ALIASES.items()
        if (found := next((alias for alias in aliases if alias in names), None)) is not None
    }
    missing = _missing(roles)
    if missing:
        raise InputError(
            T("This is no cost export: it has no column {columns}.", columns=tuple(missing)),
            place=place,
            remedy=T(
                "Use an export of Azure Cost Management (actual or amortized cost) or of Partner Center, as Microsoft wrote it."
            ),
            kind=Kind.COLUMN_MISSING,
        )
    return Layout(Dialect.COST, unique, roles, delimiter, header_row)


def _missing(roles: dict[str, str]) -> list[str]:
    missing = [
        word for role, word in (("cost", "costInBillingCurrency"), ("currency", "billingCurrency")) if role not in roles
    ]
    if "period_start" not in roles and "date" not in roles:
        missing.append("billingPeriodStartDate")
    if not roles.keys() & {"customer_id", "subscription_id", "section_id"}:
        missing.append("customerTenantId")
    return missing


def _unique(header: Sequence[str]) -> tuple[str, ...]:
    """Names that no two columns share; the first of equals keeps its own."""
    taken: set[str] = set()
    names = []
    for index, name in enumerate(header):
        own = name if name not in taken else f"{name}#{index}"
        taken.add(own)
        names.append(own)
    return tuple(names)


def find_layout(head: bytes, *, place: str) -> tuple[Layout, int]:
    """The layout told by the first bytes of a text file, and where its data begins. Raises InputError as `layout_of`."""
    text = head.decode("utf-8", errors="replace")
    if not text.strip():
        raise InputError(T("The file is empty."), place=place, remedy=T("Export it again."), kind=Kind.FILE_EMPTY)
    error: InputError | None = None
    offset = 0
    for row, line in enumerate(text.splitlines(keepends=True)[:PREAMBLE_LINES], start=1):
        offset += len(line.encode())
        delimiter = max(DELIMITERS, key=line.count)
        cells = next(csv.reader(io.StringIO(line.rstrip("\r\n")), delimiter=delimiter), [])
        if len(cells) < 3:
            continue
        try:
            return layout_of([cell.strip() for cell in cells], place=place, delimiter=delimiter, header_row=row), offset
        except InputError as found:
            error = error or found
    raise error or InputError(
        T("This is no cost export: it has no column {columns}.", columns=("costInBillingCurrency",)),
        place=place,
        remedy=T(
            "Use an export of Azure Cost Management (actual or amortized cost) or of Partner Center, as Microsoft wrote it."
        ),
        kind=Kind.COLUMN_MISSING,
    )
