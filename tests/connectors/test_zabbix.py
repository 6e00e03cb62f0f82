"""Zabbix over real HTTP against a fake of its versions; one test for each conformance case (Zabbix §14).

The fake itself is checked with two independent clients: if they cannot talk to it, the fake is wrong. `test_zabbix_server.py`
does the same with a real server.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
import structlog
from pyzabbix import ZabbixAPI as PyZabbix
from starlette.responses import HTMLResponse, JSONResponse, Response
from zabbix_utils import APIRequestError, ZabbixAPI

from connectors._kit.auth import Basic
from connectors._kit.retry import Backoff
from connectors.zabbix.manifest import MANIFEST
from connectors.zabbix.source import Zabbix
from core.domain.errors import RemoteError, SettingsError, ShapeChanged, Unauthorized
from core.domain.usage import Reading
from tests.connectors.fakes import Server, self_signed, serving
from tests.connectors.zabbix_fake import EXPIRED, NOT_AUTHORIZED, TOKEN, Fake, HostRow

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
VERSIONS = ["6.0.14", "6.2.9", "6.4.20", "7.0.3", "7.2.0rc2", "7.4.1"]
BY_PASSWORD: dict[str, str] = {"password": "pass-word-1"}


def three_customers(version: str = "6.0.14") -> Fake:
    """3+1, 4+2 and 2+0 enabled and disabled hosts, and Zabbix's own."""
    groups = {
        4: "Zabbix servers",
        20: "Customers/Acme Dental",
        21: "Customers/Borealis",
        22: "Customers/Cøbalt Legal LLP",
    }
    hosts = [HostRow(1, [4])]
    for group, enabled, disabled in ((20, 3, 1), (21, 4, 2), (22, 2, 0)):
        statuses = ["0"] * enabled + ["1"] * disabled
        hosts += [HostRow(group * 100 + number, [group], status) for number, status in enumerate(statuses)]
    return Fake(version=version, groups=groups, hosts=hosts)


@contextmanager
def connected(fake: Fake, secrets: dict[str, str] | None = None, **settings: object) -> Iterator[tuple[Zabbix, Server]]:
    with serving(fake.app()) as server:
        options = {"base_url": f"{server.url}/zabbix", **settings}
        source = MANIFEST.open("Zabbix", options, {"api_token": TOKEN} if secrets is None else secrets)
        assert isinstance(source, Zabbix)
        quicken(source)
        yield source, server


def quicken(source: Zabbix) -> None:
    source.api.backoff = Backoff(attempts=3, first=0.01, longest=0.05)
    source.api.wait = 0.05


def read(fake: Fake, secrets: dict[str, str] | None = None, **settings: object) -> Reading:
    with connected(fake, secrets, **settings) as (source, _):
        return source.read(NOW)


def counts(reading: Reading, product: str) -> dict[str, int]:
    return {line.customer: int(line.quantity) for line in reading.lines if line.product_key == product}


@pytest.mark.parametrize("version", VERSIONS)
def test_case_01_credentials_travel_where_the_version_wants_them(version: str) -> None:
    fake = three_customers(version)
    with connected(fake) as (source, server):
        assert counts(source.read(NOW), "hosts_enabled") == {"Acme Dental": 3, "Borealis": 4, "Cøbalt Legal LLP": 2}
    asked = [(one.headers, orjson.loads(one.body)) for one in server.asked[1:]]
    in_header = fake.numbers >= (6, 4)
    assert [("authorization" in headers, "auth" in body) for headers, body in asked] == [
        (in_header, not in_header)
    ] * len(asked)
    assert all("proxy_hostid" not in str(body) for _, body in asked)


@pytest.mark.parametrize("version", ["6.0.14", "7.2.0"])
def test_case_02_the_version_is_asked_without_credentials(version: str) -> None:
    with connected(three_customers(version)) as (source, server):
        source.test()
    first = server.asked[0]
    assert orjson.loads(first.body)["method"] == "apiinfo.version"
    assert "authorization" not in first.headers
    assert "auth" not in orjson.loads(first.body)


def test_case_03_enabled_and_disabled_hosts_are_apart() -> None:
    reading = read(three_customers())
    assert counts(reading, "hosts_enabled") == {"Acme Dental": 3, "Borealis": 4, "Cøbalt Legal LLP": 2}
    assert counts(reading, "hosts_disabled") == {"Acme Dental": 1, "Borealis": 2, "Cøbalt Legal LLP": 0}
    assert counts(reading, "hosts_total") == {"Acme Dental": 4, "Borealis": 6, "Cøbalt Legal LLP": 2}
    assert {line.customer_id for line in reading.lines} == {"20", "21", "22"}


