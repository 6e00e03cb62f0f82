"""Readings of subscriptions, in few words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from core.domain.contract import ItemRef, LineKind
from core.domain.mapping import ProductKey, ProductRule, RuleSource
from core.domain.usage import Origin, Reading, Scope, UsageLine
from core.store import mappings, subscription_events
from core.store import portals as portal_store
from core.store.mappings import Author
from core.store.subscription_events import StoredEvent
from tests.services.money.world import World

TERM = {"term": "P1Y", "billing_frequency": "monthly"}


def sub(
    product: str, quantity: int | str, subscription: str = "s1", *, customer: str = "Acme", **fields: Any
) -> UsageLine:
    """One line of one subscription; what is no field of a usage line is an attribute."""
    known = set(UsageLine.__dataclass_fields__)
    attributes = {name: str(value) for name, value in fields.items() if name not in known}
    values = {name: value for name, value in fields.items() if name in known}
    for name in ("unit_cost", "unit_price"):
        if name in values:
            values[name] = Decimal(values[name])
            values.setdefault("currency", "EUR")
    return UsageLine(
        customer_id=customer,
        customer=customer,
        product_key=product,
        product=product,
        quantity=Decimal(quantity),
        subscription_id=subscription,
        attributes=attributes,
        origin=Origin("test", subscription),
        **values,
    )


def says(world: World, *lines: UsageLine, name: str = "Duo", scope: Scope = Scope.PORTAL) -> None:
    """From now on the portal has exactly these lines."""

    def say(now: datetime) -> Reading:
        return Reading(portal=name, taken_at=now, lines=lines, scope=scope)

    world.said[name] = say


def rule(world: World, product: str, service: int, name: str = "Duo", **words: str) -> None:
    """This product, with its term and billing frequency, counts as this service."""
    source = RuleSource(ProductKey(name, product, words.get("term", ""), words.get("billing_frequency", "")), "q")
    made = ProductRule(id=0, item=ItemRef(LineKind.SERVICE, service), sources=(source,), match_period=False)
    with world.database.write() as session:
        mappings.save_rules(session, [made], Author("test", world.clock.now()))


def events(world: World, subscription: str = "s1", *, name: str = "Duo", customer: str = "Acme") -> list[StoredEvent]:
    with world.database.session() as session:
        portal = portal_store.by_name(session, name)
        assert portal is not None
        return subscription_events.of_subscription(session, portal.id, customer, subscription)


def kinds(found: Iterable[StoredEvent]) -> list[str]:
    return [one.kind.value for one in found]


def price_of(world: World, line: int) -> Decimal:
    record = world.server.sandbox.record("ContractServices", line)
    assert record is not None
    return Decimal(str(record["unitPrice"]))


def sent(world: World, line: int) -> list[tuple[date, int, Decimal | None]]:
    """The adjustments that were committed on a line: date, units, new price."""
    return [
        (
            date.fromisoformat(str(entry.values["effectiveDate"])[:10]),
            int(entry.values.get("unitChange") or 0),
            None if (price := entry.values.get("adjustedUnitPrice")) is None else Decimal(str(price)),
        )
        for entry in world.adjustments(line)
    ]
