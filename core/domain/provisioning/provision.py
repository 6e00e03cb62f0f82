"""One contract for each subscription: what is to be made, and where units go. Pure: same values in, same plan out.

usage ─▶ subscriptions ─▶ contract by the field "Subscription ID"? ─┬─ none: make it (and its service, and the field)
                                                                   ├─ one: right dates and name? units on its line
                                                                   └─ more, or somebody else's: a finding, nothing written
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from core.domain.contract import ContractState, PeriodType
from core.domain.finding import Finding, FindingKind
from core.domain.freshness import Freshness
from core.domain.mapping import WorkspaceMapping
from core.domain.plan import Change, ChangeKind, ChangeStatus
from core.domain.policy import Mode
from core.domain.ports import SubscriptionContract
from core.domain.provisioning import findings as told
from core.domain.provisioning.catalogue import (
    Catalogue,
    Part,
    ServiceKey,
    names_of,
    prices,
    product_key,
    service_step,
)  # fmt: skip
from core.domain.provisioning.collect import Subscription, collect
from core.domain.provisioning.facts import Holdings, MadeContract, ProvisionPlan, Wanted
from core.domain.provisioning.making import change_of, contract_step
from core.domain.provisioning.placing import Placer
from core.domain.provisioning.policy import ContractKind, ContractPolicy, PriceSource
from core.domain.provisioning.steps import Step
from core.domain.provisioning.subscription import SHARED, SHARED_NAMES, Dates, SubscriptionType, dates_of, period_of
from core.domain.target import KnownLine, PortalUsage, Target
from core.domain.text import T, Text


def provision(
    portals: Sequence[PortalUsage],
    mapping: WorkspaceMapping,
    state: ContractState,
    wanted: Wanted,
    holdings: Holdings,
    now: datetime,
    today: date,
) -> ProvisionPlan:
    """What portals with one contract a subscription ask for. Where no portal has that policy, everything is left as it is."""
    if not wanted.portals(ContractKind.PER_SUBSCRIPTION):
        return ProvisionPlan((), (), (), tuple(portals), state)
    return _Provision(portals, mapping, state, wanted, holdings, now, today).run()


class _Provision:
    """One computation: the indexes that its steps share."""

    def __init__(
        self,
        portals: Sequence[PortalUsage],
        mapping: WorkspaceMapping,
        state: ContractState,
        wanted: Wanted,
        holdings: Holdings,
        now: datetime,
        today: date,
    ) -> None:
        self._portals = {portal.portal: portal for portal in portals}
        self._collected = collect(portals, mapping, state, wanted, holdings)
        self._state, self._wanted, self._holdings, self._today = state, wanted, holdings, today
        self._freshness = Freshness(self._portals, mapping.customers, now)
        self._catalogue = Catalogue(state, mapping)
        self._placer = Placer(state, self._portals, mapping)
        self._owned: dict[str, list[SubscriptionContract]] = defaultdict(list)
        for one in holdings.owned:
            self._owned[one.subscription_id.casefold()].append(one)
        self._strangers = told.strangers(state, {one.contract.id for one in holdings.owned})
        self._findings: dict[str, Finding] = {one.key: one for one in self._collected.findings}
        self._contracts: list[Change] = []
        self._services: dict[ServiceKey, list[tuple[Subscription, KnownLine]]] = defaultdict(list)
        self._priced: dict[int, list[tuple[Subscription, Part]]] = defaultdict(list)
        self._products: list[Subscription] = []
        self._targets: list[Target] = []

    def run(self) -> ProvisionPlan:
        for one in self._collected.subscriptions:
            self._subscription(one)
        changes = [*self._field(), *self._new_services(), *self._service_prices(), *self._new_products()]
        changes += self._contracts
        mine = {one.contract.id for one in self._holdings.owned}
        rest = replace(
            self._state,
            contracts={key: contract for key, contract in self._state.contracts.items() if key not in mine},
            lines={ref: line for ref, line in self._state.lines.items() if line.contract_id not in mine},
        )
        found = tuple(self._findings[key] for key in sorted(self._findings))
        return ProvisionPlan(tuple(changes), tuple(self._targets), found, self._collected.usage, rest)

    # ---- one subscription

    def _subscription(self, one: Subscription) -> None:
        stale = self._freshness.problem(one.key.portal, one.customer_id)
        contracts = self._owned.get(one.key.subscription_id.casefold(), [])
        if not one.present and not contracts:
            return
        if stale is not None:
            self._note(stale)
        home = self._home(one, contracts)
        if home is not None:
            self._on_contract(one, home, stale)
        elif not contracts and stale is None and one.present:
            self._missing(one)

    def _home(self, one: Subscription, contracts: Sequence[SubscriptionContract]) -> SubscriptionContract | None:
        """The subscription's one contract; a finding says why there is none although some carry its id."""
        active = [found for found in contracts if found.contract.active]
        if len(active) > 1:
            self._note(told.several(one, active))
        elif contracts and not active:
            self._note(told.inactive(one, contracts[0]))
        elif active and active[0].contract.company_id != one.company.id:
            self._note(told.other_company(one, active[0], self._state))
        elif active:
            return active[0]
        return None

    def _missing(self, one: Subscription) -> None:
        """No contract carries its id: one of ours lost it, somebody else made one, or it is to be made."""
        made = self._wanted.made.get(one.key)
        lost = self._state.contracts.get(made.contract_id) if made else None
        if lost is not None and lost.active and lost.company_id == one.company.id:
            text = T("The contract lost the id of its subscription; it gets it back.")
            step = Step(key=one.key.subscription_id, name=lost.name, start=lost.start, end=lost.end)
            self._contracts.append(
                self._change(ChangeKind.MARK_CONTRACT, one, step, text, contract_id=lost.id, day=self._today)
            )
            return
        stranger = self._strangers.get((one.company.id, one.key.subscription_id.casefold()))
        if stranger is not None:
            self._note(told.second_writer(one, stranger))
            return
        self._new_contract(one, gone=made)

    def _new_contract(self, one: Subscription, gone: MadeContract | None) -> None:
        dates = self._dates(one)
        if dates is None:
            self._note(told.no_dates(one))
            return
        policy = self._policy(one)
        period = self._period(one, dates)
        step = contract_step(one, policy, dates, period, names_of(one, policy, period))
        change = self._change(
            ChangeKind.ADD_CONTRACT, one, step, T("The subscription has no contract yet."), day=dates.start
        )
        parts = self._catalogue.parts(one, period)
        units = self._placer.units(one, parts) if one.kind is not SubscriptionType.AZURE_PLAN else None
        item = next((part.item for part in parts if part.item), None)
        if item is not None:
            change = replace(change, item=item)
        if units is not None:
            change = replace(change, to_units=units)
        if gone is not None:
            # Somebody took a contract that we made away: it comes back only when a person says so (S2-23).
            hold = T("Contract {number} was made for this subscription and is gone.", number=str(gone.contract_id))
            change = replace(change, holds=(hold,), status=ChangeStatus.HELD)
        self._contracts.append(change)
        self._need_services(one, parts)

    def _on_contract(self, one: Subscription, home: SubscriptionContract, stale: Finding | None) -> None:
        contract, made = home.contract, self._wanted.made.get(one.key)
        dates = self._dates(one)
        known = self._state.contracts.get(contract.id, contract)
        period = self._period(one, dates or Dates(contract.start, contract.end))
        if stale is None and one.present and dates is not None:
            self._keep_dates(one, home, dates, made)
        if stale is None and made is not None and contract.name != made.name:
            self._keep_name(one, home, made)
        parts = self._catalogue.parts(one, known.period_type or period)
        if one.present and stale is None:
            self._need_services(one, parts)
        if (
            one.kind is SubscriptionType.AZURE_PLAN
            or contract.end < self._today
            or contract.id not in self._state.contracts
        ):
            return
        targets, problems = self._placer.targets(one, contract, parts, (stale,) if stale else ())
        self._targets += targets
        for problem in problems:
            self._note(problem)

    def _keep_dates(
        self, one: Subscription, home: SubscriptionContract, dates: Dates, made: MadeContract | None
    ) -> None:
        """A renewal moves the end (S2-19). A contract is never shortened: that would take periods away (reference §7.6)."""
        contract = home.contract
        edited = made is not None and contract.end != made.end
        if dates.end > contract.end:
            text = T(
                "The subscription runs until {end}; the contract ends on {before}.", end=dates.end, before=contract.end
            )
            step = Step(key=one.key.subscription_id, name=contract.name, start=contract.start, end=dates.end)
            change = self._change(
                ChangeKind.EXTEND_CONTRACT, one, step, text, contract_id=contract.id, day=contract.end
            )
            self._contracts.append(self._guarded(change, one, told.end_edited(one, contract, made) if edited else None))
        elif edited and made is not None and contract.end > max(made.end, dates.end):
            self._note(told.end_edited(one, contract, made))

    def _keep_name(self, one: Subscription, home: SubscriptionContract, made: MadeContract) -> None:
        contract = home.contract
        step = Step(key=one.key.subscription_id, name=made.name, start=contract.start, end=contract.end)
        text = T("The contract was made as {name}.", name=made.name)
        change = self._change(ChangeKind.RENAME_CONTRACT, one, step, text, contract_id=contract.id, day=self._today)
        self._contracts.append(self._guarded(change, one, told.name_edited(one, contract, made)))

    def _guarded(self, change: Change, one: Subscription, edit: Finding | None) -> Change:
        """What somebody changed by hand is told, and overwritten or held by policy (S2-24, M10)."""
        if edit is None:
            return change
        self._note(edit)
        if self._policy(one).edits.value == "hold":
            return replace(change, holds=(edit.message,), status=ChangeStatus.HELD)
        return replace(change, explanation=(*change.explanation, edit.message))

    # ---- what they need together

    def _need_services(self, one: Subscription, parts: Sequence[Part]) -> None:
        if one.kind is SubscriptionType.AZURE_PLAN:
            if product_key() not in self._holdings.products:
                self._products.append(one)
            return
        for part in parts:
            if not part.line.present:
                continue
            if part.problem is not None and part.service is not None:
                self._note(told.service_twice(one, part.service, part.problem))
            elif part.item is None and part.service is not None:
                self._services[part.service].append((one, part.line))
            elif part.item is not None and part.service is not None and one.kind not in SHARED:
                self._priced[part.item.id].append((one, part))

    def _field(self) -> list[Change]:
        """The field comes first, once, as soon as a contract is to carry it (S3-03)."""
        if self._holdings.has_field or not self._contracts:
            return []
        first = self._contracts[0]
        portals = tuple(sorted({portal for change in self._contracts for portal in change.portals}))
        step = Step(
            key=self._holdings.field,
            name=self._holdings.field,
            description="ContractBridge: subscription of this contract",
        )
        text = T("Contracts have no field {field} yet: it joins a contract and its subscription.", field=step.key)
        return [replace(first, kind=ChangeKind.ADD_FIELD, contract_id=0, company_id=0, from_units=0, to_units=0, step=step,
                        item=first.item, reason=text, holds=(), status=self._shared_status(portals), portals=portals,
                        money_per_period=None, effective_date=self._today)]  # fmt: skip

    def _new_services(self) -> list[Change]:
        changes = []
        for key, users in sorted(self._services.items()):
            one = users[0][0]
            step = service_step(key, self._policy(one), users)
            change = self._change(
                ChangeKind.ADD_SERVICE, one, step, T("No service bills this product yet."), day=self._today
            )
            sources = tuple(
                part.source(user.key.portal) for user, line in users for part in self._as_parts(user, line, key)
            )
            portals = tuple(sorted({user.key.portal for user, _ in users}))
            status = self._shared_status(portals)
            changes.append(
                replace(change, company_id=0, sources=sources or change.sources, portals=portals, status=status)
            )
        return changes

    def _as_parts(self, one: Subscription, line: KnownLine, key: ServiceKey) -> list[Part]:
        return [part for part in self._catalogue.parts(one, key.period) if part.line is line and part.rule is not None]

    def _service_prices(self) -> list[Change]:
        """Services that were made follow the portal's price list (S2-11, S2-12), for products in the present reading (S2-16)."""
        changes = []
        for number, users in sorted(self._priced.items()):
            one, part = users[0]
            policy = self._policy(one)
            item = self._catalogue.item(part.item) if part.item else None
            if policy.price_source is not PriceSource.PORTAL or item is None:
                continue
            price, cost = prices(policy, [used.line for _, used in users])
            price = price if price != item.unit_price else None
            cost = cost if cost != item.unit_cost else None
            if price is None and cost is None:
                continue
            step = Step(key=item.sku, name=item.name, unit_price=price, unit_cost=cost)
            change = self._change(
                ChangeKind.PRICE_SERVICE, one, step, T("The portal has another price or cost."), day=self._today
            )
            changes.append(replace(change, company_id=0, item=item.ref, unit_price=price, unit_cost=cost))
            assert number == item.ref.id
        return changes

    def _new_products(self) -> list[Change]:
        """One product for all Azure consumption, without a price of its own (S2-15, S2-17)."""
        if not self._products:
            return []
        one = self._products[0]
        name = SHARED_NAMES[SubscriptionType.AZURE_PLAN]
        step = Step(key=product_key(), name=name, description=name, billing_code=self._policy(one).product_billing_code)
        text = T("No product for Azure consumption is there yet.")
        return [replace(self._change(ChangeKind.ADD_PRODUCT, one, step, text, day=self._today), company_id=0)]

    # ---- small things

    def _change(
        self, kind: ChangeKind, one: Subscription, step: Step, reason: Text, *, day: date, contract_id: int = 0
    ) -> Change:
        portal = self._portals[one.key.portal]
        return change_of(kind, one, step, reason, day=day, contract_id=contract_id, status=self._status(portal.portal))

    def _status(self, portal: str) -> ChangeStatus:
        review = self._portals[portal].mode is Mode.REVIEW
        return ChangeStatus.NEEDS_APPROVAL if review else ChangeStatus.READY

    def _shared_status(self, portals: Sequence[str]) -> ChangeStatus:
        """What several portals need waits for nobody as soon as one of them is automatic."""
        statuses = {self._status(portal) for portal in portals}
        return ChangeStatus.READY if ChangeStatus.READY in statuses else ChangeStatus.NEEDS_APPROVAL

    def _policy(self, one: Subscription) -> ContractPolicy:
        return self._wanted.policies[one.key.portal]

    def _dates(self, one: Subscription) -> Dates | None:
        return dates_of(one.kind, [line.usage for line in one.present or one.lines], self._today)

    def _period(self, one: Subscription, dates: Dates) -> PeriodType:
        return period_of([line.usage for line in one.present or one.lines], dates)

    def _note(self, finding: Finding) -> None:
        self._findings.setdefault(finding.key, finding)


def settled(changes: Sequence[Change], approved: Mapping[str, str], dismissed: Mapping[str, str]) -> tuple[Change, ...]:
    """The changes with what people decided about them."""
    found = []
    for change in changes:
        if change.dismissal_key in dismissed:
            found.append(replace(change, status=ChangeStatus.DISMISSED))
        elif change.id in approved:
            found.append(replace(change, status=ChangeStatus.APPROVED))
        else:
            found.append(change)
    return tuple(found)


def held_findings(changes: Sequence[Change]) -> list[Finding]:
    """A finding for each change that a person must look at."""
    return [
        Finding(
            kind=FindingKind.HELD,
            key=f"held|step|{change.step.key}|{change.kind}",
            portal=", ".join(change.portals),
            company_id=change.company_id or None,
            message=change.holds[0],
            remedy=T("Approve the change if it is right."),
        )
        for change in changes
        if change.status is ChangeStatus.HELD and change.step is not None and change.holds
    ]
