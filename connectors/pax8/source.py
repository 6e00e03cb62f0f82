"""Reads Pax8: companies, subscriptions, names of products, and usage where asked for (pax8 §4, §5, §11)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connectors._kit.api import Api, Call
from connectors._kit.auth import OAuth
from connectors._kit.http import Http
from connectors._kit.paging import PageNumber
from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.retry import Backoff
from connectors._kit.select import Record, day, number, text, whole, yes
from connectors._kit.threads import in_parallel
from connectors._kit.throttle import Throttle
from core.domain.errors import RemoteError, ShapeChanged
from core.domain.text import T
from core.domain.usage import Origin, Reading, UsageLine

if TYPE_CHECKING:
    from connectors.pax8.manifest import Pax8Secrets, Pax8Settings

BASE_URL = "https://api.pax8.com/v1"
PAGES = PageNumber(param="page", start=0, size_param="size", size=200, pages_at="page.totalPages")
"""Larger sizes are cut silently (pax8 §4)."""

BILLING = {"Monthly": "monthly", "Annual": "yearly", "2-Year": "yearly", "3-Year": "yearly", "One-Time": "once"}
TERMS = {"Monthly": "P1M", "1-Year": "P1Y", "Annual": "P1Y", "2-Year": "P2Y", "3-Year": "P3Y"}
PENDING_CANCEL = "PendingCancel"
"""Its removal was asked for: it runs to its end and no further (pax8 §5.2.1)."""
NOT_BILLED = {
    "PendingManual", "PendingAutomated", "WaitingForDetails", "PendingActivation", "Trial", "Converted", "Cancelled", "Activated",
}  # fmt: skip


class Pax8:
    """A Pax8 partner account."""

    def __init__(self, portal: str, settings: Pax8Settings, secrets: Pax8Secrets) -> None:
        self.portal = portal
        self.settings = settings
        base = settings.base_url or BASE_URL
        secret = secrets.client_secret.get_secret_value()
        http = Http("Pax8", secrets=[secret])
        oauth = OAuth(
            url=settings.auth_url or f"{base.rstrip('/')}/token",
            fields={
                "client_id": settings.client_id,
                "client_secret": secret,
                "audience": settings.audience,
                "grant_type": "client_credentials",
            },
            as_json=True,
        )
        self.api = Api(
            http=http,
            base_url=base,
            auth=oauth.auth(http),
            throttle=Throttle(at_once=4, requests=950),
            backoff=Backoff(attempts=5),
        )

    def test(self) -> None:
        """Raises what is wrong, in words."""
        self.api.get("companies", page="0", size="1")

    def read(self, now: datetime) -> Reading:
        companies, subscriptions = in_parallel(
            [
                lambda: self._whole_list("companies", "name"),
                lambda: self._whole_list("subscriptions", "createdDate,asc"),
            ]
        )
        builder = ReadingBuilder(self.portal, now)
        customers = {
            text(company, "id"): Customer(text(company, "id"), text(company, "name", "")) for company in companies
        }
        billed = [one for one in subscriptions if self._is_billed(one, now.date(), builder)]
        names = self._product_names(billed)
        for subscription in billed:
            company = text(subscription, "companyId")
            builder.add(_line(subscription, customers.get(company, Customer(company, company)), names))
        if self.settings.usage:
            self._add_usage(builder, billed, customers, names)
        return builder.reading()

    def _whole_list(self, path: str, sort: str) -> list[Record]:
        """All records, each once. A list whose length changes while it is read is read once more (pax8 §4)."""
        for _ in range(2):
            found: dict[str, Record] = {}
            totals: set[int | None] = set()
            for page in self.api.pages(Call(path=path, params={"sort": sort}), PAGES, "content", or_null=True):
                totals.add(whole(page.body, "page.totalElements"))
                found.update({text(record, "id"): record for record in page.records})
            if len(totals) <= 1 and (not totals or totals in ({None}, {len(found)})):
                return list(found.values())
        if len(totals) > 1:
            raise ShapeChanged(T("The list {name} kept changing while it was read.", name=path), place="Pax8")
        raise ShapeChanged(T("The list {name} came with fewer records than it says it has.", name=path), place="Pax8")

    def _is_billed(self, subscription: Record, today: date, builder: ReadingBuilder) -> bool:
        status = text(subscription, "status", "")
        if status == "Active":
            return True
        if status == PENDING_CANCEL:
            end = day(subscription, "endDate")
            return end is None or end >= today
        if status == "Activated":
            return self.settings.count_activated
        if status not in NOT_BILLED:
            builder.note(T("Subscriptions with the unknown status {status} are not counted.", status=status or "?"))
        return False

    def _product_names(self, subscriptions: Sequence[Record]) -> dict[str, str]:
        """Names by product id; only products without a name on their subscriptions are looked up, each once."""
        names = {text(one, "productId"): text(one, "productName", "") for one in subscriptions}
        missing = [product for product, name in names.items() if not name]

        def look_up(product: str) -> str:
            try:
                found: Any = self.api.get(f"products/{product}")
                return text(found, "name", product)
            except RemoteError as error:
                if error.status != 404:
                    raise
                return product

        looked_up = in_parallel([lambda p=product: look_up(p) for product in missing], 4) if missing else []  # type: ignore[misc]
        return names | dict(zip(missing, looked_up, strict=True))

    def _add_usage(
        self,
        builder: ReadingBuilder,
        subscriptions: Iterable[Record],
        customers: dict[str, Customer],
        names: dict[str, str],
    ) -> None:
        """Charges of consumption products as amounts in their currency; 404 means no usage (pax8 §5.7)."""

        def summaries(subscription: Record) -> list[Record]:
            try:
                path = f"subscriptions/{text(subscription, 'id')}/usage-summaries"
                return list(self.api.all(Call(path=path), PAGES, "content", key="id", or_null=True))
            except RemoteError as error:
                if error.status != 404:
                    raise
                return []

        by_customer: dict[str, list[Record]] = {}
        for subscription in subscriptions:
            by_customer.setdefault(text(subscription, "companyId"), []).append(subscription)

        def read(customer: Customer) -> Iterable[UsageLine]:
            for subscription in by_customer[customer.id]:
                for summary in summaries(subscription):
                    if not yes(summary, "isTrial"):
                        yield _usage(summary, customer, names)

        builder.each_customer([customers.get(one, Customer(one, one)) for one in by_customer], read)


def _line(subscription: Record, customer: Customer, names: dict[str, str]) -> UsageLine:
    product = text(subscription, "productId")
    billing = text(subscription, "billingTerm", "")
    commitment = text(subscription, "commitmentTerm.term", "")
    identity = text(subscription, "id")
    return UsageLine(
        customer_id=customer.id,
        customer=customer.name,
        product_key=f"pax8:{product}",
        product=names[product] or product,
        quantity=number(subscription, "quantity", place=identity),
        unit="licence",
        term=TERMS.get(commitment, TERMS.get(billing, "")),
        billing_frequency=BILLING.get(billing, ""),
        subscription_id=identity,
        period_start=_first_day(subscription, "startDate", "billingStart", "createdDate"),
        period_end=_first_day(subscription, "endDate", "commitmentTerm.endDate"),
        unit_cost=number(subscription, "partnerCost") if subscription.get("partnerCost") is not None else None,
        unit_price=number(subscription, "price") if subscription.get("price") is not None else None,
        currency=text(subscription, "currencyCode", ""),
        attributes={
            name: value
            for name, value in (
                ("vendor_sku", text(subscription, "vendorSkuId", "")),
                ("status", text(subscription, "status", "")),
                ("vendor_subscription", text(subscription, "vendorSubscriptionId", "")),
                ("created", text(subscription, "createdDate", "")[:10]),
                ("commitment_end", text(subscription, "commitmentTerm.endDate", "")[:10]),
                ("auto_renew", "false" if text(subscription, "status", "") == PENDING_CANCEL else ""),
                ("ends", text(subscription, "endDate", "")[:10]),
            )
            if value
        },
        origin=Origin("GET /subscriptions", identity),
    )


def _first_day(subscription: Record, *fields: str) -> date | None:
    """The first of these dates that is told."""
    return next((found for name in fields if (found := day(subscription, name)) is not None), None)


def _usage(summary: Record, customer: Customer, names: dict[str, str]) -> UsageLine:
    product = text(summary, "productId")
    charges = Decimal(0) if summary.get("currentCharges") is None else number(summary, "currentCharges")
    return UsageLine(
        customer_id=customer.id,
        customer=customer.name,
        product_key=f"pax8:usage:{product}",
        product=f"{names.get(product) or product} (usage)",
        quantity=number(summary, "partnerTotal", charges),
        unit=text(summary, "currencyCode", ""),
        currency=text(summary, "currencyCode", ""),
        origin=Origin("GET /usage-summaries", text(summary, "id", "")),
    )
