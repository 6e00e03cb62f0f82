"""Connecting an endpoint and mapping a webhook by clicking in an example, in a real browser against real servers (S1-57, S1-58)."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator, Sequence

import pytest
from playwright.sync_api import Locator, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from core.domain.text import T
from core.i18n import translate
from tests.connectors.fakes import Server, serving
from tests.e2e.journey import Journey, first_administrator

pytestmark = pytest.mark.browser

ANSWER = {
    "meta": {"total": 3},
    "tenants": [
        {
            "ref": "00123",
            "titel": "De Halm",
            "things": [{"art": "BP", "n": "25", "state": "on"}, {"art": "EDR", "n": 3, "state": "off"}],
        },
        {"ref": "124", "titel": "Smit", "things": []},
        {"ref": "125", "titel": "Café Noir", "things": [{"art": "BP", "n": 7, "state": "on"}]},
    ],
}
"""Names that no suggestion knows: only clicks can map this."""
EVENT = {"kind": "seats", "rows": [{"who": "De Halm", "what": "Pro", "how_many": 12}]}


async def answer(request: Request) -> JSONResponse:
    if request.headers.get("x-key") != "open sesame":
        return JSONResponse({"error": "no access"}, status_code=401)
    return JSONResponse(ANSWER)


@pytest.fixture
def endpoint() -> Iterator[Server]:
    with serving(Starlette(routes=[Route("/v1/tenants", answer)])) as server:
        yield server


class Mapper(Journey):
    """The same hands, clicking in an answer."""

    def click_node(self, name: str, nth: int = 0) -> None:
        tree = self.page.locator("[class*=_tree]")
        tree.get_by_role("button", name=re.compile(rf"(^|\s){name}(\s|$)")).nth(nth).click()
        self.settle()

    def expect_part(self, label: str, path: str) -> None:
        expect(self.page.get_by_label(self.say(label), exact=True).first).to_have_value(path)

    def map_by_clicks(self, names: Sequence[str], paths: Sequence[str]) -> None:
        """Customer, product and quantity, one after the other, each a click on the node of this name."""
        for label, name, path in zip(("Customer", "Product", "Quantity"), names, paths, strict=True):
            self.click_node(name)
            self.expect_part(label, path)

    def enter(self, field: Locator, text: str) -> None:
        field.fill(text)
        self.page.keyboard.press("Tab")
        self.settle()

    def export(self) -> str:
        """The declaration of the portal that is shown, as it comes to the disk."""
        self.page.get_by_role("tab", name=self.say("Connection"), exact=True).click()
        self.settle()
        with self.page.expect_download() as waiting:
            self.page.get_by_role("button", name=self.say("Export"), exact=True).click()
        return waiting.value.path().read_text(encoding="utf-8")

    def pick(self, part: str) -> None:
        self.page.locator(f"[class*=_pick_{part}] button").click()
        self.settle()

    def select(self, label: str, option: str) -> None:
        self.page.get_by_role("combobox", name=self.say(label)).first.click()
        self.page.get_by_role("option", name=self.say(option), exact=True).click()
        self.settle()

    def expect_number(self, label: str, value: str) -> None:
        metric = self.page.get_by_test_id("stMetric").filter(has=self.page.get_by_text(self.say(label), exact=True))
        expect(metric.last.get_by_test_id("stMetricValue")).to_have_text(value)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("language", "screen"), [("en", "en"), ("nl", "nl")], indirect=["screen"])
def test_s1_57_a_nested_answer_is_mapped_by_clicking(language, screen, product, endpoint: Server) -> None:
    journey = Mapper(screen.page, product.url, language)
    page = journey.page
    first_administrator(journey)
    open_the_host(journey, endpoint)
    ask(journey, endpoint)
    journey.click_node("things")
    journey.expect_part("Records", "tenants[*]")
    journey.map_by_clicks(("titel", "art", "n"), ("parent.titel", "art", "n"))
    journey.expect_number("Lines", "3")
    journey.expect_number("Pending", "3")
    journey.pick("customer_id")
    journey.click_node("ref")
    journey.expect_part("Customer number", "parent.ref")
    expect(page.get_by_text("00123 · 125")).to_be_visible()
    journey.no_sideways_scrolling()
    journey.enter(page.get_by_label(journey.say("Name"), exact=True), "Own shop")
    page.locator("[class*=_save] button").click()
    expect(journey.heading()).to_have_text("Own shop")
    lines = page.get_by_test_id("stMetric").filter(has=page.get_by_text(journey.say("Lines"), exact=True)).first
    expect(lines.get_by_test_id("stMetricValue")).to_have_text("3")
    exported = journey.export()
    assert "things[*]" in exported
    assert "open sesame" not in exported
    page.goto(f"{journey.url}/portals?step=connect&connector=rest")
    journey.press_like("Begin with a file")
    page.locator("input[type=file]").set_input_files(
        {"name": "shop.yaml", "mimeType": "application/yaml", "buffer": exported.encode()}
    )
    # While the form is drawn anew, the old one is there too.
    filled = page.locator(f'[value="{endpoint.url}/v1/tenants"]')
    expect(page.get_by_label(journey.say("Address"), exact=True).and_(filled)).to_be_visible()
    assert not screen.problems, "\n".join(screen.problems)
    assert "Traceback" not in product.log()
    assert "open sesame" not in product.log()


def open_the_host(journey: Mapper, endpoint: Server) -> None:
    journey.go("Settings")
    journey.choose_view("Workspace and back-up")
    box = journey.page.get_by_label(journey.say("One on each line: server.example.com or 10.0.0.5:8443."))
    box.fill(endpoint.url.partition("://")[2])
    journey.page.get_by_test_id("stForm").filter(has=box).get_by_role(
        "button", name=journey.say("Save"), exact=True
    ).click()
    journey.settle()


def ask(journey: Mapper, endpoint: Server) -> None:
    """The first try has no key and is refused in words; the second one answers."""
    page = journey.page
    page.goto(f"{journey.url}/portals?step=connect&connector=rest")
    journey.enter(page.get_by_label(journey.say("Address"), exact=True), f"{endpoint.url}/v1/tenants")
    page.get_by_text(journey.say("The address is in a network of your own")).click()
    journey.settle()
    journey.press("Fetch an example")
    expect(page.get_by_test_id("stAlertContentError")).to_contain_text("127.0.0.1")
    journey.select("Sign-in", "API key in a header, parameter or cookie")
    journey.enter(page.get_by_label(re.compile(rf"^{journey.say('Name')}")).first, "X-Key")
    journey.enter(page.get_by_label(journey.say("API key"), exact=True), "open sesame")
    journey.press("Fetch an example")
    expect(page.locator("[class*=_tree]").first).to_be_visible(timeout=15_000)


@pytest.mark.timeout(600)
def test_s1_58_an_event_of_another_layout_is_mapped_by_clicking(screen, product) -> None:
    journey = Mapper(screen.page, product.url, "en")
    page = journey.page
    first_administrator(journey)
    page.goto(f"{product.url}/portals?step=connect&connector=webhook")
    journey.select("How does the sender sign?", "Only the secret address")
    journey.press("Connect")
    expect(journey.heading()).to_have_text("Webhook")
    shown = page.get_by_test_id("stCode").filter(has_text="/hooks/").first.inner_text()
    path = "/hooks/" + shown.partition("/hooks/")[2].split()[0]
    deliver(product.url + path)
    page.reload()
    expect(journey.heading()).to_have_text("Webhook")
    journey.settle()
    page.get_by_role("tab", name="Events").click()
    journey.press("Take the last delivery")
    page.get_by_text(translate(T("The events have another layout than ours"), "en")).click()
    journey.settle()
    journey.click_node("rows")
    journey.expect_part("Records", "rows[*]")
    journey.map_by_clicks(("who", "what", "how_many"), ("who", "what", "how_many"))
    journey.expect_number("Lines", "1")
    page.locator("[class*=map_Webhook_save] button").click()
    expect(page.get_by_text(journey.say("The mapping is saved."))).to_be_visible()
    assert not screen.problems, "\n".join(screen.problems)
    assert "Traceback" not in product.log()


def deliver(url: str) -> None:
    asked = urllib.request.Request(url, json.dumps(EVENT).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(asked, timeout=60) as answered:
        assert answered.status == 202
