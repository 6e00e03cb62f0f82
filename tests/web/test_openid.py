"""Signing in with the company account, at a real provider (`tests.oidc_provider`): who gets in, with which role, and who never."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.testclient import TestClient

from connectors._openid import provider as openid_provider
from core.domain.errors import ConfirmationNeeded
from core.services import activity, people
from core.services.access import SYSTEM, Actor, Role, require_confirmed
from core.services.examining import company_account
from core.services.paging import PageQuery
from core.store import sessions as session_store
from core.web.address import SESSION_COOKIE
from core.web.openid import DONE
from tests import oidc_provider
from tests.oidc_provider import Client, Provider
from tests.web.test_outside import client as outside

BASE = "http://testserver"
WORD = "of the company"
ROLES = {"msp-admins": Role.ADMIN, "msp-desk": Role.OPERATOR}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with oidc_provider.running() as running:
        running.add_person("sanne", WORD)
        running.add_person("piet", WORD)
        yield running


@pytest.fixture(scope="module")
def known(provider: Provider) -> Client:
    return provider.add_client(f"{BASE}{DONE}", after_sign_out=[f"{BASE}/auth/login"])


@dataclass
class Company:
    """A product that trusts the provider, and browsers before both."""

    web: Any
    provider: Provider
    known: Client

    def browser(self) -> Browser:
        return Browser(self.web.make_client(), httpx.Client(follow_redirects=False), self)

    def actor(self, browser: Browser) -> Actor | None:
        return people.actor_of_token(self.web.context, browser.us.cookies.get(SESSION_COOKIE, ""))

    def audited(self) -> list[str]:
        return [row.action for row in activity.audit(self.web.context, SYSTEM, PageQuery()).rows]


@dataclass
class Browser:
    """One browser: what it keeps for us, and for the provider."""

    us: TestClient
    them: httpx.Client
    company: Company

    def begin(self, path: str = "/auth/openid") -> str:
        answer = self.us.get(path)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def at_the_provider(self, address: str, name: str = "sanne", *, asked: bool | None = None) -> str:
        """Sign in there when it asks for that; the address it sends the browser back to."""
        answer = self.them.get(address)
        did_ask = False
        while (place := answer.headers.get("location", "")).startswith("/") or answer.status_code == 200:
            if answer.status_code == 200:
                fields = {
                    key: html.unescape(value) for key, value in re.findall(r'name="(\w+)" value="([^"]*)"', answer.text)
                }
                did_ask = True
                answer = self.them.post(answer.url, data=fields | {"username": name, "password": WORD})
            else:
                answer = self.them.get(answer.url.join(place))
        assert asked in (None, did_ask)
        return place

    def sign_in(self, name: str = "sanne", path: str = "/auth/openid") -> Any:
        """The whole way; our answer at its end."""
        return self.us.get(self.at_the_provider(self.begin(path), name))


@pytest.fixture
def company(web_with_admin, provider: Provider, known: Client) -> Company:
    ctx = web_with_admin.context
    people.save_openid(ctx, SYSTEM, issuer=provider.issuer, client_id=known.id, client_secret=known.secret)
    people.save_oidc_groups(ctx, SYSTEM, ROLES)
    provider.spoil = None
    provider.forget_sessions()
    provider.tell("sanne", ["staff", "msp-desk"])
    provider.tell("piet", ["staff"])
    return Company(web_with_admin, provider, known)


def told(answer: Any) -> str:
    found = re.search(r'role="alert">(.*?)</div>', answer.text) or re.search(r"</h1>\s*(.*?)\s*<a", answer.text, re.S)
    return html.unescape(found.group(1)) if found else answer.text


def test_a_group_gives_a_role_and_another_group_another_one_at_the_next_sign_in(company: Company) -> None:
    browser = company.browser()
    answer = browser.sign_in(path="/auth/openid?next=/changes")
    assert (answer.status_code, answer.headers["location"]) == (303, "/changes")
    actor = company.actor(browser)
    assert actor is not None
    assert (actor.name, actor.role, actor.session > 0) == ("sanne", Role.OPERATOR, True)
    assert browser.us.get("/changes").status_code == 200
    company.provider.tell("sanne", ["msp-admins", "msp-desk"])
    assert company.actor(browser).role is Role.OPERATOR, "groups are told at signing in alone"
    again = company.browser()
    again.sign_in()
    assert company.actor(again) == company.actor(browser)
    assert company.actor(again).role is Role.ADMIN
    (row, _) = people.list_sessions(company.web.context, company.actor(again))
    assert (row.openid, row.current) == (True, True)


def test_who_is_in_no_group_with_a_role_is_refused_in_words_and_has_no_session_left(company: Company) -> None:
    answer = company.browser().sign_in("piet")
    assert answer.status_code == 403
    assert "has no role here" in told(answer)
    browser = company.browser()
    browser.sign_in()
    company.provider.tell("sanne", ["staff"])
    refused = company.browser().sign_in()
    assert "has no role here" in told(refused)
    assert SESSION_COOKIE not in refused.cookies
    assert company.actor(browser) is None, "who was taken out of the groups is out everywhere at the next sign-in"


def test_who_is_switched_off_here_stays_out_whatever_the_groups_say(company: Company) -> None:
    browser = company.browser()
    browser.sign_in()
    people.change_person(company.web.context, SYSTEM, company.actor(browser).id, active=False)
    assert company.actor(browser) is None
    assert "switched off" in told(company.browser().sign_in())


def test_other_roles_for_groups_take_effect_by_signing_in_anew(company: Company) -> None:
    browser = company.browser()
    browser.sign_in()
    people.save_oidc_groups(company.web.context, SYSTEM, {"*": Role.VIEWER})
    assert company.actor(browser) is None
    browser.sign_in()
    assert company.actor(browser).role is Role.VIEWER


def test_too_many_groups_for_a_token_are_explained(company: Company) -> None:
    many = {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.example/x"}}}
    company.provider.tell("sanne", **many)
    assert "more groups than the company's sign-in tells" in told(company.browser().sign_in())


def test_groups_that_only_the_user_information_tells_count_too(company: Company) -> None:
    company.provider.spoil = lambda header, claims: claims.pop("groups") and None
    browser = company.browser()
    assert browser.sign_in().status_code == 303
    assert company.actor(browser).role is Role.OPERATOR


def test_a_name_from_outside_is_no_local_account(company: Company) -> None:
    company.provider.tell("sanne", ["msp-desk"], preferred_username="admin")
    browser = company.browser()
    browser.sign_in()
    assert company.actor(browser).name.startswith("admin (")


# What comes back must fit what was begun, and be signed by the provider alone.


def signed_elsewhere(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(header, claims, RSAKey.import_key(oidc_provider.new_key()))


def unknown_key(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(header | {"kid": "unknown"}, claims, RSAKey.import_key(oidc_provider.new_key()))


def not_signed(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (json.dumps({"typ": "JWT", "alg": "none"}), json.dumps(claims))
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts) + "."


def changing(**values: Any) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def spoil(header: dict[str, Any], claims: dict[str, Any]) -> None:
        for name, value in values.items():
            if value is None:
                claims.pop(name, None)
            else:
                claims[name] = claims["iat"] + value if name in ("exp", "nbf", "iat") else value

    return spoil


WRONG: dict[str, Any] = {
    "signed elsewhere": signed_elsewhere,
    "unknown key": unknown_key,
    "alg none": not_signed,
    "expired": changing(exp=-120),
    "no end": changing(exp=None),
    "of the future": changing(iat=3600),
    "not yet": changing(nbf=3600),
    "another nonce": changing(nonce="another"),
    "no nonce": changing(nonce=None),
    "another audience": changing(aud="somebody"),
    "two audiences, not for us": changing(aud=["somebody", "else"]),
    "another party": changing(azp="somebody"),
    "another issuer": changing(iss="https://login.example.com"),
    "no subject": changing(sub=None),
}


def test_a_token_that_is_not_good_in_every_respect_lets_nobody_in(company: Company) -> None:
    browser = company.browser()
    for wrong, spoil in WRONG.items():
        company.provider.spoil = spoil
        answer = browser.sign_in()
        assert (wrong, answer.status_code) == (wrong, 403)
        assert "not valid" in told(answer), wrong
        assert SESSION_COOKIE not in browser.us.cookies, wrong
    company.provider.spoil = None
    assert browser.sign_in().status_code == 303


def test_a_signature_with_the_clients_secret_as_its_key_lets_nobody_in(company: Company) -> None:
    key = OctKey.import_key(company.known.secret)
    company.provider.spoil = lambda header, claims: jwt.encode({"alg": "HS256"}, claims, key)
    assert "not valid" in told(company.browser().sign_in())


def test_a_key_that_was_changed_is_fetched_anew(company: Company) -> None:
    for keep_old in (True, False):
        company.browser().sign_in()
        company.provider.change_key(keep_old=keep_old)
        browser = company.browser()
        assert browser.sign_in().status_code == 303


def test_an_answer_that_this_browser_did_not_ask_for_lets_nobody_in(company: Company) -> None:
    """Another state, no errand, an errand used twice, an answer of another issuer, and one that names an error."""
    browser = company.browser()
    back = browser.at_the_provider(browser.begin())
    code, state = (parse_qs(urlsplit(back).query)[name][0] for name in ("code", "state"))
    elsewhere = company.web.make_client()
    assert "in another browser" in told(elsewhere.get(back))
    assert "in another browser" in told(browser.us.get(f"{DONE}?code={code}&state=guessed"))
    assert "not valid" in told(browser.us.get(f"{DONE}?code={code}&state={state}&iss=https://login.example.com"))
    browser = company.browser()
    back = browser.at_the_provider(browser.begin())
    assert browser.us.get(back).status_code == 303
    assert "in another browser" in told(company.browser().us.get(back))
    browser = company.browser()
    state = parse_qs(urlsplit(browser.begin()).query)["state"][0]
    refused = browser.us.get(f"{DONE}?error=access_denied&error_description=<b>pay+here</b>&state={state}")
    assert "did not let you in" in told(refused)
    assert "pay" not in refused.text


def test_a_code_counts_once(company: Company) -> None:
    browser = company.browser()
    kept = dict(browser.us.cookies)
    back = browser.at_the_provider(browser.begin())
    kept = dict(browser.us.cookies)
    assert browser.us.get(back).status_code == 303
    thief = company.web.make_client()
    for name, value in kept.items():
        thief.cookies.set(name, value)
    assert "not valid" in told(thief.get(back))


def test_an_errand_of_long_ago_is_over(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = company.browser()
    back = browser.at_the_provider(browser.begin())
    monkeypatch.setattr("core.services.openid.ERRAND_LASTS", -company.web.context.clock.now().resolution)
    assert "too long ago" in told(browser.us.get(back))


def test_what_is_asked_for_has_pkce_state_and_nonce_and_nothing_secret(company: Company) -> None:
    asked = parse_qs(urlsplit(company.browser().begin()).query)
    assert (asked["response_type"], asked["code_challenge_method"]) == (["code"], ["S256"])
    assert all(len(asked[name][0]) >= 32 for name in ("state", "nonce", "code_challenge"))
    assert asked["scope"] == ["openid profile email"]
    assert company.known.secret not in str(asked)


def test_below_a_path_and_behind_a_proxy_the_provider_leads_back_there(company: Company) -> None:
    served = outside(company.web, below="portal")
    answer = served.get("/portal/auth/openid?next=/portal/changes", headers={"x-forwarded-proto": "https"})
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    assert asked["redirect_uri"] == [f"https://testserver/portal{DONE}"]
    assert f"Path=/portal{DONE}" in answer.headers["set-cookie"]


def test_the_errand_cookie_is_for_our_answer_alone(company: Company) -> None:
    answer = company.web.make_client("https://testserver").get("/auth/openid")
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "Secure", "SameSite=lax", f"Path={DONE}"))
    state = parse_qs(urlsplit(answer.headers["location"]).query)["state"][0]
    assert state not in cookie


def test_the_doctor_tells_who_came_in_last_and_where_the_provider_led_back_to(company: Company) -> None:
    ctx = company.web.context

    def found() -> dict[str, str]:
        return {check.code: str(check.message) for check in company_account.look(ctx, [])}

    assert {"openid.answers", "openid.never_used"} <= set(found())
    company.browser().sign_in("piet")
    assert "openid.never_used" in found(), "refused: that is no coming in"
    company.browser().sign_in()
    assert f"{BASE}{DONE}" in found()["openid.not_encrypted"]


# Signing out, and showing again who one is.


def test_signing_out_ends_the_session_at_the_provider_too(company: Company) -> None:
    browser = company.browser()
    browser.sign_in()
    token = browser.us.cookies[SESSION_COOKIE]
    answer = browser.us.get("/auth/logout", headers={"sec-fetch-site": "same-origin"})
    assert people.actor_of_token(company.web.context, token) is None
    assert SESSION_COOKIE not in browser.us.cookies
    left = browser.them.get(answer.headers["location"])
    assert left.headers["location"].startswith(f"{BASE}/auth/login")
    assert any(path.startswith("/o/logout/?") for path in company.provider.asked)
    browser.at_the_provider(browser.begin(), asked=True)


def test_signing_out_by_a_form_leads_to_the_provider_by_a_page(company: Company) -> None:
    """The content policy lets no form lead to another host."""
    browser = company.browser()
    browser.sign_in()
    token = re.search(r'name="form_token" value="([^"]+)"', browser.us.get("/auth/logout").text).group(1)
    page = browser.us.post("/auth/logout", data={"form_token": token})
    assert page.status_code == 200
    assert f'content="0; url={company.provider.issuer}/logout/?' in page.text


def test_somebody_with_a_password_is_not_sent_to_the_provider_for_signing_out(company: Company) -> None:
    client = company.web.make_client()
    token, _ = people.sign_in(company.web.context, "admin", "a long enough pass phrase")
    client.cookies.set(SESSION_COOKIE, token)
    answer = client.get("/auth/logout", headers={"sec-fetch-site": "same-origin"})
    assert answer.headers["location"] == "/auth/login"


def stale(company: Company, browser: Browser) -> Actor:
    """The session was confirmed long ago."""
    ctx = company.web.context
    actor = company.actor(browser)
    long_ago = ctx.clock.now().replace(year=2020)
    ctx.database.run(lambda session: session_store.confirm_session(session, actor.session, long_ago))
    return company.actor(browser)


def test_to_confirm_the_provider_asks_for_the_password_again(company: Company) -> None:
    browser = company.browser()
    browser.sign_in()
    before = stale(company, browser)
    back = browser.at_the_provider(browser.begin("/auth/openid/confirm"), asked=True)
    assert "it is you" in browser.us.get(back).text
    after = company.actor(browser)
    assert after.session == before.session
    assert after.confirmed_until > company.web.context.clock.now() > before.confirmed_until
    assert "person.confirmed" in company.audited()


def test_a_confirmation_without_a_fresh_sign_in_is_none(company: Company) -> None:
    browser = company.browser()
    browser.sign_in()
    before = stale(company, browser)
    for moment, words in ((1_600_000_000, "did not ask for your password"), (None, "does not tell when you signed in")):
        company.provider.spoil = changing(auth_time=moment)
        answer = browser.sign_in(path="/auth/openid/confirm")
        assert answer.status_code == 403
        assert words in told(answer)
    assert company.actor(browser).confirmed_until == before.confirmed_until


def test_where_the_provider_tells_no_time_an_administrator_may_take_a_fresh_answer_for_a_confirmation(
    company: Company,
) -> None:
    """As Entra ID without its optional claim. The default stays strict; and a time that is told counts in any case."""
    known = company.known
    browser = company.browser()
    browser.sign_in()
    stale(company, browser)
    people.save_openid(
        company.web.context, SYSTEM, issuer=company.provider.issuer, client_id=known.id, client_secret=None,
        confirm_without_time=True,
    )  # fmt: skip
    company.provider.spoil = changing(auth_time=1_600_000_000)
    assert "did not ask for your password" in told(browser.sign_in(path="/auth/openid/confirm"))
    company.provider.spoil = lambda header, claims: (
        claims.update(iat=claims["iat"] - 120) or (claims.pop("auth_time") and None)
    )
    assert "did not ask for your password" in told(browser.sign_in(path="/auth/openid/confirm")), "an old token"
    company.provider.spoil = changing(auth_time=None)
    assert (
        "it is you" in browser.us.get(browser.at_the_provider(browser.begin("/auth/openid/confirm"), asked=True)).text
    )
    assert company.actor(browser).confirmed_until > company.web.context.clock.now()


def test_who_is_let_in_without_a_question_has_not_shown_who_sits_there(company: Company) -> None:
    """The provider remembers people: who finds a browser open comes in with a click, and that confirms nothing."""
    for moment in (1_600_000_000, None, 10**30, "now"):
        company.provider.spoil = changing(auth_time=moment)
        browser = company.browser()
        assert browser.sign_in().status_code == 303
        with pytest.raises(ConfirmationNeeded):
            require_confirmed(company.web.context, company.actor(browser))
    company.provider.spoil = None
    browser = company.browser()
    browser.sign_in()
    require_confirmed(company.web.context, company.actor(browser))


def test_to_confirm_the_provider_is_asked_for_the_time_with_room_for_a_second_factor(company: Company) -> None:
    browser = company.browser()
    browser.sign_in()
    asked = parse_qs(urlsplit(browser.begin("/auth/openid/confirm")).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["300"])
    assert "prompt" not in parse_qs(urlsplit(browser.begin()).query)


def test_nobody_confirms_for_somebody_else(company: Company) -> None:
    company.provider.tell("piet", ["msp-desk"])
    browser = company.browser()
    browser.sign_in()
    before = stale(company, browser)
    browser.them = httpx.Client(follow_redirects=False)
    assert "another company account" in told(browser.sign_in("piet", "/auth/openid/confirm"))
    back = browser.at_the_provider(browser.begin("/auth/openid/confirm"))
    browser.us.cookies.delete(SESSION_COOKIE)
    assert "has ended" in told(browser.us.get(back))
    assert people.list_sessions(company.web.context, SYSTEM, everybody=True)[0].person == "sanne"
    assert before.confirmed_until < company.web.context.clock.now()


def test_to_confirm_one_has_to_be_signed_in(company: Company) -> None:
    assert company.web.make_client().get("/auth/openid/confirm").headers["location"] == "/auth/login"


# A provider that is not there, or is another one.


def test_a_provider_that_does_not_answer_is_told_and_passwords_go_on_working(company: Company) -> None:
    ctx = company.web.context
    people.save_openid(ctx, SYSTEM, issuer="http://127.0.0.1:9/", client_id="us", client_secret="secret of ours")
    answer = company.web.make_client().get("/auth/openid")
    assert answer.status_code == 403
    assert "no connection to 127.0.0.1" in told(answer)
    assert 'name="password"' in answer.text


def test_a_provider_that_is_away_is_not_asked_for_everybody_who_tries(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    real = openid_provider._document
    monkeypatch.setattr(openid_provider, "_document", lambda http, url: (asked.append(url), real(http, url))[1])
    monkeypatch.setattr(openid_provider, "AWAY_FOR_SECONDS", 3600.0)
    people.save_openid(company.web.context, SYSTEM, issuer="http://127.0.0.1:9", client_id="us", client_secret="x")
    client = company.web.make_client()
    assert {told(client.get("/auth/openid")) for _ in range(5)} == {told(client.get("/auth/openid"))}
    assert len(asked) == 1


def test_a_provider_that_calls_itself_otherwise_is_refused(company: Company) -> None:
    issuer = company.provider.issuer.replace("127.0.0.1", "localhost")
    people.save_openid(company.web.context, SYSTEM, issuer=f"{issuer}/", client_id="us", client_secret=None)
    assert told(company.web.make_client().get("/auth/openid"))


def test_a_wrong_client_secret_is_told_to_be_that(company: Company) -> None:
    known = company.known
    people.save_openid(
        company.web.context, SYSTEM, issuer=company.provider.issuer, client_id=known.id, client_secret="not the secret"
    )
    answer = company.browser().sign_in()
    assert "client and secret" in told(answer)
    assert "not the secret" not in answer.text


def test_the_company_account_is_offered_only_where_it_is_set_up(company: Company) -> None:
    client = company.web.make_client()
    assert 'href="/auth/openid?next=/changes"' in client.get("/auth/login?next=/changes").text
    assert people.remove_openid(company.web.context, SYSTEM)
    assert not people.remove_openid(company.web.context, SYSTEM)
    assert "/auth/openid" not in client.get("/auth/login").text
    assert "not set up" in told(client.get("/auth/openid"))


def test_nothing_secret_of_the_company_account_is_left_in_the_clear(company: Company) -> None:
    browser = company.browser()
    browser.sign_in()
    ctx = company.web.context
    ctx.database.engine.dispose()
    kept = b"".join(path.read_bytes() for path in ctx.home.rglob("*") if path.is_file() and path.name != "secret.key")
    token = browser.us.cookies[SESSION_COOKIE]
    assert not any(secret.encode() in kept for secret in (company.known.secret, token, WORD))
    assert b"eyJ0eXAi" not in kept, "no ID token either"
