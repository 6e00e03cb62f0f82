"""For who watches the server: is it alive, is it ready, what are its numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from core.services import overview, portals
from core.services.access import SYSTEM
from core.services.context import Context
from core.services.storage import storage_trouble

log = structlog.get_logger()


class Health:
    """`/healthz` says that the process answers, `/readyz` that the database does, `/metrics` how things stand (no names)."""

    def __init__(self, context: Callable[[], Context]) -> None:
        self.context = context
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(WorkspaceNumbers(context))

    def routes(self) -> list[Route]:
        return [Route("/healthz", healthz), Route("/readyz", self.readyz), Route("/metrics", self.metrics)]

    def readyz(self, _request: Request) -> Response:
        try:
            waiting = overview.waiting(self.context(), SYSTEM)
        except (SQLAlchemyError, OSError) as error:
            log.error("web.not_ready", error=type(error).__name__)
            return JSONResponse({"status": "not ready", "database": "unreachable"}, status_code=503)
        trouble = storage_trouble(self.context())
        if trouble is not None:
            log.error("web.not_ready", error=trouble.kind)
            return JSONResponse({"status": "not ready", "storage": trouble.kind, "reason": str(trouble.message)}, status_code=503)
        return JSONResponse({"status": "ready", "database": "ok", "waiting": waiting})

    def metrics(self, _request: Request) -> Response:
        return PlainTextResponse(
            generate_latest(self.registry), headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"}
        )


async def healthz(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


class WorkspaceNumbers(Collector):
    """Read from the database when Prometheus asks."""

    def __init__(self, context: Callable[[], Context]) -> None:
        self.context = context

    def collect(self) -> Iterator[Metric]:
        context = self.context()
        now = overview.overview(context, SYSTEM)
        yield _gauge("contractbridge_waiting", "Things that wait for a person.", overview.waiting(context, SYSTEM))
        yield _gauge("contractbridge_customers", "Portal customers known.", now.customers)
        yield _gauge("contractbridge_customers_mapped", "Portal customers linked to a company.", now.customers_mapped)
        yield _gauge("contractbridge_products", "Portal products known.", now.products)
        yield _gauge("contractbridge_products_mapped", "Portal products linked to a service.", now.products_mapped)
        yield _gauge("contractbridge_run_active", "1 while a run goes on.", 1 if now.live else 0)
        if now.last_run:
            yield _gauge("contractbridge_last_run_timestamp_seconds", "End of the last run.", now.last_run.timestamp())
        states = Counter(card.state.value for card in portals.list_portals(context, SYSTEM))
        by_state = GaugeMetricFamily("contractbridge_portals", "Portals by state.", labels=["state"])
        for state in portals.PortalState:
            by_state.add_metric([state.value], states.get(state.value, 0))
        yield by_state


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, value=value)
