"""Teams over a real HTTP server (alerts reference, cases 1 to 7, 9 and 10; case 8 belongs to the outbox)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors._kit.guard import GuardPolicy
from connectors._kit.http import Http
from connectors._kit.posting import posting
from core.domain.errors import ContractBridgeError, RateLimited, RemoteError, SettingsError
from core.domain.notice import Notice, Severity
from core.domain.text import T
from core.notify.teams import MOST_BYTES, TeamsChannel, TeamsSettings, adaptive_card, escaped, fitting, wrapped
from core.notify.wording import Wording
from tests.connectors.fakes import Server, serving
from tests.looking import tries

PATH = "/workflows/b840%2Fx/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=S1g_Na-tuRe%2Bvery"
ENGLISH = Wording("en")


def notice(lines: int = 2, **changed: Any) -> Notice:
    given: dict[str, Any] = {
        "severity": Severity.WARNING,
        "title": T("Licence sync: 2 customers need attention"),
        "facts": ((T("Source"), T("{name}", name="Distributor A")),),
        "lines": tuple(
            T("{customer}: {old} → {new}", customer=f"Customer {number}", old=25, new=27) for number in range(lines)
        ),
        "link": "https://portal.msp.example/runs/8123",
        "run": 8123,
    }
    return Notice(**{**given, **changed})


def app(answer: Callable[[bytes], Response]) -> Starlette:
    async def invoke(request: Request) -> Response:
        return answer(await request.body())

    return Starlette(routes=[Route("/{rest:path}", invoke, methods=["POST"])])


def channel(server: Server, form: str = "wrapper") -> TeamsChannel:
    host = server.url.removeprefix("http://")
    http = Http("Teams", policy=GuardPolicy(allowed_hosts=frozenset({host})))
    return TeamsChannel(TeamsSettings.model_validate({"form": form}), server.url + PATH, posting(http), ENGLISH)


def test_case_1_accepted_is_not_delivered() -> None:
    with serving(app(lambda _: Response(status_code=202, headers={"x-ms-workflow-run-id": "085847"}))) as server:
        delivery = channel(server).send(notice(), "1@x")
    assert not delivery.delivered
    assert delivery.reference == "085847"


def test_case_2_the_wrapper_is_exactly_what_the_flow_expects_and_the_address_stays_as_it_is() -> None:
    with serving(app(lambda _: Response(status_code=202))) as server:
        channel(server).send(notice(), "1@x")
    (asked,) = server.asked
    assert asked.query == PATH.partition("?")[2]
    assert "authorization" not in asked.headers
    assert asked.headers["content-type"] == "application/json; charset=utf-8"
    body = json.loads(asked.body)
    assert body["type"] == "message"
    (attachment,) = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["contentUrl"] is None
    card = attachment["content"]
    assert (card["type"], card["version"], card["msteams"]) == ("AdaptiveCard", "1.4", {"width": "Full"})
    assert card["actions"] == [
        {"type": "Action.OpenUrl", "title": "Open in ContractBridge", "url": "https://portal.msp.example/runs/8123"}
    ]
    assert {"title": "Run", "value": "8123"} in card["body"][1]["facts"]


def test_case_2_a_port_that_is_the_usual_one_stays_in_the_address() -> None:
    seen: list[str] = []

    def post(url: str, headers: Any, body: bytes) -> Any:
        seen.append(url)
        raise RateLimited(T("busy"))

    url = "https://prod-1.westeurope.logic.azure.com:443" + PATH
    with pytest.raises(RemoteError):
        TeamsChannel(TeamsSettings(), url, post, ENGLISH).send(notice(), "1@x")
    assert seen == [url]


def test_case_3_bare_card() -> None:
    with serving(app(lambda _: Response(status_code=202))) as server:
        channel(server, "bare").send(notice(), "1@x")
    assert json.loads(server.asked[0].body)["type"] == "AdaptiveCard"


def test_case_4_the_old_connector_says_too_large_inside_a_200() -> None:
    said = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with ContextId tcid=1"
    with serving(app(lambda _: PlainTextResponse(said))) as server, pytest.raises(RemoteError) as raised:
        channel(server, "legacy").send(notice(400), "1@x")
    assert len(server.asked) == 2
    assert len(server.asked[1].body) < len(server.asked[0].body)
    assert not raised.value.retryable
    assert raised.value.kind == "too_large"


def test_case_5_the_old_connector_works_and_is_named_as_retired() -> None:
    with serving(app(lambda _: PlainTextResponse("1"))) as server:
        delivery = channel(server, "legacy").send(notice(), "1@x")
    assert delivery.delivered
    assert "retired" in str(delivery.notes[0])
    body = json.loads(server.asked[0].body)
    assert (body["@type"], body["summary"]) == ("MessageCard", "Licence sync: 2 customers need attention")


def test_case_6_four_hundred_lines_are_one_card_that_says_how_many_more() -> None:
    with serving(app(lambda _: Response(status_code=202))) as server:
        channel(server).send(notice(400), "1@x")
    (asked,) = server.asked
    assert len(asked.body.decode().encode("utf-16-le")) <= MOST_BYTES
    text = json.loads(asked.body)["attachments"][0]["content"]["body"][2]["text"]
    assert text.endswith("… and 375 more")


def test_case_7_busy_says_how_long_to_wait() -> None:
    with (
        serving(app(lambda _: Response(status_code=429, headers={"Retry-After": "7"}))) as server,
        pytest.raises(RateLimited) as raised,
    ):
        channel(server).send(notice(), "1@x")
    assert raised.value.retry_after == 7
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "DirectApiAuthorizationRequired", "gone"),
        (404, "WorkflowNotFound", "gone"),
        (410, "Gone", "gone"),
        (400, "TriggerInputSchemaMismatch", "refused"),
    ],
)
def test_what_is_for_good_is_not_to_be_sent_again(status: int, code: str, kind: str) -> None:
    with (
        serving(app(lambda _: JSONResponse({"error": {"code": code, "message": "no"}}, status))) as server,
        pytest.raises(RemoteError) as raised,
    ):
        channel(server).send(notice(), "1@x")
    assert not raised.value.retryable
    assert raised.value.kind == kind
    assert code in str(raised.value)


def test_case_9_a_name_with_markdown_is_shown_literally() -> None:
    name = "A*B_[x](http://evil.example)"
    card = adaptive_card(notice(lines=0, title=T("{name}", name=name)), ENGLISH)
    assert card["body"][0]["text"] == r"A\*B\_\[x\]\(http://evil.example\)"  # type: ignore[index]


def test_case_10_nothing_that_goes_wrong_shows_the_signature() -> None:
    def echo(_: bytes) -> Response:
        return JSONResponse({"error": {"code": "Bad", "message": f"{PATH} S1g_Na-tuRe+very S1g_Na-tuRe%2Bvery"}}, 400)

    with serving(app(echo)) as server:
        with pytest.raises(RemoteError) as refused:
            channel(server).send(notice(), "1@x")
        closed = channel(server)
    with pytest.raises(ContractBridgeError) as gone:
        closed.send(notice(), "1@x")
    for error in (refused.value, gone.value):
        assert "S1g_Na" not in f"{error} {error.detail} {error.place}"


def test_an_address_that_leads_inside_is_refused() -> None:
    with serving(app(lambda _: Response(status_code=202))) as server:
        http = Http("Teams", policy=GuardPolicy())
        with pytest.raises(ContractBridgeError):
            TeamsChannel(TeamsSettings(), server.url + PATH, posting(http), ENGLISH).send(notice(), "1@x")
        assert server.asked == []
    with pytest.raises(SettingsError):
        TeamsChannel(TeamsSettings(), "file:///etc/passwd", posting(http), ENGLISH)


@tries(40)
@given(st.lists(st.text(max_size=300), max_size=60), st.text(max_size=300))
def test_any_card_fits_and_no_name_becomes_markdown(names: list[str], title: str) -> None:
    given_notice = notice(title=T("{title}", title=title), lines=0)
    lines = tuple(T("{name}", name=name) for name in names)
    one = Notice(severity=Severity.INFO, title=given_notice.title, lines=lines)
    body = fitting(lambda most: wrapped(adaptive_card(one, ENGLISH, most)))
    assert len(body.decode().encode("utf-16-le")) <= MOST_BYTES
    assert json.loads(body)["type"] == "message"


@given(st.text())
def test_escaping_loses_nothing(text: str) -> None:
    assert re.sub(r"\\([\\*_\[\]()~#`])", r"\1", escaped(text)) == text
