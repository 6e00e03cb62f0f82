"""Who gets in, and how much: credentials, zone, threads, hourly limit (reference §1, §5)."""

from __future__ import annotations

import threading

import httpx
import pytest


@pytest.mark.parametrize("header", ["ApiIntegrationCode", "UserName", "Secret"])
@pytest.mark.parametrize("value", [None, "wrong"])
def test_any_wrong_credential_is_401_with_an_empty_body(box, header, value):
    headers = {**box.headers}
    headers.pop(header)
    if value:
        headers[header] = value
    answer = httpx.post(f"{box.base_url}V1.0/Companies/query", json={}, headers=headers)
    assert answer.status_code == 401
    assert answer.content == b""
    assert answer.headers["WWW-Authenticate"].startswith('Basic Realm="webservices')


def test_header_names_have_any_letter_case(box):
    headers = {name.upper(): value for name, value in box.headers.items()}
    assert httpx.get(f"{box.base_url}V1.0/Companies/0", headers=headers).status_code == 200


def test_zone_lookup_needs_no_credentials_and_tells_its_own_url(box):
    answer = httpx.get(f"{box.base_url}v1.0/zoneInformation", params={"user": box.credentials.user_name})
    assert answer.json() == {"zoneName": "Sandbox", "url": box.base_url, "webUrl": f"{box.root_url}/", "ci": 0}


@pytest.mark.parametrize("params", [{}, {"user": ""}, {"user": "nobody@example.com"}])
def test_unknown_user_has_no_zone(box, params):
    answer = httpx.get(f"{box.base_url}v1.0/ZoneInformation", params=params)
    assert answer.status_code == 500
    assert answer.json()["errors"]


def test_zone_lookup_can_be_switched_off(box):
    box.switches.zone_lookup = False
    answer = httpx.get(f"{box.base_url}v1.0/ZoneInformation", params={"user": box.credentials.user_name})
    assert answer.status_code == 500


def test_a_database_that_has_moved(api, box):
    box.switches.zone_url = "http://127.0.0.1:1/ATServicesRest/"
    box.switches.locked = True
    assert api.http.get("Companies/0").status_code == 401
    answer = httpx.get(f"{box.base_url}v1.0/ZoneInformation", params={"user": box.credentials.user_name})
    assert answer.json()["url"] == "http://127.0.0.1:1/ATServicesRest/"


def test_version_information(api):
    assert api.http.get(f"{api.server.base_url}VersionInformation").json() == {"apiVersions": ["v1.0"]}


def test_threshold_counts_itself(api):
    api.query("Companies")
    answer = api.http.get("ThresholdInformation").json()
    assert answer == {
        "externalRequestThreshold": 10000, "requestThresholdTimeframe": 60, "currentTimeframeRequestCount": 2,
    }  # fmt: skip


def test_paths_and_properties_have_any_letter_case(api, box):
    url = f"{box.root_url}/aTServicesRest/v1.0/contractServices/QUERY"
    body = {"filter": [{"OP": "eq", "Field": "ContractID", "VALUE": 7001}], "maxrecords": 1, "INCLUDEFIELDS": ["ID"]}
    assert api.http.post(url, json=body).json()["items"] == [{"id": 8001}]


def test_hourly_limit_refuses_with_429(api, box):
    box.switches.hourly_limit = 3
    box.switches.usage_latency_scale = 0
    assert [api.http.get("Companies/0").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    assert api.http.get("Companies/0").json()["errors"]


def test_usage_adds_latency_and_the_window_moves_on(api, box):
    box.switches.hourly_limit = 4
    box.switches.usage_latency_scale = 0.02
    times = [api.http.get("Companies/0").elapsed.total_seconds() for _ in range(4)]
    assert times[1] >= 0.01
    assert times[3] >= 0.02
    box.switches.threshold_minutes = 1e-6
    assert api.http.get("Companies/0").status_code == 200


def test_fourth_thread_on_one_entity_is_refused(box, api):
    box.switches.latency = 0.3
    answers: list[httpx.Response] = []
    entities = ["Companies/0"] * 4 + ["Services/301"]
    threads = [
        threading.Thread(
            target=lambda path=path: answers.append(httpx.get(f"{box.base_url}V1.0/{path}", headers=box.headers))
        )
        for path in entities
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert "Itgenatr005" in refused.json()["errors"][0]
    assert "/Companies/" in str(refused.url)
    assert box.sandbox.gate.peak == {"Companies": 3, "Services": 1}


def test_a_slot_may_stay_taken_after_the_answer(box, api):
    box.switches.thread_limit = 1
    box.switches.slot_release_delay = 0.2
    assert api.http.get("Companies/0").status_code == 200
    assert api.http.get("Companies/0").status_code == 429


def test_content_type_must_be_json(api):
    answer = api.http.post("Companies/query", content=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
