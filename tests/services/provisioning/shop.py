"""A portal of subscriptions, and a look at what stands in Autotask afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from core.domain.policy import Mode, Policy
from core.domain.provisioning.policy import ContractKind, ContractPolicy
from core.domain.usage import Reading, UsageLine
from core.services.access import SYSTEM
from core.services.provisioning_settings import save_contract_policy
from tests.services.money.world import BOLD, SandboxData, World

PORTAL = "Cloud"
RECURRING_CODE, MATERIAL_CODE = 29683501, 29683502
PER = ContractPolicy(
    kind=ContractKind.PER_SUBSCRIPTION, service_billing_code=RECURRING_CODE, product_billing_code=MATERIAL_CODE
)


def subscription(identity: str, customer: str = "acme", quantity: int = 5, **more: Any) -> UsageLine:
    """A yearly licence paid by the month, unless told otherwise."""
    values: dict[str, Any] = {
        "product_key": "CFQ7", "product": "Business Premium", "term": "P1Y", "billing_frequency": "monthly",
        "period_start": date(2026, 6, 15), "period_end": date(2027, 6, 14),
        "unit_cost": Decimal("15.10"), "unit_price": Decimal("20.60"), "currency": "EUR",
    }  # fmt: skip
    values |= more
    return UsageLine(
        customer_id=customer, customer=customer, quantity=Decimal(quantity), subscription_id=identity, **values
    )


@dataclass
class Shop:
    """One workspace whose portal sells subscriptions."""

    world: World
    lines: list[UsageLine] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world.said[PORTAL] = self._say

    def _say(self, now: datetime) -> Reading:
        return Reading(portal=PORTAL, taken_at=now, lines=tuple(self.lines))

    def sells(self, *lines: UsageLine) -> None:
        self.lines[:] = lines

    def contracts(self) -> list[dict[str, Any]]:
        """Contracts that were made through the API, as they are now."""
        made = {entry.id for entry in self.world.server.ledger("Contracts") if entry.verb == "POST"}
        return [self.record("Contracts", number) for number in sorted(made)]

    def record(self, entity: str, number: int) -> dict[str, Any]:
        return dict(self.world.server.sandbox.record(entity, number) or {})

    def made(self, entity: str, verb: str = "POST") -> list[Any]:
        return [entry for entry in self.world.server.ledger(entity) if entry.by == "api" and entry.verb == verb]

    def lines_of(self, contract: int) -> list[dict[str, Any]]:
        return [
            line for line in self.world.server.sandbox.records("ContractServices") if line["contractID"] == contract
        ]

    def findings(self) -> list[Any]:
        from core.store import plans

        with self.world.database.session() as session:
            plan = plans.load(session)
        return list(plan.findings) if plan else []

    def changes(self) -> list[Any]:
        from core.store import plans

        with self.world.database.session() as session:
            plan = plans.load(session)
        return list(plan.changes) if plan else []


def open_shop(
    world: World, *, policy: ContractPolicy = PER, mode: Mode = Mode.AUTOMATIC, rules: Policy = BOLD, **customers: int
) -> Shop:
    """A workspace with the portal, its contract policy and its mapped customers."""
    shop = Shop(world)
    world.portal(PORTAL, mode=mode, policy=rules, connector="pax8")
    if customers:
        world.map(customers, {}, PORTAL)
    save_contract_policy(world.ctx, SYSTEM, PORTAL, policy)
    return shop


def with_company(data: SandboxData, name: str = "Acme BV", **values: Any) -> int:
    return data.company(name, **values)
