"""People and senders at work: numbers change, files come, somebody approves, events arrive; each done again until it is done."""

from __future__ import annotations

import functools
import os
import random
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from tests.chaos.house import GIVE_UP
from tests.chaos.world import (
    CLOUD,
    FILES,
    FOLDER,
    HELD,
    HOOK,
    INVOICE,
    PRODUCTS,
    REVIEWED,
    SPEND,
    Key,
    amounts_file,
    invoice_file,
    sign,
    usage_file,
)  # fmt: skip

if TYPE_CHECKING:
    from tests.chaos.story import Story


class People:
    """Those at their desks: one thing after another."""

    def __init__(self, story: Story) -> None:
        self.story = story

    def work(self) -> None:
        """Until the faults are over."""
        story, dice = self.story, self.story.dice("work")
        deeds = (
            self.numbers_change, self.numbers_change, self.numbers_change, self.sync, self.files, self.drop_file, self.spend,
            self.approve, self.sync_at_a_terminal, self.close_month,
            self.check_invoice,
        )  # fmt: skip
        while not story.ended.is_set():
            dice.choice(deeds)(dice)
            story.ended.wait(dice.expovariate(1 / story.options.rest))

    def numbers_change(self, dice: random.Random) -> None:
        for _ in range(dice.randint(1, 4)):
            self.story.truth.set(some_line(self.story, dice, (CLOUD, REVIEWED)), dice.randint(0, 60))

    def sync(self, dice: random.Random) -> None:
        chosen = dice.choice([None, None, [CLOUD], [REVIEWED, FILES], [FOLDER]])
        self._until_done("asked for a sync", lambda: self.story.house.act("ask_sync", portals=chosen))

    def sync_at_a_terminal(self, dice: random.Random) -> None:
        """A run in a process of its own, beside the engine's; one that is killed is left to the engine."""
        words = dice.choice([["sync"], ["sync", "--portal", CLOUD], ["sync", "--no-apply"]])
        self.story.count("sync at a terminal", self.story.house.command(words, "sync"))

    def files(self, dice: random.Random) -> None:
        self.story.truth.set(some_line(self.story, dice, (FILES,)), dice.randint(0, 60))
        self.bring(FILES, usage_file(self.story.truth, FILES))

    def spend(self, dice: random.Random) -> None:
        truth = self.story.truth
        with truth.lock:
            truth.amounts[dice.choice(truth.customers)] = Decimal(dice.randint(1_000, 90_000)) / 100
        self.bring(SPEND, amounts_file(truth))

    def bring(self, portal: str, data: bytes) -> None:
        """Upload a file."""
        path = self.story.house.home / f"{portal}.csv"
        path.write_bytes(data)
        self._until_done(f"file for {portal}", lambda: self.story.house.act("bring", portal=portal, path=str(path)))

    def drop_file(self, dice: random.Random) -> None:
        self.story.truth.set(some_line(self.story, dice, (FOLDER,)), dice.randint(0, 60))
        self.drop()

    def drop(self) -> None:
        """A file for the folder: written under another name first, and older than the age at which a file counts as whole."""
        counts = self.story.counts
        counts["file dropped into the folder"] += 1
        number = counts["file dropped into the folder"]
        part = self.story.folder / f"usage-{number:05d}.csv.part"
        part.write_bytes(usage_file(self.story.truth, FOLDER))
        long_ago = time.time() - 3600 + number
        os.utime(part, (long_ago, long_ago))
        part.rename(part.with_suffix(""))

    def approve(self, dice: random.Random) -> None:
        here = dice.random() < 0.5
        self.story.count("approval", self.story.house.act("approve", portal=REVIEWED, here=here))

    def close_month(self, dice: random.Random) -> None:
        """In the middle of everything: it is refused where it is not certain what is signed for."""
        self.story.count("month signed", self.sign(dice.choice(self.months()), keep=dice.random() < 0.3))

    def check_invoice(self, dice: random.Random) -> None:
        path = self.story.house.home / "invoice.csv"
        path.write_text(invoice_file(self.story.truth, CLOUD) + f"Other,{dice.randint(1, 9)}\n", encoding="utf-8")
        self.story.count("invoice checked", self._check(path))

    def _check(self, path: Path) -> int:
        return self.story.house.act("check_invoice", portal=CLOUD, path=str(path), columns=INVOICE)

    def close_all(self) -> None:
        """When all is quiet: the invoice, then the months."""
        path = self.story.house.home / "last-invoice.csv"
        path.write_text(invoice_file(self.story.truth, CLOUD), encoding="utf-8")
        self._until_done("invoice checked", lambda: self._check(path))
        for month in self.months():
            self._until_done("month signed", functools.partial(self.sign, month, keep=True))

    def months(self) -> list[date]:
        """The one in which lines change, and the one that is charged."""
        return [self.story.today.replace(day=1), self.story.truth.month]

    def sign(self, month: date, *, keep: bool) -> int:
        """The exit code."""
        return self.story.house.act("sign_month", month=month.isoformat(), folder=str(self.story.packs), keep=keep)

    def _until_done(self, what: str, do: Callable[[], int]) -> None:
        end = time.monotonic() + GIVE_UP
        while True:
            code = do()
            self.story.count(what, code)
            if code == 0:
                return
            if time.monotonic() > end:
                raise TimeoutError(f"{what}: it went wrong again and again")
            time.sleep(0.3)


def some_line(story: Story, dice: random.Random, portals: tuple[str, ...]) -> Key:
    """Any contract line of these portals but those that are held for the whole run."""
    while True:
        key = (dice.choice(portals), dice.choice(story.truth.customers), dice.choice(PRODUCTS))
        if key[:2] != (CLOUD, HELD):
            return key


class Sender:
    """Sends webhooks in order, each until it is accepted, as senders do."""

    def __init__(self, story: Story) -> None:
        self.story = story

    def work(self) -> None:
        """Until the faults are over, and the last event is accepted."""
        story, dice = self.story, self.story.dice("hooks")
        number = 0
        with httpx.Client(timeout=10, trust_env=False) as client:
            while not story.ended.is_set():
                for _ in range(dice.choice([1, 1, 3])):
                    number += 1
                    self._deliver(client, f"e{number}", some_line(story, dice, (HOOK,)), dice.randint(0, 60))
                story.ended.wait(dice.expovariate(1 / story.options.rest))

    def _deliver(self, client: httpx.Client, name: str, key: Key, units: int) -> None:
        body = f'{{"customers":[{{"id":"{key[1]}","products":[{{"sku":"{key[2]}","quantity":{units}}}]}}]}}'.encode()
        end = time.monotonic() + GIVE_UP
        while True:
            status = self.post(client, name, body)
            self.story.counts[f"event answered {status}" if status else "event without an answer"] += 1
            if status in (200, 202):
                self.story.truth.set(key, units)
                self.story.truth.accepted.append(name)
                return
            if time.monotonic() > end:
                raise TimeoutError(f"event {name} is not accepted: {status}")
            time.sleep(0.3)

    def post(self, client: httpx.Client, name: str, body: bytes) -> int:
        """The status of one try; 0 without an answer."""
        moment = int(time.time())
        headers = {
            "content-type": "application/json", "webhook-id": name, "webhook-timestamp": str(moment),
            "webhook-signature": sign(name, moment, body),
        }  # fmt: skip
        try:
            return client.post(self.story.hook, content=body, headers=headers).status_code
        except httpx.HTTPError:
            return 0
