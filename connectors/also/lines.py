"""From subscriptions to usage lines: quantities are values of fields that prices refer to (ALSO §5, §9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from connectors._kit.reading import Customer
from connectors._kit.select import Record, day, number, records, text, whole, yes
from core.domain.errors import ShapeChanged
from core.domain.text import T
from core.domain.usage import LineKey, Origin, UsageLine

QUANTITY = "quantity"
BILLING = {
    "monthly": "monthly", "quarterly": "quarterly", "halfyearly": "semiannual", "yearly": "yearly", "annual": "yearly",
    "annually": "yearly", "onetime": "once", "one-time": "once",
}  # fmt: skip


RENEWS = {"renew": "true", "terminate": "false"}


def lowered(body: object) -> object:
    """The same with all names in lower case: ALSO's spelling differs between versions (ALSO §4)."""
    if isinstance(body, Mapping):
        return {str(name).lower(): lowered(value) for name, value in body.items()}
    return [lowered(one) for one in body] if isinstance(body, list) else body


def lines_of(
    subscription: Record, customer: Customer, today: date, *, renewal: bool = False, apart: bool = False
) -> Iterator[UsageLine]:
    """The lines of one subscription; with `apart` they name it, so that they add up with no other one.

    Raises ShapeChanged where a quantity is not told: unknown is not zero.
    """
    service = text(subscription, "servicename")
    items = records(subscription, "priceableitems", or_null=True)
    counted = _counted_fields(items)
    fields = {text(one, "name", "").lower(): one for one in records(subscription, "fields", or_null=True)}
    names = counted or ([QUANTITY] if QUANTITY in fields else [])
    for name in names or [""]:
        several = len(counted) > 1
        own = [item for item in items if text(item, "fieldname", "").lower() == name] if name else []
        line = _line(subscription, customer, _price(own or ([] if several else items)), today)
        if apart:
            line = replace(line, subscription_id=text(subscription, "accountid"))
        if not name:
            yield line
            continue
        line = replace(line, quantity=_value(fields, name, line.product), unit="licence")
        if several:
            field = fields[name]
            spelled = text(field, "name")
            line = replace(
                line, product_key=f"{service}:{spelled}", unit=spelled,
                product=f"{line.product} – {text(field, 'displayname', '') or spelled}",
            )  # fmt: skip
        yield line
        if renewal:
            yield from _at_renewal(subscription, name, line)


def _counted_fields(items: Sequence[Record]) -> list[str]:
    """Names of the fields that multiply a price, each once, in the order of the prices."""
    named = [text(item, "fieldname", "").lower() for item in items if yes(item, "isudrcfield")]
    return [name for name in dict.fromkeys(named) if name]


def _value(fields: Mapping[str, Record], name: str, product: str) -> Decimal:
    field = fields.get(name)
    if field is None or field.get("value") is None:
        raise ShapeChanged(T("{product} has no quantity in {field}: it is unknown.", product=product, field=name))
    return number(field, "value", place=product)


def _at_renewal(subscription: Record, name: str, line: UsageLine) -> Iterator[UsageLine]:
    for field in records(subscription, "renewfields", or_null=True):
        if text(field, "name", "").lower() == name and field.get("value") is not None:
            yield replace(
                line, product_key=f"renewal:{line.product_key}", product=f"{line.product} (at renewal)",
                quantity=number(field, "value", place=line.product), subscription_id="",
            )  # fmt: skip


def _price(items: Sequence[Record]) -> Record:
    """The monthly price, else the first: one-off prices may stand before it (ALSO §9)."""
    monthly = (item for item in items if text(item, "priceableitemtype", "").lower() == "monthly")
    return next(monthly, items[0] if items else {})


