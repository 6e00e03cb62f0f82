"""Pages, cursors and what happens when they fail. Nothing is ever cut off silently (M2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from connectors.autotask import Autotask
from connectors.autotask.sandbox import SandboxData, SandboxServer
from core.domain.errors import RateLimited, Refused, RemoteError, ShapeChanged

TODAY = date(2026, 11, 20)
Connect = Callable[..., Autotask]


def many_companies(server: SandboxServer, data: SandboxData, count: int) -> set[int]:
    ids = {data.company(f"Company {number}") for number in range(count)}
    server.reset(data)
    return ids


def read_ids(autotask: Autotask) -> set[int]:
    companies = autotask.companies()
    found = {company.id for company in companies}
    assert len(found) == len(companies)
    return found


@pytest.mark.parametrize("past_cursor", ["error", "stop", "old_pages_expire"])
@pytest.mark.parametrize("count", [0, 1, 20, 39, 40, 41, 100, 203])
def test_everything_is_read_beyond_the_pages_of_a_cursor(
    past_cursor: str, count: int, data: SandboxData, server: SandboxServer, connected: Connect
) -> None:
    """Pages of 10, cursors of 4 pages: the reading goes on by id, whatever Autotask does at the end of a cursor."""
    ids = many_companies(server, data, count)
    server.switches.cursor_pages = 4
    server.switches.past_cursor = past_cursor

    for in_flight in (1, 2, 3):
        assert read_ids(connected(page_size=10, pages_per_cursor=4, in_flight=in_flight)) == ids


def test_smaller_pages_than_asked_for(data: SandboxData, server: SandboxServer, connected: Connect) -> None:
    ids = many_companies(server, data, 95)
    server.switches.page_cap = 7
    assert read_ids(connected(page_size=10)) == ids


def test_a_cursor_that_ends_sooner_than_known(data: SandboxData, server: SandboxServer, connected: Connect) -> None:
    ids = many_companies(server, data, 95)
    server.switches.cursor_pages = 3
    assert read_ids(connected(page_size=10)) == ids


def test_a_page_that_is_refused_is_read_by_id(data: SandboxData, server: SandboxServer, connected: Connect) -> None:
    """Some server in between takes the wrong verb for the next page (reference §10.3)."""
    ids = many_companies(server, data, 55)
    server.faults.add(action="wrong_page_verb", operation="page", times=None)
    assert read_ids(connected(page_size=10)) == ids


def test_uneven_ids_are_split_and_read_once(data: SandboxData, server: SandboxServer, connected: Connect) -> None:
    """The middle is only an estimate: with most ids crowded at the end it is a bad one, and still nothing is lost."""
    ids = {data.company(f"A{number}", id=10_000 + number) for number in range(60)}
    ids |= {data.company(f"B{number}", id=9_000_000 + number * 7) for number in range(200)}
    server.reset(data)
    autotask = connected(page_size=10)

    assert read_ids(autotask) == ids
    assert read_ids(autotask) == ids


def test_m16_two_cursors_cost_little_more_than_one(
    data: SandboxData, server: SandboxServer, connected: Connect
) -> None:
    ids = many_companies(server, data, 400)
    server.switches.latency = 0.04
    for _ in range(2):
        autotask = connected(page_size=10)
        assert read_ids(autotask) == ids
        # 41 pages are the least; where the cursors meet depends on who is quicker.
        assert autotask.requests_made <= 44
    assert server.sandbox.gate.peak["Companies"] == 2


def test_a_reading_that_grew_since_is_read_wholly(data: SandboxData, server: SandboxServer, connected: Connect) -> None:
    autotask = connected(page_size=10)
    assert read_ids(autotask) == many_companies(server, data, 0)
    many_companies(server, data, 100)
    read_ids(autotask)
    ids = {company["id"] for company in data.records["Companies"]} - {0} | many_companies(server, data, 150)
    assert read_ids(autotask) == ids


@pytest.mark.parametrize(
    "action", ["drop", "truncate", "malformed", "html", "empty", "thread_limit", "hourly_limit", "status"]
)
@pytest.mark.parametrize("operation", ["query", "page"])
def test_a_failed_page_is_read_again(
    action: str, operation: str, data: SandboxData, server: SandboxServer, connected: Connect
) -> None:
    ids = many_companies(server, data, 35)
    server.faults.add(action=action, operation=operation, entity="Companies", times=2)

    assert read_ids(connected(page_size=10)) == ids
    assert len(server.faults.fired) == 2


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ("drop", RemoteError),
        ("truncate", RemoteError),
        ("malformed", ShapeChanged),
        ("html", ShapeChanged),
        ("empty", ShapeChanged),
        ("thread_limit", RateLimited),
        ("hourly_limit", RateLimited),
        ("status", RemoteError),
    ],
)
def test_m2_what_cannot_be_read_is_an_error_never_an_empty_list(
    action: str, error: type[RemoteError], data: SandboxData, server: SandboxServer, connected: Connect
) -> None:
    many_companies(server, data, 35)
    server.faults.add(action=action, operation="page", entity="Companies", times=None)

    with pytest.raises(error) as raised:
        connected(page_size=10, attempts=3).companies()
    assert len(server.faults.fired) == 3
    assert raised.value.retryable is (error is not ShapeChanged)


def test_a_slow_answer_is_a_time_out_and_asked_again(
    data: SandboxData, server: SandboxServer, connected: Connect
) -> None:
    ids = many_companies(server, data, 5)
    server.faults.add(action="hold", entity="Companies")
    assert read_ids(connected(read_timeout=1.0)) == ids
    assert server.request_counts()["Companies"]["query"] == 2


def test_validation_errors_are_never_repeated(server: SandboxServer, connected: Connect) -> None:
    server.faults.add(action="errors", text="Something is not right.", entity="Companies", times=None)
    with pytest.raises(Refused, match=r"Something is not right\."):
        connected().companies()
    assert len(server.faults.fired) == 1


def test_a_database_trouble_in_an_errors_body_is_asked_again(server: SandboxServer, autotask: Autotask) -> None:
    text = "Transaction (Process ID 63) was deadlocked on lock resources."
    server.faults.add(action="errors", text=text, entity="Companies")
    assert autotask.companies() == []


def test_retry_after_is_followed(server: SandboxServer, connected: Connect) -> None:
    server.faults.add(action="thread_limit", entity="Companies", retry_after=60)
    with pytest.raises(RateLimited) as raised:
        connected(total_wait=5).companies()
    assert raised.value.retry_after == 60
    assert len(server.faults.fired) == 1


@pytest.mark.parametrize("status", [429, 500])
def test_the_thread_limit_is_known_by_its_text(status: int, server: SandboxServer, autotask: Autotask) -> None:
    server.switches.thread_limit_status = status
    server.faults.add(action="thread_limit", entity="Companies", times=2)
    assert autotask.companies() == []


@pytest.mark.parametrize("missing", ["null_item", "empty", "not_found"])
def test_a_missing_record_is_none(missing: str, data: SandboxData, server: SandboxServer, autotask: Autotask) -> None:
    company = data.company("Acme B.V.")
    server.reset(data)
    server.switches.missing_record = missing
    found = autotask._client.record("Companies", company)
    assert found is not None and found["companyName"] == "Acme B.V."
    assert autotask._client.record("Companies", 424242) is None
