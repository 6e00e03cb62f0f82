"""What Prometheus reads at `/metrics`: how everything stands, in grouped counts, read from the database at most every few seconds.

No names of customers, portals or people: a portal is its number and its kind. deploy/prometheus-rules.yml has alarms for them.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.domain.finding import FindingKind
from core.domain.plan import ChangeStatus
from core.services import overview, portals
from core.services.access import SYSTEM
from core.services.chain_check import last_checked
from core.services.context import Context
from core.services.owners import is_dead
from core.store import charge_shown, migrate, plans
from core.store.vitals import BACKUP_FAILED, BACKUP_MADE, Pile, Vitals, api_use, last_audited, vitals

log = structlog.get_logger()

Values = dict[tuple[str, ...], float]
"""A number for each set of labels."""
FRESH = 5.0
"""So many seconds the same numbers are good: however many ask, and however often."""
ENDED = ("done", "partly", "failed")


class WorkspaceNumbers(Collector):
    """Read from the database when Prometheus asks."""

    def __init__(self, context: Callable[[], Context]) -> None:
        self.context = context
        self._lock = threading.Lock()
        self._read: list[Metric] = []
        self._at = float("-inf")

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            if time.monotonic() - self._at > FRESH:
                self._read = list(_everything(self.context()))
                self._at = time.monotonic()
            yield from self._read


def _everything(ctx: Context) -> Iterator[Metric]:
    """Without a database, what can be told without it: an answer in any case, so that the alarm is about the right thing."""
    yield from _disks(ctx)
    try:
        found = [*_work(ctx), *_workspace(ctx)]
    except (SQLAlchemyError, OSError) as error:
        log.warning("metrics.no_database", error=type(error).__name__)
        yield _gauge("database_up", "1 when the database answers.", 0)
        return
    yield _gauge("database_up", "1 when the database answers.", 1)
    yield from found


def _work(ctx: Context) -> Iterator[Metric]:
    now = ctx.clock.now()
    with ctx.database.session() as session:
        found = vitals(session, now)
        version = migrate.current(session.connection())
        yield from _plans(session)
        yield from _api(session, now)
        yield from _chains(session)
        backup, failed = last_audited(session, BACKUP_MADE), last_audited(session, BACKUP_FAILED)
    yield _labelled("info", "1, with the version of the tables.", ("schema",), {(version,): 1})
    yield _gauge(
        "engines", "Engines that gave a sign of life not long ago.", sum(not is_dead(owner) for owner in found.engines)
    )
    yield from _runs(found, now)
    yield from _pile(
        "open_intents", "Writes to Autotask of which it is not known whether they happened", found.intents, now
    )
    yield from _pile("webhooks_waiting", "Webhook deliveries that are not worked on yet", found.webhooks, now)
    yield from _pile("alerts_undelivered", "Messages of alerts that should have been told by now", found.messages, now)
    yield _gauge("alerts_given_up", "Messages of alerts that were given up within a day.", found.messages_failed)
    has_failed = failed is not None and (backup is None or failed > backup)
    yield _gauge("backup_failed", "1 when the last back-up failed.", int(has_failed))
    if backup is not None:
        yield _gauge("backup_timestamp_seconds", "When the last back-up was made.", backup.timestamp())


def _runs(found: Vitals, now: datetime) -> Iterator[Metric]:
    total = CounterMetricFamily("contractbridge_runs", "Runs that ended, by how.", labels=["status"])
    for status in sorted({*ENDED, *found.runs} - {"queued", "running", "interrupted"}):
        total.add_metric([status], found.runs.get(status, 0))
    yield total
    yield _gauge("runs_failed", "Runs that failed within a day.", found.failed)
    yield from _pile("queue_runs", "Runs that wait for an engine", found.queued, now)
    yield from _pile("running_runs", "Runs that go on", found.running, now)


def _plans(session: Session) -> Iterator[Metric]:
    head = plans.head(session)
    changes = head.by_status if head else {}
    yield _counted("changes", "Changes of the present plan, by status.", "status", ChangeStatus, changes)
    yield _counted(
        "findings", "Findings of the present plan, by kind.", "kind", FindingKind, head.by_finding if head else {}
    )
    charges = charge_shown.by_status(session)
    yield _counted("charges", "Charges of all months, by status.", "status", ChangeStatus, charges)


def _api(session: Session, now: datetime) -> Iterator[Metric]:
    used, limit = api_use(session, now)
    yield _gauge("api_requests_used", "Requests to Autotask within its time frame, as far as known.", used)
    if limit:
        yield _gauge("api_requests_limit", "Requests that Autotask allows within its time frame.", limit)


def _chains(session: Session) -> Iterator[Metric]:
    known = last_checked(session)
    at: Values = {(name,): one.at.timestamp() for name, one in known.items()}
    ok: Values = {(name,): float(one.ok) for name, one in known.items()}
    yield _labelled("chain_verified_timestamp_seconds", "When a chain was last looked through.", ("chain",), at)
    yield _labelled("chain_ok", "1 when it was as it was written.", ("chain",), ok)


def _workspace(ctx: Context) -> Iterator[Metric]:
    now = overview.overview(ctx, SYSTEM)
    yield _gauge("waiting", "Things that wait for a person.", sum(action.count for action in now.actions))
    yield _gauge("customers", "Portal customers known.", now.customers)
    yield _gauge("customers_mapped", "Portal customers linked to a company.", now.customers_mapped)
    yield _gauge("products", "Portal products known.", now.products)
    yield _gauge("products_mapped", "Portal products linked to a service.", now.products_mapped)
    yield _gauge("run_active", "1 while a run goes on.", 1 if now.live else 0)
    if now.last_run:
        yield _gauge("last_run_timestamp_seconds", "End of the last run.", now.last_run.timestamp())
    cards = portals.list_portals(ctx, SYSTEM)
    states = Counter(card.state.value for card in cards)
    yield _counted("portals", "Portals by state.", "state", portals.PortalState, states)
    labels = {card.id: (str(card.id), card.connector) for card in cards}
    read: Values = {labels[card.id]: card.last_read.timestamp() for card in cards if card.last_read}
    due: Values = {labels[card.id]: card.next_due.timestamp() for card in cards if card.next_due}
    lines: Values = {labels[card.id]: float(card.lines) for card in cards}
    names = ("portal", "connector")
    yield _labelled("reading_timestamp_seconds", "When a portal was last read wholly.", names, read)
    yield _labelled("reading_due_timestamp_seconds", "When a portal is to be read next.", names, due)
    yield _labelled("reading_lines", "Usage lines of a portal.", names, lines)


def _disks(ctx: Context) -> Iterator[Metric]:
    file = ctx.database.engine.url.database if ctx.database.is_sqlite else None
    places = {"data": ctx.home, "temporary": Path(tempfile.gettempdir())}
    if file:
        places["database"] = Path(file).parent
    free: Values = {}
    size: Values = {}
    for name, place in places.items():
        try:
            usage = shutil.disk_usage(place)
        except OSError:
            continue
        free[(name,)], size[(name,)] = float(usage.free), float(usage.total)
    yield _labelled("disk_free_bytes", "Room on the disk of a directory.", ("place",), free)
    yield _labelled("disk_size_bytes", "Size of the disk of a directory.", ("place",), size)


def _pile(name: str, what: str, pile: Pile, now: datetime) -> Iterator[Metric]:
    age = max(0.0, (now - pile.oldest).total_seconds()) if pile.oldest else 0.0
    yield _gauge(name, f"{what}.", pile.count)
    yield _gauge(f"{name}_oldest_seconds", f"{what}: age of the oldest; 0 for none.", age)


def _counted(name: str, what: str, label: str, known: Iterable[str], counts: Mapping[str, int]) -> Metric:
    """All kinds there are, also those of which there is none: a rule can then tell 0 from "not told"."""
    return _labelled(name, what, (label,), {(str(kind),): float(counts.get(str(kind), 0)) for kind in known})


def _labelled(name: str, what: str, labels: tuple[str, ...], values: Values) -> Metric:
    family = GaugeMetricFamily(f"contractbridge_{name}", what, labels=list(labels))
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"contractbridge_{name}", what, value=value)
