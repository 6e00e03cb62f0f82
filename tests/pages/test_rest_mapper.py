"""The parts of the mapper on the page: request, tree, table, fields, rules, preview, saving and changing (S1-57, S1-84)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from streamlit.testing.v1 import AppTest

from connectors._kit import registry
from core.notify.smtp import SmtpSettings
from core.notify.teams import TeamsSettings
from core.services import network, people, portals, rest_mapping, rest_sign_in
from core.services.access import SYSTEM
from core.services.forms import form_of, forms_inside
from core.services.rest_forms import PARTS
from pages._ui import choice_words
from tests.connectors.fakes import Server, serving
from tests.pages.conftest import Pages, Workspace, all_words, say, table_with

TENANTS = {
    "total": 3,
    "tenants": [
        {"ref": "1", "titel": "De Halm", "things": [{"art": "BP", "n": 25}, {"art": "EDR", "n": "many"}]},
        {"ref": "2", "titel": "Smit", "things": []},
        {
            "ref": "3",
            "titel": "Café Noir",
            "things": [{"art": "BP", "n": 7}],
            "addons": {"BACKUP": {"n": 2}, "MAIL": {"n": 4}},
        },
    ],
}


TOKENS = {"access_token": "open sesame", "refresh_token": "rt-12345", "expires_in": 3600}


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
        Route("/token", lambda _request: JSONResponse(TOKENS), methods=["POST"]),
        Route("/v1/empty", lambda _request: JSONResponse({"tenants": []})),
        Route(
            "/v1/page", lambda _request: PlainTextResponse("<html><title>Log in</title></html>", media_type="text/html")
        ),
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
        screen.text_input(key=f"{key}_secret_token").input(token)
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
    stored = portals.portal_detail(own.context, SYSTEM, "Tenants")
    assert stored.settings["mapping"] == {
        "records": "tenants[*]", "expand": [{"path": "things[*]"}], "customer": "parent.titel", "product": "art", "quantity": "n",
    }  # fmt: skip
    assert (stored.schedule, stored.secrets_set) == ({"every": "day"}, frozenset({"token"}))


def test_s1_57_what_is_chosen_can_be_changed_and_counted(own: Pages, server: Server) -> None:
    screen = asked(own, f"{server.url}/v1/tenants", token="open sesame")
    draft = screen.session_state["_mapping_draft"]
    click(screen, "tenants[*].addons")
    assert draft.place == ("tenants[*]", ("addons.*",))
    screen.button(key="endpoint_1_pick_customer").click().run()
    click(screen, "tenants[*].titel")
    screen.button(key="endpoint_1_pick_product").click().run()
    click(screen, "tenants[*].addons.BACKUP")
    assert (draft.path("customer"), draft.path("product")) == ("parent.titel", "key")
    screen.checkbox(key="endpoint_1_count").set_value(True).run()
    assert table_with(screen, "place")["product"].tolist() == ["BACKUP", "MAIL"]
    lost = "The list {path} is missing. Where it may be left out, say so under Filters and totals."
    assert say(lost, path="addons.*") in all_words(screen).replace("\\", "")
    screen.checkbox(key="endpoint_1_lacks").set_value(True).run()
    assert draft.may_lack
    assert say(lost, path="addons.*") not in all_words(screen).replace("\\", "")
    screen.text_input(key="endpoint_1_value_product_constant").input("Add-on").run()
    frame = table_with(screen, "place")
    assert (frame["product"].tolist(), frame["count"].tolist()) == (["Add-on", "Add-on"], ["1", "1"])
    screen.button(key="endpoint_1_filter_add").click().run()
    click(screen, "tenants[*].addons.MAIL.n")
    screen.text_input(key="endpoint_1_filter_0_values").input("4").run()
    assert (draft.filters[0]["path"], len(table_with(screen, "place"))) == ("n", 1)
    screen.text_input(key="endpoint_1_path_customer").input("parent.[").run()
    assert not screen.exception
    assert "parent" in all_words(screen)


def test_s1_57_a_long_answer_keeps_its_paths_and_proposes_its_pages(own: Pages, server: Server) -> None:
    screen = asked(own, f"{server.url}/v1/long", language="nl")
    draft = screen.session_state["_mapping_draft"]
    assert "data[*].deep" in draft.closed
    assert len([one for one in screen.button if str(one.key).startswith("endpoint_1_node_")]) < 20
    screen.text_input(key="endpoint_1_find").input("f119").run()
    assert screen.button(key=f"endpoint_1_node_{node(screen, 'data[*].deep.f119')}").label.count("119")
    shown = say("The first {shown} of {total} lines are shown.", "nl", shown=500, total=1500)
    assert shown in [str(caption.value) for caption in screen.caption]
    screen.button(key="endpoint_1_use_pages").click().run()
    assert screen.selectbox(key="endpoint_1_paging_1").value == "next_url"
    assert not screen.exception


@pytest.mark.parametrize(
    ("path", "words"),
    [("empty", "This answer holds no list of records."), ("page", "Log in"), ("gone", "does not know")],
)
def test_s1_57_answers_that_cannot_be_mapped_are_explained(own: Pages, server: Server, path: str, words: str) -> None:
    screen = asked(own, f"{server.url}/v1/{path}")
    assert words in all_words(screen).replace("\\", "")


def test_s1_84_an_endpoint_is_changed_without_losing_anything_and_exported(own: Pages, server: Server) -> None:
    settings = {
        "url": f"{server.url}/v1/tenants", "auth": {"kind": "bearer"}, "network": {"internal": True}, "query": {"a": ["1", "2"]},
        "rules": [{"status": [404], "action": "ignore"}], "limits": {"at_once": 4},
        "mapping": {"records": "tenants", "expand": [{"path": "things", "on_empty": "parent"}], "customer": "parent.titel",
                    "product": {"path": "art", "value_map": {"BP": "Business Premium"}}, "quantity": "n",
                    "filters": [{"path": "art", "op": "exists"}], "rounding": "up"},
    }  # fmt: skip
    context = own.context
    portals.create_portal(context, SYSTEM, "Shop", "rest", settings=settings, secrets={"token": "open sesame"})
    before = portals.portal_detail(context, SYSTEM, "Shop").settings
    screen = own.open("portals", portal="Shop")
    assert screen.button(key="change_endpoint")
    assert "open sesame" not in all_words(screen)
    screen = own.open("portals", step="endpoint", portal="Shop")
    screen.button(key="endpoint_1_fetch").click().run()
    assert not screen.exception
    screen.button(key="endpoint_1_save").click().run()
    assert not screen.exception
    assert portals.portal_detail(context, SYSTEM, "Shop").settings == before
    exported = rest_mapping.export_declaration(context, SYSTEM, "Shop")
    assert "open sesame" not in exported
    assert "${SHOP_TOKEN}" in exported


def test_a_viewer_maps_nothing(own: Pages) -> None:
    portals.create_portal(
        own.context, SYSTEM, "Shop", "rest", settings={"url": "https://shop.example.com/v1"}, secrets={}
    )
    for query in ({"portal": "Shop"}, {"portal": "Shop", "step": "endpoint"}):
        screen = own.open("portals", role="viewer", **query)
        assert not screen.exception
        assert "change_endpoint" not in {button.key for button in screen.button}
        assert not [one for one in screen.text_input if str(one.key).startswith("endpoint_")]


def test_hosts_of_ones_own_network_are_opened_by_an_administrator(own: Pages) -> None:
    screen = own.open("settings", settings_view="workspace")
    screen.text_area(key="hosts").input("10.0.0.5:8443\nintern.example")
    next(one for one in screen.button if one.key and "allowed_hosts" in one.key).click().run()
    assert not screen.exception
    assert network.list_allowed_hosts(own.context, SYSTEM) == ("10.0.0.5:8443", "intern.example")


def test_s1_84_nothing_is_lost_on_the_way_to_another_page(own: Pages, server: Server) -> None:
    screen = asked(own, f"{server.url}/v1/tenants", token="open sesame")
    click(screen, "tenants[*].things")
    screen.switch_page("pages/customers.py").run()
    screen.switch_page("pages/portals.py")
    screen.query_params["step"], screen.query_params["connector"] = "connect", "rest"
    screen.run()
    assert not screen.exception
    assert screen.text_input(key="endpoint_2_url").value == f"{server.url}/v1/tenants"
    assert screen.text_input(key="endpoint_2_records").value == "tenants[*]"


def test_a_person_signs_in_at_the_vendor_and_the_form_goes_on(own: Pages, server: Server) -> None:
    """The way back comes in another tab; the form finds by itself what it gave, and keeps it with the portal."""
    screen = own.open("portals", step="connect", connector="rest", language="nl")
    key = "endpoint_1"
    screen.text_input(key=f"{key}_url").input(f"{server.url}/v1/tenants")
    screen.checkbox(key=f"{key}_internal").set_value(True)
    screen.checkbox(key=f"{key}_certificate").set_value(True).run()
    assert screen.text_input(key=f"{key}_secret_client_key")
    screen.checkbox(key=f"{key}_certificate").set_value(False).run()
    screen.selectbox(key=f"{key}_auth").set_value("authorization_code").run()
    for name, value in {
        "authorize_url": "https://login.example.com/authorize", "token_url": f"{server.url}/token", "client_id": "me",
    }.items():  # fmt: skip
        screen.text_input(key=f"{key}_authorization_code_{name}").input(value)
    screen.run()
    assert any("/auth/vendor" in code.value for code in screen.code)
    assert say("Nobody has signed in at the vendor yet.", "nl") in all_words(screen)
    screen.button(key=f"{key}_vendor").click().run()
    assert not screen.exception
    link = str(screen.get("link_button")[0].proto.url)
    assert link.startswith("https://login.example.com/authorize?")

    token = own.tokens["admin", "nl"]
    actor = people.actor_of_token(own.context, token)
    assert actor is not None
    state = parse_qs(urlsplit(link).query)["state"][0]
    rest_sign_in.finish(own.context, actor, token, {"state": state, "code": "abc"})
    screen.run()
    assert not screen.exception
    assert say("A sign-in at the vendor is kept.", "nl") in all_words(screen)
    screen.button(key=f"{key}_fetch").click().run()
    click(screen, "tenants[*].things")
    for path in ("tenants[*].titel", "tenants[*].things[*].art", "tenants[*].things[*].n"):
        click(screen, path)
    screen.button(key=f"{key}_save").click().run()
    assert not screen.exception
    assert portals.portal_detail(own.context, SYSTEM, "Tenants").secrets_set == {"refresh_token"}

    stored = own.open("portals", portal="Tenants", language="nl")
    assert say("A sign-in at the vendor is kept.", "nl") in all_words(stored)
    stored.button(key="vendor_sign_in").click().run()
    assert not stored.exception
    assert stored.get("link_button")


def test_choices_are_named_in_words(empty: Pages) -> None:
    """No choice of any connector's form is left as it stands in the settings file, unless it is a name by itself."""
    rest_parts = registry.Registry().get("rest").settings
    fields = [field for connector in registry.Registry().all() for field in form_of(connector.settings)]
    fields += [field for name in PARTS for form in forms_inside(rest_parts, name).values() for field in form]
    fields += [field for form in forms_inside(rest_parts, "auth").values() for field in form if field.name != "kind"]
    fields += [field for model in (SmtpSettings, TeamsSettings) for field in form_of(model)]
    bare = {
        f"{field.name}: {value}"
        for field in fields
        if field.kind == "choice" and field.name != "kind"
        for value, words in choice_words.of(field).items()
        if words == value and value not in choice_words.UNCHANGED
    }
    assert bare == set()
    take = next(field for field in form_of(registry.Registry().get("sftp").settings) if field.name == "take")
    assert choice_words.explained(take).startswith("The newest: of several")
