"""The database: its tables, how it is set up, its clock, and whether ledger and audit are as they were written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from core.domain.text import T
from core.services.chain_check import check_chains
from core.services.examining.check import OK, TODO, WRONG, Check
from core.store import migrate
from core.store.trouble import look_at_server

if TYPE_CHECKING:
    from core.services.context import Context

OLDEST_POSTGRES = 130_000
SLOW_SECONDS, WRONG_SECONDS = 5.0, 60.0
"""A clock that is further off than this from the database's is worth a word, and wrong. The database's is the one that counts."""
COLLATION = "SELECT datcollversion, pg_database_collation_actual_version(oid) FROM pg_database WHERE datname = current_database()"
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


def look(ctx: Context) -> Iterator[Check]:
    """Whether it answers, with the tables of this version."""
    ctx.database.check()
    with ctx.database.session() as session:
        version = migrate.current(session.connection())
    if version != migrate.head():
        yield Check(
            "Database",
            WRONG,
            T("Its tables are of version {found}, not {wanted}.", found=version or "?", wanted=migrate.head()),
            T("Start ContractBridge again: it brings them up to date. All processes must be of the same version."),
            "database.version",
        )
    else:
        kind = "SQLite" if ctx.database.is_sqlite else "PostgreSQL"
        yield Check(
            "Database",
            OK,
            T("{kind}, tables of version {version}.", kind=kind, version=version),
            code="database.answers",
        )
    if not ctx.database.is_sqlite:
        yield from _postgres(ctx)


def look_at_chains(ctx: Context) -> Iterator[Check]:
    """Ledger and audit; where the first break is."""
    for chain in check_chains(ctx):
        yield Check(
            "Audit",
            OK if chain.ok else WRONG,
            chain.message,
            None
            if chain.ok
            else T("Somebody changed the database itself. Compare it with a back-up from before, and find out who."),
            f"chain.{chain.chain}" if chain.ok else f"chain.{chain.chain}_broken",
        )


def _postgres(ctx: Context) -> Iterator[Check]:
    told = _told(ctx)
    if int(told["server_version_num"]) < OLDEST_POSTGRES:
        yield Check(
            "Database",
            WRONG,
            T("PostgreSQL {version} is too old.", version=told["server_version"]),
            T("Use version 13 or newer."),
            "postgres.version",
        )
    if told["server_encoding"] != "UTF8":
        yield Check(
            "Database",
            WRONG,
            T("The database is in {encoding}: some names cannot be kept.", encoding=told["server_encoding"]),
            T("Make one with ENCODING 'UTF8', and use `migrate-database`."),
            "postgres.encoding",
        )
    unsafe = tuple(name for name in DURABLE if told[name] == "off")
    if unsafe:
        yield Check(
            "Database",
            WRONG,
            T("PostgreSQL may lose what it kept when the power fails: {settings} is off.", settings=unsafe),
            T("Switch it on in postgresql.conf: the ledger must survive a power cut."),
            "postgres.not_durable",
        )
    if told["actual"] and told["collation"] and told["actual"] != told["collation"]:
        yield Check(
            "Database",
            TODO,
            T(
                "The sorting rules of the server changed ({before} → {now}).",
                before=told["collation"],
                now=told["actual"],
            ),
            T("Run REINDEX DATABASE and ALTER DATABASE … REFRESH COLLATION VERSION."),
            "postgres.collation",
        )
    if told["TimeZone"].upper() not in ("UTC", "ETC/UTC"):
        yield Check(
            "Database",
            WRONG,
            T("The connection is in the time zone {name} instead of UTC.", name=told["TimeZone"]),
            T("A connection pooler must not change it: see `options` in its documentation."),
            "postgres.time_zone",
        )
    trouble = look_at_server(ctx.database)
    if trouble is not None:
        yield Check("Database", WRONG, trouble.message, trouble.remedy, "postgres.disk_full")
    yield _clock(told["now"])


def _told(ctx: Context) -> dict[str, Any]:
    names = ("server_version", "server_version_num", "server_encoding", "TimeZone", *DURABLE)
    with ctx.database.session() as session:
        settings = ", ".join(f"current_setting('{name}') AS \"{name}\"" for name in names)
        told = dict(session.execute(text(f"SELECT {settings}, clock_timestamp() AS now")).one()._mapping)
        told |= {"collation": None, "actual": None}
        if int(told["server_version_num"]) >= 150_000:
            told["collation"], told["actual"] = session.execute(text(COLLATION)).one()
    return told


def _machine() -> datetime:
    """This machine's own clock: the product's follows the database's."""
    return datetime.now(UTC)


def _clock(told: datetime) -> Check:
    seconds = (_machine() - told).total_seconds()
    if abs(seconds) <= SLOW_SECONDS:
        return Check("Clock", OK, T("This machine and the database agree."), code="clock.database")
    return Check(
        "Clock",
        WRONG if abs(seconds) > WRONG_SECONDS else TODO,
        T("This machine's clock is {seconds} seconds off from the database's.", seconds=round(seconds)),
        T("Let both follow a time server (chrony, systemd-timesyncd)."),
        "clock.database_off",
    )
