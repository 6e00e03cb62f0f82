"""What a UniFi device is, and how devices become counts (UniFi §4, §6, §9, §10)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol, get_args

from connectors._kit.reading import Customer, ReadingBuilder
from core.domain.text import T
from core.domain.usage import Origin, UsageLine

__all__ = [
    "GATEWAY_MODELS",
    "PRODUCTS",
    "Device",
    "Product",
    "Reader",
    "Site",
    "add_sites",
    "kind_of_features",
    "kind_of_type",
    "lines",
]

Product = Literal[
    "devices_total", "access_points", "switches", "gateways", "devices_other", "devices_offline", "sites", "consoles"
]
PRODUCTS: tuple[Product, ...] = get_args(Product)

NAMES: Mapping[Product, tuple[str, str]] = MappingProxyType(
    {
        "devices_total": ("UniFi devices", "device"),
        "access_points": ("UniFi access points", "device"),
        "switches": ("UniFi switches", "device"),
        "gateways": ("UniFi gateways", "device"),
        "devices_other": ("UniFi other devices", "device"),
        "devices_offline": ("UniFi offline devices", "device"),
        "sites": ("UniFi sites", "site"),
        "consoles": ("UniFi consoles", "console"),
    }
)
GATEWAY_MODELS = ("UDM", "UDR", "UX", "UCG", "UXG", "USG", "EFG")
"""All-in-one devices do not always list `gateway` among their features: the model goes first (UniFi §9.2)."""
TYPES: Mapping[str, Product] = MappingProxyType(
    {
        "uap": "access_points",
        "usw": "switches",
        "ugw": "gateways",
        "udm": "gateways",
        "uxg": "gateways",
        "ucg": "gateways",
    }
)


class Device(NamedTuple):
    """One adopted device: its address in lower-case hex, the product it counts as, and whether it is offline."""

    mac: str
    kind: Product
    offline: bool


class Site(NamedTuple):
    """A site as customer; `key` is what its interface wants in the address, `short_name` the one all interfaces share."""

    customer: Customer
    key: str
    short_name: str


class Reader(Protocol):
    """One of UniFi's interfaces."""

    def test(self) -> None: ...

    def read(self, builder: ReadingBuilder) -> None: ...


def mac_of(text: str) -> str:
    """The address in one writing: the interfaces differ in case and separators (UniFi §9.9)."""
    return re.sub(r"[^0-9a-f]", "", text.lower())


def kind_of_type(kind: str) -> Product:
    """The product of a classic `type`; new types appear without notice and are other devices."""
    return TYPES.get(kind.lower(), "devices_other")


def kind_of_features(model: str, features: Iterable[str]) -> Product:
    """The product of a model with its features: all-in-one devices are one gateway."""
    known = set(features)
    if "gateway" in known or model.upper().replace(" ", "").startswith(GATEWAY_MODELS):
        return "gateways"
    if "switching" in known:
        return "switches"
    return "access_points" if "accessPoint" in known else "devices_other"


def add_sites(
    builder: ReadingBuilder,
    found: Iterable[tuple[Site, Iterable[Device]]],
    *,
    products: Iterable[Product],
    count_offline: bool,
    source: str,
) -> None:
    """Lines of sites from their devices, each device once in the whole reading, in the order of the sites."""
    wanted = frozenset(products)
    counted: dict[str, Site] = {}
    for site, devices in found:
        counts: Counter[Product] = Counter()
        counts["sites"] = 1
        for device in devices:
            first = counted.setdefault(device.mac, site)
            if first is not site:
                builder.note(
                    T(
                        "Device {device} stands in the sites {first} and {second}; it counts in the first.",
                        device=device.mac,
                        first=first.customer.name,
                        second=site.customer.name,
                    )
                )
                continue
            counts["devices_offline"] += device.offline
            if count_offline or not device.offline:
                counts["devices_total"] += 1
                counts[device.kind] += 1
        told: dict[Product, int | Decimal] = {
            product: counts[product] for product in PRODUCTS if product in wanted and product != "consoles"
        }
        for line in lines(site.customer, told, source, short_name=site.short_name):
            builder.add(line)


def lines(
    customer: Customer, counts: Mapping[Product, int | Decimal], source: str, *, short_name: str = ""
) -> Iterator[UsageLine]:
    """One line for each count, zeros too."""
    for product, quantity in counts.items():
        name, unit = NAMES[product]
        yield UsageLine(
            customer_id=customer.id,
            customer=customer.name,
            product_key=product,
            product=name,
            quantity=Decimal(quantity),
            unit=unit,
            attributes={"short_name": short_name} if short_name else {},
            origin=Origin(source, customer.id),
        )
