"""A new subscription, from the portal to a contract line, in one flow (S4-01 to S4-23).

A workspace has one Autotask connection: a portal's subscriptions are mapped to that one, by whoever has the portal (S4-02).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date

from sqlalchemy.orm import Session

from core.domain.contract import CatalogueItem, Contract, ItemRef
from core.domain.errors import InputError
from core.domain.grouping import renamed
from core.domain.lines import LineFinder
from core.domain.mapping import ChoiceKey, CustomerKey, CustomerMapping, ProductKey, ProductRule, RuleSource
from core.domain.matching import suggest
from core.domain.provisioning.offers import fitting_contracts, fitting_services, refusal
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.audited import author_of, note_all
from core.services.context import Context
from core.services.mapping import Option
from core.services.new_subscription_list import new_one
from core.services.new_subscription_look import Look, NewSubscription, load, new_subscriptions
from core.services.provisioning_plan import customer_types
from core.services.rules import default_name
from core.services.runs import request_sync
from core.store import directory, mappings, provisioning
from core.store.audit import Audited
from core.store.provisioning import SeenSubscription

MOST_ALIKE = 3

__all__ = ["Confirmation", "Confirmed", "NewSubscription", "Proposal", "confirm", "found", "propose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The form: what is filled in already (None: to be chosen), and what can be chosen.

    `contracts` depend on the company and the service: ask again with those that were chosen; `terms` are their first and last days.
    `note` explains a list that is short.
    """

    subscription: NewSubscription
    company_id: int | None
    item: ItemRef | None
    contract_id: int | None
    companies: tuple[Option, ...]
    services: tuple[Option, ...]
    contracts: tuple[Option, ...]
    terms: Mapping[int, tuple[date, date]] = field(default_factory=dict)
    note: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What was chosen; with a field missing nothing is saved (S4-14)."""

    portal: str
    customer_id: str
    subscription_id: str
    company_id: int | None = None
    item: ItemRef | None = None
    contract_id: int | None = None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The run that makes the line, and what to tell (S4-15)."""

    run_id: int
    message: Text


