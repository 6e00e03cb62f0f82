"""Measures a sync against the sandbox Autotask in a process of its own: requests and time beside what is least possible."""

from __future__ import annotations

import csv
import io
import json
import random
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from core.bootstrap import App, build
from core.services import sync, uploads
from core.services.access import SYSTEM
from core.services.summary import SyncSummary
from core.services.workspace import apply_workspace
from core.settings import Settings

PAGE = 500
IN_FLIGHT = 2
CREDENTIALS = {
    "user_name": "api@sandbox.example",
    "secret": "sandbox",
    "integration_code": "SANDBOXSANDBOXSANDBOXSANDBX",
}


class Sandbox:
    """The sandbox Autotask, over its control routes."""

    def __init__(self, url: str, pid: int = 0) -> None:
        self.pid = pid
        self.url = url.removesuffix("/ATServicesRest/")

    def call(self, method: str, route: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/__sandbox__/{route}",
            method=method,
            data=json.dumps(body or {}).encode() if method != "GET" else None,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.loads(answer.read())


@contextmanager
def sandbox_process() -> Iterator[Sandbox]:
    """A sandbox in its own process, so that its work does not slow the client."""
    child = subprocess.Popen(
        [sys.executable, "-m", "connectors.autotask.sandbox", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    try:
        yield Sandbox(child.stdout.readline().split()[-1], child.pid)
    finally:
        child.terminate()
        child.wait()


def measure_sync(companies: int, lines: int, changes: int, latency: float) -> dict[str, Any]:
    """Figures of a first sync, one with `changes` changes, and one without news. `latency` in seconds per request."""
    with sandbox_process() as sandbox, tempfile.TemporaryDirectory() as home:
        sandbox.call("POST", "reset", {"data": "generate", "companies": companies, "lines": lines, "months": 24})
        sandbox.call("PATCH", "switches", {"hourly_limit": 1_000_000, "usage_latency_scale": 0})
        units = sandbox.call("GET", "state")["lines"]
        app = build(Settings(home=Path(home)))
        try:
            _prepare(app, sandbox, units)
            _bring(app, units, "first.csv")
            first, _ = _sync(app, sandbox)
            dice = random.Random(7)
            for line in dice.sample(units, changes):
                line["units"] += dice.choice((1, 2, 3))
            _bring(app, units, "second.csv")
            sandbox.call("PATCH", "switches", {"latency": latency})
            changed, counts = _sync(app, sandbox)
            quiet, quiet_counts = _sync(app, sandbox)
        finally:
            app.close()
    return _figures(lines, changes, latency, (first, changed, quiet), (counts, quiet_counts))


def _prepare(app: App, sandbox: Sandbox, units: list[dict[str, Any]]) -> None:
    contracts = {line["contractID"]: line for line in units}
    known = owners(app, sandbox, contracts)
    for line in units:
        line["company"] = known[line["contractID"]]
    customers = [
        {"portal": "Bench", "customer": f"C{company}", "company_id": company}
        for company in sorted({line["company"] for line in units})
    ]
    products = [
        {"portal": "Bench", "product": f"P{service}", "service_id": service}
        for service in sorted({line["serviceID"] for line in units})
    ]
    policy = {
        "increase": "today", "decrease": "today", "max_change_percent": None, "hold_to_zero": False,
        "max_lines_down_percent": None,
    }  # fmt: skip
    document = {
        "autotask": {**CREDENTIALS, "secret": "${SANDBOX_SECRET}", "base_url": f"{sandbox.url}/ATServicesRest/"},
        "portals": [
            {
                "name": "Bench",
                "connector": "file",
                "settings": {"customer": "Customer", "product": "Product", "quantity": "Qty"},
                "mode": "automatic",
                "policy": policy,
            }
        ],
        "customers": customers,
        "products": products,
    }
    apply_workspace(app.context, SYSTEM, yaml.safe_dump(document), {"SANDBOX_SECRET": secret()})


def secret() -> str:
    """The secret of the sandbox's API user."""
    from connectors.autotask.sandbox.data import Credentials

    return Credentials().secret


def owners(app: App, sandbox: Sandbox, contracts: dict[int, Any]) -> dict[int, int]:
    """The company of each of these contracts."""
    from pydantic import SecretStr

    from connectors import autotask

    settings = autotask.AutotaskSettings(
        user_name=CREDENTIALS["user_name"],
        secret=SecretStr(secret()),
        integration_code=SecretStr(CREDENTIALS["integration_code"]),
        base_url=f"{sandbox.url}/ATServicesRest/",
    )
    target = autotask.connect(settings)
    try:
        return {contract.id: contract.company_id for contract in target.contracts() if contract.id in contracts}
    finally:
        target.close()


def _bring(app: App, units: list[dict[str, Any]], name: str) -> None:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(("Customer", "Product", "Qty"))
    rows.writerows((f"C{line['company']}", f"P{line['serviceID']}", line["units"]) for line in units)
    outcome = uploads.import_file(app.context, SYSTEM, "Bench", text.getvalue().encode(), name)
    if not outcome.stored:
        raise SystemExit(f"bench: the file was not taken: {outcome.summary}")


def _sync(app: App, sandbox: Sandbox) -> tuple[SyncSummary, Counter[str]]:
    sandbox.call("DELETE", "requests")
    summary = sync.run_sync(app.context, SYSTEM)
    if summary.error is not None:
        raise SystemExit(f"bench: the sync failed: {summary.error}")
    asked = sandbox.call("GET", "requests")["requests"]
    return summary, Counter(f"{one['entity']} {one['operation']}" for one in asked)


def _figures(
    lines: int, changes: int, latency: float, runs: tuple[SyncSummary, ...], counts: tuple[Counter[str], ...]
) -> dict[str, Any]:
    """Least possible: the pages of lines and of units, one look at each other list, one write a change, and one page to read back."""
    _, changed, quiet = runs
    pages = -(-lines // PAGE)
    looks = 6
    """companies, services, bundles, contracts, lines and units of bundles"""
    fewest = 2 * pages + looks + changes + -(-changes // PAGE)
    fewest_quiet = 2 * pages + looks
    by_entity: Counter[str] = Counter()
    for key, count in counts[0].items():
        by_entity[key.split()[0]] += count
    writes = sum(count for entity, count in by_entity.items() if entity.endswith("Adjustments"))
    reads = max(count for entity, count in by_entity.items() if not entity.endswith("Adjustments"))
    # Entities are asked next to each other, but nothing can be written before it was read, nor read back before it was written.
    floor = (writes + reads) * latency / IN_FLIGHT
    return {
        "lines": lines,
        "changes": changes,
        "changes of the run": dict(changed.changes),
        "findings": dict(changed.findings),
        "requests": sum(counts[0].values()),
        "requests / fewest possible": round(sum(counts[0].values()) / fewest, 3),
        "seconds": round(changed.duration_s, 2),
        "seconds / requests at 2 in flight": round(changed.duration_s / floor, 3),
        "quiet sync: requests / fewest possible": round(sum(counts[1].values()) / fewest_quiet, 3),
        "quiet sync: writes": sum(count for key, count in counts[1].items() if key.endswith(("create", "update"))),
        "quiet sync: seconds": round(quiet.duration_s, 2),
        "requests by entity": dict(by_entity),
    }
