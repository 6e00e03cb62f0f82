"""What people do at their desks, each in a process of its own that may be killed at any moment (see `nursery`)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from uuid import uuid4

from core.cli.opened import opened
from core.domain.invoice.model import Period
from core.services import alerts, decisions, invoice_check, month_end, people, runs, uploads, webhooks, workspace
from core.services.access import SYSTEM, Role
from core.services.paging import PageQuery
from core.services.sync import apply_now
from core.services.workspace_file import WorkspaceFileError

PASSWORD = "a long enough pass phrase"


def set_up(text: str, smtp: int, told: str) -> None:
    """The whole workspace, its mail channel, and the address of the webhook portal, which is written to the file `told`."""
    with opened() as (ctx, _):
        try:
            workspace.apply_workspace(ctx, SYSTEM, text, {})
        except WorkspaceFileError as error:
            raise RuntimeError("; ".join(f"{one.path}: {one.message}" for one in error.problems)) from error
        settings = {"host": "127.0.0.1", "port": smtp, "sender": "a@msp.example", "security": "none", "sign_in": "none"}
        values = {"name": "Mail", "settings": settings, "recipients": ["ops@msp.example"]}
        alerts.save_channel(ctx, SYSTEM, 0, "smtp", values, {})
        Path(told).write_text(webhooks.make_address(ctx, SYSTEM, "Hook"), encoding="utf-8")


def ask_sync(portals: list[str] | None = None) -> None:
    """The button *Sync now*."""
    with opened() as (ctx, _):
        runs.request_sync(ctx, SYSTEM, portals)


def bring(portal: str, path: str) -> None:
    """A file is uploaded on the page, which asks for a sync."""
    with opened() as (ctx, _):
        uploads.accept_upload(ctx, SYSTEM, portal, Path(path), Path(path).name, again=True)


def approve(portal: str, *, here: bool) -> None:
    """Approve what a portal in review proposes; it is applied in this process, or by the engine."""
    with opened() as (ctx, _):
        if decisions.approve_all(ctx, SYSTEM, PageQuery(portal=portal, limit=500)):
            if here:
                apply_now(ctx, SYSTEM)
            else:
                runs.request_apply(ctx, SYSTEM)


def sign_month(month: str, folder: str, *, keep: bool) -> None:
    """Somebody closes a month as it is shown, where that is not signed for yet, and may keep its evidence in the folder."""
    with opened() as (ctx, _):
        first = date.fromisoformat(month)
        shown = month_end.month_end(ctx, SYSTEM, first)
        if shown.signed is None or shown.signed.digest != shown.digest:
            month_end.sign_off(ctx, SYSTEM, first, shown.digest, "as far as it is")
        if keep:
            part = Path(folder) / f"{month}-{uuid4().hex}.part"
            part.write_bytes(month_end.evidence(ctx, SYSTEM, first).content)
            part.rename(part.with_suffix(".zip"))


def check_invoice(portal: str, path: str, columns: dict[str, str]) -> None:
    """Somebody lays the vendor's invoice of this month beside what was read."""
    with opened() as (ctx, _):
        today = ctx.clock.today()
        data = Path(path).read_bytes()
        period = Period(today.replace(day=1), today)
        invoice_check.check_invoice(ctx, SYSTEM, portal, data, Path(path).name, columns=columns, period=period)


def sign_in(told: str) -> None:
    """Somebody signs in; the session's token goes to the file `told`."""
    with opened() as (ctx, _):
        people.add_person(ctx, SYSTEM, "Anna", PASSWORD, Role.ADMIN, language="en")
        token, _person = people.sign_in(ctx, "Anna", PASSWORD)
        Path(told).write_text(token, encoding="utf-8")


def draw_page(told: str) -> None:
    """Draw the overview as the one who signed in sees it, and print the errors on it."""
    from streamlit.runtime.pages_manager import PagesManager
    from streamlit.testing.v1 import AppTest, app_test

    from core import bootstrap
    from core.settings import PROJECT, Settings
    from core.web import process
    from pages._ui import auth

    class ByNavigation(PagesManager):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)
            PagesManager.uses_pages_directory = False

    app_test.PagesManager = ByNavigation
    app = bootstrap.build(Settings.load())
    process.application = lambda: app
    token = Path(told).read_text(encoding="utf-8")
    auth.session_token = lambda: token
    screen = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=120).run()
    for error in screen.error:
        print("error:", error.value.replace("\n", " "))
    for title in screen.title:
        print("title:", title.value)
