"""`demo`: the main job in the terminal, with nothing needed: a sandbox Autotask, sample exports, and a workspace of its own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from core.cli.portals import AsJson
from core.cli.words import document, help_text, money, say, set_zone, table
from core.domain.text import T, Text

if TYPE_CHECKING:
    from connectors.autotask.sandbox import SandboxServer
    from core.domain.finding import Finding
    from core.domain.plan import Change
    from core.services.access import Actor
    from core.services.context import Context
    from core.services.planning import NamedPlan


def register(app: typer.Typer) -> None:
    """Add this file's command."""
    words = "The main job in under a minute: sandbox Autotask, sample exports, plan, apply, verify."
    app.command("demo", help=help_text(words))(demo)


def demo(as_json: AsJson = False) -> int:
    started = time.monotonic()
    with _workspace() as (ctx, actor, sandbox):
        show = _Show(quiet=as_json)
        found = _main_job(ctx, actor, sandbox, show)
        seconds = round(time.monotonic() - started, 1)
        if as_json:
            document(found.document | {"duration_s": seconds})
        else:
            say(
                T(
                    "Done in {seconds} seconds. Nothing of it is kept; `run --demo` shows the same in the browser.",
                    seconds=str(seconds),
                )
            )
    return 0 if found.ok else 1


@contextmanager
def _workspace() -> Iterator[tuple[Context, Actor, SandboxServer]]:
    """A sandbox and an empty workspace in a directory that goes away; nothing of the machine's own workspace is touched."""
    from connectors.autotask.sandbox import SandboxServer
    from connectors.autotask.sandbox.demo import demo_data
    from core import bootstrap
    from core.cli.words import LANGUAGE
    from core.services import access
    from core.settings import Settings

    with tempfile.TemporaryDirectory(prefix="contractbridge-demo-", ignore_cleanup_errors=True) as home:
        settings = Settings(home=Path(home), database_url="", secret_key=None, admin_password=None, demo=True)
        app = bootstrap.build(settings)
        try:
            set_zone(app.zone)
            with SandboxServer(demo_data(app.context.clock.today())) as sandbox:
                yield app.context, access.terminal("demo", LANGUAGE), sandbox
        finally:
            app.close()


@dataclass(frozen=True, slots=True)
class _Show:
    """Tells the steps; silent where one JSON document is wanted."""

    quiet: bool

    def step(self, text: Text) -> None:
        if not self.quiet:
            say(text)

    def table(self, headings: list[Text], rows: list[tuple[Any, ...]]) -> None:
        if not self.quiet:
            table(headings, rows)


@dataclass(frozen=True, slots=True)
class _Found:
    ok: bool
    document: dict[str, Any]


