"""Reads customers, subscriptions and their product lines from one marketplace (CloudBlue §4–§12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors._cloudblue.lines import line_of
from connectors._cloudblue.sign_in import Marketplace, SignIn
from connectors._kit.api import Api, Call
from connectors._kit.http import Http
from connectors._kit.paging import Offset
from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.retry import Backoff
from connectors._kit.select import Record, number, records, text, whole
from connectors._kit.throttle import Throttle
from core.domain.errors import RemoteError, ShapeChanged
from core.domain.text import T
from core.domain.usage import Reading, UsageLine

SIZE = 100
"""Without a size the server gives 10 (CloudBlue §10)."""
NOT_BILLED = {"pending", "terminated", "removed"}
PAY_PER_USE = "chargeexternalrating"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing(Offset):
    """Ends by the total; without one only a page that is not full is surely the last (CloudBlue §10)."""

    def next(self, call: Call, body: object, headers: Mapping[str, str], rows: int) -> Call | None:
        if whole(body, self.total_at) is None:
            if rows < self.size:
                return None
            raise ShapeChanged(T("A full page came without saying whether there are more."), place=call.path)
        return Offset.next(self, call, body, headers, rows)


PAGES = _Listing(size=SIZE, total_at="pagination.total")


@dataclass(frozen=True, slots=True)
class _Subscription:
    id: str
    row: Record


@dataclass(slots=True)
class SimpleApi:
    """Reads one marketplace."""

    of: Marketplace
    backoff: Backoff = field(default_factory=lambda: Backoff(attempts=6, first=2.0, longest=32.0))
    api: Api = field(init=False)

    def __post_init__(self) -> None:
        of = self.of
        hidden = [of.password, of.subscription_key, of.openid.client_secret if of.openid else ""]
        http = Http(of.name, secrets=hidden)
        self.api = Api(
            http=http,
            base_url=of.base_url.rstrip("/"),
            auth=SignIn(of, http, self.backoff).auth(),
            throttle=Throttle(at_once=4),
            backoff=self.backoff,
            headers=of.headers,
            throttled=frozenset({429, 503}),
            wait=None,
        )

    def test(self) -> int:
        """The number of customers. Raises what is wrong, in words."""
        body = self.api.get("customers", offset="0", limit="1")
        told = whole(body, "pagination.total")
        return len(records(body, "data")) if told is None else told

    def read(self, portal: str, now: datetime) -> Reading:
        builder = ReadingBuilder(portal, now)
        customers = self.api.whole(
            Call(path="customers"), PAGES, "data", key="id", total_at="pagination.total", keep=_customer
        )
        rows = self.api.whole(
            Call(path="subscriptions"), PAGES, "data", key="id", total_at="pagination.total", keep=_kept
        )
        billed: dict[str, list[_Subscription]] = {}
        for identity, row in rows.items():
            if self._is_billed(row, builder):
                billed.setdefault(row["customerId"], []).append(_Subscription(identity, row))

        def read(customer: Customer) -> Iterable[UsageLine]:
            more = customers.get(customer.id, (customer, {}))[1]
            for one in billed[customer.id]:
                yield from self._lines(customer, more, one, builder)

        wanted = [customers[one][0] if one in customers else Customer(one, one) for one in billed]
        builder.each_customer(wanted, read)
        return builder.reading()

    def _is_billed(self, row: Record, builder: ReadingBuilder) -> bool:
        status = row["status"].lower()
        if row["model"].lower() == PAY_PER_USE:
            return False
        if status == "active" or (status == "hold" and self.of.count_hold):
            return True
        if status != "hold" and status not in NOT_BILLED:
            builder.note(T("Subscriptions with the unknown status {status} are not counted.", status=status or "?"))
        return False

    def _lines(
        self, customer: Customer, more: Mapping[str, str], one: _Subscription, builder: ReadingBuilder
    ) -> Iterator[UsageLine]:
        detail = self._detail(one, builder)
        if detail is None:
            return
        for product in records(detail, "products", place=one.id):
            quantity = number(product, "quantity", place=one.id)
            if quantity == 0:
                continue
            if quantity != quantity.to_integral_value():
                raise ShapeChanged(
                    T(
                        "Subscription {id} has {quantity} seats, which is no whole number.",
                        id=one.id,
                        quantity=quantity,
                    ),
                    place=one.id,
                )
            yield line_of(customer, more, detail, product, quantity)

    def _detail(self, one: _Subscription, builder: ReadingBuilder) -> Record | None:
        """With its products: most versions tell them in the details alone. None when it was removed meanwhile."""
        if one.row["whole"] is not None:
            return dict(one.row["whole"])
        try:
            found = self.api.get(f"subscriptions/{one.id}")
        except RemoteError as error:
            if error.status != 404:
                raise
            builder.note(T("Subscription {id} was removed while the list was read; it is not counted.", id=one.id))
            return None
        if not isinstance(found, Mapping):
            raise ShapeChanged(T("The answer has no record at {path}.", path="the top"), place=one.id)
        return found


def _customer(row: Record) -> tuple[Customer, dict[str, str]]:
    """The customer, and what else may help to find it in the books."""
    identity = text(row, "id")
    more = {
        "external_id": text(row, "externalId", ""),
        "tax_id": text(row, "taxRegId", ""),
        "domain": _domain(row),
    }
    return Customer(identity, text(row, "name", "") or identity), {key: value for key, value in more.items() if value}


def _domain(row: Record) -> str:
    """Of the administrator's e-mail address."""
    people = records(row, "contactPersons", or_null=True)
    mails = (text(one, "email", "") for one in people if text(one, "type", "").lower() == "admin")
    return next((mail.rpartition("@")[2].lower() for mail in mails if "@" in mail), "")


def _kept(row: Record) -> dict[str, Any]:
    """What is needed of a row of the list; the row as a whole only where it has usable products already."""
    products = row.get("products")
    complete = isinstance(products, list) and products and all("quantity" in one for one in products)
    return {
        "customerId": text(row, "customerId"),
        "status": text(row, "status", ""),
        "model": text(row, "billingModel", ""),
        "whole": row if complete else None,
    }
