"""One story of chaos: people and portals at work, faults all the time, then quiet, and the verdict."""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from tests.alerts.smtp_fake import mail_server
from tests.chaos import verdict
from tests.chaos.disk import let_go, own_disk
from tests.chaos.house import GIVE_UP, House, until
from tests.chaos.nursery import Nursery
from tests.chaos.outside import Autotask, Portals
from tests.chaos.people import People, Sender
from tests.chaos.trouble import Post, Trouble
from tests.chaos.verdict import Report
from tests.chaos.world import (
    FILES,
    REVIEWED,
    SPEND,
    ZONE,
    Truth,
    amounts_file,
    autotask_data,
    names,
    usage_file,
    workspace,
)
from tests.days import one_day

QUICK = {"settle": 1.0, "lease": 15.0, "portal_limit": 60.0, "lock_wait": 120.0}
"""The product's own waits, shortened for runs of a minute."""
SHORT_MINUTES = 5.0
"""Up to here a run is short: with `QUICK`, and without faults that cost minutes to get over."""


@dataclass(frozen=True)
class Options:
    """`rest` are seconds between two things that people do, `calm` between two faults (on average). With `faults` it ends after so
    many and not by the clock.
    """

    minutes: float = 1.0
    faults: int = 0
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
class Story:
    """Everything of one run."""

    options: Options
    house: House
    truth: Truth
    today: date
    portals: Portals
    autotask: Autotask
    post: Post
    folder: Path
    hook: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    ended: threading.Event = field(default_factory=threading.Event)
    errors: list[str] = field(default_factory=list)
    say: Callable[[str], None] = lambda _: None

    @property
    def packs(self) -> Path:
        """Where people keep the evidence of months."""
        folder = self.house.home / "packs"
        folder.mkdir(exist_ok=True)
        return folder

    def dice(self, name: str) -> random.Random:
        """The same for the same seed and name."""
        return random.Random(f"{self.options.seed} {name}")

    def count(self, what: str, code: int) -> None:
        """One command more, by its exit code."""
        self.counts[what + (" (killed)" if code < 0 else " (failed)" if code else "")] += 1

    def live(self) -> None:
        """People work and everything fails, for as long as was asked for; then quiet."""
        trouble = Trouble(self)
        threads = [
            threading.Thread(target=self._guarded, args=(one,), daemon=True)
            for one in (People(self).work, Sender(self).work)
        ]
        for thread in threads:
            thread.start()
        try:
            trouble.make(self.options.minutes * 60, self.options.faults)
        finally:
            self.ended.set()
            trouble.end()
            for thread in threads:
                thread.join(2 * GIVE_UP)
        if self.errors:
            raise RuntimeError("; ".join(self.errors))

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self.errors.append(f"{work.__qualname__}: {error!r}")

    def settle(self) -> None:
        """Sync and approve until there is nothing left to do."""
        people = People(self)
        people.bring(FILES, usage_file(self.truth, FILES))
        people.bring(SPEND, amounts_file(self.truth))
        people.drop()
        end = time.monotonic() + (GIVE_UP if self.options.short else 4 * GIVE_UP)
        while True:
            self.count("sync at a terminal", self.house.command(["sync"], "sync"))
            self.count("approval", self.house.act("approve", portal=REVIEWED, here=True))
            waits = verdict.what_waits(self)
            if not waits:
                people.close_all()
                return
            self.say(f"settling: {', '.join(waits)}")
            if time.monotonic() > end:
                self.errors.append(f"It does not settle: {', '.join(waits)}")
                return
            time.sleep(1)


def run(options: Options, say: Callable[[str], None] = lambda _: None, *, nursery: Nursery | None = None) -> Report:
    """One story from its beginning to the verdict. Raises when the product does not come up again, or takes no more."""
    with made(options, say, nursery=nursery) as story:
        began = time.monotonic()
        story.live()
        quiet = time.monotonic()
        say("The faults are over; everything settles.")
        story.settle()
        report = verdict.judge(story, lived=quiet - began, settled=time.monotonic() - quiet)
    if report.ok and not options.keep:
        shutil.rmtree(story.house.home, ignore_errors=True)
    else:
        report.kept = str(story.house.home)
    return report


@contextmanager
def made(
    options: Options, say: Callable[[str], None] = lambda _: None, *, nursery: Nursery | None = None, disk: str = ""
) -> Iterator[Story]:
    """A story that has not begun, with everything running, by a nursery of its own or this one. `disk`: the database is on a disk of
    its own, of this size; only for a process that has nothing else to do, which sees that disk from then on.
    """
    home = Path(tempfile.mkdtemp(prefix="contractbridge-chaos-"))
    customers, today = names(options.customers), one_day(minutes=3, zone=ZONE)
    truth = Truth(customers)
    with ExitStack() as stack:
        if disk:
            small = home / ("pg" if options.database == "postgres" else "data")
            small.mkdir()
            own_disk(str(small), disk)
            stack.callback(let_go, str(small))
        if nursery is None:
            nursery = Nursery(pace=QUICK if options.short else None)
            stack.callback(nursery.close)
        house = House(home, nursery, options.database, options.workers)
        stack.callback(house.close)
        portals = Portals(truth, options.seed)
        stack.callback(portals.close)
        post = Post()
        stack.enter_context(mail_server(post))
        address = home / "autotask"
        call = {"customers": customers, "today": today.isoformat(), "address_file": str(address)}
        house.start({"call": "tests.chaos.outside:serve_autotask", "with": call}, "autotask")
        until(address.exists, "the sandbox Autotask")
        folder = home / "folder"
        folder.mkdir()
        autotask = Autotask(address.read_text(encoding="utf-8"))
        story = Story(options, house, truth, today, portals, autotask, post, folder, say=say)
        if house.postgres:
            house.postgres.start()
        text = workspace(autotask_data(customers, today)[1], autotask.base_url, portals.url, str(folder))
        told = home / "hook"
        if house.act("set_up", text=text, smtp=post.port, told=str(told)):
            raise RuntimeError((house.logs / "set_up.log").read_text(encoding="utf-8"))
        story.hook = f"http://127.0.0.1:{house.port}{told.read_text(encoding='utf-8')}"
        house.all_up()
        yield story
