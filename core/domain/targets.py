"""From what portals say to the units each contract line should have. Pure: same values in, same targets out.

    usage lines ─▶ grouped by (rule, company) ─▶ fresh? ─▶ formula ─▶ which line? ─▶ merged per line ─▶ targets

What cannot be computed now is a target without units, with the reason (M2, M3), or a finding where there is no line at all (M9).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from core.domain.contract import ContractState, ItemRef, LineRef, units_on
from core.domain.finding import Finding, FindingKind
from core.domain.freshness import Freshness
from core.domain.grouping import GroupKey, group_usage, renamed
from core.domain.lines import LineFinder, Place
from core.domain.mapping import ChoiceKey, ProductKey, ProductRule, WorkspaceMapping
from core.domain.policies import policy_for, strictest, strictest_mode
from core.domain.policy import Policy, Suspended
from core.domain.quantities import MOST_UNITS, compute_units, too_many
from core.domain.subscription.billing import as_billed, is_suspended, money_of
from core.domain.target import PortalUsage, Target, Targets, TargetSource
from core.domain.text import T, Text


@dataclass(frozen=True, slots=True)
class _Share:
    """What one rule wants of one line of one company; several shares of a line add up."""

    rule: ProductRule
    company_id: int
    units: int | None
    sources: tuple[TargetSource, ...]
    explanation: tuple[Text, ...]
    blocked: tuple[Finding, ...]
    policy: Policy


def compute_targets(
    portals: Sequence[PortalUsage],
    mapping: WorkspaceMapping,
    state: ContractState,
    now: datetime,
    today: date,
    remembered: Mapping[LineRef, Decimal] | None = None,
) -> Targets:
    """The targets of all mapped usage, and a finding for everything that stands in the way of one.

    `now` is a UTC instant (for the age of data), `today` the plain date in the workspace's time zone. `remembered` are the prices
    that lines had before they were suspended.
    """
    return _Computation(portals, mapping, state, now, today, remembered or {}).run()


class _Computation:
    """One computation: the indexes that its steps share."""

    def __init__(
        self,
        portals: Sequence[PortalUsage],
        mapping: WorkspaceMapping,
        state: ContractState,
        now: datetime,
        today: date,
        remembered: Mapping[LineRef, Decimal],
    ) -> None:
        self._remembered = remembered
        self._portals = {portal.portal: portal for portal in portals}
        self._mapping = mapping
        self._state = state
        self._now = now
        self._today = today
        self._rules = {rule.id: rule for rule in mapping.rules}
        self._portals_of = {rule.id: sorted({s.product.portal for s in rule.sources}) for rule in mapping.rules}
        self._freshness = Freshness(self._portals, mapping.customers, now)
        self._finder = LineFinder(state, mapping.line_choices, today)
        self._customers: dict[tuple[str, int], list[str]] = defaultdict(list)
        for key, customer in mapping.customers.items():
            if customer.company_id is not None and customer.ignored is None:
                self._customers[key.portal, customer.company_id].append(key.customer_id)
        self._policies: dict[tuple[str, str, str], Policy] = {}
        self._findings: dict[str, Finding] = {}
        self._placed: dict[tuple[LineRef | None, int, ItemRef], list[_Share]] = defaultdict(list)
        self._contested: dict[LineRef, Finding] = {}
        self._grouped: frozenset[GroupKey] = frozenset()
        self._rules_of: dict[ItemRef, list[ProductRule]] = defaultdict(list)
        for rule in mapping.rules:
            self._rules_of[rule.item].append(rule)

    def run(self) -> Targets:
        groups = group_usage(self._portals.values(), self._mapping)
        self._grouped = frozenset(groups.sources)
        self._note(groups.findings)
        self._note(_failing(portal, self._now) for portal in self._portals.values() if portal.failing is not None)
        for key in sorted(groups.sources):
            share = self._share(key, groups.sources[key])
            self._note(share.blocked)
            self._place(share)
        targets = tuple(self._merge(where, shares) for where, shares in self._placed.items())
        self._note(self._orphans(groups.sources.keys()))
        return Targets(tuple(sorted(targets, key=_order)), tuple(self._findings[key] for key in sorted(self._findings)))

    def _note(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self._findings.setdefault(finding.key, finding)

    def _share(self, key: GroupKey, sources: list[TargetSource]) -> _Share:
        rule_id, company_id = key
        rule = self._rules[rule_id]
        blocked = self._stale(rule, company_id, sources)
        policy = strictest([self._policy(source) for source in sources])
        sources, not_billed = as_billed(sources, policy)
        computed = compute_units(rule, sources)
        if computed.problem is not None:
            blocked = (*blocked, self._formula_finding(rule, company_id, computed.problem))
        return _Share(
            rule=rule,
            company_id=company_id,
            units=None if blocked else computed.units,
            sources=tuple(sources),
            explanation=(*not_billed, *computed.explanation),
            blocked=blocked,
            policy=policy,
        )

    def _stale(self, rule: ProductRule, company_id: int, sources: Sequence[TargetSource]) -> tuple[Finding, ...]:
        """Why this rule cannot be computed for the company: M2 for its own data, M3 for a portal that may hold more of it."""
        problems: dict[str, Finding] = {}
        for portal in self._portals_of[rule.id]:
            customers: Sequence[str | None] = self._customers.get((portal, company_id)) or [None]
            for customer_id in customers:
                problem = self._freshness.problem(portal, customer_id)
                if problem is not None and not self._all_named(rule, portal, customer_id, sources):
                    problems[problem.key] = problem
        problems |= self._silent(rule, company_id)
        return tuple(problems[key] for key in sorted(problems))

    def _silent(self, rule: ProductRule, company_id: int) -> dict[str, Finding]:
        """Other rules of the same service that know nothing of the company because its portal could not be read yet (M3)."""
        problems: dict[str, Finding] = {}
        for other in self._rules_of[rule.item]:
            if other.id == rule.id or (other.id, company_id) in self._grouped:
                continue
            for portal in {source.product.portal for source in other.sources}:
                for customer_id in self._customers.get((portal, company_id), ()):
                    problem = self._freshness.problem(portal, customer_id)
                    if problem is not None:
                        problems[problem.key] = problem
        return problems

    def _all_named(
        self, rule: ProductRule, portal: str, customer_id: str | None, sources: Sequence[TargetSource]
    ) -> bool:
        """Whether recent readings named everything that the rule needs of the customer, although none of them was whole.

        A file of some lines, or a webhook, is evidence for the lines in it (M2), and only for those (M3): a subscription
        that is named does not tell whether there are others of the same product.
        """
        named: set[ProductKey] = set()
        for source in sources:
            usage = source.line.usage
            if (source.portal, usage.customer_id) != (portal, customer_id):
                continue
            if usage.subscription_id or not self._freshness.is_recent(portal, source.line.confirmed_at):
                return False
            product = renamed(self._mapping.renames, portal, usage.product_key)
            named.add(ProductKey(portal, product, usage.term, usage.billing_frequency))
        return {source.product for source in rule.sources if source.product.portal == portal} <= named

    def _policy(self, source: TargetSource) -> Policy:
        usage, portal = source.line.usage, self._portals[source.portal]
        if not portal.overrides:
            return portal.policy
        key = (source.portal, usage.customer_id, usage.product_key)
        if key not in self._policies:
            products = {usage.product_key, renamed(self._mapping.renames, source.portal, usage.product_key)}
            self._policies[key] = policy_for(portal.policy, portal.overrides, usage.customer_id, products)
        return self._policies[key]

    def _place(self, share: _Share) -> None:
        """Put the share on its line, or say why there is none."""
        company = self._state.companies.get(share.company_id)
        if company is None or not company.active:
            if share.units != 0:
                self._note([self._inactive_company(share.company_id)])
            return
        frequency = _billing_frequency(share)
        place = self._finder.find(share.company_id, share.rule.item, frequency)
        if place.finding is None:
            assert place.contract_id is not None
            self._placed[place.line, place.contract_id, share.rule.item].append(share)
        elif place.candidates:
            self._note([place.finding])
            self._contested |= dict.fromkeys(place.candidates, place.finding)
        elif share.units:
            self._add_line(share, frequency, place)

    def _add_line(self, share: _Share, frequency: str, place: Place) -> None:
        choice = ChoiceKey(share.company_id, share.rule.item, frequency)
        contract_id = self._finder.chosen_contract(choice, self._mapping.contract_choices)
        if contract_id is None and share.policy.add_missing_lines:
            contract_id = self._finder.contract_to_add_to(share.company_id, share.rule.item, frequency)
        if contract_id is None:
            assert place.finding is not None
            self._note([place.finding])
        else:
            self._placed[None, contract_id, share.rule.item].append(share)

    def _merge(self, where: tuple[LineRef | None, int, ItemRef], shares: list[_Share]) -> Target:
        """All that feeds one line, or none of it (M3)."""
        line, contract_id, item = where
        blocked = {finding.key: finding for share in shares for finding in share.blocked}
        if line in self._contested:
            # Another rule may belong on this line too: what this one knows is then only a part of it.
            finding = self._contested[line]
            blocked[finding.key] = finding
        sources = tuple(source for share in shares for source in share.sources)
        explanation = tuple(text for share in shares for text in share.explanation)
        policy = strictest([share.policy for share in shares])
        units = None if blocked else sum(share.units or 0 for share in _billed_shares(shares, policy))
        wrong = None if units is None else self._wrong_sum(shares, units)
        if wrong is not None:
            self._note([wrong])
            blocked, units = {wrong.key: wrong}, None
        if len(shares) > 1 and units is not None:
            explanation += (T("together {units}", units=units),)
        money = money_of(sources, policy, self._remembered.get(line) if line else None)
        return Target(
            company_id=shares[0].company_id,
            item=item,
            line=line,
            contract_id=contract_id,
            units=units,
            policy=policy,
            mode=strictest_mode(self._portals[source.portal].mode for source in sources),
            sources=sources,
            explanation=explanation,
            blocked=tuple(blocked[key] for key in sorted(blocked)),
            portal_date=max((day for s in sources if (day := _told_date(s)) is not None), default=None),
            changed_on=max((s.line.changed_on for s in sources if s.line.changed_on), default=None),
            unit_price=money.price,
            unit_cost=money.cost,
            price_when=money.when,
            price_reason=money.reason,
            suspended=money.suspended,
        )

    def _wrong_sum(self, shares: Sequence[_Share], units: int) -> Finding | None:
        """Why what several rules say of one line cannot be added up; None when it can."""
        rule, company_id = shares[0].rule, shares[0].company_id
        seen: list[ProductRule] = []
        for share in shares:
            if any(share.rule.says_the_same(other) for other in seen):
                problem = T("The same product mapping is there twice: its units would count twice.")
                return self._formula_finding(rule, company_id, problem, T("Remove one of the two mappings."))
            seen.append(share.rule)
        return self._formula_finding(rule, company_id, too_many(units)) if units > MOST_UNITS else None

    def _orphans(self, groups: Iterable[GroupKey]) -> list[Finding]:
        """Lines of managed services that are billed although their company was never seen using the service."""
        used = {(company_id, self._rules[rule_id].item) for rule_id, company_id in groups}
        found: list[Finding] = []
        for rule in sorted(self._rules.values(), key=lambda rule: rule.id):
            portals = [portal for portal in self._portals_of[rule.id] if self._freshness.read_wholly(portal)]
            for company_id in self._finder.companies_with(rule.item):
                if (company_id, rule.item) in used or not any((p, company_id) in self._customers for p in portals):
                    continue
                for line in self._finder.lines_of(company_id, rule.item):
                    units = units_on(self._state.units.get(line.ref, ()), self._today)
                    if units > 0:
                        found.append(self._orphan(line.ref, company_id, rule.item, units))
        return found

    def _orphan(self, line: LineRef, company_id: int, item: ItemRef, units: int) -> Finding:
        company, service = self._finder.company_name(company_id), self._finder.item_name(item)
        return Finding(
            kind=FindingKind.ORPHAN_LINE,
            key=f"orphan_line|{line.kind}|{line.id}",
            subject=company,
            company_id=company_id,
            line=line,
            message=T(
                "{company} is billed {units} {service}, but no portal has ever shown it in use.",
                company=company,
                units=units,
                service=service,
            ),
            remedy=T(
                "Check the mapping of the customer and the product; end the line in Autotask if nothing is delivered."
            ),
        )

    def _inactive_company(self, company_id: int) -> Finding:
        company = self._finder.company_name(company_id)
        return Finding(
            kind=FindingKind.UNMAPPED,
            key=f"unmapped|company|{company_id}",
            subject=company,
            company_id=company_id,
            message=T("Company {company} is mapped, but is not an active company in Autotask.", company=company),
            remedy=T("Map its customers to another company, ignore them, or make the company active again."),
        )

    def _formula_finding(
        self, rule: ProductRule, company_id: int, problem: Text, remedy: Text | None = None
    ) -> Finding:
        company = self._finder.company_name(company_id)
        return Finding(
            kind=FindingKind.FORMULA,
            key=f"formula|{rule.id}|{company_id}",
            subject=company,
            company_id=company_id,
            message=T(
                "{service} of {company} cannot be computed: {problem}",
                service=self._finder.item_name(rule.item),
                company=company,
                problem=problem,
            ),
            remedy=remedy or T("Correct the formula of the product mapping, or choose a rounding."),
        )


def _billing_frequency(share: _Share) -> str:
    """The one billing frequency that all usage lines tell; empty where they differ or the rule does not look at it."""
    if not share.rule.match_period:
        return ""
    told = {source.line.usage.billing_frequency for source in share.sources}
    return told.pop() if len(told) == 1 else ""


def _told_date(source: TargetSource) -> date | None:
    """The date that the portal gives for a quantity; of what is gone, as it tells no date of that, the day on which it showed."""
    line = source.line
    return line.usage.effective_date if line.present or line.usage.effective_date is None else line.changed_on


def _billed_shares(shares: Sequence[_Share], policy: Policy) -> Sequence[_Share]:
    """Suspended shares of a line that others feed too do not count: a price of 0 for a part of it is not possible."""
    suspended = [is_suspended(share.sources) for share in shares]
    if policy.suspended is not Suspended.PRICE_ZERO or all(suspended) or not any(suspended):
        return shares
    return [share for share, out in zip(shares, suspended, strict=True) if not out]


def _order(target: Target) -> tuple[int, int, str, int, ItemRef]:
    kind, number = target.line or ("", 0)
    return (target.company_id, target.contract_id, kind, number, target.item)


def _failing(portal: PortalUsage, now: datetime) -> Finding:
    message: Text
    if portal.read_at is None:
        message = T("{portal} cannot be read: {reason}", portal=portal.portal, reason=portal.failing)
    else:
        message = T(
            "{portal} cannot be read: {reason} Its quantities of {moment} ({hours} hours ago) stay until then.",
            portal=portal.portal,
            reason=portal.failing,
            moment=portal.read_at,
            hours=int((now - portal.read_at).total_seconds() // 3600),
        )
    return Finding(
        kind=FindingKind.FAILED,
        key=f"failed|{portal.portal}",
        portal=portal.portal,
        subject=portal.portal,
        message=message,
        remedy=T("Test the portal's connection on the Portals page."),
    )
