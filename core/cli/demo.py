"""`demo`: the main job in the terminal, nothing needed."""

from __future__ import annotations

import typer

from core.cli.portals import AsJson
from core.cli.words import help_text


def register(app: typer.Typer) -> None:
    """Add this file's command."""
    app.command(
        "demo", help=help_text("The main job in under a minute: sandbox Autotask, sample exports, plan, apply, verify.")
    )(demo)


def demo(as_json: AsJson = False) -> int:
    from core.cli.demo_run import run_demo

    return run_demo(as_json=as_json)
