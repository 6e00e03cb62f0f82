"""The command line (DESIGN §6): exit 0 done, 1 something failed or is held, 2 wrong use. Errors in words, never a stack trace."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    from core.cli.app import run

    return run(sys.argv[1:] if arguments is None else arguments)
