"""Results that are made to order: begun, asked about until they are done, then fetched (REST reference A3, result job)."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from starlette.requests import Request

from connectors.rest.job import Waiting
from connectors.rest.source import RestSource
from core.domain.errors import RemoteError, SettingsError, ShapeChanged
from core.domain.usage import Reading
from tests.connectors.fakes import Server
from tests.connectors.rest_fakes import NOW, answer, endpoint, quantities, rows, source

JOB: dict[str, Any] = {"status_url": "/jobs/{{ job.id }}", "result_url": "/results/{{ job.id }}"}
POST = {"method": "POST", "body": {"kind": "json", "content": {"report": "seats"}}}


class Time:
    """Passes only where somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.waits.append(round(seconds, 3))


def made(server: Server, job: dict[str, Any], passing: Time | None = None, **more: Any) -> RestSource:
    found = source(server, "/jobs", job=JOB | job, **POST | more)
    passing = passing or Time()
    found.endpoint.waiting = Waiting(lambda: passing.now, passing.sleep)
    return found


def read(server: Server, job: dict[str, Any] | None = None, passing: Time | None = None, **more: Any) -> Reading:
    return made(server, job or {}, passing, **more).read(NOW)


def stepping(*states: Any) -> Callable[[Request], Any]:
    """Each look at the state sees the next one; the last one stays."""
    left = list(states)
    return lambda _request: left.pop(0) if len(left) > 1 else left[0]


BEGUN = answer({"id": "j 1"}, 202)


def test_a_result_that_is_made_to_order_and_comes_in_pages() -> None:
    def result(request: Request) -> Any:
        page = int(request.query_params["page"])
        return {"data": rows(page), "pages": 2}

    passing = Time()
    states = stepping({"status": "queued"}, {"status": "Running"}, {"status": "COMPLETED"})
    with endpoint({"/jobs": BEGUN, "/jobs/j 1": states, "/results/j 1": result}) as server:
        paging = {"kind": "page", "param": "page", "pages_at": "pages"}
        reading = read(server, passing=passing, paging=paging, query={"what": "seats"})
        assert server.paths()[:2] == ["POST /jobs", "GET /jobs/j 1"]
        assert orjson.loads(server.asked[0].body) == {"report": "seats"}
        assert [one.query for one in server.asked] == ["what=seats", "", "", "", "page=1", "page=2"]
    assert reading.complete
    assert [line.quantity for line in reading.lines] == [1, 2]
    assert passing.waits == [1.0, 5.0, 5.0]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("ndjson", b"\n".join(orjson.dumps(row) for row in rows(1, 2))),
        ("csv", b"c,p,q\nC1,P,1\nC2,P,2\n"),
        ("auto", gzip.compress(b'[{"c":"C1","p":"P","q":1},{"c":"C2","p":"P","q":2}]')),
    ],
    ids=["ndjson", "csv", "packed"],
)
def test_results_of_any_format(kind: str, content: bytes) -> None:
    mapping = {"records": "", "customer": "c", "product": "p", "quantity": "q"}
    routes = {"/jobs": BEGUN, "/jobs/j 1": {"status": "done"}, "/results/j 1": answer(content)}
    with endpoint(routes) as server:
        assert len(read(server, answer={"format": kind}, mapping=mapping).lines) == 2


def test_the_state_may_be_an_http_status_and_the_last_answer_the_result() -> None:
    """202 with `Location` until there is something, as Microsoft's and many other interfaces do."""
    passing = Time()
    states = stepping(answer(b"", 202, Retry_After="30"), answer({"data": rows(4)}))
    begun = answer(b"", 202, Location="/jobs/7?v=2", Retry_After="2")
    job = {"status_url": "{{ job.headers.location }}", "state_at": "", "result_url": ""}
    with endpoint({"/jobs": begun, "/jobs/7": states}) as server:
        assert [line.quantity for line in read(server, job, passing).lines] == [4]
        assert server.asked[1].query == "v=2"
    assert passing.waits == [2.0, 30.0], "Retry-After is kept to"


def test_a_state_that_only_names_the_result() -> None:
    states = stepping(answer(b"", 202), answer(b"", 303, Location="/results/9"))
    job = {"state_at": "", "result_url": ""}
    with endpoint({"/jobs": BEGUN, "/jobs/j 1": states, "/results/9": {"data": rows(5)}}) as server:
        assert [line.quantity for line in read(server, job).lines] == [5]


