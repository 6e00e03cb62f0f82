"""Reads portals, all at the same time: one that hangs or breaks neither delays nor spoils the others."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.orm import Session

from core.domain.billed_seats import whole_reading
from core.domain.connector import Feed
from core.domain.errors import ContractBridgeError, RemoteError
from core.domain.pickup import PickupSource
from core.domain.ports import ReportSource
from core.domain.text import T, Text
from core.domain.usage import Reading, disbelieving
from core.services.context import Context
from core.services.pickups import PickedUp, pick_up
from core.services.recognising import recognise
from core.services.running import Running
from core.services.storage import trouble_of
from core.services.summary import PortalOutcome
from core.services.threads import daemon
from core.services.told_amounts import keep_amounts
from core.store import consumption, history, runlog, secrets, workspace
from core.store.portals import Portal

log = structlog.get_logger()

REPORTS_READ = "reports_watermark"
"""The setting that keeps, by portal, up to which report quantities were read."""
Told = Callable[[int, int, Text], None]
MOST_REASONS = 20
"""Reasons of customers that could not be read, in the log of one run."""


@dataclass(frozen=True, slots=True)
class _Fetched:
    """What came of one portal: a reading, files that were taken over, or why there is neither.

    `watermark` is that of the newest report the reading was made of, where the portal has reports.
    """

    portal: Portal
    reading: Reading | None = None
    picked: PickedUp | None = None
    error: ContractBridgeError | None = None
    watermark: str = ""


def read_portals(running: Running, wanted: Sequence[Portal], told: Told) -> list[PortalOutcome]:
    """Fetch and store a reading of each portal that can be asked; of the others the last one that was brought counts.

    Files that are picked up are taken over first; then they count like those that were brought.
    """
    ctx = running.ctx
    brought = [portal for portal in wanted if not _pulls(ctx, portal)]
    asked = [portal for portal in wanted if portal not in brought]
    outcomes = [_brought(ctx, portal) for portal in brought]
    for done, fetched in enumerate(_fetch_all(running, asked), start=1):
        outcome = _store(running, fetched)
        outcomes.append(outcome)
        told(len(brought) + done, len(wanted), T("{portal} is read.", portal=outcome.name))
    order = {portal.name: place for place, portal in enumerate(wanted)}
    return sorted(outcomes, key=lambda outcome: order[outcome.name])


def _pulls(ctx: Context, portal: Portal) -> bool:
    try:
        return ctx.connectors.get(portal.connector).feed is not Feed.PUSH
    except ContractBridgeError:
        # A connector that is gone: asking the portal tells so, as the failure of this one portal.
        return True


def _brought(ctx: Context, portal: Portal) -> PortalOutcome:
    with ctx.database.session() as session:
        lines = history.known_lines(session, [portal.id]).get(portal.id, [])
        charged = portal.id in consumption.portals_with_consumption(session)
    if portal.read_at is None and not lines and not charged:
        return PortalOutcome(name=portal.name, status="empty")
    return PortalOutcome(name=portal.name, status="ok", lines=sum(line.present for line in lines))


def _fetch_all(running: Running, asked: Sequence[Portal]) -> Iterator[_Fetched]:
    """What each portal gave, in the order in which they answered; who is too late has failed."""
    ctx = running.ctx
    answers: queue.SimpleQueue[_Fetched] = queue.SimpleQueue()
    for portal in asked:
        # Daemons: a portal that never answers must not keep the program from ending.
        daemon(lambda one: answers.put(_fetch(ctx, one, running.id)), portal, name=f"read-{portal.name}").start()
    missing = {portal.name: portal for portal in asked}
    until = time.monotonic() + ctx.pace.portal_limit
    while missing:
        running.go_on()
        left = until - time.monotonic()
        if left <= 0:
            yield from (_Fetched(portal, error=_too_late(ctx)) for portal in missing.values())
            return
        try:
            fetched = answers.get(timeout=min(left, 0.5))
        except queue.Empty:
            continue
        del missing[fetched.portal.name]
        yield fetched


def _too_late(ctx: Context) -> RemoteError:
    return RemoteError(
        T("The portal did not answer within {seconds} seconds.", seconds=int(ctx.pace.portal_limit)),
        retryable=True, kind="too_late",
    )  # fmt: skip


def _fetch(ctx: Context, portal: Portal, run_id: int) -> _Fetched:
    try:
        with ctx.database.session() as session:
            known = secrets.get(session, ctx.secrets, f"portal:{portal.id}")
            marks: dict[str, str] = workspace.get(session, REPORTS_READ, {})
        source = ctx.source(portal.connector, portal.name, portal.settings, known)
        if isinstance(source, PickupSource):
            return _Fetched(portal, picked=pick_up(ctx, portal, source, run_id=run_id))
        if isinstance(source, ReportSource):
            reported = source.read_reports(ctx.clock.now(), marks.get(str(portal.id), ""))
            with ctx.database.session() as session:
                lines = history.known_lines(session, [portal.id]).get(portal.id, [])
            return _Fetched(portal, whole_reading(reported, lines), watermark=reported.watermark)
        return _Fetched(portal, source.read(ctx.clock.now()))
    except ContractBridgeError as error:
        return _Fetched(portal, error=error)
    except Exception as error:
        if (trouble := trouble_of(error, ctx.database)) is not None:
            return _Fetched(portal, error=trouble)
        log.error("portal.broke", portal=portal.name, exc_info=error)
        return _Fetched(portal, error=_ours(error))


def _ours(error: Exception) -> ContractBridgeError:
    return ContractBridgeError(T("The connector broke ({error}); the log has the details.", error=type(error).__name__))


def _store(running: Running, fetched: _Fetched) -> PortalOutcome:
    portal, error = fetched.portal, fetched.error
    if fetched.picked is not None:
        return _tell_picked(running, portal, fetched.picked)
    if fetched.reading is not None:
        try:
            return _store_reading(running, portal, fetched.reading, fetched.watermark)
        except ContractBridgeError as refused:
            error = refused
    assert error is not None
    return _store_failure(running, portal, error)


def _tell_picked(running: Running, portal: Portal, picked: PickedUp) -> PortalOutcome:
    lines = [
        running.line(text, level="warning" if bad else "info", event="portal.file", portal=portal.name)
        for text, bad in picked.words(portal.name)
    ]
    running.ctx.database.run(lambda session: runlog.append(session, lines))
    if picked.error is not None:
        return _store_failure(running, portal, picked.error)
    outcome = _brought(running.ctx, portal)
    rejected = picked.first_problem
    return outcome if rejected is None else replace(outcome, status="failed", error=rejected)


def _store_reading(running: Running, portal: Portal, reading: Reading, watermark: str) -> PortalOutcome:
    if reading.emptied:
        reading = disbelieving(reading, _holders(running.ctx, portal))

    def work(session: Session) -> None:
        done = history.record_reading(session, portal.id, reading, run_id=running.id)
        if watermark:
            marks: dict[str, str] = workspace.get(session, REPORTS_READ, {})
            workspace.put(session, {REPORTS_READ: {**marks, str(portal.id): watermark}})
        unclear = keep_amounts(session, portal.id, reading, run_id=running.id)
        text = T(
            "{portal}: {lines} lines read; {new} new, {changed} changed, {ended} gone.",
            portal=portal.name, lines=len(reading.lines), new=done.new, changed=done.changed, ended=done.ended,
        )  # fmt: skip
        lines = [running.line(text, event="portal.read", portal=portal.name)]
        lines += [
            running.line(why, level="warning", event="portal.customer_failed", portal=portal.name)
            for why in list(reading.failed_customers.values())[:MOST_REASONS]
        ]
        if unclear is not None:
            lines.append(running.line(unclear, level="warning", event="consumption.read", portal=portal.name))
        runlog.append(session, lines)

    running.ctx.database.run(work)
    recognise(running.ctx, portal.name)
    partial = bool(reading.failed_customers) or not reading.complete
    return PortalOutcome(name=portal.name, status="partial" if partial else "ok", lines=len(reading.lines))


def _holders(ctx: Context, portal: Portal) -> set[str]:
    """Customers of the portal that had something at its last reading."""
    with ctx.database.session() as session:
        known = history.known_lines(session, [portal.id]).get(portal.id, [])
    return {line.usage.customer_id for line in known if line.quantity}


def _store_failure(running: Running, portal: Portal, error: ContractBridgeError) -> PortalOutcome:
    ctx = running.ctx

    def work(session: Session) -> None:
        history.record_failure(session, portal.id, ctx.clock.now(), error.message, run_id=running.id)
        runlog.append(session, [running.line(error.message, level="error", event="portal.failed", portal=portal.name)])

    ctx.database.run(work)
    log.warning("portal.failed", portal=portal.name, error=type(error).__name__, detail=error.detail)
    return PortalOutcome(name=portal.name, status="failed", error=error.message)
