"""The product, opened for one command."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core.cli.words import LANGUAGE, set_zone
from core.services import access

if TYPE_CHECKING:
    from core.services.access import Actor
    from core.services.context import Context
    from core.settings import Settings


@contextmanager
def opened(settings: Settings | None = None) -> Iterator[tuple[Context, Actor]]:
    """The use cases' context and who works at this terminal; everything is closed afterwards."""
    from core import bootstrap
    from core.settings import Settings as Loaded

    app = bootstrap.build(settings or Loaded.load())
    try:
        set_zone(app.zone)
        yield app.context, terminal_actor()
    finally:
        app.close()


def terminal_actor() -> Actor:
    """Who works at this terminal."""
    return access.terminal(_user(), LANGUAGE)


def _user() -> str:
    """The name of the person at the terminal, as the operating system has it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return os.environ.get("USERNAME", "?")
