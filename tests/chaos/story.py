"""One story of chaos: people and portals at work, faults all the time, then quiet, and the verdict."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.alerts.smtp_fake import Mailbox, mail_server
from tests.chaos import verdict
from tests.chaos.house import GIVE_UP, House, Unit, until
from tests.chaos.nursery import Nursery
from tests.chaos.outside import Autotask, Portals
from tests.chaos.verdict import Report
from tests.chaos.world import (
    CLOUD,
    FILES,
    FOLDER,
    HELD,
    HOOK,
    PRODUCTS,
    REVIEWED,
    SPEND,
    Key,
    Truth,
    amounts_file,
    autotask_data,
    names,
    sign,
    usage_file,
    workspace,
)  # fmt: skip

QUICK = {"settle": 1.0, "lease": 15.0, "portal_limit": 60.0, "lock_wait": 120.0}
"""The product's own waits, shortened for runs of a minute."""
SHORT_MINUTES = 5.0
"""Up to here a run is short: with `QUICK`, and without faults that cost minutes to get over."""
ADJUST = {"entity": "ContractServiceAdjustments", "operation": "create"}
CHARGE = {"entity": "ContractCharges", "operation": "create"}


@dataclass(frozen=True)
class Options:
    """`rest` are seconds between two things that people do, `calm` between two faults (on average)."""

    minutes: float = 1.0
    seed: int = 1
    database: str = "sqlite"
    workers: int = 0
    customers: int = 4
    rest: float = 0.7
    calm: float = 2.0
    keep: bool = False

    @property
    def short(self) -> bool:
        return self.minutes <= SHORT_MINUTES