def test_case_04_an_empty_group_is_a_customer_with_zeros() -> None:
    reading = read(Fake(groups={20: "Customers/Acme", 21: "Customers/Empty"}, hosts=[HostRow(1, [20])]))
    assert counts(reading, "hosts_enabled") == {"Acme": 1, "Empty": 0}
    assert counts(reading, "hosts_disabled") == {"Acme": 0, "Empty": 0}


def test_case_05_nested_groups_are_folded_into_their_parent_and_hosts_count_once() -> None:
    groups = {20: "Customers/Acme", 30: "Customers/Acme/Branch", 31: "Customers old/Acme", 32: "Customers/Acme Dental"}
    hosts = [HostRow(1, [20]), HostRow(2, [30]), HostRow(3, [20, 30]), HostRow(4, [31]), HostRow(5, [32])]
    reading = read(Fake(groups=groups, hosts=hosts))
    assert counts(reading, "hosts_enabled") == {"Acme": 3, "Acme Dental": 1}
    assert {line.customer_id for line in reading.lines} == {"20", "32"}
    assert not reading.notes


def test_nested_groups_without_a_visible_parent_are_one_customer_and_said() -> None:
    groups = {31: "Customers/Acme/South", 30: "Customers/Acme/North"}
    reading = read(Fake(groups=groups, hosts=[HostRow(1, [30]), HostRow(2, [31]), HostRow(3, [30, 31])]))
    assert counts(reading, "hosts_enabled") == {"Acme": 3}
    assert {line.customer_id for line in reading.lines} == {"30"}
    assert "Customers/Acme" in str(reading.notes[0])


def test_case_06_a_host_of_two_customers_counts_for_each_and_is_said() -> None:
    reading = read(Fake(groups={20: "Customers/Acme", 21: "Customers/Borealis"}, hosts=[HostRow(1, [20, 21])]))
    assert counts(reading, "hosts_enabled") == {"Acme": 1, "Borealis": 1}
    assert "Acme, Borealis" in str(reading.notes[0])


@pytest.mark.parametrize("version", ["6.0.14", "7.0.3"])
@pytest.mark.parametrize("bad", ["drops_groups", "empties_groups"])
def test_case_07_m2_a_server_that_leaves_out_the_groups_fails_the_reading(version: str, bad: str) -> None:
    fake = three_customers(version)
    setattr(fake, bad, True)
    with pytest.raises(ShapeChanged):
        read(fake)


def test_case_08_names_keep_their_letters() -> None:
    reading = read(three_customers())
    assert "Cøbalt Legal LLP" in {line.customer for line in reading.lines}


def test_case_09_templates_in_a_customer_group_are_no_hosts() -> None:
    fake = three_customers()
    fake.hosts.append(HostRow(9000, [20], template=True))
    assert counts(read(fake), "hosts_total")["Acme Dental"] == 4


@pytest.mark.parametrize("error", [EXPIRED, NOT_AUTHORIZED])
def test_case_10_a_refused_token_is_said_at_once(error: tuple[int, str]) -> None:
    fake = three_customers()
    fake.token_error = error
    with (
        structlog.testing.capture_logs() as logs,
        connected(fake) as (source, _),
        pytest.raises(Unauthorized) as caught,
    ):
        source.read(NOW)
    assert [method for method, _ in fake.calls] == ["apiinfo.version", "hostgroup.get"]
    assert TOKEN not in f"{caught.value} {caught.value.detail} {logs}"


@pytest.mark.parametrize("version", ["6.0.14", "7.2.0"])
def test_case_11_a_session_that_ends_is_replaced_once(version: str) -> None:
    fake = three_customers(version)
    fake.sessions_end_at = {4}
    reading = read(fake, BY_PASSWORD, username="reader")
    assert counts(reading, "hosts_enabled") == {"Acme Dental": 3, "Borealis": 4, "Cøbalt Legal LLP": 2}
    assert [method for method, _ in fake.calls].count("user.login") == 2
    assert not fake.sessions


def test_case_11_a_session_that_ends_twice_is_an_error() -> None:
    fake = three_customers()
    fake.sessions_end_at = {4, 7}
    with pytest.raises(Unauthorized):
        read(fake, BY_PASSWORD, username="reader")
    assert [method for method, _ in fake.calls].count("user.login") == 2


@pytest.mark.parametrize("as_object", [False, True])
def test_signed_in_with_a_password_the_session_is_always_ended(as_object: bool) -> None:
    fake = three_customers()
    fake.session_as_object = as_object
    fake.drops_groups = True
    with pytest.raises(ShapeChanged):
        read(fake, BY_PASSWORD, username="reader")
    assert fake.calls[-1][0] == "user.logout"
    assert not fake.sessions


