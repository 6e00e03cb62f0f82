"""What is special about single entities (Autotask reference §7.5, §7.6, §8). Each may refuse, and fill what is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.autotask.sandbox.entities.picklists import UDF_LIMITS
from connectors.autotask.sandbox.errors import POSTED, Refusal, bad_reference, missing_value
from connectors.autotask.sandbox.lines import BUNDLE, KINDS, SERVICE, Kind
from connectors.autotask.sandbox.state import Effect, State
from connectors.autotask.sandbox.values import Record, money

RECURRING = 7


class Rules:
    """No special rules."""

    def create(self, state: State, record: Record, extra: dict[str, Any]) -> None:
        """Check and complete a new record."""

    def update(self, state: State, old: Record, new: Record, extra: dict[str, Any]) -> list[Effect]:  # noqa: ARG002
        """Check and complete a changed record; what else must happen."""
        return []

    def delete(self, state: State, record: Record) -> None:
        """May this record go?"""


class ContractRules(Rules):
    """Dates, type and period (§7.6)."""

    def create(self, state: State, record: Record, extra: dict[str, Any]) -> None:
        _check_dates(record)
        if record.get("contractType") == RECURRING and record.get("contractPeriodType") is None:
            raise missing_value("contractPeriodType")

    def update(self, state: State, old: Record, new: Record, extra: dict[str, Any]) -> list[Effect]:
        _check_dates(new)
        if new.get("isCompliant") and old.get("isCompliant") is False:
            raise Refusal("isCompliant can only be set to false.")
        lines = [(kind, line["id"]) for kind in KINDS.values() for line in state.lines_of_contract(kind, old["id"])]
        used = [(kind, key) for kind, key in lines if state.lines[kind.name][key].live()]
        if new["startDate"] != old["startDate"] and used:
            raise Refusal("startDate cannot be changed because the contract has service periods.")
        if new["endDate"] >= old["endDate"]:
            return []
        grid = state.grid(old["id"])
        for kind, key in lines:
            if any(grid.lasts[period] > new["endDate"] for period in state.lines[kind.name][key].posted):
                raise Refusal(POSTED)
        return [["void", kind.name, key, new["endDate"]] for kind, key in lines]


def _check_dates(contract: Record) -> None:
    start, end = contract.get("startDate"), contract.get("endDate")
    if start and end and start >= end:
        raise Refusal("The contract startDate must be before its endDate.")


class LineRules(Rules):
    """Contract lines of one kind (§7.5)."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def create(self, state: State, record: Record, extra: dict[str, Any]) -> None:
        complete_line(state, self._kind, record, extra.get("adjustedPrice", record.get("adjustedPrice")))

    def update(self, state: State, old: Record, new: Record, extra: dict[str, Any]) -> list[Effect]:
        price = extra.get("adjustedPrice")
        if price is None and new.get("adjustedPrice") != old.get("adjustedPrice"):
            price = new.get("adjustedPrice")
        if price is not None:
            new["unitPrice"] = new["internalCurrencyUnitPrice"] = new["internalCurrencyAdjustedPrice"] = price
        if price is None and new.get("unitCost") == old.get("unitCost"):
            return []
        new["_cost"] = new.get("unitCost", old.get("_cost"))
        return [["reprice", self._kind.name, new["id"], new.get("unitPrice"), new["_cost"]]]


def complete_line(state: State, kind: Kind, line: Record, price: float | None) -> None:
    """Fill a new contract line from its contract and catalogue; refuses where it cannot stand."""
    contract = state.tables["Contracts"].rows.get(line.get("contractID") or -1)
    if contract is None:
        raise missing_value("contractID")
    if contract["contractType"] != RECURRING:
        raise Refusal(f"{kind.lines[:-1]} can only be added to a Contract of type Recurring Service.")
    item = state.tables[kind.catalogue].rows.get(line.get(kind.item_key) or -1)
    if item is None:
        raise missing_value(kind.item_key)
    if item.get("isActive") is False:
        raise bad_reference(kind.item_key, kind.catalogue[:-1])
    line["unitPrice"] = item.get("unitPrice") if price is None else price
    line["internalCurrencyUnitPrice"] = line["internalCurrencyAdjustedPrice"] = line["unitPrice"]
    line["invoiceDescription"] = line.get("invoiceDescription") or item.get("invoiceDescription")
    if kind is SERVICE and line.get("unitCost") is None:
        line["unitCost"] = item.get("unitCost")
    line["_cost"] = line.get("unitCost") if kind is SERVICE else item.get("unitCost")


