"""Reads Datto RMM: sites, their devices, counted by category (Datto RMM §5, §9, §10)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from connectors._kit.api import Api, Call
from connectors._kit.auth import OAuth
from connectors._kit.http import Http
from connectors._kit.paging import NextUrl
from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.retry import Backoff
from connectors._kit.select import Record, find, instant, text, whole, yes
from connectors._kit.throttle import Throttle
from core.domain.errors import RemoteError, ShapeChanged
from core.domain.text import T
from core.domain.usage import Origin, Reading, UsageLine

if TYPE_CHECKING:
    from connectors.datto_rmm.manifest import DattoRmmSecrets, DattoRmmSettings

PAGES = NextUrl(at="pageDetails.nextPageUrl", size_param="max", size=250)
BLOCKED_SECONDS = 300.0
"""Going on after a 429 leads to a block of the address, answered with 403 (Datto RMM §6)."""

PRODUCTS = {
    "server": "Managed server",
    "workstation": "Managed workstation",
    "desktop": "Managed desktop",
    "laptop": "Managed laptop",
    "esxi": "Managed ESXi host",
    "network": "Managed network device",
    "printer": "Managed printer",
    "other": "Other device",
    "ondemand": "OnDemand device",
}
CATEGORIES = {
    "server": "server",
    "desktop": "desktop",
    "laptop": "laptop",
    "esxi host": "esxi",
    "network device": "network",
    "printer": "printer",
}
CLASSES = {"esxihost": "esxi", "rmmnetworkdevice": "network", "printer": "printer"}


class _Site(NamedTuple):
    customer: Customer
    on_demand: bool
    devices_told: int | None


class DattoRmm:
    """A Datto RMM account."""

    def __init__(self, portal: str, settings: DattoRmmSettings, secrets: DattoRmmSecrets) -> None:
        self.portal = portal
        self.settings = settings
        secret = secrets.api_secret.get_secret_value()
        base = settings.base_url.rstrip("/").removesuffix("/api")
        http = Http("Datto RMM", secrets=[secret, settings.api_key])
        oauth = OAuth(
            url=settings.auth_url or f"{base}/auth/oauth/token",
            fields={"grant_type": "password", "username": settings.api_key, "password": secret},
            client=("public-client", "public"),
        )
        self.throttle = Throttle(at_once=1, requests=300)
        self.api = Api(
            http=http,
            base_url=f"{base}/api/v2",
            auth=oauth.auth(http),
            throttle=self.throttle,
            backoff=Backoff(attempts=5, first=2.0, longest=16.0, total=900.0),
        )
        self.blocked_seconds = BLOCKED_SECONDS

    def test(self) -> None:
        """Raises what is wrong, in words."""
        self.api.get("account")

    def read(self, now: datetime) -> Reading:
        builder = ReadingBuilder(self.portal, now)
        sites = [site for site in self._sites() if site.customer.name not in self.settings.ignored_sites]
        counted = self._excluded()
        if self.settings.route == "account":
            by_site: dict[str, list[Record]] = {}
            for device in self._list("account/devices", "devices"):
                by_site.setdefault(text(device, "siteUid"), []).append(device)
            for site in sites:
                self._add(builder, site, by_site.get(site.customer.id, []), counted, now)
        else:
            for site in sites:
                self._read_site(builder, site, counted, now)
        return builder.reading()

    def _sites(self) -> Iterator[_Site]:
        for record in self._list("account/sites", "sites"):
            told = whole(record, "devicesStatus.numberOfDevices")
            yield _Site(Customer(text(record, "uid"), text(record, "name")), yes(record, "onDemand"), told)

    def _read_site(self, builder: ReadingBuilder, site: _Site, counted: set[str], now: datetime) -> None:
        try:
            devices = self._list(f"site/{site.customer.id}/devices", "devices")
        except RemoteError as error:
            if error.kind in ("forbidden", "shape_changed") or error.retryable:
                builder.failed(site.customer, error.message)
            elif error.status == 404:
                builder.note(T("Site {site} was removed while it was read.", site=site.customer.name))
            else:
                raise
            return
        self._add(builder, site, devices, counted, now)

    def _add(
        self, builder: ReadingBuilder, site: _Site, devices: list[Record], counted: set[str], now: datetime
    ) -> None:
        if site.devices_told is not None and site.devices_told != len(devices):
            builder.note(
                T(
                    "Site {site} says it has {told} devices; {found} were listed and counted.",
                    site=site.customer.name,
                    told=site.devices_told,
                    found=len(devices),
                )
            )
        _add_count(builder, site.customer, "ondemand" if site.on_demand else "workstation", 0)
        if self._is_not_billable(site.customer.name):
            return
        for device in devices:
            uid = text(device, "uid")
            if uid in counted:
                builder.note(
                    T("Some devices are marked as not billable, or stand in two sites and count in the first.")
                )
            elif self._counts(device, now):
                counted.add(uid)
                _add_count(builder, site.customer, "ondemand" if site.on_demand else self._category(device), 1)
                self._add_antivirus(builder, site.customer, device)

    def _counts(self, device: Record, now: datetime) -> bool:
        if yes(device, "deleted") or (yes(device, "suspended") and not self.settings.count_suspended):
            return False
        if any(self._is_not_billable(str(value)) for value in (device.get("udf") or {}).values() if value):
            return False
        if self.settings.inactive_days:
            seen = instant(device, "lastSeen")
            return seen is None or seen >= now - timedelta(days=self.settings.inactive_days)
        return True

    def _is_not_billable(self, name: str) -> bool:
        return any(mark.casefold() in name.casefold() for mark in self.settings.not_billable if mark)

    def _category(self, device: Record) -> str:
        category = str(find(device, "deviceType.category") or "").strip().casefold()
        kind = CATEGORIES.get(category) or CLASSES.get(str(device.get("deviceClass") or "").casefold(), "other")
        if kind in ("desktop", "laptop") and not self.settings.split_workstations:
            return "workstation"
        return kind

    def _add_antivirus(self, builder: ReadingBuilder, customer: Customer, device: Record) -> None:
        product = str(find(device, "antivirus.antivirusProduct") or "").strip()
        if self.settings.antivirus and product and find(device, "antivirus.antivirusStatus") != "NotDetected":
            builder.count(
                customer, f"datto_rmm:av:{product}", product, 1, unit="device", source="GET /site/{uid}/devices"
            )

    def _excluded(self) -> set[str]:
        """Devices of the device filters that carry a name of the not-billable list."""
        names = {mark.casefold() for mark in self.settings.not_billable}
        if not names:
            return set()
        try:
            filters = [
                one
                for one in self._list("filter/custom-filters", "filters")
                if text(one, "name", "").casefold() in names
            ]
        except RemoteError as error:
            if error.status not in (403, 404):
                raise
            return set()
        return {
            text(device, "uid")
            for one in filters
            for device in self._list("account/devices", "devices", filterId=text(one, "id"))
        }

    def _list(self, path: str, at: str, **params: str) -> list[Record]:
        """A whole list. One with fewer rows than it says is read once more, then refused (Datto RMM §4)."""
        call = Call(path=path, params={"page": "0", **params})
        found: list[Record] = []
        total: int | None = None
        for _ in range(2):
            found, total = self._rows_waiting_out_a_block(call, at)
            if total is None or total <= len(found):
                return found
        raise ShapeChanged(
            T("The list {name} came with fewer records than it says it has.", name=path),
            detail=f"{len(found)} of {total}",
        )

    def _rows_waiting_out_a_block(self, call: Call, at: str) -> tuple[list[Record], int | None]:
        """A 403 right after throttling is a block of the address, waited out once; any other means that a right is missing."""
        pauses = self.throttle.pauses
        try:
            return self._rows(call, at)
        except RemoteError as error:
            if error.status != 403 or self.throttle.pauses == pauses:
                raise
            self.throttle.pause(self.blocked_seconds)
            return self._rows(call, at)

    def _rows(self, call: Call, at: str) -> tuple[list[Record], int | None]:
        found: list[Record] = []
        total = None
        for page in self.api.pages(call, PAGES, at):
            found += page.records
            total = whole(page.body, "pageDetails.totalCount")
        return found, total


def _add_count(builder: ReadingBuilder, customer: Customer, kind: str, quantity: int) -> None:
    builder.add(
        UsageLine(
            customer_id=customer.id,
            customer=customer.name,
            product_key=f"datto_rmm:{kind}",
            product=PRODUCTS[kind],
            quantity=Decimal(quantity),
            unit="device",
            origin=Origin("GET /site/{uid}/devices", customer.id),
        )
    )
