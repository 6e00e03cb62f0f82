"""Where a secret is opened: each place is known, with what it is opened for; what a person gets to see of it stands in the audit.

A new place fails here until somebody writes down what it is for. One that shows a secret must write to the audit.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OPENS = re.compile(
    r"\b(?:secret_store|secrets|store)\.(?:get|take|take_all|everything)\([^()]*(?:ctx\.secrets|\bbox|\.box)\b"
    r"|\bopen_body\(|(?:ctx\.secrets|\bbox|\.box)\.open\("
)
"""Calls of `core.store.secrets` and of the box itself."""

CONNECTS = "goes to the other side of a connection, and nowhere else"
COMPARES = "is compared or completed, and kept again"
SHOWN = "is shown to a person: "
KNOWN = {
    "core/services/alerts/channels.py:channels": "its host and last four characters are shown, to tell channels apart",
    "core/services/alerts/channels.py:save_channel": COMPARES,
    "core/services/alerts/delivering.py:_spec": CONNECTS,
    "core/services/autotask_settings.py:connection": CONNECTS,
    "core/services/autotask_settings.py:save_autotask": COMPARES,
    "core/services/consumption.py:_ask": CONNECTS,
    "core/services/examining/credentials.py:look": "is asked when it ends; the day is told, never the secret",
    "core/services/examining/machine.py:look_at_secrets": "is counted: does the key open it",
    "core/services/examining/outside.py:_tried": CONNECTS,
    "core/services/known_browsers.py:recognised": "is what we gave the browser ourselves",
    "core/services/openid.py:_opened": "is what we gave the browser ourselves",
    "core/services/openid_settings.py:connection": CONNECTS,
    "core/services/openid_settings.py:save_openid": COMPARES,
    "core/services/pickup_pages.py:_opened": CONNECTS,
    "core/services/pickup_pages.py:folder": CONNECTS,
    "core/services/portal_reading.py:_fetch": CONNECTS,
    "core/services/portals.py:_opened": CONNECTS,
    "core/services/portals.py:update_portal": COMPARES,
    "core/services/rest_sign_in.py:_asked": CONNECTS,
    "core/services/rest_sign_in.py:_taken": CONNECTS,
    "core/services/rest_sign_in.py:outcome": "fills the form of a portal that is not stored yet, for who began it; it is not drawn",
    "core/services/rotation.py:": CONNECTS,
    "core/services/sessions.py:close": "goes to the identity provider that gave it",
    "core/services/webhook_processing.py:_read": "is what the quantities are read from",
    "core/services/webhook_receiving.py:_secrets": COMPARES,
    "core/services/webhooks.py:_replayed": "is what the quantities are read from",
    "core/services/webhooks.py:delivery_body": SHOWN + "webhook.body_shown",
    "core/services/webhooks.py:rotate_secret": COMPARES,
    "core/services/webhooks.py:save_settings": COMPARES,
    "core/services/workspace_alerts.py:_apply_channels": COMPARES,
    "core/services/workspace_portals.py:_change": COMPARES,
    "core/store/secrets.py:": "the store itself",
    "core/store/webhooks.py:": "the store itself",
}
MADE = {
    "core/services/webhooks.py:make_address": ("webhook.address_made", "webhook.address_rotated"),
    "core/services/webhooks.py:new_secret": (),
}
"""What makes a secret and tells it once; `new_secret` gives a random text, of which something is known only when it is stored."""


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """The functions of a module, and the methods of its classes; what is defined in them belongs to them."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from (one for one in node.body if isinstance(one, ast.FunctionDef))


def places() -> dict[str, str]:
    """`file:function` → its text, for each function that opens a secret."""
    found = {}
    for folder in ("core", "connectors", "pages"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if not OPENS.search(text):
                continue
            for function in functions(ast.parse(text)):
                body = ast.unparse(function)
                if OPENS.search(body):
                    found[f"{path.relative_to(ROOT).as_posix()}:{function.name}"] = body
    return found


PLACES = places()


def purpose(place: str) -> str | None:
    return KNOWN.get(place) or KNOWN.get(f"{place.partition(':')[0]}:")


def test_every_place_that_opens_a_secret_is_known_with_what_it_is_for() -> None:
    assert [place for place in PLACES if purpose(place) is None] == []


def test_what_is_known_is_still_there() -> None:
    files = {place.partition(":")[0] + ":" for place in PLACES}
    assert [place for place in KNOWN if place not in PLACES and place not in files] == []


@pytest.mark.parametrize("place", [place for place in PLACES if (purpose(place) or "").startswith(SHOWN)])
def test_who_looks_at_a_secret_stands_in_the_audit(place: str) -> None:
    event = str(purpose(place)).removeprefix(SHOWN)
    assert f"'{event}'" in PLACES[place]


@pytest.mark.parametrize("place", MADE)
def test_who_is_told_a_new_secret_stands_in_the_audit(place: str) -> None:
    path, _, name = place.partition(":")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    body = ast.unparse(next(one for one in functions(tree) if one.name == name))
    assert all(f"'{event}'" in body for event in MADE[place])


def test_no_page_and_no_command_opens_a_secret() -> None:
    assert [place for place in PLACES if place.startswith(("pages/", "core/cli/", "core/web/"))] == []
