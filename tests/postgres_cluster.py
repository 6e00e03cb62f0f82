"""A PostgreSQL server of the tests' own: one for all workers of a test session, thrown away with it.

Started with the binaries of the system, on a Unix socket in a temporary directory, with everything off that makes data
survive a power cut. A small process watches the test session and takes the server down with it, also when it is killed.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

SESSION_VARIABLE = "CONTRACTBRIDGE_TEST_SESSION"
"""Process number of the test session; workers inherit it, so that all of them find one server."""
START_SECONDS = 150
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}


def binaries() -> Path | None:
    """Where `initdb` and `postgres` are; None when there are none."""
    found = shutil.which("initdb")
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    places += [Path(found).parent] if found else []
    return next((place for place in places if (place / "postgres").exists()), None)


def server_url() -> str | None:
    """The address of the session's server (its database `postgres`), started when it is not running; None without binaries."""
    place = binaries()
    if place is None:
        return None
    session = os.environ.get(SESSION_VARIABLE) or str(os.getpid())
    home = Path(tempfile.gettempdir()) / f"contractbridge-pg-{session}"
    try:
        home.mkdir(mode=0o755)
    except FileExistsError:
        pass
    else:
        _start(place, home, session)
    _wait(home)
    return f"postgresql+psycopg://postgres@/postgres?host={home}"


def named(server: str, name: str) -> str:
    """The address of a database on the server."""
    from sqlalchemy import make_url

    return make_url(server).set(database=name).render_as_string(hide_password=False)


def create(server: str, name: str, template: str = "") -> str:
    """Make a database, empty or as a copy of another; gives its address.

    Copied file by file: through the log, as newer servers do by themselves, it takes them six times as long.
    """
    with _administering(server) as connection:
        copied = f" TEMPLATE {template}" if template else ""
        strategy = " STRATEGY FILE_COPY" if connection.info.server_version >= 150000 else ""
        connection.execute(f"CREATE DATABASE {name}{copied}{strategy}")  # type: ignore[arg-type]
    return named(server, name)


_OWN = "NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_' OR nspname = 'information_schema')"
_SHAPE = f"""
    SELECT count(*), sum(hashtext(what)) FROM (
        SELECT concat('column', c.oid, a.attname, a.atttypid, a.attnotnull, a.attisdropped, pg_get_expr(d.adbin, d.adrelid))
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE c.relnamespace {_OWN}
        UNION ALL SELECT concat('trigger', tgrelid, tgname, tgenabled, tgfoid, tgtype) FROM pg_trigger
        UNION ALL SELECT concat('rule', ev_class, rulename, ev_enabled) FROM pg_rewrite
        UNION ALL SELECT concat('constraint', conrelid, conname, convalidated) FROM pg_constraint WHERE connamespace {_OWN}
        UNION ALL SELECT concat('function', oid, proname, prosrc) FROM pg_proc WHERE pronamespace {_OWN}
    ) AS everything (what)
"""
"""A number for all that is not rows: tables, columns, indexes, triggers, constraints and functions."""
_TABLES = f"""
    SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relkind = 'r' AND c.relnamespace {_OWN}
"""
_RESTART = """
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE last_value IS NOT NULL
"""


class Templates:
    """Databases to copy from, and copies that come back: emptying one takes a tenth of the work of copying all of its files."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._spare: dict[str, list[str]] = {}
        self._known: dict[str, tuple[Any, dict[str, list[tuple[Any, ...]]]]] = {}
        self._numbers = itertools.count(1)

    def take(self, template: str) -> str:
        """The name of a database that is as the template is."""
        spare = self._spare.setdefault(template, [])
        if spare:
            return spare.pop()
        name = f"copy_{os.getpid()}_{next(self._numbers)}"
        create(self._server, name, template)
        if template not in self._known:
            with _administering(named(self._server, name)) as connection:
                full = _rows(connection)
                self._known[template] = (connection.execute(_SHAPE).fetchone(), full)
        return name

    def give_back(self, name: str, template: str) -> None:
        """As it was, whatever a test did to its rows; one whose tables a test changed goes away."""
        import psycopg

        try:
            with _administering(named(self._server, name)) as connection:
                same = self._restored(connection, template)
        except psycopg.Error:
            same = False
        if same:
            self._spare[template].append(name)
        else:
            drop(self._server, name)

    def _restored(self, connection: psycopg.Connection[Any], template: str) -> bool:
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(f"SELECT pg_terminate_backend(pid, 60000) {others}")  # type: ignore[arg-type]
        shape, kept = self._known[template]
        if connection.execute(_SHAPE).fetchone() != shape:
            return False
        # Neither what may only grow nor what belongs together keeps this one from its work.
        connection.execute("SET session_replication_role = replica")
        now = _rows(connection)
        changed = [table for table in {*now, *kept} if now.get(table) != kept.get(table)]
        if changed:
            connection.execute(f"TRUNCATE {', '.join(changed)} CASCADE")  # type: ignore[arg-type]
        for table, rows in kept.items():
            if table in changed:
                places = ", ".join(["%s"] * len(rows[0]))
                with connection.cursor() as cursor:
                    cursor.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # type: ignore[arg-type]
        connection.execute(_RESTART)
        return _rows(connection) == kept


def _rows(connection: psycopg.Connection[Any]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of each table that has any; of long ones only that they are there."""
    tables = [row[0] for row in connection.execute(_TABLES)]
    if not tables:
        return {}
    looks = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in tables)
    full = [row[0] for row in connection.execute(looks)]  # type: ignore[arg-type]
    few = 100
    return {table: connection.execute(f"SELECT * FROM {table} LIMIT {few}").fetchall() for table in sorted(full)}  # type: ignore[arg-type]


def drop(server: str, name: str) -> None:
    """Remove a database, whoever uses it; none is well too."""
    with _administering(server) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # type: ignore[arg-type]


def _administering(server: str) -> psycopg.Connection[Any]:
    import psycopg
    from sqlalchemy import make_url

    address = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(address, autocommit=True)


def _start(place: Path, home: Path, session: str) -> None:
    data = home / "data"
    data.mkdir(mode=0o700)
    # PostgreSQL refuses to run as root.
    user = "postgres" if hasattr(os, "geteuid") and os.geteuid() == 0 else None
    if user:
        shutil.chown(home, user)
        shutil.chown(data, user)
    subprocess.run(
        [str(place / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8"],
        check=True, user=user, stdout=subprocess.DEVNULL, cwd=home, timeout=START_SECONDS,
    )  # fmt: skip
    arguments = [str(place), str(home), session, user or ""]
    subprocess.Popen(
        [sys.executable, __file__, *arguments],
        start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home,
    )  # fmt: skip


def watch(place: Path, home: Path, session: int, user: str | None) -> None:
    """Run the server as long as the test session lives, then remove all of it."""
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    server = subprocess.Popen(
        [str(place / "postgres"), "-D", str(home / "data"), "-k", str(home), *settings], user=user, cwd=home
    )
    while _lives(session) and server.poll() is None:
        time.sleep(0.5)
    server.send_signal(signal.SIGINT)
    try:
        server.wait(START_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
    shutil.rmtree(home, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _wait(home: Path) -> None:
    import psycopg

    give_up = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(f"postgresql://postgres@/postgres?host={home}", connect_timeout=5).close()
        except psycopg.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)
        else:
            return


def _version(place: Path) -> int:
    name = place.parent.name
    return int(name) if name.isdigit() else 0


if __name__ == "__main__":
    watch(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] or None)
