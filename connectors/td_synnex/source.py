"""Reads StreamOne Ion: customers and subscriptions (StreamOne Ion §3 to §6, §10, §11)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from connectors._kit.api import Api, Call
from connectors._kit.auth import OAuth, TokenAuth
from connectors._kit.http import Http, Request
from connectors._kit.paging import Cursor, Paging
from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.retry import Backoff
from connectors._kit.select import Record, day, find, number, text, whole, yes
from connectors._kit.threads import in_parallel
from connectors._kit.throttle import Throttle
from core.domain.errors import Unauthorized
from core.domain.text import T
from core.domain.usage import Origin, Reading, UsageLine

if TYPE_CHECKING:
    from connectors._kit.contract import RotatingSecret
    from connectors.td_synnex.manifest import StreamOneIonSecrets, StreamOneIonSettings

BASE_URL = "https://ion.tdsynnex.com"
CUSTOMERS = Cursor(param="pageToken", at="nextPageToken", size_param="pageSize", size=500)
BILLING = {"monthly": "monthly", "annual": "yearly", "yearly": "yearly", "quarterly": "quarterly", "one_time": "once"}
KNOWN = {"active", "suspended", "deleted", "cancelled", "canceled", "expired", "pending"}


@dataclass(frozen=True, slots=True)
class SubscriptionPages:
    """Offsets that advance by rows received; a page token, where the server gives one, goes before them (StreamOne Ion §5)."""

    size: int = 200

    def first(self, call: Call) -> Call:
        return call.with_params(**{"pagination.limit": str(self.size), "pagination.offset": "0"})

    def next(self, call: Call, body: object, headers: Mapping[str, str], rows: int) -> Call | None:
        token = find(body, "nextPageToken")
        if token:
            return call.with_params(pageToken=str(token))
        if "pageToken" in call.params:
            return None
        reached = int(call.params["pagination.offset"]) + rows
        total = whole(body, "paginationResponse.totalSize")
        if rows == 0 or (total is not None and reached >= total):
            return None
        return call.with_params(**{"pagination.offset": str(reached)})


class StreamOneIon:
    """A StreamOne Ion partner account."""

    def __init__(
        self, portal: str, settings: StreamOneIonSettings, secrets: StreamOneIonSecrets, rotating: RotatingSecret
    ) -> None:
        self.portal = portal
        self.settings = settings
        base = (settings.base_url or BASE_URL).rstrip("/")
        http = Http("StreamOne Ion", secrets=[secrets.refresh_token.get_secret_value()])
        oauth = OAuth(
            url=settings.auth_url or f"{base}/oauth/token", fields={"grant_type": "refresh_token"}, rotating=rotating
        )
        self.api = Api(
            http=http,
            base_url=f"{base}/api/v3/accounts/{settings.account_id}",
            auth=NewTokenNeeded(oauth.auth(http)),
            throttle=Throttle(at_once=2, requests=300),
            backoff=Backoff(attempts=5),
            wait=10.0,
        )

    def test(self) -> None:
        """Raises what is wrong, in words."""
        self.api.get("customers", pageSize="1")

    def read(self, now: datetime) -> Reading:
        builder = ReadingBuilder(self.portal, now)
        customers, subscriptions = in_parallel(
            [
                lambda: self._all("customers", CUSTOMERS, "customers", "name"),
                lambda: self._all("subscriptions", SubscriptionPages(), "items", "id"),
            ]
        )
        names = {text(one, "name").rsplit("/", 1)[-1]: _company(one) for one in customers}
        unknown: set[str] = set()
        for subscription in subscriptions:
            customer_id = text(subscription, "customerId")
            customer = Customer(customer_id, names.get(customer_id) or text(subscription, "customerName", customer_id))
            for line in self._line(subscription, customer, builder, now.date()):
                builder.add(line)
            if customer.id not in unknown and self._is_unreadable(subscription):
                unknown.add(customer.id)
        for customer_id in sorted(unknown):
            customer = Customer(customer_id, names.get(customer_id, customer_id))
            builder.failed(
                customer, T("A subscription of {customer} comes without a number of seats.", customer=customer.name)
            )
        return builder.reading()

    def _all(self, path: str, paging: Paging, at: str, key: str) -> list[Record]:
        return list(self.api.all(Call(path=path), paging, at, key=key, or_null=True))

    def _is_unreadable(self, subscription: Record) -> bool:
        """A counted subscription without a seat count: unknown, not 0 (StreamOne Ion §10)."""
        return self._is_counted(subscription) and subscription.get("subscriptionTotalLicenses") in (None, "")

    def _is_counted(self, subscription: Record) -> bool:
        status = text(subscription, "subscriptionStatus", "").lower()
        if status != "active" and not (status == "suspended" and self.settings.count_suspended):
            return False
        if yes(subscription, "isTrial") and not self.settings.count_trials:
            return False
        if _is_one_time(subscription):
            return self.settings.count_one_time
        return not _is_usage(subscription) or self.settings.count_usage

    def _line(
        self, subscription: Record, customer: Customer, builder: ReadingBuilder, today: date
    ) -> Iterator[UsageLine]:
        status = text(subscription, "subscriptionStatus", "").lower()
        if status not in KNOWN:
            builder.note(T("Subscriptions with the unknown status {status} are not counted.", status=status or "?"))
        if not self._is_counted(subscription) or self._is_unreadable(subscription):
            return
        cycle = text(subscription, "subscriptionBillingCycle", "").lower()
        yield UsageLine(
            customer_id=customer.id,
            customer=customer.name,
            product_key=_product_key(subscription),
            product=_product(subscription),
            quantity=number(subscription, "subscriptionTotalLicenses"),
            unit=text(subscription, "unitType", "Licenses").lower(),
            term=text(subscription, "subscriptionBillingTerm", ""),
            billing_frequency=BILLING.get(cycle, ""),
            subscription_id=text(subscription, "id"),
            period_start=day(subscription, "subscriptionStartDate") or day(subscription, "subscriptionPurchasedDate"),
            period_end=_end(subscription, today),
            unit_cost=_amount(subscription, "cost"),
            unit_price=_amount(subscription, "price"),
            currency=text(subscription, "currency", ""),
            attributes=_told(subscription),
            origin=Origin("GET /subscriptions", text(subscription, "id")),
        )


def _end(subscription: Record, today: date) -> date | None:
    """The last day, unless it has passed: a subscription that is active goes on (StreamOne Ion §10)."""
    end = day(subscription, "subscriptionEndDate")
    return None if end is None or end < today else end


def _told(subscription: Record) -> dict[str, str]:
    """What else it says of the subscription: status, term, and until when it can be given back (StreamOne Ion §6)."""
    renews = text(subscription, "autoRenew", "") or text(subscription, "subscriptionRenewStatus", "")
    told = {
        "vendor_subscription": text(subscription, "subscriptionId", ""),
        "status": text(subscription, "subscriptionStatus", "").lower(),
        "label": text(subscription, "subscriptionName", ""),
        "created": text(subscription, "subscriptionPurchasedDate", "")[:10],
        "auto_renew": renews.lower(),
        "commitment_end": text(subscription, "subscriptionEndDate", "")[:10],
        "cancel_until": text(subscription, "cancellationAllowedUntilDate", "")[:10],
    }
    return {name: value for name, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class NewTokenNeeded:
    """Says what a refused refresh token means here: a person has to make a new one."""

    inner: TokenAuth

    def sign(self, request: Request) -> Request:
        try:
            return self.inner.sign(request)
        except Unauthorized as error:
            raise Unauthorized(
                T("The refresh token of {name} was used twice, ended or was revoked.", name="StreamOne Ion"),
                place=error.place,
                remedy=T("Make a new refresh token in Ion and enter it on the Portals page."),
                detail=error.detail,
            ) from error

    def renew(self, refused: Request) -> bool:
        return self.inner.renew(refused)


def _company(customer: Record) -> str:
    """The company: `customerName` of a customer is a contact person (StreamOne Ion §10)."""
    return text(customer, "customerOrganization", "") or text(customer, "customerName", "")


def _is_one_time(subscription: Record) -> bool:
    return text(subscription, "subscriptionBillingCycle", "").lower() == "one_time"


def _is_usage(subscription: Record) -> bool:
    """Azure plans: one licence, no price, no part number (StreamOne Ion §10)."""
    free = _amount(subscription, "price") in (None, Decimal(0))
    return free and not text(subscription, "mfgPartNumber", "")


def _product_key(subscription: Record) -> str:
    parts = [text(subscription, name, "") for name in ("ccpProductId", "ccpSkuId", "ccpPlanId")]
    key = "|".join(parts) if any(parts) else text(subscription, "mfgPartNumber")
    return f"{key}|one_time" if _is_one_time(subscription) else key


def _product(subscription: Record) -> str:
    """Friendly names repeat, so the catalogue's name goes first (StreamOne Ion §10)."""
    return text(subscription, "ccpProductInfo.skuDisplayName", "") or text(
        subscription, "subscriptionName", _product_key(subscription)
    )


def _amount(subscription: Record, field: str) -> Decimal | None:
    return number(subscription, field) if subscription.get(field) not in (None, "") else None
