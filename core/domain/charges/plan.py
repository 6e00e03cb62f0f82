"""The charge plan: what Autotask lacks of the charges of some periods. Made by `core.domain.charges.planner`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from core.domain.amount_doubts import AmountDoubt
from core.domain.charges.keys import ChargeKey
from core.domain.charges.settings import ChargeSettings
from core.domain.consumption import ConsumptionLine
from core.domain.contract import Contract
from core.domain.finding import Finding
from core.domain.mapping import CustomerKey, CustomerMapping
from core.domain.plan import ChangeStatus, Decisions
from core.domain.policy import Mode, Otherwise
from core.domain.text import Text


class ChargeChangeKind(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    """The charge is not billed yet: it is brought to what it should be."""
    CORRECT = "correct"
    """The charge is billed: a charge of its own for the difference."""
    WITHDRAW = "withdraw"
    """Not billed, and nothing is used any more: the charge goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeValues:
    """What a charge says. One unit each, so that the amount is exactly the price; both in the contract's currency, in cents."""

    name: str
    description: str
    day: date
    price: Decimal
    cost: Decimal
    billing_code_id: int | None = None
    product_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingCharge:
    """A charge with one of our keys as Autotask has it. `quantity` is 1 unless somebody changed it."""

    id: int
    contract_id: int
    key: ChargeKey | None
    values: ChargeValues
    quantity: Decimal = Decimal(1)
    billed: bool = False

    @property
    def amount(self) -> Decimal:
        return self.values.price * self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeChange:
    """One write that is planned. `before` is None for a new charge, `after` for one that goes.

    `total` is what all charges of the key come to with this change, `lines` are what it is made of (M13).
    """

    kind: ChargeChangeKind
    portal: str
    customer_id: str
    customer: str
    company_id: int
    contract_id: int
    period_start: date
    period_end: date
    key: ChargeKey
    title: str
    status: ChangeStatus
    reason: Text
    charge_id: int | None = None
    before: ChargeValues | None = None
    after: ChargeValues | None = None
    total: Decimal = Decimal(0)
    holds: tuple[Text, ...] = ()
    lines: tuple[ConsumptionLine, ...] = ()

    @property
    def amount(self) -> Decimal:
        """What the customer pays more (or less) through this change."""
        after = self.after.price if self.after else Decimal(0)
        return after - (self.before.price if self.before else Decimal(0))

    @property
    def currency(self) -> str:
        """That of what it is made of; empty where nothing is left of it."""
        return self.lines[0].currency if self.lines else ""

    @property
    def id(self) -> str:
        """The same change in a later plan has the same id; an approval is worth for exactly these values."""
        parts = (self.kind, self.key.text, self.charge_id, _spelled(self.before), _spelled(self.after))
        return "charge-" + hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:16]

    @property
    def dismissal_key(self) -> str:
        """What a dismissal is worth for: this charge and this amount."""
        return f"charge|{self.key.text}|{self.total:f}"

    @property
    def lane(self) -> str:
        """The changes of one portal, customer and period stand or fall together."""
        return self.key.owner


def _spelled(values: ChargeValues | None) -> str:
    if values is None:
        return "-"
    numbers = f"{values.price:.2f}|{values.cost:.2f}|{values.day}|{values.billing_code_id}|{values.product_id}"
    return f"{numbers}|{values.name}|{values.description}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumed:
    """What one customer of one portal used in one period, by the last complete reading that told about it.

    `identity` is the portal's lasting name in keys. `again_from`: it was told while the source could still change it, which is
    over since that day, so that it has to be told once more. None for all else.
    """

    portal: str
    identity: str
    customer_id: str
    customer: str
    period_start: date
    period_end: date
    lines: tuple[ConsumptionLine, ...]
    provisional: bool = False
    again_from: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalCharging:
    """How one portal charges. `settings` is None as long as nobody said how."""

    settings: ChargeSettings | None
    mode: Mode = Mode.REVIEW
    drift: Otherwise = Otherwise.HOLD
    hold_to_zero: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCharge:
    """A charge as we last read it back."""

    key: ChargeKey
    charge_id: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class ChargeReversal:
    """A person asked for the charges of a key to come to `back` again, as long as the source says `source`."""

    source: Decimal
    back: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeFacts:
    """All that a charge plan is made of.

    `existing` are all charges in Autotask with keys of these periods; `known` what we read back last, by base key;
    `previous` the total of the period before, by (portal, customer id); `refused` what Autotask said no to, by change id;
    `reversals` by base key; `doubts` are amounts that came and do not count.
    """

    consumed: tuple[Consumed, ...]
    customers: Mapping[CustomerKey, CustomerMapping]
    portals: Mapping[str, PortalCharging]
    existing: tuple[ExistingCharge, ...]
    contracts: Mapping[int, Contract]
    known: Mapping[str, tuple[KnownCharge, ...]] = field(default_factory=dict)
    decisions: Decisions = Decisions()
    previous: Mapping[tuple[str, str, date], Decimal] = field(default_factory=dict)
    refused: Mapping[str, Text] = field(default_factory=dict)
    reversals: Mapping[str, ChargeReversal] = field(default_factory=dict)
    doubts: tuple[AmountDoubt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRow:
    """One charge as it should be, for people: with the amount in Autotask now and whether that is billed."""

    portal: str
    customer_id: str
    customer: str
    company_id: int
    contract_id: int
    period_start: date
    period_end: date
    key: str
    title: str
    name: str
    description: str
    currency: str
    cost: Decimal
    price: Decimal
    in_autotask: Decimal
    billed: Decimal
    charge_ids: tuple[int, ...]
    lines: tuple[ConsumptionLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePlan:
    """Changes in the order in which they are to be made, findings, all charges as they should be, and how many are right.

    `waiting` counts customers whose period the source may still change.
    """

    changes: tuple[ChargeChange, ...] = ()
    findings: tuple[Finding, ...] = ()
    rows: tuple[ChargeRow, ...] = ()
    unchanged: int = 0
    waiting: int = 0

    def applicable(self) -> tuple[ChargeChange, ...]:
        return tuple(c for c in self.changes if c.status in (ChangeStatus.READY, ChangeStatus.APPROVED))
