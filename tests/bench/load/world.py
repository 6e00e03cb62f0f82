"""The workspace that is clicked in: a sandbox Autotask, thirteen vendors, a usage export, a cloud's billing and webhooks.

Everything that the product talks to runs in processes of its own; the product itself is `manage.py run`'s process.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from core.bootstrap import App, build
from core.services import consumption_files, people, sync, webhooks
from core.services.access import SYSTEM, Role
from core.services.workspace import apply_workspace
from core.settings import Settings
from tests.bench import consumption as billing
from tests.bench.sync import CREDENTIALS, Sandbox, owners, sandbox_process, secret

ROOT = Path(__file__).resolve().parents[3]
VENDORS = 13
SERVICES = 60
UPLOADED = range(53, 61)
"""Of the catalogue's services those that come by the export; the thirteen vendors have four each."""
UPLOAD, AZURE, EVENTS = "Usage export", "Azure", "Events"
PASSWORD = "a bridge over rough contracts"
HOOK_SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
STARTED = 180.0
MAPPING = {
    "records": "data", "customer_id": "customer", "customer": "customer", "product_key": "sku", "product": "sku",
    "quantity": "quantity", "subscription_id": "subscription", "term": "term", "billing_frequency": "billing",
    "attributes": {name: name for name in ("status", "auto_renew", "assigned", "commitment_end")},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """How large the workspace is, and what comes in while people click."""

    companies: int = 400
    lines: int = 12_000
    billing_rows: int = 100_000
    import_rows: int = 1_000_000
    hooks: int = 2_000
    people: int = 20

    def part(self, share: float) -> Size:
        """The same with so much of everything but the people."""
        return Size(
            max(4, round(self.companies * share)), max(120, round(self.lines * share)),
            round(self.billing_rows * share), round(self.import_rows * share), round(self.hooks * share), self.people,
        )  # fmt: skip


@dataclass(slots=True)
class World:
    """Where everything is. `processes` are by name: what is measured is `web` and what it starts."""

    home: Path
    address: str
    size: Size
    sandbox: Sandbox
    hook_path: str
    sessions: list[tuple[str, str]]
    export: Path
    processes: dict[str, int] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home)


@contextmanager
def world(home: Path, size: Size) -> Iterator[World]:
    """Everything made, mapped and synced once, and the product started on it."""
    with sandbox_process() as sandbox:
        sandbox.call("POST", "reset", {"data": "generate", "companies": size.companies, "lines": size.lines,
                                       "months": 24})  # fmt: skip
        sandbox.call("PATCH", "switches", {"hourly_limit": 10_000_000, "usage_latency_scale": 0})
        units = sandbox.call("GET", "state")["lines"]
        app = build(Settings(home=home))
        try:
            truth = _truth(app, sandbox, units)
            with _vendors(home, truth) as (url, vendors):
                made = _prepare(app, home, size, sandbox, url, truth)
                app.close()
                with _served(home) as (address, web):
                    made.address = address
                    made.processes |= {"sandbox": sandbox.pid, "vendors": vendors, "web": web}
                    yield made
        finally:
            app.close()