def test_a_wrong_password_is_tried_once() -> None:
    fake = three_customers()
    with pytest.raises(Unauthorized) as caught:
        read(fake, {"password": "wrong-password"}, username="reader")
    assert [method for method, _ in fake.calls] == ["apiinfo.version", "user.login"]
    assert "wrong-password" not in f"{caught.value} {caught.value.detail}"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Response(status_code=412), "412"),
        (Response(status_code=500), "PHP"),
        (HTMLResponse("<h1>Bad gateway</h1>", status_code=502), "502"),
        (HTMLResponse("<h1>Hello</h1>"), "JSON"),
        (JSONResponse({"hello": 1}), "Zabbix"),
        (HTMLResponse("gone", status_code=404), "address"),
    ],
)
def test_case_12_web_server_errors_are_told_apart(answer: Response, words: str) -> None:
    fake = three_customers()
    fake.answers = [answer] * 5
    with pytest.raises(RemoteError, match=words):
        read(fake)


def test_a_server_that_is_busy_or_whose_database_is_down_is_tried_again() -> None:
    fake = three_customers()
    fake.answers = [Response(status_code=503), Response(status_code=500)]
    fake.errors = {"hostgroup.get": [(1, "")], "host.get": [(1, "")]}
    assert counts(read(fake), "hosts_enabled")["Borealis"] == 4


@pytest.mark.parametrize("code", [-32602, -32500])
def test_a_role_that_forbids_the_call_is_said(code: int) -> None:
    fake = three_customers()
    fake.errors = {"hostgroup.get": [(code, 'No permissions to call "hostgroup.get".')]}
    with pytest.raises(RemoteError, match="role") as caught:
        read(fake)
    assert caught.value.kind == "forbidden"


def test_case_13_what_the_account_sees_is_counted_and_nothing_at_all_fails() -> None:
    fake = three_customers()
    del fake.groups[22]
    assert counts(read(fake), "hosts_total") == {"Acme Dental": 4, "Borealis": 6}
    fake.groups = {4: "Zabbix servers"}
    for act in ("read", "test"):
        with connected(fake) as (source, _), pytest.raises(RemoteError, match="sees no host group under Customers/"):
            source.test() if act == "test" else source.read(NOW)


def test_case_14_a_server_that_ignores_ids_still_ends_and_counts_once() -> None:
    groups = {20: "Customers/Acme"}
    fake = Fake(groups=groups, hosts=[HostRow(number, [20]) for number in range(1, 1203)], ignores_ids=True)
    assert counts(read(fake), "hosts_enabled") == {"Acme": 1202}
    asked = [params for method, params in fake.calls if method == "host.get"]
    assert [len(params.get("hostids", [])) for params in asked] == [0, 500, 500, 202]
    assert not any({"limit", "offset"} & set(params) for params in asked)


def test_case_15_tags_as_customers() -> None:
    hosts = [
        HostRow(1, [4], tags={"customer": "CUST-1001"}), HostRow(2, [4], tags={"customer": "CUST-1002", "role": "server"}),
        HostRow(3, [4]),
    ]  # fmt: skip
    reading = read(Fake(groups={4: "Zabbix servers"}, hosts=hosts), customer="tag", role_tag="role")
    assert counts(reading, "hosts_enabled") == {"CUST-1001": 1, "CUST-1002": 1, "Unassigned": 1}
    assert counts(reading, "hosts_by_role:server") == {"CUST-1002": 1}
    with pytest.raises(RemoteError, match="no host at all"):
        read(Fake(groups={4: "Zabbix servers"}), customer="tag")


@pytest.mark.parametrize("version", ["6.0.14", "7.0.3"])
def test_discovered_hosts_roles_items_and_proxies(version: str) -> None:
    groups = {20: "Customers/Acme", 26: "Role/Windows"}
    hosts = [
        HostRow(1, [20, 26], proxy=3), HostRow(2, [20], flags="4", proxy=3), HostRow(3, [20, 26], status="1", proxy=4),
        HostRow(4, [20], proxy=5),
    ]  # fmt: skip
    everything = [
        "hosts_enabled", "hosts_disabled", "hosts_total", "hosts_discovered", "items_monitored", "proxies",
    ]  # fmt: skip
    fake = Fake(version=version, groups=groups, hosts=hosts)
    found = {line.product_key: line.quantity for line in read(fake, products=everything, role_prefix="Role/").lines}
    assert found == {
        "hosts_enabled": 3, "hosts_disabled": 1, "hosts_total": 4, "hosts_discovered": 1, "items_monitored": 30, "proxies": 2,
        "hosts_by_role:Windows": 1,
    }  # fmt: skip
    without = {line.product_key: line.quantity for line in read(fake, count_discovered=False).lines}
    assert without == {"hosts_enabled": 2, "hosts_disabled": 1, "hosts_total": 3, "hosts_discovered": 1}


