"""FortiManager over real HTTP against a fake; one test for each conformance case (FortiManager §11).

The fake itself is checked with `pyfmg`: if that cannot talk to it, the fake is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog
from pyFMG.fortimgr import FortiManager as PyFmg
from starlette.responses import HTMLResponse, Response

from connectors._kit.auth import Token
from connectors._kit.retry import Backoff
from connectors.fortimanager.manifest import MANIFEST
from connectors.fortimanager.source import FortiManager
from core.domain.errors import RemoteError, SettingsError, ShapeChanged, Unauthorized
from core.domain.usage import Reading
from tests.connectors.fakes import Server, self_signed, serving
from tests.connectors.fortimanager_fake import KEY, PASSWORD, SECRET, Fake, cluster, device

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
BY_PASSWORD = {"sign_in": "password", "username": "reader"}
LISTS = "/dvmdb/adom/{}/device"


@contextmanager
def connected(
    fake: Fake, secrets: dict[str, str] | None = None, **settings: Any
) -> Iterator[tuple[FortiManager, Server]]:
    with serving(fake.app()) as server:
        if settings.get("sign_in") == "cloud":
            settings["auth_url"] = f"{server.url}/api/v1/oauth/token/"
        source = MANIFEST.open(
            "FMG", {"base_url": server.url, **settings}, secrets or {"api_key": KEY, "password": PASSWORD}
        )
        assert isinstance(source, FortiManager)
        quick = Backoff(attempts=3, first=0.01, longest=0.05)
        source.api.backoff = source.rpc.sign_in_api.backoff = quick
        source.api.wait = 0.05
        yield source, server


def read(fake: Fake, secrets: dict[str, str] | None = None, **settings: Any) -> Reading:
    with connected(fake, secrets, **settings) as (source, _):
        return source.read(NOW)


def counts(reading: Reading, product: str) -> dict[str, int]:
    return {line.customer: int(line.quantity) for line in reading.lines if line.product_key == product}


def urls(fake: Fake) -> list[str]:
    return [params[0]["url"] for _, params in fake.calls]


def three() -> Fake:
    return Fake(
        adoms={"root": [], "acme_dental": [device(1)], "borealis": [device(2), device(3)]},
        descriptions={"acme_dental": "Acme Dental"},
    )


def mixed() -> list[dict[str, Any]]:
    """A stand-alone, a cluster of two, a model, an unauthorised, one of another kind, and one that only sends logs."""
    return [
        device(1, flags=["has_hdd", "reload", "linked_to_model"], conn_status="down"), cluster(2), device(3, flags=["is_model"]),
        device(4, mgmt_mode="unreg"), device(5, os_type="fml"), device(6, mgmt_mode="faz"),
    ]  # fmt: skip


def test_case_01_a_session_is_ended_also_after_an_error() -> None:
    fake = three()
    reading = read(fake, **BY_PASSWORD)
    assert counts(reading, "devices") == {"root": 0, "Acme Dental": 1, "borealis": 2}
    assert (urls(fake)[0], urls(fake)[-1]) == ("sys/login/user", "sys/logout")
    fake = three()
    fake.codes = {"/dvmdb/adom": [-5]}
    with pytest.raises(RemoteError, match="code -5"):
        read(fake, **BY_PASSWORD)
    assert urls(fake)[-1] == "sys/logout"
    assert not fake.sessions


def test_case_02_a_wrong_password_is_tried_once() -> None:
    fake = three()
    with pytest.raises(Unauthorized) as caught:
        read(fake, {"password": "wrong-password"}, **BY_PASSWORD)
    assert urls(fake) == ["sys/login/user"]
    assert "wrong-password" not in f"{caught.value} {caught.value.detail}"


def test_case_03_a_session_that_ends_is_replaced_once() -> None:
    fake = three()
    fake.sessions_end_at = {4}
    assert counts(read(fake, **BY_PASSWORD), "devices")["borealis"] == 2
    assert urls(fake).count("sys/login/user") == 2
    fake = three()
    fake.codes = {"/dvmdb/adom": [-11, -11, -11]}
    with pytest.raises(RemoteError, match="does not permit") as caught:
        read(fake, **BY_PASSWORD)
    assert caught.value.kind == "forbidden"
    assert urls(fake).count("/dvmdb/adom") == 2


def test_case_03_with_a_key_there_is_no_second_try() -> None:
    fake = three()
    with pytest.raises(Unauthorized, match="API key"):
        read(fake, {"api_key": "another-key-9999"})
    assert urls(fake) == ["/sys/status"]


def test_case_04_a_key_travels_in_the_header_alone() -> None:
    fake = three()
    with connected(fake) as (source, server):
        source.read(NOW)
    for one in server.asked:
        assert one.headers["authorization"] == f"Bearer {KEY}"
        assert "session" not in orjson.loads(one.body)
        assert orjson.loads(one.body)["verbose"] == 1
        assert (one.path, one.query) == ("/jsonrpc", "")
    assert not {"sys/login/user", "sys/logout"} & set(urls(fake))


@pytest.mark.parametrize("integers", [False, True])
def test_case_05_06_devices_and_units_in_names_or_integers(integers: bool) -> None:
    fake = Fake(adoms={"acme": mixed()}, integers=integers)
    every = [
        "devices",
        "appliances",
        "vdoms",
        "devices_by_model",
        "devices_unauthorized",
        "devices_model",
        "devices_down",
    ]
    assert {line.product_key: line.quantity for line in read(fake, products=every).lines} == {
        "devices": 2, "appliances": 3, "vdoms": 2, "devices:FortiGate-60F": 3,
        "devices_unauthorized": 1, "devices_model": 1, "devices_down": 1,
    }  # fmt: skip


def test_the_bit_of_model_devices_is_a_setting() -> None:
    fake = Fake(adoms={"acme": [device(1, flags=["linked_to_model"]), device(2)]}, integers=True)
    assert counts(read(fake, model_bit=256), "devices") == {"acme": 1}


def test_case_07_m2_an_adom_without_data_is_empty_only_when_its_count_says_so() -> None:
    fake = Fake(adoms={"acme": [device(1)], "empty": []}, empty_is_absent=True)
    assert counts(read(fake), "devices") == {"acme": 1, "empty": 0}
    fake.adoms["lost"] = [device(2)]
    fake.lost = {"lost"}
    reading = read(fake)
    assert list(reading.failed_customers) == ["uuid-lost"]
    assert counts(reading, "devices") == {"acme": 1, "empty": 0}


def split() -> Fake:
    """One device whose VDOMs belong to two customers; `shared` is listed for both."""
    return Fake(adoms={"acme": [device(1, "guest", "shared")], "borealis": [device(1, "root", "shared"), device(2)]})


def test_case_08_a_device_of_two_customers_counts_by_the_stated_rule() -> None:
    reading = read(split())
    assert counts(reading, "devices") == {"acme": 0, "borealis": 2}
    assert counts(reading, "vdoms") == {"acme": 1, "borealis": 3}
    assert "it is counted for borealis" in str(reading.notes[0])
    reading = read(split(), shared_devices="vdoms")
    assert counts(reading, "devices") == {"acme": 0, "borealis": 1}
    assert counts(reading, "vdoms") == {"acme": 1, "borealis": 3}
    assert "only its virtual domains" in str(reading.notes[0])


def test_case_08_two_adoms_of_one_customer_count_a_device_once() -> None:
    fake = split()
    for rows in fake.adoms.values():
        for row in rows:
            row["meta fields"] = {"Company/Organization": "Acme"}
    reading = read(fake, customer="meta")
    assert counts(reading, "devices") == {"Acme": 2}
    assert counts(reading, "vdoms") == {"Acme": 4}
    assert not reading.notes


def test_case_09_m2_an_adom_that_vanished_spoils_no_other() -> None:
    fake = three()
    fake.codes = {LISTS.format("acme_dental"): [-3]}
    reading = read(fake)
    assert list(reading.failed_customers) == ["uuid-acme_dental"]
    assert "Object does not exist" in str(reading.failed_customers["uuid-acme_dental"])
    assert counts(reading, "devices") == {"root": 0, "borealis": 2}
    fake.codes = {LISTS.format("acme_dental"): [-3]}
    fake.adoms["borealis"][0]["meta fields"] = {"Company/Organization": "B"}
    by_meta = read(fake, customer="meta")
    assert not by_meta.complete
    assert not by_meta.proves_absence("Acme")


def test_an_internal_error_is_tried_once_more() -> None:
    fake = three()
    fake.codes = {LISTS.format("borealis"): [-1]}
    assert counts(read(fake), "devices")["borealis"] == 2


@pytest.mark.parametrize("by_map", [False, True])
def test_case_10_only_valid_paid_contracts_count(by_map: bool) -> None:
    items = [
        "AVDB-1-06-20270316:0:1:1:0",
        "NIDS-1-06-20261120:0:1:1:0",
        "FURL-1-99-20270316:0:1:1:0",
        "nonsense",
        "SPAM-1-06-20271399:0",
    ]
    row: dict[str, Any] = {"serial": "FGT60F0001", "contract": f"Contract={'*'.join(items)}"}
    if by_map:
        row["lic_map"] = {f"K{number}": item for number, item in enumerate(items)}
    soon = {"serial": "FGT60F0002-1", "contract": "Contract=ENHN-1-20-20261205:0:1:1:0*AVDB-1-06-20270316:0:1:1:0"}
    fake = Fake(adoms={"acme": [device(1), cluster(2)]}, contracts=[row, soon])
    reading = read(fake, products=["contracts_valid", "contracts_expiring"])
    assert {line.product_key: line.quantity for line in reading.lines} == {
        "contracts_valid:AVDB": 2, "contracts_valid:ENHN": 1, "contracts_expiring": 1,
    }  # fmt: skip


def test_case_11_meta_fields_as_customers() -> None:
    values: list[dict[str, Any]] = [
        {"meta fields": {"Company/Organization": "Acme"}}, {"meta fields": {"Company/Organization": " Acme "}},
        {"meta fields": {"Company/Organization": ""}}, {},
    ]  # fmt: skip
    fake = Fake(adoms={"root": [device(number, **value) for number, value in enumerate(values)]})
    assert counts(read(fake, customer="meta"), "devices") == {"Acme": 2, "Unassigned": 2}
    with pytest.raises(RemoteError, match="No device has the meta field company"):
        read(fake, customer="meta", meta_field="company")


@pytest.mark.parametrize(("customer", "expected"), [("adom", {"root": 2}), ("meta", {"Acme": 1, "Unassigned": 1})])
def test_case_12_without_adoms(customer: str, expected: dict[str, int]) -> None:
    rows = [device(1, **{"meta fields": {"Company/Organization": "Acme"}}), device(2)]
    assert counts(read(Fake(adoms={"root": rows}, adoms_enabled=False), customer=customer), "devices") == expected


def test_case_13_the_cloud_signs_in_elsewhere_and_its_token_ends() -> None:
    fake = three()
    with connected(fake, sign_in="cloud", username="iam-user") as (source, server):
        assert counts(source.read(NOW), "devices")["borealis"] == 2
        source.read(NOW)
        assert fake.cloud_tokens == 1
        assert source.rpc.cloud_token is not None
        source.rpc.cloud_token = Token.lasting(source.rpc.cloud_token.value, 0)
        source.read(NOW)
        assert fake.cloud_tokens == 2
    assert server.paths()[:3] == ["POST /api/v1/oauth/token/", "POST /p/forticloud_jsonrpc_login/", "POST /jsonrpc"]
    assert not fake.sessions
    with pytest.raises(Unauthorized):
        read(three(), {"password": "wrong-password"}, sign_in="cloud", username="iam-user")


def test_case_14_passwords_in_answers_are_neither_kept_nor_logged() -> None:
    fake = three()
    with structlog.testing.capture_logs() as logs:
        reading = read(fake)
    assert SECRET not in f"{reading} {logs}"
    assert all("fields" in part for _, params in fake.calls for part in params if part["url"].startswith("/dvmdb"))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HTMLResponse("<h1>502</h1>", status_code=502), "502"),
        (HTMLResponse("<h1>hello</h1>"), "JSON"),
        (Response("{}"), "FortiManager"),
    ],
)
def test_case_15_answers_that_are_no_answers(answer: Response, words: str) -> None:
    fake = three()
    fake.answers = [answer] * 5
    with pytest.raises(RemoteError, match=words):
        read(fake)


def test_case_15_a_certificate_of_ones_own_is_refused_until_it_is_pinned(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    with serving(three().app(), **certificate) as server:
        with pytest.raises(RemoteError, match="certificate"):
            MANIFEST.open("FMG", {"base_url": server.url}, {"api_key": KEY}).test()
        pinned = {"base_url": server.url, "pinned_certificate": certificate["ssl_certfile"]}
        MANIFEST.open("FMG", pinned, {"api_key": KEY}).test()


def test_customers_have_stable_ids_and_ignored_adoms_are_none() -> None:
    fake = three()
    reading = read(fake, ignored_adoms=["root"])
    assert {(line.customer_id, line.customer) for line in reading.lines} == {
        ("uuid-acme_dental", "Acme Dental"), ("uuid-borealis", "borealis"),
    }  # fmt: skip
    fake.uuids = False
    assert {line.customer_id for line in read(fake).lines} == {"200", "201", "202"}


def test_an_administrator_without_adoms_is_an_error() -> None:
    with pytest.raises(RemoteError, match="sees no ADOM"):
        read(Fake())


def test_several_adoms_are_one_request() -> None:
    fake = Fake(adoms={f"a{number}": [device(number)] for number in range(23)})
    assert len(counts(read(fake), "devices")) == 23
    assert [len(params) for _, params in fake.calls] == [1, 1, 10, 10, 3]


def test_fewer_answers_than_questions_are_refused() -> None:
    fake = three()
    fake.answers = [Response(orjson.dumps({"id": 1, "result": []}))]
    with pytest.raises(ShapeChanged):
        read(fake)


@pytest.mark.parametrize(
    ("settings", "field"), [({}, "api_key"), (BY_PASSWORD, "password"), ({"sign_in": "cloud"}, "username")]
)
def test_what_is_missing_is_named(settings: dict[str, str], field: str) -> None:
    with pytest.raises(SettingsError, match=field):
        MANIFEST.open("FMG", {"base_url": "https://fmg.example", **settings}, {})


@pytest.mark.parametrize("by_key", [False, True])
def test_fortinets_engineers_client_can_talk_to_the_fake(by_key: bool) -> None:
    fake = three()
    fake.adoms["borealis"] = mixed()
    with serving(fake.app()) as server:
        host = server.url.removeprefix("http://")
        options: dict[str, Any] = {"apikey": KEY} if by_key else {"user": "reader", "passwd": PASSWORD}
        with PyFmg(host, use_ssl=False, verbose=True, **options) as client:
            code, rows = client.get("/dvmdb/adom/borealis/device", fields=["name", "sn"], option=["get meta"])
            assert (code, len(rows)) == (0, 6)
            assert client.get("/dvmdb/adom/borealis/device", option=["count"]) == (0, 6)
            assert client.get("/dvmdb/adom/nowhere/device")[0] == -3
            assert client.execute("/um/device/list", data={"os_type": 0})[0] == 0
    assert not fake.sessions
