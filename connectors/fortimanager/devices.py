"""What a device of FortiManager is, and what it counts as (FortiManager §4.3, §7, §8). Enumerations come as names or integers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.select import Record, find, records, text
from core.domain.text import T
from core.domain.usage import Origin, UsageLine

__all__ = ["PRODUCTS", "UNASSIGNED", "Device", "Fleet", "Product", "Shared", "device_of"]

Product = Literal[
    "devices", "appliances", "vdoms", "devices_by_model", "devices_unauthorized", "devices_model", "devices_down",
    "contracts_valid", "contracts_expiring",
]  # fmt: skip
Shared = Literal["root", "vdoms"]
PRODUCTS: tuple[Product, ...] = get_args(Product)
NAMES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "devices": ("Managed firewalls", "device"),
        "appliances": ("Firewall units", "unit"),
        "vdoms": ("Virtual domains", "VDOM"),
        "devices_unauthorized": ("Firewalls waiting for authorisation", "device"),
        "devices_model": ("Model devices", "device"),
        "devices_down": ("Firewalls not connected", "device"),
    }
)
UNASSIGNED = Customer("(unassigned)", "Unassigned")
FORTIGATE = ("fos", "0")
WAITING, LOGS_ONLY = ("unreg", "0"), ("faz", "2")
DOWN = ("down", "2")


class Device(NamedTuple):
    """One row of an ADOM's list. `state` is managed, unauthorized or model."""

    key: str
    state: Literal["managed", "unauthorized", "model"]
    model: str
    serials: tuple[str, ...]
    units: int
    vdoms: tuple[str, ...]
    down: bool


def device_of(row: Record, model_bit: int) -> Device | None:
    """What a row says; None for other products and for devices that only send logs. Only what is counted is kept."""
    if text(row, "os_type", place="device").casefold() not in FORTIGATE:
        return None
    mode = text(row, "mgmt_mode", place="device").casefold()
    if mode in LOGS_ONLY:
        return None
    serial = text(row, "sn", "")
    members = records(row, "ha_slave", or_null=True, place="device")
    serials = tuple(dict.fromkeys(number for one in members if (number := text(one, "sn", ""))))
    state: Literal["managed", "unauthorized", "model"] = "managed"
    if mode in WAITING:
        state = "unauthorized"
    elif _is_model(row.get("flags"), model_bit):
        state = "model"
    return Device(
        key=serial or f"name:{text(row, 'name')}",
        state=state,
        model=text(row, "platform_str", ""),
        serials=serials or ((serial,) if serial else ()),
        # Members include the primary: nothing is added (FortiManager §7.2).
        units=max(1, len(members)),
        vdoms=tuple(dict.fromkeys(text(one, "name") for one in records(row, "vdom", or_null=True, place="device"))),
        down=text(row, "conn_status", "").casefold() in DOWN,
    )


def _is_model(flags: object, bit: int) -> bool:
    if isinstance(flags, int) and not isinstance(flags, bool):
        return bool(flags & bit)
    names = [flags] if isinstance(flags, str) else flags if isinstance(flags, list) else []
    return "is_model" in names


def meta_value(row: Record, field_name: str) -> str | None:
    """The trimmed value of a meta field; None when the device does not have the field at all."""
    fields = find(row, '"meta fields"')
    value = fields.get(field_name) if isinstance(fields, Mapping) else None
    return None if value is None else str(value).strip()


@dataclass(slots=True)
class Fleet:
    """All devices by customer. A device of several customers is counted by the stated rule (FortiManager §7.4)."""

    rule: Shared
    customers: dict[Customer, None] = field(default_factory=dict)
    seen: dict[str, dict[Customer, Device]] = field(default_factory=dict)

    def add(self, customer: Customer, device: Device) -> None:
        self.customers[customer] = None
        rows = self.seen.setdefault(device.key, {})
        known = rows.get(customer)
        if known is not None:
            device = device._replace(vdoms=tuple(dict.fromkeys(known.vdoms + device.vdoms)))
        rows[customer] = device

    def owned(self) -> Iterator[tuple[Customer, Device]]:
        """Each managed device once, with the customer it counts for; with the rule `vdoms` shared ones not at all."""
        for rows in self.seen.values():
            if self._managed(rows) and (len(rows) == 1 or self.rule == "root"):
                owner = _owner(rows)
                yield owner, rows[owner]

    def counts(self, builder: ReadingBuilder) -> dict[Customer, Counter[str]]:
        found: dict[Customer, Counter[str]] = {customer: Counter() for customer in self.customers}
        for customer, device in self.owned():
            found[customer]["devices"] += 1
            found[customer]["appliances"] += device.units
            found[customer]["devices_down"] += device.down
            found[customer][f"devices:{device.model or '?'}"] += device.units
        for rows in self.seen.values():
            if not self._managed(rows):
                for customer, device in rows.items():
                    found[customer][f"devices_{device.state}"] += 1
                continue
            self._count_vdoms(rows, found)
            if len(rows) > 1:
                self._note(rows, builder)
        return found

    @staticmethod
    def _managed(rows: Mapping[Customer, Device]) -> bool:
        return any(device.state == "managed" for device in rows.values())

    @staticmethod
    def _count_vdoms(rows: Mapping[Customer, Device], found: dict[Customer, Counter[str]]) -> None:
        """A VDOM in the lists of several customers counts for the device's owner alone."""
        listed = Counter(name for device in rows.values() for name in device.vdoms)
        owner = _owner(rows)
        for customer, device in rows.items():
            found[customer]["vdoms"] += sum(listed[name] == 1 for name in device.vdoms)
        found[owner]["vdoms"] += sum(times > 1 for times in listed.values())

    def _note(self, rows: Mapping[Customer, Device], builder: ReadingBuilder) -> None:
        names = ", ".join(sorted((customer.name for customer in rows), key=str.casefold))
        device = next(iter(rows.values())).key
        if self.rule == "vdoms":
            builder.note(
                T(
                    "{device} belongs to {customers}; only its virtual domains are counted.",
                    device=device,
                    customers=names,
                )
            )
        else:
            builder.note(
                T(
                    "{device} belongs to {customers}; it is counted for {owner}.",
                    device=device,
                    customers=names,
                    owner=_owner(rows).name,
                )
            )

    def lines(self, wanted: Iterable[Product], counts: Mapping[Customer, Counter[str]]) -> Iterator[UsageLine]:
        products = list(wanted)
        for customer, counted in counts.items():
            for product in products:
                if product in NAMES:
                    yield line(customer, product, *NAMES[product], counted[product])
            for key, units in counted.items():
                if "devices_by_model" in products and key.startswith("devices:"):
                    yield line(customer, key, key.removeprefix("devices:"), "unit", units)


def line(customer: Customer, key: str, name: str, unit: str, quantity: int) -> UsageLine:
    return UsageLine(
        customer_id=customer.id,
        customer=customer.name,
        product_key=key,
        product=name,
        quantity=Decimal(quantity),
        unit=unit,
        origin=Origin("/um/device/list" if key.startswith("contracts") else "/dvmdb/adom/{adom}/device", rows=quantity),
    )


def _owner(rows: Mapping[Customer, Device]) -> Customer:
    """The customer whose part holds the VDOM `root`; when that is not exactly one, the first by name."""
    with_root = [customer for customer, device in rows.items() if "root" in device.vdoms]
    candidates = with_root if len(with_root) == 1 else list(rows)
    return min(candidates, key=lambda customer: (customer.name.casefold(), customer.id))
