"""`python -m connectors.autotask.sandbox --port N --state FILE`: the demo company as a server."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from connectors.autotask.sandbox.server import SandboxServer, serve_forever


def main() -> int:
    """Read the arguments and serve until interrupted."""
    parser = argparse.ArgumentParser(prog="connectors.autotask.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--state", type=Path, help="journal: what was committed is there again at the next start")
    parser.add_argument("--today", type=date.fromisoformat, help="the day that the demo data is made for")
    options = parser.parse_args()
    serve_forever(
        options.port,
        options.host,
        options.state,
        options.today,
        on_ready=_announce,
    )
    return 0


def _announce(server: SandboxServer) -> None:
    sys.stdout.write(f"Sandbox Autotask on {server.base_url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
