"""`portal hook`: the address of a webhook, told once, and kept by the workspace file."""

from __future__ import annotations

from core import bootstrap
from core.services import webhook_receiving as receiving
from core.settings import Settings

from .conftest import Inside

FILE = """\
portals:
  - name: Sender
    connector: webhook
    mode: automatic
    settings: {verification: {scheme: hmac_hex}, allowed_networks: [10.0.0.0/8]}
    secrets: {secret: "${SENDER_SECRET}"}
"""


def known(inside: Inside, path: str) -> bool:
    app = bootstrap.build(Settings(home=inside.home / "data", database_url="", secret_key=None))
    try:
        return receiving.hook_of(app.context, path.removeprefix("/hooks/")) is not None
    finally:
        app.close()


def test_s1_58_the_address_is_told_once_and_survives_the_workspace_file(inside: Inside) -> None:
    (inside.home / "w.yaml").write_text(FILE, encoding="utf-8")
    inside.environment = {"SENDER_SECRET": "example-shared-secret"}
    assert inside("workspace", "apply", "w.yaml").code == 0
    made = inside("portal", "hook", "Sender", "--json")
    assert (made.code, made.json["made"], made.json["scheme"]) == (0, True, "hmac_hex")
    again = inside("portal", "hook", "Sender", "--json")
    assert (again.code, again.json["made"], again.json["path"]) == (0, False, None)
    changed = FILE.replace("10.0.0.0/8", "10.1.0.0/16")
    (inside.home / "w.yaml").write_text(changed, encoding="utf-8")
    assert inside("workspace", "apply", "w.yaml").code == 0
    assert known(inside, made.json["path"])
    rotated = inside("portal", "hook", "Sender", "--rotate")
    assert "/hooks/" in rotated.out
    assert not known(inside, made.json["path"])
    assert inside("portal", "test", "Sender").code == 0


def test_a_portal_that_takes_no_webhooks_is_told(inside: Inside) -> None:
    (inside.home / "w.yaml").write_text("portals:\n  - {name: F, connector: file}\n", encoding="utf-8")
    assert inside("workspace", "apply", "w.yaml").code == 0
    done = inside("portal", "hook", "F")
    assert (done.code, "takes no webhooks" in done.err) == (2, True)
    assert inside("portal", "hook", "Nope").code == 2
