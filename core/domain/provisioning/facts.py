"""What provisioning is planned from, and what comes out: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from core.domain.contract import ContractState
from core.domain.finding import Finding
from core.domain.plan import Change
from core.domain.ports import SubscriptionContract
from core.domain.provisioning.policy import FIELD_NAME, ContractKind, ContractPolicy
from core.domain.target import PortalUsage, Target


class SubscriptionKey(NamedTuple):
    portal: str
    subscription_id: str


@dataclass(frozen=True, slots=True)
class MadeContract:
    """What we remember of a contract that was made: the name and dates it was last given."""

    contract_id: int
    name: str
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Wanted:
    """The contract policies of portals, by name, and the contracts made so far."""

    policies: Mapping[str, ContractPolicy] = field(default_factory=dict)
    made: Mapping[SubscriptionKey, MadeContract] = field(default_factory=dict)

    def portals(self, kind: ContractKind) -> frozenset[str]:
        """Portals with this policy."""
        return frozenset(name for name, policy in self.policies.items() if policy.kind is kind)


@dataclass(frozen=True, slots=True)
class Holdings:
    """What Autotask holds besides `ContractState`: the field, the contracts that carry it, products by SKU, company types.

    `customer_types` are the numbers of the company types that are customers (S4-24).
    """

    field: str = FIELD_NAME
    has_field: bool = False
    owned: tuple[SubscriptionContract, ...] = ()
    products: frozenset[str] = frozenset()
    customer_types: frozenset[int] = frozenset({1})


@dataclass(frozen=True, slots=True)
class ProvisionPlan:
    """`changes` in the order in which they are to be made, with statuses that no person has decided on yet.

    `targets` are units on contracts of subscriptions; `usage` and `state` are what is left for everything else: neither the
    subscriptions that were placed nor the contracts that belong to one.
    """

    changes: tuple[Change, ...]
    targets: tuple[Target, ...]
    findings: tuple[Finding, ...]
    usage: tuple[PortalUsage, ...]
    state: ContractState
