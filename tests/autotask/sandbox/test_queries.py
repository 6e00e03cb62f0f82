"""The query language of the reference, §3."""

from __future__ import annotations

import json

import pytest

from .conftest import EVERYTHING, errors


@pytest.fixture
def data(data):
    data.company("Bakker & Zoon", companyNumber="B-2", isActive=False)
    data.company("acme holding", companyNumber=None)
    data.add("UserDefinedFieldDefinitions", name="Sync key", udfType=1, dataType=1)
    data.add("UserDefinedFieldDefinitions", name="Region", udfType=1, dataType=1)
    data.records["Companies"][1]["_udf"] = {"Sync key": "K-1", "Region": "West"}
    return data


CONDITIONS = [
    ({"op": "eq", "field": "companyName", "value": "ACME b.v."}, [1001]),
    ({"op": "noteq", "field": "id", "value": 0}, [1001, 1002, 1003]),
    ({"op": "gt", "field": "id", "value": 1001}, [1002, 1003]),
    ({"op": "gte", "field": "id", "value": 1002}, [1002, 1003]),
    ({"op": "lt", "field": "id", "value": 1002}, [0, 1001]),
    ({"op": "lte", "field": "Id", "value": 1002}, [0, 1001, 1002]),
    ({"op": "beginsWith", "field": "companyName", "value": "acme"}, [1001, 1003]),
    ({"op": "endsWith", "field": "companyName", "value": "ZOON"}, [1002]),
    ({"op": "contains", "field": "companyName", "value": "&"}, [1002]),
    ({"op": "exist", "field": "companyNumber"}, [1002]),
    ({"op": "notExist", "field": "companyNumber"}, [0, 1001, 1003]),
    ({"op": "in", "field": "id", "value": [0, 1003, 77]}, [0, 1003]),
    ({"op": "notIn", "field": "id", "value": [0, 1003]}, [1001, 1002]),
    ({"op": "eq", "field": "isActive", "value": False}, [1002]),
    ({"op": "eq", "field": "companyType", "value": 1}, [0, 1001, 1002, 1003]),
    ({"op": "eq", "field": "companyType", "value": "1"}, [0, 1001, 1002, 1003]),
    # a number as text finds nothing where the field is an id (reference §10.1)
    ({"op": "eq", "field": "id", "value": "1001"}, []),
    ({"op": "in", "field": "id", "value": ["1001", 1002]}, [1002]),
    # null never compares, as in SQL
    ({"op": "noteq", "field": "companyNumber", "value": "X"}, [1002]),
    ({"op": "gte", "field": "createDate", "value": "2020-01-06T08:30:00Z"}, [0, 1001, 1002, 1003]),
    ({"op": "gt", "field": "createDate", "value": "2020-01-06T09:30:00+01:00"}, []),
    ({"op": "eq", "field": "sync key", "value": "k-1", "udf": True}, [1001]),
    (
        {"op": "or", "items": [
            {"op": "eq", "field": "id", "value": 0},
            {"op": "and", "items": [
                {"op": "contains", "field": "companyName", "value": "acme"},
                {"op": "gt", "field": "id", "value": 1001},
            ]},
        ]},
        [0, 1003],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS, ids=[json.dumps(one[0])[:60] for one in CONDITIONS])
def test_conditions(api, condition, expected):
    assert api.ids("Companies", condition) == expected
    count = api.http.post("Companies/query/count", json={"Filter": [condition]})
    assert count.json() == {"queryCount": len(expected)}
    by_get = api.http.get("Companies/query", params={"search": json.dumps({"Filter": [condition]})})
    assert [item["id"] for item in by_get.json()["items"]] == expected


def test_top_level_conditions_are_all_meant(api):
    found = api.ids(
        "Companies",
        {"op": "contains", "field": "companyName", "value": "acme"},
        {"op": "lt", "field": "id", "value": 1003},
    )
    assert found == [1001]


REFUSED = [
    ({"op": "eq", "field": "nonsense", "value": 1}, "Unable to find nonsense in the Company Entity."),
    ({"op": "eq", "field": "Sync key", "value": "K-1"}, "Unable to find Sync key in the Company Entity."),
    ({"op": "eq", "field": "Other", "value": "K-1", "udf": True}, "Unable to find Other in the Company Entity."),
    ({"op": "eq", "field": "id", "value": None}, "null"),
    ({"op": "in", "field": "id", "value": [1, None]}, "null"),
    ({"op": "noteExist", "field": "companyNumber"}, "noteExist"),
    ({"op": "eq", "field": "isActive", "value": "true"}, "true or false"),
    ({"op": "eq", "field": "companyType", "value": "Customer"}, "Conversion failed when converting varchar 'Customer'"),
    ({"op": "eq", "field": "createDate", "value": "yesterday"}, "Conversion failed when converting date"),
    ({"op": "contains", "field": "id", "value": "1"}, "cannot be used on field id"),
    ({"op": "in", "field": "id", "value": 1001}, "needs a list"),
    ({"op": "in", "field": "id", "value": list(range(501))}, "500"),
    ({"op": "or", "items": []}, "needs items"),
    ({"op": "or", "items": [EVERYTHING] * 501}, "500 or fewer 'OR' conditions"),
    ({"field": "id", "value": 1}, "needs op and field"),
]


@pytest.mark.parametrize(("condition", "text"), REFUSED, ids=[one[1][:40] for one in REFUSED])
def test_refused_conditions(api, condition, text):
    assert text in errors(api.query("Companies", condition))


def test_only_one_user_defined_field_in_a_query(api):
    one = {"op": "eq", "field": "Sync key", "value": "K-1", "udf": True}
    other = {"op": "eq", "field": "Region", "value": "West", "udf": True}
    assert "Only one" in errors(api.query("Companies", one, other))


@pytest.mark.parametrize("body", [{}, {"Filter": []}, {"filter": None}])
def test_a_filter_is_mandatory(api, body):
    assert "Filter" in errors(api.http.post("Companies/query", json=body))


def test_malformed_json_and_its_status(api, box):
    headers = {"Content-Type": "application/json"}
    assert errors(api.http.post("Companies/query", content=b"{no", headers=headers), 400)
    box.switches.malformed_status = 500
    assert errors(api.http.post("Companies/query", content=b"[1]", headers=headers), 500)


def test_unknown_operators_may_be_ignored(api, box):
    box.switches.unknown_operators = "ignore"
    assert len(api.ids("Companies", {"op": "noteExist", "field": "companyNumber"})) == 4


@pytest.mark.parametrize("number", [0, 501, -1, "5"])
def test_max_records_out_of_range(api, box, number):
    assert "MaxRecords" in errors(api.query("Companies", MaxRecords=number))
    box.switches.max_records_status = 400
    assert "MaxRecords" in errors(api.query("Companies", MaxRecords=number), 400)


def test_include_fields_leaves_everything_else_out(api, box):
    items = api.items("Companies", IncludeFields=["COMPANYNAME", "isActive"])
    assert items[1] == {"companyName": "Acme B.V.", "isActive": True}
    assert "Unable to find foo" in errors(api.query("Companies", IncludeFields=["id", "foo"]))
    box.switches.include_id_always = True
    assert set(api.items("Companies", IncludeFields=["companyName"])[0]) == {"id", "companyName"}


def test_include_fields_names_user_defined_fields(api):
    items = api.items("Companies", IncludeFields=["id", "Region"])
    assert items[1] == {"id": 1001, "userDefinedFields": [{"name": "Region", "value": "West"}]}


def test_user_defined_fields_are_missing_where_no_record_has_one(api, box):
    only = {"op": "eq", "field": "id", "value": 1002}
    assert "userDefinedFields" not in api.items("Companies", only)[0]
    box.switches.udf_without_values = "empty"
    assert api.items("Companies", only)[0]["userDefinedFields"] == []
    both = api.items("Companies", {"op": "in", "field": "id", "value": [1001, 1002]})
    assert both[1]["userDefinedFields"] == [{"name": "Sync key", "value": None}, {"name": "Region", "value": None}]


def test_queries_may_hold_fewer_fields_than_get(api, box):
    box.switches.query_hides = ("companyNumber",)
    assert "companyNumber" not in api.items("Companies")[0]
    assert "companyNumber" in api.http.get("Companies/0").json()["item"]


def test_a_long_get_is_404(api):
    search = json.dumps({"Filter": [{"op": "in", "field": "id", "value": list(range(1000, 1500))}]})
    answer = api.http.get("Companies/query", params={"search": search})
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize(
    ("form", "day"),
    [("z", "2026-01-01T00:00:00Z"), ("bare", "2026-01-01T00:00:00"), ("eastern", "2026-01-01T05:00:00Z")],
)
def test_forms_of_dates(api, box, form, day):
    box.switches.dates = form
    contract = api.items("Contracts")[0]
    assert contract["startDate"] == day
    assert contract["lastModifiedDateTime"] == ("2020-01-06T08:30:00" if form == "bare" else "2020-01-06T08:30:00Z")


@pytest.mark.parametrize("value", ["2026-12-31", "2026-12-31T00:00:00Z", "2026-12-31T00:00:00.000"])
def test_dates_of_filters_in_every_form(api, value):
    assert api.ids("Contracts", {"op": "eq", "field": "endDate", "value": value}) == [7001]
    assert api.ids("Contracts", {"op": "lt", "field": "endDate", "value": value}) == []
    assert api.ids("Contracts", {"op": "gt", "field": "endDate", "value": "2026-12-30T12:00:00"}) == [7001]
