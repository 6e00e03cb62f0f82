"""Duo over real HTTP against a fake that verifies signatures; one test for each conformance case (Duo §13).

The fake itself is checked with Duo's own Python client: if that cannot talk to it, the fake is wrong.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, quote

import duo_client
import pytest
from duo_client.admin import AccountAdmin
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors._kit.retry import Backoff
from connectors.duo.manifest import MANIFEST
from connectors.duo.signing import canonical, parameter_line, signature
from connectors.duo.source import Duo
from core.domain.errors import ShapeChanged, Unauthorized
from core.domain.usage import Reading
from tests.connectors.fakes import Server, serving

NOW = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)
IKEY, SKEY = "DIEXAMPLE0000000001A", "ExampleSecretKey0123456789abcdefghijkLMN"
DATE = "Mon, 05 Jan 2026 08:30:00 -0000"
HOST = "API-1234ABCD.duosecurity.com"
STATUSES = ["active", "bypass", "disabled", "locked out", "pending deletion"]


def user(number: int, status: str = "active", enrolled: bool = True) -> dict[str, Any]:
    return {
        "user_id": f"DU{number}",
        "username": "zoe-secret-name",
        "status": status,
        "is_enrolled": enrolled,
        "phones": [],
    }


def fail(status: int, code: int, message: str = "no") -> Response:
    return JSONResponse({"stat": "FAIL", "code": code, "message": message}, status_code=status)


@dataclass
class Fake:
    """A parent and its children. `answers` are given first, by path."""

    children: list[tuple[str, str]] = field(default_factory=lambda: [("DA1", "Brouwerij De Zon B.V.")])
    users: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    editions: dict[str, str] = field(default_factory=dict)
    answers: dict[str, list[Response]] = field(default_factory=dict)
    end: str = "absent"
    metadata: bool = True
    child_host: str = ""
    forbidden: set[str] = field(default_factory=set)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "POST"])])

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        body = await request.body()
        if not verifies(request, body):
            return fail(401, 40103, "Invalid signature in request credentials")
        if self.answers.get(path):
            return self.answers[path].pop(0)
        if path == "/accounts/v1/account/list":
            host = self.child_host or request.headers["host"]
            return ok([{"account_id": key, "api_hostname": host, "name": name} for key, name in self.children])
        account = request.query_params.get("account_id", "")
        if account in self.forbidden:
            return fail(403, 40301, "Access forbidden")
        users = self.users.get(account, [])
        if path == "/admin/v1/billing/edition":
            return ok({"edition": self.editions[account]}) if account in self.editions else fail(403, 40301)
        if path == "/admin/v1/info/summary":
            return ok({"user_count": len(users), "user_pending_deletion_count": 0})
        if path in ("/admin/v1/users", "/admin/v1/phones"):
            return self.page(request, users if path.endswith("users") else [{"phone_id": f"DP{n}"} for n in range(2)])
        return fail(404, 40401)

    def page(self, request: Request, rows: list[dict[str, Any]]) -> Response:
        limit, offset = int(request.query_params.get("limit", 100)), int(request.query_params.get("offset", 0))
        metadata: dict[str, Any] = {"total_objects": len(rows)}
        if offset + limit < len(rows):
            metadata["next_offset"] = offset + limit
        elif self.end == "null":
            metadata["next_offset"] = None
        body = {"stat": "OK", "response": rows[offset : offset + limit], "metadata": metadata}
        if not self.metadata:
            del body["metadata"]
        return JSONResponse(body)


def ok(response: Any) -> Response:
    return JSONResponse({"stat": "OK", "response": response})


def verifies(request: Request, body: bytes) -> bool:
    """Duo's own check, written apart from the connector: any of v2 (SHA-1, SHA-512) and v5."""
    date = request.headers.get("date") or request.headers.get("x-duo-date", "")
    user_name, _, sent = (
        base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().partition(":")
    )
    host = request.headers["host"].partition(":")[0].lower()
    if user_name != IKEY or (abs(parsedate_to_datetime(date).timestamp() - time.time()) > 300 and date != DATE):
        return False
    reads = request.method == "GET"
    source = request.url.query if reads else body.decode()
    pairs = sorted((quote(k, safe="~"), quote(v, safe="~")) for k, v in parse_qsl(source, keep_blank_values=True))
    line = "&".join(f"{k}={v}" for k, v in pairs)
    empty = hashlib.sha512(b"").hexdigest()
    v2 = "\n".join((date, request.method, host, request.url.path, line))
    hashed = empty if reads else hashlib.sha512(body).hexdigest()
    v5 = "\n".join((date, request.method, host, request.url.path, line if reads else "", hashed, empty))
    wanted = [(v2, hashlib.sha1), (v2, hashlib.sha512), (v5, hashlib.sha512)]
    return any(
        hmac.compare_digest(hmac.new(SKEY.encode(), text.encode(), kind).hexdigest(), sent) for text, kind in wanted
    )


