"""Autotask's records as they come over the wire: any field may be null or absent (Autotask reference §8, §10.2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from connectors.autotask.answers import Row
from core.domain.errors import ShapeChanged
from core.domain.text import T


def _day(value: object) -> object:
    """A date-only field by its first ten characters: the time part and its zone mean nothing (reference §4)."""
    return value[:10] if isinstance(value, str) else value


def _text(value: object) -> object:
    return "" if value is None else value


Day = Annotated[date | None, BeforeValidator(_day)]
Words = Annotated[str, BeforeValidator(_text)]


def _alias(name: str) -> str:
    camel = to_camel(name)
    return f"{camel[:-2]}ID" if camel.endswith("Id") else camel


class Wire(BaseModel):
    """Base: field names become Autotask's (`contract_id` ↔ `contractID`); unknown fields are ignored."""

    model_config = ConfigDict(alias_generator=_alias, extra="ignore", coerce_numbers_to_str=True)

    id: int


class CompanyRow(Wire):
    company_name: Words = ""
    company_number: Words = ""
    company_type: int | None = None
    is_active: bool | None = None


class CatalogueRow(Wire):
    """A Service or a ServiceBundle."""

    name: Words = ""
    is_active: bool | None = None
    period_type: int | str | None = None
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None
    sku: Words = ""


class ContractRow(Wire):
    company_id: int | None = None
    contract_name: Words = ""
    contract_number: Words = ""
    contract_type: int | None = None
    contract_period_type: int | str | None = None
    status: int | None = None
    start_date: Day = None
    end_date: Day = None


class LineRow(Wire):
    """A ContractService or a ContractServiceBundle."""

    contract_id: int | None = None
    service_id: int | None = None
    service_bundle_id: int | None = None
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None
    internal_description: Words = ""
    invoice_description: Words = ""


class UnitWire(Wire):
    """A ContractServiceUnit or a ContractServiceBundleUnit."""

    contract_id: int | None = None
    service_id: int | None = None
    service_bundle_id: int | None = None
    contract_service_id: int | None = None
    contract_service_bundle_id: int | None = None
    start_date: Day = None
    end_date: Day = None
    units: int | None = None
    approve_and_post_date: Words = ""


class BillingCodeRow(Wire):
    name: Words = ""
    use_type: int | None = None
    is_active: bool | None = None


Model = TypeVar("Model", bound=Wire)
_adapters: dict[type[Wire], TypeAdapter[Any]] = {}


def names(model: type[Wire]) -> tuple[str, ...]:
    """What to ask for: the wire names of all fields of a model."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def parsed(model: type[Model], rows: Sequence[Row], entity: str) -> list[Model]:
    """Rows as models. Raises ShapeChanged naming the field: a number that cannot be read is never taken as 0 (M2)."""
    adapter = _adapters.setdefault(model, TypeAdapter(list[model]))  # type: ignore[valid-type]
    try:
        found: list[Model] = adapter.validate_python(rows)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = first["loc"]
        row = rows[place[0]] if place and isinstance(place[0], int) else {}
        raise ShapeChanged(
            T("{entity} {id}: the field {field} is not as documented.", entity=entity, id=str(row.get("id", "?")),
              field=str(place[1] if len(place) > 1 else "?")),
            place=entity,
            detail=first["msg"],
        ) from error  # fmt: skip
    return found


def lacks(entity: str, row: Wire, field: str) -> ShapeChanged:
    """The error for a record without a field that cannot be done without."""
    return ShapeChanged(
        T("{entity} {id}: the field {field} is not as documented.", entity=entity, id=str(row.id), field=field),
        place=entity,
    )
