"""Signing in at a vendor's page for a portal, against a real provider with PKCE and rotating refresh tokens (A1, OAuth2 code)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.testclient import TestClient

from core import bootstrap
from core.domain.errors import AccessDenied, InputError, SettingsError, Unauthorized
from core.domain.usage import Reading
from core.services import access, network, people, portals, rest_mapping, rest_sign_in
from core.services.access import Actor, Role
from core.store import audit
from core.store import secrets as secret_store
from core.web.address import SESSION_COOKIE
from core.web.middleware import BelowPath
from core.web.vendor import Vendor
from tests.connectors.fakes import Server
from tests.connectors.rest_fakes import FLAT, answer, endpoint, rows
from tests.oidc_provider import Client, Provider, running
from tests.web.conftest import PASSWORD, copy_of

pytestmark = pytest.mark.xdist_group("vendor_sign_in")
"""One provider and one workspace for all of them."""
BACK = "http://testserver/auth/vendor"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running() as found:
        found.add_person("sanne", "pass phrase")
        yield found


@pytest.fixture(scope="module")
def client(provider: Provider) -> Client:
    return provider.add_client(BACK, "http://testserver/portal/auth/vendor")


@pytest.fixture(scope="module")
def shop(provider: Provider) -> Iterator[Server]:
    """An endpoint that asks the provider whether a token is good."""

    async def page(request: Request) -> Any:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as asking:
            told = await asking.get(
                f"{provider.issuer}/userinfo/", headers={"Authorization": request.headers.get("authorization", "")}
            )
        return {"data": rows(3)} if told.status_code == 200 else answer({}, 401)

    with endpoint({"/v1/seats": page}) as server:
        yield server


@dataclass(frozen=True)
class Office:
    """Who is signed in: token and actor."""

    app: bootstrap.App
    admin: tuple[str, Actor]
    elsewhere: tuple[str, Actor]
    eve: tuple[str, Actor]


@dataclass
class Desk:
    """A workspace with somebody signed in, and what a form for the endpoint holds."""

    app: bootstrap.App
    actor: Actor
    token: str
    settings: dict[str, Any]
    secrets: dict[str, str]

    @property
    def context(self) -> Any:
        return self.app.context

    def begin(self, back: str = BACK, **more: Any) -> rest_sign_in.Begun:
        given = {"settings": self.settings, "secrets": self.secrets} if "portal" not in more else {}
        return rest_sign_in.begin(self.context, self.actor, self.token, back, **given | more)

    def browser(self, token: str | None = None, below: str = "") -> TestClient:
        server: Any = Starlette(routes=Vendor(lambda: self.context).routes())
        found = TestClient(BelowPath(server, below) if below else server, follow_redirects=False)
        found.cookies[SESSION_COOKIE] = self.token if token is None else token
        return found

    def read(self, secrets: dict[str, str]) -> Reading:
        return self.context.source("rest", "Shop", self.settings, secrets).read(self.context.clock.now())

    def stored(self, portal: str = "Shop") -> dict[str, str]:
        with self.context.database.session() as session:
            return secret_store.get(session, self.context.secrets, portals.owner_of(portals.find(session, portal)))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, template_with_admin: Path) -> Iterator[Office]:
    """A workspace for all tests here: two people, one of them in two browsers."""
    app = copy_of(template_with_admin, tmp_path_factory.mktemp("office"))
    network.set_allowed_hosts(app.context, access.SYSTEM, ["127.0.0.1"])
    people.add_person(app.context, access.SYSTEM, "eve", PASSWORD, Role.OPERATOR)
    yield Office(app, *(people.sign_in(app.context, name, PASSWORD) for name in ("admin", "admin", "eve")))
    app.close()


@pytest.fixture
def desk(office: Office, provider: Provider, client: Client, shop: Server) -> Desk:
    auth = {
        "kind": "authorization_code", "client_id": client.id, "scope": "openid read",
        "authorize_url": f"{provider.issuer}/authorize/?x=1", "token_url": f"{provider.issuer}/token/",
        "authorize_fields": {"prompt": "login", "state": "theirs"},
    }  # fmt: skip
    settings = {
        "url": f"{shop.url}/v1/seats", "auth": auth, "network": {"internal": True}, "mapping": FLAT,
        "limits": {"first_wait": 0, "attempts": 2},
    }  # fmt: skip
    return Desk(office.app, office.admin[1], office.admin[0], settings, {"client_secret": client.secret})


def at_the_vendor(page: str, name: str = "sanne") -> str:
    """What a person does there; gives the address that the vendor sends the browser back to."""
    with httpx.Client(trust_env=False, timeout=60) as browser:
        found = browser.get(page.replace("prompt=login", "prompt_=login"))
        form = browser.get(
            found.headers["location"]
            if "//" in found.headers["location"]
            else str(found.url.join(found.headers["location"]))
        )
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
        onward = re.search(r'name="next" value="([^"]+)"', form.text)
        assert token
        assert onward
        told = {
            "username": name,
            "password": "pass phrase",
            "csrfmiddlewaretoken": token[1],
            "next": onward[1].replace("&amp;", "&"),
        }
        found = browser.post(form.url, data=told)
        back = browser.get(form.url.join(found.headers["location"]))
        return back.headers["location"]


def path_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def test_a_person_signs_in_and_the_tokens_rotate(desk: Desk) -> None:
    begun = desk.begin()
    asked = parse_qs(urlsplit(begun.page).query)
    assert (asked["code_challenge_method"], asked["prompt"], asked["x"]) == (["S256"], ["login"], ["1"])
    assert len(asked["state"]) == 1, "what the settings say never takes the place of ours"
    assert rest_sign_in.outcome(desk.context, desk.actor, desk.token, begun.handle) == rest_sign_in.Outcome()

    browser = desk.browser()
    back = path_of(at_the_vendor(begun.page))
    arrived = browser.get(back)
    assert (arrived.status_code, arrived.headers["location"]) == (303, "/auth/vendor?done=1")
    assert "signed in" in browser.get(arrived.headers["location"]).text
    again = browser.get(back)
    assert (again.status_code, "finished already" in again.text) == (403, True)

    told = rest_sign_in.outcome(desk.context, desk.actor, desk.token, begun.handle)
    assert told.done
    assert set(told.secrets) == {"refresh_token"}
    assert not rest_sign_in.outcome(desk.context, desk.actor, desk.token, begun.handle).done, "told once"

    # The example is fetched with it, and the portal stored afterwards goes on with its successor.
    given = desk.secrets | dict(told.secrets)
    assert rest_mapping.fetch_sample(desk.context, desk.actor, desk.settings, given).document == {"data": rows(3)}
    rest_mapping.save(desk.context, desk.actor, "Shop", desk.settings, given)
    values = [told.secrets["refresh_token"]]
    for _ in range(2):
        assert portals.pull(desk.context, desk.actor, "Shop").complete
        values.append(desk.stored()["refresh_token"])
    assert len(set(values)) == 3, "each use has its own"


def test_a_sign_in_that_ended_says_so_and_is_begun_again_for_the_stored_portal(desk: Desk, provider: Provider) -> None:
    rest_mapping.save(desk.context, desk.actor, "Again", desk.settings, desk.secrets)
    with pytest.raises(Unauthorized, match="Nobody has signed in at Shop yet"):
        desk.read(desk.stored("Again"))
    with pytest.raises(Unauthorized, match="The sign-in at Shop has ended") as caught:
        desk.read(desk.stored("Again") | {"refresh_token": "dead-and-gone"})
    assert "sign in at the vendor" in str(caught.value.remedy)
    assert "dead-and-gone" not in caught.value.detail

    begun = desk.begin(portal="Again")
    assert desk.browser().get(path_of(at_the_vendor(begun.page))).status_code == 303
    assert portals.pull(desk.context, desk.actor, "Again").complete
    told = rest_sign_in.outcome(desk.context, desk.actor, desk.token, begun.handle)
    assert (told.done, dict(told.secrets)) == (True, {})
    with desk.context.database.session() as session:
        entry = next(one for one in audit.export(session) if one.event == "portal.signed_in")
    assert (entry.actor, entry.subject) == ("admin", "Again")


def test_it_counts_only_in_the_session_in_which_it_was_begun(desk: Desk, office: Office) -> None:
    """Nobody can make another person sign in for him, nor sign another person's portal in for himself."""
    other, eve = office.eve
    for token in (other, office.elsewhere[0]):
        begun = desk.begin()
        state = parse_qs(urlsplit(begun.page).query)["state"][0]
        arrived = desk.browser(token).get(f"/auth/vendor?state={state}&code=x")
        assert (arrived.status_code, "by somebody else" in arrived.text) == (403, True)
        assert not rest_sign_in.outcome(desk.context, eve, other, begun.handle).secrets
    for token in ("", "no session"):
        arrived = desk.browser(token).get("/auth/vendor?state=x&code=y")
        assert (arrived.status_code, "session here has ended" in arrived.text) == (403, True)
    begun = desk.begin()
    desk.browser().get(path_of(at_the_vendor(begun.page)))
    assert not rest_sign_in.outcome(desk.context, eve, other, begun.handle).done


