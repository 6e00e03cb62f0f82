"""The whole against simple models: random adjustments, and random filters with and without indexes."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from connectors.autotask.sandbox import SandboxData, SandboxSwitches
from connectors.autotask.sandbox.entities import ENTITIES
from connectors.autotask.sandbox.generate import generate
from connectors.autotask.sandbox.query import QueryParser
from connectors.autotask.sandbox.sandbox import Sandbox
from connectors.autotask.sandbox.table import Narrowing
from tests.looking import tries

from .conftest import TODAY

START, END = date(2026, 1, 1), date(2026, 6, 30)


class Model:
    """One line, day by day."""

    def __init__(self, switches: SandboxSwitches) -> None:
        self.switches = switches
        self.changes: dict[date, int] = {}
        self.used: set[date] = set()

    def units(self, day: date) -> int:
        return sum(change for when, change in self.changes.items() if when <= day)

    def refuses(self, day: date, change: int) -> bool:
        if not START <= day <= END or (day in self.used and self.switches.same_day == "fail"):
            return True
        later = [day, *(when for when in self.changes if when > day)]
        totals = [self.units(when) + change for when in later]
        return min(totals) < 0 or (self.switches.zero_units == "refuse" and change < 0 and min(totals) == 0)

    def adjust(self, day: date, change: int) -> None:
        self.changes[day] = self.changes.get(day, 0) + change
        self.used.add(day)


@given(
    st.lists(st.tuples(st.dates(START - timedelta(days=2), END + timedelta(days=2)), st.integers(-6, 8)), max_size=12),
    st.sampled_from(["allow", "refuse"]),
    st.sampled_from(["fail", "merge"]),
)
@tries(40)
def test_random_adjustments_over_http_agree_with_a_day_by_day_model(api, box, steps, zero_units, same_day):
    data = SandboxData(TODAY)
    contract = data.contract(data.company("Acme"), start=START, end=END)
    line = data.line(contract, data.service("S"))
    box.reset(data)
    box.switches.zero_units, box.switches.same_day = zero_units, same_day
    model = Model(box.switches)
    for day, change in steps:
        expected = model.refuses(day, change)
        answer = api.adjust(line, change, day.isoformat())
        assert (answer.status_code == 500) is expected, answer.text
        if not expected:
            model.adjust(day, change)
    rows = api.rows(line)
    for offset in range((END - START).days + 1):
        day = START + timedelta(days=offset)
        covering = [row["units"] for row in rows if row["startDate"][:10] <= day.isoformat() <= row["endDate"][:10]]
        assert covering == ([model.units(day)] if model.used and day >= min(model.used) else [])
        assert box.units(line, day) == model.units(day)
    assert sum(entry.values["unitChange"] for entry in box.adjustments(line)) == sum(model.changes.values())


BOX = Sandbox(generate(companies=4, lines=40, months=6, seed=2, today=TODAY))
FIRSTS = [date(2026, month, 1) for month in range(8, 13)] + [date(2027, 1, 1), date(2027, 2, 1)]
LEAVES = st.one_of(
    st.builds(
        lambda field, op, value: {"op": op, "field": field, "value": value},
        st.sampled_from(["contractID", "contractServiceID", "serviceID", "units"]),
        st.sampled_from(["eq", "noteq", "gt", "gte", "lt", "lte"]),
        st.one_of(st.integers(7000, 7005), st.integers(7999, 8042), st.integers(300, 330)),
    ),
    st.builds(
        lambda field, op, values: {"op": op, "field": field, "value": values},
        st.sampled_from(["contractID", "contractServiceID", "serviceID"]),
        st.sampled_from(["in", "notIn"]),
        st.lists(st.one_of(st.integers(7000, 7005), st.integers(7999, 8042)), min_size=1, max_size=5),
    ),
    st.builds(
        lambda op, line, slot: {"op": op, "field": "id", "value": line * 4096 + slot},
        st.sampled_from(["eq", "gt", "gte", "lt", "lte"]),
        st.integers(8000, 8041),
        st.sampled_from([0, 1, 2, 1025]),
    ),
    st.builds(
        lambda field, op, day: {"op": op, "field": field, "value": day},
        st.sampled_from(["startDate", "endDate"]),
        st.sampled_from(["eq", "noteq", "gt", "gte", "lt", "lte"]),
        st.sampled_from(
            [(first + timedelta(days=shift)).isoformat() for first in FIRSTS for shift in (-2, -1, 0, 1, 14)]
        ),
    ),
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda op, items: {"op": op, "items": items},
        st.sampled_from(["and", "or"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


@given(st.lists(FILTERS, min_size=1, max_size=3), st.sampled_from(["last_day", "next_start"]))
@tries(300)
def test_indexes_and_period_windows_never_lose_a_row(filters, end):
    BOX.switches.unit_end = end
    spec = ENTITIES["ContractServiceUnits"]
    query = QueryParser(spec, {}, BOX.switches).parse({"filter": filters})
    everything = list(BOX.state.select(spec.name, Narrowing()))
    narrowed = list(BOX.state.select(spec.name, query.narrowing))
    assert [row["id"] for row in narrowed] == sorted(row["id"] for row in narrowed)
    assert list(filter(query.matches, narrowed)) == list(filter(query.matches, everything))