def _line(subscription: Record, customer: Customer, price: Record, today: date) -> UsageLine:
    service, identity = text(subscription, "servicename"), text(subscription, "accountid")
    end = day(subscription, "contractenddate")
    told = {
        "subscriptions": identity,
        "status": text(subscription, "accountstate", ""),
        "vendor_subscription": text(subscription, "vendorreferenceid", ""),
        "auto_renew": RENEWS.get(text(subscription, "advanceperiodendaction", "").lower(), ""),
        "vendor": text(subscription, "vendordisplayname", ""),
        "contract": text(subscription, "contractid", ""),
        "contract_end": text(subscription, "contractenddate", "")[:10],
        "ends": text(subscription, "scheduledterminationdate", "")[:10],
        "at_period_end": text(subscription, "advanceperiodendaction", ""),
    }
    return UsageLine(
        customer_id=customer.id,
        customer=customer.name,
        product_key=service,
        product=text(subscription, "servicedisplayname", "") or service,
        quantity=Decimal(1),
        unit="subscription",
        term=_term(whole(price, "commitementperiodinmonths") or whole(price, "commitmentperiodinmonths")),
        billing_frequency=BILLING.get(text(price, "priceableitemtype", "").lower(), ""),
        period_start=day(subscription, "billingstartdate"),
        # What is active after the end of its contract goes on, until an end that is not told.
        period_end=end if end is not None and end >= today else None,
        unit_cost=number(price, "purchaseprice") if price.get("purchaseprice") is not None else None,
        unit_price=number(price, "salesprice") if price.get("salesprice") is not None else None,
        currency=text(price, "currency", ""),
        attributes={name: value for name, value in told.items() if value},
        origin=Origin("GetSubscriptions", identity),
    )


def _term(months: int | None) -> str:
    if not months:
        return "P1M"
    return f"P{months // 12}Y" if months % 12 == 0 else f"P{months}M"


def added_up(lines: Sequence[UsageLine]) -> list[UsageLine]:
    """One line per product and term: services of users add up with their company's (ALSO §9). Prices, dates and words that differ
    are left out; lines that name their subscription stay apart.
    """
    found: dict[LineKey, UsageLine] = {}
    for line in lines:
        known = found.get(line.key)
        found[line.key] = line if known is None else _sum(known, line)
    return list(found.values())


def _sum(one: UsageLine, other: UsageLine) -> UsageLine:
    identities = f"{one.attributes['subscriptions']}, {other.attributes['subscriptions']}"
    alike = {name: value for name, value in one.attributes.items() if other.attributes.get(name) == value}
    return replace(
        one,
        quantity=one.quantity + other.quantity,
        unit_cost=one.unit_cost if one.unit_cost == other.unit_cost else None,
        unit_price=one.unit_price if one.unit_price == other.unit_price else None,
        period_start=one.period_start if one.period_start == other.period_start else None,
        period_end=one.period_end if one.period_end == other.period_end else None,
        attributes={**alike, "subscriptions": identities},
        origin=Origin(one.origin.source, one.origin.place, one.origin.rows + other.origin.rows),
    )


def billed_lines(invoices: Sequence[Record]) -> Iterator[UsageLine]:
    """What the closed month's invoices counted; charges without a quantity are fees and left out (ALSO §5)."""
    for invoice in invoices:
        customer = Customer(text(invoice, "companyaccountid"), text(invoice, "companyname", ""))
        for charge in records(invoice, "charges", or_null=True):
            if charge.get("udrcvalue") is None:
                continue
            service = text(charge, "serviceid", "") or text(charge, "servicecode")
            field = text(charge, "billableparameter", "")
            suffix = f":{field}" if field and field.lower() != QUANTITY else ""
            yield UsageLine(
                customer_id=customer.id,
                customer=customer.name,
                product_key=f"billed:{service}{suffix}",
                product=f"{text(charge, 'servicename', '') or service} (billed)",
                quantity=number(charge, "udrcvalue", place=service),
                unit="licence",
                unit_cost=number(charge, "costsofunit") if charge.get("costsofunit") is not None else None,
                unit_price=number(charge, "salespriceofunit") if charge.get("salespriceofunit") is not None else None,
                currency=text(charge, "currency", ""),
                attributes={"period": text(invoice, "billinginterval", "")},
                origin=Origin("GetLatestInvoices", text(invoice, "invoicenumber", "")),
            )