def _main_job(ctx: Context, actor: Actor, sandbox: SandboxServer, show: _Show) -> _Found:
    from core.domain.plan import ChangeStatus
    from core.services import decisions, demo, planning
    from core.services import sync as service

    known = sandbox.credentials
    outcomes = demo.seed_demo(
        ctx, actor, demo.DemoAutotask(sandbox.base_url, known.user_name, known.secret, known.integration_code)
    )
    show.step(T("1. Sandbox Autotask at {address}", address=sandbox.base_url))
    show.step(T("2. Sample exports of {count} portals are read:", count=len(outcomes)))
    for outcome in outcomes:
        show.step(T("   {line}", line=outcome.summary))
    exact, by_hand = demo.map_customers(ctx, actor)
    show.step(T("3. Customers: {exact} by exact name, {by_hand} by hand", exact=exact.saved, by_hand=by_hand.saved))
    same, other = demo.map_products(ctx, actor)
    show.step(T("4. Products: {exact} by exact name, {by_hand} by hand", exact=same, by_hand=other))
    planning.replan(ctx, actor)
    chosen = demo.choose_lines(ctx, actor)
    show.step(T("5. Lines: {count} times several fitted and one was chosen", count=chosen))
    before = planning.named_plan(ctx, actor)
    show.step(
        T(
            "6. Plan: {count} changes, {unchanged} lines are right",
            count=len(before.plan.changes),
            unchanged=before.plan.unchanged,
        )
    )
    decisions.approve(ctx, actor, [one.id for one in before.plan.changes if one.status is not ChangeStatus.HELD])
    applied = service.apply_now(ctx, actor)
    show.step(
        T("7. Applied: {applied} of {planned}", applied=applied.changes["applied"], planned=applied.changes["planned"])
    )
    rows = [
        None if change.status is ChangeStatus.HELD else _verified(change, sandbox) for change in before.plan.changes
    ]
    _show_changes(before, rows, show)
    charged = _charge(ctx, actor, show)
    again = service.run_sync(ctx, actor)
    show.step(T("9. Once more: {planned} changes are left, nothing is written twice", planned=again.changes["planned"]))
    for finding in planning.named_plan(ctx, actor, fresh=False).plan.findings:
        show.step(T("To look at: {message}", message=finding.message))
    for finding in charged.findings:
        show.step(T("To look at: {message}", message=finding.message))
    written = [right for right in rows if right is not None]
    left = len(rows) - len(written)
    ok = bool(written) and all(written) and again.changes["planned"] == again.changes["held"] == left
    ok = ok and charged.written == charged.approved
    ok = ok and all(outcome.outcome != "rejected" for outcome in outcomes)
    changes = [
        {
            "company": before.company(change.company_id),
            "service": before.item(change.item),
            "from": change.from_units,
            "to": change.to_units,
            "effective_date": change.effective_date,
            "verified": verified,
        }
        for change, verified in zip(before.plan.changes, rows, strict=True)
    ]
    return _Found(
        ok,
        {
            "ok": ok,
            "changes": changes,
            "charges": {"written": charged.written, "total": charged.total},
            "findings": dict(again.findings),
            "summary": applied.as_json(),
        },
    )


@dataclass(frozen=True, slots=True)
class _Charged:
    """How many charges were approved and written, what all of them come to, and what keeps others from being charged."""

    approved: int
    written: int
    total: Decimal
    findings: tuple[Finding, ...]


def _charge(ctx: Context, actor: Actor, show: _Show) -> _Charged:
    """Consumption becomes charges: all are approved but those that a limit holds."""
    from core.domain.plan import ChangeStatus
    from core.services import charges, charging_decisions, sync

    found = charges.overview(ctx, actor)
    ids = [one.id for one in found.changes if one.status is not ChangeStatus.HELD]
    ids = charging_decisions.approve(ctx, actor, ids) if ids else []
    counts = sync.apply_now(ctx, actor, ids).charges
    written = counts.get("applied", 0)
    show.step(
        T(
            "8. Consumption: {written} charges written, {held} held; together {total}", written=written,
            held=counts.get("held", 0), total=money(found.sums),
        )
    )  # fmt: skip
    return _Charged(len(ids), written, found.sums.get("EUR", Decimal(0)), found.findings)


def _verified(change: Change, sandbox: SandboxServer) -> bool:
    """Whether the sandbox itself, not our own records, has the units on the day."""
    assert change.line is not None
    return sandbox.units(change.line.id, change.effective_date, change.line.kind.value) == change.to_units


def _show_changes(found: NamedPlan, verified: list[bool | None], show: _Show) -> None:
    ends = {True: T("verified"), False: T("DIFFERS"), None: T("held for a person")}
    show.table(
        [T("Company"), T("Service"), T("From"), T("To"), T("Date"), T("In Autotask")],
        [
            (
                found.company(change.company_id),
                found.item(change.item),
                change.from_units,
                change.to_units,
                change.effective_date,
                ends[right],
            )
            for change, right in zip(found.plan.changes, verified, strict=True)
        ],
    )
