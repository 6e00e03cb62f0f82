"""Measures reports on three years of daily readings of 12,000 lines: database time on SQLite and PostgreSQL, and storage.

    python -m tests.bench.reports --make HOME [--small]

fills a data directory with that history, for starting the product on it (`CONTRACTBRIDGE_HOME=HOME python3 manage.py run`).
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url, text

from core.services import reports, views_history
from core.services.access import Actor, Role
from core.services.context import Context
from core.services.paging import PageQuery
from core.services.reports import Asked
from core.store import migrate
from core.store.db import Database
from tests import postgres_cluster
from tests.bench import reports_data as data
from tests.bench.timed import DatabaseTime

ALLOWED_SECONDS = 0.2
ALLOWED_SHARE = 0.05
RUNS = 7
CUSTOMER = "Company 0031 BV"
VIEWER = Actor(1, "bench", Role.VIEWER)
SAME = (
    "SELECT l.customer_id, l.product_key, l.product, l.first_seen_at, i.valid_from, i.valid_to, i.quantity, i.present, "
    "i.quantity_since, i.unit_price, i.currency, i.origin_source, i.origin_place, i.origin_rows, r.taken_at "
    "FROM usage_interval i JOIN usage_line l ON l.id = i.line_id JOIN reading r ON r.id = i.reading_id "
    "ORDER BY l.customer_id, l.product_key, i.valid_from"
)


def measure_reports(lines: int, days: int) -> dict[str, Any]:
    """Figures of each report on each engine, against `ALLOWED_SECONDS`; storage against keeping every observation."""
    figures: dict[str, Any] = {"generated = recorded": check_sample(), "engines": {}}
    for engine, address in _addresses():
        with address as url:
            figures["engines"][engine] = _measure(url, lines, days)
    return figures


def check_sample(lines: int = 90, days: int = 120) -> bool:
    """Whether the intervals made here are those that recording the same days leaves. Raises SystemExit where not."""
    with tempfile.TemporaryDirectory() as home:
        made = [
            _rows(f"sqlite:///{home}/{fill.__name__}.db", fill, lines, days) for fill in (data.generate, data.record)
        ]
    if made[0] != made[1]:
        raise SystemExit("bench: the generated history is not what recording the readings leaves")
    return True


def _rows(url: str, fill: Callable[..., Any], lines: int, days: int) -> list[Any]:
    migrate.upgrade(url)
    database = Database(url)
    try:
        fill(database, lines, days)
        with database.session() as session:
            return [tuple(row) for row in session.execute(text(SAME))]
    finally:
        database.dispose()


def _measure(url: str, lines: int, days: int) -> dict[str, Any]:
    migrate.upgrade(url)
    database = Database(url)
    try:
        filled = data.generate(database, lines, days)
        taken = DatabaseTime(database)
        context = Context(database, _Clock(), *([None] * 4), Path())  # type: ignore[arg-type]
        figures = {name: _figure(taken, context, look) for name, look in LOOKS.items()}
        taken.close()
        share = _share(database, filled["observations"])
    finally:
        database.dispose()
    return {
        "rows": filled,
        "milliseconds in the database": {name: round(wall * 1000) for name, (wall, _) in figures.items()},
        "of which processor, here": {name: round(processor * 1000) for name, (_, processor) in figures.items()},
        "slowest report / 200 ms": round(max(figures[name][0] for name in LIMITED) / ALLOWED_SECONDS, 3),
        "storage / every observation": round(share, 4),
        "storage / 5 % allowed": round(share / ALLOWED_SHARE, 3),
    }


def _figure(taken: DatabaseTime, context: Context, look: Callable[[Context], object]) -> tuple[float, float]:
    """Seconds in the database, and of them the processor's in this process: the least of `RUNS`, after one to warm up.

    The least is what the work itself takes; everything above it is what else the machine does. Python's own tidying up is off.
    """
    look(context)
    figures = []
    for _ in range(RUNS):
        gc.collect()
        gc.disable()
        taken.reset()
        look(context)
        figures.append((taken.seconds, taken.processor))
        gc.enable()
    return min(wall for wall, _ in figures), min(processor for _, processor in figures)


def _report(name: str, **asked: Any) -> Callable[[Context], object]:
    return lambda context: reports.build(context, VIEWER, name, Asked(**asked))


A_YEAR_AGO, LONG_AGO = (data.LAST - timedelta(days=back) for back in (365, 1_000))
LOOKS: dict[str, Callable[[Context], object]] = {
    "as-of now": _report("as-of"),
    "as-of a year ago": _report("as-of", moment=A_YEAR_AGO),
    "as-of long ago": _report("as-of", moment=LONG_AGO),
    "vendor": _report("vendor"),
    "vendor, a month of last year": _report("vendor", month=A_YEAR_AGO.date()),
    "customer": _report("customer", customer=CUSTOMER),
    "all customers": _report("customer"),
    "compare": _report("compare"),
    "development": _report("development"),
    "page Reports: a slice of a moment": lambda context: views_history.used_on(
        context, VIEWER, A_YEAR_AGO.date(), PageQuery(limit=100)
    ),
}
LIMITED = [name for name in LOOKS if name.startswith(("as-of", "vendor", "customer"))]


class _Clock:
    """Some hours after the last reading."""

    def now(self) -> datetime:
        return data.LAST + timedelta(hours=8)

    def today(self) -> date:
        return self.now().date()


def _share(database: Database, observations: int) -> float:
    """Bytes of lines, intervals and readings beside those of one row for each observation, with the same facts and one index.

    A row for each observation is measured on `SAMPLE` of them.
    """
    with database.engine.begin() as connection:
        connection.execute(text(NAIVE))
        connection.execute(text(FILL.format(sample=SAMPLE)))
        connection.execute(text("CREATE UNIQUE INDEX ix_every_observation ON every_observation (line_id, taken_at)"))
        count = connection.execute(text("SELECT count(*) FROM every_observation")).scalar_one()
    history = _bytes(database, ("usage_line", "usage_interval", "reading"))
    naive = _bytes(database, ("every_observation",)) / count * observations
    return history / (naive + _bytes(database, ("usage_line", "reading")))


SAMPLE = 100_000
NAIVE = (
    "CREATE TABLE every_observation (line_id INTEGER NOT NULL, taken_at TIMESTAMP NOT NULL, reading_id INTEGER NOT NULL, "
    "quantity BIGINT NOT NULL, effective_date DATE, period_start DATE, period_end DATE, unit_cost BIGINT, unit_price BIGINT, "
    "currency VARCHAR NOT NULL, origin_source VARCHAR NOT NULL, origin_place VARCHAR NOT NULL)"
)
FILL = (
    "INSERT INTO every_observation SELECT line_id, valid_from, reading_id, quantity, effective_date, period_start, "
    "period_end, unit_cost, unit_price, currency, origin_source, origin_place FROM usage_interval LIMIT {sample}"
)


def _bytes(database: Database, tables: tuple[str, ...]) -> int:
    """Bytes of tables with their indexes."""
    names = ", ".join(f"'{name}'" for name in tables)
    if database.is_sqlite:
        query = (
            f"SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_master WHERE tbl_name IN ({names}))"
        )
    else:
        query = f"SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname IN ({names})"
    with database.session() as session:
        return int(session.execute(text(query)).scalar_one())


def _addresses() -> Iterator[tuple[str, Any]]:
    yield "sqlite", _sqlite()
    os.environ.setdefault(postgres_cluster.SESSION_VARIABLE, str(os.getpid()))
    server = postgres_cluster.server_url()
    if server is not None:
        yield "postgresql", _postgres(server)


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as home:
        yield f"sqlite:///{home}/bench.db"


@contextmanager
def _postgres(server: str) -> Iterator[str]:
    plain = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS bench_reports")
        connection.execute("CREATE DATABASE bench_reports")
        yield make_url(server).set(database="bench_reports").render_as_string(hide_password=False)
        connection.execute("DROP DATABASE bench_reports WITH (FORCE)")


def make(home: Path, lines: int, days: int) -> dict[str, int]:
    """A data directory with this history, to start the product on."""
    from core.settings import Settings

    settings = Settings(home=home)
    home.mkdir(parents=True, exist_ok=True)
    migrate.upgrade(settings.database)
    database = Database(settings.database)
    try:
        return data.generate(database, lines, days)
    finally:
        database.dispose()


if __name__ == "__main__":
    small = "--small" in sys.argv
    size = (1_200, 365) if small else (12_000, 1_095)
    if "--make" in sys.argv:
        begin = time.monotonic()
        print(make(Path(sys.argv[sys.argv.index("--make") + 1]), *size), f"{time.monotonic() - begin:.1f} s")
    else:
        print(measure_reports(*size))
