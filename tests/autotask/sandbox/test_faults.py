"""Faults: each kind, before and after the commit, chosen by entity, verb, number or chance."""

from __future__ import annotations

import json
import threading
from http.client import HTTPConnection

import httpx
import pytest

from tests.waiting import until

from .conftest import EVERYTHING, errors

ADJUSTMENTS = "ContractServiceAdjustments"


@pytest.mark.parametrize(("when", "units"), [("before", 10), ("after", 11)])
def test_a_dropped_connection(api, box, when, units):
    box.faults.add(action="drop", when=when, entity=ADJUSTMENTS)
    with pytest.raises(httpx.RemoteProtocolError):
        api.adjust(8001, 1, "2026-11-20")
    assert box.units(8001) == units
    assert len(box.adjustments(8001)) == units - 10
    assert box.requests()[-1].status == 0
    assert api.adjust(8001, 1, "2026-11-21").status_code == 200


@pytest.mark.parametrize(("when", "units"), [("before", 10), ("after", 11)])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error(api, box, when, units, status):
    box.faults.add(action="status", status=status, when=when, entity=ADJUSTMENTS)
    answer = api.adjust(8001, 1, "2026-11-20")
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert box.units(8001) == units


@pytest.mark.parametrize(("when", "units"), [("before", 10), ("after", 11)])
@pytest.mark.parametrize("action", ["truncate", "malformed", "html", "empty"])
def test_a_spoiled_answer(api, box, when, units, action):
    box.faults.add(action=action, when=when, operation="create")
    if action == "truncate":
        with pytest.raises(httpx.RemoteProtocolError):
            api.adjust(8001, 1, "2026-11-20")
    else:
        answer = api.adjust(8001, 1, "2026-11-20")
        assert answer.status_code == 200
        with pytest.raises(ValueError):
            answer.json()
    assert box.units(8001) == units


def test_thread_and_hourly_limit(api, box):
    box.faults.add(action="thread_limit", entity="Companies", retry_after=2)
    box.faults.add(action="hourly_limit", entity="Companies")
    answer = api.http.get("Companies/0")
    assert "Itgenatr005" in errors(answer, 429)
    assert answer.headers["Retry-After"] == "2"
    answer = api.http.get("Companies/0")
    assert "threshold" in errors(answer, 429)
    assert "Retry-After" not in answer.headers
    assert api.http.get("Companies/0").status_code == 200


def test_an_error_text(api, box):
    box.faults.add(action="errors", text="Something went wrong.", entity=ADJUSTMENTS)
    assert errors(api.adjust(8001, 1, "2026-11-20")) == "Something went wrong."
    assert box.units(8001) == 10


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_slow_answer(box, api, when):
    box.faults.add(action="delay", seconds=1.5, when=when, entity=ADJUSTMENTS)
    api.http.timeout = httpx.Timeout(60, read=0.3)
    with pytest.raises(httpx.ReadTimeout):
        api.adjust(8001, 1, "2026-11-20")
    if when == "before":
        assert box.units(8001) == 10
    # the server does what it was asked even when nobody waits any more
    assert until(lambda: box.units(8001) == 11)


@pytest.mark.parametrize(("when", "held", "after"), [("before", 10, 11), ("after", 11, 11)])
def test_a_request_can_be_held(box, api, when, held, after):
    box.faults.add(action="hold", when=when, entity=ADJUSTMENTS)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(api.adjust(8001, 1, "2026-11-20")))
    thread.start()
    assert box.faults.wait_held()
    assert box.units(8001) == held
    assert answers == []
    box.faults.release()
    thread.join(60)
    assert answers[0].status_code == 200
    assert box.units(8001) == after
    assert box.faults.held() == 0


@pytest.mark.parametrize(("when", "units"), [("before", 10), ("after", 11)])
def test_a_held_request_whose_client_is_gone(box, api, when, units):
    """`before`: a client that is killed while it waits is not served; the request was never handled."""
    box.faults.add(action="hold", when=when, entity=ADJUSTMENTS)
    client = HTTPConnection(httpx.URL(box.base_url).netloc.decode())
    body = {"contractServiceID": 8001, "effectiveDate": "2026-11-20", "unitChange": 1}
    path = f"{httpx.URL(box.base_url).path}V1.0/{ADJUSTMENTS}"
    client.request("POST", path, json.dumps(body), {**box.headers, "Content-Type": "application/json"})
    assert box.faults.wait_held()
    client.close()
    assert until(lambda: box.faults.held() == 0)
    assert box.units(8001) == units


def test_a_write_that_is_ignored(api, box):
    box.faults.add(action="ignore_write", entity=ADJUSTMENTS)
    assert api.adjust(8001, 1, "2026-11-20").json() == {"itemId": None}
    assert box.units(8001) == 10


def test_the_wrong_verb_for_a_page(api, box):
    box.faults.add(action="wrong_page_verb", operation="page")
    body = {"Filter": [EVERYTHING], "MaxRecords": 1}
    url = api.http.post("Companies/query", json=body).json()["pageDetails"]["nextPageUrl"]
    assert api.http.post(url, json=body).status_code == 405
    assert api.http.post(url, json=body).status_code == 200


def test_the_nth_request_and_the_following(api, box):
    box.faults.add(action="status", entity="Companies", operation="get", nth=2, times=2)
    api.http.get("Services/301")
    assert [api.http.get("Companies/0").status_code for _ in range(4)] == [200, 503, 503, 200]
    assert [fired["operation"] for fired in box.faults.fired] == ["get", "get"]


def test_for_ever_until_cleared(api, box):
    box.faults.add(action="status", operation="read", times=None)
    assert [api.http.get("Companies/0").status_code, api.query("Companies").status_code] == [503, 503]
    assert api.adjust(8001, 1, "2026-11-20").status_code == 200
    box.faults.clear()
    assert api.http.get("Companies/0").status_code == 200


def test_by_a_text_of_the_body(api, box):
    box.faults.add(action="status", contains='"contractServiceID":8002', operation="write")
    assert api.adjust(8001, 1, "2026-11-20").status_code == 200
    assert api.adjust(8002, 1, "2026-11-20").status_code == 503


def test_chance_is_the_same_for_the_same_seed(api, box):
    def statuses():
        box.faults.random(0.4, seed=7, actions=[("status", "before"), ("thread_limit", "before")])
        return [api.http.get("Companies/0").status_code for _ in range(30)]

    first = statuses()
    assert first == statuses()
    assert {200, 503, 429} == set(first)


def test_faults_do_not_let_strangers_in(api, box):
    box.faults.add(action="status")
    assert httpx.get(f"{box.base_url}V1.0/Companies/0").status_code == 401
    assert api.http.get("Companies/0").status_code == 503
