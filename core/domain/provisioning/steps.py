"""What is to be made or changed in Autotask besides units: part of a planned change, and what it is found again by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from core.domain.contract import PeriodType

KEY_LENGTH = 50
"""Characters of a SKU or an external contract number (Autotask reference §8.1, §8.7)."""
NAME_LENGTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to make or change. `key` is what it is found again by after an answer that never came (M4).

    The key of a field is its name, of a service or product its SKU, of a contract the id of its subscription.
    """

    key: str
    name: str = ""
    description: str = ""
    period_type: PeriodType = PeriodType.UNKNOWN
    start: date | None = None
    end: date | None = None
    billing_code: int | None = None
    service_level_agreement: int | None = None
    category: int | None = None
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None

    @property
    def parts(self) -> tuple[object, ...]:
        """All that an approval of this step is worth for."""
        return (self.key, self.name, self.period_type, self.start, self.end, self.unit_price, self.unit_cost)


def short_key(text: str) -> str:
    """A key that fits; a longer one keeps its beginning and gets a fingerprint, so that two never become one."""
    if len(text) <= KEY_LENGTH:
        return text
    return f"{text[: KEY_LENGTH - 13]}#{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def filled(template: str, **values: str) -> str:
    """A name by its template; what is empty leaves no double spaces or loose signs behind."""
    text = template.format_map(values)
    return " ".join(text.split()).strip(" -,()")[:NAME_LENGTH].strip() or values.get("product", "")[:NAME_LENGTH]
