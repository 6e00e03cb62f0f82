"""What keeps running: `run`, `worker`, `sandbox`."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from core.cli.words import help_text, say
from core.domain.text import T


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("run", help=help_text("Web pages, webhooks and background engine, started and ended together."))(run)
    app.command("worker", help=help_text("The background engine alone; start as many as wanted."))(worker)
    app.command("sandbox", help=help_text("The sandbox Autotask alone."))(sandbox)


def run(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help=help_text("Port of the web pages."))] = 8501,
    host: Annotated[str, typer.Option("--host", help=help_text("Address to listen on."))] = "127.0.0.1",
    demo: Annotated[
        bool, typer.Option("--demo", help=help_text("With a sandbox Autotask and sample portals."))
    ] = False,
) -> int:
    from core.cli.serve import serve, serve_demo

    if not demo:
        # Pages stay quick while the engine works; the demo is small, and its sandbox lives in this process anyway.
        os.environ.setdefault("CONTRACTBRIDGE_ENGINE", "beside")
    return serve_demo(host, port) if demo else serve(host, port)


def worker() -> int:
    from core import bootstrap
    from core.engine import Role, work
    from core.settings import Settings

    app = bootstrap.build(Settings.load())
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    say(T("The background engine runs. Ctrl-C ends it after the step it is at."), to_error=True)
    texts = {
        Role.LEADS: T("This process carries out runs and leads: schedules, webhooks and alerts are its work too."),
        Role.CARRIES_OUT: T("This process carries out runs; another one leads."),
        Role.STANDS_BY: T(
            "Another process works on this database; this one stands by. Only PostgreSQL lets several work at once."
        ),
        Role.STOPPED: T("Ended; what was begun goes on with the next one."),
    }
    try:
        work(app, stop, lambda role: say(texts[role], to_error=True))
    finally:
        app.close()
    return 0


def sandbox(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help=help_text("Port; 0 takes a free one."))] = 9000,
    state: Annotated[
        Path | None, typer.Option("--state", dir_okay=False, help=help_text("Keep what is written in this file."))
    ] = None,
) -> int:
    from connectors.autotask.sandbox import SandboxServer
    from connectors.autotask.sandbox.demo import demo_data

    with SandboxServer(demo_data(datetime.now(UTC).date()), state_file=state, port=port) as server:
        known = server.credentials
        say(T("Sandbox Autotask: {address}", address=server.base_url))
        say(T("User name: {name}", name=known.user_name))
        say(T("Secret: {secret}", secret=known.secret))
        say(T("Integration code: {code}", code=known.integration_code))
        _until_stopped()
    return 0


def _until_stopped() -> None:
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    while not stop.wait(3600):
        pass
