"""Why a subscription gets no contract, or its contract is not touched: in words, with what to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from core.domain.contract import Contract, ContractState
from core.domain.finding import Finding, FindingKind
from core.domain.ports import SubscriptionContract
from core.domain.provisioning.catalogue import ServiceKey
from core.domain.provisioning.collect import Subscription
from core.domain.provisioning.facts import MadeContract
from core.domain.text import T, Text

SHORTEST_ID = 6
"""A shorter text inside a description proves nothing."""


def strangers(state: ContractState, ours: Collection[int]) -> Mapping[tuple[int, str], Contract]:
    """Contracts without our field that name a subscription all the same, by (company, subscription id in lower case).

    Its id as the external contract number, or as the description of a line: how other integrations join them (S2-02).
    """
    found: dict[tuple[int, str], Contract] = {}
    for contract in state.contracts.values():
        if contract.number and contract.id not in ours:
            found[contract.company_id, contract.number.strip().casefold()] = contract
    for line in state.lines.values():
        home = state.contracts.get(line.contract_id)
        if home is None or home.id in ours:
            continue
        for word in line.description.replace(",", " ").split():
            if len(word) >= SHORTEST_ID:
                found.setdefault((home.company_id, word.strip("()[]:;").casefold()), home)
    return found


def several(one: Subscription, contracts: Sequence[SubscriptionContract]) -> Finding:
    """Two contracts carry the id."""
    return _finding(
        FindingKind.DUPLICATE,
        "duplicate",
        one,
        T(
            "Subscription {subscription} has {count} contracts in Autotask: {names}. Nothing is written on any of them.",
            subscription=one.key.subscription_id,
            count=len(contracts),
            names=tuple(f"{found.contract.name} ({found.contract.id})" for found in contracts),
        ),
        T("Switch other billing integrations off, end all contracts but one, and empty their field Subscription ID."),
    )


def second_writer(one: Subscription, contract: Contract) -> Finding:
    """Somebody else's contract names the subscription."""
    return _finding(
        FindingKind.DUPLICATE,
        "duplicate",
        one,
        T(
            "Contract {contract} ({number}) names subscription {subscription}, but was not made here: a second one bills twice.",
            contract=contract.name,
            number=str(contract.id),
            subscription=one.key.subscription_id,
        ),
        T(
            "Switch other billing integrations off. To go on with this contract, write the id into its field Subscription ID."
        ),
    )


def inactive(one: Subscription, home: SubscriptionContract) -> Finding:
    """Somebody made the contract inactive."""
    return _finding(
        FindingKind.NO_LINE,
        "inactive",
        one,
        T(
            "Contract {contract} of subscription {subscription} is inactive, but the subscription is in use.",
            contract=home.contract.name,
            subscription=one.key.subscription_id,
        ),
        T("Make the contract active again, or empty its field Subscription ID so that a new one is made."),
    )


def other_company(one: Subscription, home: SubscriptionContract, state: ContractState) -> Finding:
    """The contract with the id belongs to another company."""
    company = state.companies.get(home.contract.company_id)
    return _finding(
        FindingKind.AMBIGUOUS,
        "company",
        one,
        T(
            "Subscription {subscription} is mapped to {company}, but its contract {contract} belongs to {other}.",
            subscription=one.key.subscription_id,
            company=one.company.name,
            contract=home.contract.name,
            other=company.name if company else str(home.contract.company_id),
        ),
        T("Correct the mapping of the customer, or empty the contract's field Subscription ID."),
    )


def no_dates(one: Subscription) -> Finding:
    """The portal does not tell when the subscription runs."""
    return _finding(
        FindingKind.NO_LINE,
        "dates",
        one,
        T(
            "{portal} does not tell when subscription {subscription} of {customer} began and ends: no contract can be made.",
            portal=one.key.portal,
            subscription=one.key.subscription_id,
            customer=one.customer,
        ),
        T(
            "Make the contract in Autotask with the subscription's id in the field Subscription ID, or use existing lines."
        ),
    )


def service_twice(one: Subscription, key: ServiceKey, problem: Text) -> Finding:
    """The catalogue has the service twice."""
    return Finding(
        kind=FindingKind.AMBIGUOUS,
        key=f"ambiguous|sku|{key.sku}",
        portal=one.key.portal,
        subject=key.sku,
        message=problem,
        remedy=T("Make all but one of them inactive in Autotask, or map the product to one."),
    )


def end_edited(one: Subscription, contract: Contract, made: MadeContract | None) -> Finding:
    """Somebody moved the end of a contract that was made."""
    return _finding(
        FindingKind.DRIFT,
        "end",
        one,
        T(
            "Contract {contract} was given the end {before}; somebody changed it to {after}.",
            contract=contract.name,
            before=made.end if made else "-",
            after=contract.end,
        ),
        T("A later end stays; an earlier one is overwritten or held, as the portal's contract policy says."),
    )


def name_edited(one: Subscription, contract: Contract, made: MadeContract) -> Finding:
    """Somebody renamed a contract that was made."""
    return _finding(
        FindingKind.DRIFT,
        "name",
        one,
        T("Contract {before} was renamed to {after} by hand.", before=made.name, after=contract.name),
        T("It is overwritten or held, as the portal's contract policy says."),
    )


def _finding(kind: FindingKind, what: str, one: Subscription, message: Text, remedy: Text) -> Finding:
    return Finding(
        kind=kind,
        key=f"{kind.value}|{what}|{one.key.portal}|{one.key.subscription_id}",
        portal=one.key.portal,
        subject=one.company.name,
        company_id=one.company.id,
        message=message,
        remedy=remedy,
    )