def test_what_does_not_work_is_said_on_both_sides(desk: Desk) -> None:
    begun = desk.begin()
    state = parse_qs(urlsplit(begun.page).query)["state"][0]
    arrived = desk.browser().get(f"/auth/vendor?state={state}&error=access_denied&error_description=%3Cb%3Enot+today")
    assert arrived.status_code == 403
    assert "did not let you in: &lt;b&gt;not today." in arrived.text
    assert rest_sign_in.outcome(desk.context, desk.actor, desk.token, begun.handle).failed

    begun = desk.begin()
    state = parse_qs(urlsplit(begun.page).query)["state"][0]
    arrived = desk.browser().get(f"/auth/vendor?state={state}&code=made-up")
    assert (arrived.status_code, "made-up" in arrived.text) == (403, False)
    assert rest_sign_in.outcome(desk.context, desk.actor, desk.token, begun.handle).failed
    assert desk.browser().get("/auth/vendor?state=made-up&code=x").status_code == 403


def test_a_sign_in_that_takes_too_long_counts_no_more_and_is_forgotten(desk: Desk) -> None:
    import time_machine

    with time_machine.travel(desk.context.clock.now() - timedelta(minutes=11)):
        begun = desk.begin()
    state = parse_qs(urlsplit(begun.page).query)["state"][0]
    with pytest.raises(InputError, match="longer than 10 minutes"):
        rest_sign_in.finish(desk.context, desk.actor, desk.token, {"state": state, "code": "x"})
    with time_machine.travel(desk.context.clock.now() - timedelta(minutes=61)):
        old = desk.begin()
    desk.begin()
    with desk.context.database.session() as session:
        kept = secret_store.get(session, desk.context.secrets, f"sign_in:{old.handle}")
    assert kept == {}