@contextmanager
def connected(fake: Fake, secret: str = SKEY, **settings: object) -> Iterator[tuple[Duo, Server]]:
    with serving(fake.app()) as server:
        options = {"base_url": server.url, "integration_key": IKEY, "allowed_hosts": ["127.0.0.1"], **settings}
        source = MANIFEST.open("Duo", options, {"secret_key": secret})
        assert isinstance(source, Duo)
        source.backoff = Backoff(attempts=6, first=0.01, longest=0.05, total=20)
        yield source, server


def read(fake: Fake, **settings: object) -> Reading:
    with connected(fake, **settings) as (source, _):
        return source.read(NOW)


def counts(reading: Reading, customer: str = "DA1") -> dict[str, Decimal]:
    return {line.product_key: line.quantity for line in reading.lines if line.customer_id == customer}


VECTORS = [
    (
        "GET", "/admin/v1/users", {"limit": "300", "offset": "0", "account_id": "DAEXAMPLE00000000001"}, b"",
        "da5b6fa69869a136c0ce7eb55488099f60a933aa6d61a0efe972f258797f59a26d74176e618dde4a25a820ed7c67c927b548ab5be1644ef30a94974a5d49c08c",
    ),
    (
        "POST", "/accounts/v1/account/list", {}, b"{}",
        "e900133d138437f47ce5827bcf1df20aa3b41e0fb6f02b5bdb0b8005d07e1fd847734b5b00b10c775f31ec7e9f61ccd174d6945ee15783c2b534414a8b14bcd1",
    ),
    (
        "POST", "/accounts/v1/account/create", {}, b'{"name":"\\u00c4lpha Kuhn GmbH"}',
        "cec78b525b959863c59c3070c66b2460699eb88bd58b1dfac3358d0ac7b5964c4f09f9309f5936f84f588e15c05cdaa0cc3b74f0a44171700284e8b37dfb167f",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "params", "body", "expected"), VECTORS)
def test_case_01_signatures_match_the_published_vectors(
    method: str, path: str, params: dict[str, str], body: bytes, expected: str
) -> None:
    assert signature(SKEY, canonical(DATE, method, HOST, path, params, body)) == expected


def test_case_01_parameters_are_encoded_and_sorted() -> None:
    assert parameter_line({"username": "José Ö", "limit": "1"}) == "limit=1&username=Jos%C3%A9%20%C3%96"


@pytest.mark.parametrize(("version", "digest"), [(2, hashlib.sha1), (2, hashlib.sha512), (5, hashlib.sha512)])
def test_case_02_duos_own_client_can_talk_to_the_fake(version: int, digest: Any) -> None:
    fake = Fake(users={"DA1": [user(number) for number in range(305)]}, editions={"DA1": "BEYOND"})
    with serving(fake.app()) as server:
        port = int(server.url.rpartition(":")[2])
        options = {
            "ikey": IKEY,
            "skey": SKEY,
            "host": "127.0.0.1",
            "ca_certs": "HTTP",
            "sig_version": version,
            "digestmod": digest,
        }
        accounts = duo_client.Accounts(**options)
        accounts.port = port
        assert accounts.get_child_accounts()[0]["name"] == "Brouwerij De Zon B.V."
        admin = AccountAdmin("DA1", child_api_host="127.0.0.1", **options)
        admin.port = port
        assert len(list(admin.get_users_iterator())) == 305
        wrong = duo_client.Accounts(**{**options, "skey": "x" * 40})
        wrong.port = port
        with pytest.raises(RuntimeError, match=r"40103|401"):
            wrong.get_child_accounts()


