"""`alerts`: what is open, a test of a channel, and sending what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.opened import opened
from core.cli.portals import AsJson
from core.cli.words import document, help_text, say, table
from core.domain.errors import InputError
from core.domain.text import T
from core.services.paging import MOST_ROWS, PageQuery

if TYPE_CHECKING:
    from core.services.alerts import AlertView

SEVERITIES = {"critical": T("Critical"), "warning": T("Warning"), "info": T("For information")}

group = typer.Typer(help=help_text("Alerts: what is open; test a channel; send what waits."), no_args_is_help=False)


@group.callback(invoke_without_command=True)
def alerts(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help=help_text("Those that are over too."))] = False,
    as_json: AsJson = False,
) -> int | None:
    """What is open; exit code 1 when something critical is."""
    if context.invoked_subcommand is not None:
        return None
    from core.services import alerts as service

    with opened() as (ctx, actor):
        page = service.alerts(ctx, actor, PageQuery(status="" if every else "open", limit=MOST_ROWS))
    if as_json:
        document({"alerts": [_plain(row) for row in page.rows], "total": page.total})
    elif page.rows:
        table(
            [T("Severity"), T("Since"), T("Told"), T("Alert")],
            [[SEVERITIES[row.severity], row.opened_at, row.times, row.title] for row in page.rows],
        )
    else:
        say(T("Nothing is open."))
    return 1 if any(row.severity == "critical" and row.state != "resolved" for row in page.rows) else 0


@group.command("test", help=help_text("Send a test over a channel."))
def test(name: Annotated[str, typer.Argument(metavar="CHANNEL")]) -> int:
    from core.services import alerts as service

    with opened() as (ctx, actor):
        known = {card.name: card.id for card in service.channels(ctx, actor)}
        if name not in known:
            raise InputError(
                T("There is no channel {name}. There are: {known}.", name=name, known=tuple(known) or ("–",)),
                kind="usage",
            )
        result = service.test_channel(ctx, actor, known[name])
    say(result.message, to_error=not result.ok)
    if result.remedy is not None:
        say(result.remedy, to_error=True)
    return 0 if result.ok else 1


@group.command("send", help=help_text("Look for alerts and send what is due, where no engine runs."))
def send() -> int:
    from core.services import alerts as service

    with opened() as (ctx, actor):
        service.evaluate(ctx, actor)
        service.queue_statements(ctx, actor)
        count = service.deliver(ctx, actor)
    say(T("{count} messages were sent or given up.", count=count))
    return 0


def _plain(row: AlertView) -> dict[str, object]:
    return {
        "id": row.id, "kind": row.kind, "severity": row.severity, "state": row.state, "message": row.title,
        "details": list(row.details), "portals": list(row.portals), "since": row.opened_at, "resolved": row.resolved_at,
        "told": row.times, "sent": row.sent_at, "due": row.due_at,
    }  # fmt: skip