def test_below_a_path(desk: Desk) -> None:
    begun = desk.begin("http://testserver/portal/auth/vendor")
    arrived = desk.browser(below="/portal").get(path_of(at_the_vendor(begun.page)))
    assert arrived.headers["location"] == "/portal/auth/vendor?done=1"


def test_a_public_client_needs_no_secret(desk: Desk, provider: Provider) -> None:
    with without_secret(provider) as public:
        desk.settings["auth"]["client_id"] = public
        desk.secrets = {}
        begun = desk.begin()
        assert desk.browser().get(path_of(at_the_vendor(begun.page))).status_code == 303
        told = rest_sign_in.outcome(desk.context, desk.actor, desk.token, begun.handle)
        assert desk.read(dict(told.secrets)).complete


@contextmanager
def without_secret(provider: Provider) -> Iterator[str]:
    from oauth2_provider.models import get_application_model

    from tests import oidc_provider

    made = provider.add_client(BACK)
    kind = get_application_model()
    oidc_provider._aside(
        lambda: kind.objects.filter(client_id=made.id).update(client_type=kind.CLIENT_PUBLIC, client_secret="")
    )
    yield made.id


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"access_token": "lasting-1"}, {"token": "lasting-1"}),
        ({"access_token": "short-11", "expires_in": 3600}, None),
        ({"access_token": "at-12345", "refresh_token": "rt-12345", "expires_in": 60}, {"refresh_token": "rt-12345"}),
    ],
)
def test_what_a_vendor_gives_is_kept_or_refused_in_words(desk: Desk, told: Any, kept: dict[str, str] | None) -> None:
    with endpoint({"/token": told}) as vendor:
        desk.settings["auth"]["token_url"] = f"{vendor.url}/token"
        source = desk.context.source("rest", "Shop", desk.settings, {})
        if kept is None:
            with pytest.raises(Unauthorized, match="nothing to renew it with"):
                source.signed_in("c", BACK, "v")
            return
        assert source.signed_in("c", BACK, "v") == kept
        form = {name: values[0] for name, values in parse_qs(vendor.asked[0].body.decode()).items()}
    expected = {"grant_type": "authorization_code", "code": "c", "redirect_uri": BACK, "code_verifier": "v"}
    assert form == expected | {"client_id": desk.settings["auth"]["client_id"]}


