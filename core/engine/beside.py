"""The engine in a process of its own that belongs to the web process: what it works out does not hold up the pages.

Python runs one thread of a process at a time. A sync of thousands of lines in the web process would make every page wait for it.
The child ends with its parent, however that ends, and is started again when it ends by itself.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

import structlog

from core import logs
from core.bootstrap import build
from core.engine.worker import work
from core.heaps import keep_few_heaps
from core.settings import PROJECT, Settings

log = structlog.get_logger()

AGAIN_AFTER = 5.0
"""Seconds until an engine that ended by itself is started again."""
STOP_SECONDS = 40.0
"""So long it has for the step that it is at, before it is killed; what was begun is settled at the next start (M4)."""
PR_SET_PDEATHSIG = 1


class Beside:
    """Keeps one such process alive from `start` to `stop`."""

    def __init__(self, *, again_after: float = AGAIN_AFTER) -> None:
        self._again_after = again_after
        self._ended = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        # The thread lives as long as the process: Linux ends the child with the thread that started it.
        self._thread = threading.Thread(target=self._keep, name="engine-beside", daemon=True)

    @property
    def process(self) -> int | None:
        """The number of the process; None before the first start."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Let it end after the step that is being done."""
        self._ended.set()
        if self._child is not None:
            self._child.terminate()
        self._thread.join(STOP_SECONDS)
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.wait()

    def _keep(self) -> None:
        while not self._ended.is_set():
            # Its own session: Ctrl-C in the terminal is for the web process, which then ends it.
            self._child = subprocess.Popen(  # noqa: S603 - our own words
                [sys.executable, "-m", "core.engine.beside", str(os.getpid())], cwd=PROJECT, start_new_session=True
            )
            if self._ended.is_set():
                self._child.terminate()
            code = self._child.wait()
            if not self._ended.wait(self._again_after):
                log.warning("engine.started_again", code=code)


def main(words: Sequence[str]) -> None:
    """Be the child of this process until told to end."""
    keep_few_heaps()
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    _end_with(int(words[0]), stop)
    settings = Settings.load()
    logs.configure(settings.log_format)
    app = build(settings)
    try:
        work(app, stop)
    finally:
        app.close()


def _end_with(parent: int, stop: threading.Event) -> None:
    """Linux kills us in the moment in which the parent ends; elsewhere we look every second whether it is still there."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("The process that this engine belongs to is gone.")
        return

    def look() -> None:
        while os.getppid() == parent:
            stop.wait(1.0)
        stop.set()

    threading.Thread(target=look, name="parent", daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1:])
