"""Every way in which pages follow, bodies, places in templates, look-ups, rules, and formats of answers."""

from __future__ import annotations

import gzip
import io
from typing import Any

import openpyxl
import pytest
from starlette.requests import Request

from connectors.rest.settings import RestSettings
from core.domain.errors import RemoteError, SettingsError, ShapeChanged
from tests.connectors.rest_fakes import FLAT, NOW, Handler, answer, endpoint, quantities, read, rows, source

ALL = [(f"C{n}", "P", str(n)) for n in range(1, 6)]


def page_number(request: Request) -> Any:
    number = int(request.query_params["page"])
    return {"pages": 3, "total": 5, "data": rows(*range(2 * number - 1, min(2 * number, 5) + 1))}


def cursor(request: Request) -> Any:
    start = int(request.query_params.get("after", 0))
    following = {"next": str(start + 2)} if start < 4 else {"next": None}
    return {**following, "more": start < 4, "data": rows(*range(start + 1, min(start + 2, 5) + 1))}


def in_header(request: Request) -> Any:
    made = cursor(request)
    return answer(made, **({"x_next": made["next"]} if made["next"] else {}))


def next_url(request: Request) -> Any:
    made = cursor(request)
    return {"data": made["data"], "links": {"next": f"/x?after={made['next']}" if made["next"] else None}}


def link(request: Request) -> Any:
    made = cursor(request)
    told = f'</x?after={made["next"]}>; rel="next", </x>; rel="first"' if made["next"] else '</x>; rel="first"'
    return answer(made, link=told)


def last_id(request: Request) -> Any:
    start = int(request.query_params.get("since", 0))
    return {"data": rows(*range(start + 1, min(start + 2, 5) + 1))}


KINDS: list[tuple[Handler, dict[str, Any], int]] = [
    (page_number, {"kind": "page", "param": "page", "pages_at": "pages"}, 3),
    (page_number, {"kind": "page", "param": "page", "size": 2, "total_at": "total"}, 3),
    (page_number, {"kind": "page", "param": "page", "size": 2, "stop_when_short": True}, 3),
    (page_number, {"kind": "page", "param": "page"}, 4),
    (cursor, {"kind": "cursor", "param": "after", "cursor_at": "next"}, 3),
    (cursor, {"kind": "cursor", "param": "after", "cursor_at": "$.next", "more_at": "more"}, 3),
    (in_header, {"kind": "header_cursor", "param": "after", "cursor_at": "X-Next"}, 3),
    (next_url, {"kind": "next_url", "cursor_at": "links.next"}, 3),
    (link, {"kind": "link_header"}, 3),
    (last_id, {"kind": "last_id", "param": "since", "id_at": "id"}, 4),
    (last_id, {"kind": "last_id", "param": "since", "size": 2, "stop_when_short": True}, 3),
]


@pytest.mark.parametrize(("handler", "paging", "requests"), KINDS)
def test_s1_57_pages_of_each_kind(handler: Handler, paging: dict[str, Any], requests: int) -> None:
    with endpoint({"/x": handler}) as server:
        reading = read(server, paging=paging)
        assert quantities(reading) == ALL
        assert reading.complete
        assert len(server.asked) == requests


@pytest.mark.parametrize("place", ["body", "header", "template"])
def test_the_page_goes_where_it_is_wanted(place: str) -> None:
    async def page(request: Request) -> Any:
        if place == "body":
            offset = (await request.json())["offset"]
        else:
            offset = int(request.headers["offset"] if place == "header" else request.path_params["offset"])
        return {"data": rows(*range(offset + 1, min(offset + 2, 5) + 1)), "total": 5}

    paging = {"kind": "offset", "param": "offset", "size": 2, "total_at": "total", "place": place}
    url = "/x/{{ page.offset }}" if place == "template" else "/x/0"
    with endpoint({"/x/{offset}": page}) as server:
        assert quantities(read(server, url, paging=paging, method="POST" if place == "body" else "GET")) == ALL


def test_a_graphql_cursor_goes_into_the_variables() -> None:
    async def page(request: Request) -> Any:
        asked = await request.json()
        start = int(asked["variables"].get("after") or 0)
        end = str(start + 2) if start < 4 else None
        return {"data": {"items": rows(*range(start + 1, min(start + 2, 5) + 1)), "end": end}}

    body = {"kind": "graphql", "content": "query($after: String) { items }", "variables": {"first": 2}}
    paging = {"kind": "cursor", "param": "after", "cursor_at": "data.end", "place": "body"}
    with endpoint({"/x": page}) as server:
        reading = read(server, method="POST", body=body, paging=paging, mapping=FLAT | {"records": "data.items"})
    assert quantities(reading) == ALL


def test_a_page_that_comes_twice_is_an_error() -> None:
    with endpoint({"/x": {"data": rows(1)}}) as server, pytest.raises(ShapeChanged, match="same page came twice"):
        read(server, paging={"kind": "page", "param": "page"})


