"""A small workspace for tests of the money path: a real sandbox Autotask over HTTP, a real database, portals that say what they are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

from pydantic import SecretStr

from connectors.autotask import Autotask, AutotaskLimits, AutotaskSettings, connect
from connectors.autotask.sandbox import SandboxData, SandboxServer, SandboxSwitches
from core.domain.connector import Feed
from core.domain.contract import ItemRef, LineKind, LineRef
from core.domain.mapping import CustomerKey, CustomerMapping, ProductKey, ProductRule, RuleSource
from core.domain.policy import Mode, Policy, When
from core.domain.ports import Source
from core.domain.usage import Origin, Reading, UsageLine
from core.services import sync
from core.services.access import SYSTEM, Actor
from core.services.context import Context, Pace
from core.services.summary import SyncSummary
from core.store import mappings, portals
from core.store.db import Database
from core.store.mappings import Author
from core.store.portals import Portal

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
TODAY = NOW.date()
BOLD = Policy(
    increase=When.TODAY, decrease=When.TODAY, max_change_percent=None, hold_to_zero=False, max_lines_down_percent=None
)
"""Follows the portal at once: for tests in which the policy is not the point."""
QUICK_PACE = Pace(portal_limit=60.0, lease=60.0, settle=0.0, lock_wait=60.0)
QUICK_LIMITS = AutotaskLimits(
    first_wait=0.01, longest_wait=0.02, slow_pause=0.0, slot_linger=0.0, connect_timeout=30.0, read_timeout=30.0, attempts=3,
)  # fmt: skip
SAID = Callable[[datetime], Reading]


class TestClock:
    """Stands still until it is moved."""

    __test__ = False

    def __init__(self, now: datetime = NOW) -> None:
        self.instant = now

    def now(self) -> datetime:
        return self.instant

    def today(self) -> date:
        return self.instant.date()

    def move(self, **step: float) -> None:
        self.instant += timedelta(**step)


class PlainBox:
    """Seals nothing: these tests have no secrets."""

    key_id = "plain"

    def refresh(self) -> None:
        return None

    def seal(self, text: str, place: str) -> str:
        return text

    def open(self, sealed: str, place: str) -> str:
        return sealed


@dataclass
class TestSource:
    """A portal that says what the test told it to say."""

    __test__ = False
    say: SAID

    def test(self) -> None:
        return None

    def read(self, now: datetime) -> Reading:
        return self.say(now)


@dataclass
class World:
    """One workspace. `lines` are contract lines by (customer, product)."""

    database: Database
    server: SandboxServer
    clock: TestClock
    home: Path
    limits: AutotaskLimits = QUICK_LIMITS
    pace: Pace = QUICK_PACE
    said: dict[str, SAID] = field(default_factory=dict)
    ctx: Context = field(init=False)

    def __post_init__(self) -> None:
        connectors: Any = SimpleNamespace(
            get=lambda slug: SimpleNamespace(feed=Feed.PUSH if slug == "file" else Feed.PULL), all=lambda: ()
        )
        box: Any = PlainBox()
        self.ctx = Context(
            database=self.database,
            clock=self.clock,
            secrets=box,
            autotask=self.autotask,
            source=self._source,
            connectors=connectors,
            home=self.home,
            pace=self.pace,
        )

    def autotask(self) -> Autotask:
        user = self.server.credentials
        return connect(
            AutotaskSettings(
                user_name=user.user_name,
                secret=SecretStr(user.secret),
                integration_code=SecretStr(user.integration_code),
                base_url=self.server.base_url,
                limits=self.limits,
            )
        )

    def _source(self, slug: str, portal: str, settings: Mapping[str, object], secrets: Mapping[str, str]) -> Source:
        return TestSource(self.said[portal])

    # ---- setting up

    def portal(
        self, name: str = "Duo", *, mode: Mode = Mode.AUTOMATIC, policy: Policy = BOLD, connector: str = "duo"
    ) -> Portal:
        """A portal; without anything said it reads as empty."""
        self.said.setdefault(name, lambda now: reading(name, now, {}))
        with self.database.write() as session:
            return portals.save(
                session, Portal(name=name, connector=connector, mode=mode, policy=policy), self.clock.now()
            )

    def says(self, usage: Mapping[tuple[str, str], int | str], name: str = "Duo", **more: Any) -> None:
        """From now on the portal has these quantities, by (customer, product)."""
        self.said[name] = lambda now: reading(name, now, usage, **more)

    def fails(self, error: Exception, name: str = "Duo") -> None:
        def say(now: datetime) -> Reading:
            raise error

        self.said[name] = say

    def hangs(self, ended: Event, name: str = "Duo") -> None:
        """It does not answer until somebody ends it."""

        def say(now: datetime) -> Reading:
            ended.wait()
            return reading(name, now, {})

        self.said[name] = say

    def map(
        self,
        customers: Mapping[str, int],
        products: Mapping[str, int],
        name: str = "Duo",
        kind: LineKind = LineKind.SERVICE,
    ) -> None:
        """Customer → company id, product → service id."""
        author = Author("test", self.clock.now())
        with self.database.write() as session:
            mappings.set_customers(
                session,
                [CustomerMapping(CustomerKey(name, key), key, company) for key, company in customers.items()],
                author,
            )
        rules = [
            ProductRule(
                id=0,
                item=ItemRef(kind, item),
                sources=(RuleSource(ProductKey(name, product), "q"),),
                match_period=False,
            )
            for product, item in products.items()
        ]
        with self.database.write() as session:
            mappings.save_rules(session, rules, author)

    # ---- doing

    def sync(self, *names: str, apply: bool = True, actor: Actor = SYSTEM) -> SyncSummary:
        return sync.run_sync(self.ctx, actor, names or None, apply=apply)

    def units(self, line: int, day: date | None = None, kind: str = "service") -> int:
        return self.server.units(line, day or self.clock.today(), kind)

    def adjustments(self, line: int | None = None) -> list[Any]:
        """What was committed through the API on lines."""
        return [
            entry
            for entry in self.server.ledger("ContractServiceAdjustments")
            if entry.by == "api" and (line is None or entry.values["contractServiceID"] == line)
        ]

    def log(self, run_id: int) -> list[str]:
        from core.store import runlog

        with self.database.session() as session:
            return [str(line.text) for line in runlog.tail(session, run_id, limit=1000)]


def reading(
    portal: str, now: datetime, usage: Mapping[tuple[str, str], int | str], *, complete: bool = True, **more: Any
) -> Reading:
    """A whole reading of a portal."""
    lines = tuple(
        UsageLine(
            customer_id=customer, customer=customer, product_key=product, product=product, quantity=Decimal(quantity),
            origin=Origin("test", f"{customer}/{product}"),
        )
        for (customer, product), quantity in usage.items()
    )  # fmt: skip
    return Reading(portal=portal, taken_at=now, lines=lines, complete=complete, **more)


def line(number: int, kind: LineKind = LineKind.SERVICE) -> LineRef:
    return LineRef(kind, number)


__all__ = [
    "BOLD",
    "NOW",
    "TODAY",
    "SandboxData",
    "SandboxServer",
    "SandboxSwitches",
    "TestClock",
    "World",
    "line",
    "reading",
]
