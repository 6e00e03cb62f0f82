"""Fields, services, products and contracts: made, found again by their keys, whatever this Autotask's habits are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from connectors.autotask import Autotask
from connectors.autotask.sandbox import SandboxData, SandboxServer
from connectors.autotask.sandbox.data import MATERIAL_CODE, RECURRING_CODE
from core.domain.contract import LineKind, LineRef, PeriodType
from core.domain.errors import OutcomeUnknown, Refused
from core.domain.provisioning.policy import FIELD_NAME
from core.domain.provisioning.steps import Step

CONTRACT = Step(
    key="sub-1", name="Premium - Acme", period_type=PeriodType.YEARLY, start=date(2026, 6, 15), end=date(2027, 6, 14),
    service_level_agreement=2, category=1,
)  # fmt: skip
FIELD = Step(key=FIELD_NAME, name=FIELD_NAME, description="The subscription of this contract")


@pytest.fixture
def company(data: SandboxData, server: SandboxServer) -> int:
    key = data.company("Acme B.V.")
    server.reset(data)
    return key


def test_s3_03_the_field_is_defined_once_on_contracts(autotask: Autotask, server: SandboxServer) -> None:
    assert not autotask.has_contract_field(FIELD_NAME)
    autotask.add_contract_field(FIELD)
    assert autotask.has_contract_field(FIELD_NAME)
    with pytest.raises(Refused, match="already exists"):
        autotask.add_contract_field(FIELD)
    (definition,) = server.sandbox.records("UserDefinedFieldDefinitions")
    assert (definition["udfType"], definition["dataType"]) == (4, 1)


@pytest.mark.parametrize("dates", ["z", "bare", "eastern"])
@pytest.mark.parametrize("without", ["missing", "empty"])
def test_a_contract_carries_its_subscription_and_is_found_by_it(
    autotask: Autotask, server: SandboxServer, company: int, dates: str, without: str
) -> None:
    server.switches.dates, server.switches.udf_without_values = dates, without  # type: ignore[assignment]
    autotask.add_contract_field(FIELD)
    assert autotask.subscription_contracts(FIELD_NAME) == []
    autotask.add_contract(company, CONTRACT, FIELD_NAME)
    (found,) = autotask.subscription_contracts(FIELD_NAME)
    contract = found.contract
    assert (found.subscription_id, contract.start, contract.end) == ("sub-1", CONTRACT.start, CONTRACT.end)
    assert (contract.company_id, contract.name, contract.period_type) == (company, "Premium - Acme", PeriodType.YEARLY)
    autotask.extend_contract(contract.id, date(2028, 6, 14))
    autotask.rename_contract(contract.id, "Premium")
    autotask.mark_contract(contract.id, "sub-2", FIELD_NAME)
    (after,) = autotask.subscription_contracts(FIELD_NAME)
    assert (after.subscription_id, after.contract.end, after.contract.name) == ("sub-2", date(2028, 6, 14), "Premium")


def test_a_tenant_that_does_not_name_the_field_in_answers_is_asked_for_whole_records(
    connected: Callable[..., Autotask], server: SandboxServer, company: int
) -> None:
    autotask = connected()
    autotask.add_contract_field(FIELD)
    autotask.add_contract(company, CONTRACT, FIELD_NAME)
    server.faults.add(
        action="errors", text="Unable to find Subscription ID in the Contract Entity.", entity="Contracts",
        operation="query", contains="IncludeFields", times=None,
    )  # fmt: skip
    assert [one.subscription_id for one in autotask.subscription_contracts(FIELD_NAME)] == ["sub-1"]


def test_services_and_products_are_found_by_their_sku(autotask: Autotask, server: SandboxServer) -> None:
    step = Step(
        key="CFQ7:P1Y:monthly", name="Premium P1Y monthly", period_type=PeriodType.MONTHLY, billing_code=RECURRING_CODE,
        unit_price=Decimal("20.60"), unit_cost=Decimal("15.10"),
    )  # fmt: skip
    autotask.add_service(step)
    (service,) = autotask.services_by_sku(["CFQ7:P1Y:monthly", "other"])
    assert (service.name, service.unit_price, service.unit_cost) == (step.name, Decimal("20.6"), Decimal("15.1"))
    autotask.price_service(service.id, Step(key=step.key, unit_price=Decimal("22.4")))
    assert autotask.services_by_sku([step.key])[0].unit_price == Decimal("22.4")
    assert server.sandbox.record("Services", service.id)["unitCost"] == 15.1  # type: ignore[index]
    autotask.add_product(Step(key="azure_plan", name="Azure Plan", billing_code=MATERIAL_CODE))
    assert [one.name for one in autotask.products_by_sku(["azure_plan"])] == ["Azure Plan"]


def test_a_lost_answer_is_unknown_and_a_refusal_is_one(autotask: Autotask, server: SandboxServer, company: int) -> None:
    autotask.add_contract_field(FIELD)
    server.faults.add(action="drop", when="after", entity="Contracts", operation="create")
    with pytest.raises(OutcomeUnknown):
        autotask.add_contract(company, CONTRACT, FIELD_NAME)
    assert len(autotask.subscription_contracts(FIELD_NAME)) == 1
    wrong = Step(key="x", name="X", period_type=PeriodType.MONTHLY, billing_code=MATERIAL_CODE)
    with pytest.raises(Refused):
        autotask.add_service(wrong)


def test_what_unit_rows_bill_is_read_with_the_units(
    data: SandboxData, server: SandboxServer, autotask: Autotask
) -> None:
    contract = data.contract(data.company("Acme B.V."), start=date(2026, 1, 1))
    line = data.line(contract, data.service("Azure", 12.5, 7.5), 2)
    server.reset(data)
    rows = autotask.row_amounts([LineRef(LineKind.SERVICE, line)], date(2026, 10, 1), date(2026, 11, 20))
    told = [(row.start, row.units, row.price, row.cost, row.posted) for row in rows[LineRef(LineKind.SERVICE, line)]]
    assert told == [
        (date(2026, 10, 1), 2, Decimal(25), Decimal(15), False),
        (date(2026, 11, 1), 2, Decimal(25), Decimal(15), False),
    ]
