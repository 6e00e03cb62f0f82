"""Adjustments: which line, which day, how many, and what is refused (reference §7.3, §7.4, §15)."""

from __future__ import annotations

from datetime import date

import pytest

from .conftest import errors


def test_itemid_is_null_or_a_number(api, box):
    assert api.adjust(8001, 1, "2026-11-20").json() == {"itemId": None}
    box.switches.adjustment_item_id = "number"
    assert isinstance(api.adjust(8001, 1, "2026-11-21").json()["itemId"], int)


def test_child_path_and_root_path(api, box):
    answer = api.http.post(
        "Contracts/7001/ServiceAdjustments",
        json={"id": 0, "contractServiceID": 8001, "effectiveDate": "2026-11-20T09:00:00Z", "unitChange": 2},
    )
    assert answer.status_code == 200
    assert box.units(8001, date(2026, 11, 20)) == 12
    (entry,) = box.adjustments(8001)
    assert entry.values["effectiveDate"] == "2026-11-20"
    assert entry.body["unitChange"] == 2
    other = box.sandbox.data.contract(1001, "Other")
    box.reset(box.sandbox.data)
    wrong = {"contractID": other, "contractServiceID": 8001, "effectiveDate": "2026-11-21", "unitChange": 2}
    assert "does not match" in errors(api.http.post("Contracts/7001/ServiceAdjustments", json=wrong))


def test_by_contract_and_service_the_existing_line_is_adjusted(api, box):
    body = {"contractID": 7001, "serviceID": 302, "effectiveDate": "2026-11-01", "unitChange": 4}
    assert api.http.post("ContractServiceAdjustments", json=body).status_code == 200
    assert box.units(8002) == 4
    assert api.ids("ContractServices") == [8001, 8002]


def test_a_missing_line_is_created(api, box, data):
    extra = box.sandbox.data.service("Extra", 9.0, 4.0)
    box.reset(box.sandbox.data)
    body = {
        "contractID": 7001, "serviceID": extra, "effectiveDate": "2026-11-01", "unitChange": 4, "adjustedUnitPrice": 8.5,
    }  # fmt: skip
    assert api.http.post("ContractServiceAdjustments", json=body).status_code == 200
    line = api.items("ContractServices", {"op": "eq", "field": "serviceID", "value": extra})[0]
    assert (line["unitPrice"], line["unitCost"]) == (8.5, 4.0)
    assert box.units(line["id"]) == 4


def test_a_refused_adjustment_creates_no_line(api, box):
    body = {
        "contractID": 7001,
        "serviceID": 302,
        "effectiveDate": "2026-11-01",
        "unitChange": -1,
        "allowRepeatService": True,
    }
    assert "negative" in errors(api.http.post("ContractServiceAdjustments", json=body))
    assert api.ids("ContractServices") == [8001, 8002]
    assert box.ledger() == []


def test_a_second_line_for_the_service_only_on_purpose(api, box):
    body = {"contractID": 7001, "serviceID": 301, "effectiveDate": "2026-11-01", "unitChange": 2}
    assert api.http.post("ContractServiceAdjustments", json=body).status_code == 200
    assert api.ids("ContractServices") == [8001, 8002]
    assert api.http.post("ContractServiceAdjustments", json={**body, "allowRepeatService": True}).status_code == 200
    assert api.ids("ContractServices") == [8001, 8002, 8003]
    assert [box.units(8001), box.units(8003)] == [12, 2]


@pytest.mark.parametrize("day", ["2026-01-01", "2026-12-31"])
def test_first_and_last_day_of_the_contract_are_inside(api, day):
    assert api.adjust(8002, 1, day).status_code == 200


@pytest.mark.parametrize("day", ["2025-12-31", "2027-01-01"])
def test_a_day_outside_the_contract_is_refused(api, box, day):
    text = errors(api.adjust(8001, 1, day))
    assert text == (
        "ContractServiceAdjustment effectiveDate must be between the start date and end date of the Contract referenced "
        "by contractID."
    )
    assert box.ledger() == []


def test_below_zero_is_refused_on_any_later_day_too(api, box):
    assert "negative" in errors(api.adjust(8001, -11, "2026-11-20"))
    assert api.adjust(8001, -6, "2026-12-10").status_code == 200
    assert "negative" in errors(api.adjust(8001, -5, "2026-11-20"))
    assert api.adjust(8001, -4, "2026-11-20").status_code == 200
    assert [box.units(8001, date(2026, 11, 20)), box.units(8001, date(2026, 12, 31))] == [6, 0]


def test_zero_is_allowed_or_refused(api, box):
    box.switches.zero_units = "refuse"
    assert errors(api.adjust(8001, -10, "2026-11-20")) == box.switches.zero_text
    assert api.adjust(8001, -9, "2026-11-20").status_code == 200
    box.switches.zero_units = "allow"
    assert api.adjust(8001, -1, "2026-11-21").status_code == 200
    assert box.units(8001, date(2026, 11, 21)) == 0
    assert api.rows(8001)[-1]["units"] == 0


def test_second_adjustment_of_a_day_fails_also_with_the_first_one_of_the_line(api, box):
    assert "duplicate data into contract_service_period" in errors(api.adjust(8001, 1, "2026-01-01"))
    assert api.adjust(8001, 1, "2026-11-20").status_code == 200
    assert "duplicate data into contract_service_period" in errors(api.adjust(8001, 1, "2026-11-20"))
    assert box.units(8001) == 11


def test_second_adjustment_of_a_day_may_fail_for_fresh_lines_only(api, box):
    box.switches.same_day = "fail_fresh"
    assert "duplicate" in errors(api.adjust(8001, 1, "2026-01-01"))
    assert api.adjust(8001, 1, "2026-11-20").status_code == 200
    assert api.adjust(8001, 1, "2026-11-20").status_code == 200
    assert box.units(8001) == 12


