"""The key of what is stored encrypted: `rotate-key`."""

from __future__ import annotations

import typer

from core.cli.opened import opened
from core.cli.portals import AsJson
from core.cli.words import document, help_text, say
from core.domain.text import T


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("rotate-key", help=help_text("Change the key of the stored credentials, while everything goes on."))(
        rotate_key
    )


def rotate_key(as_json: AsJson = False) -> int:
    from core.services import keys

    with opened() as (ctx, actor):
        done = keys.rotate(ctx, actor)
    if as_json:
        document({"key": done.key_id, "secrets": done.secrets, "webhooks": done.bodies, "in_file": done.in_file})
        return 0
    say(T("The key is {key} now; {count} secrets are sealed with it.", key=done.key_id, count=done.secrets))
    if done.in_file:
        say(T("The old key is gone from secret.key. Back-ups made before need the copy of it that you kept with them."))
    else:
        say(T("Leave the old key out of CONTRACTBRIDGE_SECRET_KEY now, everywhere, and start again."))
    return 0
