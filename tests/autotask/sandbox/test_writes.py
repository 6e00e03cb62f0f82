"""Create, PATCH, PUT: required, read-only, fixed, picklists, references, user-defined fields (reference §4, §7.5, §8)."""

from __future__ import annotations

import pytest

from .conftest import errors

CONTRACT = {
    "companyID": 1001, "contractName": "New", "contractType": 7, "status": 1, "startDate": "2026-12-01",
    "endDate": "2027-11-30", "timeReportingRequiresStartAndStopTimes": 0, "contractPeriodType": 2,
}  # fmt: skip


def one(api, entity, key):
    return api.http.get(f"{entity}/{key}").json()["item"]


def test_create_answers_200_with_the_id_and_defaults_are_filled(api, box):
    answer = api.http.post("Contracts", json={"id": 0, **CONTRACT})
    assert answer.status_code == 200
    key = answer.json()["itemId"]
    contract = one(api, "Contracts", key)
    assert (contract["startDate"], contract["billingPreference"]) == ("2026-12-01T00:00:00Z", 2)
    assert contract["lastModifiedDateTime"] == "2026-11-20T11:00:00Z"
    entry = box.ledger("Contracts")[0]
    assert (entry.verb, entry.id, entry.by, entry.body["contractName"]) == ("POST", key, "api", "New")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"companyID": None}, "Value does not exist for the required field companyID"),
        ({"companyID": 4711}, "Reference value on field: companyID of type: Company does not exist or is invalid."),
        ({"contractType": 99}, "Picklist value [99] does not exist for contractType."),
        ({"contractPeriodType": None}, "required field contractPeriodType"),
        ({"endDate": "2026-12-01"}, "startDate must be before"),
        ({"status": "1"}, "Could not convert"),
        ({"contractName": 5}, "Could not convert"),
        ({"contractName": "x" * 101}, "maximum length"),
        ({"isDefaultContract": 1}, "Boolean"),
        ({"startDate": "soon"}, "DateTime"),
        ({"id": 5}, "id cannot be set"),
    ],
)
def test_refused_contracts(api, box, change, text):
    assert text in errors(api.http.post("Contracts", json={**CONTRACT, **change}))
    box.switches.validation_status = 400
    assert text in errors(api.http.post("Contracts", json={**CONTRACT, **change}), 400)
    assert box.ledger() == []


def test_an_inactive_record_cannot_be_referred_to(api, box):
    box.sandbox.edit("Companies", 1001, isActive=False)
    assert "Company does not exist or is invalid" in errors(api.http.post("Contracts", json=CONTRACT))


def test_patch_changes_only_what_is_there_and_null_clears(api):
    api.http.patch("Contracts", json={"id": 7001, "contractNumber": "K-1", "description": "text"})
    assert api.http.patch("Contracts", json={"ID": 7001, "DESCRIPTION": None}).json() == {"itemId": 7001}
    contract = one(api, "Contracts", 7001)
    assert (contract["contractNumber"], contract["description"], contract["contractName"]) == (
        "K-1",
        None,
        "Acme beheer",
    )
    assert contract["lastModifiedDateTime"] == "2026-11-20T11:00:00Z"
    assert "required field contractName" in errors(api.http.patch("Contracts", json={"id": 7001, "contractName": None}))


def test_put_empties_what_is_left_out(api):
    api.http.patch("Contracts", json={"id": 7001, "contractNumber": "K-1"})
    full = {**CONTRACT, "id": 7001, "startDate": "2026-01-01", "endDate": "2026-12-31"}
    assert api.http.put("Contracts", json=full).status_code == 200
    assert one(api, "Contracts", 7001)["contractNumber"] is None
    assert "required field" in errors(api.http.put("Contracts", json={"id": 7001, "contractName": "x"}))


@pytest.mark.parametrize(
    "change", [{"companyID": 0}, {"contractType": 1}, {"contractPeriodType": 5}, {"startDate": "2026-02-01"}]
)
def test_what_never_changes_after_create(api, change):
    assert "cannot be changed" in errors(api.http.patch("Contracts", json={"id": 7001, **change}))


def test_the_start_date_may_change_while_there_is_no_period(api):
    key = api.http.post("Contracts", json=CONTRACT).json()["itemId"]
    assert api.http.patch("Contracts", json={"id": key, "startDate": "2026-12-15"}).status_code == 200


def test_is_compliant_only_goes_down(api):
    assert api.http.patch("Contracts", json={"id": 7001, "isCompliant": False}).status_code == 200
    assert "isCompliant" in errors(api.http.patch("Contracts", json={"id": 7001, "isCompliant": True}))


