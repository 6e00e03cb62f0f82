"""What is outside of the product: portals over HTTP that fail when told to, and Autotask with a control line."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.chaos.world import BROKEN, Truth, autotask_data

TROUBLES = ("error", "half", "empty", "slow", "second page", "not json")
"""What a portal can do wrong; each must leave the last known quantities alone (M2)."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Who asked was killed."""


class Portals:
    """Serves every portal's numbers as they are at this moment, in two pages. `rate` of the answers go wrong."""

    def __init__(self, truth: Truth, seed: int) -> None:
        self.truth = truth
        self.rate = 0.0
        self.wrong: Counter[str] = Counter()
        self._dice = random.Random(f"portals {seed}")
        portals = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                portals.answer(self)

            def log_message(self, *_: object) -> None:
                return

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, name="portals", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """One page, or a trouble."""
        parts = urlsplit(request.path)
        portal, page = parts.path.strip("/"), int(parse_qs(parts.query).get("page", ["1"])[0])
        trouble = self._trouble(portal, page)
        if trouble == "slow":
            time.sleep(2)
        if trouble == "error" or (trouble == "second page" and page == 2):
            _send(request, 500, b"out of order")
            return
        customers = [
            {"id": c, "products": [{"sku": q, "qty": n} for q, n in products.items()]}
            for c, products in self.truth.of(portal).items()
        ]
        half = (len(customers) + 1) // 2
        shown = [] if trouble == "empty" else customers[:half] if page == 1 else customers[half:]
        body = json.dumps({"pages": 1 if trouble == "empty" else 2, "customers": shown}).encode()
        _send(request, 200, b"<html>" if trouble == "not json" else body, cut=trouble == "half")

    def _trouble(self, portal: str, page: int) -> str:
        if portal == BROKEN:
            return "error"
        if self._dice.random() >= self.rate:
            return ""
        trouble = self._dice.choice(TROUBLES)
        if trouble != "second page" or page == 2:
            self.wrong[trouble] += 1
        return trouble


def _send(request: BaseHTTPRequestHandler, status: int, body: bytes, *, cut: bool = False) -> None:
    try:
        request.send_response(status)
        request.send_header("content-type", "application/json")
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2] if cut else body)
        request.close_connection = request.close_connection or cut
    except OSError:
        request.close_connection = True


class Autotask:
    """The control line to the sandbox, which is a process of its own: the judge is never killed."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._client = httpx.Client(base_url=f"{root}/__sandbox__/", timeout=60, trust_env=False)

    @property
    def base_url(self) -> str:
        return f"{self.root}/ATServicesRest/"

    def fault(self, **values: Any) -> None:
        self._do("POST", "faults", values)

    def storm(self, rate: float, seed: int) -> None:
        """Each request fails with this probability; 0 ends it."""
        self._do("POST", "faults/random", {"rate": rate, "seed": seed})

    def fired(self) -> Counter[str]:
        """Faults so far, by what happened."""
        return Counter(f"{one['action']} {one['when']}" for one in self._do("GET", "faults")["fired"])

    def clear(self) -> None:
        self._do("DELETE", "faults")

    def switch(self, **values: Any) -> None:
        self._do("PATCH", "switches", values)

    def units(self) -> dict[int, int]:
        """Units of every contract line today."""
        return {line["id"]: line["units"] for line in self._do("GET", "state")["lines"]}

    def ledger(self, entity: str) -> list[dict[str, Any]]:
        """Everything that was committed to an entity over the API, in order."""
        return [one for one in self._do("GET", "ledger", entity=entity)["ledger"] if one["by"] == "api"]

    def requests(self) -> int:
        return sum(sum(kinds.values()) for kinds in self._do("GET", "requests")["counts"].values())

    def _do(self, method: str, name: str, body: dict[str, Any] | None = None, **query: str) -> Any:
        answer = self._client.request(method, name, json=body, params=query)
        answer.raise_for_status()
        return answer.json()


def serve_autotask(customers: list[str], today: str, address_file: str) -> None:
    """The sandbox alone, until it is killed; says where it is in a file. A day has as many changes of a line as it likes."""
    from connectors.autotask.sandbox import SandboxServer, SandboxSwitches

    data, _ = autotask_data(tuple(customers), date.fromisoformat(today))
    switches = SandboxSwitches(same_day="merge", hourly_limit=1_000_000)
    with SandboxServer(data, switches=switches) as server:
        path = Path(address_file)
        path.with_suffix(".new").write_text(server.root_url, encoding="utf-8")
        path.with_suffix(".new").rename(path)
        while True:
            time.sleep(3600)
