"""What people do at their desks, each in a process of its own that may be killed at any moment (see `nursery`)."""

from __future__ import annotations

from pathlib import Path

from core.cli.opened import opened
from core.services import alerts, decisions, runs, uploads, webhooks, workspace
from core.services.access import SYSTEM
from core.services.paging import PageQuery
from core.services.sync import apply_now
from core.services.workspace_file import WorkspaceFileError


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
