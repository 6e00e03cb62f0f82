"""The made-up world in which chaos happens: customers, portals, contract lines, and what is true of them."""

from __future__ import annotations

import base64
import hmac
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.autotask.sandbox import SandboxData
from connectors.autotask.sandbox.data import MATERIAL_CODE, Credentials

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CLOUD, REVIEWED, FILES, FOLDER, HOOK, SPEND, BROKEN = (
    "Cloud", "Reviewed", "Files", "Folder", "Hook", "Spend", "Broken",
)  # fmt: skip
COUNTED = (CLOUD, REVIEWED, FILES, FOLDER, HOOK)
"""Portals that count; `SPEND` tells amounts, and `BROKEN` never answers."""
PRODUCTS = ("seats", "stores")
ZONE = "UTC"
"""The workspace's time zone."""
BEFORE = 10
"""Units of every contract line at the start."""
HELD, HELD_UNITS = "C01", 500
"""A customer whose numbers at `CLOUD` are far above its limit from the start: held, told once, never written."""

Key = tuple[str, str, str]
"""Portal, customer, product."""


def company_name(customer: str) -> str:
    return f"Bedrijf {customer} BV"


def month() -> date:
    """The first day of the month before this one."""
    return (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).replace(day=1)


@dataclass
class Truth:
    """What is so at this moment, as only the one who plays the outside world knows. Safe for several threads."""

    customers: tuple[str, ...]
    units: dict[Key, int] = field(default_factory=dict)
    amounts: dict[str, Decimal] = field(default_factory=dict)
    accepted: list[str] = field(default_factory=list)
    """Ids of webhook events that were answered with 202 (or 200, a copy), in the order in which they were sent."""
    month: date = field(default_factory=month)
    """For which everybody spends."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.units = {(p, c, q): BEFORE for p in COUNTED for c in self.customers for q in PRODUCTS}
        self.units |= {(CLOUD, HELD, q): HELD_UNITS for q in PRODUCTS}
        self.amounts = {c: Decimal("100.00") for c in self.customers}

    def set(self, key: Key, units: int) -> None:
        with self.lock:
            self.units[key] = units

    def of(self, portal: str) -> dict[str, dict[str, int]]:
        """Customer → product → quantity."""
        with self.lock:
            return {c: {q: self.units[portal, c, q] for q in PRODUCTS} for c in self.customers}

    def expected(self, key: Key) -> int:
        """Units that the contract line must have at the end."""
        return BEFORE if key[:2] == (CLOUD, HELD) else self.units[key]


@dataclass
class Places:
    """Where things are in Autotask."""

    lines: dict[Key, int]
    companies: dict[str, int]


def names(count: int) -> tuple[str, ...]:
    return tuple(f"C{number:02d}" for number in range(1, count + 1))


def autotask_data(customers: tuple[str, ...], today: date) -> tuple[SandboxData, Places]:
    """The same for the same arguments: the process that serves it and the one that judges it make it each for themselves."""
    data = SandboxData(today)
    services = {(p, q): data.service(f"{p} {q}") for p in COUNTED for q in PRODUCTS}
    lines: dict[Key, int] = {}
    companies: dict[str, int] = {}
    for customer in customers:
        companies[customer] = data.company(company_name(customer))
        contract = data.contract(companies[customer])
        for (portal, product), service in services.items():
            lines[portal, customer, product] = data.line(contract, service, BEFORE)
    return data, Places(lines, companies)


POLICY = {
    "increase": "today", "decrease": "today", "max_change_percent": None, "hold_to_zero": False,
    "max_lines_down_percent": None,
}  # fmt: skip
CHARGES = {
    "billing_code_id": MATERIAL_CODE, "max_change_percent": None, "provisional": True, "language": "en",
    "name": "{product} {month}",
}  # fmt: skip
INVOICE = {"product": "Product", "quantity": "Quantity"}
COLUMNS = {"customer": "Customer", "product": "Product", "quantity": "Count", "complete": True}


def workspace(places: Places, autotask: str, portals: str, folder: str) -> str:
    """The workspace file. The customers' names at all portals are the same."""
    known = Credentials()
    content: dict[str, Any] = {
        "time_zone": ZONE,
        "allowed_hosts": ["127.0.0.1"],
        "autotask": {
            "user_name": known.user_name, "secret": known.secret, "integration_code": known.integration_code,
            "base_url": autotask,
        },
        "portals": [
            {**_rest(CLOUD, portals), "mode": "automatic", "overrides": [{"customer_id": HELD, "max_change": 5}],
             "schedule": {"cron": "* * * * *"}},
            {**_rest(REVIEWED, portals), "mode": "review"},
            {**_portal(FILES, "file", COLUMNS), "mode": "automatic"},
            {**_portal(FOLDER, "pickup_folder", {**COLUMNS, "folder": folder, "pattern": "*.csv"}), "mode": "automatic",
             "schedule": {"cron": "* * * * *"}},
            {**_portal(HOOK, "webhook", {"verification": {"scheme": "standard"}, "requests_per_minute": 10_000,
                                         "settle_seconds": 1, "settle_at_most": 5}),
             "mode": "automatic", "secrets": {"secret": SECRET}},
            {**_portal(SPEND, "file", {"customer": "Customer", "product": "Service", "amount": "Amount",
                                       "currency": "Currency", "period": "Month"}),
             "mode": "automatic", "charges": CHARGES},
            {**_rest(BROKEN, portals), "mode": "automatic"},
        ],
        "customers": [
            {"portal": portal, "customer": customer, "company_id": company}
            for portal in (*COUNTED, SPEND)
            for customer, company in places.companies.items()
        ],
        "products": [
            {"portal": portal, "product": product, "service": f"{portal} {product}"}
            for portal in COUNTED
            for product in PRODUCTS
        ],
    }  # fmt: skip
    return json.dumps(content)


def _portal(name: str, connector: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "connector": connector, "settings": settings, "policy": POLICY}


def _rest(name: str, portals: str) -> dict[str, Any]:
    return _portal(
        name,
        "rest",
        {
            "url": f"{portals}/{name}",
            "paging": {"kind": "page", "param": "page", "pages_at": "pages"},
            "mapping": {
                "records": "customers", "expand": "products[*]", "customer_id": "parent.id", "customer": "parent.id",
                "product_key": "sku", "product": "sku", "quantity": "qty",
            },
            "limits": {"attempts": 2, "first_wait": 0.2, "read": 10, "total": 30},
            "network": {"internal": True},
        },
    )  # fmt: skip


def usage_file(truth: Truth, portal: str) -> bytes:
    """An export that holds everything of a portal."""
    rows = [f"{c},{q},{n}" for c, products in truth.of(portal).items() for q, n in products.items()]
    return "\n".join(["Customer,Product,Count", *rows, ""]).encode()


def amounts_file(truth: Truth) -> bytes:
    """What everybody spent in the month that ended."""
    with truth.lock:
        rows = [f"{c},Compute,{amount},EUR,{truth.month:%Y-%m}" for c, amount in truth.amounts.items()]
    return "\n".join(["Customer,Service,Amount,Currency,Month", *rows, ""]).encode()


def invoice_file(truth: Truth, portal: str) -> str:
    """What a vendor bills: all of each product."""
    sums = {product: sum(products[product] for products in truth.of(portal).values()) for product in PRODUCTS}
    return "\n".join(["Product,Quantity", *(f"{product},{count}" for product, count in sums.items()), ""])


def sign(name: str, moment: int, body: bytes) -> str:
    """The signature of an event (Standard Webhooks)."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.digest(key, f"{name}.{moment}.".encode() + body, "sha256")).decode()
