"""The Overview page: is everything right, and what waits for a person. A few grouped counts, cheap enough to ask every second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.finding import FindingKind
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.autotask_settings import AUTOTASK
from core.services.paging import Page, PageQuery
from core.services.portal_cards import PortalState, list_portals
from core.store import charge_shown, files, lineage, mappings, plans, runs, secrets, webhooks
from core.store import portals as portal_store
from core.store.runs import Run

if TYPE_CHECKING:
    from core.services.context import Context

RUN_KINDS = ("sync", "apply")
"""Runs that write; planning alone updates no contract line."""
WAITING_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that waits for a person, with where to do it: a page of DESIGN §7 and what to filter there."""

    message: Text
    count: int
    page: str
    filters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRun:
    """A run that goes on now: "syncing `done` of `total` portals"."""

    run_id: int
    done: int
    total: int
    message: Text
    started: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Counts of the whole workspace; customers and products that are ignored do not count. `lines_updated` are contract lines
    that the last finished run wrote and read back.
    """

    autotask_ready: bool
    portals: int
    customers: int
    customers_mapped: int
    products: int
    products_mapped: int
    lines_updated: int
    last_run: datetime | None
    actions: tuple[Action, ...]
    live: LiveRun | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewRow:
    """One customer of one portal (S1-02). `status`: mapped, pending, ignored."""

    portal: str
    customer_id: str
    customer: str
    company: str
    lines: int
    count: Decimal
    status: str


def overview(ctx: Context, actor: Actor) -> Overview:
    """How everything stands."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        ready = _autotask_ready(session)
        portals = portal_store.all_portals(session)
        customers = _by_status(mappings.count_customers(session))
        products = _by_status(mappings.count_products(session))
        last = runs.last_finished(session, kinds=RUN_KINDS)
        going = _live(runs.unfinished(session))
        head = plans.head(session)
        review = files.page(session, PageQuery(status="needs_review", limit=1)).total
        deliveries = webhooks.to_look_at(session)
        charges = charge_shown.by_status(session), charge_shown.by_finding(session)
    failing = sum(card.state is PortalState.FAILING for card in list_portals(ctx, actor)) if portals else 0
    actions = (
        _settings_action(ready=ready),
        _portal_action(failing),
        _review_action(review),
        _webhook_action(deliveries),
        *_mapping_actions(customers["pending"], products["pending"]),
        *(_plan_actions(head.by_status, head.by_finding) if head else ()),
        *_charge_actions(*charges),
    )
    return Overview(
        autotask_ready=ready,
        portals=len(portals),
        customers=customers["mapped"] + customers["pending"],
        customers_mapped=customers["mapped"],
        products=products["mapped"] + products["pending"],
        products_mapped=products["mapped"],
        lines_updated=int(last.summary.get("changes", {}).get("applied", 0)) if last else 0,
        last_run=last.finished_at if last else None,
        actions=tuple(action for action in actions if action.count),
        live=going,
    )


def overview_rows(ctx: Context, actor: Actor, query: PageQuery) -> Page[OverviewRow]:
    """Portals' customers with what they use and how they are mapped; `sort` takes `count` for the quantity."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        page = mappings.page_customers(session, _with_sort(query))
    rows = (
        OverviewRow(
            portal=e.portal,
            customer_id=e.customer_id,
            customer=e.customer,
            company=e.company,
            lines=e.lines,
            count=e.quantity,
            status=e.status,
        )
        for e in page.rows
    )
    return Page(tuple(rows), page.total)


def waiting(ctx: Context, actor: Actor) -> int:
    """How many things wait for a person: stands on every page, and is counted again when somebody did something, when something was
    read, when a run ended, and after some seconds.
    """
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        version = lineage.version(session)
    return ctx.looks.get(
        "waiting",
        version,
        lambda: sum(action.count for action in overview(ctx, actor).actions),
        seconds=WAITING_SECONDS,
    )


def live_run(ctx: Context, actor: Actor) -> LiveRun | None:
    """The run that goes on now, for asking again and again; None when there is none."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return _live(runs.unfinished(session))


