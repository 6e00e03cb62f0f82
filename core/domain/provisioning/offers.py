"""What a new subscription can be put on: services of its billing cycle, contracts that ran when it began (S4-12, S4-13, S4-23)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from core.domain.contract import CatalogueItem, Contract, PeriodType
from core.domain.provisioning.subscription import SubscriptionType
from core.domain.text import T, Text


def fitting_services(items: Iterable[CatalogueItem], kind: SubscriptionType, frequency: str) -> list[CatalogueItem]:
    """Active services priced on the subscription's billing cycle, in order of name; all where the portal tells none.

    An Azure Plan needs one without price and cost: amounts come from its consumption (S4-05).
    """
    fitting = [item for item in items if item.active and _same_cycle(item.period_type, frequency)]
    if kind is SubscriptionType.AZURE_PLAN:
        fitting = [item for item in fitting if is_free(item)]
    return sorted(fitting, key=lambda item: (item.name.casefold(), item.ref))


def fitting_contracts(
    contracts: Iterable[Contract], company_id: int, kind: SubscriptionType, frequency: str, created: date, today: date
) -> list[Contract]:
    """Recurring contracts of the company that began no later than the subscription and bill on its cycle, the newest first.

    That of an Azure Plan begins on the first of a month (S4-07).
    """
    fitting = [
        contract
        for contract in contracts
        if contract.company_id == company_id
        and contract.valid_on(today)
        and contract.start <= created
        and (not frequency or contract.period_type == frequency)
        and (kind is not SubscriptionType.AZURE_PLAN or contract.start.day == 1)
    ]
    return sorted(fitting, key=lambda contract: (contract.start, contract.id), reverse=True)


def is_free(item: CatalogueItem) -> bool:
    """Whether a service has neither price nor cost of its own."""
    return not item.unit_price and not item.unit_cost


def refusal(kind: SubscriptionType, item: CatalogueItem | None = None, contract: Contract | None = None) -> Text | None:
    """Why this cannot be mapped so; None when it can."""
    if kind is SubscriptionType.AZURE_SUBSCRIPTION:
        return T("Single Azure subscriptions have no quantity: only Azure Plans are mapped. Bill them as charges.")
    if kind is not SubscriptionType.AZURE_PLAN:
        return None
    if item is not None and not is_free(item):
        return T(
            "Service {service} has a price or a cost. For an Azure Plan both must be 0: amounts come from its consumption.",
            service=item.name,
        )
    if contract is not None and contract.start.day != 1:
        return T(
            "Contract {contract} begins on {day}. An Azure Plan needs one that begins on the first of a month.",
            contract=contract.name, day=contract.start,
        )  # fmt: skip
    return None


def _same_cycle(period: PeriodType, frequency: str) -> bool:
    return not frequency or period in (frequency, PeriodType.UNKNOWN)
