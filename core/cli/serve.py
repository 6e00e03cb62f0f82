"""The web process: Streamlit serves `app.py` inside this very process, for `--demo` with a sandbox Autotask beside it."""

from __future__ import annotations

import os
import runpy
import socket
import sys

from core.cli.words import say
from core.domain.errors import SettingsError
from core.domain.text import T
from core.services import access
from core.settings import PROJECT, Settings


def serve(host: str, port: int) -> int:
    """Serve the pages until somebody ends the process. The database is brought up to date first: trouble is told here, in words."""
    from core import bootstrap

    _must_be_free(host, port)
    bootstrap.build(Settings.load()).close()
    say(T("ContractBridge: {address} (Ctrl-C ends it)", address=f"http://{_shown(host)}:{port}"))
    return _streamlit(host, port)


def serve_demo(host: str, port: int) -> int:
    """Serve a workspace of its own (in `demo/` of the data directory) against a sandbox Autotask that keeps what was written."""
    from connectors.autotask.sandbox import SandboxServer
    from connectors.autotask.sandbox.demo import demo_data
    from core import bootstrap
    from core.services import demo, demo_subscriptions

    _must_be_free(host, port)
    home = Settings.load().home / "demo"
    os.environ |= {"CONTRACTBRIDGE_HOME": str(home), "CONTRACTBRIDGE_DEMO": "1"}
    os.environ.pop("CONTRACTBRIDGE_DATABASE_URL", None)
    app = bootstrap.build(Settings.load())
    with SandboxServer(demo_data(app.context.clock.today()), state_file=home / "sandbox.journal") as sandbox:
        known = sandbox.credentials
        try:
            demo.seed_demo(
                app.context,
                access.SYSTEM,
                demo.DemoAutotask(
                    base_url=sandbox.base_url,
                    user_name=known.user_name,
                    secret=known.secret,
                    integration_code=known.integration_code,
                ),
            )
            demo_subscriptions.seed_subscriptions(app.context, access.SYSTEM)
        finally:
            app.close()
        say(T("Demo with a sandbox Autotask: {address} (Ctrl-C ends it)", address=f"http://{_shown(host)}:{port}"))
        return _streamlit(host, port)


def _streamlit(host: str, port: int) -> int:
    options = {
        "server.address": host,
        "server.port": str(port),
        "server.headless": "true",
        "browser.serverAddress": _shown(host),
        "browser.gatherUsageStats": "false",
    }
    os.chdir(PROJECT)  # Streamlit looks for .streamlit/ here
    sys.argv = ["streamlit", "run", str(PROJECT / "app.py"), *(f"--{name}={value}" for name, value in options.items())]
    try:
        runpy.run_module("streamlit", run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        return 0
    return 0


def _must_be_free(host: str, port: int) -> None:
    """Raise SettingsError when something else listens there already."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            if os.name != "nt":
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        raise SettingsError(
            T("Cannot listen on {address}: {reason}.", address=f"{host}:{port}", reason=error.strerror or str(error)),
            remedy=T("Another program may use the port: take another one with --port."),
            kind="port",
        ) from None


def _shown(host: str) -> str:
    """An address that a person can open for one to listen on."""
    return "localhost" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound
