"""What Autotask holds: companies, contracts, contract lines and their units. Field meanings: Autotask reference §7, §8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class LineKind(StrEnum):
    """Contract services and contract service bundles are separate worlds in Autotask (reference §8.5)."""

    SERVICE = "service"
    BUNDLE = "bundle"


class PeriodType(StrEnum):
    """The billing grid of a contract, in the words of `UsageLine.billing_frequency`."""

    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    SEMIANNUAL = "semiannual"
    YEARLY = "yearly"
    ONCE = "once"
    UNKNOWN = ""

    @property
    def months(self) -> int:
        """Length in months; 0 where a contract has no grid."""
        return {"monthly": 1, "quarterly": 3, "semiannual": 6, "yearly": 12}.get(self.value, 0)


class ItemRef(NamedTuple):
    """One thing of the Autotask catalogue: a service or a service bundle."""

    kind: LineKind
    id: int


class LineRef(NamedTuple):
    """One contract line: the id of a ContractService or of a ContractServiceBundle."""

    kind: LineKind
    id: int

    @property
    def text(self) -> str:
        """`service:8001`: how a line is named in candidates and links."""
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> LineRef:
        """The line that `text` names; raises ValueError for anything else."""
        kind, _, number = text.partition(":")
        return cls(LineKind(kind), int(number))


@dataclass(frozen=True, slots=True)
class Company:
    id: int
    name: str
    active: bool = True
    number: str = ""
    company_type: int | None = None


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """A service or a bundle that can stand on a contract. Prices are list prices per unit."""

    ref: ItemRef
    name: str
    active: bool = True
    period_type: PeriodType = PeriodType.UNKNOWN
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None
    sku: str = ""


@dataclass(frozen=True, slots=True)
class Contract:
    """A recurring service contract; `start` and `end` are plain dates, both inclusive."""

    id: int
    company_id: int
    name: str
    start: date
    end: date
    period_type: PeriodType
    active: bool = True
    number: str = ""

    def valid_on(self, day: date) -> bool:
        return self.active and self.start <= day <= self.end


@dataclass(frozen=True, slots=True)
class ContractLine:
    """One service or bundle on one contract. It has no quantity of its own: units are dated (see UnitRow)."""

    ref: LineRef
    contract_id: int
    item: ItemRef
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None
    description: str = ""


class UnitRow(NamedTuple):
    """Units of one line from `start` on, until the next row. `posted`: the period is approved and posted (M8).

    Whether `end` is the last day or the first day after is uncertain (reference §7.2): nothing may depend on it
    other than that a row whose end lies before a day does not cover that day.
    """

    start: date
    end: date
    units: int
    posted: bool = False


@dataclass(frozen=True, slots=True)
class ContractState:
    """Autotask as it was read at one moment. `units` holds, per line, rows in order of `start`; a line without rows has 0 units.

    `units_known` names the lines whose units were read: a line that is not in it must not be planned.
    """

    companies: Mapping[int, Company]
    items: Mapping[ItemRef, CatalogueItem]
    contracts: Mapping[int, Contract]
    lines: Mapping[LineRef, ContractLine]
    units: Mapping[LineRef, Sequence[UnitRow]] = field(default_factory=dict)
    units_known: frozenset[LineRef] = frozenset()


def units_on(rows: Sequence[UnitRow], day: date) -> int:
    """Units in force on a day: those of the last row that starts on or before it (reference §7.2); 0 without one."""
    units = 0
    for row in rows:
        if row.start > day:
            break
        units = row.units
    return units