@pytest.mark.parametrize(
    ("end", "metadata", "users"), [("absent", True, 601), ("null", True, 601), ("absent", False, 40)]
)
def test_case_03_users_on_several_pages(end: str, metadata: bool, users: int) -> None:
    rows = [user(number) for number in range(users)]
    with connected(Fake(users={"DA1": rows}, end=end, metadata=metadata)) as (source, server):
        assert counts(source.read(NOW)) == {"duo:users:unknown": Decimal(users)}
    assert server.paths().count("GET /admin/v1/users") == -(-users // 300)


def test_case_04_which_users_are_billed() -> None:
    fake = Fake(users={"DA1": [user(number, status) for number, status in enumerate(STATUSES)]})
    assert counts(read(fake)) == {"duo:users:unknown": 4}
    assert counts(read(fake, statuses=["active"])) == {"duo:users:unknown": 1}
    fake.users["DA1"].append(user(9, "hibernating"))
    reading = read(fake)
    assert counts(reading) == {"duo:users:unknown": 4}
    assert "hibernating" in str(reading.notes[0])


def test_case_05_a_child_is_asked_on_its_own_host_with_its_id_signed() -> None:
    child = Fake(users={"DA1": [user(1)]})
    with serving(child.app()) as own:
        with connected(Fake(child_host=own.url.removeprefix("http://"))) as (source, parent):
            assert counts(source.read(NOW)) == {"duo:users:unknown": 1}
        assert parent.paths() == ["POST /accounts/v1/account/list"]
        assert all("account_id=DA1" in one.query for one in own.asked)


def test_case_06_a_child_on_a_foreign_host_is_not_called() -> None:
    reading = read(Fake(child_host="api.evil.example"))
    assert set(reading.failed_customers) == {"DA1"}
    assert reading.lines == ()


def test_case_07_without_billing_rights_the_edition_is_unknown() -> None:
    assert counts(read(Fake(users={"DA1": [user(1), user(2)]}))) == {"duo:users:unknown": 2}


def test_case_08_wrong_keys_stop_the_reading() -> None:
    with connected(Fake(), secret="wrong" * 8) as (source, server), pytest.raises(Unauthorized):
        source.read(NOW)
    assert len(server.asked) == 1


def test_case_08_m2_a_child_without_rights_fails_alone() -> None:
    fake = Fake(children=[("DA1", "A"), ("DA2", "B")], users={"DA1": [user(1)], "DA2": [user(2)]}, forbidden={"DA2"})
    reading = read(fake)
    assert set(reading.failed_customers) == {"DA2"}
    assert counts(reading) == {"duo:users:unknown": 1}
    assert not reading.proves_absence("DA2")


def test_case_09_each_retry_is_signed_anew() -> None:
    moments = iter(datetime.now(UTC) + timedelta(seconds=number) for number in range(100))
    fake = Fake(users={"DA1": [user(1)]}, answers={"/admin/v1/users": [fail(429, 42901)] * 3})
    with connected(fake) as (source, server):
        source.clock = lambda: next(moments)
        source.backoff = Backoff(attempts=6, first=0.01, longest=0.02, total=20)
        assert counts(source.read(NOW)) == {"duo:users:unknown": 1}
    asked = [one for one in server.asked if one.path == "/admin/v1/users"]
    assert len({one.headers["date"] for one in asked}) == 4
    assert asked[3].at - asked[0].at >= 3 * 0.95


def test_case_10_a_wrong_clock_is_named() -> None:
    late = fail(401, 40104, "bad timestamp")
    with connected(Fake(answers={"/accounts/v1/account/list": [late]})) as (source, server):
        source.test()
        assert len(server.asked) == 2
    with (
        connected(Fake(answers={"/accounts/v1/account/list": [late, late]})) as (source, _),
        pytest.raises(Unauthorized, match="clock"),
    ):
        source.test()


def test_case_11_a_parent_without_children_is_no_error() -> None:
    reading = read(Fake(children=[]))
    assert (reading.lines, reading.complete) == ((), True)


def test_case_12_an_account_without_users_has_zero() -> None:
    assert counts(read(Fake(editions={"DA1": "ENTERPRISE"}))) == {"duo:users:enterprise": 0}


def test_case_13_accounts_of_one_name_stay_apart() -> None:
    reading = read(Fake(children=[("DA1", "Café Ærø"), ("DA2", "Café Ærø")]))
    assert [(line.customer_id, line.customer) for line in reading.lines] == [("DA1", "Café Ærø"), ("DA2", "Café Ærø")]


def test_case_14_a_change_of_edition_moves_the_users() -> None:
    fake = Fake(users={"DA1": [user(1)]}, editions={"DA1": "ENTERPRISE"})
    before = read(fake)
    fake.editions["DA1"] = "PLATFORM"
    after = read(fake)
    assert (counts(before), counts(after)) == ({"duo:users:enterprise": 1}, {"duo:users:platform": 1})
    assert after.lines[0].product == "Duo Advantage users"
    assert after.proves_absence("DA1")


def test_case_14_the_free_edition_is_left_out() -> None:
    fake = Fake(users={"DA1": [user(1)]}, editions={"DA1": "PERSONAL"})
    assert counts(read(fake)) == {}
    assert counts(read(fake, count_free=True)) == {"duo:users:personal": 1}


def test_case_15_names_and_keys_are_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    reading = read(Fake(users={"DA1": [user(1)]}), count_enrolled=True, count_phones=True)
    assert counts(reading) == {"duo:users:unknown": 1, "duo:users.enrolled": 1, "duo:phones": 2}
    assert "zoe-secret-name" not in repr(reading) + caplog.text
    assert SKEY not in caplog.text and "Basic " not in caplog.text


def test_quick_count_takes_two_requests_an_account() -> None:
    with connected(
        Fake(users={"DA1": [user(number) for number in range(700)]}, editions={"DA1": "BEYOND"}), quick=True
    ) as (source, server):
        assert counts(source.read(NOW)) == {"duo:users:beyond": 700}
    assert len(server.asked) == 3


def test_one_account_with_the_admin_api() -> None:
    with connected(Fake(users={"": [user(1), user(2)]}), application="admin", customer="Eigen bedrijf") as (
        source,
        server,
    ):
        source.test()
        reading = source.read(NOW)
    assert [(line.customer, line.quantity) for line in reading.lines] == [("Eigen bedrijf", 2)]
    assert all("account_id" not in one.query for one in server.asked)


def test_a_200_that_says_fail_is_an_error() -> None:
    with (
        connected(Fake(answers={"/accounts/v1/account/list": [JSONResponse({"stat": "FAIL"})]})) as (source, _),
        pytest.raises(ShapeChanged),
    ):
        source.test()
