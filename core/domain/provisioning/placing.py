"""Units of a subscription on the lines of its contract."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from core.domain.contract import Contract, ContractLine, ContractState, ItemRef
from core.domain.finding import Finding, FindingKind
from core.domain.grouping import renamed
from core.domain.mapping import ProductRule, WorkspaceMapping
from core.domain.policies import policy_for, strictest
from core.domain.policy import Policy
from core.domain.provisioning.catalogue import Part
from core.domain.provisioning.collect import Subscription
from core.domain.provisioning.subscription import SHARED
from core.domain.quantities import MOST_UNITS, compute_units, too_many
from core.domain.subscription.billing import as_billed
from core.domain.target import KnownLine, PortalUsage, Target, TargetSource
from core.domain.text import T, Text


class Placer:
    """Computes units and targets; where units cannot be told there is a target without any, and the reason (M2)."""

    def __init__(self, state: ContractState, portals: Mapping[str, PortalUsage], mapping: WorkspaceMapping) -> None:
        self._portals = portals
        self._mapping = mapping
        self._lines: dict[tuple[int, ItemRef], list[ContractLine]] = defaultdict(list)
        for line in state.lines.values():
            self._lines[line.contract_id, line.item].append(line)

    def units(self, one: Subscription, parts: Sequence[Part]) -> int | None:
        """The units of all parts together; None where one of them cannot be told."""
        total = 0
        policy = strictest([self._policy(one, part.line) for part in parts]) if parts else Policy()
        for rule, sources in _by_rule(one, parts):
            units = compute_units(rule, as_billed(sources, policy)[0]).units
            if units is None:
                return None
            total += units
        return total

    def targets(
        self, one: Subscription, contract: Contract, parts: Sequence[Part], blocked: tuple[Finding, ...]
    ) -> tuple[list[Target], list[Finding]]:
        """A target for each service of the subscription on its contract, and what stands in the way of one."""
        targets: list[Target] = []
        problems: list[Finding] = []
        by_item: dict[ItemRef, list[Part]] = defaultdict(list)
        for part in parts:
            if part.item is not None:
                by_item[part.item].append(part)
        for item, mine in by_item.items():
            lines = self._lines.get((contract.id, item), [])
            if len(lines) > 1:
                problems.append(_two_lines(one, contract, lines))
            else:
                targets.append(self._target(one, contract, lines[0] if lines else None, item, mine, blocked))
        problems += [finding for target in targets for finding in target.blocked]
        return targets, problems

    def _target(
        self,
        one: Subscription,
        contract: Contract,
        line: ContractLine | None,
        item: ItemRef,
        parts: Sequence[Part],
        blocked: tuple[Finding, ...],
    ) -> Target:
        found = list(blocked)
        total = 0
        explanation: list[Text] = []
        sources: list[TargetSource] = []
        policy = strictest([self._policy(one, part.line) for part in parts])
        for rule, told in _by_rule(one, parts):
            mine, not_billed = as_billed(told, policy)
            computed = compute_units(rule, mine)
            sources += mine
            explanation += (*not_billed, *computed.explanation)
            total += computed.units or 0
            if computed.problem is not None:
                found.append(_formula(one, computed.problem))
        if total > MOST_UNITS:
            found.append(_formula(one, too_many(total)))
        present = [part.line.usage for part in parts if part.line.present]
        # What shares a service has its own price on the line (S2-18); the service has none.
        priced, costed = one.kind in SHARED or policy.update_price, one.kind in SHARED or policy.update_cost
        return Target(
            company_id=one.company.id,
            item=item,
            line=line.ref if line else None,
            contract_id=contract.id,
            units=None if found else total,
            policy=policy,
            mode=self._portals[one.key.portal].mode,
            sources=tuple(sources),
            explanation=tuple(explanation),
            blocked=tuple(found),
            portal_date=max((usage.effective_date for usage in present if usage.effective_date), default=None),
            changed_on=max((part.line.changed_on for part in parts if part.line.changed_on), default=None),
            unit_price=_agreed([usage.unit_price for usage in present]) if priced else None,
            unit_cost=_agreed([usage.unit_cost for usage in present]) if costed else None,
        )

    def _policy(self, one: Subscription, line: KnownLine) -> Policy:
        portal = self._portals[one.key.portal]
        products = {
            line.usage.product_key,
            renamed(self._mapping.renames, one.key.portal, line.usage.product_key),
        }
        base = portal.policy.model_copy(update={"add_missing_lines": True})
        return policy_for(base, portal.overrides, one.customer_id, products)


def _by_rule(one: Subscription, parts: Sequence[Part]) -> list[tuple[ProductRule, list[TargetSource]]]:
    """Rules with the sources that feed each: two products of one rule are computed together."""
    rules: dict[tuple[int, ItemRef, object], tuple[ProductRule, list[TargetSource]]] = {}
    for part in parts:
        if part.rule is None:
            continue
        own = part.rule.sources[0].product if part.rule.id == 0 else None
        rules.setdefault((part.rule.id, part.rule.item, own), (part.rule, []))[1].append(_source(one, part))
    return list(rules.values())


def _source(one: Subscription, part: Part) -> TargetSource:
    assert part.rule is not None
    usage = part.line.usage
    fitting = (source.name for source in part.rule.sources if source.product.product_key == usage.product_key)
    name = next(fitting, part.rule.sources[0].name)
    return TargetSource(one.key.portal, part.line, part.rule.id, name)


def _agreed(amounts: Sequence[Decimal | None]) -> Decimal | None:
    return amounts[0] if amounts and len(set(amounts)) == 1 else None


def _two_lines(one: Subscription, contract: Contract, lines: Sequence[ContractLine]) -> Finding:
    return Finding(
        kind=FindingKind.AMBIGUOUS,
        key=f"ambiguous|subscription|{one.key.portal}|{one.key.subscription_id}",
        portal=one.key.portal,
        subject=one.company.name,
        company_id=one.company.id,
        message=T(
            "Contract {contract} has {count} lines of the subscription's service: nothing is written on any of them.",
            contract=contract.name, count=len(lines),
        ),
        remedy=T("Bring all but one of them to an end in Autotask."),
    )  # fmt: skip


def _formula(one: Subscription, problem: object) -> Finding:
    return Finding(
        kind=FindingKind.FORMULA,
        key=f"formula|subscription|{one.key.portal}|{one.key.subscription_id}",
        portal=one.key.portal,
        subject=one.company.name,
        company_id=one.company.id,
        message=T(
            "Subscription {subscription} of {company} cannot be computed: {problem}",
            subscription=one.key.subscription_id, company=one.company.name, problem=problem,
        ),
        remedy=T("Correct the formula of the product mapping, or choose a rounding."),
    )  # fmt: skip
