"""`invoice`: a vendor's invoice is checked. `month-end`: gates, the next invoice, signing, evidence."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.opened import opened
from core.cli.portals import AsJson
from core.cli.words import document, help_text, say, table, words
from core.domain.errors import InputError
from core.domain.text import Money, T

if TYPE_CHECKING:
    from core.reporting import Report
    from core.services.access import Actor
    from core.services.context import Context
    from core.services.invoice_check import InvoiceCheck
    from core.services.month_end import MonthEnd

group = typer.Typer(
    help=help_text("The end of a month: what is open, the next invoice, signing, evidence."),
    no_args_is_help=True,
    rich_markup_mode=None,
)
Month = Annotated[str, typer.Argument(metavar="YYYY-MM")]


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("invoice", help=help_text("Check a vendor's invoice against own records and Autotask."))(invoice)
    app.add_typer(group, name="month-end")


def invoice(
    portal: Annotated[str, typer.Argument(metavar="PORTAL")],
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)],
    month: Annotated[
        str,
        typer.Option("--month", metavar="YYYY-MM", help=help_text("The month of the invoice; default the file's own.")),
    ] = "",
    columns: Annotated[
        str,
        typer.Option(
            "--columns", metavar="JSON", help=help_text("Columns, as in settings of the file connector; remembered.")
        ),
    ] = "",
    count: Annotated[
        str, typer.Option("--count", help=help_text("How the vendor counts: day, maximum, average or end; remembered."))
    ] = "",
    day: Annotated[int, typer.Option("--day", min=1, max=31, help=help_text("The day that counts."))] = 1,
    preview: Annotated[bool, typer.Option("--preview", help=help_text("Keep nothing."))] = False,
    as_json: AsJson = False,
) -> int:
    """Exit code 1 when something differs."""
    from core.domain.consumption_lines import month_of
    from core.domain.invoice.model import Count, Period
    from core.services import invoice_check

    chosen = _columns(columns)
    period = Period(*month_of(_month(month))) if month else None
    with opened() as (ctx, actor):
        settings = invoice_check.invoice_settings(ctx, actor, portal).check
        if count:
            if count not in list(Count):
                raise InputError(T("Count is day, maximum, average or end."), kind="usage")
            settings = settings.model_copy(update={"count": Count(count), "day": day})
        act = invoice_check.preview_invoice if preview else invoice_check.check_invoice
        made = act(ctx, actor, portal, file.read_bytes(), file.name, period=period, columns=chosen, check=settings)
        if as_json:
            _as_document(ctx, actor, invoice_check.check_report(ctx, actor, made))
        else:
            _tell_check(made)
    return 1 if made.totals.open else 0


@group.command("show", help=help_text("What is open, and what the next invoice contains."))
def show(month: Month, as_json: AsJson = False) -> int:
    """Exit code 1 as long as something is open."""
    from core.services import month_end

    with opened() as (ctx, actor):
        shown = month_end.month_end(ctx, actor, _month(month))
        if as_json:
            _as_document(ctx, actor, month_end.month_report(ctx, actor, shown), digest=shown.digest)
        else:
            _tell_month(shown)
    return 1 if shown.open_gates or not shown.live else 0


@group.command("sign", help=help_text("Sign for a month as it is now; open points need --remark."))
def sign(
    month: Month,
    remark: Annotated[str, typer.Option("--remark", help=help_text("Why it is closed all the same."))] = "",
) -> int:
    from core.services import month_end

    with opened() as (ctx, actor):
        shown = month_end.month_end(ctx, actor, _month(month))
        signed = month_end.sign_off(ctx, actor, _month(month), shown.digest, remark)
        say(
            T(
                "Signed by {person} on {moment} for {amount}.",
                person=signed.person,
                moment=signed.at,
                amount=Money(signed.to_bill),
            )
        )
    return 0


@group.command("evidence", help=help_text("Write the evidence of the last signature: a zip."))
def evidence(month: Month, output: Annotated[Path, typer.Option("--output", dir_okay=False)]) -> int:
    from core.services import month_end

    with opened() as (ctx, actor):
        made = month_end.evidence(ctx, actor, _month(month))
    try:
        output.write_bytes(made.content)
    except OSError as error:
        raise InputError(
            T("The file cannot be written: {reason}.", reason=error.strerror or "?"), place=str(output)
        ) from None
    say(T("The report is in {file}.", file=str(output)), to_error=True)
    return 0


@group.command("verify", help=help_text("Check evidence of an earlier month against the ledger and the audit."))
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)], as_json: AsJson = False
) -> int:
    """Exit code 1 when something was changed."""
    from core.services import month_end

    with opened() as (ctx, actor):
        found = month_end.verify_evidence(ctx, actor, file.read_bytes())
        if as_json:
            document(
                {
                    "ok": found.ok,
                    "month": found.month,
                    "person": found.person,
                    "messages": [words(text) for text in found.texts],
                }
            )
        else:
            for text in found.texts:
                say(text)
    return 0 if found.ok else 1


def _tell_check(made: InvoiceCheck) -> None:
    from core.services.reports.invoice import STATES, explained

    heads = (T("Customer"), T("Product"), T("Invoice"), T("Own records"), T("Autotask"), T("State"), T("Explanation"))
    rows = [
        (row.customer, row.product, row.invoice, row.own, row.autotask, STATES[row.state], explained(row))
        for row in made.rows
    ]
    table(heads, rows)
    for text in made.notes:
        say(text)


def _tell_month(shown: MonthEnd) -> None:
    from core.services.reports.month_end import GATES

    for gate in shown.gates:
        say(
            T("{mark} {what}: {message}", mark="+" if gate.passed else "-", what=GATES[gate.name], message=gate.message)
        )
    table(
        (T("Company"), T("To bill"), T("Posted"), T("Without a price")),
        [(one.company, one.to_bill, one.posted, one.unknown) for one in shown.companies],
    )
    for change in shown.changed:
        say(
            T("Changed since it was signed: {company}, {before} became {after}.", company=change.company,
              before=_or_dash(change.signed), after=_or_dash(change.now))
        )  # fmt: skip
    for text in shown.notes:
        say(text)


def _or_dash(amount: Decimal | None) -> object:
    return "-" if amount is None else Money(amount)


def _as_document(ctx: Context, actor: Actor, report: Report, **more: object) -> None:
    from core.reporting.json_form import as_document
    from core.services.reports import style_of

    document({**as_document(report, style_of(ctx, actor)), **more})


def _columns(text: str) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(
            T("Columns are written as JSON: {example}", example='{"product": "Item", "quantity": "Qty"}'), kind="usage"
        )
    return found


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise InputError(T("{text} is not a month; write it as 2026-10.", text=text), kind="usage") from None
