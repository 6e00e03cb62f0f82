"""Daily rated usage of Partner Center as consumption lines (Azure reference §4.2, §4.3). Pure rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

from core.domain.billing_words import (
    NO_DAY,
    PARTNER,
    day_number,
    group_name,
    identity,
    kind_of,
    last_segment,
    month_end,
    month_start,
    product_type_of,
    tags_of,
)
from core.domain.consumption import ConsumptionKind, ConsumptionLine, ProductType
from core.domain.consumption_lines import is_provisional
from core.domain.errors import InputError
from core.domain.text import T
from core.domain.usage import Origin

__all__ = ["rated_usage_line"]

ALL_TAGS: frozenset[str] = frozenset()


def rated_usage_line(cells: Mapping[str, str], origin: Origin, today: date) -> ConsumptionLine:
    """One record as a line: cells by name in lower case, as Partner Center and Graph write them.

    The amount is what the partner pays before tax. The subscription is the Azure one (`entitlementId`); `subscriptionId` is that of
    the Azure plan. Raises InputError for a record without an amount, or with one that is no number: it is never zero.
    """
    amount = _number(cells, "billingpretaxtotal")
    start, end = _period(cells)
    charge = kind_of(_word(cells, "chargetype")) or ConsumptionKind.USAGE
    product = product_type_of(charge, {"product": _word(cells, "productname")})
    customer = identity(_word(cells, "customerid")) or PARTNER
    resource = _word(cells, "resourceuri")
    name = last_segment(resource) or _word(cells, "productname") or _word(cells, "metercategory")
    subscription = identity(_word(cells, "entitlementid")) or identity(_word(cells, "subscriptionid"))
    return ConsumptionLine(
        customer_id=customer,
        customer=_word(cells, "customername") or customer,
        resource_key=resource.casefold() or f"{subscription}/{name}",
        resource=name,
        amount=amount,
        currency=_word(cells, "billingcurrency").upper(),
        period_start=start,
        period_end=end,
        kind=ConsumptionKind.CREDIT if amount < 0 and charge is ConsumptionKind.USAGE else charge,
        quantity=_number(cells, "quantity") if _word(cells, "quantity") else None,
        unit=_word(cells, "unitofmeasure"),
        provisional=is_provisional(end, today, invoiced=bool(_word(cells, "invoicenumber"))),
        dimensions=_dimensions(cells, subscription, product),
        origin=origin,
    )


def _word(cells: Mapping[str, str], name: str) -> str:
    return cells.get(name, "").strip()


def _number(cells: Mapping[str, str], name: str) -> Decimal:
    try:
        value = Decimal(_word(cells, name))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise InputError(
            T("{text} in column {column} is no amount.", text=_word(cells, name)[:80], column=name), kind="not_a_number"
        )
    return value


def _period(cells: Mapping[str, str]) -> tuple[date, date]:
    """The month of the charge."""
    day = day_number(_word(cells, "chargestartdate"))
    day = day_number(_word(cells, "usagedate")) if day == NO_DAY else day
    if day == NO_DAY:
        raise InputError(T("A row has no date and no billing period."), kind="not_a_date")
    return date.fromordinal(month_start(day)), date.fromordinal(month_end(day))


def _dimensions(cells: Mapping[str, str], subscription: str, product: ProductType) -> dict[str, str]:
    found = {
        "subscription_id": subscription,
        "subscription": _word(cells, "entitlementdescription") or _word(cells, "subscriptiondescription"),
        "resource_group": group_name(_word(cells, "resourcegroup")),
        "service": _word(cells, "consumedservice"),
        "meter_category": _word(cells, "metercategory"),
        "region": _word(cells, "resourcelocation"),
        "product_type": str(product),
    }
    tags = tags_of(_word(cells, "tags"), ALL_TAGS) or ()
    return {name: value for name, value in found.items() if value} | {f"tag:{name}": value for name, value in tags}
