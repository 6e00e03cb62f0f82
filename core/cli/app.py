"""All commands in one place, and what happens when one of them fails."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

import structlog
import typer
from typer.exceptions import TyperException

from core import logs
from core.cli import (
    alerts,
    backup,
    charges,
    closing,
    demo,
    keys,
    portals,
    records,
    reports,
    server,
    subscriptions,
    syncing,
    workspace,
)
from core.cli.words import document, error_document, error_line, help_text, language_of, say
from core.domain.errors import ContractBridgeError
from core.domain.text import T
from core.services.storage import trouble_of
from core.services.workspace_file import WorkspaceFileError
from core.settings import Settings

log = structlog.get_logger()

WRONG_USE = frozenset(
    {
        "unknown_portal", "unknown_connector", "unknown_run", "unknown_change", "unknown_report", "unknown_customer",
        "unknown_product", "usage",
    }
)  # fmt: skip
"""Kinds of errors that mean: what was typed names nothing that exists."""

LARGEST_ERRORS = 1_000_000
"""Bytes: then the file of errors makes room for a new one, and the one before that is forgotten."""

app = typer.Typer(
    name="manage.py",
    help=help_text("ContractBridge keeps Autotask contracts equal to what customers really use."),
    epilog=help_text("Exit codes: 0 done, 1 something failed or is held, 2 wrong use. --language en|nl anywhere."),
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)
for module in (server, demo, syncing, charges, reports, closing, records, subscriptions, backup, keys):
    module.register(app)
for name, group in (
    ("alerts", alerts.group),
    ("portal", portals.group),
    ("workspace", workspace.group),
    ("audit", records.audit_group),
    ("user", records.user_group),
):
    app.add_typer(group, name=name)


def run(arguments: list[str]) -> int:
    """One command, from its words to its exit code."""
    _, words = language_of(arguments, os.environ)
    as_json = "--json" in words
    level = logging.INFO if words[:1] in (["run"], ["worker"]) else logging.WARNING
    logs.configure(os.environ.get("CONTRACTBRIDGE_LOG_FORMAT", "text"), level)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        code = app(words, prog_name="manage.py", standalone_mode=False)
    except TyperException as error:
        say(getattr(error, "message", "") or error.format_message(), to_error=bool(words))
        if words and error.exit_code == 2:
            say(T("`--help` behind the command says how to use it."), to_error=True)
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        say(T("Stopped."), to_error=True)
        return 1
    except ContractBridgeError as error:
        return _failed(error, as_json=as_json)
    except Exception as error:  # noqa: BLE001 - the last place before a person: a number instead of a stack trace
        if (trouble := trouble_of(error)) is not None:
            return _failed(trouble, as_json=as_json)
        return _unexpected(error, as_json=as_json)
    return code if isinstance(code, int) else 0


def _failed(error: ContractBridgeError, *, as_json: bool) -> int:
    if as_json:
        document(error_document(error))
    say(error_line(error), to_error=True)
    if isinstance(error, WorkspaceFileError):
        for problem in error.problems:
            say(
                T(
                    "  line {line}: {path}: {message}",
                    line=str(problem.line),
                    path=problem.path,
                    message=problem.message,
                ),
                to_error=True,
            )
    if error.detail:
        log.info("command.failed", detail=error.detail)
    return 2 if error.kind in WRONG_USE else 1


def _unexpected(error: Exception, *, as_json: bool) -> int:
    """Our own mistake: the stack trace goes to a file in the data directory, a number to the person."""
    number = secrets.token_hex(4)
    place = _keep(number, error)
    text = T(
        "Something went wrong inside ContractBridge (number {number}). The details are in {place}.",
        number=number,
        place=place,
    )
    if as_json:
        document(error_document(ContractBridgeError(text, kind="internal")))
    say(text, to_error=True)
    return 1


def _keep(number: str, error: Exception) -> str:
    lines = "".join(traceback.format_exception(error))
    entry = f"{datetime.now(UTC).isoformat()} {number}\n{logs.redact(lines)}\n"
    try:
        path = Settings.load().home / "errors.log"
        if path.exists() and path.stat().st_size > LARGEST_ERRORS:
            path.replace(path.with_name("errors.old.log"))
        with path.open("a", encoding="utf-8") as file:
            file.write(entry)
    except (OSError, ValueError):
        sys.stderr.write(entry)
        return "stderr"
    return str(Path(path))
