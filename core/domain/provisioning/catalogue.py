"""Which service a subscription is billed with: the one its product is mapped to, one found by its key, or one to be made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from core.domain.contract import CatalogueItem, ContractState, ItemRef, LineKind, PeriodType
from core.domain.grouping import renamed
from core.domain.mapping import ProductKey, ProductRule, RuleSource, WorkspaceMapping
from core.domain.provisioning.collect import Subscription
from core.domain.provisioning.policy import ContractPolicy, PriceSource
from core.domain.provisioning.steps import Step, filled, short_key
from core.domain.provisioning.subscription import SHARED, SHARED_NAMES
from core.domain.target import KnownLine, TargetSource
from core.domain.text import T, Text


class ServiceKey(NamedTuple):
    """A service that is made for products: its SKU, and the grid it is priced on."""

    sku: str
    period: PeriodType


@dataclass(frozen=True, slots=True)
class Part:
    """One usage line of a subscription with what bills it: the rule (and its service), or the key of a service to be made.

    `problem` says why neither can be told.
    """

    line: KnownLine
    rule: ProductRule | None = None
    service: ServiceKey | None = None
    problem: Text | None = None

    @property
    def item(self) -> ItemRef | None:
        return self.rule.item if self.rule and self.rule.item.id else None

    def source(self, portal: str) -> TargetSource:
        assert self.rule is not None
        name = next((one.name for one in self.rule.sources), "q")
        return TargetSource(portal, self.line, self.rule.id, name)


class Catalogue:
    """Finds services. A rule of a person wins; after that only a SKU that was given when the service was made."""

    def __init__(self, state: ContractState, mapping: WorkspaceMapping) -> None:
        self._state = state
        self._mapping = mapping
        self._rules: dict[ProductKey, list[ProductRule]] = defaultdict(list)
        for rule in mapping.rules:
            for source in rule.sources:
                self._rules[source.product].append(rule)
        self._by_sku: dict[str, list[CatalogueItem]] = defaultdict(list)
        for item in state.items.values():
            if item.sku and item.active and item.ref.kind is LineKind.SERVICE:
                self._by_sku[item.sku.casefold()].append(item)

    def parts(self, one: Subscription, period: PeriodType) -> list[Part]:
        """The parts of a subscription, in the order of its lines; a product that feeds several rules gives several."""
        return [part for line in one.lines for part in self._parts(one, line, period)]

    def _parts(self, one: Subscription, line: KnownLine, period: PeriodType) -> list[Part]:
        product = self.product(one.key.portal, line)
        rules = self._rules.get(product)
        key = service_key(one, line, period)
        if rules and one.kind not in SHARED:
            return [Part(line, rule, key if self._is_made(rule.item, key) else None) for rule in rules]
        found = self._by_sku.get(key.sku.casefold(), [])
        if len(found) > 1:
            text = T("Autotask has {count} active services with the SKU {sku}.", count=len(found), sku=key.sku)
            return [Part(line, service=key, problem=text)]
        item = found[0].ref if found else ItemRef(LineKind.SERVICE, 0)
        return [Part(line, ProductRule(id=0, item=item, sources=(RuleSource(product, "q"),)), key)]

    def _is_made(self, ref: ItemRef, key: ServiceKey) -> bool:
        """Whether this service was made for the product: only then does it follow the portal's prices."""
        item = self._state.items.get(ref)
        return item is not None and item.sku.casefold() == key.sku.casefold()

    def product(self, portal: str, line: KnownLine) -> ProductKey:
        """The product as it is mapped."""
        usage = line.usage
        name = renamed(self._mapping.renames, portal, usage.product_key)
        return ProductKey(portal, name, usage.term, usage.billing_frequency)

    def item(self, ref: ItemRef) -> CatalogueItem | None:
        return self._state.items.get(ref)


def service_key(one: Subscription, line: KnownLine, period: PeriodType) -> ServiceKey:
    """Marketplace, reserved, perpetual and software subscriptions share one service each (S2-18); others one a product and term."""
    if one.kind in SHARED:
        return ServiceKey(short_key(f"{one.kind.value}:{period.value}"), period)
    usage = line.usage
    return ServiceKey(short_key(f"{usage.product_key}:{usage.term}:{period.value}"), period)


def product_key() -> str:
    """The SKU of the one product that Azure consumption is charged with (S2-17)."""
    return "azure_plan"


def service_step(key: ServiceKey, policy: ContractPolicy, users: Sequence[tuple[Subscription, KnownLine]]) -> Step:
    """The service to be made, with the portal's price and cost where all agree on them (S2-12)."""
    one, line = users[0]
    shared = one.kind in SHARED
    price, cost = (None, None) if shared else prices(policy, (known for _, known in users))
    usage = line.usage
    name = SHARED_NAMES[one.kind] if shared else usage.product
    told = {"product": name, "customer": "", "subscription": "", "portal": one.key.portal, "period": key.period.value}
    return Step(
        key=key.sku,
        name=filled(policy.service_name, **told, term="" if shared else usage.term),
        description=f"{one.key.portal}: {name if shared else usage.product_key}"[:400],
        period_type=key.period,
        billing_code=policy.service_billing_code,
        unit_price=price,
        unit_cost=cost,
    )


def prices(policy: ContractPolicy, lines: Iterable[KnownLine]) -> tuple[Decimal | None, Decimal | None]:
    """Price and cost by the unit that all lines in use tell; None where they differ, or where services keep their own."""
    if policy.price_source is not PriceSource.PORTAL:
        return (None, None)
    told = [line.usage for line in lines if line.present]
    return _agreed([usage.unit_price for usage in told]), _agreed([usage.unit_cost for usage in told])


def _agreed(amounts: Sequence[Decimal | None]) -> Decimal | None:
    return amounts[0] if amounts and len(set(amounts)) == 1 else None


def names_of(one: Subscription, policy: ContractPolicy, period: PeriodType) -> str:
    """The name of a subscription's contract by the template."""
    usage = (one.present or one.lines)[0].usage
    values: Mapping[str, str] = {
        "product": usage.product, "customer": one.company.name, "subscription": one.key.subscription_id,
        "term": usage.term, "period": period.value, "portal": one.key.portal,
    }  # fmt: skip
    return filled(policy.contract_name, **values)
