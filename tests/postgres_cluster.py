"""A PostgreSQL server of the tests' own: one for all workers of a test session, thrown away with it.

Started with the binaries of the system, on a Unix socket in a temporary directory, with everything off that makes data
survive a power cut. A small shell process watches the test session and takes the server down with it, also when it is killed.
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

SESSION_VARIABLE = "CONTRACTBRIDGE_TEST_SESSION"
"""Process number of the test session; workers inherit it, so that all of them find one server."""
START_SECONDS = 60
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
WATCH = """
"$1" -D "$2" {settings} >"$2/log" 2>&1 &
server=$!
while kill -0 "$3" 2>/dev/null && kill -0 $server 2>/dev/null; do sleep 0.5; done
kill -INT $server 2>/dev/null; wait $server
rm -rf "$4"
"""


def binaries() -> Path | None:
    """Where `initdb` and `postgres` are; None when there are none."""
    found = shutil.which("initdb")
    places = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=_version, reverse=True)
    places += [str(Path(found).parent)] if found else []
    return next((Path(place) for place in places if (Path(place) / "postgres").exists()), None)


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


def _start(place: Path, home: Path, session: str) -> None:
    data = home / "data"
    data.mkdir(mode=0o700)
    # PostgreSQL refuses to run as root.
    user = "postgres" if hasattr(os, "geteuid") and os.geteuid() == 0 else None
    if user:
        shutil.chown(home, user)
        shutil.chown(data, user)
    subprocess.run(
        [str(place / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C"],
        check=True, user=user, stdout=subprocess.DEVNULL, cwd=home, timeout=START_SECONDS,
    )  # fmt: skip
    settings = " ".join(f"-c {name}={value!r}" for name, value in SETTINGS.items()) + f" -k '{home}'"
    subprocess.Popen(
        ["/bin/sh", "-c", WATCH.format(settings=settings), "sh", str(place / "postgres"), str(data), session, str(home)],
        user=user, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=home,
    )  # fmt: skip


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


def _version(place: str) -> int:
    name = Path(place).parent.name
    return int(name) if name.isdigit() else 0
