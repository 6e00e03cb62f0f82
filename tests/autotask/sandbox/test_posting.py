"""Approve and post, and what comes after it (reference §7.3, §7.6, §8.10)."""

from __future__ import annotations

from datetime import date

import pytest

from .conftest import errors


def items(api, **fields):
    found = api.items("BillingItems")
    return [item for item in found if all(item[name] == value for name, value in fields.items())]


def test_posting_stamps_rows_and_makes_billing_items(api, box):
    assert box.sandbox.post_period(date(2026, 2, 28)) == 2
    stamps = [row["approveAndPostDate"] for row in api.rows(8001)]
    assert stamps == ["2026-11-20T11:00:00Z"] * 2 + [None] * 10
    item = items(api)[0]
    row = api.rows(8001)[0]
    assert (item["contractServiceID"], item["contractServicePeriodID"]) == (8001, row["id"])
    assert (item["quantity"], item["rate"], item["extendedPrice"]) == (10, 20.0, 200.0)
    assert (item["itemDate"], item["postedDate"]) == ("2026-01-01T00:00:00Z", "2026-11-20T00:00:00Z")
    assert (item["companyID"], item["invoiceID"]) == (1001, None)
    assert box.sandbox.post_period(date(2026, 2, 28)) == 0


def test_a_later_change_in_a_posted_period_gives_unposted_items(api, box):
    box.sandbox.post_period(date(2026, 11, 30))
    assert api.adjust(8001, -4, "2026-10-17").status_code == 200
    waiting = [item for item in items(api) if item["postedDate"] is None]
    # 4 x 20 x 15/31 back for October, all of November
    assert [(item["itemDate"][:10], item["quantity"], item["extendedPrice"]) for item in waiting] == [
        ("2026-10-17", -4, -38.71),
        ("2026-11-01", -4, -80.0),
    ]
    assert waiting[0]["contractServiceAdjustmentID"]
    rows = api.rows(8001)
    assert [row["units"] for row in rows[-4:]] == [10, 6, 6, 6]
    assert all(row["approveAndPostDate"] for row in rows[:-1])
    assert rows[-1]["approveAndPostDate"] is None
    box.sandbox.post_period(date(2026, 11, 30))
    assert [item for item in items(api) if item["postedDate"] is None] == []


def test_the_split_row_of_a_posted_period_may_be_unstamped(api, box):
    box.switches.posted_split_stamped = False
    box.sandbox.post_period(date(2026, 10, 31))
    api.adjust(8001, -4, "2026-10-17")
    october = [row for row in api.rows(8001) if row["startDate"].startswith("2026-10")]
    assert [bool(row["approveAndPostDate"]) for row in october] == [True, False]


def test_posted_rows_may_stay_as_they_were(api, box):
    box.switches.posted_period = "keep"
    box.sandbox.post_period(date(2026, 11, 30))
    assert api.adjust(8001, 5, "2026-10-17").status_code == 200
    assert [row["units"] for row in api.rows(8001)] == [10] * 11 + [15]
    assert box.units(8001, date(2026, 12, 1)) == 15
    assert len([item for item in items(api) if item["postedDate"] is None]) == 2


def test_a_change_in_a_posted_period_may_be_refused(api, box):
    box.switches.posted_period = "refuse"
    box.sandbox.post_period(date(2026, 10, 31))
    assert "already approved and posted contract period" in errors(api.adjust(8001, 1, "2026-10-17"))
    assert api.adjust(8001, 1, "2026-11-01").status_code == 200


def test_posting_one_contract(api, box):
    other = box.sandbox.data.contract(1001, "Other")
    line = box.sandbox.data.line(other, 301, 3)
    box.reset(box.sandbox.data)
    box.sandbox.post_period(date(2026, 1, 31), contract_id=7001)
    assert not any(row["approveAndPostDate"] for row in api.rows(line))
    assert api.rows(8001)[0]["approveAndPostDate"]


def test_end_date_cannot_cut_a_posted_period(api, box):
    box.sandbox.post_period(date(2026, 10, 31))
    answer = api.http.patch("Contracts", json={"id": 7001, "endDate": "2026-10-15"})
    assert "already approved and posted contract period" in errors(answer)
    assert api.http.patch("Contracts", json={"id": 7001, "endDate": "2026-10-31"}).status_code == 200


