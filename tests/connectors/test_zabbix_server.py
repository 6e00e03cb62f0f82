"""Zabbix against a real server and frontend from Debian's packages, and the same questions to the fake."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from zabbix_utils import ZabbixAPI

from connectors.zabbix.manifest import MANIFEST
from core.domain.errors import RemoteError, Unauthorized
from core.domain.usage import Reading
from tests.connectors import zabbix_server

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
PASSWORD = "Sesame-open-2026"
pytestmark = [pytest.mark.zabbix, pytest.mark.xdist_group("zabbix")]


@dataclass
class Real:
    """A filled server: an administrator's client, and a reader's token that sees the customers only."""

    url: str
    api: ZabbixAPI
    token: str
    groups: dict[str, str]
    hosts: dict[str, str]
    user: str

    def read(self, secrets: dict[str, str] | None = None, **settings: object) -> Reading:
        return MANIFEST.open("Zabbix", {"base_url": self.url, **settings}, secrets or {"api_token": self.token}).read(
            NOW
        )


@pytest.fixture(scope="module")
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    missing = zabbix_server.missing()
    if missing and os.environ.get("CONTRACTBRIDGE_REQUIRE_ZABBIX") == "1":
        pytest.fail(f"CONTRACTBRIDGE_REQUIRE_ZABBIX=1, but this is missing: {', '.join(missing)}")
    if missing:
        pytest.skip(f"there is no Zabbix here: {', '.join(missing)}")
    postgres_url: str = request.getfixturevalue("postgres_url")
    folder = postgres_url.rpartition("host=")[2]
    with zabbix_server.running(tmp_path_factory.mktemp("zabbix"), folder, f"zabbix{os.getpid()}") as url:
        yield filled(url)


def filled(url: str) -> Real:
    """3+1, 4+2 and 2+0 enabled and disabled hosts, a branch, an empty group, a shared host and a template."""
    api = ZabbixAPI(url=url, user="Admin", password="zabbix")
    names = ["Acme Dental", "Borealis", "Cøbalt Legal LLP", "Empty", "Acme Dental/Branch"]
    made = api.hostgroup.create([{"name": f"Customers/{name}"} for name in names] + [{"name": "Role/Windows"}])
    groups = dict(zip([*names, "Role"], made["groupids"], strict=True))
    rows: list[tuple[str, list[str], int]] = []
    for name, statuses in (("Acme Dental", "0001"), ("Borealis", "000011"), ("Cøbalt Legal LLP", "00")):
        rows += [(f"{groups[name]}-{number}", [name], int(status)) for number, status in enumerate(statuses)]
    rows += [
        ("branch", ["Acme Dental/Branch", "Acme Dental"], 0),
        ("shared", ["Borealis", "Cøbalt Legal LLP", "Role"], 0),
    ]
    created = api.host.create(
        [
            {
                "host": host,
                "groups": [{"groupid": groups[name]} for name in owners],
                "status": status,
                "tags": [{"tag": "customer", "value": owners[0]}] if host != "shared" else [],
            }
            for host, owners, status in rows
        ]
    )
    hosts = dict(zip([host for host, _, _ in rows], created["hostids"], strict=True))
    api.template.create({"host": "a template", "groups": [{"groupid": groups["Acme Dental"]}]})
    api.item.create(
        [
            {"name": key, "key_": key, "hostid": hosts["branch"], "type": 2, "value_type": 3, "delay": "0"}
            for key in ("one", "two", "three")
        ]
    )
    rights = [{"id": group, "permission": 2} for group in groups.values()]
    readers = api.usergroup.create({"name": "Readers", "rights": rights})["usrgrpids"][0]
    user = api.user.create(
        {"username": "reader", "passwd": PASSWORD, "roleid": "1", "usrgrps": [{"usrgrpid": readers}]}
    )
    token = api.token.create({"name": "reading", "userid": user["userids"][0]})["tokenids"][0]
    secret = api.token.generate([token])[0]["token"]
    return Real(url, api, secret, groups, hosts, user["userids"][0])


def counts(reading: Reading, product: str) -> dict[str, int]:
    return {line.customer: int(line.quantity) for line in reading.lines if line.product_key == product}


def test_hosts_are_counted_per_customer(real: Real) -> None:
    everything = ["hosts_enabled", "hosts_disabled", "hosts_total", "hosts_discovered", "items_monitored", "proxies"]
    reading = real.read(products=everything, role_prefix="Role/")
    assert counts(reading, "hosts_enabled") == {"Acme Dental": 4, "Borealis": 5, "Cøbalt Legal LLP": 3, "Empty": 0}
    assert counts(reading, "hosts_disabled") == {"Acme Dental": 1, "Borealis": 2, "Cøbalt Legal LLP": 0, "Empty": 0}
    assert counts(reading, "hosts_total") == {"Acme Dental": 5, "Borealis": 7, "Cøbalt Legal LLP": 3, "Empty": 0}
    assert counts(reading, "items_monitored") == {"Acme Dental": 3, "Borealis": 0, "Cøbalt Legal LLP": 0, "Empty": 0}
    assert set(counts(reading, "proxies").values()) == {0}
    assert counts(reading, "hosts_by_role:Windows") == {"Borealis": 1, "Cøbalt Legal LLP": 1}
    assert {line.customer_id for line in reading.lines if line.customer == "Acme Dental"} == {
        real.groups["Acme Dental"]
    }
    assert "Borealis, Cøbalt Legal LLP" in str(reading.notes[0])


def test_a_password_does_as_well_and_the_session_is_ended(real: Real) -> None:
    reading = real.read({"password": PASSWORD}, username="reader", customer="tag")
    assert counts(reading, "hosts_enabled") == {
        "Acme Dental": 3, "Borealis": 4, "Cøbalt Legal LLP": 2, "Acme Dental/Branch": 1, "Unassigned": 1,
    }  # fmt: skip


def test_a_host_that_is_switched_off_moves(real: Real) -> None:
    host = real.hosts["branch"]
    real.api.host.update({"hostid": host, "status": 1})
    assert counts(real.read(), "hosts_enabled")["Acme Dental"] == 3
    assert counts(real.read(), "hosts_disabled")["Acme Dental"] == 2
    real.api.host.update({"hostid": host, "status": 0})
    assert counts(real.read(), "hosts_enabled")["Acme Dental"] == 4


def test_what_is_wrong_is_told_in_words(real: Real) -> None:
    with pytest.raises(Unauthorized):
        real.read({"api_token": "0" * 64})
    with pytest.raises(Unauthorized, match="user name and password"):
        real.read({"password": "wrong"}, username="reader")
    with pytest.raises(RemoteError, match="sees no host group under Clients/"):
        real.read(group_prefix="Clients/")
    expired = real.api.token.create({"name": "old", "userid": real.user, "expires_at": 1_600_000_000})["tokenids"]
    secret = real.api.token.generate(expired)[0]["token"]
    with pytest.raises(Unauthorized, match="past its end date"):
        real.read({"api_token": secret})


def test_the_least_rights_of_the_documentation_are_enough(real: Real) -> None:
    methods = ["hostgroup.get", "host.get", "item.get", "proxy.get"]
    everything = ["hosts_enabled", "items_monitored", "proxies"]
    assert counts(real.read(token_with(real, methods), products=everything), "items_monitored")["Acme Dental"] == 3
    with pytest.raises(RemoteError, match="role"):
        real.read(token_with(real, ["host.get"]))


def token_with(real: Real, methods: list[str]) -> dict[str, str]:
    """The token of a reader whose role allows these methods alone."""
    name = "only " + " ".join(methods)
    rules = {
        "api.access": 1,
        "api.mode": 1,
        "api": methods,
        "ui.default_access": 0,
        "ui": [{"name": "monitoring.hosts", "status": 1}],
    }
    role = real.api.role.create({"name": name, "type": 1, "rules": rules})["roleids"][0]
    group = real.api.usergroup.get(filter={"name": "Readers"})[0]["usrgrpid"]
    user = real.api.user.create(
        {"username": name, "passwd": PASSWORD, "roleid": role, "usrgrps": [{"usrgrpid": group}]}
    )
    token = real.api.token.create({"name": name, "userid": user["userids"][0]})["tokenids"]
    return {"api_token": real.api.token.generate(token)[0]["token"]}
