"""Subscriptions that got another term or billing frequency: which contract line fits now is for a person to say (M9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from core.domain.contract import ContractLine, ContractState
from core.domain.finding import Finding, FindingKind
from core.domain.mapping import ChoiceKey
from core.domain.target import Target
from core.domain.text import T


def term_findings(
    changed: Iterable[tuple[int, str, str]], targets: Mapping[int, Target], state: ContractState
) -> list[Finding]:
    """One finding for each changed line that stands on a contract with another billing period.

    `changed` are (usage line, words for the old term, words for the new one); `targets` by usage line.
    """
    found: list[Finding] = []
    for number, old, new in changed:
        target = targets.get(number)
        contract = state.contracts.get(target.contract_id) if target else None
        usage = next((s.line.usage for s in target.sources if s.line.id == number), None) if target else None
        if target is None or contract is None or usage is None or not usage.billing_frequency:
            continue
        if contract.period_type != usage.billing_frequency:
            found.append(
                _finding(
                    target, contract.name, usage.product, (old, new), _fitting(target, usage.billing_frequency, state)
                )
            )
    return found


def _fitting(target: Target, frequency: str, state: ContractState) -> Sequence[ContractLine]:
    lines = [
        line
        for line in state.lines.values()
        if line.item == target.item
        and (home := state.contracts.get(line.contract_id)) is not None
        and home.company_id == target.company_id
        and home.active
        and home.period_type == frequency
    ]
    return sorted(lines, key=lambda line: line.ref)


def _finding(
    target: Target, contract: str, product: str, terms: tuple[str, str], fitting: Sequence[ContractLine]
) -> Finding:
    where = target.line.text if target.line else str(target.contract_id)
    return Finding(
        kind=FindingKind.SUBSCRIPTION,
        key=f"subscription|term|{where}",
        portal=", ".join(target.portals),
        subject=product,
        company_id=target.company_id,
        message=T(
            "{product} went from {old} to {new}, but is billed on {contract}, which has another period.",
            product=product,
            old=terms[0],
            new=terms[1],
            contract=contract,
        ),
        remedy=T("Choose the contract line that fits; without one, add the service to a contract of that period."),
        candidates=tuple((line.ref.text, line.description or line.ref.text) for line in fitting),
        choice=ChoiceKey(target.company_id, target.item, "") if fitting else None,
    )
