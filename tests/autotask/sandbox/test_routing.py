"""Exactly the verbs of the reference's table in §2."""

from __future__ import annotations

import pytest

GONE = [
    ("POST", "ContractServices", 404),
    ("PATCH", "ContractServices", 405),
    ("DELETE", "ContractServices/8001", 405),
    ("DELETE", "Contracts/7001/Services/8001", 405),
    ("POST", "ContractServiceUnits", 404),
    ("POST", "Contracts/7001/ServiceUnits", 405),
    ("GET", "ContractServiceAdjustments", 405),
    ("GET", "ContractServiceAdjustments/1", 404),
    ("POST", "ContractServiceAdjustments/query", 404),
    ("GET", "Contracts/7001/ServiceAdjustments", 405),
    ("PATCH", "ContractServiceAdjustments", 405),
    ("PATCH", "Companies/1001", 405),
    ("DELETE", "Companies/1001", 405),
    ("DELETE", "Tickets/1", 405),
    ("DELETE", "Services/301", 405),
    ("POST", "BillingCodes", 405),
    ("GET", "Companies", 405),
    ("POST", "Contracts/7001/Services/query", 404),
    ("GET", "Nonsense/1", 404),
    ("GET", "Companies/abc", 404),
    ("PUT", "Companies/query", 405),
]


@pytest.mark.parametrize(("method", "path", "status"), GONE)
def test_what_autotask_does_not_have(api, method, path, status):
    answer = api.http.request(method, path, json={} if method != "GET" else None)
    assert answer.status_code == status
    assert set(answer.json()) == {"Message"}


def test_create_at_the_root_of_a_child_may_be_405(api, box):
    box.switches.child_create_at_root = 405
    assert api.http.post("ContractServices", json={}).status_code == 405


@pytest.mark.parametrize(
    ("switch", "status", "body"), [("null_item", 200, b'{"item":null}'), ("empty", 200, b""), ("not_found", 404, b"")]
)
def test_missing_record(api, box, switch, status, body):
    box.switches.missing_record = switch
    for path in ("Companies/424242", "ContractServiceUnits/5", "Contracts/7001/Services/99"):
        answer = api.http.get(path)
        assert (answer.status_code, answer.content) == (status, body)


def test_company_zero_is_a_company(api):
    assert api.http.get("Companies/0").json()["item"]["id"] == 0


def test_child_collection_has_the_envelope_of_a_query(api):
    answer = api.http.get("Contracts/7001/Services").json()
    assert [item["id"] for item in answer["items"]] == [8001, 8002]
    assert answer["pageDetails"] == {"count": 2, "requestCount": 500, "prevPageUrl": None, "nextPageUrl": None}
    assert len(api.http.get("Contracts/7001/ServiceUnits").json()["items"]) == 12


def test_child_belongs_to_its_parent(api):
    assert api.http.get("Contracts/7001/Services/8001").json()["item"]["id"] == 8001
    assert api.http.get("Contracts/7002/Services/8001").json() == {"item": None}
