"""M2 for money that is sent: whatever comes in whatever order, what was told well counts, and no doubt ends without a cause."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from core.domain.amount_doubts import EVERYBODY
from core.domain.charges.settings import ChargeSettings
from core.domain.errors import AccessDenied, InputError
from core.domain.hook_settings import WebhookSettings
from core.domain.policy import Mode
from core.domain.usage import Origin, Reading, UsageLine
from core.services import webhook_bodies, webhook_processing
from core.services.access import Actor, Role
from core.services.amount_doubts import DOUBTS, end_doubts, keep_doubts, known_doubts
from core.services.charges import overview
from core.services.told_amounts import keep_file_amounts
from core.store import audit, charges, consumption, portals, workspace
from core.store.audit import AuditFilter
from core.store.db import Database
from core.store.portals import Portal
from tests.looking import tries
from tests.services.charges.test_amounts_anywhere import (  # noqa: F401 - fixtures
    ADMIN,
    event,
    hooked,
    hosting,
    kept,
    send,
)
from tests.services.charges.test_m2_blank_amounts import database  # noqa: F401 - a fixture
from tests.services.charges.world import charging, told, total
from tests.services.money.world import World

BEGIN = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
MONTHS = (date(2026, 9, 1), date(2026, 10, 1))
Thing = tuple[str, str, date]
OPERATOR, VIEWER = Actor(2, "Olaf", Role.OPERATOR), Actor(3, "Vera", Role.VIEWER)

THINGS = st.tuples(st.sampled_from(["A", "B"]), st.sampled_from(["disk", "data"]), st.sampled_from(MONTHS))
AMOUNTS = st.one_of(st.integers(1, 50), st.just(0))
BAD = st.sampled_from(["oops", True, [], "1,5", ""])
EVENT = st.tuples(
    st.just("event"), st.integers(0, 9), st.dictionaries(THINGS, st.one_of(AMOUNTS, BAD), min_size=1, max_size=3)
)
FILE = st.tuples(st.just("file"), st.just(0), st.dictionaries(THINGS, AMOUNTS, min_size=1, max_size=4))
AGAIN = st.tuples(st.just("again"), st.integers(0, 5), st.just({}))


@dataclass
class Model:
    """What must count and what must be in doubt, by the rules alone."""

    amounts: dict[Thing, tuple[datetime, Decimal]] = field(default_factory=dict)
    doubts: dict[Thing, datetime] = field(default_factory=dict)

    def event(self, at: datetime, what: dict[Thing, Any]) -> None:
        for thing, amount in what.items():
            since = self.amounts[thing][0] if thing in self.amounts else None
            if isinstance(amount, int) and not isinstance(amount, bool):
                if since is None or since <= at:
                    self.amounts[thing] = (at, Decimal(amount))
                if thing in self.doubts and self.doubts[thing] <= at:
                    del self.doubts[thing]
            elif since is None or since <= at:
                self.doubts[thing] = max(at, self.doubts.get(thing, at))

    def file(self, at: datetime, what: dict[Thing, Any]) -> None:
        customers = {(customer, month) for customer, _, month in what}
        self.amounts = {thing: one for thing, one in self.amounts.items() if (thing[0], thing[2]) not in customers}
        self.amounts |= {thing: (at, Decimal(amount)) for thing, amount in what.items()}
        names, months = {thing[0] for thing in what}, {thing[2] for thing in what}
        inside = {month for month in MONTHS if min(months) <= month <= max(months)}
        self.doubts = {
            thing: one for thing, one in self.doubts.items() if thing[0] not in names or thing[2] not in inside
        }


def new_portal(session: Session) -> Portal:
    name = f"D{len(portals.all_portals(session))}"
    portal = portals.save(session, Portal(name=name, connector="webhook", mode=Mode.REVIEW), BEGIN)
    charges.save_settings(session, portal.id, name, ChargeSettings(), BEGIN)
    return portal


def records(what: dict[Thing, Any]) -> list[dict[str, Any]]:
    return [
        {"customer": customer, "sku": product, "product": product, "amount": amount, "currency": "EUR",
         "period_start": month.isoformat(), "subscription_id": f"{product}-{month}"}
        for (customer, product, month), amount in what.items()
    ]  # fmt: skip


def sends(session: Session, portal: Portal, at: datetime, what: dict[Thing, Any]) -> None:
    """An event, from its document on."""
    body = webhook_bodies.Body(records(what))
    found = webhook_bodies.read(
        body, WebhookSettings.model_validate({"verification": {"scheme": "url_only"}}), portal.name, at, f"webhook {at}"
    )
    webhook_processing.keep_money(session, portal, at, found)


def brings(session: Session, portal: Portal, at: datetime, what: dict[Thing, Any]) -> None:
    """A file that says everything of its customers and months."""
    lines = tuple(
        UsageLine(
            customer_id=customer, customer=customer, product_key=product, product=product, quantity=Decimal(1),
            currency="EUR", period_start=month, subscription_id=f"{product}-{month}", origin=Origin("amounts.csv"),
            attributes={"amount": str(amount)},
        )
        for (customer, product, month), amount in what.items()
    )  # fmt: skip
    keep_file_amounts(session, portal.id, Reading(portal=portal.name, taken_at=at, lines=lines))


@tries(15)
@given(st.lists(st.one_of(EVENT, EVENT, EVENT, FILE, AGAIN), min_size=1, max_size=9))
def test_m2_whatever_comes_in_whatever_order_no_amount_is_lost_and_no_doubt_ends_without_a_cause(
    database: Database,  # noqa: F811
    steps: list[tuple[str, int, dict[Thing, Any]]],
) -> None:
    model, sent = Model(), []
    with database.write() as session:
        portal = new_portal(session)
    for number, (what, when, told_then) in enumerate(steps):
        # Events are of any moment up to now: late ones, and such as come again.
        at = BEGIN + timedelta(
            hours=number if what == "file" else min(when, number), minutes=0 if what == "file" else 1
        )
        content = told_then
        if what == "again":
            if not sent:
                continue
            at, content = sent[when % len(sent)]
        with database.write() as session:
            (brings if what == "file" else sends)(session, portal, at, content)
        if what == "file":
            model.file(at, content)
        else:
            model.event(at, content)
            sent.append((at, content))
        with database.session() as session:
            now = {
                (one.customer_id, line.resource_key, one.period_start): line.amount
                for one in consumption.current(session, portal_ids=[portal.id])
                for line in one.lines
            }
            doubts = {
                (one.customer_id, one.about.resource, one.month)
                for one in known_doubts(session, MONTHS[0])
                if one.portal == portal.name
            }
        assert now == {thing: amount for thing, (_, amount) in model.amounts.items()}
        assert doubts == model.doubts.keys()


def found(world: World) -> list[str]:
    return [str(one.message) for one in overview(world.ctx, ADMIN).findings if one.kind.value == "held"]


def test_m2_a_good_event_about_another_product_ends_no_doubt(hooked: World) -> None:  # noqa: F811
    """What could not be read may be missing from the charge: that stays in sight until it is told, however much else comes."""
    charging(hooked, {"Acme": 1001}, portal="Other")
    send(hooked, [event("Disk", "10.00"), event("Data", 4)])
    send(hooked, [event("Disk", "eleven"), event("Data", 5)])
    assert webhook_processing.process_waiting(hooked.ctx) == 2
    october = date(2026, 10, 1)
    assert [amount for _, amount in sorted((k[0], v) for k, v in kept(hooked, october).items())] == [5, 10]
    for sent in (event("Data", 6), event("Disk", 3, "2026-09"), event("Disk", 1, subscription_id="another")):
        send(hooked, sent)
        assert webhook_processing.process_waiting(hooked.ctx) == 1
        with hooked.database.session() as session:
            [doubt] = known_doubts(session, october)
        assert "Disk came from" in str(doubt.message)
    send(hooked, event("Disk", "11.00"))
    webhook_processing.process_waiting(hooked.ctx)
    with hooked.database.session() as session:
        assert known_doubts(session, october) == ()


def test_m2_a_late_event_changes_nothing_that_is_known_of_later(hooked: World) -> None:  # noqa: F811
    def at(hour: int, *rows: dict[str, object]) -> dict[str, object]:
        products = [
            {"sku": row["product"], "amount": row["amount"], "currency": "EUR", "period_start": "2026-10-01"} for row in rows
        ]  # fmt: skip
        return {"timestamp": f"2026-10-02T{hour:02d}:00:00Z", "customers": [{"id": "Acme", "products": products}]}

    for sent in (at(9, event("Disk", 10)), at(7, event("Disk", 3), event("Data", 4)), at(8, event("Data", 5))):
        send(hooked, sent)
    webhook_processing.process_waiting(hooked.ctx)
    assert {key[0]: amount for key, amount in kept(hooked, date(2026, 10, 1)).items()} == {"Disk": 10, "Data": 5}


def test_m2_a_month_that_is_not_told_again_is_ended_by_a_person_who_says_so(hosting: World) -> None:  # noqa: F811
    charging(hosting, {"Acme": 1001}, portal="Hosting")
    from tests.services.charges.world import brings as bring
    from tests.services.charges.world import line

    bring(hosting, [line()], portal="Hosting")
    with hosting.database.write() as session:
        portal = next(one for one in portals.all_portals(session) if one.name == "Hosting")
        broken = told(hosting, [line()], portal="Hosting", complete=False)
        keep_doubts(session, portal.id, broken)
    hosting.sync()
    [finding] = [one for one in overview(hosting.ctx, ADMIN).findings if one.kind.value == "held"]
    assert "not complete" in str(finding.message)
    assert "say that what counts now is right" in str(finding.remedy)
    with pytest.raises(AccessDenied):
        end_doubts(hosting.ctx, VIEWER, [finding.key], "the provider confirmed it")
    with pytest.raises(InputError, match="why"):
        end_doubts(hosting.ctx, OPERATOR, [finding.key], " ")
    with pytest.raises(InputError, match="not in doubt"):
        end_doubts(hosting.ctx, OPERATOR, [finding.key, "another"], "the provider confirmed it")
    assert end_doubts(hosting.ctx, OPERATOR, [finding.key], "the provider confirmed it") == 1
    assert found(hosting) == []
    before = total(hosting)
    hosting.sync()
    assert (found(hosting), total(hosting)) == ([], before)
    with hosting.database.session() as session:
        [entry] = audit.page(session, AuditFilter(event="consumption.confirmed", limit=5)).rows
    assert (entry.actor, "the provider confirmed it" in entry.after) == ("Olaf", True)


def test_m2_doubts_that_an_older_version_kept_still_hold_and_end(database: Database) -> None:  # noqa: F811
    with database.write() as session:
        portal = new_portal(session)
        why = {"template": "{customer} is in doubt.", "values": {"customer": "A"}}
        old = {"2026-10-01": {"A": why, EVERYBODY: why}}
        workspace.put(session, {f"{DOUBTS}{portal.id}": old})
        known = [one for one in known_doubts(session, MONTHS[0]) if one.portal == portal.name]
        assert [(one.customer_id, str(one.message)) for one in known] == [
            (EVERYBODY, "A is in doubt."),
            ("A", "A is in doubt."),
        ]
        sends(session, portal, BEGIN, {("A", "disk", MONTHS[1]): 5})
        assert len([one for one in known_doubts(session, MONTHS[0]) if one.portal == portal.name]) == 2
        brings(session, portal, BEGIN, {("A", "disk", MONTHS[1]): 5})
        assert not [one for one in known_doubts(session, MONTHS[0]) if one.portal == portal.name]