def test_windows_of_dates_and_places_in_the_query() -> None:
    def page(request: Request) -> Any:
        return {"data": [{"c": request.query_params["from"], "p": request.query_params["to"], "q": 1}]}

    window = {"start": "{{ previous_month_start }}", "end": "{{ today }}", "days": 20}
    query = {"from": "{{ window.start }}", "to": '{{ window.end | date:"%d/%m/%Y" }}'}
    with endpoint({"/x": page}) as server:
        reading = read(server, window=window, query=query)
    assert [(line.customer, line.product) for line in reading.lines] == [
        ("2026-09-01", "20/09/2026"),
        ("2026-09-21", "05/10/2026"),
    ]


def test_values_are_escaped_for_where_they_stand() -> None:
    def child(request: Request) -> Any:
        return {"data": [{"p": request.url.path, "q": 1}], "q": str(request.query_params)}

    nasty = 'a/../b?x=1&y"<'
    mapping = {"records": "data", "customer_id": "parent.id", "product": "p", "quantity": "q"}
    first = {"url": "/first", "records": "data"}
    with endpoint({"/first": {"data": [{"id": nasty}]}, "/c/{rest:path}": child}) as server:
        read(server, "/c/{{ parent.id }}/end?n={{ parent.id }}", for_each=first, mapping=mapping)
        assert server.asked[1].path == f"/c/{nasty}/end"
        assert server.asked[1].query == "n=a%2F..%2Fb%3Fx%3D1%26y%22%3C"
        xml = {"kind": "xml", "content": "<a>{{ setting.who }}</a>"}
        with pytest.raises(RemoteError):
            read(server, "/none", method="POST", body=xml, values={"who": nasty})
        assert server.asked[2].body == b"<a>a/../b?x=1&amp;y&quot;&lt;</a>"
        with pytest.raises(SettingsError, match="line end"):
            read(server, headers={"X-A": "{{ setting.who }}"}, values={"who": "a\r\nX-B: c"})


@pytest.mark.parametrize(
    "text",
    ["{{ nope }}", "{{ today | nope }}", "{{ today", "{{ parent.id }}", "{{ secret.key - 1 day }}", "{{ open('x') }}"],
)
def test_unknown_places_are_errors_when_saved(text: str) -> None:
    with pytest.raises(ValueError, match=r"There is no|not closed|not understood|Only dates"):
        RestSettings.model_validate({"url": f"https://example.com/{text}"})


def test_names_are_joined_from_a_second_call() -> None:
    names = {"items": [{"key": 1, "title": "Backup"}, {"key": 2, "title": "EDR"}]}
    data = {"data": [{"c": "A", "p": 2, "q": 1}]}
    join = {"name": "products", "url": "/names", "records": "items", "key": "key", "on": "p"}
    with endpoint({"/x": data, "/names": names}) as server:
        mapping = FLAT | {"product_key": "p", "product": "joined.products.title"}
        assert read(server, joins=[join], mapping=mapping).lines[0].product == "EDR"


def test_rules_say_what_an_answer_means() -> None:
    def child(request: Request) -> Any:
        number = request.path_params["id"]
        return {"1": {"data": rows(1)}, "2": answer({"code": "NONE"}, 400)}.get(number, answer({}, 404))

    first = {"url": "/first", "records": "data"}
    mapping = {"records": "data", "customer_id": "parent.id", "product": "p", "quantity": "q"}
    rule = {"status": [400], "contains": "NONE", "action": "ignore"}
    with endpoint({"/first": {"data": [{"id": n} for n in (1, 2, 3)]}, "/c/{id}": child}) as server:
        reading = read(server, "/c/{{ parent.id }}", for_each=first, mapping=mapping, rules=[rule])
    assert set(reading.failed_customers) == {"3"}
    assert reading.complete
    assert reading.proves_absence("2")


def test_retry_and_waits_of_its_own() -> None:
    calls: list[str] = []

    def flaky(_: Request) -> Any:
        calls.append("")
        return answer({}, 503, x_ratelimit_reset="0") if len(calls) == 1 else {"data": rows(1)}

    with endpoint({"/x": flaky}) as server:
        assert read(server).complete


@pytest.mark.parametrize("kind", ["csv", "tsv", "bom", "gzip", "latin"])
def test_answers_of_other_formats(kind: str) -> None:
    made: dict[str, Any] = {
        "csv": answer("c,p,q\nCafé,P,3\n".encode(), content_type="text/csv"),
        "tsv": answer("c\tp\tq\nCafé\tP\t3\n".encode(), content_type="text/tab-separated-values"),
        "bom": answer(b"\xef\xbb\xbf" + '{"data": [{"c": "Café", "p": "P", "q": 3}]}'.encode()),
        "gzip": answer(gzip.compress('{"data": [{"c": "Café", "p": "P", "q": 3}]}'.encode())),
        "latin": answer("c;p;q\nCafé;P;3\n".encode("cp1252"), content_type="text/csv"),
    }
    mapping = FLAT if kind in ("bom", "gzip") else FLAT | {"records": ""}
    with endpoint({"/x": made[kind]}) as server:
        assert quantities(read(server, mapping=mapping)) == [("Café", "P", "3")]


