"""Adjustments: the only way in which units change (Autotask reference §7.3, §7.4, §15)."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from connectors.autotask.sandbox.entities import ENTITIES
from connectors.autotask.sandbox.errors import (
    DUPLICATE_PERIOD,
    POSTED,
    Refusal,
    missing_value,
    no_such_entity,
    outside_contract,
)
from connectors.autotask.sandbox.grid import Grid
from connectors.autotask.sandbox.lines import SERVICE, SLOTS, Adjustment, Kind, LineState, adjustment_dict, row_price
from connectors.autotask.sandbox.rules import complete_line
from connectors.autotask.sandbox.state import Effect, State, Write
from connectors.autotask.sandbox.values import Record, money

_NEVER = "9999-12-31"


@dataclass(slots=True)
class _Target:
    """The line that an adjustment hits; `new` when the adjustment itself creates it."""

    line: Record
    state: LineState
    contract: Record
    grid: Grid
    new: bool


class Adjuster:
    """Checks one adjustment against everything that Autotask checks, then commits it with what follows from it."""

    def __init__(self, state: State) -> None:
        self._state = state

    def adjust(self, kind: Kind, values: dict[str, Any], raw: dict[str, Any], by: str = "api") -> int | None:
        """`values` are the checked fields of the body. Returns the itemId (null by the switch). Raises Refusal."""
        effective = values.get("effectiveDate")
        if effective is None:
            raise missing_value("effectiveDate")
        if all(values.get(name) is None for name in ("unitChange", "adjustedUnitPrice", "adjustedUnitCost")):
            raise missing_value("unitChange")
        target = self._target(kind, values)
        change = int(values.get("unitChange") or 0)
        self._check_date(kind, target, effective)
        self._check_units(target, effective, change)
        number = self._state.new_adjustment_id()
        if kind.adjustments in self._state.switches.silent_entities:
            return self._item_id(number)
        adjustment = self._adjustment(target, effective, change, values, number)
        effects = self._effects(kind, target, adjustment)
        committed = {
            "contractID": target.contract["id"],
            kind.line_key: target.line["id"],
            kind.item_key: target.line[kind.item_key],
            "effectiveDate": effective,
            "unitChange": change,
            "adjustedUnitPrice": adjustment.price,
            "adjustedUnitCost": adjustment.cost,
        }
        self._state.commit(effects, Write(by, kind.adjustments, "POST", adjustment.id, raw, committed))
        return self._item_id(number)

    def _item_id(self, number: int) -> int | None:
        return number if self._state.switches.adjustment_item_id == "number" else None

    # ---- which line

    def _target(self, kind: Kind, values: dict[str, Any]) -> _Target:
        line = self._existing(kind, values)
        new = line is None
        if line is None:
            line = self._new_line(kind, values)
        contract = self._state.tables["Contracts"].rows[line["contractID"]]
        fresh = LineState(0, line.get("unitPrice"), line.get("_cost"))
        state = fresh if new else self._state.lines[kind.name][line["id"]]
        return _Target(line, state, contract, self._state.grid(contract["id"]), new)

    def _existing(self, kind: Kind, values: dict[str, Any]) -> Record | None:
        key, contract_id, item_id = (values.get(name) for name in (kind.line_key, "contractID", kind.item_key))
        if key is not None:
            line = self._state.tables[kind.lines].rows[key]
            if contract_id not in (None, line["contractID"]):
                raise no_such_entity(kind.line_key)
            return line
        if contract_id is None:
            raise missing_value("contractID")
        if item_id is None:
            raise missing_value(kind.item_key)
        if values.get(kind.repeat_key):
            return None
        lines = self._state.lines_of_contract(kind, contract_id)
        return next((line for line in lines if line[kind.item_key] == item_id), None)

    def _new_line(self, kind: Kind, values: dict[str, Any]) -> Record:
        line: Record = dict.fromkeys(ENTITIES[kind.lines].fields)
        line |= {"contractID": values["contractID"], kind.item_key: values[kind.item_key]}
        if kind is SERVICE:
            line["unitCost"] = values.get("adjustedUnitCost")
        complete_line(self._state, kind, line, values.get("adjustedUnitPrice"))
        return line

    # ---- may it be

    def _check_date(self, kind: Kind, target: _Target, effective: str) -> None:
        switches, grid = self._state.switches, target.grid
        if not target.contract["startDate"] <= effective <= target.contract["endDate"]:
            raise outside_contract(kind.adjustment)
        if switches.prorate == "refuse" and effective not in grid.starts:
            raise Refusal("The Contract does not allow prorated changes: effectiveDate must be the start of a period.")
        if switches.posted_period == "refuse" and grid.index(effective) in target.state.posted:
            raise Refusal(POSTED)
        live = target.state.live()
        same = [number for number, one in enumerate(live) if one.effective == effective]
        fresh_only = switches.same_day == "fail_fresh"
        if same and switches.same_day != "merge" and (not fresh_only or same[0] == 0):
            raise Refusal(DUPLICATE_PERIOD)

    def _check_units(self, target: _Target, effective: str, change: int) -> None:
        totals = _totals_from(target.state, effective, change)
        if min(totals) < 0:
            raise Refusal(self._state.switches.negative_text)
        if change < 0 and min(totals) == 0 and self._state.switches.zero_units == "refuse":
            raise Refusal(self._state.switches.zero_text)

    # ---- what follows

    def _adjustment(
        self, target: _Target, effective: str, change: int, values: dict[str, Any], number: int
    ) -> Adjustment:
        period = target.grid.index(effective)
        late = period in target.state.posted
        visible = effective
        if late and self._state.switches.posted_period == "keep":
            while period in target.state.posted:
                period += 1
            visible = target.grid.starts[period] if period < len(target.grid.starts) else _NEVER
        price, cost = values.get("adjustedUnitPrice"), values.get("adjustedUnitCost")
        return Adjustment(number, effective, change, visible, price, cost, late=late)

    def _effects(self, kind: Kind, target: _Target, adjustment: Adjustment) -> list[Effect]:
        line = dict(target.line)
        if target.new:
            line["id"] = target.line["id"] = self._state.tables[kind.lines].new_id()
        if adjustment.price is not None:
            line["unitPrice"] = line["internalCurrencyUnitPrice"] = adjustment.price
            line["internalCurrencyAdjustedPrice"] = adjustment.price
        if adjustment.cost is not None and kind is SERVICE:
            line["unitCost"] = adjustment.cost
        effects: list[Effect] = [["put", kind.lines, line]] if target.new or line != target.line else []
        effects.append(["adjust", kind.name, line["id"], adjustment_dict(adjustment)])
        effects += self._billing_items(kind, target, adjustment, line)
        if self._state.switches.auto_notes:
            effects.append(["put", "ContractNotes", self._note(line, adjustment)])
        return effects

    def _billing_items(self, kind: Kind, target: _Target, adjustment: Adjustment, line: Record) -> list[Effect]:
        """One unposted item for every posted period that the change reaches back into."""
        grid, before = target.grid, target.state
        after = deepcopy(before)
        after.add(Adjustment(**{**adjustment_dict(adjustment), "visible": adjustment.effective}))
        effects: list[Effect] = []
        for period in sorted(before.posted):
            if grid.lasts[period] < adjustment.effective:
                continue
            amount = _period_amount(after, grid, period) - _period_amount(before, grid, period)
            day = max(adjustment.effective, grid.starts[period])
            effects.append(["put", "BillingItems", self._item(kind, target, adjustment, line, (day, period, amount))])
        return effects

    def _item(
        self, kind: Kind, target: _Target, adjustment: Adjustment, line: Record, what: tuple[str, int, float]
    ) -> Record:
        day, period, amount = what
        return billing_item(
            self._state, kind, line, target.contract,
            {
                "itemDate": day,
                "quantity": adjustment.change,
                "rate": line.get("unitPrice"),
                "extendedPrice": amount,
                "subType": 2,
                kind.adjustment_key: adjustment.id,
                kind.period_key: line["id"] * SLOTS + period,
            },
        )  # fmt: skip

    def _note(self, line: Record, adjustment: Adjustment) -> Record:
        text = f"Units changed by {adjustment.change} from {adjustment.effective}."
        return {
            "id": self._state.tables["ContractNotes"].new_id(),
            "contractID": line["contractID"],
            "title": "Service adjustment",
            "description": text,
            "createDateTime": self._state.now(),
            "lastActivityDate": self._state.now(),
        }


def _totals_from(state: LineState, effective: str, change: int) -> list[int]:
    """Units on the effective day and after every later change, with this change in it."""
    total = change + sum(one.change for one in state.live() if one.effective <= effective)
    totals = [total]
    later: dict[str, int] = {}
    for one in state.live():
        if one.effective > effective:
            later[one.effective] = later.get(one.effective, 0) + one.change
    for day in sorted(later):
        total += later[day]
        totals.append(total)
    return totals


def _period_amount(state: LineState, grid: Grid, period: int) -> float:
    rows = state.rows(grid, period, period, zero_rows=False)
    return sum(row_price(row, grid, row.price) or 0.0 for row in rows)


def billing_item(state: State, kind: Kind, line: Record, contract: Record, values: dict[str, Any]) -> Record:
    """A BillingItem of a contract line; `values` say what it is for."""
    item = state.tables[kind.catalogue].rows[line[kind.item_key]]
    amount = float(money(values["extendedPrice"]))
    return {
        "id": state.tables["BillingItems"].new_id(),
        "companyID": contract["companyID"],
        "contractID": contract["id"],
        kind.line_key: line["id"],
        kind.item_key: line[kind.item_key],
        "billingCodeID": item.get("billingCodeID"),
        "billingItemType": 8 if kind is SERVICE else 10,
        "itemName": item["name"],
        "description": line.get("invoiceDescription") or item["name"],
        "nonBillable": 0,
        **values,
        "extendedPrice": amount,
        "totalAmount": amount,
        "internalCurrencyExtendedPrice": amount,
        "internalCurrencyTotalAmount": amount,
        "internalCurrencyRate": values.get("rate"),
        "taxDollars": 0.0,
    }
