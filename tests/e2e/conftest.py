"""The whole product in its own process, a sandbox Autotask beside it, and a real browser before it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from connectors.autotask.sandbox import SandboxServer, demo_data

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
START_SECONDS = 60
WIDTH, HEIGHT = 1440, 900
HARMLESS = (
    "Failed to load resource: the server responded with a status of 404",
    "Unrecognized feature",
    "iframe which has both",
)
"""What Streamlit and AG Grid say by themselves: on a page of its own path the server is looked for below that path first."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or next((name for name in BROWSERS if Path(name).exists()), None)
    if path is None:
        if os.environ.get("CONTRACTBRIDGE_REQUIRE_BROWSER") == "1":
            pytest.fail("There is no Chromium here, and CONTRACTBRIDGE_REQUIRE_BROWSER=1 says that there must be one.")
        pytest.skip("there is no Chromium here")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
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
    with SandboxServer(demo_data(datetime.now(UTC).date())) as server:
        yield server


@pytest.fixture
def product(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Product]:
    """An empty workspace being served; `request.param` are further environment variables."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
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
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if product.process.poll() is not None:
            pytest.fail(f"the server ended:\n{product.log()}")
        try:
            with urllib.request.urlopen(f"{product.url}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the server did not answer:\n{product.log()}")


@dataclass
class Screen:
    """A browser page that remembers what went wrong on it."""

    page: Page
    problems: list[str] = field(default_factory=list)


@pytest.fixture
def screen(browser: Browser, product: Product, request: pytest.FixtureRequest) -> Iterator[Screen]:
    language = getattr(request, "param", "en")
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, locale={"en": "en-GB", "nl": "nl-NL"}[language]
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    shown = Screen(page)
    page.on("console", lambda message: _note(shown, message.type, message.text))
    page.on("pageerror", lambda error: shown.problems.append(f"page error: {error}"))
    page.on(
        "request",
        lambda wanted: (
            None
            if wanted.url.startswith((product.url, "data:", "blob:", product.url.replace("http", "ws")))
            else shown.problems.append(f"outside request: {wanted.url}")
        ),
    )
    yield shown
    context.close()


def _note(screen: Screen, kind: str, text: str) -> None:
    if kind == "error" and not any(part in text for part in HARMLESS):
        screen.problems.append(f"console: {text}")
