"""What contract lines bill for a portal's product on a day: the third number of an invoice check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from core.domain.contract import ContractLine, ContractState, ItemRef, LineRef, units_on
from core.domain.contract_money import line_per_month
from core.domain.grouping import renamed
from core.domain.invoice.model import EVERYBODY, BilledUnits, Place
from core.domain.mapping import ProductRule, WorkspaceMapping


def billed_on(
    places: Iterable[Place], portal: str, mapping: WorkspaceMapping, state: ContractState, day: date
) -> dict[Place, BilledUnits]:
    """Units of the lines that each place is mapped to. Places that are not mapped are left out."""
    billing = _Billing(portal, mapping, state, day)
    found = ((place, billing.of(place)) for place in places)
    return {place: billed for place, billed in found if billed is not None}


class _Billing:
    def __init__(self, portal: str, mapping: WorkspaceMapping, state: ContractState, day: date) -> None:
        self._portal, self._mapping, self._state, self._day = portal, mapping, state, day
        self._companies: dict[str, int] = {
            key.customer_id: customer.company_id
            for key, customer in mapping.customers.items()
            if key.portal == portal and customer.company_id is not None and customer.ignored is None
        }
        self._rules: dict[str, list[ProductRule]] = defaultdict(list)
        self._feeding: dict[ItemRef, set[tuple[str, str]]] = defaultdict(set)
        for rule in mapping.rules:
            sources = {(source.product.portal, source.product.product_key) for source in rule.sources}
            self._feeding[rule.item] |= sources
            for key in {key for name, key in sources if name == portal}:
                self._rules[key].append(rule)
        self._lines: dict[ItemRef, dict[int, list[ContractLine]]] = defaultdict(lambda: defaultdict(list))
        for line in state.lines.values():
            contract = state.contracts.get(line.contract_id)
            if contract is not None and contract.valid_on(day):
                self._lines[line.item][contract.company_id].append(line)

    def of(self, place: Place) -> BilledUnits | None:
        key = renamed(self._mapping.renames, self._portal, place.product_key)
        rules = self._rules.get(key, [])
        companies = set(self._companies.values())
        if place.customer_id != EVERYBODY:
            companies = {self._companies[place.customer_id]} if place.customer_id in self._companies else set()
        if not rules or not companies:
            return None
        items = {rule.item for rule in rules}
        lines = [line for item in items for company in companies for line in self._lines[item].get(company, ())]
        return self._sum(lines, shared=self._shared(rules, items, place, companies))

    def _sum(self, lines: Sequence[ContractLine], *, shared: bool) -> BilledUnits:
        if any(line.ref not in self._state.units_known for line in lines):
            return BilledUnits(units=None, shared=shared)
        units = {line.ref: units_on(self._state.units.get(line.ref, ()), self._day) for line in lines}
        return BilledUnits(
            units=Decimal(sum(units.values())),
            cost=self._total(lines, units, {line.ref: line.unit_cost for line in lines}),
            price=self._total(lines, units, {line.ref: line.unit_price for line in lines}),
            shared=shared,
        )

    def _total(
        self, lines: Sequence[ContractLine], units: Mapping[LineRef, int], amounts: Mapping[LineRef, Decimal | None]
    ) -> Decimal | None:
        found = [line_per_month(line, self._state, amounts[line.ref], units[line.ref]) for line in lines]
        known = [amount for amount in found if amount is not None]
        return sum(known, Decimal(0)) if len(known) == len(found) else None

    def _shared(self, rules: Sequence[ProductRule], items: set[ItemRef], place: Place, companies: set[int]) -> bool:
        """Whether the lines bill something else too, or other units than those in use: then they are not compared."""
        if any(len(self._feeding[item]) > 1 for item in items) or any(not _plain(rule) for rule in rules):
            return True
        if place.customer_id == EVERYBODY:
            return False
        return sum(company in companies for company in self._companies.values()) > 1


def _plain(rule: ProductRule) -> bool:
    bare = rule.minimum is None and rule.maximum is None and not rule.included
    return bare and (rule.formula.strip() == "quantity" or rule.formula.strip() in {s.name for s in rule.sources})
