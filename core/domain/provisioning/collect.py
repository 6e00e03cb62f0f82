"""Usage lines of portals with one contract a subscription, grouped by subscription; and what is left for existing lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.domain.contract import Company, ContractState
from core.domain.finding import Finding, FindingKind
from core.domain.grouping import group_usage, renamed
from core.domain.mapping import CustomerKey, ProductKey, WorkspaceMapping
from core.domain.provisioning.facts import Holdings, SubscriptionKey, Wanted
from core.domain.provisioning.policy import ContractKind
from core.domain.provisioning.subscription import SubscriptionType, type_of
from core.domain.subscription.words import Status, status_of
from core.domain.target import KnownLine, PortalUsage
from core.domain.text import T


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription of a company, with the usage lines it consists of."""

    key: SubscriptionKey
    kind: SubscriptionType
    company: Company
    customer_id: str
    customer: str
    lines: tuple[KnownLine, ...]

    @property
    def present(self) -> tuple[KnownLine, ...]:
        """The lines in use; one that the portal still lists, but says was cancelled, is not."""
        return tuple(line for line in self.lines if line.present and status_of(line.usage) is not Status.CANCELLED)


@dataclass(slots=True)
class Collected:
    """Subscriptions to place, what stands in the way of others, and usage for the ordinary way."""

    subscriptions: list[Subscription]
    findings: list[Finding]
    usage: tuple[PortalUsage, ...]


def collect(
    portals: Sequence[PortalUsage], mapping: WorkspaceMapping, state: ContractState, wanted: Wanted, holdings: Holdings
) -> Collected:
    """Who is to have a contract: mapped customers that are companies of type Customer, with billed subscriptions.

    Ignored customers and products, and types that are not billed, are left out without a word (S2-05 to S2-08, S3-09).
    Lines without a subscription id stay with the ordinary way.
    """
    chosen = wanted.portals(ContractKind.PER_SUBSCRIPTION)
    groups: dict[tuple[SubscriptionKey, str], list[KnownLine]] = defaultdict(list)
    rest: list[PortalUsage] = []
    ours: list[PortalUsage] = []
    for portal in portals:
        if portal.portal not in chosen:
            rest.append(portal)
            continue
        mine = [line for line in portal.lines if line.usage.subscription_id]
        rest.append(replace(portal, lines=tuple(line for line in portal.lines if not line.usage.subscription_id)))
        billed = [line for line in mine if type_of(line.usage) in wanted.policies[portal.portal].billed]
        kept = [line for line in billed if not _ignored(portal.portal, line, mapping)]
        ours.append(replace(portal, lines=tuple(kept)))
        for line in kept:
            key = SubscriptionKey(portal.portal, line.usage.subscription_id)
            groups[key, line.usage.customer_id].append(line)
    findings = [one for one in group_usage(ours, mapping).findings if one.key.startswith("unmapped|customer|")]
    found: list[Subscription] = []
    for (key, customer_id), unordered in sorted(groups.items(), key=lambda pair: pair[0]):
        lines = sorted(unordered, key=lambda line: line.usage.key)
        customer = mapping.customers.get(CustomerKey(key.portal, customer_id))
        if customer is None or customer.company_id is None:
            continue
        company = state.companies.get(customer.company_id)
        problem = _no_customer(customer.company_id, company, holdings)
        if problem is not None:
            findings += [problem] if any(line.present for line in lines) else []
        elif company is not None:
            kind = type_of(lines[0].usage)
            found.append(Subscription(key, kind, company, customer_id, lines[0].usage.customer, tuple(lines)))
    single, twice = _once(found)
    return Collected(single, [*findings, *twice], tuple(rest))


def _ignored(portal: str, line: KnownLine, mapping: WorkspaceMapping) -> bool:
    usage = line.usage
    customer = mapping.customers.get(CustomerKey(portal, usage.customer_id))
    product = renamed(mapping.renames, portal, usage.product_key)
    key = ProductKey(portal, product, usage.term, usage.billing_frequency)
    return (customer is not None and customer.ignored is not None) or key in mapping.ignored_products


def _no_customer(company_id: int, company: Company | None, holdings: Holdings) -> Finding | None:
    """Only active companies of type Customer get contracts (S4-24)."""
    if company is not None and company.active and company.company_type in holdings.customer_types:
        return None
    name = company.name if company else str(company_id)
    if company is None or not company.active:
        message = T("Company {company} is mapped, but is not an active company in Autotask.", company=name)
    else:
        message = T("Company {company} is mapped, but is no customer in Autotask: it gets no contracts.", company=name)
    return Finding(
        kind=FindingKind.UNMAPPED,
        key=f"unmapped|company|{company_id}",
        subject=name,
        company_id=company_id,
        message=message,
        remedy=T("Map its customers to another company, ignore them, or make it an active customer in Autotask."),
    )


def _once(found: Sequence[Subscription]) -> tuple[list[Subscription], list[Finding]]:
    """A subscription that two portals or two customers have belongs to neither until a person says which (S4-02, M9)."""
    homes: dict[str, list[Subscription]] = defaultdict(list)
    for one in found:
        if one.present:
            homes[one.key.subscription_id.casefold()].append(one)
    twice = {name: ones for name, ones in homes.items() if len(ones) > 1}
    findings = [
        Finding(
            kind=FindingKind.DUPLICATE,
            key=f"duplicate|subscription|{name}",
            portal=ones[0].key.portal,
            subject=ones[0].customer,
            company_id=ones[0].company.id,
            message=T(
                "Subscription {subscription} is told by several: {places}. Nothing is written for it.",
                subscription=ones[0].key.subscription_id,
                places=tuple(f"{one.key.portal}, {one.customer}" for one in ones),
            ),
            remedy=T("Ignore it in all portals but one: one Autotask connection a tenant."),
        )
        for name, ones in sorted(twice.items())
    ]
    return [one for one in found if one.key.subscription_id.casefold() not in twice], findings
