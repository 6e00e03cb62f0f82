"""ManageEngine MDM in the cloud over real HTTP: a fake of Zoho accounts and one of the interface; the cases of MDM §13."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connectors._kit.retry import Backoff
from connectors.manageengine_mdm.manifest import MANIFEST
from connectors.manageengine_mdm.source import ManageEngineMdm
from connectors.manageengine_mdm.zoho import DATA_CENTERS, life_seconds
from core.domain.errors import RateLimited, RemoteError, SettingsError, ShapeChanged, Unauthorized
from core.domain.usage import Reading
from tests.connectors.fakes import Server, serving
from tests.connectors.manageengine_fakes import Pages, counts, device

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
SECRETS = {"client_secret": "cl1ent-secret-value", "refresh_token": "1000.refresh-value"}
THROTTLED = {
    "error": "Access Denied",
    "error_description": "You have made too many requests continuously. Please try again after some time.",
    "status": "failure",
}


@dataclass
class Accounts:
    """Zoho accounts: refresh tokens of one data centre for access tokens."""

    answer: tuple[int, dict[str, Any]] | None = None
    given: list[str] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)
    fields: list[dict[str, str]] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/oauth/v2/token", self.token, methods=["POST"])])

    async def token(self, request: Request) -> Response:
        fields = dict(request.query_params) | dict(parse_qsl((await request.body()).decode()))
        self.fields.append(fields)
        if self.answer is not None:
            return JSONResponse(self.answer[1], status_code=self.answer[0])
        if any(fields.get(name) != value for name, value in SECRETS.items()) or fields["grant_type"] != "refresh_token":
            return JSONResponse({"error": "invalid_code"})
        self.given.append(f"1000.access-{len(self.given)}")
        self.valid.add(self.given[-1])
        return JSONResponse({"access_token": self.given[-1], "expires_in": 3600, "token_type": "Bearer"})


@dataclass
class Mdm:
    """The interface, and its bad days."""

    accounts: Accounts = field(default_factory=Accounts)
    devices: list[dict[str, Any]] = field(default_factory=list)
    of_customer: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    of_group: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    customers: list[dict[str, Any]] | None = None
    pages: Pages = field(default_factory=Pages)
    before: list[Response] = field(default_factory=list)
    revoke_at: set[int] = field(default_factory=set)
    answered: int = 0

    def app(self) -> Starlette:
        return Starlette(
            routes=[Route("/api/v1/mdm/customers", self.answer), Route("/api/v1/mdm/devices", self.answer)]
        )

    async def answer(self, request: Request) -> Response:
        self.answered += 1
        if self.answered in self.revoke_at:
            self.accounts.valid.clear()
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Zoho-oauthtoken" or token not in self.accounts.valid:
            return JSONResponse({"error_code": "COM0024", "error_description": f"bad {token}"}, status_code=401)
        if self.before:
            return self.before.pop(0)
        if request.url.path.endswith("customers"):
            if self.customers is None:
                return JSONResponse({"error_code": "COM0001"}, status_code=404)
            return JSONResponse({"customers": self.customers})
        if customer := request.headers.get("x-customer"):
            return self.pages.answer(request, self.of_customer[customer])
        if group := request.query_params.get("group_id"):
            return self.pages.answer(request, self.of_group[group])
        return self.pages.answer(request, self.devices)


@contextmanager
def connected(
    fake: Mdm, secrets: dict[str, str] = SECRETS, **settings: object
) -> Iterator[tuple[ManageEngineMdm, Server, Server]]:
    with serving(fake.accounts.app()) as accounts, serving(fake.app()) as server:
        # A client of its own for each fake: tokens are shared by all readings of one connection.
        options = {
            "client_id": f"1000.{id(fake)}.{accounts.url}",
            "base_url": server.url,
            "auth_url": accounts.url,
            **settings,
        }
        source = MANIFEST.open("Mobiles", options, secrets)
        assert isinstance(source, ManageEngineMdm)
        source.api.backoff = Backoff(attempts=4, first=0.01, longest=0.05)
        source.api.wait = 0.1
        try:
            yield source, server, accounts
        finally:
            source.api.close()


def read(fake: Mdm, **settings: object) -> Reading:
    with connected(fake, **settings) as (source, _, _):
        return source.read(NOW)


def test_case_01_pages_are_followed_to_their_end() -> None:
    with connected(Mdm(devices=[device(n) for n in range(73)])) as (source, server, _):
        reading = source.read(NOW)
    assert len(server.asked) == 2
    assert counts(reading, "tenant") == {
        "devices_managed": 73, "devices_ios": 73, "devices_corporate": 73, "users_with_devices": 73,
    }  # fmt: skip
    assert {line.customer for line in reading.lines} == {"Mobiles"}


@pytest.mark.parametrize(("value", "managed", "removed"), [
    (True, 1, 1), ("true", 1, 1), (1, 1, 1), (False, 2, 0), ("false", 2, 0), ("absent", 2, 0),
])  # fmt: skip
def test_case_02_removed_is_understood_in_every_writing(value: object, managed: int, removed: int) -> None:
    found = counts(read(Mdm(devices=[device(1), device(2, is_removed=value)])), "tenant")
    assert (found["devices_managed"], found.get("devices_removed", 0)) == (managed, removed)


def test_case_03_only_managed_devices_count() -> None:
    states = ["2", 2, "absent", "1", "10", "11", "4", "4", "77"]
    reading = read(Mdm(devices=[device(n, managed_status=state) for n, state in enumerate(states)]))
    assert counts(reading, "tenant")["devices_managed"] == 3
    assert counts(reading, "tenant")["devices_pending"] == 6
    assert [str(note) for note in reading.notes] == [
        "2 devices with the unknown status 4 are not counted.", "1 devices with the unknown status 77 are not counted.",
    ]  # fmt: skip


def test_case_03_what_is_billed_is_a_setting() -> None:
    fake = Mdm(devices=[device(1, managed_status="4"), device(2), device(3, managed_status="1")])
    found = counts(read(fake, billable_statuses=["2", "4"]), "tenant")
    assert (found["devices_managed"], found["devices_pending"]) == (2, 1)


def test_case_04_long_ids_stay_distinct() -> None:
    ids = [9007199254740992, 9007199254740993]
    assert (
        counts(read(Mdm(devices=[device(n, device_id=one) for n, one in enumerate(ids)])), "tenant")["devices_managed"]
        == 2
    )


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("error", ["invalid_code", "invalid_client", "invalid_client_secret", "invalid_grant"])
def test_case_05_a_refused_token_names_the_data_centre(error: str, status: int) -> None:
    fake = Mdm(Accounts(answer=(status, {"error": error})))
    with connected(fake) as (source, server, accounts), pytest.raises(Unauthorized, match="data centre") as caught:
        source.read(NOW)
    assert error in str(caught.value)
    assert (len(server.asked), len(accounts.asked)) == (0, 1)


@pytest.mark.parametrize(("status", "body"), [(200, THROTTLED), (400, THROTTLED), (429, {})])
def test_case_06_a_throttled_token_is_not_asked_for_again(status: int, body: dict[str, Any]) -> None:
    fake = Mdm(Accounts(answer=(status, body)))
    with connected(fake) as (source, _, accounts):
        for _ in range(3):
            with pytest.raises(RateLimited):
                source.read(NOW)
    assert len(accounts.asked) == 1


def test_case_06_one_token_serves_many_pages_and_readings() -> None:
    fake = Mdm(devices=[device(n) for n in range(173)])
    with connected(fake) as (source, server, accounts):
        source.read(NOW)
        again = MANIFEST.open("Mobiles", source.settings.model_dump(), SECRETS)
        again.test()
        again.read(NOW)
    assert (len(server.asked), len(accounts.asked)) == (9, 1)
    assert not accounts.asked[0].query
    assert fake.accounts.fields[0]["client_id"] == source.settings.client_id


def test_case_07_a_token_that_ends_is_renewed_once() -> None:
    with connected(Mdm(devices=[device(n) for n in range(73)], revoke_at={2})) as (source, _, accounts):
        assert counts(source.read(NOW), "tenant")["devices_managed"] == 73
    assert len(accounts.asked) == 2


def test_case_07_a_new_token_that_is_refused_too_means_a_missing_right() -> None:
    fake = Mdm(devices=[device(1)], revoke_at={1, 2})
    with connected(fake) as (source, server, accounts), pytest.raises(Unauthorized, match="scope") as caught:
        source.read(NOW)
    assert (len(server.asked), len(accounts.asked)) == (2, 2)
    assert "MDMOnDemand.MDMInventory.READ" in str(caught.value)


def test_case_07_a_missing_scope_may_be_a_403() -> None:
    with pytest.raises(RemoteError, match="scope"):
        read(Mdm(before=[JSONResponse({}, status_code=403)]))


def test_case_08_a_next_page_on_another_host_is_refused() -> None:
    with serving(Mdm().app()) as elsewhere:
        fake = Mdm(devices=[device(n) for n in range(73)], pages=Pages(link_host=elsewhere.url))
        with pytest.raises(ShapeChanged, match="another server"):
            read(fake)
        assert elsewhere.asked == []


def test_case_09_m2_a_list_with_fewer_than_it_says_is_not_counted() -> None:
    fake = Mdm(devices=[device(n) for n in range(72)], pages=Pages(told=73))
    with connected(fake) as (source, server, _), pytest.raises(ShapeChanged, match="fewer"):
        source.read(NOW)
    assert len(server.asked) == 4


def test_case_09_more_than_it_says_is_counted_and_said() -> None:
    reading = read(Mdm(devices=[device(n) for n in range(72)], pages=Pages(told=70)))
    assert counts(reading, "tenant")["devices_managed"] == 72
    assert "more devices" in str(reading.notes[0])


def test_case_10_a_login_page_is_an_error_and_no_zero() -> None:
    with pytest.raises(Unauthorized, match="page instead of data"):
        read(Mdm(before=[HTMLResponse("<html>Sign in</html>")]))


def test_case_11_devices_of_few_words_count() -> None:
    bare = device(1, user="absent", imei="absent", serial_number="absent", wifi_mac="absent", owned_by="absent")
    unassigned = device(2, user={"user_id": None}, imei=350000000000001)
    several = device(3, imei=["350000000000001", "350000000000002"])
    found = counts(read(Mdm(devices=[bare, unassigned, several])), "tenant")
    assert (found["devices_managed"], found["users_with_devices"], found["devices_corporate"]) == (3, 1, 2)


def test_case_12_platforms() -> None:
    told = [
        ("1", "ios"),
        (2, "android"),
        ("3", "windows"),
        ("4", "chrome"),
        ("7", "ios"),
        ("absent", "android"),
        ("absent", "Mac OS"),
    ]
    rows = [device(n, platform_type_id=number, platform_type=word) for n, (number, word) in enumerate(told)]
    reading = read(Mdm(devices=rows))
    found = counts(reading, "tenant")
    assert [found[f"devices_{name}"] for name in ("ios", "android", "windows", "other")] == [2, 2, 1, 2]
    assert [str(note) for note in reading.notes] == ["1 devices of the unknown platform 7 count as other."]


@pytest.mark.parametrize(("corporate", "expected"), [("1", (2, 2)), ("2", (2, 2))])
def test_ownership_by_number_or_word(corporate: str, expected: tuple[int, int]) -> None:
    own = "Corporate", corporate
    other = "Personal", "2" if corporate == "1" else "1"
    rows = [device(n, owned_by=value) for n, value in enumerate((*own, *other))]
    found = counts(read(Mdm(devices=rows), corporate_is=corporate), "tenant")
    assert (found["devices_corporate"], found["devices_personal"]) == expected


def test_case_13_an_msp_account_is_asked_once_for_each_customer() -> None:
    customers = [
        {"customer_id": 9007199254740993, "customer_name": "Ærø"},
        {"customer_id": "602", "customer_name": "B"},
    ]
    fake = Mdm(
        customers=customers,
        of_customer={"9007199254740993": [device(1, customer_id="9007199254740993")], "602": []},
    )
    with connected(fake, edition="msp") as (source, server, _):
        reading = source.read(NOW)
    assert sorted(one.headers.get("x-customer", "") for one in server.asked) == ["", "602", "9007199254740993"]
    assert counts(reading, "9007199254740993")["devices_managed"] == 1
    assert {(line.customer_id, line.customer) for line in reading.lines} == {("9007199254740993", "Ærø"), ("602", "B")}


def test_case_13_a_plain_account_is_one_customer_of_the_settings() -> None:
    with connected(Mdm(devices=[device(1)]), customer_id="acme", customer_name="Acme") as (source, server, _):
        reading = source.read(NOW)
    assert {(line.customer_id, line.customer) for line in reading.lines} == {("acme", "Acme")}
    assert [one.path for one in server.asked] == ["/api/v1/mdm/devices"]


def test_a_plain_account_with_devices_of_several_customers_is_refused() -> None:
    with pytest.raises(SettingsError, match="msp"):
        read(Mdm(devices=[device(1, customer_id="601"), device(2, customer_id="602")]))


def test_m2_an_msp_account_without_customers_is_no_zero() -> None:
    with pytest.raises(SettingsError, match="no customers"):
        read(Mdm(customers=[]), edition="msp")


def test_groups_can_be_the_customers() -> None:
    both = device(9)
    fake = Mdm(of_group={"77": [device(1), both], "78": [both]})
    reading = read(fake, groups=["77=Acme", "78 = Café Ærø"])
    assert (counts(reading, "77")["devices_managed"], counts(reading, "78")["devices_managed"]) == (2, 1)
    assert {line.customer for line in reading.lines} == {"Acme", "Café Ærø"}
    assert "1 devices are in the groups Acme and Café Ærø" in str(reading.notes[0])
    with pytest.raises(SettingsError):
        read(fake, groups=["77"])


def test_case_14_an_empty_account_is_zero() -> None:
    reading = read(Mdm())
    assert counts(reading, "tenant") == {}
    assert len(reading.lines) == 10 and reading.proves_absence("tenant")


def test_case_15_secrets_are_never_shown() -> None:
    shown: list[str] = []
    with structlog.testing.capture_logs() as logs:
        echo = Accounts(answer=(400, {"error": "invalid_client", "got": SECRETS}))
        for fake in (Mdm(echo), Mdm(revoke_at={1, 2})):
            with connected(fake) as (source, _, _), pytest.raises(Unauthorized) as caught:
                source.read(NOW)
            shown.append(f"{caught.value} {caught.value.detail}")
    everything = f"{shown} {logs}"
    assert len(logs) >= 3
    assert all(secret not in everything for secret in (*SECRETS.values(), "1000.access-"))


@pytest.mark.parametrize("status", [429, 503])
def test_throttling_waits(status: int) -> None:
    fake = Mdm(devices=[device(1)], before=[JSONResponse({}, status_code=status, headers={"Retry-After": "0"})])
    assert counts(read(fake), "tenant")["devices_managed"] == 1


def test_a_device_that_looks_enrolled_twice_is_said() -> None:
    reading = read(Mdm(devices=[device(1, serial_number="SN1"), device(2, serial_number="SN1")]))
    assert counts(reading, "tenant")["devices_managed"] == 2
    assert "SN1" in str(reading.notes[0])


@pytest.mark.parametrize("told", [3600, "3600", 3_600_000, None, "soon"])
def test_old_answers_give_the_life_in_milliseconds(told: object) -> None:
    assert life_seconds(told) == 3600


@pytest.mark.parametrize("center", sorted(DATA_CENTERS))
def test_each_data_centre_has_its_pair_of_hosts(center: str) -> None:
    source = MANIFEST.open("Mobiles", {"client_id": "x", "data_center": center}, SECRETS)
    assert isinstance(source, ManageEngineMdm)
    assert source.api.base_url == f"{DATA_CENTERS[center].api}/api/v1/mdm"
    assert source.api.wait == 60
