"""After a whole run, none of the secrets that it used stands in anything it left: log, database, exports, back-up, metrics, processes."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from connectors.autotask.sandbox import Fault, SandboxServer
from tests.ports import free_port

from .conftest import ROOT, Done, Terminal, connected, export

HOOK, PASSWORD = "hook-signing-Secret/0123456789+x", "a pass Phrase & nobody's guess"
ADDED = """\
  - name: Sender
    connector: webhook
    mode: review
    settings: {verification: {scheme: hmac_hex}}
    secrets: {secret: "${HOOK_SECRET}"}
customers:
"""


def forms(secret: str) -> set[bytes]:
    """The ways in which a secret may be written."""
    raw = secret.encode()
    return {
        raw,
        base64.b64encode(raw),
        base64.urlsafe_b64encode(raw),
        quote(secret, safe="").encode(),
        raw.hex().encode(),
        raw[::-1],
    }


def left_behind(home: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, ZIP files (workbooks and back-ups are some) also unpacked."""
    for path in sorted(home.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            yield str(path.relative_to(home)), data
            yield from _inside(str(path.relative_to(home)), data)


def _inside(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for part in archive.namelist():
                yield f"{name}!{part}", archive.read(part)


@contextmanager
def running(terminal: Terminal, environment: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """The product being served; its log goes to a file beside its data."""
    port = free_port()
    with (terminal.home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "core.cli", "run", "--port", str(port)],
            cwd=ROOT, stdout=log, stderr=subprocess.STDOUT,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "CONTRACTBRIDGE_HOME": str(terminal.home / "data"), **environment},
        )  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{port}/readyz", process)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(60)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=30):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("the server did not answer")


def test_no_secret_stands_in_anything_a_run_leaves(inside: Terminal, sandbox: SandboxServer) -> None:
    workspace = connected(inside, sandbox)
    told: dict[str, Done] = {}

    def do(*arguments: str) -> Done:
        told[" ".join(arguments)] = done = workspace(*arguments)
        return done

    text = (workspace.home / "w.yaml").read_text(encoding="utf-8").replace("customers:\n", ADDED, 1)
    (workspace.home / "w.yaml").write_text(text, encoding="utf-8")
    workspace.environment |= {"HOOK_SECRET": HOOK}
    assert do("workspace", "apply", "w.yaml").code == 0
    token = workspace("portal", "hook", "Sender", "--json").json["path"].rpartition("/")[2]
    assert workspace("user", "add", "jan", "--role", "admin", CONTRACTBRIDGE_USER_PASSWORD=PASSWORD).code == 0

    do("import", "M365", export(workspace, "m.csv", "Acme,BP,31", "Fysio,BB,9"))
    sandbox.faults.add(
        Fault(action="errors", text="This contract is locked.", entity="ContractServiceAdjustments", times=1)
    )
    for command in (("sync",), ("plan", "--json"), ("doctor", "--json"), ("portal", "list", "--json")):
        do(*command)
    for form in ("csv", "json", "xlsx", "pdf"):
        do("report", "as-of", "--format", form, *(("--output", f"r.{form}") if form in ("xlsx", "pdf") else ()))
    assert do("audit", "export", "audit.csv").code == 0
    assert do("workspace", "export", "exported.yaml").code == 0
    assert do("backup", "back-up.zip").code == 0
    secrets = {
        "secret": workspace.environment["AT_SECRET"],
        "code": workspace.environment["AT_CODE"],
        "hook": HOOK,
        "token": token,
        "password": PASSWORD,
    }
    # Without the variables: the keys are read from the database.
    with running(workspace, {}) as (url, process):
        with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
            metrics = answer.read()
        shown = Path(f"/proc/{process}/cmdline")
        arguments = shown.read_bytes() if shown.exists() else b""
        with pytest.raises(OSError):
            urllib.request.urlopen(f"{url}/hooks/{token}", data=b"{}", timeout=60)

    found = [("metrics", metrics), ("processes", arguments), *left_behind(workspace.home)]
    found += [(f"said by {name}", (done.out + done.err).encode()) for name, done in told.items()]
    names = {name for name, _ in found}
    assert {"audit.csv", "exported.yaml", "back-up.zip!contractbridge.db", "server.log"} <= names, sorted(names)
    leaks = [
        (name, kind)
        for name, data in found
        for kind, secret in secrets.items()
        for form in forms(secret)
        if form in data
    ]
    assert leaks == []

    key = (workspace.home / "data" / "secret.key").read_bytes().strip()
    assert [name for name, data in found if key in data] == ["data/secret.key"], (
        "the key stays in its file, and out of the back-up"
    )
