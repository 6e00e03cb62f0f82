"""Exceptions to a portal's policy, per customer, product or both: names to choose from, and saving one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.domain.errors import InputError
from core.domain.policy import PolicyOverride
from core.domain.text import T
from core.services.access import Actor, Role, require
from core.services.portals import find, portal_detail, set_policy
from core.store import portal_names

if TYPE_CHECKING:
    from core.services.context import Context

MOST_NAMES = 500
"""So many names a select box offers at once; `text` finds the others."""


@dataclass(frozen=True, slots=True)
class ExceptionNames:
    """Customers and products (id or key → name) to choose from; those that have an exception are always among them."""

    customers: Mapping[str, str]
    products: Mapping[str, str]
    more: bool
    """There are more than are offered."""


def exception_names(ctx: Context, actor: Actor, portal: str, text: str = "") -> ExceptionNames:
    """What an exception can be made for, whose names contain all words of `text`. For viewers."""
    require(actor, Role.VIEWER)
    overrides = portal_detail(ctx, actor, portal).overrides
    with ctx.database.session() as session:
        number = find(session, portal).id
        customers = portal_names.customers(
            session, number, text, {one.customer_id for one in overrides if one.customer_id}, MOST_NAMES
        )
        products = portal_names.products(
            session, number, text, {one.product_key for one in overrides if one.product_key}, MOST_NAMES
        )
    return ExceptionNames(customers, products, max(len(customers), len(products)) >= MOST_NAMES)


def save_exception(ctx: Context, actor: Actor, portal: str, exception: PolicyOverride) -> None:
    """Add an exception, or put it in the place of the one for the same customer and product. For operators.

    Raises InputError for one that is for nobody in particular, or changes nothing.
    """
    require(actor, Role.OPERATOR)
    if exception.customer_id is None and exception.product_key is None:
        raise InputError(T("Choose a customer, a product or both."), kind="exception")
    if not exception.model_dump(exclude_none=True, exclude={"customer_id", "product_key"}):
        raise InputError(
            T("This exception changes nothing."),
            kind="exception",
            remedy=T("Choose what is different from the portal."),
        )
    kept = _without(ctx, actor, portal, exception)
    detail = portal_detail(ctx, actor, portal)
    set_policy(ctx, actor, portal, detail.policy, (*kept, exception))


def remove_exception(ctx: Context, actor: Actor, portal: str, exception: PolicyOverride) -> None:
    """Take an exception away: the portal's policy holds again. For operators."""
    require(actor, Role.OPERATOR)
    kept = _without(ctx, actor, portal, exception)
    set_policy(ctx, actor, portal, portal_detail(ctx, actor, portal).policy, kept)


def _without(ctx: Context, actor: Actor, portal: str, exception: PolicyOverride) -> Sequence[PolicyOverride]:
    key = (exception.customer_id, exception.product_key)
    overrides = portal_detail(ctx, actor, portal).overrides
    return [one for one in overrides if (one.customer_id, one.product_key) != key]