def test_several_results_and_a_state_asked_for_by_post() -> None:
    async def state(request: Request) -> Any:
        asked = orjson.loads(await request.body())
        return {"job": {"state": "ready", "files": ["/f/1", "/f/2"]}} if asked == {"id": "7"} else {}

    job = {
        "id_at": "data.no", "status_url": "/state", "status_body": {"kind": "json", "content": {"id": "{{ job.id }}"}},
        "state_at": "job.state", "result_url": "{{ job.job.files }}",
    }  # fmt: skip
    routes = {"/jobs": {"data": {"no": 7}}, "/state": state, "/f/1": {"data": rows(1)}, "/f/2": {"data": rows(2)}}
    with endpoint(routes) as server:
        assert [line.quantity for line in read(server, job).lines] == [1, 2]


def test_m2_one_of_several_results_that_is_short_is_not_complete() -> None:
    state = {"status": "done", "files": ["/f/1", "/f/2"]}
    routes = {
        "/jobs": BEGUN,
        "/jobs/j 1": state,
        "/f/1": {"data": rows(1, 2), "n": 1},
        "/f/2": {"data": rows(3), "n": 2},
    }
    with endpoint(routes) as server:
        assert not read(server, {"result_url": "{{ job.files }}"}, paging={"total_at": "n"}).complete


def test_a_job_for_each_record_of_a_first_call() -> None:
    def begin(request: Request) -> Any:
        return {"id": f"j{request.query_params['c']}"}

    def state(request: Request) -> Any:
        failed = request.path_params["job"] == "j2"
        return {"status": "failed", "why": "no rights"} if failed else {"status": "done"}

    def result(request: Request) -> Any:
        number = int(request.path_params["job"][1:])
        return {"data": [{"p": "P", "q": number}]}

    mapping = {
        "records": "data",
        "customer": "parent.name",
        "customer_id": "parent.id",
        "product": "p",
        "quantity": "q",
    }
    parents = {"list": [{"id": str(n), "name": f"C{n}"} for n in (1, 2, 3)]}
    routes = {"/all": parents, "/jobs": begin, "/jobs/{job}": state, "/results/{job}": result}
    with endpoint(routes) as server:
        more = {"for_each": {"url": "/all", "records": "list"}, "query": {"c": "{{ parent.id }}"}, "mapping": mapping}
        reading = read(server, {"error_at": "why"}, **more)
    assert quantities(reading) == [("1", "P", "1"), ("3", "P", "3")]
    assert set(reading.failed_customers) == {"2"}
    assert "no rights" in str(reading.failed_customers["2"])


@pytest.mark.parametrize(
    ("state", "words", "retryable"),
    [
        ({"status": "Failed", "error": {"text": "out of paper."}}, "ended without a result: out of paper.", False),
        ({"status": "cancelled"}, "ended without a result: cancelled.", False),
        ({"state": "done"}, "no state of the job at status", False),
        ({"status": {"code": 1}}, "no state of the job at status", False),
        ({"status": "running"}, "did not finish the job within 300 seconds", True),
        (answer({"status": "running"}, retry_after="301"), "did not finish the job within 300 seconds", True),
        (answer({}, 404), "does not know this address", False),
        (answer(b"<html><title>Log in</title></html>"), "no state of the job", False),
    ],
)
def test_m2_a_job_that_does_not_end_well_is_an_error_and_never_empty(state: Any, words: str, retryable: bool) -> None:
    passing = Time()
    with endpoint({"/jobs": BEGUN, "/jobs/j 1": state, "/results/j 1": {"data": []}}) as server:
        with pytest.raises(RemoteError, match=words) as caught:
            read(server, {"error_at": "error.text"}, passing, allow_empty=True)
        assert "GET /results/j 1" not in server.paths()
    assert caught.value.retryable is retryable
    assert passing.now <= 300


@pytest.mark.parametrize(
    ("begun", "job", "path"),
    [
        ({"nr": 1}, {}, "id"),
        ({"id": 1}, {"status_url": "{{ job.links.self }}"}, "links.self"),
        ({"id": 1}, {"result_url": "{{ job.files }}"}, "files"),
        ({"id": 1}, {"result_url": "/r/{{ job.file }}"}, "file"),
    ],
)
def test_m2_what_the_job_does_not_tell_is_an_error(begun: Any, job: dict[str, Any], path: str) -> None:
    routes = {"/jobs": begun, "/jobs/1": {"status": "done", "files": [{"odd": 1}]}}
    with endpoint(routes) as server, pytest.raises(ShapeChanged, match=f"of the job has nothing at {path}"):
        read(server, job)