def _truth(app: App, sandbox: Sandbox, units: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The contract lines as what vendors would count: their customers are named as the companies, their products as services."""
    known = owners(app, sandbox, {line["contractID"]: line for line in units})
    ends = [date(2026, 1 + number % 12, 28).replace(year=2027) for number in range(12)]
    found: dict[str, list[dict[str, Any]]] = {}
    catalogue = sorted({line["serviceID"] for line in units})
    for number, line in enumerate(units):
        place = catalogue.index(line["serviceID"]) + 1
        portal = UPLOAD if place in UPLOADED else str((place - 1) % VENDORS)
        found.setdefault(portal, []).append(
            {
                "customer": f"C{known[line['contractID']]}", "sku": f"P{line['serviceID']}", "quantity": max(1, int(line["units"])),
                "subscription": f"sub-{number}" if portal in "012" else "", "term": "P1Y", "billing": "monthly",
                "status": "active", "auto_renew": "true", "assigned": str(max(1, int(line["units"])) - number % 3),
                "commitment_end": ends[number % 12].isoformat(),
            }
        )  # fmt: skip
    return found


def _prepare(
    app: App, home: Path, size: Size, sandbox: Sandbox, url: str, truth: dict[str, list[dict[str, Any]]]
) -> World:
    apply_workspace(
        app.context, SYSTEM, json.dumps(_document(sandbox, url, truth)),
        {"SANDBOX_SECRET": secret(), "HOOK_SECRET": HOOK_SECRET},
    )  # fmt: skip
    bill = home / "billing.csv"
    billing.write_export(bill, size.billing_rows)
    consumption_files.bring_files(app.context, SYSTEM, AZURE, [(bill, bill.name)])
    summary = sync.run_sync(app.context, SYSTEM, apply=True)
    if summary.error is not None:
        raise SystemExit(f"bench: the first sync failed: {summary.error}")
    return World(
        home, "", size, sandbox, webhooks.make_address(app.context, SYSTEM, EVENTS), _sessions(app, size.people),
        _export(home, size, truth[UPLOAD]),
    )  # fmt: skip


def _document(sandbox: Sandbox, url: str, truth: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    policy = {"increase": "today", "decrease": "today", "max_change_percent": None, "hold_to_zero": False,
              "max_lines_down_percent": None}  # fmt: skip
    rest = [
        {
            "name": f"Vendor {number + 1:02}", "connector": "rest", "mode": "automatic", "policy": policy,
            "settings": {
                "url": f"{url}/{number}", "network": {"internal": True}, "mapping": MAPPING,
                "paging": {"kind": "page", "param": "page", "pages_at": "pages"},
            },
        }
        for number in range(VENDORS)
    ]  # fmt: skip
    others = [
        {"name": UPLOAD, "connector": "file", "mode": "review", "policy": policy,
         "settings": {"customer": "Customer", "product": "Product", "quantity": "Qty", "complete": True}},
        {"name": AZURE, "connector": "azure_export", "mode": "review", "settings": {}},
        {"name": EVENTS, "connector": "webhook", "mode": "automatic", "settings": {"requests_per_minute": 100_000},
         "secrets": {"secret": "${HOOK_SECRET}"}},
    ]  # fmt: skip
    names = {UPLOAD: UPLOAD} | {str(number): f"Vendor {number + 1:02}" for number in range(VENDORS)}
    pairs = [(names[portal], record) for portal, records in truth.items() for record in records]
    customers = sorted({(portal, record["customer"]) for portal, record in pairs})
    products = sorted({(portal, record["sku"]) for portal, record in pairs})
    return {
        "autotask": {**CREDENTIALS, "secret": "${SANDBOX_SECRET}", "base_url": f"{sandbox.url}/ATServicesRest/"},
        "allowed_hosts": ["127.0.0.1"],
        "portals": [*rest, *others],
        "customers": [{"portal": portal, "customer": name, "company_id": int(name[1:])} for portal, name in customers],
        "products": [{"portal": portal, "product": name, "service_id": int(name[1:])} for portal, name in products],
    }


def _sessions(app: App, count: int) -> list[tuple[str, str]]:
    """Signed-in people as (role, token): one in ten an administrator, one in three a viewer, the others operators."""
    found = []
    for number in range(count + 1):
        role = Role.ADMIN if number % 10 == 0 else Role.VIEWER if number % 3 == 0 else Role.OPERATOR
        people.add_person(app.context, SYSTEM, f"person{number}", PASSWORD, role)
        token, _ = people.sign_in(app.context, f"person{number}", PASSWORD)
        found.append((role.value, token))
    return found


def _export(home: Path, size: Size, records: list[dict[str, Any]]) -> Path:
    """So many rows, one unit or a few each, that come to about the quantities of these contract lines."""
    path = home / "usage.csv"
    rounds = max(1, size.import_rows // max(1, len(records)))
    with path.open("w", encoding="utf-8") as file:
        file.write("Customer,Product,Status,Qty\n")
        for turn in range(rounds):
            for record in records:
                units = record["quantity"] // rounds + (turn < record["quantity"] % rounds)
                file.write(f"{record['customer']},{record['sku']},Active,{units}\n")
    return path


@contextmanager
def _vendors(home: Path, truth: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[str, int]]:
    path = home / "truth.json"
    path.write_text(json.dumps(truth), encoding="utf-8")
    command = [sys.executable, "-m", "tests.bench.load.vendors", str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield f"http://127.0.0.1:{child.stdout.readline().strip()}", child.pid
        finally:
            child.terminate()


@contextmanager
def _served(home: Path) -> Iterator[tuple[str, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "CONTRACTBRIDGE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "core.cli", "run", "--port", str(port)],
            cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{port}/readyz")
        yield f"127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(60)


def _wait(url: str) -> None:
    deadline = time.monotonic() + STARTED
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("bench: the product did not start")
