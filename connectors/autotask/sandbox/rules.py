"""What is special about single entities (Autotask reference §7.5, §7.6, §8). Each may refuse, and fill what is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.autotask.sandbox.entities.picklists import UDF_LIMITS
from connectors.autotask.sandbox.errors import POSTED, Refusal, bad_reference, missing_value
from connectors.autotask.sandbox.lines import BUNDLE, KINDS, SERVICE, Kind
from connectors.autotask.sandbox.state import Effect, State
from connectors.autotask.sandbox.values import Record, money

RECURRING = 7


@dataclass(slots=True)
class Change:
    """One write under way. `new` may still be completed; `old` is what an update or delete starts from."""

    state: State
    new: Record
    old: Record = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


class Rules:
    """No special rules. Each method may raise Refusal."""

    def create(self, change: Change) -> None:
        """Check and complete a new record."""

    def update(self, change: Change) -> list[Effect]:
        """Check and complete a changed record; what else must happen."""
        return []

    def delete(self, change: Change) -> None:
        """May this record go?"""


class ContractRules(Rules):
    """Dates, type and period (§7.6)."""

    def create(self, change: Change) -> None:
        _check_dates(change.new)
        if change.new.get("contractType") == RECURRING and change.new.get("contractPeriodType") is None:
            raise missing_value("contractPeriodType")

    def update(self, change: Change) -> list[Effect]:
        old, new, state = change.old, change.new, change.state
        _check_dates(new)
        if new.get("isCompliant") and old.get("isCompliant") is False:
            raise Refusal("isCompliant can only be set to false.")
        lines = [(kind, line["id"]) for kind in KINDS.values() for line in state.lines_of_contract(kind, old["id"])]
        if new["startDate"] != old["startDate"] and any(state.lines[kind.name][key].live() for kind, key in lines):
            raise Refusal("startDate cannot be changed because the contract has service periods.")
        posted = {period for kind, key in lines for period in state.lines[kind.name][key].posted}
        if posted and new.get("setupFee") != old.get("setupFee"):
            raise Refusal("setupFee cannot be changed because it has been posted.")
        if new["endDate"] >= old["endDate"]:
            return []
        lasts = state.grid(old["id"]).lasts
        if any(lasts[period] > new["endDate"] for period in posted):
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

    def create(self, change: Change) -> None:
        price = change.extra.get("adjustedPrice", change.new.get("adjustedPrice"))
        complete_line(change.state, self._kind, change.new, price)

    def update(self, change: Change) -> list[Effect]:
        old, new, price = change.old, change.new, change.extra.get("adjustedPrice")
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

    def create(self, change: Change) -> None:
        change.new |= {"isBilled": False, "status": 1}
        _complete_charge(change.state, change.new)

    def update(self, change: Change) -> list[Effect]:
        _refuse_billed(change.old)
        _complete_charge(change.state, change.new)
        return []

    def delete(self, change: Change) -> None:
        _refuse_billed(change.old)


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
    if charge["unitPrice"] < 0 and state.switches.negative_charges == "refuse":
        raise Refusal("The ContractCharge unitPrice cannot be negative.")
    charge["billableAmount"] = float(money(money(charge["unitPrice"]) * money(quantity)))
    charge["extendedCost"] = float(money(money(charge.get("unitCost") or 0) * money(quantity)))
    charge["internalCurrencyBillableAmount"] = charge["billableAmount"]
    charge["internalCurrencyUnitPrice"] = charge["unitPrice"]


class CatalogueRules(Rules):
    """Services and bundles: a billing code for recurring services; used ones cannot be deleted (§8.7)."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def create(self, change: Change) -> None:
        item = change.new
        code = change.state.tables["BillingCodes"].rows.get(item.get("billingCodeID") or -1)
        if code is not None and code["useType"] != 5:
            raise bad_reference("billingCodeID", "BillingCode")
        price, cost = item.get("unitPrice"), item.get("unitCost")
        if self._kind is SERVICE and price is not None and cost:
            item["markupRate"] = float(money((price - cost) / cost * 100))

    def update(self, change: Change) -> list[Effect]:
        self.create(change)
        return []

    def delete(self, change: Change) -> None:
        if change.state.tables[self._kind.lines].by(self._kind.item_key, change.old["id"]):
            raise Refusal("The record is used on a contract and cannot be deleted.")


class TicketRules(Rules):
    """A queue or an assigned resource, and a number."""

    def create(self, change: Change) -> None:
        if change.new.get("queueID") is None and change.new.get("assignedResourceID") is None:
            raise missing_value("queueID")
        count = len(change.state.tables["Tickets"].rows) + 1
        change.new["ticketNumber"] = f"T{change.state.today().replace('-', '')}.{count:04d}"


class UdfRules(Rules):
    """Names are unique per entity and there may only be so many (§8.9)."""

    def create(self, change: Change) -> None:
        record = change.new
        same = change.state.tables["UserDefinedFieldDefinitions"].by("udfType", record.get("udfType"))
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
