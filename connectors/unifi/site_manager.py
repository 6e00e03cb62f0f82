"""The Site Manager API in the cloud: all consoles of one key, with ready-made counts per site (UniFi §7, §8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import orjson

from connectors._kit.api import Api, Call
from connectors._kit.auth import ApiKey, credentials_refused
from connectors._kit.http import Answer, Http
from connectors._kit.paging import Cursor
from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.retry import Backoff
from connectors._kit.select import Record, text, whole
from connectors._kit.throttle import Throttle
from connectors.unifi.devices import PRODUCTS, Product, lines
from core.domain.errors import RateLimited, RemoteError
from core.domain.text import T

if TYPE_CHECKING:
    from connectors.unifi.manifest import UniFiSecrets, UniFiSettings

CLOUD = "https://api.ui.com"
COUNTS: Mapping[Product, tuple[str, str]] = MappingProxyType(
    {
        "devices_total": ("totalDevice", "offlineDevice"),
        "access_points": ("wifiDevice", "offlineWifiDevice"),
        "switches": ("wiredDevice", "offlineWiredDevice"),
        "gateways": ("gatewayDevice", "offlineGatewayDevice"),
        "devices_offline": ("offlineDevice", ""),
    }
)
"""Which ready-made count is which product, and the one that says how many of them are offline."""
DEFAULT = "default"
BODY_START = 4096


class _Told(NamedTuple):
    """What is told of one site: its customer, console, short name and counts; a product that cannot be known is None."""

    customer: Customer
    host: str
    short_name: str
    counts: dict[Product, int | None]


class SiteManager:
    """All consoles that the key's owner owns or super-administers."""

    def __init__(self, settings: UniFiSettings, secrets: UniFiSecrets, http: Http) -> None:
        self.settings = settings
        self._http = http
        self._pages = Cursor(param="nextToken", at="nextToken", size_param="pageSize", size=settings.page_size)
        self.api = Api(
            http=http,
            base_url=f"{(settings.base_url or CLOUD).rstrip('/').removesuffix('/v1')}/v1",
            auth=ApiKey("X-API-KEY", secrets.api_key.get_secret_value()),
            throttle=Throttle(at_once=4, requests=9_000),
            backoff=Backoff(attempts=5),
            check=self._check,
        )

    def test(self) -> None:
        self.api.get("hosts", pageSize="1")

    def read(self, builder: ReadingBuilder) -> None:
        hosts = {
            text(one, "id"): _host_name(one) for one in self.api.all(Call(path="hosts"), self._pages, "data", key="id")
        }
        told: list[_Told] = []
        seen: set[str] = set()
        for one in self.api.all(Call(path="sites"), self._pages, "data"):
            site = self._site(one, hosts)
            if site.customer.id not in seen:
                seen.add(site.customer.id)
                told.append(site)
        if self.settings.customer == "console":
            told = _by_console(told, hosts)
        else:
            self._give_consoles(told, hosts, builder)
        for site in told:
            self._add(builder, site)

    def _site(self, one: Record, hosts: Mapping[str, str]) -> _Told:
        host, short_name = text(one, "hostId"), text(one, "meta.name", "")
        name = text(one, "meta.desc", "") or short_name
        if name.casefold() in ("", DEFAULT):
            name = hosts.get(host, "") or name or host
        counts: dict[Product, int | None] = {product: self._count(one, product) for product in COUNTS}
        total, parts = counts["devices_total"], [counts[name] for name in ("access_points", "switches", "gateways")]
        known = [part for part in parts if part is not None]
        counts["devices_other"] = max(0, total - sum(known)) if total is not None and len(known) == len(parts) else None
        counts["sites"] = 1
        return _Told(Customer(f"{host}/{text(one, 'siteId')}", name), host, short_name, counts)

    def _count(self, one: Record, product: Product) -> int | None:
        """A ready-made count; None where the console does not tell it. That is not zero (M2)."""
        member, offline_member = COUNTS[product]
        everything = whole(one, f"statistics.counts.{member}")
        if self.settings.count_offline or not offline_member or everything is None:
            return everything
        offline = whole(one, f"statistics.counts.{offline_member}")
        return None if offline is None else max(0, everything - offline)

    def _give_consoles(self, told: list[_Told], hosts: Mapping[str, str], builder: ReadingBuilder) -> None:
        """A console belongs to the customer of its one site; with several sites it is nobody's alone."""
        sites = Counter(site.host for site in told)
        for site in told:
            site.counts["consoles"] = 1 if sites[site.host] == 1 else 0
        for host, number in sites.items():
            if number > 1 and "consoles" in self.settings.products:
                builder.note(
                    T("Console {console} has {count} sites and counts as a console of none of them.",
                      console=hosts.get(host) or host, count=number)
                )  # fmt: skip

    def _add(self, builder: ReadingBuilder, site: _Told) -> None:
        wanted = [product for product in PRODUCTS if product in self.settings.products]
        known = {product: count for product in wanted if (count := site.counts.get(product)) is not None}
        unknown = tuple(product for product in wanted if product not in known)
        if unknown:
            builder.failed(
                site.customer,
                T(
                    "{customer}: the console does not tell {counts}. What is not needed can be taken off the list.",
                    customer=site.customer.name,
                    counts=unknown,
                ),
            )
            return
        for line in lines(site.customer, known, "GET /v1/sites", short_name=site.short_name):
            builder.add(line)

    def _check(self, answer: Answer) -> None:
        """An error inside an answer with a good status; codes come in both cases (UniFi §7)."""
        if b'"code"' not in answer.content[:BODY_START] or len(answer.content) > BODY_START:
            return
        body = orjson.loads(answer.content)
        if not isinstance(body, dict) or "data" in body or not body.get("code"):
            return
        code = str(body["code"]).lower()
        if code in ("unauthorized", "forbidden"):
            raise credentials_refused(self._http, answer)
        if code == "rate_limit":
            raise RateLimited(
                T("{name} asks to slow down.", name="UniFi"), retry_after=answer.retry_after(), place=answer.where
            )
        raise RemoteError(
            T("UniFi refuses this: {reason}.", reason=code[:60]),
            retryable=code in ("server_error", "bad_gateway"),
            place=answer.where,
            detail=self._http.mask(answer.start()),
        )


def _host_name(one: Record) -> str:
    """`reportedState` may be null, and its shape varies with the firmware."""
    return text(one, "reportedState.name", "") or text(one, "reportedState.hostname", "") or text(one, "id")


def _by_console(told: list[_Told], hosts: Mapping[str, str]) -> list[_Told]:
    """One customer for each console: the sum over its sites, unknown where one of them is unknown."""
    by_host: dict[str, list[_Told]] = {host: [] for host in hosts}
    for site in told:
        by_host.setdefault(site.host, []).append(site)
    result = []
    for host, sites in by_host.items():
        counts: dict[Product, int | None] = {"consoles": 1}
        for product in (*COUNTS, "devices_other", "sites"):
            parts = [site.counts[product] for site in sites]
            counts[product] = None if None in parts else sum(part for part in parts if part is not None)
        result.append(_Told(Customer(host, hosts.get(host) or host), host, "", counts))
    return result
