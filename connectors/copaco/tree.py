"""Copaco's invoices as values, from JSON or from XML of the same tree (Copaco §3, §5). What is not known is ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from connectors._kit.http import Answer
from connectors._kit.select import Record, day, number, text
from core.domain.errors import ShapeChanged
from core.domain.text import T


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """One charge, with the customer and the subscription above it. Dates are plain; prices in the invoice's currency."""

    customer_id: str
    customer: str
    customer_number: str
    subscription: str
    plan_id: str
    plan: str
    sku: str
    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal | None
    start: date | None
    end: date | None
    vendor: str
    row_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One document: `made` is its date, `kind` and `kind_code` tell invoices from credit notes."""

    number: str
    made: date
    kind: str
    kind_code: str
    currency: str
    lines: tuple[PriceLine, ...]


def invoices_of(answer: Answer) -> Iterator[Invoice]:
    """The invoices of one answer. Raises ShapeChanged when it is none of the forms known."""
    body = _xml(answer) if answer.content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<") else answer.json()
    if isinstance(body, Mapping):
        body = {"Invoices": body["Invoices"]} if "Invoices" in body else body
        found = _children(body, "Invoices", answer.where)
    else:
        found = _children({"Invoices": body}, "Invoices", answer.where)
    for one in found:
        yield _invoice(one, answer.where)


def _invoice(one: Record, place: str) -> Invoice:
    identity = text(one, "Header.InvoiceID", place=place)
    made = day(one, "Header.Date")
    if made is None:
        raise ShapeChanged(T("A record has no {path}.", path="Header.Date"), place=place)
    return Invoice(
        number=identity,
        made=made,
        kind=text(one, "Header.Type", ""),
        kind_code=text(one, "Header.TypeIdentifier", ""),
        currency=text(one, "Header.Currency", ""),
        lines=tuple(_lines(one, f"{place} {identity}")),
    )


def _lines(invoice: Record, place: str) -> Iterator[PriceLine]:
    for customer in _children(invoice, "Customers", place):
        for subscription in _children(customer, "Subscriptions", place):
            for line in _children(subscription, "PriceLines", place):
                yield _line(customer, subscription, line, place)


def _line(customer: Record, subscription: Record, line: Record, place: str) -> PriceLine:
    """Of the consumer where that is somebody else than the customer who gets the invoice."""
    identity, name = text(customer, "AccountID", place=place), text(customer, "CompanyName", "")
    customer_number = text(customer, "CustomerNumber", "")
    consumer = text(line, "ConsumerCompanyName", "")
    if consumer:
        customer_number = text(line, "ConsumerCompanyNumber", "")
        identity, name = customer_number or consumer, consumer
    plan = text(subscription, "PlanID", "")
    return PriceLine(
        customer_id=identity,
        customer=name or identity,
        customer_number=customer_number,
        subscription=text(subscription, "SubscriptionID", ""),
        plan_id=plan,
        plan=text(subscription, "PlanName", "") or text(subscription, "SubscriptionName", ""),
        sku=text(line, "SKU", "") or plan,
        description=text(line, "Description", ""),
        quantity=number(line, "Quantity", place=place),
        unit=text(line, "QuantityType", ""),
        unit_price=number(line, "UnitPrice") if text(line, "UnitPrice", "") else None,
        start=day(line, "StartDate"),
        end=day(line, "EndDate"),
        vendor=_vendor(line),
        row_hash=text(line, "InvoiceRowHash", ""),
    )


def _vendor(line: Record) -> str:
    """Its name, however `VendorDetails` is built."""
    details = line.get("VendorDetails")
    if isinstance(details, Mapping):
        return next((str(value) for name, value in details.items() if "name" in name.lower() and value), "")
    return details.strip() if isinstance(details, str) else ""


def _children(record: Record, name: str, place: str) -> list[Record]:
    """A list that must be there. One child alone may come without a list around it, no child as nothing."""
    if name not in record:
        raise ShapeChanged(T("The answer has no list at {path}.", path=name), place=place)
    found = record[name]
    if found is None or found == "":
        return []
    items = found if isinstance(found, list) else [found]
    if not all(isinstance(one, Mapping) for one in items):
        raise ShapeChanged(T("The list at {path} holds something that is no record.", path=name), place=place)
    return items


def _xml(answer: Answer) -> Any:
    try:
        root = fromstring(answer.content)
    except (ParseError, DefusedXmlException) as error:
        raise ShapeChanged(
            T("The answer is neither JSON nor XML as it should be."),
            place=answer.where,
            detail=f"{error}; {answer.start()}",
        ) from error
    name = _name(root)
    return {name: _value(root)} if name == "Invoices" else _value(root)


def _value(element: Any) -> Any:
    """Text of a leaf; a list for children that are all what the parent's plural names; else a mapping."""
    children = list(element)
    if not children:
        return (element.text or "").strip()
    names = {_name(child) for child in children}
    if len(names) == 1 and _name(element) == f"{next(iter(names))}s":
        return [_value(child) for child in children]
    return {_name(child): _value(child) for child in children}


def _name(element: Any) -> str:
    """Without its namespace."""
    return str(element.tag).rpartition("}")[2]