def test_a_lasting_token_is_used_until_it_is_refused(desk: Desk) -> None:
    def page(request: Request) -> Any:
        return {"data": rows(1)} if request.headers["authorization"] == "Bearer lasting-1" else answer({}, 401)

    with endpoint({"/x": page}) as server:
        desk.settings["url"] = f"{server.url}/x"
        assert desk.read({"token": "lasting-1"}).complete
        with pytest.raises(Unauthorized):
            desk.read({"token": "other"})


@pytest.mark.parametrize(
    ("status", "told", "ended"),
    [
        (400, {"error": "invalid_grant"}, True),
        (200, {"error": "invalid_grant"}, True),
        (403, {}, True),
        (401, {"error": "invalid_client"}, False),
        (400, {"error": {"code": "token_revoked"}}, True),
    ],
)
def test_what_means_that_a_sign_in_has_ended_is_a_setting(desk: Desk, status: int, told: Any, ended: bool) -> None:
    with endpoint({"/token": answer(told, status)}) as vendor:
        error_at = "error.code" if isinstance(told.get("error"), dict) else "error"
        desk.settings["auth"] |= {
            "token_url": f"{vendor.url}/token", "error_at": error_at, "ended": ["invalid_grant", "403", "token_revoked"],
        }  # fmt: skip
        with pytest.raises(Unauthorized) as caught:
            desk.read({"refresh_token": "rt-12345"})
    assert ("has ended" in str(caught.value.message)) is ended


@pytest.mark.parametrize(
    "page", ["javascript:alert(1)", "http://login.example.com/a", "https://u:p@login.example.com/a", "/a"]
)
def test_only_web_pages_are_opened(desk: Desk, page: str) -> None:
    desk.settings["auth"]["authorize_url"] = page
    desk.settings["network"] = {}
    with pytest.raises(SettingsError, match="is not a web address"):
        desk.begin()


def test_who_may_not_connect_portals_begins_nothing(desk: Desk) -> None:
    viewer = SimpleNamespace(role=Role.VIEWER)
    with pytest.raises(AccessDenied):
        rest_sign_in.begin(desk.context, viewer, "token", BACK, settings=desk.settings)
    with pytest.raises(InputError, match="belongs to a session"):
        rest_sign_in.begin(desk.context, desk.actor, "", BACK, settings=desk.settings)
    desk.settings["auth"] = {"kind": "bearer"}
    with pytest.raises(SettingsError, match="Nobody signs in"):
        desk.begin(secrets={"token": "abcd1234"})
