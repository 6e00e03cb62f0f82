"""Measures in Chromium how long the pages that managers look at take, from the click until they stand, on a large workspace.

The product is started on the history that `tests.bench.reports` makes (12,000 lines, three years); Autotask is not needed for it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.bench.reports import make

ALLOWED_SECONDS = 1.5
RUNS = 3
PASSWORD = "a bridge over rough contracts"
ROOT = Path(__file__).resolve().parents[2]
STARTED = 120.0
STANDS = "[data-testid=stApp][data-test-script-state=notRunning]"
VIEWS = ("Per vendor", "Per customer", "At a moment", "Compare", "Development")
DRAWN = "canvas[data-testid=data-grid-canvas]"


Figure = tuple[float, float]
"""Seconds until it was drawn; of the server's processor."""


def measure_pages(lines: int, days: int) -> dict[str, Any]:
    """Seconds of each page and view, the least of `RUNS`, and the first time; the slowest against `ALLOWED_SECONDS`."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        rows = make(home, lines, days)
        with _served(home) as (url, server), _browser() as page:
            figures = _figures(page, url, server)
    return {
        "rows": rows,
        "seconds from click to drawn": {name: round(min(found)[0], 2) for name, found in figures.items()},
        "the first time": {name: round(found[0][0], 2) for name, found in figures.items()},
        "of which processor of the server": {name: round(min(found)[1], 2) for name, found in figures.items()},
        "busy processes for each processor": round(os.getloadavg()[0] / (os.cpu_count() or 1), 1),
        "slowest / 1.5 s": round(max(min(found)[0] for found in figures.values()) / ALLOWED_SECONDS, 3),
    }


def _figures(page: Page, url: str, server: int) -> dict[str, list[Figure]]:
    page.goto(url)
    page.fill("#name", "admin")
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    _settle(page)
    found: dict[str, list[Figure]] = {}
    for _ in range(RUNS):
        for name in ("Reports", "Overview"):
            link = page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True)
            found.setdefault(name, []).append(_taken(page, server, link.click))
        page.get_by_test_id("stSidebarNav").get_by_role("link", name="Reports", exact=True).click()
        _settle(page)
        for name in (*VIEWS[1:], VIEWS[0]):
            choice = page.get_by_test_id("stMain").get_by_test_id("stButtonGroup").first.get_by_text(name, exact=True)
            found.setdefault(f"Reports: {name}", []).append(_taken(page, server, choice.click))
    return found


def _taken(page: Page, server: int, click: Callable[[], None]) -> Figure:
    """Until the page has stood still, with its table on the screen and nothing left of the page before."""
    used, begin = _processor(server), time.perf_counter()
    click()
    _settle(page)
    return time.perf_counter() - begin - QUIET, _processor(server) - used


def _processor(server: int) -> float:
    """Seconds of processor time that the server has taken."""
    fields = Path(f"/proc/{server}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


QUIET = 0.15
"""A page that runs no more for so long has been drawn; that wait itself is not counted."""


def _settle(page: Page) -> None:
    quiet_since: float | None = None
    page.wait_for_timeout(30)
    page.locator(STANDS).wait_for()
    page.locator(DRAWN).first.wait_for()
    while quiet_since is None or time.perf_counter() - quiet_since < QUIET:
        still = page.locator(STANDS).count() and not page.locator("[data-stale=true]").count()
        quiet_since = (quiet_since or time.perf_counter()) if still else None
        page.wait_for_timeout(10)


@contextmanager
def _served(home: Path) -> Iterator[tuple[str, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ, "CONTRACTBRIDGE_HOME": str(home), "CONTRACTBRIDGE_ADMIN_PASSWORD": PASSWORD, "PYTHONPATH": str(ROOT)
    }  # fmt: skip
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait(url: str) -> None:
    deadline = time.monotonic() + STARTED
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    # The charts' library is loaded beside the start.
                    time.sleep(3)
                    return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("bench: the product did not start")


@contextmanager
def _browser() -> Iterator[Page]:
    path = shutil.which("chromium") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
        context.set_default_timeout(30_000)
        yield context.new_page()
        browser.close()
