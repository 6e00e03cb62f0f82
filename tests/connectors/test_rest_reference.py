"""The kinds of the REST reference (A1 to A6), each with the test that shows it; and those that nothing else shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from starlette.requests import Request

from connectors.rest.settings import Answer, Body, Paging, Rule
from connectors.rest.signin import SignIn
from core.domain.errors import RateLimited, RemoteError, SettingsError, Unauthorized
from tests.connectors.rest_fakes import FLAT, NOW, answer, endpoint, quantities, read, rows, source

HERE = Path(__file__).parent

SHOWN: dict[str, dict[str, str]] = {
    "auth": {
        "none": "test_rest.test_s1_57_case_1_the_reference_document",
        "key": "test_rest_sign_in.test_a_key_goes_where_it_is_wanted",
        "bearer": "test_rest_sign_in.test_bearer_with_a_second_key_beside_it",
        "basic": "test_rest.test_case_15_basic_sign_in",
        "digest": "test_rest_sign_in.test_digest",
        "client_credentials": "test_rest_sign_in.test_oauth_grants",
        "password": "test_rest_sign_in.test_oauth_grants",
        "refresh_token": "test_rest.test_case_13_a_rotating_refresh_token_survives_a_crash",
        "authorization_code": "../web/test_vendor_sign_in.test_a_person_signs_in_and_the_tokens_rotate",
        "session": "test_rest.test_case_12_a_session_that_ends_is_begun_again",
        "jwt": "test_rest_sign_in.test_a_token_signed_here",
        "hmac": "test_rest_sign_in.test_a_signed_request",
    },
    "paging": {
        **dict.fromkeys(
            ("page", "cursor", "header_cursor", "next_url", "link_header", "last_id"),
            "test_rest_pages.test_s1_57_pages_of_each_kind",
        ),
        "none": "test_rest.test_s1_57_case_1_the_reference_document",
        "offset": "test_rest.test_case_2_a_row_on_two_pages_counts_once",
    },
    "rule": dict.fromkeys(
        get_args(Rule.model_fields["action"].annotation), "test_rest_reference.test_each_action_of_a_rule"
    )
    | {"restart": "test_rest_job.test_a_list_is_begun_anew_where_a_rule_says_so"},
    "body": dict.fromkeys(get_args(Body.model_fields["kind"].annotation), "test_rest_reference.test_each_kind_of_body")
    | {"graphql": "test_rest_pages.test_a_graphql_cursor_goes_into_the_variables"},
    "format": {
        "auto": "test_rest_pages.test_answers_of_other_formats",
        "json": "test_rest_pages.test_what_cannot_be_read_is_told",
        "ndjson": "test_rest.test_case_10_a_broken_line_among_good_ones",
        "csv": "test_rest_pages.test_answers_of_other_formats",
        "xml": "test_rest.test_case_11_xml_with_one_product_and_with_two",
        "file": "test_rest_pages.test_a_workbook_goes_through_the_file_importer",
    },
    "beside": {
        "several at once": "test_rest_sign_in.test_bearer_with_a_second_key_beside_it",
        "mutual TLS": "test_rest_mutual_tls.test_mutual_tls_with_a_private_authority",
        "date window": "test_rest_pages.test_windows_of_dates_and_places_in_the_query",
        "one call per parent": "test_rest.test_case_8_one_parent_that_fails_for_good_is_not_zero",
        "result job": "test_rest_job.test_a_result_that_is_made_to_order_and_comes_in_pages",
        "second call": "test_rest_pages.test_names_are_joined_from_a_second_call",
        "the same page again": "test_rest_pages.test_a_page_that_comes_twice_is_an_error",
        "the same cursor again": "test_rest.test_case_3_a_cursor_that_never_changes_ends_with_an_error",
        "another host": "test_rest.test_case_4_a_next_address_on_another_host_is_not_asked",
        "places of parameters": "test_rest_pages.test_the_page_goes_where_it_is_wanted",
        "unknown places": "test_rest_pages.test_unknown_places_are_errors_when_saved",
    },
}


def kinds(part: str) -> set[str]:
    if part == "auth":
        models: tuple[type[BaseModel], ...] = get_args(get_args(SignIn)[0])
        return {str(get_args(model.model_fields["kind"].annotation)[0]) for model in models}
    model, field = {
        "paging": (Paging, "kind"),
        "rule": (Rule, "action"),
        "body": (Body, "kind"),
        "format": (Answer, "format"),
    }[part]
    return set(get_args(model.model_fields[field].annotation))


@pytest.mark.parametrize("part", ["auth", "paging", "rule", "body", "format"])
def test_every_kind_that_can_be_chosen_is_shown_by_a_test(part: str) -> None:
    assert kinds(part) == set(SHOWN[part])


def test_the_tests_that_show_them_are_there() -> None:
    named = {name for part in SHOWN.values() for name in part.values()}
    lost = []
    for name in named:
        module, _, function = name.rpartition(".")
        text = (HERE / f"{module}.py").read_text(encoding="utf-8")
        if not re.search(rf"^def {function}\(", text, re.MULTILINE):
            lost.append(name)
    assert not lost


@pytest.mark.parametrize("action", ["fail", "retry", "ignore", "skip_parent", "renew", "rate_limited"])
def test_each_action_of_a_rule(action: str) -> None:
    """The endpoint says with status 200 that something is the matter, once or for good."""
    times = [0]

    def page(request: Request) -> Any:
        times[0] += 1
        well = times[0] > 1 and action in ("retry", "renew", "rate_limited")
        return {"data": rows(1)} if well else answer({"problem": "busy"}, retry_after="0")

    rule = {"path": "problem", "action": action}
    auth = {"kind": "session", "url": "/login", "name": "X-Session"}
    with endpoint({"/x": page, "/login": answer(b"s-1234")}) as server:
        if action == "fail":
            with pytest.raises(RemoteError, match="answers with an error"):
                read(server, rules=[rule], auth=auth)
            return
        reading = read(server, rules=[rule], auth=auth, allow_empty=True)
        logins = server.paths().count("GET /login") + server.paths().count("POST /login")
    assert len(reading.lines) == (0 if action in ("ignore", "skip_parent") else 1)
    assert reading.complete is (action != "skip_parent"), "what is skipped was not read"
    assert logins == (2 if action == "renew" else 1)


def test_a_wait_longer_than_a_quarter_of_an_hour_ends_the_reading() -> None:
    with endpoint({"/x": answer({}, 429, retry_after="901")}) as server, pytest.raises(RateLimited) as caught:
        read(server)
    assert (caught.value.retry_after, len(server.asked)) == (901.0, 1)


@pytest.mark.parametrize(
    ("body", "sent", "kind"),
    [
        ({"kind": "json", "content": {"a": "{{ today }}"}}, b'{"a":"2026-10-05"}', "application/json"),
        (
            {"kind": "form", "content": {"a": "{{ today }}", "b": "x y"}},
            b"a=2026-10-05&b=x+y",
            "application/x-www-form-urlencoded",
        ),
        ({"kind": "text", "content": "from {{ today }}"}, b"from 2026-10-05", "text/plain; charset=utf-8"),
        ({"kind": "xml", "content": "<a>{{ setting.b }}</a>"}, b"<a>&lt;&amp;</a>", "application/xml"),
    ],
)
def test_each_kind_of_body(body: dict[str, Any], sent: bytes, kind: str) -> None:
    with endpoint({"/x": {"data": rows(1)}}) as server:
        assert read(server, method="POST", body=body, values={"b": "<&"}).complete
        (asked,) = server.asked
    assert (asked.body, asked.headers["content-type"]) == (sent, kind)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_nothing_that_changes_something_can_be_asked(method: str) -> None:
    with endpoint({}) as server, pytest.raises(SettingsError):
        source(server, method=method)


def test_offsets_that_end_where_the_answer_says_so() -> None:
    def page(request: Request) -> Any:
        start = int(request.query_params["skip"])
        return {"more": start < 2, "data": rows(start + 1, start + 2)}

    with endpoint({"/x": page}) as server:
        paging = {"kind": "offset", "param": "skip", "size_param": "take", "size": 2, "more_at": "more"}
        assert quantities(read(server, paging=paging)) == [(f"C{n}", "P", str(n)) for n in (1, 2, 3, 4)]
        assert [one.query for one in server.asked] == ["skip=0&take=2", "skip=2&take=2"]


@pytest.mark.parametrize(
    ("told", "token_at", "header"),
    [
        (answer(b"<login><t id='1'>s-1234</t></login>"), 'login.t."#text"', ""),
        (answer({"d": {"t": "s-1234"}}), "d.t", ""),
        (answer({}, x_token="s-1234"), "", "X-Token"),
    ],
)
def test_a_session_token_wherever_it_stands(told: Any, token_at: str, header: str) -> None:
    def page(request: Request) -> Any:
        return {"data": rows(1)} if request.headers.get("authorization") == "Bearer s-1234" else answer({}, 401)

    auth = {"kind": "session", "url": "/login", "token_at": token_at, "token_header": header, "prefix": "Bearer "}
    with endpoint({"/login": told, "/x": page}) as server:
        assert read(server, auth=auth).complete


def test_a_key_of_several_lines_survives_a_field_of_one() -> None:
    """A form without line ends takes them out of PEM texts."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with endpoint({"/x": {"data": rows(1)}}) as server:
        secrets = {"signing_key": key.decode().replace("\n", " ")}
        assert read(server, auth={"kind": "jwt", "algorithm": "ES256"}, secrets=secrets).complete


def test_further_addresses_are_on_the_server_of_the_main_one() -> None:
    """Where no base address is given."""
    with endpoint({"/x": {"data": rows(1)}, "/names": {"items": [{"key": "P", "title": "Pro"}]}}) as server:
        join = {"name": "products", "url": "/names", "records": "items", "key": "key", "on": "p"}
        mapping = FLAT | {"product": "joined.products.title"}
        found = source(server, f"{server.url}/x", base_url="", joins=[join], mapping=mapping)
        assert found.sample(NOW).kind == "json"
        assert server.paths() == ["GET /x", "GET /names"]
    for url in ("https://[bad/", "x"):
        with endpoint({}) as server, pytest.raises(SettingsError, match="is not a web address"):
            read(server, url, base_url="")


def test_a_refused_sign_in_is_told_apart_from_a_refused_request() -> None:
    with endpoint({"/x": answer({}, 403)}) as server, pytest.raises(RemoteError, match="does not allow this") as caught:
        read(server)
    assert not isinstance(caught.value, Unauthorized)