class ChargeRules(Rules):
    """Charges: a code or a product, computed amounts, locked when billed (§8.6)."""

    def create(self, state: State, record: Record, extra: dict[str, Any]) -> None:
        record["isBilled"] = False
        record["status"] = 1
        _complete_charge(state, record)

    def update(self, state: State, old: Record, new: Record, extra: dict[str, Any]) -> list[Effect]:
        _refuse_billed(old)
        _complete_charge(state, new)
        return []

    def delete(self, state: State, record: Record) -> None:
        _refuse_billed(record)


def _refuse_billed(charge: Record) -> None:
    if charge.get("isBilled"):
        raise Refusal("The ContractCharge has been billed and cannot be changed or deleted.")


def _complete_charge(state: State, charge: Record) -> None:
    if charge.get("billingCodeID") is None and charge.get("productID") is None:
        raise Refusal("Either productID or billingCodeID is required.")
    code = state.tables["BillingCodes"].rows.get(charge.get("billingCodeID") or -1)
    if code is not None and code["useType"] != 4:
        raise bad_reference("billingCodeID", "BillingCode")
    source: Mapping[str, Any] = code or state.tables["Products"].rows.get(charge.get("productID") or -1) or {}
    if charge.get("unitPrice") is None:
        charge["unitPrice"] = source.get("unitPrice") or 0.0
    for name in ("unitPrice", "unitCost"):
        if charge.get(name) is not None:
            charge[name] = float(money(charge[name]))
    quantity = charge.get("unitQuantity") or 0
    charge["billableAmount"] = float(money(money(charge["unitPrice"]) * money(quantity)))
    charge["extendedCost"] = float(money(money(charge.get("unitCost") or 0) * money(quantity)))
    charge["internalCurrencyBillableAmount"] = charge["billableAmount"]
    charge["internalCurrencyUnitPrice"] = charge["unitPrice"]


class CatalogueRules(Rules):
    """Services and bundles: a billing code for recurring services; used ones cannot be deleted (§8.7)."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def create(self, state: State, record: Record, extra: dict[str, Any]) -> None:
        code = state.tables["BillingCodes"].rows.get(record.get("billingCodeID") or -1)
        if code is not None and code["useType"] != 5:
            raise bad_reference("billingCodeID", "BillingCode")

    def update(self, state: State, old: Record, new: Record, extra: dict[str, Any]) -> list[Effect]:
        self.create(state, new, extra)
        return []

    def delete(self, state: State, record: Record) -> None:
        if state.tables[self._kind.lines].by(self._kind.item_key, record["id"]):
            raise Refusal("The record is used on a contract and cannot be deleted.")


class TicketRules(Rules):
    """A queue or an assigned resource, and a number."""

    def create(self, state: State, record: Record, extra: dict[str, Any]) -> None:
        if record.get("queueID") is None and record.get("assignedResourceID") is None:
            raise missing_value("queueID")
        count = len(state.tables["Tickets"].rows) + 1
        record["ticketNumber"] = f"T{state.today().replace('-', '')}.{count:04d}"


class UdfRules(Rules):
    """Names are unique per entity and there may only be so many (§8.9)."""

    def create(self, state: State, record: Record, extra: dict[str, Any]) -> None:
        same = state.tables["UserDefinedFieldDefinitions"].by("udfType", record.get("udfType"))
        if any(one["name"].casefold() == str(record.get("name")).casefold() for one in same):
            raise Refusal("A user-defined field with this name already exists.")
        if sum(1 for one in same if one.get("isActive")) >= UDF_LIMITS.get(record.get("udfType") or 0, 200):
            raise Refusal("The maximum number of active user-defined fields has been reached.")


RULES: Mapping[str, Rules] = {
    "Contracts": ContractRules(),
    "ContractServices": LineRules(SERVICE),
    "ContractServiceBundles": LineRules(BUNDLE),
    "ContractCharges": ChargeRules(),
    "Services": CatalogueRules(SERVICE),
    "ServiceBundles": CatalogueRules(BUNDLE),
    "Tickets": TicketRules(),
    "UserDefinedFieldDefinitions": UdfRules(),
}
