"""Sorts usage lines by what is mapped: which rule and company each belongs to, and what nobody has mapped yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from core.domain.finding import Finding, FindingKind
from core.domain.mapping import CustomerKey, ProductKey, ProductRule, Rename, WorkspaceMapping
from core.domain.patterns import wildcard
from core.domain.target import KnownLine, PortalUsage, TargetSource
from core.domain.text import T

GroupKey = tuple[int, int]
"""(rule id, company id)"""


@dataclass(slots=True)
class _Unmapped:
    """Tally of one customer or product that is not mapped."""

    name: str
    lines: int = 0
    quantity: Decimal = Decimal(0)
    others: set[str] = field(default_factory=set)

    def count(self, line: KnownLine, other: str) -> None:
        self.lines += 1
        self.quantity += line.quantity
        self.others.add(other)


@dataclass(slots=True)
class Groups:
    """`sources` per (rule, company) in a stable order; `findings` name what is unmapped."""

    sources: dict[GroupKey, list[TargetSource]]
    findings: list[Finding]


class _Renamer:
    """The first rename of a portal whose pattern matches wins; a product without one keeps its key."""

    def __init__(self, renames: Sequence[Rename], portal: str) -> None:
        self._renames = [(wildcard(r.pattern), r.product_key) for r in renames if r.portal == portal]
        self._known: dict[str, str] = {}

    def __call__(self, product_key: str) -> str:
        if not self._renames:
            return product_key
        if product_key not in self._known:
            fitting = (new for pattern, new in self._renames if pattern.fits(product_key))
            self._known[product_key] = next(fitting, product_key)
        return self._known[product_key]


def renamed(renames: Sequence[Rename], portal: str, product_key: str) -> str:
    """The key under which a product of a portal is mapped."""
    return _Renamer(renames, portal)(product_key)


def group_usage(portals: Iterable[PortalUsage], mapping: WorkspaceMapping) -> Groups:
    """Each usage line under every rule that its product feeds, for the company its customer is mapped to.

    Lines of ignored customers and products are left out; what is unmapped becomes one finding per customer and per product.
    """
    rules = _rules_by_product(mapping.rules)
    groups: dict[GroupKey, list[TargetSource]] = defaultdict(list)
    customers: dict[CustomerKey, _Unmapped] = {}
    products: dict[ProductKey, _Unmapped] = {}
    for portal in sorted(portals, key=lambda usage: usage.portal):
        rename = _Renamer(mapping.renames, portal.portal)
        for line in sorted(portal.lines, key=lambda known: known.usage.key):
            usage = line.usage
            customer_key = CustomerKey(portal.portal, usage.customer_id)
            product_key = ProductKey(portal.portal, rename(usage.product_key), usage.term, usage.billing_frequency)
            customer = mapping.customers.get(customer_key)
            if customer is not None and customer.ignored is not None:
                continue
            company_id = customer.company_id if customer is not None else None
            if company_id is None and line.present:
                customers.setdefault(customer_key, _Unmapped(usage.customer)).count(line, usage.product)
            fed = rules.get(product_key)
            if fed is None:
                if line.present and product_key not in mapping.ignored_products:
                    products.setdefault(product_key, _Unmapped(usage.product)).count(line, usage.customer)
            elif company_id is not None:
                for rule_id, name in fed:
                    groups[rule_id, company_id].append(TargetSource(portal.portal, line, rule_id, name))
    findings = [_unmapped_customer(key, tally) for key, tally in sorted(customers.items())]
    findings += [_unmapped_product(key, tally) for key, tally in sorted(products.items())]
    return Groups(groups, findings)


def _rules_by_product(rules: Iterable[ProductRule]) -> Mapping[ProductKey, list[tuple[int, str]]]:
    by_product: dict[ProductKey, list[tuple[int, str]]] = defaultdict(list)
    for rule in sorted(rules, key=lambda rule: rule.id):
        for source in rule.sources:
            by_product[source.product].append((rule.id, source.name))
    return by_product


def _unmapped_customer(key: CustomerKey, tally: _Unmapped) -> Finding:
    return Finding(
        kind=FindingKind.UNMAPPED,
        key=f"unmapped|customer|{key.portal}|{key.customer_id}",
        portal=key.portal,
        subject=tally.name,
        message=T(
            "Customer {customer} of {portal} is not mapped: {lines} lines, {quantity} in use.",
            customer=tally.name,
            portal=key.portal,
            lines=tally.lines,
            quantity=tally.quantity,
        ),
        remedy=T("Link the customer to an Autotask company, or ignore it."),
    )


def _unmapped_product(key: ProductKey, tally: _Unmapped) -> Finding:
    return Finding(
        kind=FindingKind.UNMAPPED,
        key=f"unmapped|product|{key.portal}|{key.product_key}|{key.term}|{key.billing_frequency}",
        portal=key.portal,
        subject=tally.name,
        message=T(
            "Product {product} of {portal} is not mapped: {customers} customers, {quantity} in use.",
            product=tally.name,
            portal=key.portal,
            customers=len(tally.others),
            quantity=tally.quantity,
        ),
        remedy=T("Link the product to an Autotask service, or ignore it."),
    )