@dataclass
class Post(Mailbox):
    """The mail server. With `deadly` set, the next mail takes those who may have sent it with it, after it was accepted."""

    deadly: Callable[[], None] | None = None
    busy: int = 0
    """So many mails are put off with 451."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.busy:
            self.busy -= 1
            return "451 4.3.0 try again later"
        answer = await super().handle_DATA(server, session, envelope)
        if self.deadly is not None:
            kill, self.deadly = self.deadly, None
            await asyncio.to_thread(kill)
        return answer


@dataclass
class Story:
    """Everything of one run."""

    options: Options
    house: House
    truth: Truth
    portals: Portals
    autotask: Autotask
    post: Post
    folder: Path
    hook: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    ended: threading.Event = field(default_factory=threading.Event)
    errors: list[str] = field(default_factory=list)
    say: Callable[[str], None] = lambda _: None

    def dice(self, name: str) -> random.Random:
        return random.Random(f"{self.options.seed} {name}")

    # ---- people and portals at work

    def work(self) -> None:
        """One thing after another, until the end. What was killed or failed is done again, as a person would."""
        dice = self.dice("work")
        deeds = (
            self.numbers_change, self.numbers_change, self.numbers_change, self.sync, self.files, self.drop_file, self.spend,
            self.approve, self.sync_at_a_terminal,
        )  # fmt: skip
        while not self.ended.is_set():
            dice.choice(deeds)(dice)
            self.ended.wait(dice.expovariate(1 / self.options.rest))

    def numbers_change(self, dice: random.Random) -> None:
        for _ in range(dice.randint(1, 4)):
            self.truth.set(self._some_line(dice, (CLOUD, REVIEWED)), dice.randint(0, 60))

    def _some_line(self, dice: random.Random, portals: tuple[str, ...]) -> Key:
        while True:
            key = (dice.choice(portals), dice.choice(self.truth.customers), dice.choice(PRODUCTS))
            if key[:2] != (CLOUD, HELD):
                return key

    def sync(self, dice: random.Random) -> None:
        chosen = dice.choice([None, None, [CLOUD], [REVIEWED, FILES], [FOLDER]])
        self._until_done("asked for a sync", lambda: self.house.act("ask_sync", portals=chosen))

    def sync_at_a_terminal(self, dice: random.Random) -> None:
        """A run in a process of its own, beside the engine's; killed ones are left to the engine."""
        words = dice.choice([["sync"], ["sync", "--portal", CLOUD], ["sync", "--no-apply"]])
        self._count("sync at a terminal", self.house.command(words, "sync"))

    def files(self, dice: random.Random) -> None:
        self.truth.set(self._some_line(dice, (FILES,)), dice.randint(0, 60))
        self._bring(FILES, usage_file(self.truth, FILES))

    def spend(self, dice: random.Random) -> None:
        with self.truth.lock:
            customer = dice.choice(self.truth.customers)
            self.truth.amounts[customer] = Decimal(dice.randint(1_000, 90_000)) / 100
        self._bring(SPEND, amounts_file(self.truth))

    def _bring(self, portal: str, data: bytes) -> None:
        path = self.house.home / f"{portal}.csv"
        path.write_bytes(data)
        self._until_done(f"file for {portal}", lambda: self.house.act("bring", portal=portal, path=str(path)))

    def drop_file(self, dice: random.Random) -> None:
        """Written under another name first, and older than the age at which a file counts as whole."""
        self.truth.set(self._some_line(dice, (FOLDER,)), dice.randint(0, 60))
        self._drop()

    def _drop(self) -> None:
        self.counts["file dropped into the folder"] += 1
        part = self.folder / f"usage-{self.counts['file dropped into the folder']:05d}.csv.part"
        part.write_bytes(usage_file(self.truth, FOLDER))
        long_ago = time.time() - 3600 + self.counts["file dropped into the folder"]
        os.utime(part, (long_ago, long_ago))
        part.rename(part.with_suffix(""))

    def approve(self, dice: random.Random) -> None:
        here = dice.random() < 0.5
        self._count("approval", self.house.act("approve", portal=REVIEWED, here=here))

    def _until_done(self, what: str, do: Callable[[], int]) -> None:
        end = time.monotonic() + GIVE_UP
        while True:
            code = do()
            self._count(what, code)
            if code == 0:
                return
            if time.monotonic() > end:
                raise TimeoutError(f"{what}: it went wrong again and again")
            time.sleep(0.3)

    def _count(self, what: str, code: int) -> None:
        self.counts[what + (" (killed)" if code < 0 else " (failed)" if code else "")] += 1

    # ---- a sender of webhooks

    def send(self) -> None:
        """Events in order, each until it is accepted, as senders do."""
        dice = self.dice("hooks")
        number = 0
        with httpx.Client(timeout=10, trust_env=False) as client:
            while not self.ended.is_set():
                number += 1
                for _ in range(dice.choice([1, 1, 3])):
                    number += 1
                    key = self._some_line(dice, (HOOK,))
                    units = dice.randint(0, 60)
                    self._deliver(client, f"e{number}", key, units)
                self.ended.wait(dice.expovariate(1 / self.options.rest))

    def _deliver(self, client: httpx.Client, name: str, key: Key, units: int) -> None:
        body = f'{{"customers":[{{"id":"{key[1]}","products":[{{"sku":"{key[2]}","quantity":{units}}}]}}]}}'.encode()
        end = time.monotonic() + GIVE_UP
        while True:
            moment = int(time.time())
            headers = {
                "content-type": "application/json", "webhook-id": name, "webhook-timestamp": str(moment),
                "webhook-signature": sign(name, moment, body),
            }  # fmt: skip
            try:
                status = client.post(self.hook, content=body, headers=headers).status_code
            except httpx.HTTPError:
                status = 0
            self.counts[f"event answered {status}" if status else "event without an answer"] += 1
            if status in (200, 202):
                self.truth.set(key, units)
                self.truth.accepted.append(name)
                return
            if time.monotonic() > end:
                raise TimeoutError(f"event {name} is not accepted: {status}")
            time.sleep(0.3)

    # ---- what goes wrong

    def faults(self, seconds: float) -> None:
        """Until the time is over. What was killed comes back after a while."""
        dice = self.dice("faults")
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            wait = dice.expovariate(1 / self.options.calm)
            name, fault = dice.choice(self._possible())
            time.sleep(min(wait, left))
            self._one(name, fault, dice)
            for unit in self.house.units:
                unit.start()

    def _one(self, name: str, fault: Callable[[random.Random], object], dice: random.Random) -> None:
        happened = fault(dice)
        if happened is not False:
            self.counts[f"fault: {name}"] += 1
            self.say(f"{name}{f': {happened}' if isinstance(happened, str) else ''}")

    def _possible(self) -> list[tuple[str, Callable[[random.Random], object]]]:
        found: list[tuple[str, Callable[[random.Random], object]]] = [
            ("web killed", lambda dice: self._kill(self.house.web, dice)),
            ("web killed", lambda dice: self._kill(self.house.web, dice)),
            ("web stood still", lambda dice: self._stand_still(self.house.web, dice)),
            ("command killed", self._kill_a_command),
            ("command killed", self._kill_a_command),
            (
                "Autotask: answer dropped after a write",
                lambda _: self.autotask.fault(action="drop", when="after", **ADJUST),
            ),
            (
                "Autotask: 502 after a write",
                lambda _: self.autotask.fault(action="status", status=502, when="after", **ADJUST),
            ),
            ("Autotask: killed while it writes", self._kill_while_writing),
            ("Autotask: killed while it writes", self._kill_while_writing),
            (
                "Autotask: charge written, answer dropped",
                lambda _: self.autotask.fault(action="drop", when="after", **CHARGE),
            ),
            ("Autotask: storm of errors", self._storm),
            ("Autotask: 429", lambda _: self.autotask.fault(action="thread_limit", times=3)),
            ("Autotask: slow", lambda dice: self.autotask.fault(action="delay", seconds=dice.uniform(0.5, 2), times=4)),
            ("portals fail", self._portals_fail),
            ("mail server: killed after it took a mail", self._deadly_mail),
        ]
        for unit in self.house.workers:
            found += [
                ("worker killed", lambda dice, unit=unit: self._kill(unit, dice)),
                ("worker killed", lambda dice, unit=unit: self._kill(unit, dice)),
                ("worker stood still", lambda dice, unit=unit: self._stand_still(unit, dice)),
            ]
        if self.house.postgres:
            found += [("database killed", self._kill_database)] * 2
        if not self.options.short:
            found += [
                ("Autotask: no answer in time", lambda _: self.autotask.fault(action="delay", seconds=130, **ADJUST)),
                ("mail server: busy", self._busy_mail),
                ("stood still longer than a lease", self._long_stand_still),
            ]
        return found

    def _kill(self, unit: Unit, dice: random.Random) -> object:
        if not unit.signal(signal.SIGKILL):
            return False
        time.sleep(dice.uniform(0, 1.0))
        return unit.name

    def _kill_a_command(self, dice: random.Random) -> object:
        end = time.monotonic() + 2
        time.sleep(dice.uniform(0, 0.5))
        while time.monotonic() < end:
            if name := self.house.kill_a_command():
                return name
            time.sleep(0.01)
        return False

    def _kill_while_writing(self, dice: random.Random) -> object:
        """Hold a write of Autotask's, before or after it is committed, and kill whoever may have sent it."""
        which = dice.choice([ADJUST, ADJUST, CHARGE])
        when = dice.choice(["before", "after"])
        self.autotask.fault(action="delay", seconds=1.0, when=when, **which)
        time.sleep(dice.uniform(0.2, 1.0))
        self.house.kill_a_command()
        for unit in self.house.units:
            unit.signal(signal.SIGKILL)
        return f"{which['entity']} {when}"

    def _stand_still(self, unit: Unit, dice: random.Random) -> object:
        return self._pause(unit, dice.uniform(0.5, 3.0))

    def _long_stand_still(self, dice: random.Random) -> object:
        return self._pause(dice.choice(self.house.units), 75.0)

    def _pause(self, unit: Unit, seconds: float) -> object:
        if not unit.signal(signal.SIGSTOP):
            return False
        time.sleep(seconds)
        unit.signal(signal.SIGCONT)
        return unit.name

    def _storm(self, dice: random.Random) -> None:
        self.autotask.storm(dice.uniform(0.1, 0.5), dice.randint(0, 10**6))
        time.sleep(dice.uniform(0.5, 4.0))
        self.autotask.storm(0, 0)

    def _portals_fail(self, dice: random.Random) -> None:
        self.portals.rate = dice.uniform(0.3, 1.0)
        time.sleep(dice.uniform(0.5, 4.0))
        self.portals.rate = 0.0

    def _deadly_mail(self, _: random.Random) -> None:
        def kill() -> None:
            self.counts["killed after a mail was accepted"] += 1
            for unit in self.house.units:
                unit.signal(signal.SIGKILL)

        self.post.deadly = kill

    def _busy_mail(self, _: random.Random) -> None:
        self.post.busy += 1

    def _kill_database(self, dice: random.Random) -> object:
        assert self.house.postgres
        kill = dice.random() < 0.3
        self.house.postgres.crash(kill=kill)
        time.sleep(dice.uniform(0, 2.0))
        self.house.postgres.start()
        return "SIGKILL" if kill else "immediate stop"

    # ---- the whole of it

    def live(self, seconds: float) -> None:
        threads = [threading.Thread(target=self._guarded, args=(one,), daemon=True) for one in (self.work, self.send)]
        for thread in threads:
            thread.start()
        try:
            self.faults(seconds)
        finally:
            self.ended.set()
            self._quiet()
            for thread in threads:
                thread.join(2 * GIVE_UP)
        if self.errors:
            raise RuntimeError("; ".join(self.errors))

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self.errors.append(f"{work.__name__}: {error!r}")

    def _quiet(self) -> None:
        """No more faults, and everything is started."""
        self.counts.update({f"Autotask said: {name}": n for name, n in self.autotask.fired().items()})
        self.autotask.clear()
        self.portals.rate, self.post.busy, self.post.deadly = 0.0, 0, None
        self.house.all_up()

    def settle(self) -> None:
        """Sync and approve until there is nothing left to do."""
        self._bring(FILES, usage_file(self.truth, FILES))
        self._bring(SPEND, amounts_file(self.truth))
        self._drop()
        end = time.monotonic() + (GIVE_UP if self.options.short else 3 * GIVE_UP)
        while True:
            self._count("sync at a terminal", self.house.command(["sync"], "sync"))
            self._count("approval", self.house.act("approve", portal=REVIEWED, here=True))
            waits = verdict.what_waits(self)
            if not waits:
                return
            self.say(f"settling: {', '.join(waits)}")
            if time.monotonic() > end:
                self.errors.append(f"It does not settle: {', '.join(waits)}")
                return
            time.sleep(1)


