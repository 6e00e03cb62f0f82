"""Which contract line carries a service of a company (M9): one fits, or a person says which. Never a guess."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from core.domain.contract import Contract, ContractLine, ContractState, ItemRef, LineRef
from core.domain.finding import Finding, FindingKind
from core.domain.mapping import ChoiceKey
from core.domain.text import T, Text


@dataclass(frozen=True, slots=True)
class Place:
    """Where units of a company go: an existing line, or (`line` None) a contract to which the line can be added.

    With a `finding` there is no such place. `candidates` are then the lines it could be: nothing may be written on them.
    """

    line: LineRef | None = None
    contract_id: int | None = None
    finding: Finding | None = None
    candidates: tuple[LineRef, ...] = ()


class LineFinder:
    """Finds the place for (company, service), in an Autotask as it was read at one moment."""

    def __init__(self, state: ContractState, choices: Mapping[ChoiceKey, LineRef], today: date) -> None:
        self._state = state
        self._choices = choices
        self._today = today
        self._lines: dict[tuple[int, ItemRef], list[tuple[ContractLine, Contract]]] = defaultdict(list)
        self._running: dict[int, list[Contract]] = defaultdict(list)
        for contract in state.contracts.values():
            if contract.valid_on(today):
                self._running[contract.company_id].append(contract)
        for line in state.lines.values():
            home = state.contracts.get(line.contract_id)
            if home is not None and home.active and home.end >= today:
                self._lines[home.company_id, line.item].append((line, home))

    def lines_of(self, company_id: int, item: ItemRef) -> Sequence[ContractLine]:
        """Lines of this service on contracts of the company that run today."""
        return [line for line, contract in self._lines.get((company_id, item), ()) if contract.valid_on(self._today)]

    def companies_with(self, item: ItemRef) -> list[int]:
        """Companies that have a line of this service on a contract that has not ended."""
        return sorted(company_id for company_id, known in self._lines if known == item)

    def find(self, company_id: int, item: ItemRef, billing_frequency: str) -> Place:
        """The line for these units. `billing_frequency` is empty where sources do not agree on one or the rule ignores it."""
        known = self._lines.get((company_id, item), [])
        choice = ChoiceKey(company_id, item, billing_frequency)
        chosen = self._choices.get(choice)
        for line, contract in known:
            if line.ref == chosen:
                return Place(line.ref, contract.id)
        fitting = _running_or_coming(known, self._today)
        if billing_frequency:
            fitting = [(line, contract) for line, contract in fitting if contract.period_type == billing_frequency]
        if len(fitting) == 1:
            line, contract = fitting[0]
            return Place(line.ref, contract.id)
        if not fitting:
            return Place(finding=self._no_line(company_id, item, billing_frequency))
        finding = self._ambiguous(choice, fitting)
        return Place(finding=finding, candidates=tuple(sorted(line.ref for line, _ in fitting)))

    def chosen_contract(self, choice: ChoiceKey, chosen: Mapping[ChoiceKey, int]) -> int | None:
        """The running contract that a person picked for this missing line; None where none was, or it cannot carry the line."""
        contract = self._state.contracts.get(chosen.get(choice, -1))
        entry = self._state.items.get(choice.item)
        if contract is None or entry is None or not entry.active or contract.company_id != choice.company_id:
            return None
        return contract.id if contract.valid_on(self._today) else None

    def contract_to_add_to(self, company_id: int, item: ItemRef, billing_frequency: str) -> int | None:
        """The one running contract of the company on which a missing line can be put; None where not exactly one fits."""
        entry = self._state.items.get(item)
        if entry is None or not entry.active:
            return None
        fitting = [
            contract.id
            for contract in self._running.get(company_id, ())
            if not billing_frequency or contract.period_type == billing_frequency
        ]
        return fitting[0] if len(fitting) == 1 else None

    def _ambiguous(self, choice: ChoiceKey, fitting: Sequence[tuple[ContractLine, Contract]]) -> Finding:
        company = self.company_name(choice.company_id)
        service = self.item_name(choice.item)
        return Finding(
            kind=FindingKind.AMBIGUOUS,
            key=_key("ambiguous", choice.company_id, choice.item, choice.billing_frequency),
            subject=company,
            company_id=choice.company_id,
            message=T(
                "{company} has {count} contract lines of {service} that fit: nothing is written on any of them.",
                company=company,
                count=len(fitting),
                service=service,
            ),
            remedy=T("Choose the line once; the choice is remembered."),
            candidates=tuple(
                (line.ref.text, _words(line, contract, service))
                for line, contract in sorted(fitting, key=lambda pair: (pair[1].start, pair[0].ref))
            ),
            choice=choice,
        )

    def _no_line(self, company_id: int, item: ItemRef, billing_frequency: str) -> Finding:
        company, service = self.company_name(company_id), self.item_name(item)
        message: Text
        if billing_frequency:
            message = T(
                "{company} uses {service}, but has no contract line of it on a {frequency} contract that runs today.",
                company=company,
                service=service,
                frequency=T(billing_frequency),
            )
        else:
            message = T(
                "{company} uses {service}, but has no contract line of it on a contract that runs today.",
                company=company,
                service=service,
            )
        return Finding(
            kind=FindingKind.NO_LINE,
            key=_key("no_line", company_id, item, billing_frequency),
            subject=company,
            company_id=company_id,
            message=message,
            remedy=T("Add the service to a contract in Autotask, or let the portal's policy add missing lines."),
        )

    def company_name(self, company_id: int) -> str:
        company = self._state.companies.get(company_id)
        return company.name if company else str(company_id)

    def item_name(self, item: ItemRef) -> str:
        entry = self._state.items.get(item)
        return entry.name if entry else f"{item.kind} {item.id}"


def _running_or_coming(
    known: Sequence[tuple[ContractLine, Contract]], today: date
) -> list[tuple[ContractLine, Contract]]:
    """Lines on contracts that run today; where there are none, those on contracts that start later."""
    running = [(line, contract) for line, contract in known if contract.start <= today]
    return running or list(known)


def _words(line: ContractLine, contract: Contract, service: str) -> str:
    name = f"{contract.name} ({contract.number})" if contract.number else contract.name
    return f"{name} · {line.description or service} · {contract.start.isoformat()} – {contract.end.isoformat()}"


def _key(kind: str, company_id: int, item: ItemRef, billing_frequency: str) -> str:
    return f"{kind}|{company_id}|{item.kind}|{item.id}|{billing_frequency}"
