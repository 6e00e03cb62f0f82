"""Pages run by Streamlit's AppTest over a real workspace: an empty one, and the demo's with its sandbox Autotask."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest, app_test

from connectors.autotask.sandbox import SandboxServer, demo_data
from core import bootstrap
from core.domain.text import T
from core.i18n import translate
from core.services import access, demo, people, sync
from core.services.access import Role
from core.services.context import Context
from core.services.people import SessionLimits
from core.settings import Settings
from core.web import process
from pages._ui import auth
from tests.days import one_day

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a long enough pass phrase"
SECONDS = 60
"""A page takes a fraction of one; the machine may be busy with other tests."""


@dataclass
class Workspace:
    """A data directory to copy, with a session of one person for each role and language."""

    home: Path
    tokens: dict[tuple[str, str], str] = field(default_factory=dict)


def build(home: Path) -> bootstrap.App:
    return bootstrap.build(Settings(home=home, database_url="", secret_key=None))


def with_people(app: bootstrap.App, home: Path) -> Workspace:
    """Their sign-ins are a while ago when the last test comes: what they confirmed counts for as long as it can."""
    workspace = Workspace(home)
    people.save_session_limits(app.context, access.SYSTEM, SessionLimits(24, 24 * 60, 60))
    for role in Role:
        for language in ("en", "nl"):
            name = f"{role.value}-{language}"
            people.add_person(app.context, access.SYSTEM, name, PASSWORD, role, language=language)
            workspace.tokens[role.value, language], _ = people.sign_in(app.context, name, PASSWORD)
    return workspace


@pytest.fixture(scope="session")
def empty_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    home = tmp_path_factory.mktemp("empty")
    app = build(home)
    workspace = with_people(app, home)
    app.close()
    return workspace


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(demo_data(one_day(minutes=3))) as server:
        yield server


def demo_autotask(sandbox: SandboxServer) -> demo.DemoAutotask:
    known = sandbox.credentials
    return demo.DemoAutotask(
        base_url=sandbox.base_url,
        user_name=known.user_name,
        secret=known.secret,
        integration_code=known.integration_code,
    )


@pytest.fixture(scope="session")
def full_workspace(tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxServer) -> Workspace:
    home = tmp_path_factory.mktemp("full")
    app = build(home)
    demo.seed_demo(app.context, access.SYSTEM, demo_autotask(sandbox))
    sync.run_sync(app.context, access.SYSTEM, apply=False)
    workspace = with_people(app, home)
    app.close()
    return workspace


@pytest.fixture(scope="session")
def planned_workspace(tmp_path_factory: pytest.TempPathFactory, full_workspace: Workspace) -> Workspace:
    """The demo with customers and products linked as far as that is plain, and a plan."""
    home = tmp_path_factory.mktemp("planned") / "home"
    shutil.copytree(full_workspace.home, home)
    app = build(home)
    demo.map_customers(app.context, access.SYSTEM)
    demo.map_products(app.context, access.SYSTEM)
    sync.run_sync(app.context, access.SYSTEM, apply=False)
    app.close()
    return Workspace(home, full_workspace.tokens)


@dataclass
class Pages:
    """A workspace of this test's own, and pages of it as a person sees them."""

    app: bootstrap.App
    tokens: dict[tuple[str, str], str]
    monkeypatch: pytest.MonkeyPatch

    @property
    def context(self) -> Context:
        return self.app.context

    def open(self, page: str = "", *, role: str = "admin", language: str = "en", **query: str) -> AppTest:
        """The page (a file of `pages/`), drawn for a person of this role and language."""
        token = self.tokens.get((role, language), "")
        self.monkeypatch.setattr(auth, "session_token", lambda: token)
        screen = AppTest.from_file(str(ROOT / "app.py"), default_timeout=SECONDS)
        screen.run()
        if page:
            screen.switch_page(f"pages/{page}.py")
        for name, value in query.items():
            screen.query_params[name] = value
        return screen.run() if page or query else screen


@pytest.fixture(scope="session", autouse=True)
def components_are_looked_for_once() -> Iterator[None]:
    """Each AppTest reads what is written about every installed package: three quarters of the time of a test."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


class PagesByNavigation(PagesManager):
    """As in the server, where `app.py` calls `st.navigation` before the first visit; AppTest forgets that before each run."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        PagesManager.uses_pages_directory = False


@pytest.fixture
def pages_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Workspace], Pages]]:
    opened: list[bootstrap.App] = []
    monkeypatch.setattr(app_test, "PagesManager", PagesByNavigation)

    def open_copy(workspace: Workspace) -> Pages:
        home = tmp_path / "home"
        shutil.copytree(workspace.home, home)
        app = build(home)
        opened.append(app)
        monkeypatch.setattr(process, "application", lambda: app)
        return Pages(app, dict(workspace.tokens), monkeypatch)

    yield open_copy
    for app in opened:
        app.close()


@pytest.fixture
def empty(pages_of: Callable[[Workspace], Pages], empty_workspace: Workspace) -> Pages:
    return pages_of(empty_workspace)


@pytest.fixture
def full(pages_of: Callable[[Workspace], Pages], full_workspace: Workspace) -> Pages:
    return pages_of(full_workspace)


@pytest.fixture
def planned(pages_of: Callable[[Workspace], Pages], planned_workspace: Workspace) -> Pages:
    return pages_of(planned_workspace)


def say(template: str, language: str = "en", **values: object) -> str:
    """The sentence as the page writes it."""
    return translate(T(template, **values), language)


def all_words(screen: AppTest) -> str:
    """Everything a page says, to search in."""
    parts: list[str] = []
    for kind in ("title", "subheader", "caption", "markdown", "error", "warning", "info", "success", "html"):
        parts += [str(element.value) for element in screen.get(kind)]
    parts += [str(button.label) for button in screen.button]
    return "\n".join(parts)


def table_with(screen: AppTest, column: str) -> pd.DataFrame:
    """The first grid on the page that has this column."""
    return next(frame.value for frame in screen.dataframe if column in frame.value.columns)
