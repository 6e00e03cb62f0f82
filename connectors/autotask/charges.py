"""Contract charges: read in bulk by our keys, and written one by one (core.domain.ports.ChargeTarget; Autotask reference §8.6)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from decimal import Decimal

from connectors.autotask.answers import Row
from connectors.autotask.bulk import read_all, read_chunks, unique
from connectors.autotask.client import AutotaskClient, Query, where
from connectors.autotask.models import Day, Wire, Words, lacks, names, parsed
from connectors.autotask.picklists import picklist
from core.domain.charges.keys import ChargeKey, period_prefix
from core.domain.charges.plan import ChargeValues, ExistingCharge
from core.domain.ports import ChargeWrite, Product

ENTITY = "ContractCharges"
KEY_FIELD = "internalPurchaseOrderNumber"
MOST_ALTERNATIVES = 100
"""Conditions joined by or in one query; Autotask takes 500 (reference §3)."""
OPERATIONAL = "operational"
DIGITS = Decimal("0.0001")
"""Autotask keeps four decimals of a price; JSON numbers come with noise behind them."""


class ChargeWire(Wire):
    contract_id: int | None = None
    name: Words = ""
    description: Words = ""
    date_purchased: Day = None
    unit_quantity: Decimal | None = None
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None
    billing_code_id: int | None = None
    product_id: int | None = None
    internal_purchase_order_number: Words = ""
    is_billed: bool | None = None


class ProductRow(Wire):
    name: Words = ""
    sku: Words = ""


class Charges:
    """Charges of one tenant. Safe for several threads; nothing is sent twice unless the failure proves that nothing happened."""

    def __init__(self, client: AutotaskClient) -> None:
        self._client = client

    def products(self) -> list[Product]:
        """Active products."""
        query = Query("Products", names(ProductRow), (where("eq", "isActive", True),), optional=frozenset({"sku"}))
        return [
            Product(row.id, row.name, row.sku) for row in parsed(ProductRow, read_all(self._client, query), "Products")
        ]

    def charges(self, periods: Collection[date], ids: Collection[int] = ()) -> list[ExistingCharge]:
        """Charges with keys of these periods; those with these numbers are asked for where they were not among them."""
        query = Query(ENTITY, names(ChargeWire))
        conditions = [where("beginsWith", KEY_FIELD, period_prefix(day)) for day in sorted(set(periods))]
        rows: list[Row] = []
        for at in range(0, len(conditions), MOST_ALTERNATIVES):
            some = conditions[at : at + MOST_ALTERNATIVES]
            only = some[0] if len(some) == 1 else {"op": "or", "items": some}
            rows += read_all(self._client, query.also(only))
        missing = set(ids) - {row["id"] for row in rows}
        rows += read_chunks(self._client, query, "id", missing) if missing else []
        return _charges(unique(rows))

    def charges_by_key(self, keys: Collection[ChargeKey], ids: Collection[int] = ()) -> list[ExistingCharge]:
        """Charges with exactly these keys, and those with these numbers."""
        query = Query(ENTITY, names(ChargeWire), bulk=False)
        texts = sorted({key.text for key in keys})
        size = self._client.limits.ids_per_query
        rows = [
            row
            for at in range(0, len(texts), size)
            for page in self._client.pages(query.also(where("in", KEY_FIELD, texts[at : at + size])))
            for row in page
        ]
        missing = set(ids) - {row["id"] for row in rows}
        rows += read_chunks(self._client, query, "id", missing) if missing else []
        return _charges(unique(rows))

    def write_charge(self, write: ChargeWrite) -> None:
        """Make, change or delete one charge. What became of it is to be read back: a 200 is no proof (reference §15)."""
        path = f"Contracts/{write.contract_id}/Charges"
        entities = (ENTITY,)
        if write.values is None:
            self._client.write("DELETE", f"{path}/{write.charge_id}", {}, entities)
            return
        body = self._body(write.key, write.values)
        if write.charge_id is None:
            kind = {"chargeType": self._charge_type()}
            self._client.write("POST", path, {"contractID": write.contract_id, **kind, **body}, entities)
        else:
            self._client.write("PATCH", path, {"id": write.charge_id, **body}, entities)

    def _body(self, key: ChargeKey, values: ChargeValues) -> Row:
        body: Row = {
            "name": values.name,
            "description": values.description,
            "datePurchased": values.day.isoformat(),
            "unitQuantity": 1,
            "unitPrice": float(values.price),
            "unitCost": float(values.cost),
            "isBillableToCompany": True,
            KEY_FIELD: key.text,
        }
        if values.product_id is not None:
            body["productID"] = values.product_id
        elif values.billing_code_id is not None:
            body["billingCodeID"] = values.billing_code_id
        return body

    def _charge_type(self) -> int:
        """The number of "Operational"; the numbers are not documented (reference §8.6)."""
        labels = picklist(self._client, ENTITY, "chargeType")
        found = [number for number, label in sorted(labels.items()) if label.casefold() == OPERATIONAL]
        return found[0] if found else min(labels, default=1)


def _charges(rows: Iterable[Row]) -> list[ExistingCharge]:
    return [_charge(row) for row in parsed(ChargeWire, list(rows), ENTITY)]


def _charge(row: ChargeWire) -> ExistingCharge:
    """A charge as the plan knows it. An amount that is not told is never taken as 0 (M2)."""
    day, quantity, price = row.date_purchased, row.unit_quantity, row.unit_price
    if row.contract_id is None or day is None or quantity is None or price is None or row.is_billed is None:
        told = {"contractID": row.contract_id, "datePurchased": day, "unitQuantity": quantity, "unitPrice": price}
        raise lacks(ENTITY, row, next((name for name, value in told.items() if value is None), "isBilled"))
    return ExistingCharge(
        id=row.id,
        contract_id=row.contract_id,
        key=ChargeKey.parse(row.internal_purchase_order_number),
        values=ChargeValues(
            name=row.name,
            description=row.description.replace("\r\n", "\n").strip(),
            day=day,
            price=_amount(price),
            cost=_amount(row.unit_cost or Decimal(0)),
            # With a product Autotask may fill in the product's own code.
            billing_code_id=None if row.product_id is not None else row.billing_code_id,
            product_id=row.product_id,
        ),
        quantity=_amount(quantity),
        billed=row.is_billed,
    )


def _amount(value: Decimal) -> Decimal:
    return value.quantize(DIGITS).normalize() + 0
