"""Webhooks into the whole product as a process of its own (`run`), beside the pages, and through its violent death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from core import bootstrap
from core.services import portals, webhooks
from core.services.access import SYSTEM
from core.store import history
from core.store import webhooks as store
from tests.ports import free_port
from tests.waiting import until
from tests.web.conftest import copy_of
from tests.web.hooks_server import SECRET, sign

ROOT = Path(__file__).resolve().parents[2]
SENDERS, EACH = 4, 50


@dataclass
class Product:
    """`manage.py run` on a data directory, and the same workspace opened from here."""

    home: Path
    app: bootstrap.App
    address: str
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CONTRACTBRIDGE_")}
        environment |= {"CONTRACTBRIDGE_HOME": str(self.home), "PYTHONPATH": str(ROOT)}
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "core.cli", "run", "--port", str(self.port)],
                cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        assert until(self._is_up, 150), (self.home / "server.log").read_text()

    def _is_up(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=30, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(30)

    def rows(self) -> list[store.Delivery]:
        with self.app.context.database.session() as session:
            return list(reversed(store.last(session, 1, 10_000)))


@pytest.fixture
def product(tmp_path: Path, template_home: Path) -> Iterator[Product]:
    app = copy_of(template_home, tmp_path)
    settings = {"requests_per_minute": 10_000}
    portals.create_portal(app.context, SYSTEM, "Sender", "webhook", settings=settings, secrets={"secret": SECRET})
    address = webhooks.make_address(app.context, SYSTEM, "Sender")
    port = free_port()
    found = Product(tmp_path, app, f"http://127.0.0.1:{port}{address}", port)
    yield found
    found.kill()
    app.close()


@contextmanager
def sending(product: Product, accepted: list[list[int]]) -> Iterator[None]:
    """Senders that post their events in order, each until it is accepted, as senders do."""
    ended = threading.Event()

    def send(sender: int) -> None:
        with httpx.Client(timeout=60, trust_env=False) as client:
            for number in range(EACH):
                while not ended.is_set() and number not in accepted[sender]:
                    if _post(client, product.address, sender, number) in (200, 202):
                        accepted[sender].append(number)
                    else:
                        time.sleep(0.1)

    threads = [threading.Thread(target=send, args=(sender,), daemon=True) for sender in range(SENDERS)]
    for thread in threads:
        thread.start()
    try:
        yield
        for thread in threads:
            thread.join(90)
    finally:
        ended.set()


def _post(client: httpx.Client, address: str, sender: int, number: int) -> int:
    raw = f'{{"customers":[{{"id":"S{sender}","products":[{{"sku":"A","quantity":{number}}}]}}]}}'.encode()
    message, moment = f"m{sender}-{number}", int(time.time())
    headers = {
        "content-type": "application/json", "webhook-id": message, "webhook-timestamp": str(moment),
        "webhook-signature": sign(message, moment, raw),
    }  # fmt: skip
    try:
        return client.post(address, content=raw, headers=headers).status_code
    except httpx.HTTPError:
        return 0


def test_s1_58_nothing_is_lost_or_done_twice_when_the_process_is_killed_while_events_come(product: Product) -> None:
    # While it is paused what comes in is kept and waits: the process dies between keeping and working for certain.
    portals.pause_portal(product.app.context, SYSTEM, "Sender", True)
    product.start()
    accepted: list[list[int]] = [[] for _ in range(SENDERS)]
    with sending(product, accepted):
        assert until(lambda: sum(map(len, accepted)) >= 60, 60)
        product.kill()
        at_death = [f"m{sender}-{number}" for sender in range(SENDERS) for number in list(accepted[sender])]
        rows = product.rows()
        assert {row.named for row in rows} >= set(at_death), "an event was accepted and is gone"
        assert {row.state for row in rows} == {store.WAITING}
        portals.pause_portal(product.app.context, SYSTEM, "Sender", False)
        product.start()
    rows = product.rows()
    assert sorted(row.named for row in rows) == sorted(f"m{s}-{n}" for s in range(SENDERS) for n in range(EACH))
    for sender in range(SENDERS):
        mine = [row.named for row in rows if row.named.startswith(f"m{sender}-")]
        assert mine == [f"m{sender}-{number}" for number in range(EACH)]
    assert until(lambda: all(row.state == store.APPLIED for row in product.rows()), 60)
    with product.app.context.database.session() as session:
        used = history.as_of(session, product.app.context.clock.now())
    assert {(one.customer_id, int(one.quantity)) for one in used} == {
        (f"S{sender}", EACH - 1) for sender in range(SENDERS)
    }
