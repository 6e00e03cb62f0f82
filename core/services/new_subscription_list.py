"""New subscriptions as people look at them: slices of a long list, and one of them to be mapped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.errors import InputError
from core.domain.provisioning.policy import ContractKind
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.new_subscription_look import NewSubscription, described, is_waiting
from core.services.paging import Page, PageQuery
from core.store import provisioning
from core.store import subscriptions as store
from core.store.subscriptions import NewEntry

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True)
class NewRow:
    """One new subscription. `company` is empty until its customer is mapped; `problem` says what keeps it from a contract line.

    `confirmed_at` (UTC) is when somebody mapped it: the run `run_id` puts it on the line.
    """

    subscription: NewSubscription
    company: str
    problem: Text | None
    confirmed_at: datetime | None
    run_id: int | None


def new_rows(ctx: Context, actor: Actor, query: PageQuery) -> Page[NewRow]:
    """One slice of the subscriptions on no contract line, the newest first. For viewers.

    `status` is `open` or `confirmed`; `portal` and `text` filter.
    """
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        page = store.page_new(session, query, _own_contracts(session))
    return Page(tuple(_row(ctx, one) for one in page.rows), page.total)


def new_count(ctx: Context, actor: Actor) -> int:
    """How many subscriptions wait for somebody to map them. For viewers."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return store.count_new(session, _own_contracts(session))


def new_one(ctx: Context, actor: Actor, portal: str, customer_id: str, subscription_id: str) -> NewSubscription:
    """One subscription that stands on no contract line. Raises InputError when it does by now. For viewers."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        if portal not in _own_contracts(session):
            for entry in store.find(session, portal, customer_id, subscription_id):
                if is_waiting(session, portal, entry.line, ctx.clock.today()):
                    return described(portal, entry.line, ctx.clock.today())
    raise InputError(
        T("Subscription {subscription} of {portal} is not new any more.", subscription=subscription_id, portal=portal),
        place=subscription_id,
        kind="subscription",
    )


def _own_contracts(session: Session) -> frozenset[str]:
    return provisioning.load_wanted(session).portals(ContractKind.PER_SUBSCRIPTION)


def _row(ctx: Context, one: NewEntry) -> NewRow:
    return NewRow(
        described(one.entry.portal, one.entry.line, ctx.clock.today()),
        one.entry.company,
        one.entry.problem,
        one.confirmed_at,
        one.run_id,
    )
