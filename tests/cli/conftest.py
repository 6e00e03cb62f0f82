"""The command line as a process of its own, against a real sandbox Autotask."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connectors.autotask.sandbox import SandboxServer
from connectors.autotask.sandbox.demo import demo_data
from tests.days import one_day

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Done:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document it must be."""
        return json.loads(self.out)


@dataclass
class Terminal:
    """Runs commands in one data directory."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> Done:
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("CONTRACTBRIDGE_", "LC_", "LANG"))
        }
        done = subprocess.run(
            [sys.executable, "-m", "core.cli", *arguments],
            cwd=self.home,
            env=clean
            | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "CONTRACTBRIDGE_HOME": str(self.home / "data")}
            | self.environment
            | environment,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=170,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


class Inside(Terminal):
    """The same commands in this very process, in a data directory with an empty database: quicker than starting Python each time."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(home)
        self.monkeypatch, self.capsys = monkeypatch, capsys
        for name in os.environ:
            if name.startswith("CONTRACTBRIDGE_"):
                monkeypatch.delenv(name)
        monkeypatch.setenv("CONTRACTBRIDGE_HOME", str(home / "data"))
        monkeypatch.chdir(home)

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> Done:
        from core.cli import main

        with self.monkeypatch.context() as patched:
            for name, value in (self.environment | environment).items():
                patched.setenv(name, value)
            self.capsys.readouterr()
            code = main(list(arguments))
        out, err = self.capsys.readouterr()
        return Done(code, out, err)


@pytest.fixture
def inside(
    empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Inside]:
    handlers, level = logging.getLogger().handlers, logging.getLogger().level
    (tmp_path / "data").mkdir()
    shutil.copy(empty_database, tmp_path / "data" / "contractbridge.db")
    yield Inside(tmp_path, monkeypatch, capsys)
    logging.getLogger().handlers = handlers
    logging.getLogger().setLevel(level)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(demo_data(one_day(minutes=3))) as server:
        yield server


WORKSPACE = """\
autotask: {{user_name: {user}, secret: "${{AT_SECRET}}", integration_code: "${{AT_CODE}}", base_url: "{base}"}}
portals:
  - name: M365
    connector: file
    settings: {{customer: Customer, product: Product, quantity: Qty, complete: true}}
    mode: automatic
  - name: AV
    connector: file
    settings: {{customer: Customer, product: Product, quantity: Qty, complete: true}}
    mode: review
customers:
  - {{portal: M365, customer: Acme, company: Acme B.V.}}
  - {{portal: M365, customer: Fysio, company: Fysiotherapie Jansen}}
  - {{portal: AV, customer: Krakeling, company: Bakkerij De Gouden Krakeling B.V.}}
products:
  - {{portal: M365, product: BP, service: Microsoft 365 Business Premium}}
  - {{portal: M365, product: BB, service: Microsoft 365 Business Basic}}
  - {{portal: AV, product: AV, service: Antivirus per endpoint}}
"""


@pytest.fixture
def workspace(inside: Inside, sandbox: SandboxServer) -> Terminal:
    """A terminal whose workspace file was applied."""
    return connected(inside, sandbox)


def connected(terminal: Terminal, sandbox: SandboxServer) -> Terminal:
    """Apply the workspace file."""
    sandbox.reset()
    sandbox.faults.clear()
    known = sandbox.credentials
    text = WORKSPACE.format(user=known.user_name, base=sandbox.base_url)
    (terminal.home / "w.yaml").write_text(text, encoding="utf-8")
    terminal.environment = {"AT_SECRET": known.secret, "AT_CODE": known.integration_code}
    done = terminal("workspace", "apply", "w.yaml", "--json")
    assert (done.code, done.json["created"], done.err) == (0, 2 + 3 + 3, "")
    return terminal


def export(terminal: Terminal, name: str, *rows: str) -> str:
    """An export file; gives its name."""
    (terminal.home / name).write_text("Customer,Product,Qty\n" + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return name
