"""The whole product in its own process, a sandbox Autotask beside it, and a real browser before it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from connectors.autotask.sandbox import SandboxServer, demo_data
from tests.days import one_day
from tests.e2e import nginx
from tests.e2e.journey import PATIENCE
from tests.ports import free_port
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
START_SECONDS = 150
WIDTH, HEIGHT = 1440, 900
HARMLESS = (
    "Failed to load resource: the server responded with a status of 404",
    "Unrecognized feature",
    "iframe which has both",
    "net::ERR_NETWORK_CHANGED",
)
"""What Streamlit and AG Grid say by themselves: on a page of its own path the server is looked for below that path first.

And that an interface of this machine came or went, which Chromium answers by asking again.
"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or next((name for name in BROWSERS if Path(name).exists()), None)
    if path is None:
        if os.environ.get("CONTRACTBRIDGE_REQUIRE_BROWSER") == "1":
            pytest.fail("There is no Chromium here, and CONTRACTBRIDGE_REQUIRE_BROWSER=1 says that there must be one.")
        pytest.skip("there is no Chromium here")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", nginx.trusted()])
        yield chromium
        chromium.close()


@dataclass
class Product:
    """A running product: its address and its data directory."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]

    def log(self) -> str:
        return (self.home / "server.log").read_text(encoding="utf-8", errors="replace")


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(demo_data(one_day(minutes=3))) as server:
        yield server


@pytest.fixture
def product(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Product]:
    """An empty workspace being served; `request.param` are further environment variables."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONTRACTBRIDGE_")}
    environment |= {"CONTRACTBRIDGE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT), **getattr(request, "param", {})}
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"],
            cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    running = Product(f"http://127.0.0.1:{port}", tmp_path, process)
    try:
        _wait_until_up(running)
        yield running
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_up(product: Product) -> None:
    def settled() -> bool:
        if product.process.poll() is not None:
            return True
        try:
            with urllib.request.urlopen(f"{product.url}/readyz", timeout=10) as answer:
                return answer.status == 200
        except OSError:
            return False

    if not until(settled, START_SECONDS, every=0.2) or product.process.poll() is not None:
        pytest.fail(f"the server does not serve:\n{product.log()}")


@dataclass
class Screen:
    """A browser page that remembers what went wrong on it."""

    page: Page
    problems: list[str] = field(default_factory=list)


@contextmanager
def watched(browser: Browser, url: str, language: str = "en") -> Iterator[Screen]:
    """A page in a browser window of its own, on which nothing may go wrong and nothing be asked from elsewhere than `url`."""
    locale = {"en": "en-GB", "nl": "nl-NL"}[language]
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, locale=locale)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    shown = Screen(page)
    own = (url, url.replace("http", "ws", 1), "data:", "blob:")
    page.on("console", lambda message: _note(shown, message.type, message.text))
    page.on("pageerror", lambda error: shown.problems.append(f"page error: {error}"))
    page.on("request", lambda wanted: wanted.url.startswith(own) or shown.problems.append(f"outside: {wanted.url}"))
    yield shown
    context.close()


@pytest.fixture
def screen(browser: Browser, product: Product, request: pytest.FixtureRequest) -> Iterator[Screen]:
    with watched(browser, product.url, getattr(request, "param", "en")) as shown:
        yield shown


def _note(screen: Screen, kind: str, text: str) -> None:
    if kind == "error" and not any(part in text for part in HARMLESS):
        screen.problems.append(f"console: {text}")
