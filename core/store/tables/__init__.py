"""All tables. Importing this module fills `METADATA`."""

from __future__ import annotations

from core.store.tables import (
    alerts,
    consumption,
    directory,
    history,
    ledger,
    mapping,
    people,
    pickups,
    plans,
    reporting,
    runs,
    subscription_events,
    subscriptions,
    webhooks,
    workers,
    workspace,
)
from core.store.tables.base import Row, table

METADATA = Row.metadata

__all__ = [
    "METADATA",
    "Row",
    "alerts",
    "consumption",
    "directory",
    "history",
    "ledger",
    "mapping",
    "people",
    "pickups",
    "plans",
    "reporting",
    "runs",
    "subscription_events",
    "subscriptions",
    "table",
    "webhooks",
    "workers",
    "workspace",
]
