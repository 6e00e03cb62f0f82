"""Consumption comes in: from portals that tell amounts, and from files. What is told is kept, and charged in the next run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, cast

import structlog
from sqlalchemy.orm import Session

from core.domain.connector import Feed
from core.domain.consumption import ConsumptionReading
from core.domain.consumption_lines import month_of
from core.domain.errors import ContractBridgeError, InputError, RemoteError
from core.domain.ports import ConsumptionSource
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.amount_doubts import keep_doubts
from core.services.audited import note
from core.services.portals import find
from core.services.recognising import recognise
from core.services.storage import trouble_of
from core.services.threads import daemon
from core.store import consumption, runlog, secrets, workspace
from core.store.consumption import Recorded
from core.store.portals import Portal

if TYPE_CHECKING:
    from core.services.context import Context
    from core.services.running import Running

log = structlog.get_logger()

WATERMARK = "consumption_watermark"
"""Workspace setting: number of a portal → the last report of it that was read (S2-09)."""


def record_consumption(
    ctx: Context, actor: Actor, portal: str, reading: ConsumptionReading, *, files: Sequence[str] = ()
) -> Recorded:
    """Keep a reading that somebody brought (in files): the next run charges it. For operators.

    Raises InputError where it is not complete: then nothing could be charged from it (M2).
    """
    require(actor, Role.OPERATOR)
    if not reading.complete:
        raise InputError(
            reading.notes[0] if reading.notes else T("The file does not hold everything; nothing is charged from it."),
            place=portal,
            remedy=T("Export it again, whole."),
            kind="incomplete",
        )
    with ctx.database.session() as session:
        found = find(session, portal)

    def work(session: Session) -> Recorded:
        keep_doubts(session, found.id, reading)
        done = consumption.record(session, found.id, reading, files=files)
        after = {
            "lines": len(reading.lines),
            "from": reading.period_start,
            "to": reading.period_end,
            "total": reading.total,
        }
        if not done.known:
            note(ctx, session, actor, "consumption.brought", portal, after=after)
        return done

    done = ctx.database.run(work)
    recognise(ctx, portal)
    return done


@dataclass(slots=True)
class _Asked:
    """What came of one portal, filled in by its thread."""

    portal: Portal
    readings: list[ConsumptionReading] = field(default_factory=list)
    watermark: str = ""
    error: ContractBridgeError | None = None


def read_amounts(running: Running, portals: Sequence[Portal]) -> None:
    """Read and keep the amounts of all portals that tell them, at the same time; one that fails spoils no other."""
    ctx = running.ctx
    asked = [_Asked(portal) for portal in portals if tells_amounts(ctx, portal)]
    if not asked:
        return
    with ctx.database.session() as session:
        marks: dict[str, str] = workspace.get(session, WATERMARK, {})
    threads = [daemon(_ask, ctx, one, marks.get(str(one.portal.id), "")) for one in asked]
    for thread in threads:
        thread.start()
    for one, thread in zip(asked, threads, strict=True):
        thread.join(ctx.pace.portal_limit)
        running.go_on()
        late = RemoteError(
            T("The portal did not answer within {seconds} seconds.", seconds=int(ctx.pace.portal_limit)), retryable=True
        )
        _keep(running, one if not thread.is_alive() else _Asked(one.portal, error=late))


def tells_amounts(ctx: Context, portal: Portal, feed: Feed = Feed.PULL) -> bool:
    """Whether the portal's connector tells amounts of money, fetched or (`Feed.PUSH`) brought in files."""
    try:
        connector = ctx.connectors.get(portal.connector)
    except ContractBridgeError:
        return False
    return connector.feed is feed and bool(getattr(connector, "consumption", False))


def _ask(ctx: Context, one: _Asked, mark: str) -> None:
    portal = one.portal
    try:
        with ctx.database.session() as session:
            known = secrets.get(session, ctx.secrets, f"portal:{portal.id}")
        source = cast(ConsumptionSource, ctx.source(portal.connector, portal.name, portal.settings, known))
        reports = source.reports_since(mark)
        months = {month_of(day) for report in reports for day in (report.period_start, report.period_end)}
        for first, last in sorted(months | _open_months(ctx.clock.today())):
            one.readings.append(source.read_consumption(ctx.clock.now(), first, last))
        one.watermark = max((report.watermark for report in reports), default="")
    except ContractBridgeError as error:
        one.error = error
    except Exception as error:
        if (trouble := trouble_of(error, ctx.database)) is not None:
            one.error = trouble
            return
        log.error("portal.broke", portal=portal.name, exc_info=error)
        one.error = ContractBridgeError(
            T("The connector broke ({error}); the log has the details.", error=type(error).__name__)
        )


def _open_months(today: date) -> set[tuple[date, date]]:
    """This month and the one before: usage comes late."""
    return {month_of(today), month_of(today.replace(day=1) - timedelta(days=1))}


def _keep(running: Running, one: _Asked) -> None:
    """Keep what was read, also before something went wrong; the watermark moves only when nothing did."""
    ctx, portal = running.ctx, one.portal

    def work(session: Session) -> None:
        texts: list[tuple[Text, str]] = []
        for reading in one.readings:
            keep_doubts(session, portal.id, reading)
            done = consumption.record(session, portal.id, reading, run_id=running.id)
            if not done.known:
                texts.append((_sentence(portal, reading), "info" if reading.complete else "warning"))
        if one.error is not None:
            texts.append(
                (T("{portal}: amounts could not be read: {why}", portal=portal.name, why=one.error.message), "error")
            )
        elif one.watermark:
            marks: dict[str, str] = workspace.get(session, WATERMARK, {})
            workspace.put(session, {WATERMARK: {**marks, str(portal.id): one.watermark}})
        lines = [running.line(text, level=level, event="consumption.read", portal=portal.name) for text, level in texts]
        runlog.append(session, lines)

    ctx.database.run(work)
    if one.readings:
        recognise(ctx, portal.name)


def _sentence(portal: Portal, reading: ConsumptionReading) -> Text:
    values = {
        "portal": portal.name, "lines": len(reading.lines), "first": reading.period_start, "last": reading.period_end,
    }  # fmt: skip
    if reading.complete:
        return T("{portal}: {lines} amounts from {first} to {last} read.", **values)
    return T("{portal}: the amounts from {first} to {last} are not complete; nothing is charged from them.", **values)
