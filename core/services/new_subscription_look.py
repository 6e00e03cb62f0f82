"""Subscriptions in readings that stand on no contract line: found, and noted when they are seen for the first time (S4-17)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.contract import ContractState
from core.domain.grouping import renamed
from core.domain.lines import LineFinder
from core.domain.mapping import CustomerKey, ProductKey, ProductRule, WorkspaceMapping
from core.domain.provisioning.offers import refusal
from core.domain.provisioning.policy import ContractKind
from core.domain.provisioning.subscription import SubscriptionType, type_of
from core.domain.subscription.words import created_on
from core.domain.target import KnownLine, PortalUsage
from core.domain.text import Text
from core.services.access import SYSTEM
from core.services.audited import note, note_all
from core.services.context import Context
from core.store import directory, history, mappings, provisioning, runs
from core.store.audit import Audited
from core.store.provisioning import SeenSubscription

if TYPE_CHECKING:
    from core.services.summary import SyncSummary

ONE_BY_ONE = 50
"""More subscriptions that are new at once (a portal's first reading) are one entry of the audit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubscription:
    """A subscription in use that stands on no contract line. `created` is when it began, as far as the portal tells."""

    portal: str
    customer_id: str
    customer: str
    subscription_id: str
    product_key: str
    product: str
    term: str
    billing_frequency: str
    quantity: Decimal
    kind: SubscriptionType
    created: date
    refused: Text | None = None
    """Why it cannot be mapped to a line at all."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is stored, at one moment."""

    usage: tuple[PortalUsage, ...]
    mapping: WorkspaceMapping
    state: ContractState
    own_contracts: frozenset[str]
    """Portals that make a contract for each subscription: nothing of theirs is mapped by hand."""

    def product(self, portal: str, line: KnownLine) -> ProductKey:
        usage = line.usage
        name = renamed(self.mapping.renames, portal, usage.product_key)
        return ProductKey(portal, name, usage.term, usage.billing_frequency)

    def rules(self) -> dict[ProductKey, list[ProductRule]]:
        found: dict[ProductKey, list[ProductRule]] = {}
        for rule in self.mapping.rules:
            for source in rule.sources:
                found.setdefault(source.product, []).append(rule)
        return found


def note_new(ctx: Context, summary: SyncSummary) -> None:
    """After a run: subscriptions that are seen for the first time go into the audit (S4-17)."""
    with ctx.database.session() as session:
        run = runs.get(session, summary.run_id)
        if run is None or not provisioning.any_first_seen(session, run.queued_at):
            return
    now = ctx.clock.now()

    def work(session: Session) -> None:
        seen = [
            SeenSubscription(
                portal=one.portal, customer_id=one.customer_id, subscription_id=one.subscription_id,
                product_key=one.product_key, seen_at=now,
            )
            for one in new_subscriptions(load(session), ctx.clock.today())
        ]  # fmt: skip
        fresh = provisioning.note_seen(session, seen)
        if len(fresh) > ONE_BY_ONE:
            after = {"subscriptions": len(fresh), "portals": sorted({one.portal for one in fresh})}
            note(ctx, session, SYSTEM, "subscription.seen", "several", after=after)
        elif fresh:
            note_all(ctx, session, SYSTEM, [_audited("subscription.seen", one) for one in fresh])

    ctx.database.run(work)


def _audited(event: str, one: SeenSubscription) -> Audited:
    after = {"portal": one.portal, "customer": one.customer_id, "product": one.product_key}
    return Audited(actor="", event=event, subject=one.subscription_id, after=after)


def load(session: Session) -> Look:
    wanted = provisioning.load_wanted(session)
    return Look(
        tuple(history.portal_usage(session)),
        mappings.load_mapping(session),
        directory.load_state(session),
        wanted.portals(ContractKind.PER_SUBSCRIPTION),
    )


def new_subscriptions(world: Look, today: date) -> list[NewSubscription]:
    finder = LineFinder(world.state, world.mapping.line_choices, today)
    rules = world.rules()
    return [
        described(portal.portal, line, today)
        for portal in world.usage
        if portal.portal not in world.own_contracts
        for line in portal.lines
        if line.present and line.usage.subscription_id and not _is_settled(world, finder, rules, portal.portal, line)
    ]


def _is_settled(
    world: Look,
    finder: LineFinder,
    rules: Mapping[ProductKey, list[ProductRule]],
    portal: str,
    line: KnownLine,
) -> bool:
    """Whether it is left out on purpose, or stands on a line (or on several that a person is asked about elsewhere)."""
    customer = world.mapping.customers.get(CustomerKey(portal, line.usage.customer_id))
    product = world.product(portal, line)
    if (customer is not None and customer.ignored is not None) or product in world.mapping.ignored_products:
        return True
    if customer is None or customer.company_id is None or product not in rules:
        return False
    for rule in rules[product]:
        place = finder.find(customer.company_id, rule.item, line.usage.billing_frequency if rule.match_period else "")
        if place.line is None and not place.candidates:
            return False
    return True


def is_waiting(session: Session, portal: str, line: KnownLine, today: date) -> bool:
    """Whether this one line is there and stands on no contract line, by what is stored."""
    if not (line.present and line.usage.subscription_id):
        return False
    mapping = mappings.load_mapping(session)
    customer = mapping.customers.get(CustomerKey(portal, line.usage.customer_id))
    company_id = customer.company_id if customer else None
    state = directory.load_state(session, company_ids=set() if company_id is None else {company_id})
    world = Look((), mapping, state, frozenset())
    return not _is_settled(world, LineFinder(state, mapping.line_choices, today), world.rules(), portal, line)


def described(portal: str, line: KnownLine, today: date) -> NewSubscription:
    """A usage line as a new subscription; `today` stands in for a beginning that nobody tells."""
    usage, kind = line.usage, type_of(line.usage)
    return NewSubscription(
        portal=portal,
        customer_id=usage.customer_id,
        customer=usage.customer,
        subscription_id=usage.subscription_id,
        product_key=usage.product_key,
        product=usage.product,
        term=usage.term,
        billing_frequency=usage.billing_frequency,
        quantity=line.quantity,
        kind=kind,
        created=created_on(usage) or min(line.since.date(), today),
        refused=refusal(kind),
    )