def test_second_adjustment_of_a_day_may_be_merged(api, box):
    box.switches.same_day = "merge"
    for _ in range(3):
        assert api.adjust(8001, 1, "2026-11-20").status_code == 200
    assert box.units(8001) == 13
    assert len([row for row in api.rows(8001) if row["startDate"].startswith("2026-11")]) == 2


@pytest.mark.parametrize("change", [1.5, 2.0, "3", True])
def test_unit_change_is_an_integer(api, change):
    assert errors(api.adjust(8001, change, "2026-11-20"))


def test_required_fields(api):
    assert errors(api.http.post("ContractServiceAdjustments", json={"contractServiceID": 8001, "unitChange": 1})) == (
        "Value does not exist for the required field effectiveDate"
    )
    assert "unitChange" in errors(api.adjust(8001, None, "2026-11-20"))
    assert "contractID" in errors(
        api.http.post(
            "ContractServiceAdjustments", json={"serviceID": 301, "effectiveDate": "2026-11-20", "unitChange": 1}
        )
    )
    assert "ContractService does not exist or is invalid" in errors(api.adjust(4711, 1, "2026-11-20"))
    assert "DateTime" in errors(api.adjust(8001, 1, "20 november"))


def test_a_line_of_another_contract_is_refused(api):
    assert "contractID of type: Contract" in errors(api.adjust(8001, 1, "2026-11-20", contractID=7099))
    other = api.server.sandbox.data.contract(1001, "Other")
    api.server.reset(api.server.sandbox.data)
    assert "existing entity for contractServiceID" in errors(api.adjust(8001, 1, "2026-11-20", contractID=other))


def test_only_recurring_contracts(api):
    data = api.server.sandbox.data
    other = data.contract(1001, "Blok", contractType=4)
    api.server.reset(data)
    body = {"contractID": other, "serviceID": 301, "effectiveDate": "2026-11-20", "unitChange": 1}
    assert "Recurring Service" in errors(api.http.post("ContractServiceAdjustments", json=body))


def test_an_inactive_service_makes_no_new_line(api):
    data = api.server.sandbox.data
    old = data.service("Old", isActive=False)
    api.server.reset(data)
    body = {"contractID": 7001, "serviceID": old, "effectiveDate": "2026-11-20", "unitChange": 1}
    assert "serviceID of type: Service does not exist or is invalid" in errors(
        api.http.post("ContractServiceAdjustments", json=body)
    )


def test_price_and_cost_from_a_day_on(api, box):
    answer = api.adjust(8001, None, "2026-11-16", adjustedUnitPrice=22.0, adjustedUnitCost=16.0)
    assert answer.status_code == 200
    line = api.items("ContractServices")[0]
    assert (line["unitPrice"], line["unitCost"]) == (22.0, 16.0)
    rows = api.rows(8001)[-3:]
    assert [(row["startDate"][:10], row["units"], row["price"]) for row in rows] == [
        ("2026-11-01", 10, 100.0), ("2026-11-16", 10, 110.0), ("2026-12-01", 10, 220.0),
    ]  # fmt: skip
    assert api.adjust(8001, 0, "2026-12-01", adjustedUnitPrice=-1.0).status_code == 200
    assert api.rows(8001)[-1]["price"] == -10.0


def test_prorated_changes_may_be_forbidden(api, box):
    box.switches.prorate = "refuse"
    assert "prorated" in errors(api.adjust(8001, 1, "2026-11-20"))
    assert api.adjust(8001, 1, "2026-12-01").status_code == 200


def test_a_silent_sandbox_says_yes_and_does_nothing(api, box):
    box.switches.silent_entities = frozenset({"ContractServiceAdjustments"})
    assert api.adjust(8001, 1, "2026-11-20").status_code == 200
    assert box.units(8001) == 10
    assert box.ledger() == []


def test_changes_may_write_a_note(api, box):
    box.switches.auto_notes = True
    api.adjust(8001, 1, "2026-11-20")
    assert api.items("ContractNotes")[0]["contractID"] == 7001


def test_bundles_are_a_world_of_their_own(api, box):
    data = box.sandbox.data
    bundle = data.bundle("Workplace", [301, 302], 40.0)
    line = data.bundle_line(7001, bundle, 5)
    box.reset(data)
    body = {"contractServiceBundleID": line, "effectiveDate": "2026-11-20", "unitChange": 2}
    assert api.http.post("ContractServiceBundleAdjustments", json=body).status_code == 200
    assert box.units(line, kind="bundle") == 7
    rows = api.items("ContractServiceBundleUnits", {"op": "gte", "field": "startDate", "value": "2026-12-01"})
    assert [(row["contractServiceBundleID"], row["serviceBundleID"], row["units"], row["price"]) for row in rows] == [
        (line, bundle, 7, 280.0)
    ]
    assert "vendorCompanyID" not in rows[0]
    assert "contractServiceID" not in rows[0]
    path = "Contracts/7001/ServiceBundleAdjustments"
    wrong = {"serviceID": 301, "effectiveDate": "2026-11-21", "unitChange": 1}
    assert errors(api.http.post(path, json=wrong)) == "Value does not exist for the required field serviceBundleID"
    repeat = {"contractID": 7001, "serviceBundleID": bundle, "effectiveDate": "2026-11-20", "unitChange": 1}
    assert api.http.post(path, json={**repeat, "allowRepeatServiceBundle": True}).status_code == 200
    assert len(api.ids("ContractServiceBundles")) == 2
    assert box.units(8001) == 10
