"""A real Zabbix from Debian's packages: server and frontend, without systemd and without anything left behind.

The database is one of the tests' own PostgreSQL. The frontend is a copy of the package's files behind PHP's own web server,
because the path of its settings file is fixed. Packages: `zabbix_packages.txt`.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import psycopg

from tests.ports import free_port

FRONTEND = Path("/usr/share/zabbix")
SCHEMA = Path("/usr/share/zabbix-server-pgsql")
SETTINGS_FILE = "/etc/zabbix/zabbix.conf.php"
PARTS = ("include", "local", "conf", "vendor", "api_jsonrpc.php")
START_SECONDS = 150
LEFT_OUT = tuple(
    f"INSERT INTO {table}".encode()
    for table in (
        "item",
        "function",
        "trigger",
        "graph",
        "valuemap",
        "hostmacro",
        "lld_",
        "http",
        "host_discovery",
        "sysmap",
        "widget",
    )
)
END_WITH_PARENT = ("setpriv", "--pdeathsig", "TERM")
"""A killed test run leaves nothing running."""


def missing() -> list[str]:
    """What is not installed here."""
    programs = [name for name in ("zabbix_server", "php", "setpriv") if not _program(name)]
    return programs + [
        str(path) for path in (FRONTEND / "api_jsonrpc.php", SCHEMA / "data.sql.gz") if not path.exists()
    ]


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


@contextmanager
def running(folder: Path, socket_folder: str, database: str) -> Iterator[str]:
    """The frontend's address. `socket_folder` is where PostgreSQL listens; `database` is made for this server."""
    _fill(socket_folder, database)
    port = free_port()
    site = _frontend(folder, socket_folder, database)
    with (folder / "log").open("wb") as log:
        commands = [
            [_program("zabbix_server"), "--foreground", "--config", _configuration(folder, socket_folder, database)],
            ["php", "-S", f"127.0.0.1:{port}", "-t", str(site)],
        ]
        processes = [
            subprocess.Popen([*END_WITH_PARENT, *map(str, command)], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            for command in commands
        ]
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(address, processes, folder / "log")
            yield address
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                _end(process)


def _fill(socket_folder: str, database: str) -> None:
    with psycopg.connect(f"host={socket_folder} user=postgres dbname=postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{database}"')
    with psycopg.connect(f"host={socket_folder} user=postgres dbname={database}", autocommit=True) as connection:
        connection.execute(gzip.decompress((SCHEMA / "schema.sql.gz").read_bytes()))
        # Icons and what is in templates are left out, so references to them cannot be checked.
        connection.execute("SET session_replication_role = replica")
        connection.execute(b"".join(_without_templates(gzip.decompress((SCHEMA / "data.sql.gz").read_bytes()))))


def _without_templates(script: bytes) -> Iterator[bytes]:
    """The package's first rows but the 150,000 that fill its templates: nothing here is monitored with them."""
    keep = True
    for row in script.splitlines(keepends=True):
        if row.startswith((b"INSERT INTO ", b"UPDATE ", b"START ", b"COMMIT")):
            keep = not row.startswith(LEFT_OUT)
        if keep:
            yield row


def _frontend(folder: Path, socket_folder: str, database: str) -> Path:
    site, settings = folder / "site", folder / "zabbix.conf.php"
    site.mkdir()
    for part in PARTS:
        found = FRONTEND / part
        if found.is_dir():
            shutil.copytree(found, site / part)
        else:
            shutil.copy(found, site / part)
    settings.write_text(
        f"<?php\n$DB = ['TYPE' => 'POSTGRESQL', 'SERVER' => '{socket_folder}', 'PORT' => '0', 'DATABASE' => '{database}', "
        "'USER' => 'postgres', 'PASSWORD' => '', 'SCHEMA' => '', 'ENCRYPTION' => false, 'DOUBLE_IEEE754' => true];\n"
        "$ZBX_SERVER_NAME = 'test';\n$IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;\n",
        encoding="utf-8",
    )
    source = site / "include/classes/core/CConfigFile.php"
    text = source.read_text(encoding="utf-8")
    assert SETTINGS_FILE in text
    source.write_text(text.replace(SETTINGS_FILE, str(settings)), encoding="utf-8")
    return site


def _configuration(folder: Path, socket_folder: str, database: str) -> Path:
    few = ("Pollers", "PollersUnreachable", "DBSyncers", "Preprocessors", "LLDProcessors", "HistoryPollers")
    lines = {
        "DBHost": socket_folder, "DBName": database, "DBUser": "postgres", "LogType": "console", "AllowRoot": "1",
        "PidFile": folder / "pid", "SocketDir": folder,
        "StartTrappers": 0, "StartPingers": 0, "StartDiscoverers": 0, "StartHTTPPollers": 0, "StartODBCPollers": 0,
        "CacheUpdateFrequency": 3600,
        **{f"Start{kind}": 1 for kind in few},
    }  # fmt: skip
    path = folder / "zabbix_server.conf"
    path.write_text("".join(f"{name}={value}\n" for name, value in lines.items()), encoding="utf-8")
    return path


def _wait(address: str, processes: list[subprocess.Popen[bytes]], log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    ask = urllib.request.Request(
        f"{address}/api_jsonrpc.php",
        data=b'{"jsonrpc":"2.0","method":"apiinfo.version","params":[],"id":1}',
        headers={"Content-Type": "application/json"},
    )
    while True:
        told = log.read_text(encoding="utf-8", errors="replace")
        try:
            if b"result" in urllib.request.urlopen(ask, timeout=10).read() and "[task manager #1]" in told:
                return
        except URLError:
            pass
        if time.monotonic() > give_up or any(process.poll() is not None for process in processes):
            raise RuntimeError(f"Zabbix did not start: {told[-2000:]}")
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
