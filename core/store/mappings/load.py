"""All mappings at once, as the plan needs them."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.domain.contract import ItemRef, LineKind, LineRef
from core.domain.mapping import (
    ChoiceKey,
    CustomerKey,
    CustomerMapping,
    ProductKey,
    ProductRule,
    Rename,
    Rounding,
    RuleSource,
    WorkspaceMapping,
)
from core.store.provisioning import contract_choices
from core.store.tables import table
from core.store.tables.mapping import (
    LineChoiceRow,
    PortalCustomerRow,
    PortalProductRow,
    ProductRuleRow,
    RenameRow,
    RuleSourceRow,
)
from core.store.tables.workspace import PortalRow

PORTAL, CUSTOMER, PRODUCT = table(PortalRow), table(PortalCustomerRow), table(PortalProductRow)
RULE, SOURCE, RENAME, CHOICE = table(ProductRuleRow), table(RuleSourceRow), table(RenameRow), table(LineChoiceRow)

LIVE = PORTAL.c.archived_at.is_(None)
"""Mappings of archived portals are kept, and count no more."""


def load_mapping(session: Session) -> WorkspaceMapping:
    """Everything that was mapped, in seven queries."""
    return WorkspaceMapping(
        customers=_customers(session),
        rules=tuple(load_rules(session)),
        ignored_products=_ignored_products(session),
        renames=tuple(_renames(session)),
        line_choices=_line_choices(session),
        contract_choices=contract_choices(session),
    )


def load_rules(session: Session) -> list[ProductRule]:
    """All product rules with their sources. A rule whose portals are all archived is left out."""
    sources: dict[int, list[RuleSource]] = defaultdict(list)
    query = (
        select(
            SOURCE.c.rule_id, PORTAL.c.name, PRODUCT.c.product_key, PRODUCT.c.term, PRODUCT.c.billing_frequency,
            SOURCE.c.name,
        )
        .join(PRODUCT, PRODUCT.c.id == SOURCE.c.product_id)
        .join(PORTAL, PORTAL.c.id == PRODUCT.c.portal_id)
        .where(LIVE)
        .order_by(SOURCE.c.rule_id, SOURCE.c.position, SOURCE.c.id)
    )  # fmt: skip
    for rule_id, portal, product_key, term, frequency, name in session.execute(query):
        sources[rule_id].append(RuleSource(ProductKey(portal, product_key, term, frequency), name))
    return [
        ProductRule(
            id=row.id,
            item=ItemRef(LineKind(row.item_kind), row.item_id),
            sources=tuple(sources[row.id]),
            formula=row.formula,
            minimum=row.minimum,
            included=row.included,
            maximum=row.maximum,
            rounding=Rounding(row.rounding),
            match_period=row.match_period,
            label=row.label,
        )
        for row in session.execute(select(RULE).order_by(RULE.c.id))
        if row.id in sources
    ]


def _customers(session: Session) -> dict[CustomerKey, CustomerMapping]:
    query = (
        select(PORTAL.c.name, CUSTOMER.c.customer_id, CUSTOMER.c.name, CUSTOMER.c.company_id, CUSTOMER.c.ignored)
        .join(PORTAL, PORTAL.c.id == CUSTOMER.c.portal_id)
        .where(LIVE)
        .order_by(CUSTOMER.c.id)
    )
    return {
        (key := CustomerKey(portal, customer_id)): CustomerMapping(key, name, company_id, ignored)
        for portal, customer_id, name, company_id, ignored in session.execute(query)
    }


def _ignored_products(session: Session) -> dict[ProductKey, str]:
    query = (
        select(
            PORTAL.c.name, PRODUCT.c.product_key, PRODUCT.c.term, PRODUCT.c.billing_frequency, PRODUCT.c.ignored
        )
        .join(PORTAL, PORTAL.c.id == PRODUCT.c.portal_id)
        .where(LIVE, PRODUCT.c.ignored.is_not(None))
    )  # fmt: skip
    return {ProductKey(*row[:4]): row[4] for row in session.execute(query)}


def _renames(session: Session) -> list[Rename]:
    query = (
        select(PORTAL.c.name, RENAME.c.pattern, RENAME.c.product_key)
        .join(PORTAL, PORTAL.c.id == RENAME.c.portal_id)
        .where(LIVE)
        .order_by(PORTAL.c.name, RENAME.c.position, RENAME.c.id)
    )
    return [Rename(portal, pattern, product_key) for portal, pattern, product_key in session.execute(query)]


def _line_choices(session: Session) -> dict[ChoiceKey, LineRef]:
    return {
        ChoiceKey(row.company_id, ItemRef(LineKind(row.item_kind), row.item_id), row.billing_frequency): LineRef(
            LineKind(row.line_kind), row.line_id
        )
        for row in session.execute(select(CHOICE))
    }
