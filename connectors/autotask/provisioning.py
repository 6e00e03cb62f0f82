"""What is made in Autotask besides contract lines: the field that joins subscriptions, services, products, contracts.

Shapes and rules: Autotask reference §4 (writes, user-defined fields), §7.6, §8.1, §8.7-8.9. Nothing here looks whether a
thing is there already: the caller does, in bulk, before it asks for anything and after every answer that did not come.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date
from decimal import Decimal

from connectors.autotask.answers import Row
from connectors.autotask.bulk import read_all, read_chunks
from connectors.autotask.client import AutotaskClient, Query, where
from connectors.autotask.directory import OWN_COMPANY, RECURRING, contract_of
from connectors.autotask.families import FAMILIES
from connectors.autotask.models import CatalogueRow, ContractRow, UnitWire, Wire, names, parsed
from connectors.autotask.picklists import KEPT_SECONDS, NUMBERS, period_labels, period_type, picklist
from core.domain.contract import LineRef, PeriodType
from core.domain.errors import Refused, SettingsError
from core.domain.ports import CatalogueEntry, RowAmount, SubscriptionContract
from core.domain.provisioning.steps import Step
from core.domain.text import T

DEFINITIONS = "UserDefinedFieldDefinitions"
ACTIVE_CONTRACT = 1
WHOLE = "contracts whole"
"""In memory: this tenant refused a user-defined field among the fields of a query (reference §3 allows it)."""


class ProductRow(Wire):
    """A product of the catalogue."""

    name: str | None = None
    sku: str | None = None
    is_active: bool | None = None
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None


class AmountWire(UnitWire):
    """A unit row with what it bills."""

    price: Decimal | None = None
    cost: Decimal | None = None


class Provisioner:
    """Safe for several threads. Each write is one request, sent again only where it is proven that nothing happened."""

    def __init__(self, client: AutotaskClient) -> None:
        self._client = client

    # ---- reading

    def has_contract_field(self, field: str) -> bool:
        """Whether contracts have an active user-defined field of this name; one request."""
        query = Query(
            DEFINITIONS,
            ("id", "name", "isActive"),
            (where("eq", "udfType", self._udf_type()), where("eq", "name", field)),
            bulk=False,
        )
        return any(row.get("isActive") is not False for row in read_all(self._client, query))

    def subscription_contracts(self, field: str) -> list[SubscriptionContract]:
        """All recurring contracts with a value in the field, inactive and ended ones too. The field must exist.

        One condition on a user-defined field a query is what Autotask allows (reference §3): "has a value" is enough.
        """
        filters = (where("eq", "contractType", RECURRING), {"op": "exist", "field": field, "udf": True})
        rows = self._with_field(Query("Contracts", (*names(ContractRow), field), filters))
        labels = period_labels(self._client, "Contracts", "contractPeriodType") if rows else {}
        found = []
        for row, wire in zip(rows, parsed(ContractRow, rows, "Contracts"), strict=True):
            contract, value = contract_of(wire, labels), _udf(row, field)
            if contract is not None and value and contract.company_id != OWN_COMPANY:
                found.append(SubscriptionContract(contract, value))
        return found

    def _with_field(self, query: Query) -> list[Row]:
        """Rows with their user-defined field. A tenant that does not take its name among the fields is asked for whole records."""
        if self._client.shared.memory.get(WHOLE, KEPT_SECONDS) is None:
            try:
                return read_all(self._client, query)
            except Refused as error:
                if error.reason != "other":
                    raise
                self._client.shared.memory.put(WHOLE, True)
        return read_all(self._client, replace(query, fields=()))

    def services_by_sku(self, skus: Collection[str]) -> list[CatalogueEntry]:
        """Active services with these SKUs."""
        query = Query("Services", names(CatalogueRow), (where("eq", "isActive", True),), bulk=False)
        rows = parsed(CatalogueRow, read_chunks(self._client, query, "sku", skus), "Services")
        return [CatalogueEntry(row.id, row.name, row.sku, row.unit_price, row.unit_cost) for row in rows]

    def products_by_sku(self, skus: Collection[str]) -> list[CatalogueEntry]:
        """Active products with these SKUs."""
        query = Query("Products", names(ProductRow), (where("eq", "isActive", True),), bulk=False)
        rows = parsed(ProductRow, read_chunks(self._client, query, "sku", skus), "Products")
        return [CatalogueEntry(row.id, row.name or "", row.sku or "", row.unit_price, row.unit_cost) for row in rows]

    def row_amounts(self, lines: Collection[LineRef], first: date, last: date) -> dict[LineRef, list[RowAmount]]:
        """What the unit rows of these lines bill that touch the days, in order of start."""
        found: dict[LineRef, list[RowAmount]] = {}
        for family in FAMILIES.values():
            ids = [line.id for line in lines if line.kind is family.kind]
            query = Query(
                family.units,
                (*family.unit_fields, "price", "cost"),
                (where("lte", "startDate", last.isoformat()), where("gte", "endDate", first.isoformat())),
                bulk=False,
            )
            for row in parsed(AmountWire, read_chunks(self._client, query, family.line_key, ids), family.units):
                line, start = family.line_of(row), row.start_date
                if line is not None and start is not None and row.units is not None:
                    amount = RowAmount(
                        start, row.end_date or date.max, row.units, row.price, row.cost, bool(row.approve_and_post_date)
                    )
                    found.setdefault(LineRef(family.kind, line), []).append(amount)
        return {line: sorted(rows, key=lambda row: row.start) for line, rows in found.items()}

    # ---- writing

    def add_contract_field(self, step: Step) -> None:
        """Define the text field on contracts (S3-03)."""
        labels = picklist(self._client, DEFINITIONS, "dataType")
        body: Row = {
            "name": step.key,
            "description": step.description[:128],
            "udfType": self._udf_type(),
            "dataType": _numbered(labels, "text", "dataType"),
            "isActive": True,
        }
        self._client.write("POST", DEFINITIONS, body, (DEFINITIONS,))

    def add_service(self, step: Step) -> None:
        """Put a service into the catalogue."""
        body: Row = {
            "name": step.name,
            "sku": step.key,
            "description": step.description[:400],
            "billingCodeID": step.billing_code,
            "periodType": self._period("Services", "periodType", step.period_type),
            "unitPrice": float(step.unit_price or 0),
            "unitCost": float(step.unit_cost or 0),
            "isActive": True,
        }
        self._client.write("POST", "Services", body, ("Services",))

    def price_service(self, service_id: int, step: Step) -> None:
        """Price and cost of a service. Contracts that have it already keep theirs (reference §7.5)."""
        body: Row = {"id": service_id}
        if step.unit_price is not None:
            body["unitPrice"] = float(step.unit_price)
        if step.unit_cost is not None:
            body["unitCost"] = float(step.unit_cost)
        self._client.write("PATCH", "Services", body, ("Services",))

    def add_product(self, step: Step) -> None:
        """Put a product into the catalogue, without a price (S2-15)."""
        body: Row = {
            "name": step.name,
            "sku": step.key,
            "description": step.description[:2000],
            "productBillingCodeID": step.billing_code,
            "chargeBillingCodeID": step.billing_code,
            "isActive": True,
            "isSerialized": False,
        }
        self._client.write("POST", "Products", body, ("Products",))

    def add_contract(self, company_id: int, step: Step, field: str) -> None:
        """Make a recurring service contract that carries its subscription's id from its first moment."""
        assert step.start is not None
        assert step.end is not None
        body: Row = {
            "companyID": company_id,
            "contractName": step.name,
            "contractType": RECURRING,
            "contractPeriodType": self._period("Contracts", "contractPeriodType", step.period_type),
            "status": ACTIVE_CONTRACT,
            "startDate": step.start.isoformat(),
            "endDate": step.end.isoformat(),
            "timeReportingRequiresStartAndStopTimes": 0,
            "description": step.description[:2000],
            "userDefinedFields": [{"name": field, "value": step.key}],
        }
        if step.service_level_agreement is not None:
            body["serviceLevelAgreementID"] = step.service_level_agreement
        if step.category is not None:
            body["contractCategory"] = step.category
        self._client.write("POST", "Contracts", body, ("Contracts",))

    def mark_contract(self, contract_id: int, subscription_id: str, field: str) -> None:
        """Write the subscription's id into the contract's field."""
        self._change(contract_id, {"userDefinedFields": [{"name": field, "value": subscription_id}]})

    def extend_contract(self, contract_id: int, end: date) -> None:
        """Give the contract a later last day."""
        self._change(contract_id, {"endDate": end.isoformat()})

    def rename_contract(self, contract_id: int, name: str) -> None:
        """Give the contract a name."""
        self._change(contract_id, {"contractName": name})

    def _change(self, contract_id: int, values: Row) -> None:
        self._client.write("PATCH", "Contracts", {"id": contract_id, **values}, ("Contracts",))

    def _udf_type(self) -> int:
        return _numbered(picklist(self._client, DEFINITIONS, "udfType"), "contract", "udfType")

    def _period(self, entity: str, field: str, wanted: PeriodType) -> int:
        labels = period_labels(self._client, entity, field)
        by_label = next((number for number in labels if period_type(number, labels) is wanted), None)
        usual = next((number for number, kind in NUMBERS.items() if kind is wanted), None)
        number = by_label if by_label is not None else usual
        if number is None:
            raise SettingsError(T("Autotask has no period type {period}.", period=T(wanted.value)), kind="period_type")
        return number


def _numbered(labels: object, word: str, field: str) -> int:
    """The number of the label that is the word, or else begins with it: numbers differ from tenant to tenant."""
    assert isinstance(labels, dict)
    texts = {number: str(label).casefold() for number, label in labels.items()}
    exact = [number for number, label in texts.items() if label == word]
    near = [number for number, label in texts.items() if label.startswith(word)]
    if not (exact or near):
        raise SettingsError(
            T("{entity} has no picklist {field}.", entity=DEFINITIONS, field=f"{field} {word}"), kind="picklist"
        )
    return int((exact or sorted(near))[0])


def _udf(row: Row, field: str) -> str:
    """The value of one user-defined field; the property may be missing (reference §4)."""
    for one in row.get("userDefinedFields") or []:
        if isinstance(one, dict) and str(one.get("name", "")).casefold() == field.casefold():
            return str(one.get("value") or "").strip()
    return ""
