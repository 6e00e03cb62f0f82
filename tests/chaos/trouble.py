"""What goes wrong: processes die or stand still, Autotask and portals fail, the mail server takes a mail and its sender dies."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.alerts.smtp_fake import Mailbox
from tests.chaos.house import Unit

if TYPE_CHECKING:
    from tests.chaos.story import Story

ADJUST: dict[str, Any] = {"entity": "ContractServiceAdjustments", "operation": "create"}
CHARGE: dict[str, Any] = {"entity": "ContractCharges", "operation": "create"}
LONGER_THAN_A_LEASE = 75.0
"""Seconds; the product's lease is 60."""
LONGER_THAN_IT_WAITS, ALMOST_AS_LONG = 130.0, 100.0
"""Seconds; it waits 120 for an answer of Autotask."""

Fault = Callable[[random.Random], object]
"""Makes it happen; gives what it hit, or False where there was nothing to hit."""


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


class Trouble:
    """One fault after another, each chosen by the seed. What was killed comes back after a while, as systemd would do it."""

    def __init__(self, story: Story) -> None:
        self.story, self.house, self.autotask = story, story.house, story.autotask

    def make(self, seconds: float, most: int = 0) -> None:
        """Until the time is over; with `most` until so many were made, however long that takes."""
        dice, deck = self.story.dice("faults"), self._deck()
        end = time.monotonic() + seconds
        made = 0
        while made < most or (not most and time.monotonic() < end):
            time.sleep(dice.expovariate(1 / self.story.options.calm))
            name, fault = next(deck)
            happened = fault(dice)
            made += 1
            if happened is not False:
                self.story.counts[f"fault: {name}"] += 1
                self.story.say(f"{name}{f': {happened}' if isinstance(happened, str) else ''}")
            for unit in self.house.units:
                unit.start()

    def _deck(self) -> Iterator[tuple[str, Fault]]:
        """Every kind comes once before any comes again."""
        dice = self.story.dice("deck")
        while True:
            cards = self._possible()
            dice.shuffle(cards)
            yield from cards

    def end(self) -> None:
        """No more faults, and everything runs."""
        story = self.story
        story.counts.update({f"Autotask said: {name}": n for name, n in self.autotask.fired().items()})
        self.autotask.clear()
        story.portals.rate, story.post.busy, story.post.deadly = 0.0, 0, None
        self.house.all_up()

    def _possible(self) -> list[tuple[str, Fault]]:
        """All kinds, some of them twice: so much more often."""
        fault = self.autotask.fault
        found: list[tuple[str, Fault]] = [
            *[("command killed", self._kill_a_command)] * 2,
            *[("all killed while Autotask writes", self._kill_while_writing)] * 2,
            ("Autotask: answer dropped after a write", lambda _: fault(action="drop", when="after", **ADJUST)),
            ("Autotask: 502 after a write", lambda _: fault(action="status", status=502, when="after", **ADJUST)),
            ("Autotask: answer dropped after a charge", lambda _: fault(action="drop", when="after", **CHARGE)),
            ("Autotask: written after the connection broke", self._late),
            ("Autotask: storm of errors", self._storm),
            ("Autotask: 429", lambda _: fault(action="thread_limit", times=3)),
            ("Autotask: slow", lambda dice: fault(action="delay", seconds=dice.uniform(0.5, 2), times=4)),
            ("portals fail", self._portals_fail),
            ("killed after a mail was accepted", self._deadly_mail),
        ]
        for unit in self.house.units:
            found += [("process killed", self._killing(unit))] * 2
            found += [("process stood still", self._standing_still(unit))]
        if self.house.postgres:
            found += [("database killed", self._kill_database)] * 2
        if not self.story.options.short:
            found += [
                (
                    "Autotask: no answer in time",
                    lambda _: fault(action="delay", when="after", seconds=LONGER_THAN_IT_WAITS, **ADJUST),
                ),
                ("Autotask: very slow", lambda _: fault(action="delay", seconds=ALMOST_AS_LONG, **ADJUST)),
                ("mail server: busy", self._busy_mail),
                ("process stood still longer than a lease", self._stand_still_long),
            ]
        return found

    def _late(self, dice: random.Random) -> None:
        """Autotask goes on working on a write whose sender has lost the connection."""
        self.autotask.fault(action="late", seconds=dice.uniform(0.2, 8), **dice.choice((ADJUST, CHARGE)))

    def _killing(self, unit: Unit) -> Fault:
        def kill(dice: random.Random) -> object:
            if not unit.signal(signal.SIGKILL):
                return False
            time.sleep(dice.uniform(0, 1.0))
            return unit.name

        return kill

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
        before = sum(self.autotask.fired().values())
        self.autotask.fault(action="delay", seconds=3.0, when=when, **which)
        end = time.monotonic() + dice.uniform(1.0, 4.0)
        while sum(self.autotask.fired().values()) == before and time.monotonic() < end:
            time.sleep(0.05)
        self._kill_all()
        return f"{which['entity']} {when}"

    def _kill_all(self) -> None:
        self.house.kill_a_command()
        for unit in self.house.units:
            unit.signal(signal.SIGKILL)

    def _standing_still(self, unit: Unit) -> Fault:
        return lambda dice: self._pause(unit, dice.uniform(0.5, 3.0))

    def _stand_still_long(self, dice: random.Random) -> object:
        return self._pause(dice.choice(self.house.units), LONGER_THAN_A_LEASE)

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
        self.story.portals.rate = dice.uniform(0.3, 1.0)
        time.sleep(dice.uniform(0.5, 4.0))
        self.story.portals.rate = 0.0

    def _deadly_mail(self, _: random.Random) -> None:
        def kill() -> None:
            self.story.counts["mails that killed who sent them"] += 1
            self._kill_all()

        self.story.post.deadly = kill

    def _busy_mail(self, _: random.Random) -> None:
        self.story.post.busy += 1

    def _kill_database(self, dice: random.Random) -> object:
        assert self.house.postgres
        kill = dice.random() < 0.3
        self.house.postgres.crash(kill=kill)
        time.sleep(dice.uniform(0, 2.0))
        self.house.postgres.start()
        return "SIGKILL" if kill else "immediate stop"
