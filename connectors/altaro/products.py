"""Which product a row of a report is, and how much of it (Altaro §6, §12)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from core.domain.errors import ShapeChanged
from core.domain.text import T


class Product(NamedTuple):
    key: str
    name: str
    unit: str


KNOWN = {
    one.key: one
    for one in (
        Product("m365_backup_users", "365 Total Backup users", "user"),
        Product("vm_backup_vms", "VM Backup virtual machines", "VM"),
        Product("vm_backup_hosts", "Hypervisor hosts", "host"),
        Product("physical_servers", "Physical servers", "server"),
        Product("endpoints", "Endpoint backup", "endpoint"),
        Product("storage_gb", "Hosted storage", "GB"),
    )
}
ITEMS = {
    "virtual machine": "vm_backup_vms", "virtual machines": "vm_backup_vms", "vm": "vm_backup_vms", "vms": "vm_backup_vms",
    "physical server": "physical_servers", "physical servers": "physical_servers",
    "endpoint": "endpoints", "endpoints": "endpoints", "endpoint backup": "endpoints",
    "hosted storage": "storage_gb", "storage": "storage_gb", "storage (gb)": "storage_gb", "storage usage": "storage_gb",
}  # fmt: skip
"""Where the item says it, whatever the product line."""
WHOLE_LINES = {
    "365 total backup": "m365_backup_users", "office 365 backup": "m365_backup_users", "m365 backup": "m365_backup_users",
    "altaro office 365 backup": "m365_backup_users", "microsoft 365 backup": "m365_backup_users",
    **ITEMS,
}  # fmt: skip
"""Product lines whose rows are all of one kind. VM Backup is not: without an item it means virtual machines."""
WITHOUT_ITEM = {"vm backup": "vm_backup_vms", "altaro vm backup": "vm_backup_vms", "vm backup msp": "vm_backup_vms"}


def plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def product_of(product: str, item: str, own: Mapping[str, str]) -> Product:
    """The product of a row: as the settings say, else as known; a key beginning with `unmapped:` where neither does."""
    both = " / ".join(part for part in (product, item) if part)
    mine = {plain(text): key for text, key in own.items()}
    known = (
        next((mine[text] for text in (plain(both), plain(item), plain(product)) if text in mine), "")
        or ITEMS.get(plain(item), "")
        or WHOLE_LINES.get(plain(product), "")
        or (WITHOUT_ITEM.get(plain(product), "") if not item else "")
    )
    return KNOWN.get(known) or Product(known or f"unmapped:{both}", known or both, "item")


def amount(value: object, sign: str) -> Decimal:
    """A quantity. Numbers are taken as they are; text that may be read two ways is refused (CHOICES of the notes)."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    text = re.sub(r"[\s\u00a0\u202f]", "", value) if isinstance(value, str) else ""
    if re.fullmatch(r"-?\d+", text):
        return Decimal(text)
    if not re.fullmatch(r"-?\d[\d.,]*\d", text):
        raise ShapeChanged(T("{value} is no quantity.", value=str(value)[:40] or "?"))
    point = _decimal_point(text, sign)
    thousands = "," if point == "." else "."
    whole, _, fraction = text.partition(point)
    grouped = re.fullmatch(rf"-?\d{{1,3}}(\{thousands}\d{{3}})*|-?\d+", whole)
    if not grouped or not (fraction.isdecimal() or (point not in text)):
        raise ShapeChanged(T("{value} is no quantity.", value=text[:40]))
    return (
        Decimal(f"{whole.replace(thousands, '')}.{fraction or 0}")
        if fraction
        else Decimal(whole.replace(thousands, ""))
    )


def _decimal_point(text: str, sign: str) -> str:
    if sign != "auto":
        return "." if sign == "point" else ","
    if "." in text and "," in text:
        return max(".,", key=text.rindex)
    used = "." if "." in text else ","
    if text.count(used) > 1:
        return "," if used == "." else "."
    if re.fullmatch(rf"-?[1-9]\d{{0,2}}\{used}\d{{3}}", text):
        raise ShapeChanged(
            T("{value} may be thousands or a decimal: choose the decimal sign in the settings.", value=text)
        )
    return used
