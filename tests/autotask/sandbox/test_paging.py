"""Pages: same verb, same filter, tokens that mean nothing, and their end (reference §3)."""

from __future__ import annotations

import json

import pytest

from .conftest import EVERYTHING, errors

BODY = {"Filter": [EVERYTHING], "MaxRecords": 2, "IncludeFields": ["id"]}


@pytest.fixture
def data(data):
    for number in range(3):
        data.company(f"Company {number}")
    return data


def walk(api, first):
    """All ids, page by page, with POST."""
    pages = [[item["id"] for item in first["items"]]]
    details = first["pageDetails"]
    while details["nextPageUrl"]:
        answer = api.http.post(details["nextPageUrl"], json=BODY)
        assert answer.status_code == 200, answer.text
        pages.append([item["id"] for item in answer.json()["items"]])
        details = answer.json()["pageDetails"]
    return pages, details


def test_post_pages_with_the_same_body(api):
    first = api.http.post("Companies/query", json=BODY).json()
    pages, last = walk(api, first)
    assert pages == [[0, 1001], [1002, 1003], [1004]]
    assert last["count"] == 1
    assert last["requestCount"] == 2
    previous = api.http.post(last["prevPageUrl"], json=BODY).json()
    assert [item["id"] for item in previous["items"]] == [1002, 1003]


def test_next_page_with_get_after_post_is_405(api, box):
    first = api.http.post("Companies/query", json=BODY).json()
    url = first["pageDetails"]["nextPageUrl"]
    assert "/V1.0/Companies/query/next?paging=" in url
    answer = api.http.get(url)
    assert answer.status_code == 405
    assert answer.json() == {"Message": "The requested resource does not support http method 'GET'."}
    box.switches.paging_verb = "any"
    assert [item["id"] for item in api.http.get(url).json()["items"]] == [1002, 1003]


def test_get_pages_carry_the_filter(api):
    search = json.dumps(BODY)
    first = api.http.get("Companies/query", params={"search": search}).json()
    url = first["pageDetails"]["nextPageUrl"]
    assert "search=" in url
    second = api.http.get(url)
    assert [item["id"] for item in second.json()["items"]] == [1002, 1003]
    assert api.http.post(url, json=BODY).status_code == 405


def test_a_token_is_bound_to_its_filter_and_entity(api):
    url = api.http.post("Companies/query", json=BODY).json()["pageDetails"]["nextPageUrl"]
    other = {**BODY, "Filter": [{"op": "gt", "field": "id", "value": 5}]}
    assert "filter" in errors(api.http.post(url, json=other))
    assert "not valid" in errors(api.http.post(url.replace("Companies", "Contracts"), json=BODY))
    assert "not valid" in errors(api.http.post(url[:-4] + "zz.1", json=BODY))
    assert "Filter" in errors(api.http.post(url, json={}))


def test_a_full_last_page_has_no_next(api):
    answer = api.query("Companies", MaxRecords=5).json()
    assert answer["pageDetails"]["nextPageUrl"] is None
    assert answer["pageDetails"]["count"] == 5


def test_page_cap_of_the_tenant(api, box):
    box.switches.page_cap = 2
    answer = api.query("Companies", MaxRecords=500).json()
    assert answer["pageDetails"]["count"] == 2
    assert answer["pageDetails"]["nextPageUrl"]


def test_cursor_ends_in_an_error(api, box):
    box.switches.cursor_pages = 2
    first = api.http.post("Companies/query", json=BODY).json()
    second = api.http.post(first["pageDetails"]["nextPageUrl"], json=BODY).json()
    assert "expired" in errors(api.http.post(second["pageDetails"]["nextPageUrl"], json=BODY))


def test_cursor_may_stop_silently(api, box):
    box.switches.cursor_pages = 2
    box.switches.past_cursor = "stop"
    pages, _ = walk(api, api.http.post("Companies/query", json=BODY).json())
    assert pages == [[0, 1001], [1002, 1003]]


def test_only_old_pages_may_expire(api, box):
    box.switches.cursor_pages = 2
    box.switches.past_cursor = "old_pages_expire"
    first = api.http.post("Companies/query", json=BODY).json()
    second = api.http.post(first["pageDetails"]["nextPageUrl"], json=BODY).json()
    pages, _ = walk(api, first)
    assert pages[2] == [1004]
    assert "expired" in errors(api.http.post(second["pageDetails"]["prevPageUrl"], json=BODY))


def test_rows_that_come_later_do_not_shift_pages(api, box):
    first = api.http.post("Companies/query", json=BODY).json()
    box.sandbox.edit("Companies", 0, companyName="Renamed")
    pages, _ = walk(api, first)
    assert [key for page in pages for key in page] == [0, 1001, 1002, 1003, 1004]
