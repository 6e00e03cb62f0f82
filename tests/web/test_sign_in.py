"""Signing in, out, and the first start, over HTTP."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from core.services import people
from core.services.access import SYSTEM, Role
from core.store import sign_in_tries
from core.web.address import SESSION_COOKIE, local_path

PASSWORD = "a long enough pass phrase"


def form_token(html: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', html)
    assert found
    return found.group(1)


def post(client: TestClient, path: str, **fields: str):
    token = form_token(client.get(path).text)
    return client.post(path, data={"form_token": token, **fields})


def test_first_start_asks_for_the_first_administrator(web) -> None:
    client = web.make_client()
    assert client.get("/auth/login").headers["location"] == "/auth/setup"
    answer = post(client, "/auth/setup", name="sanne", password=PASSWORD, repeat=PASSWORD)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    actor = people.actor_of_token(web.context, client.cookies[SESSION_COOKIE])
    assert actor is not None
    assert (actor.name, actor.role.value) == ("sanne", "admin")


def test_first_start_happens_once(web_with_admin) -> None:
    client = web_with_admin.make_client()
    assert client.get("/auth/setup").headers["location"] == "/auth/login"
    token = form_token(client.get("/auth/login").text)
    answer = client.post(
        "/auth/setup", data={"form_token": token, "name": "eve", "password": PASSWORD, "repeat": PASSWORD}
    )
    assert answer.headers["location"] == "/auth/login"
    assert SESSION_COOKIE not in client.cookies


def test_first_start_says_what_is_wrong_with_the_password(web) -> None:
    client = web.make_client()
    different = post(client, "/auth/setup", name="sanne", password=PASSWORD, repeat="something else")
    assert different.status_code == 403
    assert "not the same" in different.text
    assert 'value="sanne"' in different.text
    assert PASSWORD not in different.text
    short = post(client, "/auth/setup", name="sanne", password="short", repeat="short")
    assert short.status_code == 403
    assert 'role="alert"' in short.text
    assert people.needs_first_admin(web.context)


def test_first_start_keeps_the_language_of_the_page(web) -> None:
    client = web.make_client()
    assert "Welkom" in client.get("/auth/setup?lang=nl").text
    post(client, "/auth/setup", name="sanne", password=PASSWORD, repeat=PASSWORD)
    actor = people.actor_of_token(web.context, client.cookies[SESSION_COOKIE])
    assert actor is not None
    assert actor.language == "nl"


def test_signing_in_opens_the_page_that_was_asked_for(web_with_admin) -> None:
    client = web_with_admin.make_client()
    wanted = "/changes?changes_status=held"
    asked = client.get(wanted)
    assert asked.status_code == 303
    login = client.get(asked.headers["location"])
    assert login.status_code == 200
    answer = client.post(
        "/auth/login",
        data={"form_token": form_token(login.text), "name": "admin", "password": PASSWORD, "next": wanted},
    )
    assert answer.headers["location"] == wanted
    assert client.get(wanted).text == "the page /changes"


def test_who_signs_in_after_somebody_else_in_the_same_browser_ends_that_session(web_with_admin) -> None:
    """A page of the other one that is still open, in another tab, stops working."""
    client = web_with_admin.make_client()
    people.add_person(web_with_admin.context, SYSTEM, "otto", PASSWORD, Role.VIEWER)
    post(client, "/auth/login", name="otto", password=PASSWORD)
    before = client.cookies[SESSION_COOKIE]
    post(client, "/auth/login", name="admin", password=PASSWORD)
    assert people.actor_of_token(web_with_admin.context, before) is None
    assert people.actor_of_token(web_with_admin.context, client.cookies[SESSION_COOKIE]).name == "admin"


def test_the_session_cookie_cannot_be_read_by_scripts_and_is_secure_under_https(web_with_admin) -> None:
    plain = web_with_admin.make_client()
    cookie = post(plain, "/auth/login", name="admin", password=PASSWORD).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    behind_proxy = web_with_admin.make_client()
    behind_proxy.headers["x-forwarded-proto"] = "https"
    answer = behind_proxy.get("/auth/login")
    assert "Secure" in answer.headers["set-cookie"]
    over_tls = web_with_admin.make_client("https://testserver")
    assert "Secure" in post(over_tls, "/auth/login", name="admin", password=PASSWORD).headers["set-cookie"]


def test_a_wrong_password_and_an_unknown_name_are_told_alike(web_with_admin) -> None:
    client = web_with_admin.make_client()
    wrong = post(client, "/auth/login", name="admin", password="not this one")
    unknown = post(client, "/auth/login", name="nobody-here", password="not this one")
    alert = re.compile(r'<div class="problem" role="alert">(.*?)</div>')
    assert alert.search(wrong.text).group(1) == alert.search(unknown.text).group(1)
    assert SESSION_COOKIE not in client.cookies


def test_many_wrong_tries_are_slowed_down_and_that_is_shown_in_the_persons_language(
    web_with_admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first waits last a second or two, which a busy machine may need for a single try.
    monkeypatch.setattr(
        sign_in_tries, "wait_after", lambda tries, now, free: now + timedelta(minutes=1) if tries >= free else None
    )
    client = web_with_admin.make_client()
    client.get("/auth/login?lang=nl")
    for _ in range(8):
        answer = post(client, "/auth/login", name="admin", password="wrong again")
    assert "wacht" in answer.text.lower()
    right = post(client, "/auth/login", name="admin", password=PASSWORD)
    assert right.status_code == 403
    assert SESSION_COOKIE not in client.cookies


def test_a_form_of_another_site_is_refused(web_with_admin) -> None:
    client = web_with_admin.make_client()
    client.get("/auth/login")
    forged = client.post("/auth/login", data={"form_token": "guessed", "name": "admin", "password": PASSWORD})
    assert forged.status_code == 403
    assert SESSION_COOKIE not in client.cookies
    without_cookie = web_with_admin.make_client()
    assert without_cookie.post("/auth/login", data={"name": "admin", "password": PASSWORD}).status_code == 403


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a=1&" * 50, b"x" * 10_000])
def test_a_senseless_body_is_told_and_not_an_error_of_ours(web_with_admin, body: bytes) -> None:
    answer = web_with_admin.make_client().post("/auth/login", content=body)
    assert answer.status_code == 403
    assert 'role="alert"' in answer.text


def test_signing_out_ends_the_session_in_the_database(web_with_admin) -> None:
    client = web_with_admin.make_client()
    post(client, "/auth/login", name="admin", password=PASSWORD)
    token = client.cookies[SESSION_COOKIE]
    answer = client.get("/auth/logout", headers={"sec-fetch-site": "same-origin"})
    assert answer.headers["location"] == "/auth/login"
    assert people.actor_of_token(web_with_admin.context, token) is None
    assert client.get("/").headers["location"] == "/auth/login"


def test_a_link_from_elsewhere_does_not_sign_out(web_with_admin) -> None:
    client = web_with_admin.make_client()
    post(client, "/auth/login", name="admin", password=PASSWORD)
    asked = client.get("/auth/logout", headers={"sec-fetch-site": "cross-site"})
    assert asked.status_code == 200
    assert client.get("/").status_code == 200
    client.post("/auth/logout", data={"form_token": form_token(asked.text)})
    assert client.get("/").status_code == 303


def test_what_a_person_typed_is_escaped(web_with_admin) -> None:
    client = web_with_admin.make_client()
    answer = post(client, "/auth/login", name='"><script>alert(1)</script>', password="x", next='/"><script>')
    assert "<script>" not in answer.text


@pytest.mark.parametrize(("language", "words"), [("en", "Sign in"), ("nl", "Aanmelden")])
def test_s1_81_the_page_speaks_the_browsers_language(web_with_admin, language: str, words: str) -> None:
    client = web_with_admin.make_client()
    answer = client.get("/auth/login", headers={"accept-language": f"{language}-XX,fr;q=0.5"})
    assert f'<html lang="{language}">' in answer.text
    assert words in answer.text


@pytest.mark.parametrize(
    ("wish", "path"),
    [
        ("/changes?x=1", "/changes?x=1"),
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/auth/logout", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("", "/"),
    ],
)
def test_nobody_is_sent_to_another_site(wish: str, path: str) -> None:
    assert local_path(wish) == path
