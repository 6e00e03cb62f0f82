"""Writes: adjustments of units and prices, and new contract lines (core.domain.ports.TargetWriter; Autotask reference §7)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal

from connectors.autotask.answers import Row
from connectors.autotask.client import AutotaskClient, Query, where
from connectors.autotask.families import FAMILIES, Family
from core.domain.contract import ItemRef, LineRef
from core.domain.errors import OutcomeUnknown, Refused, SettingsError
from core.domain.ports import Adjustment, NewLine
from core.domain.text import T

DESCRIPTION_LENGTH = 100


class Writer:
    """Safe for several threads. Nothing is sent twice unless the failure proves that nothing happened."""

    def __init__(self, client: AutotaskClient) -> None:
        self._client = client
        self._adding = threading.Lock()

    def only_while(self, allowed: Callable[[], bool]) -> None:
        """From now on ask this right before any write leaves."""
        self._client.may_write = allowed

    def adjust(self, adjustment: Adjustment) -> None:
        """Change units, price or cost of a line from a plain date on. `itemId` is null even on success: read the units back.

        The line is always named by its own id: which of two equal lines contract and service would hit is not defined
        (reference §15), and a missing one would be created (§7.3).
        """
        family = FAMILIES[adjustment.line.kind]
        if adjustment.unit_cost is not None and not family.has_cost:
            raise SettingsError(T("The cost of a bundle cannot be changed on a contract."), kind="bundle_cost")
        body: Row = {
            "contractID": adjustment.contract_id,
            family.line_key: adjustment.line.id,
            "effectiveDate": adjustment.effective_date.isoformat(),
            "unitChange": adjustment.unit_change,
        }
        if adjustment.unit_price is not None:
            body["adjustedUnitPrice"] = _number(adjustment.unit_price)
        if adjustment.unit_cost is not None:
            body["adjustedUnitCost"] = _number(adjustment.unit_cost)
        self._client.write("POST", family.adjustments, body, (family.adjustments,))

    def add_line(self, line: NewLine) -> LineRef:
        """Put a service or bundle on a contract, with no units yet. A line that is there already is returned, not doubled.

        The line is read back: `itemId` may be null, and a 200 that changed nothing has been seen (reference §15). Raises
        Refused when it is there more than once: which one is meant is not ours to guess (M9).
        """
        family = FAMILIES[line.item.kind]
        with self._adding:
            before = self._lines(family, line.contract_id, line.item)
            if before:
                return self._only(family, line, before)
            body: Row = {"contractID": line.contract_id, family.item_key: line.item.id}
            if line.description:
                body["internalDescription"] = line.description[:DESCRIPTION_LENGTH]
            path = f"Contracts/{line.contract_id}/{family.child}"
            item_id = self._client.write("POST", path, body, (family.lines, "Contracts"))
            after = self._lines(family, line.contract_id, line.item)
            return self._only(family, line, [item_id] if isinstance(item_id, int) and item_id in after else after)

    def _lines(self, family: Family, contract_id: int, item: ItemRef) -> list[int]:
        query = Query(
            family.lines,
            ("id",),
            (where("eq", "contractID", contract_id), where("eq", family.item_key, item.id)),
            bulk=False,
        )
        return sorted(row["id"] for page in self._client.pages(query) for row in page)

    def _only(self, family: Family, line: NewLine, found: list[int]) -> LineRef:
        place = f"{family.lines}, contract {line.contract_id}"
        if not found:
            raise OutcomeUnknown(T("Autotask says that it added the line, but it is not there."), place=place)
        if len(found) > 1:
            raise Refused(
                T("The contract has this service {count} times: choose the line.", count=len(found)),
                reason="other",
                place=place,
                detail=f"lines {found}",
            )
        return LineRef(family.kind, found[0])


def _number(amount: Decimal) -> float:
    """As a JSON number: the shortest one that reads back as the same amount."""
    return float(amount)
