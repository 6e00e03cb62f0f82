"""The parts of the mapper on the page: request, tree, table, fields, rules, preview, saving and changing (S1-57, S1-84)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from streamlit.testing.v1 import AppTest

from core.services import network, portals, rest_mapping
from core.services.access import SYSTEM
from tests.connectors.fakes import Server, serving
from tests.pages.conftest import Pages, Workspace, all_words, say, table_with

TENANTS = {
    "total": 3,
    "tenants": [
        {"ref": "1", "titel": "De Halm", "things": [{"art": "BP", "n": 25}, {"art": "EDR", "n": "many"}]},
        {"ref": "2", "titel": "Smit", "things": []},
        {"ref": "3", "titel": "Café Noir", "things": [{"art": "BP", "n": 7}], "addons": {"BACKUP": {"n": 2}, "MAIL": {"n": 4}}},
    ],
}


async def tenants(request: Request) -> JSONResponse:
    known = request.headers.get("authorization") == "Bearer open sesame"
    return JSONResponse(TENANTS if known else {"error": "who?"}, status_code=200 if known else 401)


async def long_list(_request: Request) -> JSONResponse:
    items = [{"customerId": i, "customerName": f"C{i}", "sku": "A", "quantity": i, "deep": {f"f{j}": j for j in range(120)}}
             for i in range(1500)]  # fmt: skip
    return JSONResponse({"data": items, "next": "/v1/long?page=2"})


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    routes = [
        Route("/v1/tenants", tenants),
        Route("/v1/long", long_list),
        Route("/v1/empty", lambda _request: JSONResponse({"tenants": []})),
        Route("/v1/page", lambda _request: PlainTextResponse("<html><title>Log in</title></html>", media_type="text/html")),
    ]
    with serving(Starlette(routes=routes)) as running:
        yield running


@pytest.fixture
def own(pages_of: Callable[[Workspace], Pages], empty_workspace: Workspace) -> Pages:
    pages = pages_of(empty_workspace)
    network.set_allowed_hosts(pages.context, SYSTEM, ["127.0.0.1"])
    return pages


def asked(pages: Pages, url: str, *, token: str = "", language: str = "en") -> AppTest:
    screen = pages.open("portals", step="connect", connector="rest", language=language)
    key = "endpoint_1"
    screen.text_input(key=f"{key}_url").input(url)
    screen.checkbox(key=f"{key}_internal").set_value(True)
    screen.run()
    if token:
        screen.selectbox(key=f"{key}_auth").set_value("bearer").run()
        screen.text_input(key=f"{key}_secret_token").input(token).run()
    screen.button(key=f"{key}_fetch").click().run()
    assert not screen.exception
    return screen


def node(screen: AppTest, path: str) -> int:
    """The place of a node of the tree by its path."""
    tree = screen.session_state["_mapping_draft"].sample.tree
    return next(index for index, one in enumerate(tree) if one.path == path)


def click(screen: AppTest, path: str) -> None:
    screen.button(key=f"endpoint_1_node_{node(screen, path)}").click().run()
    assert not screen.exception


def test_s1_57_clicks_in_a_nested_answer_make_lines(own: Pages, server: Server) -> None:
    screen = asked(own, f"{server.url}/v1/tenants", token="open sesame")
    for path in ("tenants[*].things", "tenants[*].titel", "tenants[*].things[*].art", "tenants[*].things[*].n"):
        click(screen, path)
    frame = table_with(screen, "place")
    assert list(zip(frame["customer"], frame["product"], frame["count"], strict=True)) == [("Café Noir", "BP", "7")]
    words = all_words(screen)
    assert say("This is not a number.") in words.replace("\\", "")
    screen.button(key="endpoint_1_save").click().run()
    assert not screen.exception
    stored = portals.portal_detail(own.context, SYSTEM, "127.0.0.1")
    assert stored.settings["mapping"] == {
        "records": "tenants[*]", "expand": [{"path": "things[*]"}], "customer": "parent.titel", "product": "art", "quantity": "n",
    }  # fmt: skip
    assert (stored.schedule, stored.secrets_set) == ({"every": "day", "at": "02:00"}, frozenset({"token"}))
