"""Reads SentinelOne: sites or accounts with their licences and bundles (SentinelOne §5, §9, §10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from connectors._kit.api import Api, Call
from connectors._kit.auth import ApiKey
from connectors._kit.http import Answer, Http
from connectors._kit.paging import Cursor
from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.retry import Backoff
from connectors._kit.select import Record, find, number, record, records, text, yes
from connectors._kit.throttle import Throttle
from core.domain.errors import RemoteError, ShapeChanged
from core.domain.text import T
from core.domain.usage import Origin, Reading, UsageLine

if TYPE_CHECKING:
    from connectors.sentinelone.manifest import SentinelOneSecrets, SentinelOneSettings

PAGES = Cursor(param="cursor", at="pagination.nextCursor", size_param="limit", size=1000, decode=True)
"""The cursor may come percent-encoded or raw (SentinelOne §4)."""

ENDPOINT_BUNDLES = ("complete", "control", "core")
WORKLOADS = "cloud_workload_security"
SERVERS = "server,kubernetes node,storage"
ALL_AGENTS = {"isDecommissioned": "false", "isUninstalled": "false", "isPendingUninstall": "false"}
"""What is included without these is uncertain: always sent (SentinelOne §5.5)."""


class Bundle(NamedTuple):
    """The package a site's agents belong to."""

    name: str
    display: str


class SentinelOne:
    """A SentinelOne management console."""

    def __init__(self, portal: str, settings: SentinelOneSettings, secrets: SentinelOneSecrets) -> None:
        self.portal = portal
        self.settings = settings
        token = secrets.api_token.get_secret_value()
        base = settings.base_url.rstrip("/").removesuffix("/web/api/v2.1")
        self.api = Api(
            http=Http("SentinelOne", secrets=[token]),
            base_url=f"{base}/web/api/v2.1",
            auth=ApiKey("Authorization", token, "ApiToken "),
            throttle=Throttle(at_once=4, requests=300),
            backoff=Backoff(attempts=5, first=2.0, longest=60.0),
            wait=5.0,
            check=_check,
        )

    def test(self) -> None:
        """Raises what is wrong, in words."""
        self.api.get("sites", limit="1")

    def read(self, now: datetime) -> Reading:
        builder = ReadingBuilder(self.portal, now)
        if self.settings.customer_level == "account":
            for account in self.api.all(Call(path="accounts"), PAGES, "data", key="id"):
                if self._is_billed(account, "accountType", builder):
                    for line in _account_lines(account):
                        builder.add(line)
            return builder.reading()
        sites = [
            site
            for site in self.api.all(Call(path="sites"), PAGES, "data.sites", key="id")
            if self._is_billed(site, "siteType", builder) and not _is_empty_default(site)
        ]
        by_id = {text(site, "id"): site for site in sites}
        customers = [Customer(key, text(site, "name")) for key, site in by_id.items()]
        builder.each_customer(customers, lambda customer: self._site_lines(customer, by_id[customer.id], builder))
        return builder.reading()

    def _is_billed(self, place: Record, type_field: str, builder: ReadingBuilder) -> bool:
        state, name = text(place, "state", ""), text(place, "name")
        if state == "deleted":
            return False
        if state == "expired" and not self.settings.bill_expired:
            builder.note(T("{customer} has expired and is not counted.", customer=name))
            return False
        return text(place, type_field, "Paid") != "Trial" or self.settings.bill_trials

    def _site_lines(self, customer: Customer, site: Record, builder: ReadingBuilder) -> Iterable[UsageLine]:
        bundle = self._bundle(site, builder)
        active, reserved, told = number(site, "activeLicenses"), _reserved(site), _told(site)
        name = f"{bundle.display} (reserved)"
        yield _line(
            customer, f"s1:active:{bundle.name}", bundle.display, active, "agent", told if reserved is None else None
        )
        if reserved is not None:
            yield _line(customer, f"s1:licensed:{bundle.name}", name, reserved, "licence", told)
        if self.settings.split_machines:
            yield from self._machines(customer, bundle, builder)
        if self.settings.modules:
            for module in records(site, "licenses.modules", or_null=True):
                name = text(module, "name")
                yield _line(customer, f"s1:module:{name}", text(module, "displayName", name), active, "agent")
        if self.settings.users:
            yield from _users(customer, site)

    def _bundle(self, site: Record, builder: ReadingBuilder) -> Bundle:
        """The endpoint bundle; active agents can only be tied to that (SentinelOne §9)."""
        bundles = {text(one, "name"): text(one, "displayName", text(one, "name")) for one in _bundles(site)}
        endpoint = [name for name in ENDPOINT_BUNDLES if name in bundles]
        if len(endpoint) > 1 and self.settings.two_bundles == "mixed":
            builder.note(
                T("{customer} has several endpoint bundles; its agents count as mixed.", customer=text(site, "name"))
            )
            return Bundle("mixed", "SentinelOne mixed bundles")
        others = [name for name in bundles if name.startswith(WORKLOADS)] or [
            name for name in bundles if not _is_for_users(site, name)
        ]
        found = next(iter((*endpoint, *others)), "")
        if found:
            return Bundle(found, _named(bundles[found]))
        fallback = (text(site, "sku", "") or text(site, "suite", "") or "unknown").lower()
        return Bundle(fallback, _named(fallback.capitalize()) if fallback != "unknown" else "SentinelOne")

    def _machines(self, customer: Customer, bundle: Bundle, builder: ReadingBuilder) -> Iterator[UsageLine]:
        try:
            servers = self._agents(customer, machineTypes=SERVERS)
            everything = self._agents(customer)
        except RemoteError as error:
            if error.status != 403:
                raise
            builder.note(T("The token may not count agents: servers and workstations are not told apart."))
            return
        yield _line(customer, f"s1:server:{bundle.name}", f"{bundle.display} server", servers, "agent")
        yield _line(
            customer, f"s1:workstation:{bundle.name}", f"{bundle.display} workstation", everything - servers, "agent"
        )

    def _agents(self, customer: Customer, **filters: str) -> Decimal:
        return number(
            record(self.api.get("agents/count", siteIds=customer.id, **ALL_AGENTS, **filters), "data"), "total"
        )


