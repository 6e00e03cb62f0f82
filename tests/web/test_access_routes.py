"""The table of roles (`tests/roles.py`): every route and every page, for who is signed in nowhere and for each role."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.routing import Route

from core.services import people
from core.services.access import SYSTEM, Role
from core.web import routes
from core.web.address import SESSION_COOKIE
from tests import roles

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a long enough pass phrase"
PLAIN = {"/hooks/{portal-token}": "/hooks/{token}"}


def served(web) -> set[str]:
    """`METHOD /path` of each of our own routes."""
    known = [route for route in routes.routes(lambda: web.context) if isinstance(route, Route)]
    return {
        f"{method} {route.path}" for route in known for method in (route.methods or ()) if method != "HEAD"
    }  # fmt: skip


@pytest.fixture
def browsers(web_with_admin) -> SimpleNamespace:
    """One for each role, and one without a session."""
    made = {"": web_with_admin.make_client()}
    for role in Role:
        people.add_person(web_with_admin.context, SYSTEM, f"somebody {role}", PASSWORD, role)
        made[role.value] = web_with_admin.make_client()
        token, _ = people.sign_in(web_with_admin.context, f"somebody {role}", PASSWORD)
        made[role.value].cookies.set(SESSION_COOKIE, token)
    return SimpleNamespace(web=web_with_admin, **{name or "nobody": client for name, client in made.items()})


def test_every_route_stands_in_the_table(web_with_admin) -> None:
    assert served(web_with_admin) == set(roles.ROUTES)


def test_a_route_for_sessions_gives_nobody_else_anything(browsers: SimpleNamespace) -> None:
    for route in (name for name, (who, _) in roles.ROUTES.items() if who == roles.SESSION):
        method, path = route.split(" ")
        answer = browsers.nobody.request(method, path)
        assert answer.status_code in (303, 403), route
        assert answer.headers.get("location", "/auth/login") == "/auth/login", route
        assert SESSION_COOKIE not in answer.headers.get("set-cookie", ""), route


def test_a_route_for_anyone_gives_no_session_and_no_name_away(browsers: SimpleNamespace) -> None:
    for route in (name for name, (who, _) in roles.ROUTES.items() if who == roles.ANYONE):
        method, path = route.split(" ")
        answer = browsers.nobody.request(method, path.replace("{token}", "guessed"))
        assert SESSION_COOKIE not in answer.headers.get("set-cookie", ""), route
        assert "somebody" not in answer.text, route
        assert answer.status_code in (200, 303, 403, 404, 503), route


def test_a_vendors_answer_is_for_operators_who_began_it(browsers: SimpleNamespace) -> None:
    for browser in (browsers.viewer, browsers.operator):
        assert browser.get("/auth/vendor?state=guessed&code=x").status_code == 403


def test_every_page_stands_in_the_table() -> None:
    assert {path.stem for path in (ROOT / "pages").glob("*.py")} == set(roles.PAGES)


def test_no_page_opens_without_a_session_and_each_opens_with_one(browsers: SimpleNamespace) -> None:
    """What a page then shows is the page's own business: `tests/pages/test_access_pages.py`."""
    for page in roles.PAGES:
        answer = browsers.nobody.get(f"/{page}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/auth/login?next=/{page}")
        assert browsers.viewer.get(f"/{page}").status_code == 200
