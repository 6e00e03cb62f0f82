"""Contract policies of portals, contracts made for subscriptions, contracts chosen for lines, and new subscriptions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.domain.contract import ItemRef, LineKind
from core.domain.mapping import ChoiceKey
from core.domain.provisioning.facts import MadeContract, SubscriptionKey, Wanted
from core.domain.provisioning.policy import ContractPolicy
from core.store.bulk import delete_rows, insert_rows, upsert_rows
from core.store.portal_ids import portal_ids
from core.store.tables import table
from core.store.tables.history import UsageLineRow
from core.store.tables.subscriptions import ContractChoiceRow, ContractPolicyRow, MadeContractRow, NewSubscriptionRow
from core.store.tables.workspace import PortalRow

PORTAL, POLICY, MADE = table(PortalRow), table(ContractPolicyRow), table(MadeContractRow)
USAGE = table(UsageLineRow)
CHOICE, NEW = table(ContractChoiceRow), table(NewSubscriptionRow)
LIVE = PORTAL.c.archived_at.is_(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSubscription:
    """A subscription that was on no contract line when it was first seen; `confirmed_at` once somebody mapped it."""

    portal: str
    customer_id: str
    subscription_id: str
    product_key: str
    seen_at: datetime
    confirmed_at: datetime | None = None
    confirmed_by: str = ""
    contract_id: int | None = None
    run_id: int | None = None


def load_wanted(session: Session) -> Wanted:
    """All contract policies and all contracts that were made, in two queries."""
    policies = select(PORTAL.c.name, POLICY.c.data).join(PORTAL, PORTAL.c.id == POLICY.c.portal_id).where(LIVE)
    made = (
        select(PORTAL.c.name, MADE.c.subscription_id, MADE.c.contract_id, MADE.c.name, MADE.c.start, MADE.c.end)
        .join(PORTAL, PORTAL.c.id == MADE.c.portal_id)
        .where(LIVE)
    )
    return Wanted(
        {name: ContractPolicy.model_validate(data) for name, data in session.execute(policies)},
        {SubscriptionKey(row[0], row[1]): MadeContract(*row[2:]) for row in session.execute(made)},
    )


def save_policy(session: Session, portal: str, policy: ContractPolicy, person: str, now: datetime) -> None:
    """Store the contract policy of a portal. Raises KeyError for a portal that does not exist."""
    row = {
        "portal_id": portal_ids(session)[portal],
        "data": policy.model_dump(mode="json") | {"billed": sorted(policy.billed)},
        "updated_at": now,
        "updated_by": person,
    }
    upsert_rows(session, POLICY, [row], ["portal_id"])


def remember_made(session: Session, made: Mapping[SubscriptionKey, MadeContract], now: datetime) -> None:
    """Note contracts that were made or changed by us."""
    ids = portal_ids(session)
    rows = [
        {
            "portal_id": ids[key.portal], "subscription_id": key.subscription_id, "contract_id": one.contract_id,
            "name": one.name, "start": one.start, "end": one.end, "made_at": now,
        }
        for key, one in made.items()
        if key.portal in ids
    ]  # fmt: skip
    upsert_rows(session, MADE, rows, ["portal_id", "subscription_id"])


def choose_contract(session: Session, choice: ChoiceKey, contract_id: int, person: str, now: datetime) -> None:
    """Remember the contract on which a missing line is to be put."""
    row = {
        "company_id": choice.company_id, "item_kind": choice.item.kind.value, "item_id": choice.item.id,
        "billing_frequency": choice.billing_frequency, "contract_id": contract_id, "person": person, "at": now,
    }  # fmt: skip
    upsert_rows(session, CHOICE, [row], ["company_id", "item_kind", "item_id", "billing_frequency"])


def contract_choices(session: Session) -> dict[ChoiceKey, int]:
    """The contracts that were chosen."""
    return {
        ChoiceKey(row.company_id, ItemRef(LineKind(row.item_kind), row.item_id), row.billing_frequency): row.contract_id
        for row in session.execute(select(CHOICE))
    }


def seen_subscriptions(session: Session, portals: Collection[str] = ()) -> list[SeenSubscription]:
    """Subscriptions that were ever seen without a contract line, the newest first."""
    query = select(PORTAL.c.name, NEW).join(PORTAL, PORTAL.c.id == NEW.c.portal_id).where(LIVE)
    if portals:
        query = query.where(PORTAL.c.name.in_(sorted(portals)))
    return [
        SeenSubscription(
            portal=row.name, customer_id=row.customer_id, subscription_id=row.subscription_id,
            product_key=row.product_key, seen_at=row.seen_at, confirmed_at=row.confirmed_at,
            confirmed_by=row.confirmed_by, contract_id=row.contract_id, run_id=row.run_id,
        )
        for row in session.execute(query.order_by(NEW.c.seen_at.desc(), NEW.c.id.desc()))
    ]  # fmt: skip


def any_first_seen(session: Session, since: datetime) -> bool:
    """Whether a reading since this instant named a subscription that none had named before."""
    query = select(USAGE.c.id).where(USAGE.c.subscription_id != "", USAGE.c.first_seen_at >= since)
    return session.execute(query.limit(1)).first() is not None


def note_seen(session: Session, found: Sequence[SeenSubscription]) -> list[SeenSubscription]:
    """Keep subscriptions that are seen for the first time; gives those, each once, however many lines of products it has."""
    ids = portal_ids(session)
    known = {(one.portal, one.customer_id, one.subscription_id) for one in seen_subscriptions(session)}
    named = {(one.portal, one.customer_id, one.subscription_id): one for one in reversed(found)}
    fresh = [one for key, one in named.items() if key not in known]
    fresh.reverse()
    insert_rows(session, NEW, [_new_row(ids[one.portal], one) for one in fresh if one.portal in ids])
    return fresh


def confirm_subscription(session: Session, one: SeenSubscription) -> None:
    """Note who mapped a new subscription, to which contract, and the run that writes it."""
    row = _new_row(portal_ids(session)[one.portal], one)
    upsert_rows(session, NEW, [row], ["portal_id", "customer_id", "subscription_id"])


def forget_choices(session: Session, choices: Collection[ChoiceKey]) -> None:
    """Forget chosen contracts: their lines are there, or are not wanted any more."""
    keys = [(one.company_id, one.item.kind.value, one.item.id, one.billing_frequency) for one in choices]
    delete_rows(
        session, CHOICE, [CHOICE.c.company_id, CHOICE.c.item_kind, CHOICE.c.item_id, CHOICE.c.billing_frequency], keys
    )


def _new_row(portal_id: int, one: SeenSubscription) -> dict[str, Any]:
    return {
        "portal_id": portal_id, "customer_id": one.customer_id, "subscription_id": one.subscription_id,
        "product_key": one.product_key, "seen_at": one.seen_at, "confirmed_at": one.confirmed_at,
        "confirmed_by": one.confirmed_by, "contract_id": one.contract_id, "run_id": one.run_id,
    }  # fmt: skip
