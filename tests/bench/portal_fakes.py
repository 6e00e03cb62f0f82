"""The portals' fakes of tests/connectors in one process of their own, each answering after a set time.

`python -m tests.bench.portal_fakes SECONDS CUSTOMERS PAGES` prints how to connect them, one JSON document on one line. After each
line on its input it prints how many requests each portal had since the last time. It ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.connectors import cloudblue_fake as cloudblue
from tests.connectors import manageengine_fakes as manageengine
from tests.connectors import test_also as also
from tests.connectors import test_datto_rmm as datto_rmm
from tests.connectors import test_duo as duo
from tests.connectors import test_manageengine_mdm as mdm
from tests.connectors import test_manageengine_mdm_msp as mdm_msp
from tests.connectors import test_microsoft365 as microsoft365
from tests.connectors import test_pax8 as pax8
from tests.connectors import test_sentinelone as sentinelone
from tests.connectors import test_spamexperts as spamexperts
from tests.connectors import test_td_synnex as td_synnex
from tests.connectors import test_unifi as unifi
from tests.connectors import zabbix_fake as zabbix
from tests.connectors.fakes import serving


@dataclass(frozen=True)
class Portal:
    """A fake and how to connect to it. `at_once`: requests that the portal's limits allow in flight. `{url}` in a setting is its address."""

    slug: str
    app: ASGIApp
    at_once: int
    settings: dict[str, Any]
    secrets: dict[str, str]
    sign_in: ASGIApp | None = None


@dataclass
class Slow:
    """An app whose answers begin `seconds` after the request came, and which counts its requests."""

    app: ASGIApp
    seconds: float
    asked: list[int] = field(default_factory=lambda: [0])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked[0] += 1
        until = time.monotonic() + self.seconds

        async def later(message: Message) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(max(0.0, until - time.monotonic()))
            await send(message)

        await self.app(scope, receive, later)


def portals(customers: int, pages: int) -> list[Portal]:
    """Every portal with its share. `customers` scales their number; with `pages`, each list is so many pages of the same lines."""
    return [make(customers, pages) for make in MAKERS]


