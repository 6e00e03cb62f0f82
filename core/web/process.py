"""The one product instance of this process: made once, shared by the routes and the pages, with the engine beside it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import structlog

from core import logs
from core.bootstrap import App, build
from core.engine import start_embedded
from core.engine.beside import Beside
from core.engine.engine import Engine
from core.heaps import keep_few_heaps
from core.own_files import keep_to_ourselves
from core.services.context import Context
from core.settings import Settings

log = structlog.get_logger()


def begin() -> None:
    """Where the web process begins, before it has threads."""
    keep_to_ourselves()
    keep_few_heaps()


@cache
def application() -> App:
    """The product, wired. The database is brought up to date on the first call."""
    settings = Settings.load()
    logs.configure(settings.log_format)
    return build(settings)


def context() -> Context:
    return application().context


def allowed_hosts() -> tuple[str, ...]:
    return Settings().hosts


@asynccontextmanager
async def lifespan(_server: object) -> AsyncIterator[dict[str, object]]:
    """Around the life of the web process: start the background engine once, and let it finish what it does at the end."""
    app = await asyncio.to_thread(application)
    engine = await asyncio.to_thread(_start_engine, app)
    _settle_in()
    log.info("web.started")
    try:
        yield {}
    finally:
        if engine is not None:
            await asyncio.to_thread(engine.stop)
        log.info("web.stopped")


def _start_engine(app: App) -> Engine | Beside | None:
    """As `CONTRACTBRIDGE_ENGINE` says: in threads of this process, in a process beside it, or none: `worker` runs elsewhere."""
    if app.settings.engine == "elsewhere":
        return None
    if app.settings.engine != "beside":
        return start_embedded(app)
    beside = Beside()
    beside.start()
    return beside


def _settle_in() -> None:
    """What is loaded by now stays until the end: Python need not look through it again and again for something to tidy up."""
    gc.collect()
    gc.freeze()
