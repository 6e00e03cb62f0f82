"""The contract policy of a portal: lists to choose from, filled by Autotask (no typed ids, S3-08), and saving it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.errors import InputError, RemoteError, SettingsError
from core.domain.ports import BillingCode, Target
from core.domain.provisioning.policy import ContractKind, ContractPolicy
from core.domain.provisioning.subscription import SubscriptionType
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.audited import note
from core.services.mapping import Option
from core.services.portals import find
from core.store import directory, provisioning

if TYPE_CHECKING:
    from core.services.context import Context

SERVICE_CODE, PRODUCT_CODES = 5, (4, 7)
"""Use types of billing codes: Recurring Contract Service Code; Material Cost Code and Product Code (Autotask reference §8.8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChoices:
    """What the form offers, and what is stored. `types` are all subscription types with their words; `problem` says why
    Autotask's lists are empty.
    """

    policy: ContractPolicy
    service_codes: tuple[Option, ...] = ()
    product_codes: tuple[Option, ...] = ()
    service_levels: tuple[Option, ...] = ()
    categories: tuple[Option, ...] = ()
    zero_services: tuple[Option, ...] = ()
    """Services without price and cost: what an Azure Plan is mapped to (S4-05)."""
    types: tuple[tuple[str, Text], ...] = ()
    problem: Text | None = None


TYPE_WORDS: tuple[tuple[SubscriptionType, Text], ...] = (
    (SubscriptionType.LICENCE, T("Licences (CSP 365)")),
    (SubscriptionType.AZURE_PLAN, T("Azure Plan")),
    (SubscriptionType.RESERVED, T("Reserved instances")),
    (SubscriptionType.SOFTWARE, T("Software subscriptions")),
    (SubscriptionType.PERPETUAL, T("Perpetual licences")),
    (SubscriptionType.MARKETPLACE, T("Marketplace")),
    (SubscriptionType.AZURE_SUBSCRIPTION, T("Single Azure subscriptions")),
)


def contract_policy(ctx: Context, actor: Actor, portal: str) -> ContractPolicy:
    """The stored contract policy of a portal; existing lines where none was chosen. For viewers."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        name = find(session, portal).name
        return provisioning.load_wanted(session).policies.get(name, ContractPolicy())


def policy_choices(ctx: Context, actor: Actor, portal: str) -> PolicyChoices:
    """Everything that the form needs, in a few bulk reads. Where Autotask cannot be asked, the lists are empty and say why."""
    require(actor, Role.OPERATOR)
    policy = contract_policy(ctx, actor, portal)
    with ctx.database.session() as session:
        free = [item for item in directory.items(session) if not item.unit_price and not item.unit_cost]
    zero = tuple(Option(item.ref.id, item.name, item.ref.kind.value) for item in free)
    try:
        with closing(ctx.autotask()) as target:
            codes = target.billing_codes()
            return PolicyChoices(
                policy=policy,
                service_codes=_codes(codes, (SERVICE_CODE,)),
                product_codes=_codes(codes, PRODUCT_CODES),
                service_levels=_picks(target, "serviceLevelAgreementID"),
                categories=_picks(target, "contractCategory"),
                zero_services=zero,
                types=tuple((kind.value, words) for kind, words in TYPE_WORDS),
            )
    except (SettingsError, RemoteError) as error:
        types = tuple((kind.value, words) for kind, words in TYPE_WORDS)
        return PolicyChoices(policy=policy, zero_services=zero, types=types, problem=error.message)


def save_contract_policy(ctx: Context, actor: Actor, portal: str, policy: ContractPolicy) -> None:
    """Store a portal's contract policy, once everything it needs is chosen (S3-10). For operators.

    Raises InputError naming the field that is missing, or a billing code of another use.
    """
    require(actor, Role.OPERATOR)
    policy.check()
    if policy.kind is ContractKind.PER_SUBSCRIPTION:
        _check_codes(ctx, policy)

    def work(session: Session) -> None:
        name = find(session, portal).name
        before = provisioning.load_wanted(session).policies.get(name)
        provisioning.save_policy(session, name, policy, actor.name, ctx.clock.now())
        note(ctx, session, actor, "portal.contract_policy", name, before=_shown(before), after=_shown(policy))

    ctx.database.run(work)


def _check_codes(ctx: Context, policy: ContractPolicy) -> None:
    with closing(ctx.autotask()) as target:
        codes = {code.id: code for code in target.billing_codes()}
    for place, number, uses in (
        ("service_billing_code", policy.service_billing_code, (SERVICE_CODE,)),
        ("product_billing_code", policy.product_billing_code, PRODUCT_CODES),
    ):
        if number is not None and (number not in codes or codes[number].use_type not in uses):
            raise InputError(
                T("Billing code {number} is not active or of another use.", number=str(number)),
                place=place,
                remedy=T("Choose one from the list."),
                kind="contract_policy",
            )


def _codes(codes: Iterable[BillingCode], uses: tuple[int, ...]) -> tuple[Option, ...]:
    fitting = [code for code in codes if code.active and code.use_type in uses]
    return tuple(Option(code.id, code.name) for code in sorted(fitting, key=lambda code: code.name.casefold()))


def _picks(target: Target, field: str) -> tuple[Option, ...]:
    try:
        labels = target.picklist("Contracts", field)
    except SettingsError:
        return ()
    return tuple(Option(number, label) for number, label in labels.items())


def _shown(policy: ContractPolicy | None) -> object:
    return policy.model_dump(mode="json") | {"billed": sorted(policy.billed)} if policy else None
