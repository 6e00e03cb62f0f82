"""What was done and who may do it: `audit`, `user`, `doctor`."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from core.cli.opened import opened
from core.cli.portals import AsJson
from core.cli.words import document, help_text, say, table, words
from core.domain.errors import InputError
from core.domain.text import T
from core.services.access import Role

audit_group = typer.Typer(
    help=help_text("The audit: what was done, by whom."), no_args_is_help=True, rich_markup_mode=None
)
user_group = typer.Typer(help=help_text("People who may sign in."), no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("doctor", help=help_text("What is set up, what is wrong, what to do."))(doctor)


@audit_group.command(
    "verify", help=help_text("Check that no entry of the audit and the ledger was changed or removed.")
)
def verify(as_json: AsJson = False) -> int:
    from core.services import activity

    with opened() as (ctx, actor):
        checks = activity.verify_chains(ctx, actor)
        ok = all(check.ok for check in checks)
        if as_json:
            document(
                {
                    "ok": ok,
                    "chains": [
                        {
                            "name": check.chain,
                            "ok": check.ok,
                            "entries": check.entries,
                            "broken_at": check.broken_at,
                            "message": words(check.message),
                        }
                        for check in checks
                    ],
                }
            )
        else:
            for check in checks:
                say(check.message)
    return 0 if ok else 1


@audit_group.command("export", help=help_text("Write the audit as CSV; - writes to the screen."))
def export(file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, allow_dash=True)]) -> int:
    from core.services import activity

    with opened() as (ctx, actor):
        if str(file) == "-":
            for chunk in activity.export_audit(ctx, actor):
                sys.stdout.write(chunk)
            return 0
        try:
            with file.open("w", encoding="utf-8-sig", newline="") as out:
                out.writelines(activity.export_audit(ctx, actor))
        except OSError as error:
            raise InputError(
                T("The file cannot be written: {reason}.", reason=error.strerror or "?"), place=str(file)
            ) from None
        say(T("The audit is in {file}.", file=str(file)), to_error=True)
    return 0


@user_group.command(
    "add", help=help_text("Add a person. The password comes from CONTRACTBRIDGE_USER_PASSWORD or is asked for.")
)
def add_user(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    role: Annotated[Role, typer.Option("--role", help=help_text("What the person may do."))],
    as_json: AsJson = False,
) -> int:
    from core.services import people

    with opened() as (ctx, actor):
        password, made = _password()
        person_id = people.add_person(ctx, actor, name, password, role)
        if as_json:
            document({"id": person_id, "name": name, "role": role.value, "password": password if made else None})
        else:
            say(T("{name} may sign in as {role}.", name=name, role=role.value))
            if made:
                say(T("Password, shown this once: {password}", password=password))
    return 0


def _password() -> tuple[str, bool]:
    """The new person's password, and whether it was made up here because nobody could be asked."""
    from core.services import passwords

    given = os.environ.get("CONTRACTBRIDGE_USER_PASSWORD", "")
    if given:
        return given, False
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return passwords.made_up(), True
    first = getpass.getpass(words(T("Password: ")), stream=sys.stderr)
    if first != getpass.getpass(words(T("Once more: ")), stream=sys.stderr):
        raise InputError(T("The two passwords are not the same."), kind="usage")
    return first, False


def doctor(as_json: AsJson = False) -> int:
    from core.services import doctor as service

    with opened() as (ctx, actor):
        checks = service.examine(ctx, actor)
        worst = any(check.state == "wrong" for check in checks)
        if as_json:
            document(
                {
                    "ok": not worst,
                    "checks": [
                        {
                            "code": c.code,
                            "name": c.name,
                            "state": c.state,
                            "message": words(c.message),
                            "remedy": words(c.remedy),
                        }
                        for c in checks
                    ],
                }
            )
        else:
            table(
                [T("What"), T("State"), T("Found"), T("Code")],
                [(T(c.name), T(c.state), f"{words(c.message)} {words(c.remedy)}".strip(), c.code) for c in checks],
            )
    return 1 if worst else 0
