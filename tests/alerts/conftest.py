"""A workspace for alerts on SQLite: a clock that moves when a test says so, real channels, and readings to look back on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connectors._kit.posting import guarded_posting
from core.domain.finding import Finding, FindingKind
from core.domain.notice import Channel, ChannelSpec, Delivery, Notice
from core.domain.plan import Plan
from core.domain.text import T
from core.domain.usage import Reading, UsageLine
from core.notify.opening import open_channel
from core.services import alerts
from core.services.access import SYSTEM
from core.services.context import Context
from core.services.paging import PageQuery
from core.store import history, plans, portals
from core.store.db import Database
from core.store.portals import Portal
from tests.services.money.world import PlainBox, TestClock

MAIL = {"host": "mail.example.com", "sender": "alerts@msp.example", "security": "none", "sign_in": "none"}


class Clock(TestClock):
    """Its days are those of Amsterdam."""

    __test__ = False

    def today(self) -> date:
        return self.instant.astimezone(ZoneInfo("Europe/Amsterdam")).date()


@dataclass
class Post:
    """Channels that keep what they are told, or fail as the test says. `real` opens the real ones instead."""

    sent: list[tuple[str, Notice, str, ChannelSpec]] = field(default_factory=list)
    errors: dict[str, list[Exception | Delivery]] = field(default_factory=dict)

    def open(self, spec: ChannelSpec) -> Channel:
        return _Kept(self, spec)

    def to(self, kind: str) -> list[Notice]:
        return [notice for one, notice, _, _ in self.sent if one == kind]


@dataclass
class _Kept:
    post: Post
    spec: ChannelSpec

    def send(self, notice: Notice, message_id: str) -> Delivery:
        self.post.sent.append((self.spec.kind, notice, message_id, self.spec))
        waiting = self.post.errors.get(self.spec.kind)
        outcome = waiting.pop(0) if waiting else Delivery(delivered=True)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@dataclass
class Desk:
    """One workspace with what a test does to it."""

    ctx: Context
    clock: Clock
    post: Post

    def read(self, used: Mapping[tuple[str, str], int], portal: str = "Pax") -> None:
        """One whole reading: (customer, product) → quantity."""
        now = self.clock.now()
        with self.ctx.database.write() as session:
            found = portals.by_name(session, portal) or portals.save(session, Portal(name=portal, connector="x"), now)
            lines = tuple(
                UsageLine(customer_id=c, customer=c, product_key=p, product=p, quantity=Decimal(q))
                for (c, p), q in used.items()
            )
            history.record_reading(session, found.id, Reading(portal=portal, taken_at=now, lines=lines))

    def plan(self, *keys: str, kind: FindingKind = FindingKind.UNMAPPED) -> None:
        """A plan with these findings and no others."""
        found = tuple(Finding(kind=kind, key=key, portal="Pax", message=T("{key} is out.", key=key)) for key in keys)
        with self.ctx.database.write() as session:
            plans.save(session, Plan(self.clock.today(), (), found, 0), self.clock.now())

    def mail(self, name: str = "Mail", **settings: object) -> int:
        values = {"name": name, "settings": {**MAIL, **settings}, "recipients": ["ops@msp.example"]}
        return alerts.save_channel(self.ctx, SYSTEM, 0, "smtp", values, {})

    def teams(self, url: str = "https://flows.example.com/x?sig=abcd", name: str = "Teams") -> int:
        return alerts.save_channel(self.ctx, SYSTEM, 0, "teams", {"name": name, "settings": {}}, {"url": url})

    def open_titles(self) -> list[str]:
        page = alerts.alerts(self.ctx, SYSTEM, PageQuery(status="open", limit=500))
        return sorted(str(one.title) for one in page.rows)

    def states(self) -> list[str]:
        return [one.state for one in alerts.messages(self.ctx, SYSTEM, PageQuery(limit=500)).rows][::-1]

    def look(self) -> None:
        alerts.evaluate(self.ctx, SYSTEM)

    def deliver(self) -> None:
        alerts.deliver(self.ctx)

    def rule(self, kind: str) -> int:
        return next(one.id for one in alerts.rules(self.ctx, SYSTEM) if one.kind == kind)


def make_desk(url: str, home: Path, *, real: bool = False) -> Desk:
    clock, post = Clock(), Post()

    def opened(spec: ChannelSpec) -> Channel:
        hosts = frozenset({"127.0.0.1"})
        return open_channel(spec, guarded_posting("channel", lambda: hosts), clock.now)

    ctx = Context(
        Database(url), clock, PlainBox(), None, None, None, home,  # type: ignore[arg-type]
        channels=opened if real else post.open,
    )  # fmt: skip
    return Desk(ctx, clock, post)


@pytest.fixture
def desk(empty_database: Path, tmp_path: Path) -> Iterator[Desk]:
    path = tmp_path / "alerts.db"
    path.write_bytes(empty_database.read_bytes())
    one = make_desk(f"sqlite:///{path}", tmp_path)
    yield one
    one.ctx.database.dispose()


@pytest.fixture
def real_desk(empty_database: Path, tmp_path: Path) -> Iterator[Desk]:
    path = tmp_path / "real.db"
    path.write_bytes(empty_database.read_bytes())
    one = make_desk(f"sqlite:///{path}", tmp_path, real=True)
    yield one
    one.ctx.database.dispose()
