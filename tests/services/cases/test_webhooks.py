"""Webhooks for people: address, secret, deliveries, replay, trying a body out; and when a sync follows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from core.domain.errors import AccessDenied, InputError, SettingsError
from core.domain.hooks import Delivered
from core.services import activity, overview, portals, webhook_processing, webhooks
from core.services import webhook_receiving as receiving
from core.services.context import Context
from core.services.paging import PageQuery
from core.store import history, runs, secrets

from .conftest import ADMIN, OPERATOR, VIEWER, StandingClock

SECRET = "example-shared-secret-0123456789"
URL_ONLY = {"verification": {"scheme": "url_only"}}
KEY = {"verification": {"scheme": "header", "header": "X-Key"}}


@pytest.fixture
def hooked(connected: Context) -> Context:
    portals.create_portal(connected, OPERATOR, "P", "webhook", settings=URL_ONLY, secrets={})
    webhooks.make_address(connected, OPERATOR, "P")
    return connected


def send(ctx: Context, *rows: tuple[str, str, object], portal: str = "P", **more: Any) -> int:
    """One event through the door; gives the number of its delivery."""
    products = [{"customer": customer, "sku": sku, "quantity": quantity} for customer, sku, quantity in rows]
    return post(ctx, products if rows else more, portal, more.get("message", ""))


def post(ctx: Context, document: object, portal: str = "P", message: str = "") -> int:
    with ctx.database.session() as session:
        found = portals.find(session, portal)
    hook = receiving.Hook(found.id, portal, webhooks.hook_card(ctx, ADMIN, portal).settings, (SECRET,))
    headers = {"content-type": "application/json", "x-key": SECRET, **({"webhook-id": message} if message else {})}
    prepared = receiving.prepare(ctx, hook, Delivered("POST", "/", headers, json.dumps(document).encode(), "127.0.0.1"))
    return receiving.keep_all(ctx, [prepared])[0].delivery


def quantities(ctx: Context) -> dict[tuple[str, str], int]:
    with ctx.database.session() as session:
        return {
            (one.customer_id, one.product_key): int(one.quantity) for one in history.as_of(session, ctx.clock.now())
        }


def queued(ctx: Context) -> list[tuple[str, tuple[str, ...], Mapping[str, Any], str]]:
    with ctx.database.session() as session:
        return [(run.kind, run.portals, run.options, run.started_by) for run in runs.unfinished(session)]


def test_an_address_is_told_once_and_rotated_on_demand(connected: Context) -> None:
    portals.create_portal(connected, OPERATOR, "P", "webhook", settings=KEY, secrets={"secret": SECRET})
    first = webhooks.make_address(connected, OPERATOR, "P")
    assert len(first.removeprefix("/hooks/")) >= 40
    with pytest.raises(InputError, match="has an address"):
        webhooks.make_address(connected, OPERATOR, "P")
    second = webhooks.make_address(connected, OPERATOR, "P", rotate=True)
    assert receiving.hook_of(connected, first.removeprefix("/hooks/")) is None
    found = receiving.hook_of(connected, second.removeprefix("/hooks/"))
    assert found is not None
    assert (found.portal, found.secrets) == ("P", (SECRET,))
    assert SECRET not in repr(found)
    card = webhooks.hook_card(connected, VIEWER, "P")
    assert (card.has_address, card.made_by, card.secret_set) == (True, "Otto", True)
    events = [entry.action for entry in activity.audit(connected, ADMIN, PageQuery()).rows]
    assert events.count("webhook.address_made") == events.count("webhook.address_rotated") == 1


def test_only_operators_make_addresses_and_see_bodies(hooked: Context) -> None:
    number = send(hooked, ("C", "A", 1))
    for act in (
        lambda: webhooks.make_address(hooked, VIEWER, "P", rotate=True),
        lambda: webhooks.rotate_secret(hooked, VIEWER, "P", SECRET, keep_days=1),
        lambda: webhooks.save_settings(hooked, VIEWER, "P", URL_ONLY),
        lambda: webhooks.switch(hooked, VIEWER, "P", on=False),
        lambda: webhooks.delivery_body(hooked, VIEWER, "P", number),
        lambda: webhooks.replay(hooked, VIEWER, "P", number),
        lambda: webhooks.mark_seen(hooked, VIEWER, "P", [number]),
        lambda: webhooks.try_body(hooked, VIEWER, "P", b"{}", "application/json"),
    ):
        with pytest.raises(AccessDenied):
            act()
    assert len(webhooks.deliveries(hooked, VIEWER, "P")) == 1
    assert webhooks.delivery_body(hooked, OPERATOR, "P", number)
    look = activity.audit(hooked, VIEWER, PageQuery(descending=True)).rows[0]
    assert (look.actor, look.action, look.subject) == (OPERATOR.name, "webhook.body_shown", f"P / {number}")


def test_a_secret_that_does_not_fit_the_way_of_signing_is_refused(hooked: Context) -> None:
    with pytest.raises(SettingsError, match="needs a secret"):
        webhooks.save_settings(hooked, OPERATOR, "P", {})
    with pytest.raises(SettingsError, match="Standard Webhooks"):
        webhooks.save_settings(hooked, OPERATOR, "P", {}, secret="not standard")
    webhooks.save_settings(hooked, OPERATOR, "P", {}, secret=webhooks.new_secret())
    assert webhooks.hook_card(hooked, OPERATOR, "P").secret_set
    with pytest.raises(InputError, match="at most"):
        webhooks.rotate_secret(hooked, OPERATOR, "P", webhooks.new_secret(), keep_days=31)


def test_the_secret_before_is_forgotten_when_its_rotation_ends(connected: Context, clock: StandingClock) -> None:
    portals.create_portal(connected, OPERATOR, "P", "webhook", settings=KEY, secrets={"secret": SECRET})
    token = webhooks.make_address(connected, OPERATOR, "P").removeprefix("/hooks/")
    webhooks.rotate_secret(connected, OPERATOR, "P", "another-secret", keep_days=1)
    both = receiving.hook_of(connected, token)
    clock.forward(days=1, seconds=1)
    one = receiving.hook_of(connected, token)
    assert both is not None
    assert one is not None
    assert (both.secrets, one.secrets) == (("another-secret", SECRET), ("another-secret",))
    webhook_processing.tidy(connected)
    with connected.database.session() as session:
        assert secrets.get(session, connected.secrets, "portal:1:previous") == {}


def test_m13_a_line_leads_back_to_its_delivery(hooked: Context) -> None:
    number = send(hooked, ("C", "A", 1))
    webhook_processing.process_waiting(hooked)
    with hooked.database.session() as session:
        line = history.known_lines(session, [1])[1][0].usage
    assert (line.origin.source, line.origin.place) == (f"webhook {number}", "record 1")


def test_a_delivery_is_worked_on_again_by_hand_and_never_overrules_something_newer(
    hooked: Context, clock: StandingClock
) -> None:
    plain = {"items": [{"who": "C", "what": "A", "n": 4}]}
    first = post(hooked, plain)
    assert webhooks.deliveries(hooked, ADMIN, "P")[0].state == "ignored"
    mapping = {"records": "items", "customer": "who", "product": "what", "quantity": "n"}
    webhooks.save_settings(hooked, OPERATOR, "P", URL_ONLY | {"mapping": mapping})
    clock.forward(minutes=1)
    second = webhooks.replay(hooked, OPERATOR, "P", first)
    assert webhook_processing.process_waiting(hooked) == 1
    assert quantities(hooked) == {("C", "A"): 4}
    row = webhooks.deliveries(hooked, ADMIN, "P")[0]
    assert (row.id, row.state, row.replay_of, row.replayed_by) == (second, "applied", first, "Otto")
    clock.forward(minutes=1)
    post(hooked, {"items": [{"who": "C", "what": "A", "n": 7}]})
    webhook_processing.process_waiting(hooked)
    webhooks.replay(hooked, OPERATOR, "P", first)
    webhook_processing.process_waiting(hooked)
    assert quantities(hooked) == {("C", "A"): 7}
    events = [entry.action for entry in activity.audit(hooked, ADMIN, PageQuery()).rows]
    assert events.count("webhook.replayed") == 2


def test_a_body_is_tried_without_being_kept(hooked: Context) -> None:
    body = json.dumps(
        {"data": {"complete": True, "customers": [{"id": "C", "products": [{"sku": "A", "quantity": "x"}]}]}}
    )
    tried = webhooks.try_body(hooked, OPERATOR, "P", body.encode(), "application/json")
    assert (tried.lines, len(tried.problems)) == ((), 1)
    csv = webhooks.try_body(hooked, OPERATOR, "P", b"customer,sku,quantity\nC,A,3\n", "text/csv")
    assert [(line.customer_id, line.quantity) for line in csv.lines] == [("C", 3)]
    with pytest.raises(InputError, match="cannot be read as"):
        webhooks.try_body(hooked, OPERATOR, "P", b"{", "application/json")
    assert webhooks.deliveries(hooked, ADMIN, "P") == []


def test_s1_58_a_sync_of_the_portal_follows_when_events_have_come_to_rest(
    hooked: Context, clock: StandingClock
) -> None:
    for number in range(3):
        send(hooked, ("C", "A", number), message=f"m{number}")
        webhook_processing.process_waiting(hooked)
        clock.forward(seconds=2)
        assert webhook_processing.queue_syncs(hooked) == []
    clock.forward(seconds=1)
    assert len(webhook_processing.queue_syncs(hooked)) == 1
    assert queued(hooked) == [("sync", ("P",), {"apply": True}, "webhook")]
    assert webhook_processing.queue_syncs(hooked) == []


def test_s1_58_a_sync_follows_after_30_seconds_however_many_events_come(hooked: Context, clock: StandingClock) -> None:
    queued_at = None
    for number in range(40):
        send(hooked, ("C", "A", number), message=f"m{number}")
        webhook_processing.process_waiting(hooked)
        if webhook_processing.queue_syncs(hooked):
            queued_at = number
            break
        clock.forward(seconds=1)
    assert queued_at == 30


def test_syncs_of_events_do_not_pile_up_while_one_waits(hooked: Context, clock: StandingClock) -> None:
    for number in range(3):
        send(hooked, ("C", "A", number), message=f"m{number}")
        webhook_processing.process_waiting(hooked)
        clock.forward(seconds=10)
        webhook_processing.queue_syncs(hooked)
    assert queued(hooked) == [("sync", ("P",), {"apply": True}, "webhook")]


def test_events_that_change_nothing_ask_for_no_sync(hooked: Context, clock: StandingClock) -> None:
    post(hooked, {"type": "invoice.paid"})
    webhook_processing.process_waiting(hooked)
    clock.forward(seconds=60)
    assert webhook_processing.queue_syncs(hooked) == []


def test_what_could_not_be_used_waits_for_a_person_on_the_overview(hooked: Context) -> None:
    send(hooked, ("C", "A", 1), ("C", "B", -4))
    webhook_processing.process_waiting(hooked)
    told = [str(action.message) for action in overview.overview(hooked, ADMIN).actions]
    assert "1 webhook deliveries could not be used wholly." in told


def test_m9_a_line_that_is_there_twice_is_not_guessed(hooked: Context) -> None:
    send(hooked, ("C", "A", 1), ("C", "A", 2), ("C", "B", 3))
    webhook_processing.process_waiting(hooked)
    assert quantities(hooked) == {("C", "B"): 3}
    assert webhooks.deliveries(hooked, ADMIN, "P")[0].state == "partly"


def test_only_webhook_portals_take_webhooks(connected: Context) -> None:
    portals.create_portal(connected, OPERATOR, "F", "file", settings={}, secrets={})
    with pytest.raises(InputError, match="takes no webhooks"):
        webhooks.make_address(connected, OPERATOR, "F")
