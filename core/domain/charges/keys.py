"""The stable key of a charge, in the form in which Autotask keeps it (M15).

It stands in `internalPurchaseOrderNumber` (50 characters, never on an invoice; Autotask reference §8.6): a charge whose creation
nobody knows the outcome of is looked up by it before anything is sent again (M4). Its parts tell portal, customer and period,
so that a charge can be attributed even by a workspace that has lost its database.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date
from typing import NamedTuple

FIELD_LENGTH = 50
_FORM = re.compile(r"(CB-\d{8}-([0-9a-f]{6})-([0-9a-f]{9})-[0-9a-f]{16})(?:-(\d{1,3}))?")


class ChargeKey(NamedTuple):
    """A key as it stands in Autotask: `base` names what is charged, `number` the first charge (0) or a later correction of it."""

    base: str
    number: int = 0

    @property
    def text(self) -> str:
        return f"{self.base}-{self.number}" if self.number else self.base

    @property
    def owner(self) -> str:
        """The part that all charges of one portal, customer and period share."""
        return self.base.rsplit("-", 1)[0]

    @classmethod
    def parse(cls, text: str) -> ChargeKey | None:
        """The key that `text` is; None for anything else."""
        match = _FORM.fullmatch(text.strip())
        return cls(match[1], int(match[4] or 0)) if match else None


def period_prefix(period_start: date) -> str:
    """How the keys of all charges of a period begin."""
    return f"CB-{period_start:%Y%m%d}-"


def owner_of(identity: str, customer_id: str, period_start: date) -> str:
    """What the keys of all charges of one portal, customer and period begin with. `identity` is the portal's lasting name."""
    return f"{period_prefix(period_start)}{_hash(identity, 6)}-{_hash(customer_id, 9)}"


def key_of(identity: str, customer_id: str, period_start: date, contract_id: int, what: str) -> ChargeKey:
    """The key of a charge: portal, customer, period, contract, and what it charges."""
    return ChargeKey(f"{owner_of(identity, customer_id, period_start)}-{_hash(f'{contract_id}|{what}', 16)}")


def _hash(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]
