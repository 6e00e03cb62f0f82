"""Tries at the door, with real requests: whose wrong passwords keep whom waiting, and which address counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import httpx
import pytest
from starlette.applications import Starlette

from core.services import people
from core.services.access import SYSTEM, Role
from core.store import sign_in_tries
from core.web import routes, signin
from core.web.address import KNOWN_COOKIE, SESSION_COOKIE
from tests.connectors.fakes import serving

PASSWORD = "a long enough pass phrase"
HOUR = timedelta(hours=1)
STRANGER, HOME = "203.0.113.9", "198.51.100.7"


@pytest.fixture
def door(web_with_admin, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The product behind a proxy on this machine, as Streamlit starts it: uvicorn with its own trust in proxies."""
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    # The first waits last a second or two, which a busy machine may need for a single try.
    monkeypatch.setattr(sign_in_tries, "wait_after", lambda tries, now, free: now + HOUR if tries >= free else None)
    context = lambda: web_with_admin.context  # noqa: E731
    people.add_person(context(), SYSTEM, "otto", PASSWORD, Role.VIEWER)
    with serving(Starlette(routes=routes.routes(context), middleware=routes.middleware(context))) as server:
        yield server.url


def browser(address: str = "", source: str = "127.0.0.1") -> httpx.Client:
    """Somebody at an address, as the proxy tells it; `source` is where the connection itself comes from."""
    headers = {"x-forwarded-for": address} if address else {}
    return httpx.Client(transport=httpx.HTTPTransport(local_address=source), headers=headers, timeout=60)


def tries(client: httpx.Client, door: str, name: str, password: str = "not this one") -> str:
    """ "in", "wrong" or "wait"."""
    token = re.search(r'name="form_token" value="([^"]+)"', client.get(f"{door}/auth/login").text)
    assert token
    fields = {"form_token": token.group(1), "name": name, "password": password}
    answer = client.post(f"{door}/auth/login", data=fields)
    if answer.status_code == 303:
        return "in"
    return "wait" if "Too many wrong tries" in answer.text else "wrong"


def test_a_stranger_who_knows_a_name_locks_nobody_out(door: str) -> None:
    at_home = browser(HOME)
    assert tries(at_home, door, "otto", PASSWORD) == "in"
    known = [name for name in at_home.cookies if name.startswith(KNOWN_COOKIE)]
    assert len(known) == 1
    at_home.cookies.delete(SESSION_COOKIE)
    stranger = browser(STRANGER)
    assert [tries(stranger, door, "otto") for _ in range(4)] == ["wrong", "wrong", "wrong", "wait"]
    assert tries(stranger, door, "otto", PASSWORD) == "wait"
    assert tries(browser("198.51.100.8"), door, "otto", PASSWORD) == "in", "another address, a browser nobody knows"
    at_home.headers["x-forwarded-for"] = STRANGER
    assert tries(at_home, door, "otto", PASSWORD) == "in", "her own browser, even at the stranger's address"
    stranger.cookies.set(known[0], "1.k.made-up")
    assert tries(stranger, door, "otto", PASSWORD) == "wait"
    assert [tries(at_home, door, "admin") for _ in range(4)][-1] == "wait", "known for one name only"


def test_an_address_is_believed_from_the_proxy_alone(door: str) -> None:
    told = [tries(browser(f"10.9.8.{number}", source="127.0.0.2"), door, "otto") for number in range(4)]
    assert told == ["wrong", "wrong", "wrong", "wait"], "who is not the proxy has one address, whatever it says"
    forged = browser(f"198.51.100.200, {STRANGER}")
    assert [tries(forged, door, "otto") for _ in range(4)][-1] == "wait"
    assert tries(browser(STRANGER), door, "otto", PASSWORD) == "wait", "the last address is the one that the proxy saw"
    assert tries(browser("198.51.100.200"), door, "otto", PASSWORD) == "in"


def test_a_name_that_is_tried_from_everywhere_is_answered_later(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(signin, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr("core.services.signing_in.EVERYWHERE", 2)
    for number in range(4):
        tries(browser(f"203.0.113.{number}"), door, "otto")
    assert tries(browser(HOME), door, "otto", PASSWORD) == "in"
    assert waited == [0.0, 0.0, 1.0, 2.0, 3.0]