def _account_lines(account: Record) -> Iterator[UsageLine]:
    customer = Customer(text(account, "id"), text(account, "name"))
    skus, told = records(account, "skus", or_null=True), _told(account)
    for sku in skus:
        name = text(sku, "type")
        yield _line(customer, f"s1:active:{name.lower()}", _named(name), number(sku, "agentsInSku"), "agent", told)
    if not skus:
        yield _line(customer, "s1:active:unknown", "SentinelOne", number(account, "activeAgents"), "agent", told)


def _told(place: Record) -> dict[str, str]:
    """State and dates of a site's or account's licences; one that never expires has no end."""
    told = {
        "status": text(place, "state", ""),
        "created": text(place, "createdAt", "")[:10],
        "commitment_end": "" if yes(place, "unlimitedExpiration") else text(place, "expiration", "")[:10],
    }
    return {name: value for name, value in told.items() if value}


def _bundles(site: Record) -> list[Record]:
    return records(site, "licenses.bundles", or_null=True) if site.get("licenses") else []


def _reserved(site: Record) -> Decimal | None:
    """Seats reserved; None where they are unlimited: never -1 (SentinelOne §5.1)."""
    if yes(site, "unlimitedLicenses"):
        return None
    told = number(site, "totalLicenses", Decimal(-1))
    if told > 0:
        return told
    surfaces = [
        s
        for one in _bundles(site)
        for s in records(one, "surfaces", or_null=True)
        if text(s, "name", "") == "Total Agents"
    ]
    counts = [number(surface, "count") for surface in surfaces]
    if counts:
        return max(counts) if max(counts) >= 0 else None
    return told if told >= 0 else None


def _users(customer: Customer, site: Record) -> Iterator[UsageLine]:
    for bundle in _bundles(site):
        for surface in records(bundle, "surfaces", or_null=True):
            if text(surface, "name", "") == "Total Users" and number(surface, "count") >= 0:
                name = text(bundle, "name")
                yield _line(
                    customer,
                    f"s1:users:{name}",
                    _named(text(bundle, "displayName", name)),
                    number(surface, "count"),
                    "user",
                )


def _is_for_users(site: Record, name: str) -> bool:
    surfaces = [s for one in _bundles(site) if one.get("name") == name for s in records(one, "surfaces", or_null=True)]
    return bool(surfaces) and all(text(surface, "name", "") == "Total Users" for surface in surfaces)


def _is_empty_default(site: Record) -> bool:
    return yes(site, "isDefault") and not find(site, "activeLicenses")


def _named(display: str) -> str:
    return display if "sentinelone" in display.lower() else f"SentinelOne {display}"


def _check(answer: Answer) -> None:
    """A wrong console answers with its sign-in page and status 200 (SentinelOne §7)."""
    if answer.content.lstrip()[:1] == b"<":
        raise ShapeChanged(
            T("The address answers with a web page: it is not the console's own."),
            place=answer.where,
            detail=answer.start(),
        )


def _line(
    customer: Customer, key: str, product: str, quantity: Decimal, unit: str, told: Mapping[str, str] | None = None
) -> UsageLine:
    return UsageLine(
        customer_id=customer.id,
        customer=customer.name,
        product_key=key,
        product=product,
        quantity=quantity,
        unit=unit,
        attributes=told or {},
        origin=Origin("GET /sites", customer.id),
    )
