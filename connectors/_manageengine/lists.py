"""Customers and devices of ManageEngine MDM: where they are, and how their pages are followed (MDM §2, §5, §6; MSP §4, §7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from connectors._kit.api import Api, Call
from connectors._kit.paging import follow
from connectors._kit.reading import Customer
from connectors._kit.select import Record, find, records, text, whole
from core.domain.errors import SettingsError, ShapeChanged
from core.domain.text import T

__all__ = ["DevicePage", "Tenant", "device_pages", "root_of", "tenants"]

ROOT = "/api/v1/mdm"
USUAL_PAGE = 50
"""Devices in a page when no number is asked for."""
TOTAL = "metadata.total_record_count"


class Tenant(NamedTuple):
    """A customer of an MSP edition, with what the list says of it."""

    customer: Customer
    record: Record


class DevicePage(NamedTuple):
    """The devices of one page that no page before had, by id, and how many the server says there are in all."""

    devices: dict[str, Record]
    total: int | None


def root_of(address: str) -> str:
    """Where the interface begins; an address with a path of its own is taken as it is."""
    return address.rstrip("/") if urlsplit(address).path.strip("/") else f"{address.rstrip('/')}{ROOT}"


def tenants(api: Api) -> dict[str, Tenant]:
    """All customers by id; old builds answer with the bare list. Ids are kept as text: they exceed what a double can hold.

    Raises SettingsError when none is shown: an account without rights looks like that, and it must not count as zero.
    """
    body = api.get("customers")
    rows = records(body, "" if isinstance(body, list) else "customers", place="customers")
    total = whole(body, TOTAL) if isinstance(body, Mapping) else None
    if total is not None and len(rows) < total:
        raise ShapeChanged(T("The list {name} came with fewer records than it says it has.", name="customers"))
    if not rows:
        raise SettingsError(
            T("{name} shows no customers.", name=api.http.name),
            remedy=T("Give the account rights on the customers that are to be counted."),
            kind="no_customers",
        )
    found: dict[str, Tenant] = {}
    for row in rows:
        identity = text(row, "customer_id", place="customers")
        found[identity] = Tenant(Customer(identity, text(row, "customer_name", "") or identity), row)
    return found


def device_pages(
    api: Api, *, headers: Mapping[str, str], params: Mapping[str, str], page_size: int = 0
) -> Iterator[DevicePage]:
    """The pages of a list of devices, by the server's link, else by its total, else as long as full pages bring new ids.

    Raises ShapeChanged when a link leads in a circle or a page only repeats what came before.
    """
    step = Call(path="devices", headers=headers, params=params)
    if page_size:
        step = step.with_params(limit=str(page_size))
    first = step
    seen: set[str] = set()
    links: set[str] = set()
    while True:
        body = api.fetch(step).json()
        rows = records(body, "devices", place="devices")
        fresh = {identity: row for row in rows if (identity := text(row, "device_id")) not in seen}
        seen.update(fresh)
        total = whole(body, TOTAL)
        yield DevicePage(fresh, total)
        link = str(find(body, "paging.next") or "")
        if link in links or (rows and not fresh):
            raise ShapeChanged(T("The list does not end: the same page came twice."), place="devices")
        if link:
            links.add(link)
            step = follow(step, link)
        elif (
            rows and not links and (len(seen) < total if total is not None else len(rows) >= (page_size or USUAL_PAGE))
        ):
            step = first.with_params(offset=str(len(seen)))
        else:
            return
