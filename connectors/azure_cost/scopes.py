"""What is asked for its cost, and whose cost that is (Azure reference §3)."""

from __future__ import annotations

import re
from typing import NamedTuple

from core.domain.errors import SettingsError
from core.domain.text import T

__all__ = ["Asked", "scope_of"]

_SUBSCRIPTION = re.compile(r"subscriptions/([^/]+)(/resourcegroups/[^/]+)?", re.IGNORECASE)
_CUSTOMER = re.compile(r"providers/microsoft\.billing/billingaccounts/[^/]+/customers/([^/]+)", re.IGNORECASE)
_ACCOUNT = re.compile(r"providers/microsoft\.billing/billingaccounts/.+", re.IGNORECASE)


class Asked(NamedTuple):
    """One scope. `customer_id` is empty where the scope holds many customers: the answer tells them apart."""

    path: str
    customer_id: str
    customer: str
    subscription_id: str = ""


def scope_of(typed: str, portal: str) -> Asked:
    """The scope that was typed, `path = name`. Raises SettingsError for anything else."""
    path, _, name = (part.strip() for part in typed.partition("="))
    path = path.strip("/")
    if found := _SUBSCRIPTION.fullmatch(path):
        return Asked(path, found[1].casefold(), name or found[1], found[1].casefold())
    if found := _CUSTOMER.fullmatch(path):
        return Asked(path, found[1].casefold(), name or found[1])
    if _ACCOUNT.fullmatch(path):
        return Asked(path, "", name)
    raise SettingsError(
        T("{scope} is no scope.", scope=typed or "?"),
        place=portal,
        remedy=T("Write subscriptions/ID, or providers/Microsoft.Billing/billingAccounts/ID/customers/ID."),
        kind="scope",
    )
