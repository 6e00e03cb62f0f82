"""Back-ups and moving house: `backup`, `restore`, `migrate-database`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from core.cli.opened import opened, terminal_actor
from core.cli.portals import AsJson
from core.cli.words import document, help_text, say
from core.domain.text import T

KEPT = 14
"""So many back-ups stay in a directory, unless told otherwise."""


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("backup", help=help_text("Write a back-up of database and uploads, while everything goes on."))(backup)
    app.command("restore", help=help_text("Put a back-up into an empty database."))(restore)
    app.command("migrate-database", help=help_text("Copy everything into another, empty database."))(migrate_database)


def backup(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", dir_okay=False, show_default=False)] = None,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="DIRECTORY", file_okay=False, show_default=False,
                     help=help_text("Into this directory instead, with the time in its name.")),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option("--keep", min=1, show_default=False,
                     help=help_text("With --into: so many of them stay, the newest ones (14).")),
    ] = None,
    as_json: AsJson = False,
) -> int:  # fmt: skip
    from core.services import backup as service

    if (file is None) == (into is None) or (keep is not None and into is None):
        raise typer.BadParameter("FILE | --into DIRECTORY [--keep N]")
    gone = 0
    with opened() as (ctx, actor):
        if into is not None:
            file, made, gone = service.make_into(ctx, actor, into, keep or KEPT)
        elif file is not None:
            made = service.make(ctx, actor, file)
    if as_json:
        told = {"file": str(file), "size": made.size, "rows": dict(made.rows), "files": made.files}
        document(told | ({"removed": gone} if into is not None else {}))
    else:
        say(T("{rows} rows and {files} files are in {file}.", rows=made.total, files=made.files, file=str(file)))
        if gone:
            say(T("{count} older ones were removed.", count=gone))
        say(T("The key of the stored credentials is not in it; keep it apart."))
    return 0


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, exists=True)],
    replace: Annotated[
        bool, typer.Option("--replace", help=help_text("Set the SQLite database that is there aside first."))
    ] = False,
    as_json: AsJson = False,
) -> int:
    from core.services import backup as service
    from core.settings import Settings

    settings = Settings.load()
    now = datetime.now(UTC)
    done = service.restore(terminal_actor(), file, settings.database, settings.home, now, replace=replace)
    if as_json:
        document({"made_at": done.made_at.isoformat(), "rows": dict(done.rows), "files": done.files})
    else:
        say(
            T(
                "{rows} rows and {files} files are back, as of {moment}.",
                rows=done.total,
                files=done.files,
                moment=done.made_at,
            )
        )
        say(T("Autotask went on since then: look at the plan before you approve."))
    return 0


def migrate_database(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help=help_text("postgresql://user@host/name; - reads it, with a password, from the input")
        ),
    ],
    as_json: AsJson = False,
) -> int:
    from core.services import backup as service
    from core.settings import Settings

    # Everybody on the machine can read a command line; nobody can read what is piped into it.
    target = sys.stdin.readline().strip() if url == "-" else url
    rows = service.move(terminal_actor(), Settings.load().database, target, datetime.now(UTC))
    if as_json:
        document({"rows": rows, "total": sum(rows.values())})
    else:
        say(T("{rows} rows were copied and compared one by one.", rows=sum(rows.values())))
        say(T("Set CONTRACTBRIDGE_DATABASE_URL to the new address and start again; the old database stays as it is."))
    return 0
