"""`report`: what was used, as CSV, Excel, PDF or JSON."""

from __future__ import annotations

import sys
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.opened import opened
from core.cli.words import help_text, say
from core.domain.errors import InputError
from core.domain.text import T

if TYPE_CHECKING:
    from core.reporting import Rendered


class Format(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"
    JSON = "json"


BINARY = (Format.XLSX, Format.PDF)


def register(app: typer.Typer) -> None:
    """Add this file's command."""
    app.command(
        "report",
        help=help_text(
            "As-of, vendor, customer, compare, development: what was used. Invoice, margin, leakage, next-invoice: money."
        ),
    )(report)


def report(  # noqa: PLR0913, PLR0917 - options of a command
    which: Annotated[str, typer.Argument(metavar="NAME")],
    day: Annotated[
        str, typer.Option("--date", help=help_text("A day or moment, as 2026-10-31 or 2026-10-31T14:30; default now."))
    ] = "",
    month: Annotated[str, typer.Option("--month", help=help_text("The end of a month, as 2026-10."))] = "",
    other: Annotated[str, typer.Option("--with", help=help_text("compare: the other day or moment."))] = "",
    months: Annotated[int, typer.Option("--months", min=1, max=120, help=help_text("How far back, in months."))] = 12,
    customer: Annotated[str, typer.Option("--customer", help=help_text("Only this customer or company."))] = "",
    portal: Annotated[str, typer.Option("--portal", help=help_text("Only this portal."))] = "",
    product: Annotated[str, typer.Option("--product", help=help_text("Only this product."))] = "",
    form: Annotated[Format, typer.Option("--format")] = Format.CSV,
    output: Annotated[
        Path | None, typer.Option("--output", dir_okay=False, help=help_text("Write to this file."))
    ] = None,
) -> int:
    from core.reporting import Form
    from core.services import reports

    asked = reports.Asked(
        moment=_moment(day), month=_month(month), other=_moment(other), months=months, customer=customer, portal=portal,
        product=product,
    )  # fmt: skip
    with opened() as (ctx, actor):
        made = reports.export(ctx, actor, which, Form(form.value), asked)
    _deliver(made, form, output)
    return 0


def _deliver(made: Rendered, form: Format, output: Path | None) -> None:
    if output is not None:
        try:
            output.write_bytes(made.content)
        except OSError as error:
            raise InputError(
                T("The file cannot be written: {reason}.", reason=error.strerror or "?"), place=str(output)
            ) from None
        say(T("The report is in {file}.", file=str(output)), to_error=True)
        return
    if form in BINARY and sys.stdout.isatty():
        raise InputError(T("Say where the report goes: `--output FILE`."), kind="usage")
    if form in BINARY:
        sys.stdout.buffer.write(made.content)
        sys.stdout.buffer.flush()
    else:
        sys.stdout.write(made.content.decode())


def _moment(text: str) -> date | datetime | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text) if len(text) <= len("2026-10-31") else datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            T("{text} is not a day; write it as 2026-10-31, or with a time as 2026-10-31T14:30.", text=text),
            kind="usage",
        ) from None


def _month(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise InputError(T("{text} is not a month; write it as 2026-10.", text=text), kind="usage") from None
