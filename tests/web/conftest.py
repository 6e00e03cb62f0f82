"""The web process's own routes around a page that stands for Streamlit's."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from core import bootstrap
from core.services.context import Context
from core.settings import Settings
from core.web import routes

PASSWORD = "a long enough pass phrase"


@dataclass
class Web:
    """A fresh workspace behind the routes. `client` follows no redirects."""

    app: bootstrap.App
    make_client: Callable[..., TestClient]

    @property
    def context(self) -> Context:
        return self.app.context


@pytest.fixture(scope="session")
def template_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty workspace to copy: migrating takes longer than the tests."""
    home = tmp_path_factory.mktemp("template")
    bootstrap.build(settings_for(home)).close()
    return home


def settings_for(home: Path, **values: object) -> Settings:
    return Settings(home=home, database_url="", secret_key=None, **values)


@pytest.fixture(scope="session")
def template_with_admin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("template_with_admin")
    bootstrap.build(settings_for(home, admin_password=SecretStr(PASSWORD))).close()
    return home


@pytest.fixture
def web(tmp_path: Path, template_home: Path) -> Iterator[Web]:
    yield from _serving(copy_of(template_home, tmp_path))


@pytest.fixture
def web_with_admin(tmp_path: Path, template_with_admin: Path) -> Iterator[Web]:
    yield from _serving(copy_of(template_with_admin, tmp_path))


def copy_of(template: Path, home: Path) -> bootstrap.App:
    shutil.copytree(template, home, dirs_exist_ok=True)
    return bootstrap.build(settings_for(home))


def _serving(app: bootstrap.App) -> Iterator[Web]:
    async def page(request: Request) -> Response:
        return HTMLResponse(f"the page {request.url.path}")

    def make_client(base_url: str = "http://testserver") -> TestClient:
        server = Starlette(
            routes=[
                *routes.routes(lambda: app.context),
                Route("/static/app.js", page),
                Route("/{rest:path}", page, methods=["GET", "POST"]),
            ],
            middleware=routes.middleware(lambda: app.context),
        )
        return TestClient(server, base_url=base_url, follow_redirects=False, headers={"accept": "text/html,*/*"})

    yield Web(app, make_client)
    app.close()
