"""What people do in Autotask's own screens and the API only sees: approve and post, renew (Autotask reference §7)."""

from __future__ import annotations

from datetime import date
from typing import Any

from connectors.autotask.sandbox.adjusting import billing_item
from connectors.autotask.sandbox.grid import grid_of, plus_months
from connectors.autotask.sandbox.lines import KINDS, SLOTS, Adjustment, Kind, adjustment_dict, row_price
from connectors.autotask.sandbox.state import Effect, State, Write
from connectors.autotask.sandbox.values import Record, money, shift


def post_period(state: State, day: str, contract_id: int | None = None) -> int:
    """Approve and post every period that has begun on or before `day` (of one contract, or all), the charges bought until
    then, and the adjustment items that wait. Returns how many BillingItems there are more or newly posted.
    """
    with state.lock:
        stamp = state.now()
        effects: list[Effect] = []
        for kind in KINDS.values():
            for line in state.tables[kind.lines].rows.values():
                if contract_id in (None, line["contractID"]):
                    effects += _post_line(state, kind, line, day, stamp)
        effects += _post_charges(state, day, stamp, contract_id)
        effects += _post_waiting(state, day, stamp, contract_id)
        state.commit(effects, Write("ui", "BillingItems", "POST_PERIOD", contract_id, values={"day": day}))
        return sum(1 for effect in effects if effect[1] == "BillingItems")


def _post_line(state: State, kind: Kind, line: Record, day: str, stamp: str) -> list[Effect]:
    contract = state.tables["Contracts"].rows[line["contractID"]]
    grid, effects = grid_of(contract), list[Effect]()
    line_state = state.lines[kind.name][line["id"]]
    for period in range(grid.index(day) + 1):
        if period in line_state.posted:
            continue
        rows = line_state.rows(grid, period, period, zero_rows=False)
        if not rows:
            continue
        effects.append(["post", kind.name, line["id"], period, stamp])
        for row in rows:
            values = {
                "itemDate": row.start,
                "postedDate": stamp[:10],
                "postedOnTime": stamp,
                "quantity": row.units,
                "rate": row.price,
                "extendedPrice": row_price(row, grid, row.price) or 0.0,
                "ourCost": row_price(row, grid, row.cost),
                "subType": 1,
                kind.period_key: line["id"] * SLOTS + row.slot,
            }
            effects.append(["put", "BillingItems", billing_item(state, kind, line, contract, values)])
    return effects


def _post_charges(state: State, day: str, stamp: str, contract_id: int | None) -> list[Effect]:
    effects: list[Effect] = []
    for charge in state.tables["ContractCharges"].rows.values():
        wanted = contract_id in (None, charge["contractID"]) and charge["datePurchased"] <= day
        if not wanted or charge["isBilled"] or not charge["isBillableToCompany"]:
            continue
        amount = float(money(charge["billableAmount"]))
        item: dict[str, Any] = {
            "id": state.tables["BillingItems"].new_id(),
            "companyID": state.tables["Contracts"].rows[charge["contractID"]]["companyID"],
            "contractID": charge["contractID"],
            "contractChargeID": charge["id"],
            "billingCodeID": charge.get("billingCodeID"),
            "billingItemType": 4,
            "subType": 4,
            "itemName": charge["name"],
            "description": charge.get("description"),
            "itemDate": charge["datePurchased"],
            "postedDate": stamp[:10],
            "postedOnTime": stamp,
            "quantity": charge["unitQuantity"],
            "rate": charge["unitPrice"],
            "extendedPrice": amount,
            "totalAmount": amount,
        }
        effects += [["put", "ContractCharges", {**charge, "isBilled": True}], ["put", "BillingItems", item]]
    return effects


def _post_waiting(state: State, day: str, stamp: str, contract_id: int | None) -> list[Effect]:
    return [
        ["put", "BillingItems", {**item, "postedDate": stamp[:10], "postedOnTime": stamp}]
        for item in state.tables["BillingItems"].rows.values()
        if item.get("postedDate") is None and item["itemDate"] <= day and contract_id in (None, item["contractID"])
    ]


def renew_contract(state: State, contract_id: int) -> int:
    """A new contract from the day after the old one ends, of the same length, with the same lines and units (§7.6)."""
    with state.lock:
        old = state.tables["Contracts"].rows[contract_id]
        start = shift(old["endDate"], 1)
        renewed = state.tables["Contracts"].new_id()
        contract = {**old, "id": renewed, "startDate": start, "endDate": _same_length(old, start)}
        contract |= {"renewedContractID": None, "lastModifiedDateTime": state.now()}
        effects: list[Effect] = [
            ["put", "Contracts", contract],
            ["put", "Contracts", {**old, "renewedContractID": renewed, "lastModifiedDateTime": state.now()}],
        ]
        number = state.new_adjustment_id()
        for kind in KINDS.values():
            for line in state.lines_of_contract(kind, contract_id):
                copy = {**line, "id": state.tables[kind.lines].new_id(), "contractID": renewed}
                effects.append(["put", kind.lines, copy])
                units = state.units_on(kind, line["id"], old["endDate"])
                if units:
                    effects.append(["adjust", kind.name, copy["id"], _initial(number, start, units)])
                    number += 1
        state.commit(effects, Write("ui", "Contracts", "RENEW", renewed, values={"renewed": contract_id}))
        return renewed


def _same_length(old: Record, start: str) -> str:
    """The last day of a contract that starts on `start` and has as many months as the old one."""
    first, after = date.fromisoformat(old["startDate"]), date.fromisoformat(start)
    months = (after.year - first.year) * 12 + after.month - first.month
    return shift(plus_months(after, max(months, 1)).isoformat(), -1)


def _initial(number: int, day: str, units: int) -> dict[str, Any]:
    return adjustment_dict(Adjustment(number, day, units, day))
