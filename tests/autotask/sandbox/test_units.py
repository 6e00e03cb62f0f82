"""Unit rows: the grid, splits, prices, ids, and that nothing depends on how much is asked (reference §7.2)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.autotask.sandbox import SandboxData
from connectors.autotask.sandbox.grid import MONTHS, grid_of, plus_months
from connectors.autotask.sandbox.lines import Adjustment, LineState
from tests.looking import tries

DAYS = st.dates(date(2024, 1, 1), date(2026, 12, 31))


@st.composite
def lines(draw):
    """A contract record, its line and the changes of the line by day."""
    start = draw(DAYS)
    end = draw(st.dates(start + timedelta(days=1), start + timedelta(days=1200)))
    contract = {
        "startDate": start.isoformat(), "endDate": end.isoformat(), "contractPeriodType": draw(st.sampled_from([2, 3, 4, 5])),
    }  # fmt: skip
    changes = draw(st.dictionaries(st.dates(start, end), st.integers(-5, 9), max_size=8))
    state = LineState(1, 10.0, None)
    for number, (day, change) in enumerate(changes.items()):
        state.add(Adjustment(number, day.isoformat(), change, day.isoformat()))
    return contract, state, changes


@given(lines(), st.booleans())
@tries(150)
def test_rows_cover_each_day_once_with_the_sum_of_all_changes_so_far(line, zero_rows):
    contract, state, changes = line
    grid = grid_of(contract)
    rows = state.rows(grid, 0, len(grid.starts) - 1, zero_rows=zero_rows)
    assert [row.slot for row in rows] == sorted({row.slot for row in rows})
    covered = {}
    for row in rows:
        day, last = date.fromisoformat(row.start), date.fromisoformat(row.last)
        assert day <= last
        assert grid.starts[row.period] <= row.start <= row.last <= grid.lasts[row.period]
        while day <= last:
            assert day not in covered
            covered[day] = row.units
            day += timedelta(days=1)
    first = date.fromisoformat(contract["startDate"]) if zero_rows else min(changes, default=None)
    last = date.fromisoformat(contract["endDate"])
    expected = {}
    while first is not None and first <= last:
        expected[first] = sum(change for day, change in changes.items() if day <= first)
        first += timedelta(days=1)
    assert covered == expected


@given(lines(), st.data())
@tries(60)
def test_a_part_of_the_periods_gives_the_same_rows_as_all(line, draw):
    contract, state, _ = line
    grid = grid_of(contract)
    last = len(grid.starts) - 1
    low = draw.draw(st.integers(0, last))
    high = draw.draw(st.integers(low, last))
    every = state.rows(grid, 0, last, zero_rows=False)
    assert state.rows(grid, low, high, zero_rows=False) == [row for row in every if low <= row.period <= high]


@given(DAYS, st.integers(1, 1500), st.sampled_from([1, 2, 3, 4, 5]))
@settings(deadline=None)
def test_periods_step_from_the_start_of_the_contract(start, days, period_type):
    end = start + timedelta(days=days)
    months = MONTHS[period_type]
    grid = grid_of({"startDate": start.isoformat(), "endDate": end.isoformat(), "contractPeriodType": period_type})
    assert grid.starts[0] == start.isoformat()
    assert grid.lasts[-1] == end.isoformat()
    for number, begin in enumerate(grid.starts):
        assert begin == plus_months(start, months * number).isoformat()
        assert grid.index(begin) == grid.index(grid.lasts[number]) == number


def test_a_month_that_is_too_short_does_not_move_later_periods():
    grid = grid_of({"startDate": "2026-01-31", "endDate": "2026-05-30", "contractPeriodType": 2})
    assert grid.starts == ("2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30")


def test_an_adjustment_splits_its_row_and_carries_forward(api):
    assert api.adjust(8001, 3, "2026-05-11").status_code == 200
    rows = api.rows(8001)
    shown = [(row["startDate"][:10], row["endDate"][:10], row["units"], row["price"], row["cost"]) for row in rows[3:7]]
    assert shown == [
        ("2026-04-01", "2026-04-30", 10, 200.0, 150.0),
        ("2026-05-01", "2026-05-10", 10, 64.52, 48.39),  # 10 x 20 x 10/31
        ("2026-05-11", "2026-05-31", 13, 176.13, 132.1),  # 13 x 20 x 21/31
        ("2026-06-01", "2026-06-30", 13, 260.0, 195.0),
    ]
    assert rows[-1]["units"] == 13
    assert all(row["approveAndPostDate"] is None for row in rows)
    # ids ascend by creation: the split row comes after all period rows
    assert max(rows, key=lambda row: row["id"])["startDate"][:10] == "2026-05-11"


def test_a_change_at_a_period_start_does_not_split(api):
    api.adjust(8001, -4, "2026-06-01")
    assert [row["units"] for row in api.rows(8001)] == [10] * 5 + [6] * 7


def test_every_way_to_a_row_gives_the_same_row(api):
    api.adjust(8001, 3, "2026-05-11")
    rows = {row["id"]: row for row in api.rows(8001)}
    for key, row in rows.items():
        assert api.http.get(f"ContractServiceUnits/{key}").json()["item"] == row
        assert api.items("ContractServiceUnits", {"op": "eq", "field": "id", "value": key}) == [row]
    nested = api.http.get("Contracts/7001/ServiceUnits").json()["items"]
    assert {row["id"]: row for row in nested} == rows
    for field, value in (("contractID", 7001), ("serviceID", 301), ("units", 13), ("price", 176.13)):
        found = api.ids("ContractServiceUnits", {"op": "eq", "field": field, "value": value})
        assert found == sorted(key for key, row in rows.items() if row[field] == value)


@pytest.mark.parametrize("field", ["startDate", "endDate"])
@pytest.mark.parametrize("op", ["eq", "noteq", "gt", "gte", "lt", "lte"])
@pytest.mark.parametrize("end", ["last_day", "next_start", "split_next_start"])
def test_date_filters_find_what_the_rows_themselves_say(api, box, field, op, end):
    box.switches.unit_end = end
    api.adjust(8001, 3, "2026-05-11")
    rows = api.rows(8001)
    compare = {
        "eq": lambda a, b: a == b, "noteq": lambda a, b: a != b, "gt": lambda a, b: a > b,
        "gte": lambda a, b: a >= b, "lt": lambda a, b: a < b, "lte": lambda a, b: a <= b,
    }[op]  # fmt: skip
    for day in (
        "2025-12-31",
        "2026-01-01",
        "2026-05-10",
        "2026-05-11",
        "2026-05-31",
        "2026-06-01",
        "2026-12-31",
        "2027-01-01",
    ):
        found = api.ids("ContractServiceUnits", {"op": op, "field": field, "value": day})
        assert found == sorted(row["id"] for row in rows if compare(row[field][:10], day)), day


@pytest.mark.parametrize(
    ("end", "dates"),
    [
        ("last_day", ["2026-05-10", "2026-05-31"]),
        ("next_start", ["2026-05-11", "2026-06-01"]),
        ("split_next_start", ["2026-05-11", "2026-05-31"]),
    ],
)
def test_forms_of_the_end_of_a_row(api, box, end, dates):
    box.switches.unit_end = end
    api.adjust(8001, 3, "2026-05-11")
    rows = api.rows(8001)
    assert [row["endDate"][:10] for row in rows if row["startDate"].startswith("2026-05")] == dates


def test_a_line_without_adjustment_has_no_rows_or_zero_rows(api, box):
    assert api.rows(8002) == []
    box.switches.zero_rows = True
    assert [row["units"] for row in api.rows(8002)] == [0] * 12


def test_pages_of_units_over_many_lines(api, box):
    data = SandboxData(date(2026, 11, 20))
    contract = data.contract(data.company("Many"), start=date(2026, 1, 1), end=date(2026, 12, 31))
    for number in range(30):
        data.line(contract, data.service(f"S{number}"), number)
    box.reset(data)
    body = {"Filter": [{"op": "gte", "field": "endDate", "value": "2026-11-20"}], "MaxRecords": 7}
    found, answer = [], api.http.post("ContractServiceUnits/query", json=body).json()
    while True:
        found += answer["items"]
        url = answer["pageDetails"]["nextPageUrl"]
        if not url:
            break
        answer = api.http.post(url, json=body).json()
    assert [row["id"] for row in found] == sorted(row["id"] for row in found)
    assert len(found) == 29 * 2
    assert {row["contractServiceID"] - 8001 for row in found} == set(range(1, 30))


def test_loop_on_id_finds_every_row(api):
    api.adjust(8001, 3, "2026-05-11")
    found, last = [], 0
    while page := api.ids("ContractServiceUnits", {"op": "gt", "field": "id", "value": last}):
        found += page[:4]
        last = found[-1]
    assert found == sorted(row["id"] for row in api.rows(8001))