def test_a_result_on_another_host_gets_no_credentials_and_only_where_it_is_allowed() -> None:
    secrets, auth = {"token": "abcd1234", "extra": "more5678"}, {"kind": "bearer"}
    more: dict[str, Any] = {"auth": auth, "secrets": secrets, "headers": {"X-More": "{{ secret.extra }}"}}
    with endpoint({"/blob": {"data": rows(3)}}) as other:
        told = f"{other.url}/blob?se=2026-10-05T07%3A00%3A00Z&sig=a%2Fb%2Bc%3D&t={{{{%20secret.token%20}}}}"
        state = answer({"status": "done", "url": told}, set_cookie="session=s-1234; Path=/")
        with endpoint({"/jobs": BEGUN, "/jobs/j 1": state}) as server:
            job = {"result_url": "{{ job.url }}"}
            with pytest.raises(ShapeChanged, match="refers to another server"):
                read(server, job, **more)
            assert other.asked == []
            line = read(server, job | {"hosts": ["127.0.0.1"]}, **more).lines[0]
            assert [one.headers["authorization"] for one in server.asked] == ["Bearer abcd1234"] * 4
        (asked,) = other.asked
    assert "authorization" not in asked.headers
    assert "x-more" not in asked.headers
    assert "cookie" not in asked.headers, "cookies know no ports"
    assert asked.query.startswith("se=2026-10-05T07%3A00%3A00Z&sig=a%2Fb%2Bc%3D&t=")
    assert "abcd1234" not in asked.query, "an answer is never filled in"
    assert "a%2Fb" not in line.origin.source


def test_a_result_whose_address_ended_says_so() -> None:
    with endpoint({"/blob": answer({}, 403)}) as other:
        routes = {"/jobs": BEGUN, "/jobs/j 1": {"status": "done", "url": f"{other.url}/blob"}}
        with endpoint(routes) as server, pytest.raises(RemoteError, match="at the address it told"):
            read(server, {"result_url": "{{ job.url }}", "hosts": [other.url.removeprefix("http://")]})


@pytest.mark.parametrize("host", ["evil-example.com", "example.com", "files.example.com.evil.net", "evil.net"])
def test_hosts_of_results_are_whole_names(host: str) -> None:
    state = {"status": "done", "url": f"https://{host}/blob"}
    with endpoint({"/jobs": BEGUN, "/jobs/j 1": state}) as server, pytest.raises(ShapeChanged, match="another server"):
        read(server, {"result_url": "{{ job.url }}", "hosts": ["*.example.com", "files.example.com"]})


def test_an_answer_cannot_choose_the_host_of_an_address() -> None:
    state = {"status": "done", "host": "evil.net"}
    with endpoint({"/jobs": BEGUN, "/jobs/j 1": state}) as server, pytest.raises(ShapeChanged, match="another server"):
        read(server, {"result_url": "https://{{ job.host }}/x", "hosts": ["evil.net"]})


@pytest.mark.parametrize(
    "job",
    [
        {"status_url": "/jobs/{{ jib.id }}"},
        {"done": ["ok", "Failed"]},
        {"hosts": ["https://example.com"]},
        {"hosts": ["*.com"]},
        {"hosts": ["*"]},
        {"longest": 3600},
        {"state_at": "a["},
    ],
)
def test_a_job_that_cannot_be_is_an_error_when_it_is_saved(job: dict[str, Any]) -> None:
    with endpoint({}) as server, pytest.raises(SettingsError):
        made(server, job)


def test_places_of_a_job_are_known_there_alone() -> None:
    with endpoint({}) as server, pytest.raises(SettingsError, match=r"no job\.id"):
        source(server, "/x", query={"j": "{{ job.id }}"})


def test_an_example_of_a_job_is_its_result() -> None:
    routes = {"/jobs": BEGUN, "/jobs/j 1": {"status": "done"}, "/results/j 1": {"data": rows(1)}}
    with endpoint(routes) as server:
        found = made(server, {}).sample(NOW)
    assert found.document == {"data": rows(1)}
    assert found.request.endswith("/results/j%201")


def test_a_list_is_begun_anew_where_a_rule_says_so() -> None:
    """Nothing of what was read before counts twice."""
    ended = [True]

    def page(request: Request) -> Any:
        if request.query_params.get("cursor") and ended:
            ended.clear()
            return answer({"error": "cursor expired"}, 400)
        return {"data": rows(2)} if request.query_params.get("cursor") else {"data": rows(1), "next": "n"}

    rule = {"status": [400], "contains": "cursor expired", "action": "restart"}
    paging = {"kind": "cursor", "param": "cursor", "cursor_at": "next"}
    with endpoint({"/x": page, "/y": answer({"error": "cursor expired"}, 400)}) as server:
        reading = source(server, "/x", rules=[rule], paging=paging).read(NOW)
        assert [line.quantity for line in reading.lines] == [1, 2]
        assert len(server.asked) == 4
        with pytest.raises(RemoteError, match="again and again"):
            source(server, "/y", rules=[rule], paging=paging).read(NOW)
