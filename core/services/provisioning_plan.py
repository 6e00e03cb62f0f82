"""What the plan needs of contract policies: read from Autotask only where a portal has one that asks for it (M16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Protocol

from core.domain.charges.settings import ChargeSettings, settings_for
from core.domain.contract import ContractState
from core.domain.finding import Finding, FindingKind
from core.domain.mapping import WorkspaceMapping
from core.domain.period import add_months
from core.domain.plan import Change, ChangeKind, ChangeStatus, Decisions, Plan
from core.domain.ports import Target
from core.domain.provisioning.azure import Consumed, azure_lines, azure_prices
from core.domain.provisioning.catalogue import product_key
from core.domain.provisioning.facts import Holdings, ProvisionPlan, Wanted
from core.domain.provisioning.policy import FIELD_NAME, ContractKind
from core.domain.provisioning.provision import held_findings, provision, settled
from core.domain.provisioning.subscription import SubscriptionType
from core.domain.target import PortalUsage
from core.domain.text import T
from core.services.applying import End, Work
from core.services.context import Context
from core.services.provisioning import words_of
from core.store import charges, consumption
from core.store.portal_ids import portal_names

AZURE_MONTHS = 3
"""So many months back the consumption of Azure Plans is compared with what their lines bill."""
CUSTOMER = "customer"
"""The label of the company type whose companies get contracts (S4-24)."""


class AzureFacts(Protocol):
    """What prices of Azure Plans are made of besides Autotask."""

    @property
    def usage(self) -> tuple[PortalUsage, ...]: ...
    @property
    def mapping(self) -> WorkspaceMapping: ...
    @property
    def decisions(self) -> Decisions: ...
    @property
    def wanted(self) -> Wanted: ...


def provide(
    ctx: Context,
    target: Target,
    wanted: Wanted,
    usage: Sequence[PortalUsage],
    mapping: WorkspaceMapping,
    state: ContractState,
) -> ProvisionPlan:
    """Contracts, services and fields that are missing, and units on contracts of subscriptions."""
    return provision(usage, mapping, state, wanted, holdings(target, wanted), ctx.clock.now(), ctx.clock.today())


def holdings(target: Target, wanted: Wanted) -> Holdings:
    """What Autotask has of it; nothing is asked while no portal wants contracts a subscription."""
    chosen = [wanted.policies[name] for name in wanted.portals(ContractKind.PER_SUBSCRIPTION)]
    if not chosen:
        return Holdings()
    has_field = target.has_contract_field(FIELD_NAME)
    azure = any(SubscriptionType.AZURE_PLAN in policy.billed for policy in chosen)
    return Holdings(
        has_field=has_field,
        owned=tuple(target.subscription_contracts(FIELD_NAME)) if has_field else (),
        products=frozenset(one.sku for one in target.products_by_sku([product_key()])) if azure else frozenset(),
        customer_types=customer_types(target),
    )


def customer_types(target: Target) -> frozenset[int]:
    """The numbers of the company type Customer, by its label; the usual 1 where no label says so."""
    labels = target.picklist("Companies", "companyType")
    return frozenset(number for number, label in labels.items() if label.strip().casefold() == CUSTOMER) or frozenset(
        {1}
    )


def with_azure(ctx: Context, target: Target, facts: AzureFacts, plan: Plan, state: ContractState) -> Plan:
    """The plan with the prices of Azure Plans; nothing is asked while no portal bills them so (S4-08)."""
    chosen = facts.wanted.portals(ContractKind.AZURE_PLAN)
    if not chosen:
        return plan
    today = ctx.clock.today()
    plans = azure_lines(facts.usage, facts.mapping, state, facts.wanted, today)
    first = add_months(today.replace(day=1), -AZURE_MONTHS)
    with ctx.database.session() as session:
        known = consumption.current(session, since=first)
        names = portal_names(session)
        told_how = {names[number]: one.settings for number, one in charges.all_settings(session).items()}
    consumed = [
        Consumed(
            portal=one.portal, customer_id=one.customer_id, period=one.period_start, lines=one.lines,
            final=_is_final(one, today),
            currency=settings_for(told_how.get(one.portal, ChargeSettings()), one.customer_id).currency,
        )
        for one in known
        if one.portal in chosen
    ]  # fmt: skip
    charged = {name for name, settings in told_how.items() if settings.may_charge}
    refs = [one.line.ref for one in plans.lines]
    rows = target.row_amounts(refs, first, today) if refs and consumed else {}
    modes = {portal.portal: portal.mode for portal in facts.usage}
    found, told = azure_prices(plans, consumed, rows, facts.wanted.policies, modes, charged)
    changes = settled(found, facts.decisions.approved, facts.decisions.dismissed)
    findings = {finding.key: finding for finding in (*plan.findings, *told)}
    return replace(plan, changes=(*plan.changes, *changes), findings=tuple(findings[key] for key in sorted(findings)))


def _is_final(one: consumption.StoredConsumption, today: date) -> bool:
    """Whether a whole month is told that the source will not change any more, in none of its lines (M2)."""
    if one.provisional or any(line.provisional for line in one.lines):
        return False
    return one.period_end < today and one.period_start.day == 1


def with_steps(plan: Plan, provided: ProvisionPlan, decided: Decisions) -> Plan:
    """The plan with what is to be made before units are written."""
    if not provided.changes:
        return plan
    steps = settled(provided.changes, decided.approved, decided.dismissed)
    findings = {finding.key: finding for finding in (*plan.findings, *held_findings(steps))}
    return replace(plan, changes=(*steps, *plan.changes), findings=tuple(findings[key] for key in sorted(findings)))


def with_chosen(plan: Plan, mapping: WorkspaceMapping) -> Plan:
    """A person who picked the contract of a missing line asked for the line: it needs no approval besides."""
    if not mapping.contract_choices:
        return plan
    chosen = {(key.company_id, key.item, contract) for key, contract in mapping.contract_choices.items()}

    def asked(change: Change) -> bool:
        where = (change.company_id, change.item, change.contract_id)
        waits = change.status is ChangeStatus.NEEDS_APPROVAL and change.kind is ChangeKind.ADD_LINE
        return waits and where in chosen

    changes = tuple(replace(one, status=ChangeStatus.APPROVED) if asked(one) else one for one in plan.changes)
    return replace(plan, changes=changes)


def first_lines(plan: Plan, made: Sequence[Change]) -> Plan:
    """A person who approved a contract with its units approved the line that carries them."""
    approved = {
        change.step.key.casefold(): change
        for change in made
        if change.kind is ChangeKind.ADD_CONTRACT and change.status is ChangeStatus.APPROVED and change.step
    }
    if not approved:
        return plan

    def with_approval(change: Change) -> Change:
        if change.kind is not ChangeKind.ADD_LINE or change.status is not ChangeStatus.NEEDS_APPROVAL:
            return change
        ids = {source.line.usage.subscription_id.casefold() for source in change.sources}
        contract = approved.get(next(iter(ids))) if len(ids) == 1 else None
        if contract is None or contract.to_units != change.to_units:
            return change
        return replace(change, status=ChangeStatus.APPROVED)

    return replace(plan, changes=tuple(with_approval(change) for change in plan.changes))


def with_failures(plan: Plan, works: Sequence[Work]) -> Plan:
    """The plan with a finding for each step that did not succeed."""
    failed = [work for work in works if work.end is not End.VERIFIED]
    if not failed:
        return plan
    findings = {finding.key: finding for finding in (*plan.findings, *(_failed(work) for work in failed))}
    return replace(plan, findings=tuple(findings[key] for key in sorted(findings)))


def _failed(work: Work) -> Finding:
    change = work.change
    kind = FindingKind.REFUSED if work.end is End.REFUSED else FindingKind.FAILED
    return Finding(
        kind=kind,
        key=f"{kind.value}|step|{change.kind.value}|{change.step.key if change.step else ''}",
        portal=", ".join(change.portals),
        company_id=change.company_id or None,
        message=T("{what} did not succeed: {why}", what=words_of(change), why=work.why or ""),
        remedy=T("Try this change again on the Changes page, or look in Autotask."),
    )
