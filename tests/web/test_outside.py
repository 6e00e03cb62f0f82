"""How the product looks from outside: below a path of a host, under which names, over https, and where it listens."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from core.cli import server
from core.settings import Settings
from core.web import routes
from core.web.address import SESSION_COOKIE, local_path
from tests.web.test_sign_in import PASSWORD, form_token

ROOT = Path(__file__).resolve().parents[2]


def client(web, *, below: str = "", hosts: tuple[str, ...] = (), base_url: str = "http://testserver") -> TestClient:
    async def page(request: Request) -> Response:
        return HTMLResponse(f"the page {request.url.path}")

    context = lambda: web.context  # noqa: E731
    served = Starlette(
        routes=[*routes.routes(context), Route("/{rest:path}", page)],
        middleware=routes.middleware(context, below, hosts),
    )
    return TestClient(served, base_url=base_url, follow_redirects=False, headers={"accept": "text/html,*/*"})


@pytest.mark.parametrize("below", ["portal", "/portal", "portal/"])
def test_below_a_path_every_step_of_signing_in_stays_below_it(web_with_admin, below: str) -> None:
    browser = client(web_with_admin, below=below)
    assert browser.get("/portal/").headers["location"] == "/portal/auth/login"
    assert (
        browser.get("/portal/changes?run=3").headers["location"] == "/portal/auth/login?next=/portal/changes%3Frun%3D3"
    )
    shown = browser.get("/portal/auth/login?next=/portal/changes")
    assert 'action="/portal/auth/login"' in shown.text
    assert 'href="/portal/auth/login?lang=nl&amp;next=/portal/changes"' in shown.text
    fields = {"form_token": form_token(shown.text), "next": "/portal/changes", "name": "admin", "password": PASSWORD}
    entered = browser.post("/portal/auth/login", data=fields)
    assert (entered.status_code, entered.headers["location"]) == (303, "/portal/changes")
    assert all("path=/portal" in cookie.lower() for cookie in entered.headers.get_list("set-cookie"))
    assert browser.get("/portal/changes").text == "the page /portal/changes"
    left = browser.get("/portal/auth/logout", headers={"sec-fetch-site": "same-origin"})
    assert left.headers["location"] == "/portal/auth/login"
    assert SESSION_COOKIE not in browser.cookies
    assert browser.get("/portal/changes").status_code == 303


def test_below_a_path_health_and_webhooks_answer_there_and_beside_the_proxy(web_with_admin) -> None:
    asking = client(web_with_admin, below="portal")
    for path in ("/portal/healthz", "/healthz"):
        assert asking.get(path).status_code == 200
    for path in ("/portal/readyz", "/readyz"):
        assert asking.get(path).json()["reasons"][0]["code"] == "engine.none"
    assert asking.post("/portal/hooks/unknown").status_code == 404
    assert asking.get("/portal/_stcore/health").status_code == 200, "parts of Streamlit need no session there either"


@pytest.mark.parametrize(
    ("wish", "goes_to"),
    [
        ("/portal/changes", "/portal/changes"),
        ("/other", "/portal/"),
        ("/portalx/", "/portal/"),
        ("//evil.example/portal/", "/portal/"),
        ("https://evil.example/portal/", "/portal/"),
        ("/portal/auth/logout", "/portal/"),
        ("/portal/../other/", "/portal/"),
        ("/portal/%2E./other/", "/portal/"),
        ("/portal/..\\other/", "/portal/"),
        ("/portal/./auth/logout", "/portal/"),
        ("/portal/changes?q=../x", "/portal/changes?q=../x"),
        ("", "/portal/"),
    ],
)
def test_after_signing_in_nobody_is_sent_to_another_program_of_the_host(wish: str, goes_to: str) -> None:
    assert local_path(wish, "/portal") == goes_to


def test_only_the_names_that_are_allowed_are_answered(web_with_admin) -> None:
    asking = client(web_with_admin, hosts=("bridge.example.com", "*.msp.example"))
    for host, code in {
        "bridge.example.com": 200, "bridge.example.com:8443": 200, "eu.msp.example": 200, "localhost:8501": 200,
        "127.0.0.1:8501": 200, "evil.example": 400, "bridge.example.com.evil.example": 400,
    }.items():  # fmt: skip
        assert asking.get("/healthz", headers={"host": host}).status_code == code, host
    refused = asking.get("/auth/login", headers={"host": "evil.example"})
    assert refused.headers["x-content-type-options"] == "nosniff"


def test_allowed_names_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().hosts == ()
    monkeypatch.setenv("CONTRACTBRIDGE_ALLOWED_HOSTS", " Bridge.example.com, ,10.0.0.5")
    assert Settings().hosts == ("bridge.example.com", "10.0.0.5")


@pytest.mark.parametrize(("proto", "secure"), [("https", True), ("http", False), ("", False)])
def test_a_proxy_that_speaks_https_makes_every_cookie_secure(web_with_admin, proto: str, secure: bool) -> None:
    browser = client(web_with_admin)
    forwarded = {"x-forwarded-proto": proto} if proto else {}
    shown = browser.get("/auth/login?lang=nl", headers=forwarded)
    cookie = shown.headers["set-cookie"].split(";")[0]
    fields = {"form_token": form_token(shown.text), "name": "admin", "password": PASSWORD}
    entered = browser.post("/auth/login", data=fields, headers={**forwarded, "cookie": cookie})
    assert entered.status_code == 303
    cookies = shown.headers.get_list("set-cookie") + entered.headers.get_list("set-cookie")
    assert len(cookies) == 5
    assert [("secure" in one.lower()) for one in cookies] == [secure] * 5
    assert "httponly" in next(one for one in cookies if one.startswith(SESSION_COOKIE)).lower()


def test_it_listens_on_this_machine_alone_unless_told_otherwise() -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["server"]["address"] == "127.0.0.1"
    assert inspect.signature(server.run).parameters["host"].default == "127.0.0.1"