def _microsoft365(customers: int, pages: int) -> Portal:
    tenants = [f"2f6f4c10-aaaa-4aaa-9aaa-{number:012}" for number in range(customers * 3 // 2)]
    skus = [microsoft365.sku(f"cbdc14ab-d96c-4c30-b9f4-{number:012}", f"SKU_{number}") for number in range(4)]
    number = count()
    people = [[microsoft365.user(next(number)) for _ in range(100)] for _ in range(pages)] or [[microsoft365.user(1)]]
    fake = microsoft365.Fake(
        customers=[(tenant, f"Customer {place}") for place, tenant in enumerate(tenants)],
        skus=dict.fromkeys(tenants, skus),
        users=dict.fromkeys(tenants, people),
        subscriptions={tenant: [microsoft365.bought(one) for one in range(3)] for tenant in tenants},
    )
    settings = {"base_url": "{url}", "partner_tenant_id": microsoft365.PARTNER, "client_id": "app"}
    return Portal("microsoft365", fake.app(), 8, settings, {"client_secret": microsoft365.SECRET})


def _sentinelone(customers: int, pages: int) -> Portal:
    sites = [sentinelone.site(number, sentinelone.bundle("control")) for number in range(customers * 15)]
    gone = [
        sentinelone.site(f"gone-{number}", state="deleted") for number in range(1000 * pages if pages > 1 else pages)
    ]
    fake = sentinelone.Fake(sites=sites + gone)
    return Portal("sentinelone", fake.app(), 4, {"base_url": "{url}"}, {"api_token": sentinelone.TOKEN})


def _datto_rmm(customers: int, pages: int) -> Portal:
    kinds = ("Server", "Laptop", "Network Device")
    fake = datto_rmm.Fake(
        sites=[datto_rmm.site(number) for number in range(customers)],
        devices={
            f"u{site}": [
                datto_rmm.device(site * 100_000 + number, kinds[number % 3]) for number in range(250 * pages or 3)
            ]
            for site in range(customers)
        },
    )
    return Portal("datto_rmm", fake.app(), 1, {"base_url": "{url}", "api_key": "KEY&+="}, {"api_secret": "s3c&r+e=t"})


def _duo(customers: int, pages: int) -> Portal:
    children = [(f"DA{number}", f"Customer {number}") for number in range(customers)]
    people = [duo.user(number) for number in range(300 * pages or 20)]
    fake = duo.Fake(
        children=children,
        users={key: people for key, _ in children},
        editions={key: "ENTERPRISE" for key, _ in children},
    )
    settings = {"base_url": "{url}", "integration_key": duo.IKEY, "allowed_hosts": ["127.0.0.1"]}
    return Portal("duo", fake.app(), 4, settings, {"secret_key": duo.SKEY})


def _unifi(customers: int, pages: int) -> Portal:
    sites = range(customers if pages else customers * 3)
    own = [
        [unifi.network_device(site * 10_000 + number, ["accessPoint"]) for number in range(200 * pages or 6)]
        for site in sites
    ]
    fake = unifi.Network(
        sites=[unifi.network_site(number) for number in sites],
        devices={f"uuid{number}": own[number] for number in sites},
    )
    return Portal("unifi", fake.app(), 4, {"api": "integration", "base_url": "{url}"}, {"api_key": unifi.KEY})


def _manageengine_mdm(customers: int, pages: int) -> Portal:
    fake = mdm.Mdm(
        customers=[mdm_msp.customer(number, f"Customer {number}") for number in range(1, customers * 3 // 2 + 1)],
        of_customer={
            str(customer): [_device(customer, number) for number in range(50 * pages or 3)]
            for customer in range(1, customers * 3 // 2 + 1)
        },
    )
    settings = {"edition": "msp", "client_id": "1000.bench", "base_url": "{url}", "auth_url": "{sign_in}"}
    return Portal("manageengine_mdm", fake.app(), 2, settings, mdm.SECRETS, fake.accounts.app())


def _manageengine_mdm_msp(customers: int, pages: int) -> Portal:
    people = range(1, customers * 9 // 10 + 1)
    fake = mdm_msp.Msp(
        [mdm_msp.customer(number, f"Customer {number}") for number in people],
        {str(one): [_device(one, number) for number in range(50 * pages or 3)] for one in people},
    )
    return Portal("manageengine_mdm_msp", fake.app(), 1, {"base_url": "{url}"}, {"api_key": mdm_msp.KEY})


def _device(customer: int, number: int) -> dict[str, Any]:
    return manageengine.device(customer * 100_000 + number, customer_id=str(customer))


def _pax8(customers: int, pages: int) -> Portal:
    rows = [pax8.subscription(number, f"c{number // 20}") for number in range(customers * 30)]
    rows += [pax8.subscription(10**6 + number, status="Cancelled") for number in range(200 * customers * pages // 4)]
    fake = pax8.Fake([pax8.company(number) for number in range(customers * 2)], rows)
    return Portal("pax8", fake.app(), 4, {"base_url": "{url}/v1", "client_id": "id"}, {"client_secret": "s3cret-value"})


def _td_synnex(customers: int, pages: int) -> Portal:
    rows = [td_synnex.subscription(number, number // 20) for number in range(customers * 30)]
    rows += [
        td_synnex.subscription(10**6 + number, 1, subscriptionStatus="cancelled")
        for number in range(100 * customers * pages // 4)
    ]
    fake = td_synnex.Fake(
        [td_synnex.customer(number) for number in range(customers * 2)], rows, page=100 if pages else 1000
    )
    return Portal("td_synnex", fake.app(), 2, {"base_url": "{url}", "account_id": "17"}, {"refresh_token": "R1"})


def _marketplace(slug: str) -> Callable[[int, int], Portal]:
    def make(customers: int, pages: int) -> Portal:
        products = [cloudblue.product(f"MPN-{number}") for number in range(4)]
        rows = [cloudblue.subscription(str(one), *products, owner=str(one // 2)) for one in range(customers * 4)]
        ended = range(10**6, 10**6 + 100 * customers * pages // 4)
        rows += [cloudblue.subscription(str(one), *products, owner="1", status="terminated") for one in ended]
        people = [cloudblue.customer(str(number), f"Customer {number}") for number in range(customers * 2)]
        fake = cloudblue.Marketplace(people, rows)
        secrets = {"password": fake.password, "subscription_key": fake.key}
        return Portal(slug, fake.app(), 4, {"base_url": "{url}/marketplace/eu", "user": fake.user}, secrets)

    return make


def _also(customers: int, pages: int) -> Portal:
    """Without pages: each list is one answer."""
    ids = range(410_000, 410_000 + customers * 9 // 10)
    company = {"ParentAccountId": 400_001, "AccountState": "Active", "AccountType": "Company"}
    fake = also.Fake(
        companies=[{**company, "AccountId": one, "CompanyName": f"Customer {one}"} for one in ids],
        services={
            one: [
                {**row, "AccountId": one * 10 + place, "ParentAccountId": one, "CompanyAccountId": one}
                for place, row in enumerate((also.premium(), also.ACRONIS))
            ]
            for one in ids
        },
    )
    settings = {"base_url": "{url}", "user": "api@reseller.example"}
    return Portal("also", fake.app(), 1, settings, {"password": "pa55-word"})


def _spamexperts(customers: int, pages: int) -> Portal:
    """Without pages: the interface answers with counts."""
    people = range(customers // 3)
    fake = spamexperts.Fake(
        admins=[spamexperts.Admin(f"admin{one}", [f"d{one}.example"], (1, 1, 0), 42, 5) for one in people],
        domains=[f"d{one}.example" for one in people],
    )
    settings = {"base_url": "{url}", "user": "it@msp.example"}
    return Portal("spamexperts", fake.app(), 2, settings, {"password": "pa55-word"})


def _zabbix(customers: int, pages: int) -> Portal:
    groups = range(20, 20 + customers * 3)
    hosts = [zabbix.HostRow(group * 10_000 + one, [group]) for group in groups for one in range(30 * pages or 10)]
    fake = zabbix.Fake(version="7.0.3", groups={one: f"Customers/Customer {one}" for one in groups}, hosts=hosts)
    return Portal("zabbix", fake.app(), 1, {"base_url": "{url}/zabbix"}, {"api_token": zabbix.TOKEN})


MAKERS: tuple[Callable[[int, int], Portal], ...] = (
    _microsoft365, _sentinelone, _datto_rmm, _duo, _unifi, _manageengine_mdm, _manageengine_mdm_msp, _pax8, _td_synnex,
    _marketplace("copaco"), _marketplace("ingram"), _also, _spamexperts, _zabbix,
)  # fmt: skip


def main(seconds: float, customers: int, pages: int) -> None:
    with ExitStack() as stack:
        told, slow = {}, {}
        for portal in portals(customers, pages):
            one = slow[portal.slug] = Slow(portal.app, seconds)
            places = {"url": stack.enter_context(serving(one)).url}
            if portal.sign_in is not None:
                places["sign_in"] = stack.enter_context(serving(Slow(portal.sign_in, seconds, one.asked))).url
            settings = {
                key: value.format(**places) if isinstance(value, str) else value
                for key, value in portal.settings.items()
            }
            told[portal.slug] = {"settings": settings, "secrets": portal.secrets, "at_once": portal.at_once}
        print(json.dumps(told), flush=True)
        for _ in sys.stdin:
            print(json.dumps({slug: one.asked[0] for slug, one in slow.items()}), flush=True)
            for one in slow.values():
                one.asked[0] = 0


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
