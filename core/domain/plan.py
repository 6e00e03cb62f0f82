"""The plan: the changes and findings of one moment. Made by `core.domain.planner`, shown, approved and applied as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from core.domain.contract import ItemRef, LineRef, PeriodType
from core.domain.finding import Finding
from core.domain.provisioning.steps import Step
from core.domain.target import TargetSource
from core.domain.text import Text


class ChangeKind(StrEnum):
    UNITS = "units"
    ADD_LINE = "add_line"
    """The service is put on the contract, with its units."""
    PRICE = "price"
    """Units stay; unit price or unit cost change from the effective date on."""
    ADD_FIELD = "add_field"
    """The user-defined field that joins subscriptions and contracts."""
    ADD_SERVICE = "add_service"
    PRICE_SERVICE = "price_service"
    ADD_PRODUCT = "add_product"
    ADD_CONTRACT = "add_contract"
    MARK_CONTRACT = "mark_contract"
    """A contract of ours gets the id of its subscription back."""
    EXTEND_CONTRACT = "extend_contract"
    RENAME_CONTRACT = "rename_contract"


class ChangeStatus(StrEnum):
    READY = "ready"
    """The schedule may apply it."""
    NEEDS_APPROVAL = "needs_approval"
    """The portal is in review mode."""
    HELD = "held"
    """A guard stopped it (M6, M8, M10); a person may approve it all the same."""
    APPROVED = "approved"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One planned write (words of DESIGN §1).

    `from_units` are the units in force on `effective_date` with earlier changes of this plan done; `to_units` the target.
    `unit_price` and `unit_cost` are None when they stay. `money_per_period` is the difference on one full billing period in the
    contract's currency, before proration; None where no price is known. `reason` says why, `holds` what stopped it.
    Changes of several lines with the same `pair` stand or fall together: one product that took the place of another.
    """

    kind: ChangeKind
    company_id: int
    contract_id: int
    line: LineRef | None
    item: ItemRef
    from_units: int
    to_units: int
    effective_date: date
    status: ChangeStatus
    reason: Text
    holds: tuple[Text, ...] = ()
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None
    money_per_period: Decimal | None = None
    period_type: PeriodType = PeriodType.UNKNOWN
    sources: tuple[TargetSource, ...] = ()
    explanation: tuple[Text, ...] = ()
    portals: tuple[str, ...] = ()
    step: Step | None = None
    """What is made or changed besides units (kinds from `ADD_FIELD` on); such a change has no line."""
    pair: str = ""

    @property
    def unit_change(self) -> int:
        return self.to_units - self.from_units

    @property
    def id(self) -> str:
        """The same change in a later plan has the same id; an approval is worth for exactly this line, date, from and to."""
        where = self.line or (self.contract_id, *self.item)
        parts = (
            self.kind,
            *where,
            self.effective_date,
            self.from_units,
            self.to_units,
            self.unit_price,
            self.unit_cost,
            *(self.step.parts if self.step else ()),
        )
        return hashlib.sha256("|".join(str(part) for part in parts).encode()).hexdigest()[:16]

    @property
    def dismissal_key(self) -> str:
        """What a dismissal is worth for: this line and this target, on any date."""
        where = self.line or (self.contract_id, *self.item)
        step = (self.kind, *self.step.parts) if self.step else ()
        return "|".join(str(part) for part in (*where, self.to_units, self.unit_price, self.unit_cost, *step))


@dataclass(frozen=True, slots=True)
class LineMemory:
    """What the ledger remembers of one line.

    `verified_units` were read back (or first seen) in force on `verified_on`; `our_dates` are effective dates on which we
    adjusted the line: those not yet past, and those since `verified_on`; `refused` maps effective dates to the reason
    (`same_day`, `zero`, …) Autotask gave. `unit_price` and `unit_cost` are what we wrote last, where that is not yet in force; they
    are from `price_from` on.
    """

    verified_units: int | None = None
    verified_on: date | None = None
    our_dates: frozenset[date] = frozenset()
    refused: Mapping[date, str] = field(default_factory=dict)
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None
    price_from: date | None = None


HELD_BY_PERSON = "hold|"
"""Begins the key under which a person's hold of a change is kept among the dismissals."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What people decided: ids of approved changes (with who), dismissal keys (with the reason)."""

    approved: Mapping[str, str] = field(default_factory=dict)
    dismissed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes in the order they are to be applied, findings, and how many lines are right already.

    The changes of one line follow each other by date, except where that order would bring a later day below 0 units in
    between: then increases go first. They stand or fall together: all of them are applicable, or none is.
    """

    today: date
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]
    unchanged: int = 0

    @property
    def checksum(self) -> str:
        """Of what would be written; what was reviewed can be compared with what is applied."""
        return hashlib.sha256("|".join(change.id for change in self.changes).encode()).hexdigest()[:16]

    def applicable(self) -> tuple[Change, ...]:
        return tuple(c for c in self.changes if c.status in (ChangeStatus.READY, ChangeStatus.APPROVED))