def test_shortening_deletes_what_is_later_and_extending_goes_on(api, box):
    api.adjust(8001, 5, "2026-12-01")
    assert api.http.patch("Contracts", json={"id": 7001, "endDate": "2026-11-14"}).status_code == 200
    rows = api.rows(8001)
    assert rows[-1]["endDate"] == "2026-11-14T00:00:00Z"
    assert rows[-1]["price"] == 93.33  # 10 x 20 x 14/30
    assert box.units(8001, date(2026, 12, 1)) == 0
    assert "between" in errors(api.adjust(8001, 1, "2026-12-01"))
    assert api.http.patch("Contracts", json={"id": 7001, "endDate": "2027-03-31"}).status_code == 200
    assert [row["units"] for row in api.rows(8001)] == [10] * 15
    assert api.adjust(8001, 1, "2027-02-01").status_code == 200


def test_renewal_copies_lines_and_units_into_a_new_contract(api, box):
    api.adjust(8001, 5, "2026-12-01")
    renewed = box.sandbox.renew(7001)
    contract = api.http.get(f"Contracts/{renewed}").json()["item"]
    assert (contract["startDate"][:10], contract["endDate"][:10]) == ("2027-01-01", "2027-12-31")
    lines = api.items("ContractServices", {"op": "eq", "field": "contractID", "value": renewed})
    assert [(line["serviceID"], box.units(line["id"], date(2027, 1, 1))) for line in lines] == [(301, 15), (302, 0)]
    assert api.http.get("Contracts/7001").json()["item"]["renewedContractID"] == renewed


def test_charges_are_locked_when_billed(api, box):
    body = {
        "name": "Azure", "datePurchased": "2026-10-05", "chargeType": 1, "unitQuantity": 3, "billingCodeID": 29683502,
        "unitPrice": 10.005, "isBillableToCompany": True,
    }  # fmt: skip
    charge = api.http.post("Contracts/7001/Charges", json=body).json()["itemId"]
    shown = api.http.get(f"ContractCharges/{charge}").json()["item"]
    assert (shown["billableAmount"], shown["unitPrice"], shown["isBilled"]) == (30.03, 10.01, False)
    assert api.http.patch("Contracts/7001/Charges", json={"id": charge, "unitQuantity": 2}).status_code == 200
    box.sandbox.post_period(date(2026, 10, 31))
    assert api.http.get(f"ContractCharges/{charge}").json()["item"]["isBilled"] is True
    assert items(api, contractChargeID=charge)[0]["extendedPrice"] == 20.02
    assert "billed" in errors(api.http.patch("Contracts/7001/Charges", json={"id": charge, "unitQuantity": 1}))
    assert "billed" in errors(api.http.delete(f"Contracts/7001/Charges/{charge}"))


def test_an_unbilled_charge_can_go(api):
    body = {
        "name": "Once",
        "datePurchased": "2026-10-05",
        "chargeType": 1,
        "unitQuantity": 1,
        "billingCodeID": 29683502,
    }
    charge = api.http.post("Contracts/7001/Charges", json=body).json()["itemId"]
    assert api.http.delete(f"Contracts/7001/Charges/{charge}").json() == {"itemId": charge}
    assert api.ids("ContractCharges") == []
    assert "No matching records found" in errors(api.http.delete(f"Contracts/7001/Charges/{charge}"))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"billingCodeID": None}, "Either productID or billingCodeID"),
        ({"billingCodeID": 29683501}, "BillingCode does not exist or is invalid"),
        ({"chargeType": 99}, "Picklist value [99] does not exist for chargeType."),
        ({"name": None}, "required field name"),
        ({"name": "x" * 101}, "maximum length of 100"),
        ({"contractID": 7002}, "contractID"),
    ],
)
def test_refused_charges(api, change, text):
    body = {
        "name": "Once",
        "datePurchased": "2026-10-05",
        "chargeType": 1,
        "unitQuantity": 1,
        "billingCodeID": 29683502,
    }
    assert text in errors(api.http.post("Contracts/7001/Charges", json={**body, **change}))


def test_web_service_date_is_the_only_writable_field_of_a_billing_item(api, box):
    box.sandbox.post_period(date(2026, 1, 31))
    key = items(api)[0]["id"]
    answer = api.http.patch("BillingItems", json={"id": key, "webServiceDate": "2026-11-20T10:00:00Z", "quantity": 99})
    assert answer.json() == {"itemId": key}
    item = api.http.get(f"BillingItems/{key}").json()["item"]
    assert (item["webServiceDate"], item["quantity"]) == ("2026-11-20T10:00:00Z", 10)
