"""Where a portal's quantities go: to existing contract lines, to one contract a subscription, or to an Azure Plan's line."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from string import Formatter

from pydantic import BaseModel, ConfigDict

from core.domain.errors import InputError
from core.domain.policy import Otherwise
from core.domain.provisioning.subscription import SubscriptionType
from core.domain.text import T

FIELD_NAME = "Subscription ID"
"""The user-defined field of contracts that joins a subscription and its contract."""
TEMPLATE_FIELDS = frozenset({"product", "customer", "subscription", "term", "period", "portal"})
BILLED = frozenset(SubscriptionType) - {SubscriptionType.AZURE_SUBSCRIPTION}


class ContractKind(StrEnum):
    EXISTING_LINES = "existing_lines"
    """Lines that exist, mapped once. The default."""
    PER_SUBSCRIPTION = "per_subscription"
    """One contract for each subscription, made when it is missing."""
    AZURE_PLAN = "azure_plan"
    """Existing lines; the consumption of a period is the price of the Azure Plan's zero-priced service in that period."""


class PriceSource(StrEnum):
    """Where the price and cost on a service that is made come from, and whether they follow."""

    PORTAL = "portal"
    SERVICE = "service"
    """The service keeps the price somebody gives it in Autotask; it is made with 0."""


class ContractPolicy(BaseModel):
    """The contract policy of one portal. Numbers are ids in Autotask, chosen from lists that Autotask filled.

    `billed` are the types of subscription that are billed; the others are left out (S2-07, S3-09). `edits`: what to do when
    somebody changed the name or the end of a contract that was made: `overwrite` or `hold` (S2-24).
    `contract_name` and `service_name` may hold `{product}`, `{customer}`, `{subscription}`, `{term}`, `{period}`, `{portal}`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ContractKind = ContractKind.EXISTING_LINES
    service_billing_code: int | None = None
    product_billing_code: int | None = None
    service_level_agreement: int | None = None
    contract_category: int | None = None
    contract_name: str = "{product} - {customer}"
    service_name: str = "{product} {term} {period}"
    billed: frozenset[SubscriptionType] = BILLED
    price_source: PriceSource = PriceSource.PORTAL
    edits: Otherwise = Otherwise.OVERWRITE
    azure_markup_percent: Decimal | None = None
    """On the cost of Azure consumption; None: the price that the source tells, or the cost where it tells none."""

    def check(self) -> None:
        """Return when the policy can be switched on; raise InputError naming the field that is missing or wrong (S3-10)."""
        for name in ("contract_name", "service_name"):
            _check_template(name, str(getattr(self, name)))
        if self.kind is not ContractKind.PER_SUBSCRIPTION:
            return
        if self.service_billing_code is None:
            raise InputError(
                T("Choose the billing code of services."),
                place="service_billing_code",
                remedy=T("The list shows active codes for recurring contract services."),
                kind="contract_policy",
            )
        if SubscriptionType.AZURE_PLAN in self.billed and self.product_billing_code is None:
            raise InputError(
                T("Choose the billing code of products, or do not bill Azure Plans."),
                place="product_billing_code",
                kind="contract_policy",
            )
        if self.edits is Otherwise.NEXT:
            raise InputError(T("What people changed is overwritten or held."), place="edits", kind="contract_policy")


def _check_template(place: str, template: str) -> None:
    try:
        fields = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise InputError(
            T("The name {template} cannot be read.", template=template), place=place, kind="contract_policy"
        ) from error
    unknown = sorted(set(fields) - TEMPLATE_FIELDS)
    if unknown or not template.strip():
        raise InputError(
            T(
                "A name may hold {known}; {unknown} is not known.",
                known=tuple("{" + name + "}" for name in sorted(TEMPLATE_FIELDS)),
                unknown=", ".join(unknown) or "-",
            ),
            place=place,
            kind="contract_policy",
        )
