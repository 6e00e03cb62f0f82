"""Picklists: their numbers differ from tenant to tenant, their labels tell what they mean (Autotask reference §8.1, §8.11)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from connectors.autotask.answers import Row
from connectors.autotask.client import AutotaskClient
from core.domain.contract import PeriodType
from core.domain.errors import RemoteError, SettingsError, ShapeChanged
from core.domain.text import T

KEPT_SECONDS = 3600.0

LABELS: tuple[tuple[re.Pattern[str], PeriodType], ...] = (
    (re.compile(r"semi|half|6.?month|biannual", re.IGNORECASE), PeriodType.SEMIANNUAL),
    (re.compile(r"quarter|3.?month", re.IGNORECASE), PeriodType.QUARTERLY),
    (re.compile(r"month", re.IGNORECASE), PeriodType.MONTHLY),
    (re.compile(r"year|annual", re.IGNORECASE), PeriodType.YEARLY),
    (re.compile(r"one.?time|once", re.IGNORECASE), PeriodType.ONCE),
)
NUMBERS: Mapping[int, PeriodType] = {
    2: PeriodType.MONTHLY,
    3: PeriodType.QUARTERLY,
    4: PeriodType.SEMIANNUAL,
    5: PeriodType.YEARLY,
}
"""2 and 5 were seen live, 3 and 4 come from one integrator's table; used where a label says nothing."""
LETTERS: Mapping[str, PeriodType] = {
    "m": PeriodType.MONTHLY,
    "q": PeriodType.QUARTERLY,
    "s": PeriodType.SEMIANNUAL,
    "y": PeriodType.YEARLY,
}
"""Older data."""


def picklist(client: AutotaskClient, entity: str, name: str) -> Mapping[int, str]:
    """Number → label of one field. Raises SettingsError for a field that is no picklist."""
    kept = client.shared.memory.get(f"picklists {entity}", KEPT_SECONDS)
    if not isinstance(kept, dict):
        kept = _all(client, entity)
        client.shared.memory.put(f"picklists {entity}", kept)
    found = kept.get(name.casefold())
    if not isinstance(found, dict):
        raise SettingsError(T("{entity} has no picklist {field}.", entity=entity, field=name), kind="picklist")
    return found


def _all(client: AutotaskClient, entity: str) -> dict[str, dict[int, str]]:
    body = client.get(entity, f"{entity}/entityInformation/fields") or {}
    fields = body.get("fields")
    if not isinstance(fields, list):
        raise ShapeChanged(T("Autotask's answer lacks {field}.", field="fields"), place=entity)
    return {str(one.get("name")).casefold(): _values(one) for one in fields if one.get("isPickList")}


def _values(field: Row) -> dict[int, str]:
    """Values come as text although records carry numbers."""
    return {
        int(one["value"]): str(one.get("label") or "")
        for one in field.get("picklistValues") or []
        if str(one.get("value", "")).lstrip("-").isdigit()
    }


def period_labels(client: AutotaskClient, entity: str, name: str) -> Mapping[int, str]:
    """The picklist of periods; empty where the tenant does not show it: then the usual numbers hold."""
    try:
        return picklist(client, entity, name)
    except SettingsError:
        return {}
    except RemoteError as error:
        if error.retryable:
            raise
        return {}


def period_type(value: int | str | None, labels: Mapping[int, str]) -> PeriodType:
    """A period type by its label, else by its usual number or letter; UNKNOWN for anything else."""
    text = str(value if value is not None else "").strip().lower()
    if not text.isdigit():
        return LETTERS.get(text[:1], PeriodType.UNKNOWN)
    label = labels.get(int(text), "")
    by_label = next((kind for pattern, kind in LABELS if pattern.search(label)), None)
    return by_label or NUMBERS.get(int(text), PeriodType.UNKNOWN)
