"""Whose a host is, and what it counts as (Zabbix §10–§12)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.select import Record, records, text
from core.domain.errors import ShapeChanged
from core.domain.text import T
from core.domain.usage import Origin, UsageLine

__all__ = ["PRODUCTS", "UNASSIGNED", "Groups", "Host", "Product", "Tally", "line"]

Product = Literal["hosts_enabled", "hosts_disabled", "hosts_total", "hosts_discovered", "items_monitored", "proxies"]
PRODUCTS: tuple[Product, ...] = get_args(Product)
NAMES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "hosts_enabled": ("Monitored hosts", "host"),
        "hosts_disabled": ("Disabled hosts", "host"),
        "hosts_total": ("All hosts", "host"),
        "hosts_discovered": ("Discovered hosts", "host"),
        "items_monitored": ("Monitored items", "item"),
        "proxies": ("Proxies", "proxy"),
    }
)
UNASSIGNED = Customer("(unassigned)", "Unassigned")
"""Hosts without the customer tag."""
ENABLED, DISABLED, DISCOVERED = "0", "1", "4"
SHOWN = 5


class Host(NamedTuple):
    """One host: its owners, and what is needed to count it. Values are text, as Zabbix writes them."""

    id: str
    customers: frozenset[Customer]
    enabled: bool
    discovered: bool
    roles: frozenset[str]
    proxies: frozenset[str]


class Groups:
    """The host groups that are customers: those under a prefix, with nested ones folded into their parent."""

    def __init__(self, prefix: str, rows: Iterable[Record]) -> None:
        found: dict[str, dict[str, str]] = {}
        for row in rows:
            name = text(row, "name")
            if not name.casefold().startswith(prefix.casefold()) or not name[len(prefix) :].strip("/ "):
                continue
            rest = name[len(prefix) :]
            # Without a prefix there is nothing that tells customers from branches but the first part of the name.
            found.setdefault(rest.partition("/")[0].strip() or rest, {})[rest] = text(row, "groupid")
        self.by_id: dict[str, Customer] = {}
        self.headless: list[str] = []
        for name, nested in found.items():
            own = nested.get(name)
            if own is None:
                self.headless.append(prefix + name)
            customer = Customer(own or min(nested.values(), key=_as_number), name)
            self.by_id.update(dict.fromkeys(nested.values(), customer))

    @property
    def customers(self) -> list[Customer]:
        return list(dict.fromkeys(self.by_id.values()))

    def note(self, builder: ReadingBuilder) -> None:
        for name in self.headless:
            builder.note(T("The group {name} is not visible; its nested groups are counted under its name.", name=name))

    def of(self, row: Record, key: str) -> frozenset[Customer]:
        """The customers whose groups a host is in. Raises ShapeChanged when the server left the groups out (Zabbix §10.1)."""
        memberships = records(row, key, place="host.get")
        return frozenset(self.by_id[group] for one in memberships if (group := text(one, "groupid")) in self.by_id)


def _as_number(identity: str) -> tuple[int, str]:
    return (int(identity) if identity.isdigit() else 0, identity)


@dataclass(slots=True)
class Tally:
    """What was counted for each customer. `hosts` are kept only where something else has to be asked about them."""

    keep_hosts: bool
    count_discovered: bool
    counts: dict[Customer, Counter[str]] = field(default_factory=dict)
    roles: dict[Customer, Counter[str]] = field(default_factory=dict)
    proxies: dict[Customer, set[str]] = field(default_factory=dict)
    hosts: dict[Customer, list[str]] = field(default_factory=dict)
    shared: int = 0
    sharers: set[str] = field(default_factory=set)

    def know(self, customer: Customer) -> None:
        """A customer counts with zeros until a host of it comes."""
        if customer not in self.counts:
            self.counts[customer] = Counter()
            self.roles[customer] = Counter()
            self.proxies[customer] = set()
            self.hosts[customer] = []

    def add(self, host: Host) -> None:
        if len(host.customers) > 1:
            self.shared += 1
            self.sharers.update(customer.name for customer in host.customers)
        for customer in host.customers:
            self.know(customer)
            counts = self.counts[customer]
            counts["hosts_discovered"] += host.enabled and host.discovered
            if host.discovered and not self.count_discovered:
                continue
            counts["hosts_enabled" if host.enabled else "hosts_disabled"] += 1
            counts["hosts_total"] += 1
            if host.enabled:
                self.roles[customer].update(host.roles)
                self.proxies[customer] |= host.proxies
                if self.keep_hosts:
                    self.hosts[customer].append(host.id)

    def lines(self, wanted: Iterable[Product]) -> Iterator[UsageLine]:
        products = [product for product in wanted if product != "items_monitored"]
        for customer, counts in self.counts.items():
            for product in products:
                quantity = len(self.proxies[customer]) if product == "proxies" else counts[product]
                yield line(customer, product, quantity)
            for role, quantity in self.roles[customer].items():
                yield UsageLine(
                    customer_id=customer.id,
                    customer=customer.name,
                    product_key=f"hosts_by_role:{role}",
                    product=f"Monitored hosts: {role}",
                    quantity=Decimal(quantity),
                    unit="host",
                    origin=Origin("host.get", role, quantity),
                )

    def note_shared(self, builder: ReadingBuilder) -> None:
        if not self.shared:
            return
        names = sorted(self.sharers, key=str.casefold)
        shown = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
        builder.note(
            T(
                "{count} hosts belong to more than one customer and count for each: {customers}.",
                count=self.shared,
                customers=shown,
            )
        )


def line(customer: Customer, product: Product, quantity: int) -> UsageLine:
    name, unit = NAMES[product]
    return UsageLine(
        customer_id=customer.id,
        customer=customer.name,
        product_key=product,
        product=name,
        quantity=Decimal(quantity),
        unit=unit,
        origin=Origin("item.get" if product == "items_monitored" else "host.get", rows=quantity),
    )


def status_of(row: Record) -> bool:
    """Whether a host is enabled. Values are text: "0" is enabled (Zabbix §10.7)."""
    status = text(row, "status", place="host.get")
    if status not in (ENABLED, DISABLED):
        raise ShapeChanged(T("A host has the unknown status {status}.", status=status), place="host.get")
    return status == ENABLED
