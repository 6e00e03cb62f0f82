"""A PostgreSQL server of the tests' own: one for all workers of a test session, thrown away with it.

Started with the binaries of the system, on a Unix socket in a temporary directory, with everything off that makes data
survive a power cut. A small process watches the test session and takes the server down with it, also when it is killed.
"""

from __future__ import annotations

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