def _autotask_ready(session: Session) -> bool:
    return {"secret", "integration_code"} <= secrets.fields(session, [AUTOTASK])[AUTOTASK]


def _by_status(counts: Mapping[tuple[str, str], int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, status), count in counts.items():
        found[status] += count
    return found


def _live(unfinished: Iterable[Run]) -> LiveRun | None:
    going = next(iter(sorted(unfinished, key=lambda run: (run.status != runs.RUNNING, run.id))), None)
    if going is None:
        return None
    return LiveRun(
        run_id=going.id,
        done=going.done,
        total=going.total or len(going.portals),
        message=going.text or T("Waiting for its turn."),
        started=going.started_at or going.queued_at,
    )


def _settings_action(*, ready: bool) -> Action:
    return Action(T("Autotask is not connected yet."), 0 if ready else 1, "Settings")


def _portal_action(failing: int) -> Action:
    return Action(T("{count} portals could not be read.", count=failing), failing, "Portals")


def _review_action(count: int) -> Action:
    return Action(T("{count} files need review before they are used.", count=count), count, "Portals")


def _webhook_action(count: int) -> Action:
    return Action(T("{count} webhook deliveries could not be used wholly.", count=count), count, "Portals")


def _mapping_actions(customers: int, products: int) -> tuple[Action, ...]:
    pending = {"status": "pending"}
    return (
        Action(T("{count} customers have no Autotask company yet.", count=customers), customers, "Customers", pending),
        Action(T("{count} products have no Autotask service yet.", count=products), products, "Products", pending),
    )


def _plan_actions(by_status: Mapping[str, int], by_finding: Mapping[str, int]) -> tuple[Action, ...]:
    review, held = by_status.get("needs_approval", 0), by_status.get("held", 0)
    lines = by_finding.get(FindingKind.AMBIGUOUS, 0)
    missing = by_finding.get(FindingKind.NO_LINE, 0)
    formulas = by_finding.get(FindingKind.FORMULA, 0)
    failed = by_finding.get(FindingKind.FAILED, 0) + by_finding.get(FindingKind.REFUSED, 0)
    asking = by_finding.get(FindingKind.SUBSCRIPTION, 0)
    findings = {"view": "findings"}
    return (
        Action(T("{count} changes wait for approval.", count=review), review, "Changes", {"status": "needs_approval"}),
        Action(T("{count} changes are held: look at them.", count=held), held, "Changes", {"status": "held"}),
        Action(
            T("{count} times several contract lines fit: choose one.", count=lines),
            lines,
            "Products",
            {"view": "lines"},
        ),
        Action(T("{count} times a customer uses what is on no contract.", count=missing), missing, "Changes", findings),
        Action(T("{count} subscriptions ask for a look.", count=asking), asking, "Changes", findings),
        Action(T("{count} formulas give no number.", count=formulas), formulas, "Products", {"view": "rules"}),
        Action(T("{count} changes were refused or failed.", count=failed), failed, "Changes", findings),
    )


def _charge_actions(by_status: Mapping[str, int], by_finding: Mapping[str, int]) -> tuple[Action, ...]:
    """Of all months. A customer that is not mapped is counted among the customers already."""
    review, held = by_status.get("needs_approval", 0), by_status.get("held", 0)
    stopped = sum(count for kind, count in by_finding.items() if kind != FindingKind.UNMAPPED)
    every = {"month": "all"}
    return (
        Action(T("{count} charges wait for approval.", count=review), review, "Consumption",
               {"status": "needs_approval", **every}),
        Action(T("{count} charges are held: look at them.", count=held), held, "Consumption", {"status": "held", **every}),
        Action(T("{count} times consumption cannot be charged yet.", count=stopped), stopped, "Consumption",
               {"view": "findings"}),
    )  # fmt: skip


def _with_sort(query: PageQuery) -> PageQuery:
    return replace(query, sort="quantity") if query.sort == "count" else query
