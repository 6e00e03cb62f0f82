"""The Network Integration API of a controller, directly or through the cloud (UniFi §5, §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from connectors._kit.api import Api, Call
from connectors._kit.auth import ApiKey
from connectors._kit.http import Http
from connectors._kit.paging import Offset
from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.retry import Backoff
from connectors._kit.select import Record, find, text
from connectors._kit.throttle import Throttle
from connectors.unifi.devices import Device, Site, add_sites, kind_of_features, mac_of
from core.domain.errors import RemoteError, SettingsError
from core.domain.text import T

if TYPE_CHECKING:
    from connectors.unifi.manifest import UniFiSecrets, UniFiSettings

CLOUD = "https://api.ui.com"
PAGES = Offset(size=200, total_at="totalCount")
"""Advances by the rows that came; the largest page is 200 (UniFi §6)."""


class Integration:
    """All sites of one controller."""

    def __init__(self, settings: UniFiSettings, secrets: UniFiSecrets, http: Http) -> None:
        self.settings = settings
        self.api = Api(
            http=http,
            base_url=_root(settings.base_url.rstrip("/"), settings.console_id),
            auth=ApiKey("X-API-KEY", secrets.api_key.get_secret_value()),
            throttle=Throttle(at_once=4),
            backoff=Backoff(attempts=4, first=1.0, longest=15.0),
            throttled=frozenset({429, 503}),
            wait=10.0,
        )

    def test(self) -> None:
        try:
            self.api.get("info")
        except RemoteError as error:
            raise _explained(error) from error

    def read(self, builder: ReadingBuilder) -> None:
        try:
            sites = self.api.whole(Call(path="sites"), PAGES, "data", key="id", total_at="totalCount", keep=_site)
        except RemoteError as error:
            raise _explained(error) from error
        found = builder.gather([site.customer for site in sites.values()], lambda one: self._devices(sites[one.id]))
        add_sites(
            builder,
            [(sites[customer.id], devices) for customer, devices in found],
            products=self.settings.products,
            count_offline=self.settings.count_offline,
            source="GET /v1/sites/{id}/devices",
        )

    def _devices(self, site: Site) -> list[Device]:
        call = Call(path=f"sites/{quote(site.key, safe='')}/devices")
        found = self.api.whole(call, PAGES, "data", key="id", total_at="totalCount", keep=_device)
        return [device for device in found.values() if device is not None]


def _root(base: str, console: str) -> str:
    """Where `/v1/…` of the interface begins; a given address may already lead there."""
    if console:
        return f"{base or CLOUD}/v1/connector/consoles/{quote(console, safe=':')}/proxy/network/integration/v1"
    base = base.removesuffix("/v1")
    return f"{base}/v1" if base.endswith("/integration") else f"{base}/proxy/network/integration/v1"


def _site(one: Record) -> Site:
    """`internalReference` is missing on 9.0."""
    identity = text(one, "id")
    return Site(Customer(identity, text(one, "name", "") or identity), identity, text(one, "internalReference", ""))


def _device(one: Record) -> Device | None:
    state = text(one, "state", "")
    if state == "PENDING_ADOPTION":
        return None
    kind = kind_of_features(text(one, "model", ""), find(one, "features") or ())
    return Device(mac_of(text(one, "macAddress", "")) or text(one, "id"), kind, state == "OFFLINE")


def _explained(error: RemoteError) -> Exception:
    if error.status != 404:
        return error
    return SettingsError(
        T("This controller has no Integration API."),
        place=error.place,
        remedy=T("Choose the classic interface, or update to UniFi Network 9 on a console or UniFi OS Server."),
        detail=error.detail,
        kind="interface",
    )
