"""Billing lines of a Partner Center invoice (Azure reference §5): their seats, and their amounts. Pure rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from core.domain.billing_words import NO_DAY, day_number, identity
from core.domain.combine import Combine, combined
from core.domain.consumption import ConsumptionKind, ConsumptionLine, ProductType
from core.domain.consumption_lines import FINAL_AFTER_DAYS, is_provisional, month_of
from core.domain.errors import InputError
from core.domain.text import T
from core.domain.usage import Origin, UsageLine

__all__ = ["LicenceRow", "licence_amounts", "licence_seats"]

TERMS = {"one-year": "P1Y", "three-year": "P3Y", "one-month": "P1M", "1 year": "P1Y", "3 year": "P3Y", "1 month": "P1M"}
FREQUENCIES = {
    "monthly": "monthly",
    "annual": "yearly",
    "yearly": "yearly",
    "triennial": "triennial",
    "onetime": "once",
    "one-time": "once",
    "one time": "once",
}


@dataclass(frozen=True, slots=True)
class LicenceRow:
    """One billing line in the file's own words, by heading in lower case. `place` is its row."""

    cells: dict[str, str]
    source: str
    place: str

    def text(self, name: str) -> str:
        return self.cells.get(name, "").strip()

    def amount(self, name: str) -> Decimal | None:
        """None for an empty cell. Raises InputError for what is no number."""
        bare = self.text(name)
        if not bare:
            return None
        try:
            value = Decimal(bare)
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite():
            raise InputError(
                T("{text} in column {column} is no amount.", text=bare[:80], column=name),
                place=f"{self.source} {self.place}",
                remedy=T("Use the file as Microsoft wrote it: a spreadsheet program changes its dates and amounts."),
                kind="not_a_number",
            )
        return value

    def day(self, name: str) -> date | None:
        ordinal = day_number(self.text(name))
        return None if ordinal == NO_DAY else date.fromordinal(ordinal)


def licence_seats(rows: Iterable[LicenceRow]) -> tuple[UsageLine, ...]:
    """For each subscription of licences its largest quantity; cost and price are those of the longest period (S2-10, S3-18)."""
    lines = [_seats(row) for row in rows if product_type(row) is ProductType.LICENCE]
    return combined(lines, Combine.LARGEST)


def _seats(row: LicenceRow) -> UsageLine:
    term, frequency = _words(row)
    return UsageLine(
        customer_id=identity(row.text("customerid")),
        customer=row.text("customername") or identity(row.text("customerid")),
        product_key=":".join(("pc", row.text("productid"), row.text("skuid"))),
        product=row.text("skuname") or row.text("productname"),
        quantity=row.amount("quantity") or Decimal(0),
        unit="licence",
        term=term,
        billing_frequency=frequency,
        subscription_id=identity(row.text("subscriptionid")),
        period_start=row.day("chargestartdate"),
        period_end=row.day("chargeenddate"),
        unit_cost=row.amount("effectiveunitprice"),
        unit_price=row.amount("unitprice"),
        currency=(row.text("pricingcurrency") or row.text("currency")).upper(),
        attributes=_told(row),
        origin=Origin(row.source, row.place),
    )


def _told(row: LicenceRow) -> dict[str, str]:
    """What a billing line tells of its subscription: the charge has dates of its own."""
    start, end = row.day("subscriptionstartdate"), row.day("subscriptionenddate")
    told = {
        "label": row.text("subscriptiondescription"),
        "subscription_start": start.isoformat() if start else "",
        "subscription_end": end.isoformat() if end else "",
        "commitment_end": end.isoformat() if end else "",
        "promotion": row.text("promotionid"),
    }
    return {name: value for name, value in told.items() if value}


def product_type(row: LicenceRow) -> ProductType:
    """What kind of product a billing line is for, by its words."""
    words = f"{row.text('skuname')} {row.text('productname')}".casefold()
    term = row.text("termandbillingcycle").casefold()
    publisher = row.text("publishername").casefold()
    if row.text("reservationorderid") or "reserved" in words or "reservation" in words:
        return ProductType.RESERVATION
    if "savings plan" in words:
        return ProductType.SAVINGS_PLAN
    if "azure plan" in words:
        return ProductType.USAGE
    if publisher and "microsoft" not in publisher:
        return ProductType.MARKETPLACE
    if "perpetual" in f"{words} {term}" or (not term and not row.text("subscriptionenddate")):
        return ProductType.PERPETUAL
    category = row.text("productcategory").casefold()
    return (
        ProductType.SOFTWARE_SUBSCRIPTION if "software subscription" in f"{category} {words}" else ProductType.LICENCE
    )


def licence_amounts(
    rows: Iterable[LicenceRow], today: date, *, licences: bool, after_days: int = FINAL_AFTER_DAYS
) -> Iterator[ConsumptionLine]:
    """The subtotal (before tax) of each billing line. Lines that bill licences only on request: they are counted as seats."""
    for row in rows:
        kind = product_type(row)
        amount = row.amount("subtotal")
        if amount is None or (kind is ProductType.LICENCE and not licences):
            continue
        yield _amount(row, kind, amount, today, after_days)


def _amount(row: LicenceRow, product: ProductType, amount: Decimal, today: date, after_days: int) -> ConsumptionLine:
    start, end = month_of(today)
    start, end = row.day("chargestartdate") or start, row.day("chargeenddate") or end
    charge = ConsumptionKind.USAGE if product is ProductType.USAGE else ConsumptionKind.PURCHASE
    dimensions = {
        "subscription_id": identity(row.text("subscriptionid")),
        "subscription": row.text("subscriptiondescription"),
        "product_type": str(product),
        "service": row.text("productname"),
    }
    return ConsumptionLine(
        customer_id=identity(row.text("customerid")),
        customer=row.text("customername") or identity(row.text("customerid")),
        resource_key=f"pc:{row.text('productid')}:{row.text('skuid')}",
        resource=row.text("subscriptiondescription") or row.text("skuname") or row.text("productname"),
        amount=amount,
        currency=row.text("currency").upper(),
        period_start=start,
        period_end=max(start, end),
        kind=ConsumptionKind.CREDIT if amount < 0 else charge,
        quantity=row.amount("billablequantity"),
        unit=row.text("unittype") or "licence",
        provisional=is_provisional(end, today, invoiced=bool(row.text("invoicenumber")), after_days=after_days),
        dimensions={name: value for name, value in dimensions.items() if value},
        origin=Origin(row.source, row.place),
    )


def _words(row: LicenceRow) -> tuple[str, str]:
    """Term and billing frequency, of `One-Year commitment for monthly/yearly billing` and `BillingFrequency`."""
    told = row.text("termandbillingcycle").casefold()
    term = next((short for word, short in TERMS.items() if word in told), "")
    return term, FREQUENCIES.get(row.text("billingfrequency").casefold(), "")