def test_a_workbook_goes_through_the_file_importer() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (("Customer", "Product", "Qty"), ("De Halm", "BP", 25)):
        sheet.append(row)
    data = io.BytesIO()
    book.save(data)
    file = {"customer": "Customer", "product": "Product", "quantity": "Qty", "complete": True}
    with endpoint({"/usage.xlsx": answer(data.getvalue())}) as server:
        reading = read(server, "/usage.xlsx", answer={"file": file}, mapping=None)
        assert source(server, "/usage.xlsx", mapping=None).sample(NOW).kind == "file"
    assert quantities(reading) == [("De Halm", "BP", "25")]
    assert reading.complete


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"{", "not the JSON"),
        (b"<a>", "not the XML"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "not the XML"),
        (b"[" * 100 + b"]" * 100, "nested"),
        (b"c,c\n1,2\n", "not the JSON"),
    ],
)
def test_what_cannot_be_read_is_told(content: bytes, words: str) -> None:
    with endpoint({"/x": answer(content)}) as server, pytest.raises(ShapeChanged, match=words):
        read(server)


def test_a_file_without_its_columns_says_so() -> None:
    with endpoint({"/x": answer(b"PK\x03\x04 and more")}) as server, pytest.raises(SettingsError, match="is a file"):
        read(server)


def test_m2_a_parent_whose_answer_lacks_the_list_spoils_no_other() -> None:
    def child(request: Request) -> Any:
        return {"data": rows(1)} if request.path_params["id"] == "1" else {"items": []}

    mapping = {"records": "data", "customer_id": "parent.id", "product": "p", "quantity": "q"}
    first = {"url": "/first", "records": "data"}
    with endpoint({"/first": {"data": [{"id": n} for n in (1, 2)]}, "/c/{id}": child}) as server:
        reading = read(server, "/c/{{ parent.id }}", for_each=first, mapping=mapping)
    assert set(reading.failed_customers) == {"2"}
    assert reading.complete


def test_m2_an_ignored_answer_after_the_first_page_loses_nothing() -> None:
    def child(request: Request) -> Any:
        return {"data": rows(1, 2)} if request.query_params["page"] == "1" else answer({}, 404)

    mapping = FLAT | {"customer": "parent.id", "product": "c"}
    options: dict[str, Any] = {"paging": {"kind": "page", "param": "page"}, "mapping": mapping}
    options |= {"for_each": {"url": "/first", "records": "data"}, "rules": [{"status": [404], "action": "ignore"}]}
    with endpoint({"/first": {"data": [{"id": "A"}]}, "/c": child}) as server:
        reading = read(server, "/c", **options)
    assert quantities(reading) == [("A", "C1", "1"), ("A", "C2", "2")]
    assert not reading.failed_customers


def test_m2_a_call_left_out_by_a_rule_is_not_complete() -> None:
    def page(request: Request) -> Any:
        return {"data": rows(1)} if request.query_params["page"] == "1" else answer({}, 410)

    with endpoint({"/x": page}) as server:
        rule = {"status": [410], "action": "skip_parent"}
        assert not read(server, paging={"kind": "page", "param": "page"}, rules=[rule]).complete


def test_m2_an_error_inside_one_parents_answer_spoils_no_other() -> None:
    def child(request: Request) -> Any:
        return {"error": "busy"} if request.path_params["id"] == "2" else {"data": [{"p": "P", "q": 4}]}

    mapping = {"records": "data", "customer_id": "parent.id", "product": "p", "quantity": "q", "error_path": "error"}
    first = {"url": "/first", "records": "data", "paging": {"kind": "none", "total_at": "total"}}
    customers = {"total": 3, "data": [{"id": n} for n in (1, 2)]}
    with endpoint({"/first": customers, "/c/{id}": child}) as server:
        reading = read(server, "/c/{{ parent.id }}", for_each=first, mapping=mapping)
    assert quantities(reading) == [("1", "P", "4")]
    assert set(reading.failed_customers) == {"2"}
    assert not reading.complete


def test_a_key_that_comes_twice_is_told() -> None:
    with endpoint({"/x": b'{"data": [{"c": "A", "p": "P", "q": 1.0, "q": 2}]}'}) as server:
        reading = read(server)
    assert quantities(reading) == [("A", "P", "2")]
    assert any("comes twice" in str(note) for note in reading.notes)


def test_big_numbers_stay_exact() -> None:
    with endpoint(
        {"/x": b'{"data": [{"c": "A", "p": 12345678901234567890123, "q": 12345678901234567.125}]}'}
    ) as server:
        assert quantities(read(server)) == [("A", "12345678901234567890123", "12345678901234567.125")]