def test_updates_need_an_id_that_exists(api):
    assert "required field id" in errors(api.http.patch("Contracts", json={"contractName": "x"}))
    assert "No matching records" in errors(api.http.patch("Contracts", json={"id": 99, "contractName": "x"}))
    assert "No matching records" in errors(
        api.http.patch("Contracts/7002/Services", json={"id": 8001, "unitCost": 1.0})
    )


def test_unknown_and_read_only_fields_are_ignored_or_refused(api, box):
    body = {"id": 7001, "startdatum": "2026-01-01", "internalCurrencySetupFee": 5.0}
    assert api.http.patch("Contracts", json=body).status_code == 200
    assert one(api, "Contracts", 7001)["internalCurrencySetupFee"] is None
    box.switches.unknown_body_fields = "refuse"
    assert "Unable to find startdatum in the Contract Entity." in errors(api.http.patch("Contracts", json=body))
    box.switches.unknown_body_fields = "ignore"
    box.switches.read_only_fields = "refuse"
    assert "read-only" in errors(api.http.patch("Contracts", json=body))


def test_silent_entities_say_yes(api, box):
    box.switches.silent_entities = frozenset({"Contracts"})
    assert api.http.patch("Contracts", json={"id": 7001, "contractName": "Other"}).json() == {"itemId": 7001}
    assert one(api, "Contracts", 7001)["contractName"] == "Acme beheer"
    assert box.ledger() == []


def test_a_new_line_has_the_price_of_the_catalogue_and_no_units(api, box):
    body = {"contractID": 7001, "serviceID": 302, "internalDescription": "sub-1", "unitPrice": 99.0}
    key = api.http.post("Contracts/7001/Services", json=body).json()["itemId"]
    line = one(api, "ContractServices", key)
    assert (line["unitPrice"], line["unitCost"], line["internalDescription"]) == (3.0, 2.0, "sub-1")
    assert "adjustedPrice" not in line
    assert box.units(key) == 0
    assert api.rows(key) == []


@pytest.mark.parametrize(("how", "price"), [("accept", 2.5), ("ignore", 3.0)])
def test_adjusted_price_on_a_line(api, box, how, price):
    box.switches.adjusted_price = how
    key = api.http.post("Contracts/7001/Services", json={"serviceID": 302, "adjustedPrice": 2.5}).json()["itemId"]
    assert one(api, "ContractServices", key)["unitPrice"] == price
    api.adjust(key, 4, "2026-01-01")
    assert api.rows(key)[0]["price"] == 4 * price


def test_adjusted_price_may_be_refused(api, box):
    box.switches.adjusted_price = "refuse"
    answer = api.http.post("Contracts/7001/Services", json={"serviceID": 302, "adjustedPrice": 2.5})
    assert "Unable to find adjustedPrice in the ContractService Entity." in errors(answer)


def test_patching_a_line(api):
    body = {"id": 8001, "unitCost": 12.0, "adjustedPrice": 21.0, "invoiceDescription": "Licentie"}
    assert api.http.patch("Contracts/7001/Services", json=body).status_code == 200
    line = one(api, "ContractServices", 8001)
    assert (line["unitCost"], line["unitPrice"], line["invoiceDescription"]) == (12.0, 21.0, "Licentie")
    assert (api.rows(8001)[0]["price"], api.rows(8001)[0]["cost"]) == (210.0, 120.0)
    assert "cannot be changed" in errors(api.http.patch("Contracts/7001/Services", json={"id": 8001, "serviceID": 302}))


def test_services_need_a_recurring_billing_code(api):
    body = {"name": "New", "unitPrice": 5.0, "periodType": 2, "billingCodeID": 29683502, "unitCost": 4.0}
    assert "BillingCode does not exist or is invalid" in errors(api.http.post("Services", json=body))
    key = api.http.post("Services", json={**body, "billingCodeID": 29683501}).json()["itemId"]
    assert one(api, "Services", key)["markupRate"] == 25.0
    assert api.http.patch("Services", json={"id": key, "isActive": False}).status_code == 200
    assert "serviceID" in errors(api.http.post("Contracts/7001/Services", json={"serviceID": key}))


