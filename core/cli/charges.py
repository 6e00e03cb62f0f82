"""Consumption as contract charges: `charges`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.opened import opened
from core.cli.portals import AsJson
from core.cli.words import Cents, document, help_text, money, say, table, words
from core.domain.errors import InputError
from core.domain.text import Money, T, Text

if TYPE_CHECKING:
    from core.services.charges import ChargesOverview


def register(app: typer.Typer) -> None:
    """Add this file's command."""
    app.command("charges", help=help_text("Contract charges for consumption: planned, applied, totals; approve them."))(
        charges
    )


def charges(
    period: Annotated[
        str, typer.Option("--period", metavar="YYYY-MM", help=help_text("Only this month, as 2026-10."))
    ] = "",
    apply: Annotated[
        list[str] | None,
        typer.Option("--apply", metavar="ID", help=help_text("Approve and write this charge; may be repeated.")),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--apply-all", help=help_text("Approve and write all charges, held ones too."))
    ] = False,
    reverse: Annotated[
        int | None, typer.Option("--reverse", metavar="RUN", help=help_text("Propose the opposite of a run's charges."))
    ] = None,
    as_json: AsJson = False,
) -> int:
    from core.services import charges as service
    from core.services import charging_decisions as deciding
    from core.services.paging import PageQuery
    from core.services.sync import apply_now

    first = _month(period)
    failed = False
    with opened() as (ctx, actor):
        if reverse is not None:
            deciding.reverse_charges(ctx, actor, reverse)
        if apply or everything:
            ids = deciding.approve_all(ctx, actor) if everything else deciding.approve(ctx, actor, apply or [])
            summary = apply_now(ctx, actor, ids) if ids else None
            failed = summary is not None and (summary.status == "failed" or bool(summary.charges.get("failed")))
            if summary is not None and summary.error is not None:
                say(summary.error, to_error=True)
        found = service.overview(ctx, actor, first, PageQuery(limit=500))
        if as_json:
            document(_document(found))
        else:
            _show(found)
    held = any(change.status.value == "held" for change in found.changes)
    return 1 if failed or held else 0


def _month(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise InputError(T("{text} is not a month; write it as 2026-10.", text=text), kind="usage") from None


def _document(found: ChargesOverview) -> dict[str, object]:
    return {
        "charges": [
            {
                "key": row.key,
                "portal": row.portal,
                "company": row.company,
                "customer": row.customer,
                "contract_id": row.contract_id,
                "period_start": row.period_start,
                "period_end": row.period_end,
                "name": row.name,
                "description": row.description,
                "currency": row.currency,
                "cost": row.cost,
                "price": row.price,
                "in_autotask": row.in_autotask,
                "billed": row.billed,
                "charge_ids": list(row.charge_ids),
                "status": row.status,
            }
            for row in found.page.rows
        ],
        "changes": [
            {
                "id": change.id,
                "kind": change.kind.value,
                "portal": change.portal,
                "customer": change.customer,
                "contract_id": change.contract_id,
                "period_start": change.period_start,
                "title": change.title,
                "from": change.before.price if change.before else None,
                "to": change.after.price if change.after else None,
                "status": change.status.value,
                "reason": words(change.reason),
                "holds": [words(hold) for hold in change.holds],
            }
            for change in found.changes
        ],
        "findings": [
            {
                "kind": finding.kind.value,
                "portal": finding.portal,
                "subject": finding.subject,
                "message": words(finding.message),
                "remedy": words(finding.remedy),
                "candidates": [{"id": key, "label": label} for key, label in finding.candidates],
            }
            for finding in found.findings
        ],
        "totals": [
            {
                "company": one.company,
                "period_start": one.period_start,
                "currency": one.currency,
                "price": one.price,
                "charges": one.charges,
            }
            for one in found.totals
        ],
        "total": next(iter(found.sums.values()), 0) if len(found.sums) < 2 else None,
        "sums": dict(found.sums),
        "count": found.page.total,
    }


STATES: Mapping[str, Text] = {
    "right": T("Done"), "ready": T("Ready"), "needs_approval": T("To approve"), "held": T("Held"),
    "approved": T("Approved"), "dismissed": T("Dismissed"),
}  # fmt: skip
"""The status of a charge as people read it; `--json` has the codes."""


def _show(found: ChargesOverview) -> None:
    if found.page.rows:
        table(
            [
                T("Company"),
                T("Period"),
                T("Charge"),
                T("Currency"),
                T("Cost"),
                T("Price"),
                T("In Autotask"),
                T("Status"),
            ],
            [
                (
                    row.company,
                    row.period_start,
                    row.name,
                    row.currency,
                    Cents(row.cost),
                    Cents(row.price),
                    Cents(row.in_autotask),
                    STATES.get(row.status, row.status),
                )
                for row in found.page.rows
            ],
        )
    else:
        say(T("There are no charges: no consumption of a mapped customer is known."))
    for change in found.changes:
        before, after = (
            Money(one.price if one else Decimal(0), change.currency) for one in (change.before, change.after)
        )
        say(
            T(
                "{id}: {customer}, {title}: from {before} to {after}, {status}. {reason}", id=change.id, customer=change.customer,
                title=change.title, before=before, after=after,
                status=STATES.get(change.status.value, change.status.value), reason=change.reason,
            )
        )  # fmt: skip
        for hold in change.holds:
            say(hold)
    for finding in found.findings:
        say(T("{first} {second}", first=finding.message, second=finding.remedy) if finding.remedy else finding.message)
    say(T("In all {total} in {count} charges.", total=money(found.sums), count=found.page.total))
