"""The ways in: the engine beside the web pages, and the engine as a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from core.bootstrap import App
from core.engine.engine import Engine, Role


def start_embedded(app: App) -> Engine:
    """An engine in threads of this process; end it with `.stop()`."""
    engine = Engine(app.context)
    engine.start()
    return engine


def work(app: App, stop: threading.Event, told: Callable[[Role], None] = lambda _: None) -> None:
    """An engine in this process until `stop` is set; `told` hears of every change of its role."""
    engine = Engine(app.context, told=told)
    engine.start()
    stop.wait()
    engine.stop()
