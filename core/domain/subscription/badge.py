"""Whether a subscription and Autotask agree: computed from the targets and the plan, never remembered by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.domain.contract import LineRef
from core.domain.finding import Finding
from core.domain.grouping import renamed
from core.domain.mapping import CustomerKey, ProductKey, WorkspaceMapping
from core.domain.plan import Plan
from core.domain.subscription.words import is_subscription
from core.domain.target import KnownLine, PortalUsage, Target, Targets
from core.domain.text import T, Text


class Standing(StrEnum):
    """Where a subscription stands, by the last plan."""

    PLACED = "placed"
    """On a contract line that is as it should be."""
    OPEN = "open"
    """On a contract line that is still to be changed, or could not be."""
    BLOCKED = "blocked"
    """On a contract line of which nobody can say now what it should be."""
    NO_LINE = "no_line"
    UNMAPPED = "unmapped"
    IGNORED = "ignored"


class Badge(StrEnum):
    IN_SYNC = "in_sync"
    OUT_OF_SYNC = "out_of_sync"
    UNMAPPED = "unmapped"
    IGNORED = "ignored"


def badge_of(standing: Standing) -> Badge:
    """In sync only where the plan looked, and found nothing left to do."""
    match standing:
        case Standing.PLACED:
            return Badge.IN_SYNC
        case Standing.UNMAPPED:
            return Badge.UNMAPPED
        case Standing.IGNORED:
            return Badge.IGNORED
    return Badge.OUT_OF_SYNC


@dataclass(frozen=True, slots=True, kw_only=True)
class Standpoint:
    """Where one usage line of a subscription stands. `problem` says what keeps it from being in sync."""

    usage_line: int
    standing: Standing
    company_id: int | None = None
    line: LineRef | None = None
    contract_id: int | None = None
    problem: Text | None = None


def standpoints(
    portals: Sequence[PortalUsage], mapping: WorkspaceMapping, targets: Targets, plan: Plan
) -> list[Standpoint]:
    """All usage lines that belong to a subscription and are there, or still feed a contract line."""
    by_line = {source.line.id: target for target in targets.targets for source in target.sources}
    opened = open_lines(plan)
    products = {source.product for rule in mapping.rules for source in rule.sources}
    found: list[Standpoint] = []
    for portal in portals:
        for line in portal.lines:
            if is_subscription(line.usage) and (line.present or line.id in by_line):
                target = by_line.get(line.id)
                found.append(
                    _placed(line, target, opened)
                    if target is not None
                    else _not_placed(portal.portal, line, mapping, products)
                )
    return found


def open_lines(plan: Plan) -> Mapping[int | LineRef, Text]:
    """What is still open, and why: by usage line, and by contract line."""
    found: dict[int | LineRef, Text] = {}
    for finding in plan.findings:
        if finding.line is not None:
            found.setdefault(finding.line, finding.message)
    for change in plan.changes:
        for source in change.sources:
            found[source.line.id] = change.holds[0] if change.holds else change.reason
    return found


def _placed(line: KnownLine, target: Target, opened: Mapping[int | LineRef, Text]) -> Standpoint:
    problem = opened.get(line.id) or (opened.get(target.line) if target.line else None)
    standing = Standing.OPEN if problem is not None else Standing.PLACED
    if target.units is None:
        blocked: Sequence[Finding] = target.blocked
        standing, problem = Standing.BLOCKED, blocked[0].message if blocked else problem
    return Standpoint(
        usage_line=line.id,
        standing=standing,
        company_id=target.company_id,
        line=target.line,
        contract_id=target.contract_id,
        problem=problem,
    )


def _not_placed(portal: str, line: KnownLine, mapping: WorkspaceMapping, products: set[ProductKey]) -> Standpoint:
    usage = line.usage
    customer = mapping.customers.get(CustomerKey(portal, usage.customer_id))
    key = renamed(mapping.renames, portal, usage.product_key)
    product = ProductKey(portal, key, usage.term, usage.billing_frequency)
    company_id = customer.company_id if customer else None
    if (customer is not None and customer.ignored is not None) or product in mapping.ignored_products:
        return Standpoint(usage_line=line.id, standing=Standing.IGNORED, company_id=company_id)
    if company_id is None:
        problem = T("The customer is not mapped.")
        return Standpoint(usage_line=line.id, standing=Standing.UNMAPPED, problem=problem)
    if product not in products:
        problem = T("The product is not mapped.")
        return Standpoint(usage_line=line.id, standing=Standing.UNMAPPED, company_id=company_id, problem=problem)
    problem = T("It stands on no contract line yet.")
    return Standpoint(usage_line=line.id, standing=Standing.NO_LINE, company_id=company_id, problem=problem)
