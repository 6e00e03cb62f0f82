"""SpamExperts over real HTTP against a fake of its Control Panel API; one test for each conformance case (SpamExperts §13)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors._kit.retry import Backoff
from connectors.spamexperts.manifest import MANIFEST
from connectors.spamexperts.source import SpamExperts
from core.domain.errors import RemoteError, ShapeChanged, Unauthorized
from core.domain.usage import Reading
from tests.connectors.fakes import Server, serving

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
ON = {"incoming": 1, "outgoing": 0, "archiving": 0}


class Told(Exception):
    """An error as the panel writes it: status 200, text in `messages`."""


@dataclass
class Admin:
    user: str
    domains: Any
    counts: tuple[Any, Any, Any] = (0, 0, 0)
    recipients: Any = 0
    outgoing: Any = 0


@dataclass
class Fake:
    """A control panel, and switches for its bad days."""

    admins: list[Admin] = field(
        default_factory=lambda: [
            Admin("acme", ["acme.example", "acme-care.example"], (2, 1, 0), 42, 5),
            Admin("borealis", ["borealis.example"], (1, 1, 1), 18, 0),
        ]
    )
    domains: list[str] = field(default_factory=lambda: ["acme.example", "acme-care.example", "borealis.example"])
    products: dict[str, Any] = field(default_factory=dict)
    recipients: dict[str, Any] = field(default_factory=dict)
    owners: dict[str, Any] = field(default_factory=dict)
    instead: dict[str, Any] = field(default_factory=dict)
    messages: dict[str, Any] = field(default_factory=lambda: {"messages": []})
    keyed: bool = False
    raw: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{rest:path}", self.answer)])

    async def answer(self, request: Request) -> Response:
        raw = request.scope["raw_path"].decode()
        self.raw.append(raw)
        basic = base64.b64encode(b"it@msp.example:pa55-word").decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return self.error("Supplied credential is invalid.")
        parts = [unquote(part) for part in raw.strip("/").split("/")]
        action, values = "/".join(parts[1:3]), dict(zip(parts[5::2], parts[6::2], strict=True))
        assert parts[0] == "api" and parts[3:5] == ["format", "json"]
        found = self.instead.get(f"{action}:{next(iter(values.values()), '')}", self.instead.get(action))
        try:
            if isinstance(found, list) and found and isinstance(found[0], Response):
                return found.pop(0)
            if isinstance(found, Response):
                return found
            return JSONResponse(
                {**self.messages, "result": found(values) if callable(found) else self.result(action, values)}
            )
        except Told as error:
            return self.error(str(error))

    def error(self, text: str) -> Response:
        return JSONResponse({"messages": {"error": [text]}, "result": None})

    def result(self, action: str, values: dict[str, str]) -> Any:
        by_user = {admin.user.lower(): admin for admin in self.admins}
        domain = values.get("domain", "")
        if action == "version/get":
            return "2026-10-01-1"
        if action == "admin/list":
            rows = [
                {"id": 41 + n, "username": one.user, "domainslimit": 0, "domains": one.domains}
                for n, one in enumerate(self.admins)
            ]
            return {str(row["id"]): row for row in rows} if self.keyed else rows
        if action == "domainslist/get":
            return self.domains
        if action == "reseller/domainswithproduct":
            return by_user[values["username"]].counts[("incoming", "outgoing", "archiving").index(values["product"])]
        if action == "reseller/getvalidrecipientcount":
            return by_user[values["username"]].recipients
        if action == "reseller/getoutgoingusercount":
            return by_user[values["username"]].outgoing
        if action == "domain/getproducts":
            if domain not in self.domains:
                raise Told("No such domain")
            return self.products.get(domain, ON)
        if action == "domain/getvalidrecipientcount":
            return self.recipients.get(domain, 0)
        if action == "domain/getowner":
            return self.owners.get(domain)
        if action == "domainalias/list":
            return ["alias.example"] if domain.startswith("acme") else []
        raise Told("Incorrect usage of API. This action is not recognised.")


def raising(text: str) -> Callable[[dict[str, str]], Any]:
    def told(values: dict[str, str]) -> Any:
        raise Told(text)

    return told


@contextmanager
def connected(fake: Fake, password: str = "pa55-word", **settings: object) -> Iterator[tuple[SpamExperts, Server]]:
    with serving(fake.app()) as server:
        options = {"base_url": server.url, "user": "it@msp.example", **settings}
        source = MANIFEST.open("Mail filter", options, {"password": password})
        assert isinstance(source, SpamExperts)
        source.panel.api.backoff = Backoff(attempts=4, first=0.01, longest=0.05)
        yield source, server


def read(fake: Fake, **settings: object) -> Reading:
    with connected(fake, **settings) as (source, _):
        return source.read(NOW)


def counts(reading: Reading, customer: str) -> dict[str, int]:
    return {line.product_key: int(line.quantity) for line in reading.lines if line.customer_id == customer}


ACME = {
    "domains": 2, "domains_incoming": 2, "domains_outgoing": 1, "domains_archiving": 0, "mailboxes_incoming": 42,
    "outgoing_users": 5, "domains_no_product": 0,
}  # fmt: skip
BOREALIS = {
    "domains": 1, "domains_incoming": 1, "domains_outgoing": 1, "domains_archiving": 1, "mailboxes_incoming": 18,
    "outgoing_users": 0, "domains_no_product": 0,
}  # fmt: skip


def test_case_01_counts_of_sub_admins_and_zero_stays() -> None:
    reading = read(Fake())
    assert counts(reading, "acme") == ACME
    assert counts(reading, "borealis") == BOREALIS
    assert reading.complete and not reading.failed_customers
    assert {line.attributes["sub_admin_id"] for line in reading.lines} == {"41", "42"}
    assert {line.attributes["domain"] for line in reading.lines} == {"acme.example", "borealis.example"}


def test_case_02_every_request_has_basic_credentials_and_asks_for_json() -> None:
    with connected(Fake(), alias_domains=True) as (source, server):
        source.test()
        reading = source.read(NOW)
    assert counts(reading, "acme")["alias_domains"] == 2
    assert all(one.path.split("/")[4:6] == ["format", "json"] and one.method == "GET" for one in server.asked)
    assert all(one.headers["authorization"].startswith("Basic ") and not one.query for one in server.asked)


@pytest.mark.parametrize(
    "refusal", [None, PlainTextResponse("", status_code=401), HTMLResponse("<h1>401</h1>", status_code=401)]
)
def test_case_03_wrong_credentials_end_it_at_once(refusal: Response | None) -> None:
    fake = Fake(instead={"admin/list": refusal} if refusal else {})
    with connected(fake, "pa55-word" if refusal else "wr0ng-word") as (source, server), pytest.raises(Unauthorized):
        source.read(NOW)
    assert len(server.asked) == 1


def test_an_account_that_is_off_is_told_so() -> None:
    fake = Fake(instead={"version/get": raising("User 'it' has status 'inactive'")})
    with connected(fake) as (source, _), pytest.raises(Unauthorized, match="switched off"):
        source.test()


def test_case_04_an_address_that_is_not_allowed_is_shown() -> None:
    text = "You have no access to this API, current IP address '192.0.2.9' is not allowed."
    fake = Fake(instead={"version/get": raising(text)})
    with connected(fake) as (source, _), pytest.raises(RemoteError, match=r"192\.0\.2\.9") as caught:
        source.test()
    assert caught.value.status == 403


def test_an_account_without_api_rights_is_told_what_to_allow() -> None:
    fake = Fake(instead={"version/get": raising("You don't have permissions to access the API.")})
    with connected(fake) as (source, _), pytest.raises(RemoteError, match="Control Panel API usage"):
        source.test()


@pytest.mark.parametrize("messages", [{"messages": []}, {"messages": {}}, {}, {"messages": {"success": ["Saved."]}}])
def test_case_05_messages_of_every_shape(messages: dict[str, Any]) -> None:
    assert counts(read(Fake(messages=messages)), "acme") == ACME


@pytest.mark.parametrize("answer", [42, "42", PlainTextResponse("42"), PlainTextResponse('"42"')])
def test_case_06_numbers_of_every_shape(answer: Any) -> None:
    fake = Fake()
    if isinstance(answer, Response):
        fake.instead["reseller/getvalidrecipientcount:acme"] = answer
    else:
        fake.admins[0].recipients = answer
    assert counts(read(fake), "acme") == ACME


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse(""),
        PlainTextResponse("null"),
        PlainTextResponse("n/a"),
        None,
        "n/a",
        "",
        4.5,
        True,
        [],
        PlainTextResponse("{}"),
    ],
)
def test_case_06_m2_what_is_no_number_is_never_zero(answer: Any) -> None:
    fake = Fake()
    if isinstance(answer, Response):
        fake.instead["reseller/getvalidrecipientcount:acme"] = answer
    else:
        fake.admins[0].recipients = answer
    reading = read(fake)
    assert list(reading.failed_customers) == ["acme"]
    assert counts(reading, "acme") == {}
    assert counts(reading, "borealis") == BOREALIS


def test_case_07_older_clusters_know_the_old_name() -> None:
    fake = Fake()
    rows = fake.result("admin/list", {})
    fake.instead = {"admin/list": raising("Incorrect usage of API"), "reseller/list": lambda values: rows}
    assert counts(read(fake), "acme") == ACME


def test_case_08_sub_admins_keyed_by_id() -> None:
    fake = Fake(keyed=True)
    fake.admins[0].domains = {"0": "acme.example", "1": "acme-care.example"}
    assert counts(read(fake), "acme") == ACME


@pytest.mark.parametrize("level", ["sub_admin", "domain"])
def test_case_09_a_domain_that_is_gone_is_left_out_and_said(level: str) -> None:
    domains = [f"d{number}.example" for number in range(30)]
    fake = Fake(admins=[Admin("acme", domains, (28, 0, 0), 7, 0)], domains=domains)
    fake.instead["domain/getproducts:d7.example"] = raising("No such domain")
    fake.products["d8.example"] = {"incoming": "0", "outgoing": "0", "archiving": "0"}
    reading = read(fake, customer_level=level)
    total = sum(int(line.quantity) for line in reading.lines if line.product_key == "domains")
    assert total == 28
    assert "d7.example" in str(reading.notes)
    assert reading.complete and not reading.failed_customers


def test_case_10_m2_one_sub_admin_that_may_not_be_seen_spoils_no_other() -> None:
    fake = Fake(instead={"reseller/domainswithproduct:acme": raising("You have no permissions to see this user")})
    reading = read(fake)
    assert list(reading.failed_customers) == ["acme"]
    assert counts(reading, "borealis") == BOREALIS


def test_case_11_names_are_encoded_in_requests_and_decoded_for_people() -> None:
    fake = Fake(admins=[Admin("It+Cobalt@Msp.example", [], (0, 0, 0))], domains=["Xn--cbalt-vua.example"])
    fake.domains.append("xn--cbalt-vua.example")
    assert counts(read(fake, customer_level="sub_admin"), "unassigned")["domains"] == 1
    assert any(raw.endswith("/username/it%2Bcobalt%40msp.example") for raw in fake.raw)
    fake.raw.clear()
    reading = read(fake, customer_level="domain")
    assert {(line.customer_id, line.customer) for line in reading.lines} == {
        ("xn--cbalt-vua.example", "cøbalt.example")
    }
    assert "/api/domain/getproducts/format/json/domain/xn--cbalt-vua.example" in fake.raw


def test_case_12_an_error_page_is_tried_again_and_then_fails() -> None:
    page = HTMLResponse("<b>SQLSTATE[HY000]</b> fatalerror.php")
    fake = Fake(instead={"admin/list": page})
    with connected(fake) as (source, server), pytest.raises(RemoteError, match="error page"):
        source.read(NOW)
    assert len(server.asked) == 4
    rows = fake.result("admin/list", {})
    good = JSONResponse({"messages": [], "result": rows})
    assert counts(read(Fake(instead={"admin/list": [page, page, good]})), "acme") == ACME


def nested(**more: Any) -> Fake:
    parent = Admin("parent", ["p.example", "c.example"], (2, 0, 0), 30, 9)
    child = Admin("child", ["C.example"], (1, 0, 0), 10, 4)
    return Fake(
        admins=[parent, child], domains=["p.example", "c.example"], recipients={"p.example": 20, "c.example": 10}, **more
    )  # fmt: skip


def test_case_13_domains_of_a_sub_admin_below_count_once() -> None:
    reading = read(nested())
    assert counts(reading, "parent")["domains_incoming"] == 1
    assert counts(reading, "child")["domains_incoming"] == 1
    assert (counts(reading, "parent")["mailboxes_incoming"], counts(reading, "child")["mailboxes_incoming"]) == (20, 10)
    assert (counts(reading, "parent")["outgoing_users"], counts(reading, "child")["outgoing_users"]) == (5, 4)
    apart = read(nested(), parents_include_children=False)
    assert counts(apart, "parent")["outgoing_users"] == 9


def test_case_13_counts_that_hold_more_than_the_own_domains_are_not_used() -> None:
    fake = nested()
    fake.admins[0].domains = ["p.example"]
    reading = read(fake)
    assert counts(reading, "parent")["domains_incoming"] == 1
    assert counts(reading, "parent")["mailboxes_incoming"] == 20


def test_case_13_a_parent_without_domains_of_its_own() -> None:
    fake = nested(owners={"c.example": {"username": "Child"}})
    fake.admins[0].domains, fake.admins[0].outgoing, fake.domains = ["c.example"], 4, ["c.example"]
    reading = read(fake)
    assert counts(reading, "child")["domains"] == 1
    assert (counts(reading, "parent")["domains"], counts(reading, "parent")["outgoing_users"]) == (0, 0)


def test_case_14_domains_of_the_main_admin_are_nobodys() -> None:
    fake = Fake()
    fake.domains.append("msp.example")
    fake.recipients["msp.example"] = 3
    reading = read(fake)
    assert counts(reading, "unassigned")["domains_incoming"] == 1
    assert counts(reading, "unassigned")["mailboxes_incoming"] == 3
    assert "outgoing_users" not in counts(reading, "unassigned")


def test_without_lists_of_domains_each_owner_is_asked() -> None:
    owners = {
        "acme.example": {"username": "acme"},
        "acme-care.example": "ACME",
        "borealis.example": {"username": "borealis"},
    }
    fake = Fake(owners=owners, recipients={"acme.example": 40, "acme-care.example": 2})
    for admin in fake.admins:
        admin.domains = None
    fake.domains += ["msp.example", "nobody.example"]
    fake.owners["msp.example"] = {"username": "it@msp.example"}
    for level in ("sub_admin", "owner"):
        reading = read(fake, customer_level=level)
        assert counts(reading, "acme")["mailboxes_incoming"] == 42
        assert counts(reading, "acme")["outgoing_users"] == 5
        assert counts(reading, "unassigned")["domains"] == 2


def test_m2_an_owner_that_may_not_be_seen_makes_the_reading_incomplete() -> None:
    fake = Fake(owners={"acme.example": "acme", "borealis.example": "borealis"})
    fake.instead["domain/getowner:acme-care.example"] = raising("You are not allowed to manage the domain")
    reading = read(fake, customer_level="owner")
    assert not reading.complete
    assert counts(reading, "borealis")["domains"] == 1


@pytest.mark.parametrize("products", [None, [], {}, {"incoming": "maybe"}, {"other": 1}])
def test_m2_products_that_are_not_told_are_not_off(products: Any) -> None:
    fake = Fake()
    fake.instead["domain/getproducts:acme.example"] = lambda values: products
    assert list(read(fake, customer_level="domain").failed_customers) == ["acme.example"]


@pytest.mark.parametrize("result", [None, "none", 5])
def test_m2_what_is_no_list_is_never_no_customers(result: Any) -> None:
    fake = Fake(instead={"admin/list": lambda values: result})
    with connected(fake) as (source, _), pytest.raises(ShapeChanged):
        source.read(NOW)


def test_a_name_with_a_slash_is_never_asked_for() -> None:
    fake = Fake(admins=[Admin("ac/me", []), Admin("borealis", ["borealis.example"], (1, 1, 1), 18)])
    reading = read(fake)
    assert list(reading.failed_customers) == ["ac/me"]
    assert not any("ac%2F" in raw or "ac/me" in raw for raw in fake.raw)


def test_case_15_neither_password_nor_names_where_they_do_not_belong() -> None:
    fake = Fake(instead={"reseller/getvalidrecipientcount:acme": PlainTextResponse("pa55-word", status_code=404)})
    with structlog.testing.capture_logs() as logs, connected(fake, hide_names=True) as (source, _):
        reading = source.read(NOW)
        with pytest.raises(RemoteError) as caught:
            source.panel.ask("reseller/getvalidrecipientcount", username="acme")
    assert list(reading.failed_customers) == ["acme"]
    assert "acme" not in f"{caught.value} {caught.value.detail} {logs}"
    assert "pa55-word" not in f"{caught.value} {caught.value.detail} {logs} {reading}"


def test_throttling_is_waited_for() -> None:
    rows = JSONResponse({"messages": [], "result": Fake().result("admin/list", {})})
    busy = [
        PlainTextResponse("", status_code=503, headers={"Retry-After": "0.2"}),
        PlainTextResponse("", status_code=429),
        rows,
    ]
    assert counts(read(Fake(instead={"admin/list": busy})), "acme") == ACME


def test_the_hosted_service_is_the_usual_one() -> None:
    source = MANIFEST.open("x", {"user": "u"}, {"password": "p"})
    assert isinstance(source, SpamExperts)
    assert source.panel.api.base_url == "https://api.antispamcloud.com/api"
    assert source.panel.api.throttle.at_once == 2
    assert Decimal(source.panel.api.backoff.attempts) == 4


def test_what_the_panel_repeats_of_the_password_is_masked() -> None:
    fake = Fake(instead={"version/get": raising("Strange things with pa55-word")})
    with connected(fake) as (source, _), pytest.raises(RemoteError, match="Strange things") as caught:
        source.test()
    assert "pa55-word" not in f"{caught.value} {caught.value.detail}"
