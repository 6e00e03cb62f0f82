"""Reads Partner Center: customers and their subscriptions (Microsoft 365 §4.3, §6.1, §7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors._kit.api import Api, Call
from connectors._kit.reading import Customer
from connectors._kit.select import Record, day, number, text, yes
from connectors._microsoft.partner import PartnerPages
from core.domain.text import T, Text
from core.domain.usage import Origin, UsageLine

if TYPE_CHECKING:
    from connectors.microsoft365.manifest import Microsoft365Settings

CUSTOMERS = Call(path="customers", params={"size": "500"})
NOT_BILLED = {"none", "pending", "deleted", "expired", "disabled"}
"""Known states that are not counted; `suspended` is by setting, anything else is reported."""
CYCLES = {"monthly": "monthly", "annual": "yearly", "triennial": "triennial", "one_time": "once", "onetime": "once"}


@dataclass(frozen=True, slots=True)
class PartnerCenter:
    """Customers and subscriptions of the partner. `notes` collects what people should know."""

    api: Api
    settings: Microsoft365Settings
    notes: list[Text]

    def customers(self) -> Iterator[tuple[Customer, str]]:
        """Those that the partner sells to, with their domains; advisors' and others' relationships carry no subscriptions."""
        for row in self.api.all(CUSTOMERS, PartnerPages(), "items", key="id"):
            if text(row, "relationshipToPartner", "reseller") == "reseller":
                tenant = text(row, "id").lower()
                customer = Customer(tenant, text(row, "companyProfile.companyName", "") or tenant)
                yield customer, text(row, "companyProfile.domain", "")

    def lines(self, customer: Customer) -> Iterator[UsageLine]:
        """One line for each subscription that is billed."""
        call = Call(path=f"customers/{customer.id}/subscriptions")
        for row in self.api.all(call, PartnerPages(), "items", key="id"):
            if self._is_billed(row):
                yield _line(customer, row)

    def _is_billed(self, row: Record) -> bool:
        status = text(row, "status", "").lower()
        if text(row, "billingType", "license").lower() != "license" or yes(row, "isTrial"):
            return False
        if text(row, "billingCycle", "").lower() in ("one_time", "onetime") and not self.settings.count_one_time:
            return False
        if status == "active" or (status == "suspended" and self.settings.count_suspended):
            return True
        if status != "suspended" and status not in NOT_BILLED:
            self.notes.append(
                T("Subscriptions with the unknown status {status} are not counted.", status=status or "?")
            )
        return False


def _line(customer: Customer, row: Record) -> UsageLine:
    identity, offer = text(row, "id"), text(row, "offerId")
    cycle = text(row, "billingCycle", "").lower()
    more = {
        "label": text(row, "friendlyName", ""),
        "status": text(row, "status", ""),
        "offer": offer,
        "order": text(row, "orderId", ""),
        "add-on to": text(row, "parentSubscriptionId", ""),
        "auto_renew": text(row, "autoRenewEnabled", "").lower(),
        "partner": text(row, "partnerId", ""),
        "created": text(row, "creationDate", "")[:10],
        "cancel_until": text(row, "cancellationAllowedUntilDate", "")[:10],
    }
    return UsageLine(
        customer_id=customer.id,
        customer=customer.name,
        product_key="pc:" + ":".join(offer.split(":")[:2]),
        product=text(row, "offerName", "") or text(row, "friendlyName", "") or offer,
        quantity=number(row, "quantity", place=identity),
        unit="licence",
        term=text(row, "termDuration", ""),
        billing_frequency=CYCLES.get(cycle, ""),
        subscription_id=identity,
        period_start=day(row, "effectiveStartDate") or day(row, "creationDate"),
        period_end=day(row, "commitmentEndDate") or day(row, "commitmentEndDateTime"),
        attributes={name: value for name, value in more.items() if value},
        origin=Origin("GET /customers/{id}/subscriptions", identity),
    )