def test_the_proxies_of_a_proxy_group_all_poll() -> None:
    fake = Fake("7.0.3", {20: "Customers/Acme"}, [HostRow(1, [20], proxy_group=7), HostRow(2, [20], proxy=3)])
    fake.proxies = {3: 0, 8: 7, 9: 7, 10: 6}
    assert read(fake, products=["proxies"]).lines[0].quantity == Decimal(3)


def test_m2_a_customer_whose_items_cannot_be_counted_spoils_no_other() -> None:
    fake = three_customers()
    fake.errors = {"item.get": [(-32500, "Something broke.")]}
    reading = read(fake, products=["hosts_enabled", "items_monitored"])
    assert list(reading.failed_customers) == ["20"]
    assert counts(reading, "items_monitored") == {"Borealis": 40, "Cøbalt Legal LLP": 20}
    assert counts(reading, "hosts_enabled") == {"Borealis": 4, "Cøbalt Legal LLP": 2}


@pytest.mark.parametrize("end", ["", "/", "/api_jsonrpc.php"])
def test_the_address_is_the_frontend_or_the_endpoint(end: str) -> None:
    with serving(three_customers().app()) as server:
        source = MANIFEST.open("Zabbix", {"base_url": f"{server.url}/zabbix{end}"}, {"api_token": TOKEN})
        source.test()
    assert {one.path for one in server.asked} == {"/zabbix/api_jsonrpc.php"}


@pytest.mark.parametrize("prefix", ["Customers", "Customers/", "customers/"])
def test_the_prefix_is_forgiving(prefix: str) -> None:
    assert len(counts(read(three_customers(), group_prefix=prefix), "hosts_total")) == 3


def test_without_a_prefix_every_group_is_a_customer() -> None:
    assert "Zabbix servers" in counts(read(three_customers(), group_prefix=""), "hosts_total")


def test_a_password_of_the_web_server_works_up_to_70() -> None:
    secrets = {"api_token": TOKEN, "front_password": "gate-word"}
    for version in ("6.0.14", "7.0.3"):
        fake = three_customers(version)
        fake.front = Basic("gate", "gate-word").header
        assert counts(read(fake, secrets, front_username="gate"), "hosts_enabled")["Borealis"] == 4
    fake.version = "7.2.0"
    with pytest.raises(SettingsError, match=r"7\.2"):
        read(fake, secrets, front_username="gate")


def test_a_certificate_of_ones_own_is_refused_until_it_is_pinned(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    with serving(three_customers().app(), **certificate) as server:
        options = {"base_url": f"{server.url}/zabbix"}
        with pytest.raises(RemoteError, match="certificate"):
            MANIFEST.open("Zabbix", options, {"api_token": TOKEN}).test()
        pinned = {**options, "pinned_certificate": certificate["ssl_certfile"]}
        MANIFEST.open("Zabbix", pinned, {"api_token": TOKEN}).test()


def test_without_credentials_nothing_is_asked() -> None:
    with pytest.raises(SettingsError, match="token"):
        MANIFEST.open("Zabbix", {"base_url": "https://zabbix.example"}, {})


@pytest.mark.parametrize("version", ["6.0.14", "6.4.20", "7.0.3", "7.2.0", "7.4.1"])
def test_the_vendors_client_can_talk_to_the_fake(version: str) -> None:
    fake = three_customers(version)
    with serving(fake.app()) as server:
        api = ZabbixAPI(url=f"{server.url}/zabbix", token=TOKEN)
        assert len(api.hostgroup.get(output=["groupid", "name"], search={"name": "Customers/"}, startSearch=True)) == 3
        assert len(api.host.get(output=["hostid", "status"], groupids=["20"])) == 4
        fake.token_error = EXPIRED
        with pytest.raises(APIRequestError, match="expired"):
            api.host.get(output=["hostid"])
        by_password = ZabbixAPI(url=f"{server.url}/zabbix", user="reader", password="pass-word-1")
        assert len(by_password.host.get(output=["hostid"])) == len(fake.hosts)
        by_password.logout()
    assert not fake.sessions


@pytest.mark.parametrize("version", ["6.0.14", "6.4.20", "7.0.3"])
def test_the_communitys_client_can_talk_to_the_fake(version: str) -> None:
    with serving(three_customers(version).app()) as server:
        api = PyZabbix(f"{server.url}/zabbix")
        api.login(api_token=TOKEN)
        assert len(api.host.get(output=["hostid"], groupids=["21"])) == 6
