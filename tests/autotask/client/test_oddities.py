"""Answers that were seen or are possible but that the sandbox never gives (Autotask reference §8.3, §10)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from connectors.autotask import Autotask, AutotaskLimits, AutotaskSettings, connect
from core.domain.contract import LineKind, LineRef, UnitRow
from core.domain.errors import ShapeChanged
from tests.autotask.client.fake import FakeAutotask, serving

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)


@pytest.fixture
def fake() -> Iterator[FakeAutotask]:
    with serving(FakeAutotask()) as running:
        yield running


@pytest.fixture
def autotask(fake: FakeAutotask) -> Iterator[Autotask]:
    limits = AutotaskLimits(page_size=10, first_wait=0.001, longest_wait=0.01, attempts=2)
    settings = AutotaskSettings(
        user_name="api@example.com",
        secret="s3cr3t-s3cr3t",
        integration_code="code-code",
        base_url=fake.base_url,
        limits=limits,
    )
    connected = connect(settings)
    yield connected
    connected.close()


def companies(fake: FakeAutotask, count: int) -> set[int]:
    fake.tables["Companies"] = [
        {"id": number, "companyName": f"C{number}", "isActive": True} for number in range(1, count + 1)
    ]
    return set(range(1, count + 1))


def test_relative_addresses_of_the_next_page(fake: FakeAutotask, autotask: Autotask) -> None:
    ids = companies(fake, 35)
    fake.page_url = lambda path, number: f"{path}/next?paging={number}"
    assert {one.id for one in autotask.companies()} == ids
    fake.page_url = lambda path, number: f"Companies/query/next?paging={number}"
    assert {one.id for one in autotask.companies()} == ids
    assert sum("/query/next" in path for path in fake.asked) >= 6


def test_the_next_page_is_asked_with_the_same_verb_and_body(fake: FakeAutotask, autotask: Autotask) -> None:
    companies(fake, 25)
    autotask.companies()
    pages = [body for path, body in zip(fake.asked, fake.bodies, strict=True) if "count" not in path]
    assert len(pages) == 3
    assert all(body == pages[0] for body in pages)
    assert sum("/query/next" in path for path in fake.asked) == 2


def test_credentials_follow_no_page_to_another_host(fake: FakeAutotask, autotask: Autotask) -> None:
    with serving(FakeAutotask()) as elsewhere:
        fake.page_url = lambda path, number: f"{elsewhere.origin}{path}/next?paging={number}"
        ids = companies(fake, 35)
        assert {one.id for one in autotask.companies()} == ids
        assert elsewhere.asked == []


def test_a_list_of_pages_that_never_ends(fake: FakeAutotask, autotask: Autotask) -> None:
    fake.page_url = lambda path, _: f"{path}/next?paging=0"
    companies(fake, 35)
    with pytest.raises(ShapeChanged):
        autotask.companies()


def test_pages_out_of_order_are_read_but_not_continued_by_id(fake: FakeAutotask, autotask: Autotask) -> None:
    fake.shuffled = True
    ids = companies(fake, 95)
    assert {one.id for one in autotask.companies()} == ids
    companies(fake, 600)
    with pytest.raises(ShapeChanged, match="order of id"):
        autotask.companies()


@pytest.mark.parametrize("details", ["none", 7, ["x"]])
def test_m2_without_page_details_nothing_is_believed(details: object, fake: FakeAutotask, autotask: Autotask) -> None:
    companies(fake, 5)
    fake.details = details
    with pytest.raises(ShapeChanged, match="pageDetails"):
        autotask.companies()


def test_null_and_absent_fields(fake: FakeAutotask, autotask: Autotask) -> None:
    fake.tables["Companies"] = [
        {"id": 1, "companyName": None, "isActive": True, "companyNumber": None, "companyType": None}
    ]
    fake.tables["Contracts"] = [
        {"id": 5, "companyID": 1, "contractType": 7, "status": 1, "startDate": "2026-01-01T05:00:00Z"},
        {"id": 6, "companyID": 1, "contractType": 7, "status": 1, "startDate": None, "contractPeriodType": "m"},
    ]
    (company,) = autotask.companies()
    assert (company.name, company.number, company.company_type) == ("", "", None)
    (contract,) = autotask.contracts()
    assert (contract.id, contract.start, contract.end, contract.name) == (5, date(2026, 1, 1), date.max, "")


def test_a_text_where_a_number_belongs_names_record_and_field(fake: FakeAutotask, autotask: Autotask) -> None:
    fake.tables["ContractServices"] = [{"id": 8, "contractID": "seven", "serviceID": 1}]
    with pytest.raises(ShapeChanged, match="ContractServices 8: the field contractID"):
        autotask.lines()


def unit(key: int, line: int | None, units: int, service: int = 301, contract: int = 7001) -> dict[str, object]:
    return {
        "id": key,
        "contractID": contract,
        "serviceID": service,
        "contractServiceID": line,
        "startDate": "2026-11-01T00:00:00Z",
        "endDate": "2026-11-30T00:00:00Z",
        "units": units,
        "approveAndPostDate": None,
    }


def test_rows_without_a_line_belong_to_the_only_one_they_can_mean(fake: FakeAutotask, autotask: Autotask) -> None:
    """7001 has one line of service 301 and two of 302: a row of 302 without a line is not guessed (M9)."""
    fake.tables["ContractServices"] = [
        {"id": 1, "contractID": 7001, "serviceID": 301},
        {"id": 2, "contractID": 7001, "serviceID": 302},
        {"id": 3, "contractID": 7001, "serviceID": 302},
    ]
    fake.tables["ContractServiceUnits"] = [
        unit(1, None, 9),
        unit(2, 2, 4, 302),
        unit(3, None, 6, 302),
        unit(4, 3, 1, 302),
    ]
    expected = {line(1): [row(9)], line(2): [row(4)], line(3): [row(1)]}

    assert autotask.units(FIRST, LAST) == expected
    assert autotask.units(FIRST, LAST, contracts=[7001]) == expected
    assert autotask.units(FIRST, LAST, lines=[line(1), line(2), line(3)]) == expected
    assert autotask.units(FIRST, LAST, lines=[line(1)]) == {line(1): [row(9)]}


def test_m16_rows_without_a_line_are_looked_for_once_where_there_are_none(
    fake: FakeAutotask, autotask: Autotask
) -> None:
    fake.tables["ContractServiceUnits"] = [unit(1, 1, 9)]
    for _ in range(3):
        autotask.units(FIRST, LAST, lines=[line(1)])
        autotask.units(date(2026, 12, 1), date(2026, 12, 31), lines=[line(1)])
    assert autotask.requests_by_entity["ContractServiceUnits"] == 7


def test_days_at_the_ends_of_the_calendar(fake: FakeAutotask, autotask: Autotask) -> None:
    fake.tables["ContractServiceUnits"] = [unit(1, 1, 9)]
    assert autotask.units(date.min, date.max, lines=[line(1)]) == {line(1): [row(9)]}


def line(key: int) -> LineRef:
    return LineRef(LineKind.SERVICE, key)


def row(units: int) -> UnitRow:
    return UnitRow(FIRST, LAST, units)