def found(ctx: Context, actor: Actor) -> list[NewSubscription]:
    """Subscriptions in readings that stand on no contract line, the newest first. For viewers."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        world = load(session)
    return sorted(
        new_subscriptions(world, ctx.clock.today()), key=lambda one: (one.created, one.subscription_id), reverse=True
    )


def propose(
    ctx: Context,
    actor: Actor,
    subscription: NewSubscription,
    *,
    company_id: int | None = None,
    item: ItemRef | None = None,
) -> Proposal:
    """The form for one subscription; `company_id` and `item` are what was chosen so far. For operators.

    Customer and service are filled in where they are mapped (S4-10, S4-11). Raises SettingsError without an Autotask
    connection (S4-03), InputError for what cannot be mapped (S4-06).
    """
    require(actor, Role.OPERATOR)
    if subscription.refused is not None:
        raise InputError(subscription.refused, place=subscription.subscription_id, kind="subscription")
    with closing(ctx.autotask()) as target:
        types = customer_types(target)
    with ctx.database.session() as session:
        mapping = mappings.load_mapping(session)
        mapped = mapping.customers.get(CustomerKey(subscription.portal, subscription.customer_id))
        company = company_id if company_id is not None else (mapped.company_id if mapped else None)
        state = directory.load_state(session, company_ids=set() if company is None else {company})
        companies = [one for one in directory.companies(session) if one.company_type in types]
    world = Look((), mapping, state, frozenset())
    chosen = item or _mapped_item(world, subscription)
    fitting = fitting_services(world.state.items.values(), subscription.kind, subscription.billing_frequency)
    services = _nearest_first(fitting, subscription.product)
    contracts, text = _contracts(world, subscription, company, chosen, ctx.clock.today())
    return Proposal(
        subscription=subscription,
        company_id=company if company in {one.id for one in companies} else None,
        item=chosen,
        contract_id=contracts[0].id if len(contracts) == 1 else None,
        companies=tuple(Option(one.id, one.name) for one in companies),
        services=tuple(Option(one.ref.id, one.name, one.ref.kind.value) for one in services),
        contracts=tuple(Option(one.id, _words(one)) for one in contracts),
        terms={one.id: (one.start, one.end) for one in contracts},
        note=text,
    )


def confirm(ctx: Context, actor: Actor, chosen: Confirmation) -> Confirmed:
    """Save the mappings that are not there yet, and ask for the run that makes the line. For operators.

    Raises InputError, with nothing saved, for a field that is empty (S4-14) or a choice that was not offered.
    """
    require(actor, Role.OPERATOR)
    one = new_one(ctx, actor, chosen.portal, chosen.customer_id, chosen.subscription_id)
    missing = [name for name in ("company_id", "item", "contract_id") if getattr(chosen, name) is None]
    if missing:
        raise InputError(T("Choose customer, service and contract first."), place=missing[0], kind="subscription")
    assert chosen.company_id is not None
    assert chosen.item is not None
    assert chosen.contract_id is not None
    proposal = propose(ctx, actor, one, company_id=chosen.company_id, item=chosen.item)
    _check(ctx, proposal, chosen)
    ctx.database.run(lambda session: _save(ctx, session, actor, one, chosen))
    run_id = request_sync(ctx, actor, [one.portal])
    ctx.database.run(lambda session: _triggered(ctx, session, actor, one, chosen, run_id))
    return Confirmed(
        run_id,
        T("{product} of {customer} is put on the contract in the background; Activity shows how it goes.",
          product=one.product, customer=one.customer),
    )  # fmt: skip


def _nearest_first(services: Sequence[CatalogueItem], product: str) -> list[CatalogueItem]:
    """Services called like the product come first, then the others in their order. Nothing is chosen by that (M9)."""
    alike = [found.id for found in suggest([product], list(enumerate(one.name for one in services)), {}, MOST_ALIKE)[0]]
    return [services[place] for place in alike] + [one for place, one in enumerate(services) if place not in alike]


def _mapped_item(world: Look, one: NewSubscription) -> ItemRef | None:
    name = renamed(world.mapping.renames, one.portal, one.product_key)
    rules = world.rules().get(ProductKey(one.portal, name, one.term, one.billing_frequency), [])
    return rules[0].item if len(rules) == 1 else None


def _contracts(
    world: Look, one: NewSubscription, company_id: int | None, item: ItemRef | None, today: date
) -> tuple[list[Contract], Text | None]:
    """The contracts to choose from. Where the service stands on one already, its units are counted there: that one alone."""
    if company_id is None:
        return [], None
    fitting = fitting_contracts(
        world.state.contracts.values(), company_id, one.kind, one.billing_frequency, one.created, today
    )
    if item is not None:
        place = LineFinder(world.state, world.mapping.line_choices, today).find(company_id, item, one.billing_frequency)
        if place.contract_id is not None:
            # Its units go there whatever is chosen: also where the contract began later than the subscription.
            return [world.state.contracts[place.contract_id]], T(
                "The service stands on this contract already: the subscription is counted there."
            )
    if not fitting:
        return [], T(
            "No recurring contract of the company began before {day} and bills {frequency}.",
            day=one.created, frequency=T(one.billing_frequency or "monthly"),
        )  # fmt: skip
    return fitting, None


def _words(contract: Contract) -> str:
    return f"{contract.name} ({contract.number})" if contract.number else contract.name


# ---- saving


def _check(ctx: Context, proposal: Proposal, chosen: Confirmation) -> None:
    """Only what was offered is taken; what an Azure Plan must not have is said in words (S4-05, S4-07)."""
    with ctx.database.session() as session:
        state = directory.load_state(session, company_ids={proposal.company_id} if proposal.company_id else set())
    assert chosen.item is not None
    item: CatalogueItem | None = state.items.get(chosen.item)
    contract = state.contracts.get(chosen.contract_id or -1)
    why = refusal(proposal.subscription.kind, item, contract)
    if why is not None:
        raise InputError(why, place=proposal.subscription.subscription_id, kind="subscription")
    offered = {
        "company_id": chosen.company_id in {option.id for option in proposal.companies},
        "item": (chosen.item.kind.value, chosen.item.id) in {(option.kind, option.id) for option in proposal.services},
        "contract_id": chosen.contract_id in {option.id for option in proposal.contracts},
    }
    for place, fits in offered.items():
        if not fits:
            raise InputError(T("This choice does not fit the subscription."), place=place, kind="subscription")


def _save(ctx: Context, session: Session, actor: Actor, one: NewSubscription, chosen: Confirmation) -> None:
    """Customer, offer and contract, each only where it is not so already (S4-18, S4-19)."""
    assert chosen.item is not None
    assert chosen.company_id is not None
    assert chosen.contract_id is not None
    mapping, author = mappings.load_mapping(session), author_of(ctx, actor)
    entries: list[Audited] = []
    key = CustomerKey(one.portal, one.customer_id)
    known = mapping.customers.get(key)
    if known is None or known.company_id != chosen.company_id:
        mappings.set_customers(
            session, [CustomerMapping(key, one.customer, chosen.company_id)], author, text="subscription"
        )
        entries.append(_entry("subscription.customer_mapped", one, company_id=chosen.company_id))
    name = renamed(mapping.renames, one.portal, one.product_key)
    product = ProductKey(one.portal, name, one.term, one.billing_frequency)
    rules = [rule for rule in mapping.rules if any(source.product == product for source in rule.sources)]
    if chosen.item not in {rule.item for rule in rules}:
        if rules:
            raise InputError(
                T("Product {product} is mapped to another service already.", product=one.product),
                place="item", remedy=T("Change the mapping on the Products page."), kind="subscription",
            )  # fmt: skip
        source = RuleSource(product, default_name(one.product))
        mappings.save_rules(
            session, [ProductRule(id=0, item=chosen.item, sources=(source,))], author, text="subscription"
        )
        entries.append(_entry("subscription.offer_mapped", one, service=chosen.item.id))
    choice = ChoiceKey(chosen.company_id, chosen.item, one.billing_frequency)
    provisioning.choose_contract(session, choice, chosen.contract_id, actor.name, ctx.clock.now())
    note_all(ctx, session, actor, entries)


def _triggered(
    ctx: Context, session: Session, actor: Actor, one: NewSubscription, chosen: Confirmation, run_id: int
) -> None:
    now = ctx.clock.now()
    seen = SeenSubscription(
        portal=one.portal, customer_id=one.customer_id, subscription_id=one.subscription_id,
        product_key=one.product_key, seen_at=now,
    )  # fmt: skip
    provisioning.note_seen(session, [seen])
    provisioning.confirm_subscription(
        session, replace(seen, confirmed_at=now, confirmed_by=actor.name, contract_id=chosen.contract_id, run_id=run_id)
    )
    note_all(
        ctx, session, actor, [_entry("subscription.triggered", one, contract_id=chosen.contract_id, run_id=run_id)]
    )


def _entry(event: str, one: NewSubscription, **more: object) -> Audited:
    """Details that prove what was done (S4-21)."""
    after = {
        "portal": one.portal, "customer": one.customer, "product": one.product, "term": one.term,
        "billing_frequency": one.billing_frequency, "quantity": one.quantity, **more,
    }  # fmt: skip
    return Audited(actor="", event=event, subject=one.subscription_id, after=after)