def test_bundles_can_go_while_they_are_unused(api):
    body = {"name": "Set", "unitPrice": 5.0, "periodType": 2, "billingCodeID": 29683501}
    key = api.http.post("ServiceBundles", json=body).json()["itemId"]
    part = api.http.post(f"ServiceBundles/{key}/Services", json={"serviceID": 301}).json()["itemId"]
    assert [item["serviceID"] for item in api.http.get(f"ServiceBundles/{key}/Services").json()["items"]] == [301]
    assert api.http.delete(f"ServiceBundles/{key}/Services/{part}").status_code == 200
    line = api.http.post("Contracts/7001/ServiceBundles", json={"serviceBundleID": key, "adjustedPrice": 4.0})
    assert one(api, "ContractServiceBundles", line.json()["itemId"])["unitPrice"] == 4.0
    assert "used" in errors(api.http.delete(f"ServiceBundles/{key}"))


def test_user_defined_fields(api, box):
    body = {"name": "Sync key", "udfType": 4, "dataType": 1, "defaultValue": "none"}
    assert api.http.post("UserDefinedFieldDefinitions", json=body).status_code == 200
    assert "already exists" in errors(api.http.post("UserDefinedFieldDefinitions", json=body))
    assert api.http.post("UserDefinedFieldDefinitions", json={**body, "name": "Other"}).status_code == 200
    first = [{"name": "sync key", "value": "A"}, {"name": "Other", "value": 5}]
    assert api.http.patch("Contracts", json={"id": 7001, "userDefinedFields": first}).status_code == 200
    assert (
        api.http.patch(
            "Contracts", json={"id": 7001, "userDefinedFields": [{"name": "Other", "value": None}]}
        ).status_code
        == 200
    )
    shown = one(api, "Contracts", 7001)["userDefinedFields"]
    assert shown == [{"name": "Sync key", "value": "A"}, {"name": "Other", "value": None}]
    created = api.http.post("Contracts", json=CONTRACT).json()["itemId"]
    assert one(api, "Contracts", created)["userDefinedFields"][0] == {"name": "Sync key", "value": "none"}
    wrong = {"id": 7001, "userDefinedFields": [{"name": "Nope", "value": "x"}]}
    assert "Unable to find Nope in the Contract Entity." in errors(api.http.patch("Contracts", json=wrong))


def test_contracts_have_at_most_fifty_user_defined_fields(api):
    for number in range(50):
        body = {"name": f"F{number}", "udfType": 4, "dataType": 1}
        assert api.http.post("UserDefinedFieldDefinitions", json=body).status_code == 200
    body = {"name": "One more", "udfType": 4, "dataType": 1}
    assert "maximum number" in errors(api.http.post("UserDefinedFieldDefinitions", json=body))


def test_list_items_hang_under_an_odd_parent(api):
    key = api.http.post("UserDefinedFieldDefinitions", json={"name": "L", "udfType": 4, "dataType": 5}).json()["itemId"]
    path = f"UserDefinedFields/{key}/ListItems"
    item = api.http.post(path, json={"valueForDisplay": "One"}).json()["itemId"]
    assert api.http.patch(path, json={"id": item, "valueForDisplay": "Two"}).status_code == 200
    assert [one["valueForDisplay"] for one in api.http.get(path).json()["items"]] == ["Two"]


def test_tickets(api):
    body = {"companyID": 1001, "title": "Contract changed", "status": 1, "priority": 2}
    assert "queueID" in errors(api.http.post("Tickets", json=body))
    key = api.http.post("Tickets", json={**body, "queueID": 29682833}).json()["itemId"]
    assert one(api, "Tickets", key)["ticketNumber"] == "T20261120.0001"
    assert api.ids("Tickets", {"op": "eq", "field": "companyID", "value": 1001}) == [key]


def test_metadata(api):
    info = api.http.get("Contracts/entityInformation").json()["info"]
    assert (info["name"], info["canCreate"], info["canDelete"], info["hasUserDefinedFields"]) == (
        "Contract",
        True,
        False,
        True,
    )
    fields = {field["name"]: field for field in api.http.get("Contracts/entityInformation/fields").json()["fields"]}
    assert fields["contractPeriodType"]["isReadOnly"] is True
    assert fields["contractType"]["picklistValues"][4] == {
        "value": "7", "label": "Recurring Service", "isDefaultValue": False, "sortOrder": 5, "parentValue": "",
        "isActive": True, "isSystem": True,
    }  # fmt: skip
    assert (fields["companyID"]["referenceEntityType"], fields["contractName"]["length"]) == ("Company", 100)
    assert fields["endDate"]["dataType"] == "datetime"
    assert api.http.get("ContractServices/entityInformation/userDefinedFields").status_code == 404
    assert api.http.get("Contracts/entityInformation/userDefinedFields").json() == {"fields": []}
    adjustments = api.http.get("Contracts/1/ServiceAdjustments/entityInformation").json()["info"]
    assert (adjustments["canCreate"], adjustments["canQuery"]) == (True, False)
