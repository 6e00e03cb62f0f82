"""For who watches the server: is it alive, is it ready, what are its numbers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from threading import Lock

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from core.domain.text import T
from core.services.context import Context
from core.services.readiness import Reason, reasons
from core.settings import Settings
from core.web.metrics import WorkspaceNumbers

log = structlog.get_logger()

LONGEST = 5.0
"""Seconds: a database that takes longer is as good as away. Who asks has a limit of its own."""


class Health:
    """`/healthz` says that the process answers, `/readyz` whether it can do its work, `/metrics` how things stand (no names)."""

    def __init__(self, context: Callable[[], Context]) -> None:
        self.context = context
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(WorkspaceNumbers(context))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="readiness")
        self._lock = Lock()
        self._asked: Future[list[Reason]] | None = None

    def routes(self) -> list[Route]:
        return [Route("/healthz", healthz), Route("/readyz", self.readyz), Route("/metrics", self.metrics)]

    def readyz(self, _request: Request) -> Response:
        found = self._reasons()
        if not found:
            # Of this process: the pages, and where the engine is that belongs to it.
            return JSONResponse({"status": "ready", "database": "ok", "role": "web", "engine": Settings().engine})
        log.warning("web.not_ready", reasons=[reason.code for reason in found])
        told = [{"code": reason.code, "message": str(reason.message)} for reason in found]
        return JSONResponse({"status": "not ready", "reasons": told}, status_code=503)

    def _reasons(self) -> list[Reason]:
        """A database that hangs must not keep everybody waiting who asks: they wait for the same answer."""
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = self._thread.submit(lambda: reasons(self.context()))
            asked = self._asked
        try:
            return asked.result(LONGEST)
        except TooLate:
            return [Reason("database.away", T("The database does not answer."))]

    def metrics(self, _request: Request) -> Response:
        return PlainTextResponse(
            generate_latest(self.registry), headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"}
        )


async def healthz(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})