def run(options: Options, say: Callable[[str], None] = lambda _: None) -> Report:
    """One story from its beginning to the verdict."""
    with _made(options, say) as story:
        began = time.monotonic()
        story.live(options.minutes * 60)
        quiet = time.monotonic()
        say("The faults are over; everything settles.")
        story.settle()
        report = verdict.judge(story, lived=quiet - began, settled=time.monotonic() - quiet)
        if not report.ok or options.keep:
            report.kept = str(story.house.home)
        return report


@contextmanager
def _made(options: Options, say: Callable[[str], None]) -> Iterator[Story]:
    home = Path(tempfile.mkdtemp(prefix="contractbridge-chaos-"))
    customers = names(options.customers)
    today = datetime.now(UTC).date()
    truth = Truth(customers)
    with ExitStack() as stack:
        nursery = Nursery(pace=QUICK if options.short else None)
        house = House(home, nursery, options.database, options.workers)
        stack.callback(house.close)
        portals = Portals(truth, options.seed)
        stack.callback(portals.close)
        post = stack.enter_context(mail_server(Post()))
        address = home / "autotask"
        call = {"customers": customers, "today": today.isoformat(), "address_file": str(address)}
        house.start({"call": "tests.chaos.outside:serve_autotask", "with": call}, "autotask")
        until(address.exists, "the sandbox Autotask")
        folder = home / "folder"
        folder.mkdir()
        autotask = Autotask(address.read_text(encoding="utf-8"))
        story = Story(options, house, truth, portals, autotask, post, folder, say=say)
        if house.postgres:
            house.postgres.start()
        text = workspace(autotask_data(customers, today)[1], autotask.base_url, portals.url, str(folder))
        told = home / "hook"
        code = house.act("set_up", text=text, smtp=post.port, told=str(told))
        if code:
            raise RuntimeError((house.logs / "set_up.log").read_text(encoding="utf-8"))
        story.hook = f"http://127.0.0.1:{house.port}{told.read_text(encoding='utf-8')}"
        house.all_up()
        yield story
