"""Support and FortiGuard contracts of devices (FortiManager §4.4): `CODE-n-LEVEL-YYYYMMDD:a:b:c:d`, joined by `*`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

from connectors._kit.reading import Customer
from connectors._kit.select import Record, text
from connectors.fortimanager.devices import Device, line
from core.domain.usage import UsageLine

ITEM = re.compile(r"([A-Z0-9]+)-\d+-(\d+)-(\d{4})(\d{2})(\d{2})(?::|$)")
TRIAL = 99
SOON = timedelta(days=60)


def valid_until(row: Record, today: date) -> dict[str, date]:
    """The services with a paid contract today, and the date each ends. Anything that cannot be read is no contract."""
    licences = row.get("lic_map")
    contract = text(row, "contract", "").removeprefix("Contract=")
    items = (
        [str(item) for item in licences.values()] if isinstance(licences, Mapping) and licences else contract.split("*")
    )
    found: dict[str, date] = {}
    for item in items:
        parts = ITEM.match(item.strip())
        end = _day(parts) if parts else None
        if parts and end and end >= today and int(parts[2]) != TRIAL:
            found[parts[1]] = max(end, found.get(parts[1], end))
    return found


def _day(parts: re.Match[str]) -> date | None:
    try:
        return date(int(parts[3]), int(parts[4]), int(parts[5]))
    except ValueError:
        return None


def contract_lines(
    owned: Iterable[tuple[Customer, Device]],
    customers: Iterable[Customer],
    contracts: Mapping[str, Mapping[str, date]],
    today: date,
    products: Iterable[str],
) -> Iterator[UsageLine]:
    """Devices with a valid service, and those where one ends soon. A cluster has what any of its members has."""
    wanted = set(products)
    counts: dict[Customer, Counter[str]] = {customer: Counter() for customer in customers}
    for customer, device in owned:
        until: dict[str, date] = {}
        for serial in {device.key, *device.serials}:
            until |= contracts.get(serial, {})
        counts[customer].update(f"contracts_valid:{code}" for code in until)
        counts[customer]["contracts_expiring"] += any(end <= today + SOON for end in until.values())
    for customer, counted in counts.items():
        for key, quantity in counted.items():
            product, _, code = key.partition(":")
            if product in wanted:
                name = f"Valid contract: {code}" if code else "Contracts that end within 60 days"
                yield line(customer, key, name, "device", quantity)
