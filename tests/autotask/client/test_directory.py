"""Reading companies, catalogue, contracts, lines and units in bulk."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from connectors.autotask import Autotask
from connectors.autotask.models import UnitWire
from connectors.autotask.picklists import period_type
from connectors.autotask.sandbox import SandboxData, SandboxServer
from core.domain.contract import ItemRef, LineKind, LineRef, PeriodType, units_on
from core.domain.errors import SettingsError, ShapeChanged

TODAY = date(2026, 11, 20)


def service_line(key: int) -> LineRef:
    return LineRef(LineKind.SERVICE, key)


def test_companies_without_the_own_and_inactive_ones(
    data: SandboxData, server: SandboxServer, autotask: Autotask
) -> None:
    acme = data.company("Acme B.V.", companyNumber="A-1")
    data.company("Gone B.V.", isActive=False)
    server.reset(data)

    assert [(one.id, one.name, one.number, one.active) for one in autotask.companies()] == [
        (acme, "Acme B.V.", "A-1", True)
    ]


def test_a_delta_tells_what_became_inactive(data: SandboxData, server: SandboxServer, autotask: Autotask) -> None:
    company = data.company("Acme B.V.")
    service = data.service("MFA")
    contract = data.contract(company)
    data.company("Untouched B.V.")
    server.reset(data)
    before = datetime.now(UTC) - timedelta(minutes=1)
    server.sandbox.edit("Companies", company, isActive=False)
    server.sandbox.edit("Services", service, isActive=False)
    server.sandbox.edit("Contracts", contract, status=0)

    assert [(one.id, one.active) for one in autotask.companies(before)] == [(company, False)]
    assert [(one.ref.id, one.active) for one in autotask.items(before)] == [(service, False)]
    assert [(one.id, one.active) for one in autotask.contracts(before)] == [(contract, False)]


def test_only_recurring_contracts_of_customers(data: SandboxData, server: SandboxServer, autotask: Autotask) -> None:
    company = data.company("Acme B.V.")
    wanted = data.contract(
        company, "Managed", start=date(2026, 1, 15), end=date(2027, 1, 14), period=3, contractNumber="X"
    )
    data.contract(company, "Hours", contractType=4)
    data.contract(company, "Cancelled", status=0)
    data.contract(0, "Our own")
    server.reset(data)

    (found,) = autotask.contracts()

    assert (found.id, found.company_id, found.name, found.number) == (wanted, company, "Managed", "X")
    assert (found.start, found.end) == (date(2026, 1, 15), date(2027, 1, 14))
    assert (found.period_type, found.active) == (PeriodType.QUARTERLY, True)


def test_the_catalogue_has_services_and_bundles(data: SandboxData, server: SandboxServer, autotask: Autotask) -> None:
    service = data.service("MFA", 2.35, 1.15, sku="MFA-1")
    data.service("Old", isActive=False)
    bundle = data.bundle("Everything", [service], 12.5, period=5)
    server.reset(data)

    found = {item.ref: item for item in autotask.items()}

    assert set(found) == {ItemRef(LineKind.SERVICE, service), ItemRef(LineKind.BUNDLE, bundle)}
    mfa = found[ItemRef(LineKind.SERVICE, service)]
    assert (mfa.name, mfa.sku, mfa.unit_price, mfa.unit_cost) == ("MFA", "MFA-1", Decimal("2.35"), Decimal("1.15"))
    assert found[ItemRef(LineKind.BUNDLE, bundle)].period_type is PeriodType.YEARLY


def test_lines_of_both_families(data: SandboxData, server: SandboxServer, autotask: Autotask) -> None:
    company = data.company("Acme B.V.")
    service = data.service("MFA")
    bundle = data.bundle("Everything", [service], 12.5)
    one, other = data.contract(company), data.contract(company)
    line = data.line(one, service, 3, internalDescription="sub-1")
    bundled = data.bundle_line(other, bundle, 4)
    server.reset(data)

    found = {entry.ref: entry for entry in autotask.lines()}
    assert set(found) == {service_line(line), LineRef(LineKind.BUNDLE, bundled)}
    assert found[service_line(line)].contract_id == one
    assert found[service_line(line)].description == "sub-1"
    assert found[LineRef(LineKind.BUNDLE, bundled)].item == ItemRef(LineKind.BUNDLE, bundle)
    assert [entry.ref.id for entry in autotask.lines([other])] == [bundled]
    assert autotask.lines([]) == []


def test_m16_bundles_cost_one_request_where_there_are_none(
    data: SandboxData, server: SandboxServer, autotask: Autotask
) -> None:
    contracts = [data.contract(data.company("Acme B.V.")) for _ in range(3)]
    server.reset(data)

    autotask.lines(contracts)
    autotask.units(TODAY, contracts=contracts)
    autotask.units(TODAY, contracts=contracts)

    assert autotask.requests_by_entity["ContractServiceBundles"] == 1
    assert "ContractServiceBundleUnits" not in autotask.requests_by_entity


@pytest.mark.parametrize("dates", ["z", "bare", "eastern"])
@pytest.mark.parametrize("unit_end", ["last_day", "next_start", "split_next_start"])
def test_units_on_any_day_whatever_dates_look_like(
    dates: str, unit_end: str, data: SandboxData, server: SandboxServer, autotask: Autotask
) -> None:
    line = data.line(data.contract(data.company("Acme B.V.")), data.service("MFA"), 5)
    data.adjust(line, 3, date(2026, 11, 10))
    data.adjust(line, -2, date(2026, 12, 1))
    server.reset(data)
    server.switches.dates = dates
    server.switches.unit_end = unit_end
    days = [
        date(2026, 10, 31),
        date(2026, 11, 1),
        date(2026, 11, 9),
        date(2026, 11, 10),
        date(2026, 11, 30),
        date(2026, 12, 1),
    ]

    for day in days:
        for arguments in ({}, {"lines": [service_line(line)]}, {"contracts": [7001]}):
            (rows,) = autotask.units(day, day, **arguments).values()
            assert units_on(rows, day) == server.units(line, day), (day, arguments)
            assert list(rows) == sorted(rows, key=lambda row: row.start)


def test_units_of_bundles_and_posted_periods(data: SandboxData, server: SandboxServer, autotask: Autotask) -> None:
    bundle = data.bundle("Everything", [data.service("MFA")], 12.5)
    contract = data.contract(data.company("Acme B.V."))
    line = LineRef(LineKind.BUNDLE, data.bundle_line(contract, bundle, 4))
    server.reset(data)
    server.sandbox.post_period(date(2026, 10, 31))

    rows = autotask.units(date(2026, 10, 1), date(2026, 11, 30))[line]

    assert [(row.start, row.units, row.posted) for row in rows] == [
        (date(2026, 10, 1), 4, True),
        (date(2026, 11, 1), 4, False),
    ]
    assert autotask.units(date(2026, 10, 1), date(2026, 11, 30), lines=[line]) == {line: rows}


@pytest.mark.parametrize("zero_rows", [True, False])
def test_a_line_without_units_has_none_or_zero(
    zero_rows: bool, data: SandboxData, server: SandboxServer, autotask: Autotask
) -> None:
    line = service_line(data.line(data.contract(data.company("Acme B.V.")), data.service("MFA")))
    server.reset(data)
    server.switches.zero_rows = zero_rows

    assert units_on(autotask.units(TODAY, TODAY).get(line, []), TODAY) == 0


def test_prices_of_services_and_bundles(data: SandboxData, server: SandboxServer, autotask: Autotask) -> None:
    service = data.service("MFA", 2.35, 1.15)
    contract = data.contract(data.company("Acme B.V."))
    line = service_line(data.line(contract, service, 1))
    bundled = LineRef(LineKind.BUNDLE, data.bundle_line(contract, data.bundle("All", [service], 12.5), 1))
    server.reset(data)

    assert autotask.prices([line, bundled]) == {
        line: (Decimal("2.35"), Decimal("1.15")),
        bundled: (Decimal("12.5"), None),
    }


def test_billing_codes_and_picklists(autotask: Autotask) -> None:
    assert {code.use_type for code in autotask.billing_codes()} == {1, 4, 5}
    assert autotask.picklist("Contracts", "contractPeriodType")[2] == "Monthly"
    with pytest.raises(SettingsError):
        autotask.picklist("Contracts", "contractName")


@pytest.mark.parametrize(
    ("value", "label", "expected"),
    [
        (2, "Monthly", PeriodType.MONTHLY),
        (9, "Quarterly", PeriodType.QUARTERLY),
        (4, "Semi-Annual", PeriodType.SEMIANNUAL),
        (5, "", PeriodType.YEARLY),
        (3, "Kwartaal", PeriodType.QUARTERLY),
        (1, "One-Time", PeriodType.ONCE),
        ("2", "", PeriodType.MONTHLY),
        ("m", "", PeriodType.MONTHLY),
        ("Y", "", PeriodType.YEARLY),
        (17, "", PeriodType.UNKNOWN),
        (None, "", PeriodType.UNKNOWN),
    ],
)
def test_period_types_by_label_then_number_then_letter(
    value: int | str | None, label: str, expected: PeriodType
) -> None:
    labels = {int(value): label} if str(value).isdigit() and label else {}
    assert period_type(value, labels) is expected


def test_wire_dates_count_by_their_first_ten_characters() -> None:
    for text in ("2026-08-01T04:00:00Z", "2026-08-01T00:00:00", "2026-08-01", "2026-08-01T00:00:00.000Z"):
        assert UnitWire.model_validate({"id": 1, "startDate": text}).start_date == date(2026, 8, 1)


def test_m2_a_unit_row_without_units_is_not_zero(data: SandboxData, server: SandboxServer, autotask: Autotask) -> None:
    data.line(data.contract(data.company("Acme B.V.")), data.service("MFA"), 5)
    server.reset(data)
    server.switches.query_hides = ("units",)

    with pytest.raises(ShapeChanged, match="units"):
        autotask.units(TODAY, TODAY)


def test_fields_that_old_tenants_lack_are_done_without(
    data: SandboxData, server: SandboxServer, autotask: Autotask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connectors.autotask.sandbox.entities import ENTITIES

    for entity, name in (("Services", "sku"), ("Contracts", "lastModifiedDateTime")):
        monkeypatch.delitem(ENTITIES[entity].fields, name)
        monkeypatch.delitem(ENTITIES[entity].by_lower, name.lower())
    service = data.service("MFA")
    contract = data.contract(data.company("Acme B.V."))
    for entity in ("Services", "Contracts"):
        for record in data.records[entity]:
            record.pop("sku", None)
            record.pop("lastModifiedDateTime", None)
    server.reset(data)

    assert [item.ref.id for item in autotask.items()] == [service]
    assert [one.id for one in autotask.contracts(datetime.now(UTC))] == [contract]
    asked = autotask.requests_by_entity["Contracts"]
    assert [one.id for one in autotask.contracts(datetime.now(UTC))] == [contract]
    assert autotask.requests_by_entity["Contracts"] == asked + 1
