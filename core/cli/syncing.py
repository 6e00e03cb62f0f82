"""The main job: `import`, `sync`, `plan`, `apply`, `reverse`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.opened import opened
from core.cli.portals import AsJson, line_document, lines_table
from core.cli.words import document, help_text, say, table, words
from core.domain.errors import InputError
from core.domain.text import T, Text

if TYPE_CHECKING:
    from core.domain.plan import Change
    from core.services.planning import NamedPlan
    from core.services.sync import SyncSummary


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("import", help=help_text("Read one file into a portal, as an upload does."))(import_file)
    app.command("sync", help=help_text("Read, plan, apply what policy allows, verify."))(sync)
    app.command("plan", help=help_text("The current plan: changes and findings. Nothing is written."))(plan)
    app.command("apply", help=help_text("Approve changes and apply them."))(apply)
    app.command("reverse", help=help_text("Propose the opposite plan of a run."))(reverse)


def import_file(
    portal: Annotated[str, typer.Argument(metavar="PORTAL")],
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)],
    as_json: AsJson = False,
    again: Annotated[bool, typer.Option("--again", help=help_text("Also when this very file came in before."))] = False,
) -> int:
    from core.services import uploads

    with opened() as (ctx, actor):
        outcome = uploads.import_file(ctx, actor, portal, file, file.name, again=again)
        if as_json:
            document(
                {
                    "portal": portal,
                    "outcome": outcome.outcome,
                    "stored": outcome.stored,
                    "lines": [line_document(line) for line in outcome.lines],
                    "notes": [{"kind": n.kind, "message": words(n.message)} for n in outcome.issues if not n.error],
                    "errors": [
                        {
                            "kind": e.kind,
                            "sheet": e.sheet,
                            "row": e.row,
                            "column": e.column,
                            "text": e.text,
                            "message": words(e.message),
                        }
                        for e in outcome.issues
                        if e.error
                    ],
                }
            )
        else:
            lines_table(outcome.lines[:50])
            if len(outcome.lines) > 50:
                say(T("… and {count} more.", count=len(outcome.lines) - 50))
            for issue in outcome.issues:
                say(issue.message, to_error=issue.error)
            say(outcome.summary, to_error=outcome.outcome == "rejected")
    return 0 if outcome.outcome in ("ok", "ok_with_notes") else 1


def sync(
    portal: Annotated[
        list[str] | None, typer.Option("--portal", help=help_text("Only this portal; may be repeated."))
    ] = None,
    no_apply: Annotated[bool, typer.Option("--no-apply", help=help_text("Write nothing to Autotask."))] = False,
    as_json: AsJson = False,
) -> int:
    from core.services import sync as service

    with opened() as (ctx, actor):
        summary = service.run_sync(
            ctx, actor, portal or None, apply=not no_apply, progress=None if as_json else _progress
        )
        _show_summary(summary, as_json=as_json)
    return _exit_code(summary)


def plan(as_json: AsJson = False) -> int:
    from core.services import planning

    with opened() as (ctx, actor):
        found = planning.named_plan(ctx, actor)
        if as_json:
            document(plan_document(found))
        else:
            _show_plan(found)
    return 0


def apply(
    change: Annotated[
        list[str] | None, typer.Option("--change", metavar="ID", help=help_text("This change; may be repeated."))
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help=help_text("All changes of the plan, held ones too."))
    ] = False,
    as_json: AsJson = False,
) -> int:
    from core.services import decisions
    from core.services import sync as service

    if bool(change) == everything:
        raise InputError(T("Say which changes: --change ID (may be repeated), or --all."), kind="usage")
    with opened() as (ctx, actor):
        if everything:
            decisions.approve_all(ctx, actor)
        else:
            decisions.approve(ctx, actor, change or [])
        summary = service.apply_now(ctx, actor, change or None, progress=None if as_json else _progress)
        _show_summary(summary, as_json=as_json)
    return _exit_code(summary)


def reverse(run: Annotated[int, typer.Argument(metavar="RUN")], as_json: AsJson = False) -> int:
    from core.services import planning, reversing, runs

    with opened() as (ctx, actor):
        runs.run_state(ctx, actor, run)
        reversing.reverse_run(ctx, actor, run)
        found = planning.named_plan(ctx, actor)
        if as_json:
            document(plan_document(found))
        else:
            _show_plan(found)
            say(T("Nothing is written yet: look at it, then `apply`."))
    return 0


def plan_document(found: NamedPlan) -> dict[str, object]:
    """The plan as DESIGN §6 has it."""
    return {
        "changes": [_change_document(change, found) for change in found.plan.changes],
        "findings": [
            {
                "kind": finding.kind.value,
                "portal": finding.portal,
                "subject": finding.subject,
                "message": words(finding.message),
                "remedy": words(finding.remedy),
                "company": found.company(finding.company_id),
                "candidates": [{"id": key, "label": label} for key, label in finding.candidates],
            }
            for finding in found.plan.findings
        ],
        "unchanged": found.plan.unchanged,
        "checksum": found.plan.checksum,
    }


def _change_document(change: Change, found: NamedPlan) -> dict[str, object]:
    return {
        "id": change.id,
        "kind": change.kind.value,
        "company": found.company(change.company_id),
        "company_id": change.company_id,
        "contract_id": change.contract_id,
        "contract_service_id": change.line.id if change.line else None,
        "line_kind": change.line.kind.value if change.line else change.item.kind.value,
        "service": found.service(change),
        "service_id": change.item.id,
        "from": change.from_units,
        "to": change.to_units,
        "effective_date": change.effective_date,
        "status": change.status.value,
        "reason": words(change.reason),
        "holds": [words(hold) for hold in change.holds],
        "money_per_period": change.money_per_period,
        "unit_price": change.unit_price,
        "unit_cost": change.unit_cost,
        "explanation": [words(step) for step in change.explanation],
        "sources": [
            {
                "portal": source.portal,
                "customer": source.line.usage.customer,
                "customer_id": source.line.usage.customer_id,
                "product": source.line.usage.product,
                "product_key": source.line.usage.product_key,
                "quantity": source.line.quantity,
                "origin": " ".join(filter(None, (source.line.usage.origin.source, source.line.usage.origin.place))),
            }
            for source in change.sources
        ],
    }


def _show_plan(found: NamedPlan) -> None:
    if found.plan.changes:
        show_changes(found.plan.changes, found)
    else:
        say(T("Nothing to change: {count} contract lines are right.", count=found.plan.unchanged))
    for finding in found.plan.findings:
        told = finding.message
        say(T("{first} {second}", first=told, second=finding.remedy) if finding.remedy else told)


def show_changes(changes: Sequence[Change], found: NamedPlan) -> None:
    """A table of what changes (or changed)."""
    table(
        [T("Id"), T("Company"), T("Service"), T("From"), T("To"), T("Date"), T("Status"), T("Why")],
        [
            (
                c.id,
                found.company(c.company_id),
                found.service(c),
                c.from_units,
                c.to_units,
                c.effective_date,
                T(c.status.value),
                c.reason,
            )
            for c in changes
        ],
    )


def _show_summary(summary: SyncSummary, *, as_json: bool) -> None:
    if as_json:
        document(summary.as_json())
        return
    for portal in summary.portals:
        say(
            T("{name}: {status}, {lines} lines", name=portal.name, status=T(portal.status), lines=portal.lines)
            if portal.error is None
            else T("{name}: {error}", name=portal.name, error=portal.error)
        )
    if summary.error is not None:
        say(summary.error, to_error=True)
    changes = summary.changes
    say(
        T(
            "Run {run}: {planned} planned, {applied} applied, {held} held, {failed} failed, {unchanged} unchanged.",
            run=str(summary.run_id),
            **{name: changes.get(name, 0) for name in ("planned", "applied", "held", "failed", "unchanged")},
        )
    )
    if any(summary.charges.values()):
        say(
            T(
                "Charges: {planned} planned, {applied} applied, {held} held, {failed} failed, {unchanged} unchanged.",
                **{
                    name: summary.charges.get(name, 0) for name in ("planned", "applied", "held", "failed", "unchanged")
                },
            )
        )
    for kind, count in summary.findings.items():
        say(T("{kind}: {count}", kind=T(kind), count=count))


def _exit_code(summary: SyncSummary) -> int:
    """1 when something failed or waits for a person."""
    waiting = sum(counts.get(name, 0) for counts in (summary.changes, summary.charges) for name in ("held", "failed"))
    failed = any(portal.status == "failed" for portal in summary.portals)
    return 1 if failed or waiting or summary.status == "failed" else 0


def _progress(done: int, total: int, text: Text) -> None:
    """One line a step, on standard error, where a person looks on."""
    if sys.stderr.isatty():
        say(T("[{done}/{total}] {text}", done=done, total=total, text=text), to_error=True)
