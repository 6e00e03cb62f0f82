"""`workspace apply FILE`, `workspace export FILE`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from core.cli.opened import opened
from core.cli.portals import AsJson
from core.cli.words import document, help_text, say, words
from core.domain.errors import InputError
from core.domain.text import T

group = typer.Typer(
    help=help_text("The whole workspace as one YAML file."), no_args_is_help=True, rich_markup_mode=None
)


@group.command("apply", help=help_text("Make the workspace equal to a YAML file; again changes nothing."))
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, allow_dash=True)],
    as_json: AsJson = False,
) -> int:
    from core.services import workspace

    text = _read(file)
    with opened() as (ctx, actor):
        result = workspace.apply_workspace(ctx, actor, text, os.environ, place=str(file))
        if as_json:
            document(
                {
                    "created": result.created,
                    "changed": result.changed,
                    "deleted": result.deleted,
                    "unchanged": result.unchanged,
                    "steps": [words(step) for step in result.steps],
                    "notes": [words(note) for note in result.notes],
                }
            )
        else:
            for step in (*result.steps, *result.notes):
                say(step)
            say(result.summary)
    return 0


@group.command(
    "export", help=help_text("Write the workspace as a YAML file, secrets as ${VARIABLE}; - writes to the screen.")
)
def export(file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, allow_dash=True)]) -> int:
    from core.services import workspace

    with opened() as (ctx, actor):
        text = workspace.export_workspace(ctx, actor)
    if str(file) == "-":
        sys.stdout.write(text)
    else:
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(
                T("The file cannot be written: {reason}.", reason=error.strerror or "?"), place=str(file)
            ) from None
        say(T("The workspace is in {file}.", file=str(file)), to_error=True)
    return 0


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(T("The file is not UTF-8 text."), place=str(file), kind="workspace_file") from None
    except OSError as error:
        raise InputError(
            T("The file cannot be read: {reason}.", reason=error.strerror or "?"), place=str(file), kind="usage"
        ) from None
