"""The Portals page of a webhook: connected, its address told once, deliveries shown and worked on again, events tried."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from core.domain.hook_settings import WebhookSettings
from core.domain.hooks import Delivered
from core.services import portals, webhook_processing, webhooks
from core.services import webhook_receiving as receiving
from core.services.access import SYSTEM

from .conftest import Pages, Workspace, all_words, say, table_with

URL_ONLY = {"verification": {"scheme": "url_only"}}


@pytest.fixture
def hooked(pages_of: Callable[[Workspace], Pages], empty_workspace: Workspace) -> Pages:
    pages = pages_of(empty_workspace)
    portals.create_portal(pages.context, SYSTEM, "Sender", "webhook", settings=URL_ONLY, secrets={})
    webhooks.make_address(pages.context, SYSTEM, "Sender")
    return pages


def deliver(pages: Pages, document: object) -> None:
    ctx = pages.context
    hook = receiving.Hook(1, "Sender", WebhookSettings.model_validate(URL_ONLY))
    headers = {"content-type": "application/json"}
    one = receiving.prepare(ctx, hook, Delivered("POST", "/", headers, json.dumps(document).encode(), "10.0.0.9"))
    receiving.keep_all(ctx, [one])
    webhook_processing.process_waiting(ctx)


def test_s1_58_a_webhook_is_connected_and_its_address_is_shown_once(empty: Pages) -> None:
    screen = empty.open("portals", step="connect", connector="webhook")
    screen.button(key="connect_webhook_make").click().run()
    screen.button(key="connect_webhook_save").click().run()
    assert not screen.exception
    card = webhooks.hook_card(empty.context, SYSTEM, "Webhook")
    assert (card.has_address, card.secret_set) == (True, True)
    shown = next(str(code.value) for code in screen.code if "/hooks/" in str(code.value))
    assert receiving.hook_of(empty.context, shown.rpartition("/")[2]) is not None
    later = empty.open("portals", portal="Webhook")
    assert not [code for code in later.code if "/hooks/" in str(code.value)]


def test_deliveries_are_shown_and_worked_on_again(hooked: Pages) -> None:
    products = [{"sku": "A", "quantity": 3}, {"sku": "B", "quantity": "many"}]
    deliver(hooked, {"customers": [{"id": "De Halm", "products": products}]})
    screen = hooked.open("portals", portal="Sender", language="nl")
    frame = table_with(screen, "from")
    assert (frame["from"][0], list(frame["state"][0])) == ("10.0.0.9", [say("Partly used", "nl")])
    assert "many" in all_words(screen)
    screen.button(key="seen_1").click().run()
    screen.button(key="replay_1").click().run()
    assert not screen.exception
    rows = webhooks.deliveries(hooked.context, SYSTEM, "Sender")
    assert [(row.state, row.replay_of) for row in rows] == [("waiting", 1), ("partly", None)]


def test_a_viewer_sees_results_and_no_bodies(hooked: Pages) -> None:
    deliver(hooked, {"customers": [{"id": "De Halm", "products": [{"sku": "A", "quantity": 3}]}]})
    screen = hooked.open("portals", portal="Sender", role="viewer")
    assert not screen.exception
    assert len(table_with(screen, "from")) == 1
    keys = {button.key for button in screen.button}
    assert not keys & {"replay_1", "hook_rotate", "hook_switch", "hook_save"}
    assert not screen.toggle


def test_an_event_of_another_layout_is_mapped(hooked: Pages) -> None:
    screen = hooked.open("portals", portal="Sender")
    body = json.dumps({"items": [{"customer": "De Halm", "product": "Pro", "quantity": 12}]})
    screen.text_area(key="map_Sender_text").input(body).run()
    screen.toggle(key="map_Sender_own").set_value(True).run()
    assert not screen.exception
    assert table_with(screen, "place")["count"].tolist() == ["12"]
    screen.button(key="map_Sender_save").click().run()
    mapping = webhooks.hook_card(hooked.context, SYSTEM, "Sender").settings.mapping
    assert mapping is not None
    assert mapping.quantity is not None
    assert mapping.quantity.path == "quantity"
