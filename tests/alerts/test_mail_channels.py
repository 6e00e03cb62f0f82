"""Mail over a real SMTP server and over a real HTTP server that answers as Graph does (alerts reference, cases 11 to 16)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors._kit.guard import GuardPolicy
from connectors._kit.http import Http
from connectors._kit.posting import posting
from core.domain.errors import OutcomeUnknown, RateLimited, RemoteError, SettingsError
from core.domain.notice import Attachment, Notice, Severity
from core.domain.text import T
from core.notify.graph import GraphChannel, GraphSettings
from core.notify.smtp import SmtpChannel, SmtpSettings
from core.notify.wording import Wording
from tests.alerts.smtp_fake import Mailbox, mail_server
from tests.connectors.fakes import Server, self_signed, serving

NOW = datetime(2026, 11, 3, 5, 0, tzinfo=UTC)
DUTCH = Wording("nl", zone="Europe/Amsterdam")


def notice(**changed: Any) -> Notice:
    given: dict[str, Any] = {
        "severity": Severity.CRITICAL,
        "title": T("Licence sync of {customer}", customer="Bakkerij De Halm"),
        "facts": ((T("Count"), T("{count}", count=1315)),),
        "lines": (T("{customer}: {old} → {new}", customer="<b>Smit & Zn</b>", old=25, new=27),),
        "link": "https://portal.example/changes",
        "run": 8123,
    }
    return Notice(**{**given, **changed})


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return self_signed(tmp_path_factory.mktemp("tls"))


def smtp(
    box: Mailbox,
    tls: dict[str, str] | None = None,
    *,
    to: tuple[str, ...] = ("a@example.com",),
    secret: str = "s3cret",
    **changed: Any,
) -> SmtpChannel:
    given = {
        "host": "127.0.0.1",
        "port": box.port,
        "sender": "billing@msp.example",
        "ca_certificate": Path(tls["ssl_certfile"]).read_text() if tls else "",
        **changed,
    }
    return SmtpChannel(SmtpSettings.model_validate(given), to, DUTCH, secret=lambda: secret, now=lambda: NOW)


def test_a_mail_has_text_and_html_in_the_language_of_the_channel(tls: dict[str, str]) -> None:
    with mail_server(Mailbox(), tls) as box:
        delivery = smtp(box, tls).send(notice(), "8123.1@contractbridge")
    assert delivery.delivered
    assert "4711" in delivery.reference
    mail = box.read()
    assert mail["Message-ID"] == "<8123.1@contractbridge>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-ContractBridge-Run"] == "8123"
    assert mail["Date"] == "Tue, 03 Nov 2026 05:00:00 +0000"
    text = mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    assert "1.315" in text
    assert "<b>Smit & Zn</b>: 25 → 27" in text
    assert "&lt;b&gt;Smit &amp; Zn&lt;/b&gt;" in html
    assert "<b>Smit" not in html
    assert 'href="https://portal.example/changes"' in html


def test_the_password_goes_out_as_plain_after_encryption(tls: dict[str, str]) -> None:
    with mail_server(Mailbox(), tls) as box:
        smtp(box, tls).send(notice(), "1@x")
    (mechanism, sign_in), *more = box.signed_in
    assert (mechanism, sign_in.login, sign_in.password, more) == ("PLAIN", b"billing@msp.example", b"s3cret", [])


def test_tls_from_the_start(tls: dict[str, str]) -> None:
    with mail_server(Mailbox(), tls, implicit=True) as box:
        assert smtp(box, tls, security="tls").send(notice(), "1@x").delivered
    assert len(box.mails) == 1


def test_oauth_sends_the_token_and_reads_the_reason_of_a_refusal(tls: dict[str, str]) -> None:
    oauth = {"sign_in": "oauth", "tenant": "t", "client_id": "c"}
    with mail_server(Mailbox(), tls) as box:
        smtp(box, tls, secret="tok123", **oauth).send(notice(), "1@x")
        assert box.signed_in == [("XOAUTH2", "dXNlcj1iaWxsaW5nQG1zcC5leGFtcGxlAWF1dGg9QmVhcmVyIHRvazEyMwEB")]
    with (
        mail_server(Mailbox(sign_in_reply="535 5.7.3 Authentication unsuccessful"), tls) as box,
        pytest.raises(SettingsError) as raised,
    ):
        smtp(box, tls, secret="tok123", **oauth).send(notice(), "1@x")
    assert box.signed_in[-1] == ("challenge answered with", b"")
    assert "tok123" not in str(raised.value) + raised.value.detail


def test_case_11_a_server_without_starttls_never_gets_the_password() -> None:
    with mail_server(Mailbox(), None, starttls=False) as box, pytest.raises(SettingsError, match="no encryption"):
        smtp(box).send(notice(), "1@x")
    assert box.signed_in == []
    assert box.mails == []


def test_without_encryption_only_without_a_password() -> None:
    with pytest.raises(ValueError, match="nobody signs in"):
        SmtpSettings(host="relay", sender="a@b", security="none")
    with mail_server(Mailbox(), None, starttls=False) as box:
        assert smtp(box, security="none", sign_in="none").send(notice(), "1@x").delivered
    assert box.signed_in == []


def test_case_12_a_certificate_for_another_host_stops_with_its_name(tmp_path: Path) -> None:
    other = self_signed(tmp_path, "127.0.0.9")
    with mail_server(Mailbox(), other) as box, pytest.raises(SettingsError, match=r"another name than 127\.0\.0\.1"):
        smtp(box, other).send(notice(), "1@x")
    assert box.signed_in == []


def test_a_certificate_nobody_vouches_for_stops(tls: dict[str, str]) -> None:
    with mail_server(Mailbox(), tls) as box, pytest.raises(SettingsError, match="not trusted"):
        smtp(box).send(notice(), "1@x")
    assert box.signed_in == []


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("550 5.7.30 Basic authentication is not supported for Client Submission", "Graph"),
        (
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant",
            "Authenticated SMTP",
        ),
        ("535 5.7.8 Error: authentication failed", "user name and password"),
    ],
)
def test_case_13_what_a_refused_sign_in_means(tls: dict[str, str], reply: str, words: str) -> None:
    with mail_server(Mailbox(sign_in_reply=reply), tls) as box, pytest.raises(SettingsError) as raised:
        smtp(box, tls).send(notice(), "1@x")
    assert words in str(raised.value)
    assert "s3cret" not in str(raised.value) + raised.value.detail


def test_case_14_one_of_three_recipients_is_unknown(tls: dict[str, str]) -> None:
    to = ("a@example.com", "nobody@example.com", "c@example.com")
    with mail_server(Mailbox(replies={"nobody@example.com": "550 5.1.1 User unknown"}), tls) as box:
        delivery = smtp(box, tls, to=to).send(notice(), "1@x")
    assert box.to == [["a@example.com", "c@example.com"]]
    assert list(delivery.refused) == ["nobody@example.com"]
    assert not delivery.refused["nobody@example.com"].retryable


def test_all_recipients_refused_is_an_error(tls: dict[str, str]) -> None:
    with (
        mail_server(Mailbox(replies={"a@example.com": "451 4.7.1 Greylisted"}), tls) as box,
        pytest.raises(RemoteError) as raised,
    ):
        smtp(box, tls).send(notice(), "1@x")
    assert raised.value.retryable
    assert box.mails == []


def test_case_15_a_name_with_a_line_end_makes_no_header(tls: dict[str, str]) -> None:
    evil = T("Alert for {customer}", customer="Smit\r\nBcc: x@y.example\r\n\r\nbody")
    with mail_server(Mailbox(), tls) as box:
        smtp(box, tls, sender_name="A\r\nBcc: z@z.example").send(notice(title=evil), "1@x")
    mail = box.read()
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Alert for Smit Bcc: x@y.example body"
    assert b"\nBcc:" not in box.mails[-1]


def test_a_mail_too_large_goes_without_its_attachment(tls: dict[str, str]) -> None:
    class Small(Mailbox):
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            if len(envelope.content) > 10_000:
                return "552 5.3.4 Message too big for system"
            return await super().handle_DATA(server, session, envelope)

    attached = (Attachment("changes.csv", "text/csv", b"x" * 50_000),)
    with mail_server(Small(), tls) as box:
        assert smtp(box, tls).send(notice(attachments=attached), "1@x").delivered
    assert list(box.read().iter_attachments()) == []
    assert (
        "too large" in box.read().get_body(("plain",)).get_content()
        or "te groot" in box.read().get_body(("plain",)).get_content()
    )


def test_an_attachment_arrives_byte_for_byte(tls: dict[str, str]) -> None:
    attached = (Attachment("wijzigingen é.csv", "text/csv", b"a;b\r\n1;2\r\n"),)
    with mail_server(Mailbox(), tls) as box:
        smtp(box, tls).send(notice(attachments=attached), "1@x")
    (part,) = box.read().iter_attachments()
    assert part.get_filename() == "wijzigingen é.csv"
    assert part.get_payload(decode=True) == b"a;b\r\n1;2\r\n"


def test_m4_a_connection_that_ends_before_the_answer_leaves_the_outcome_open(tls: dict[str, str]) -> None:
    with mail_server(Mailbox(drop_at_end=True), tls) as box, pytest.raises(OutcomeUnknown):
        smtp(box, tls).send(notice(), "1@x")


def test_a_server_that_is_not_there_may_work_later() -> None:
    with pytest.raises(RemoteError) as raised:
        smtp(Mailbox(port=1)).send(notice(), "1@x")
    assert raised.value.retryable
    assert raised.value.kind == "not_sent"


# ---- Microsoft Graph -------------------------------------------------------------------------------------------------

Answers = Callable[[dict[str, Any], int], Response]


def graph_app(answer: Answers, bodies: list[dict[str, Any]]) -> Starlette:
    tokens: list[str] = []

    async def token(request: Request) -> Response:
        form = await request.form()
        if form["client_secret"] != "right":
            return JSONResponse({"error": "invalid_client", "error_description": "bad secret"}, 401)
        tokens.append(f"token-{len(tokens) + 1}")
        return JSONResponse({"access_token": tokens[-1], "expires_in": 3600})

    async def send(request: Request) -> Response:
        body = await request.json()
        bodies.append(body)
        return answer(body, int(request.headers["authorization"].rpartition("-")[2]))

    return Starlette(
        routes=[
            Route("/t/oauth2/v2.0/token", token, methods=["POST"]),
            Route("/users/{mailbox}/sendMail", send, methods=["POST"]),
        ]
    )


def graph(server: Server, secret: str = "right") -> GraphChannel:
    host = server.url.removeprefix("http://")
    http = Http("Microsoft Graph", policy=GuardPolicy(allowed_hosts=frozenset({host})))
    settings = GraphSettings(
        tenant="t", client_id="c", mailbox="alerts@msp.example", base_url=server.url, auth_url=server.url
    )
    return GraphChannel(settings, ("finance@msp.example",), DUTCH, post=posting(http), client_secret=secret)


def test_graph_takes_the_mail_and_the_token_is_used_again() -> None:
    bodies: list[dict[str, Any]] = []
    with serving(graph_app(lambda *_: Response(status_code=202, headers={"request-id": "r1"}), bodies)) as server:
        channel = graph(server)
        attached = (Attachment("a.csv", "text/csv", b"1;2"),)
        assert channel.send(notice(attachments=attached), "8123.1@x").reference == "r1"
        channel.send(notice(), "8123.2@x")
        assert [one.path for one in server.asked].count("/t/oauth2/v2.0/token") == 1
    message = bodies[0]["message"]
    assert message["toRecipients"] == [{"emailAddress": {"address": "finance@msp.example"}}]
    assert message["body"]["contentType"] == "HTML"
    assert base64.b64decode(message["attachments"][0]["contentBytes"]) == b"1;2"
    assert all(header["name"].startswith("x-") for header in message["internetMessageHeaders"])
    assert bodies[0]["saveToSentItems"] is False


def test_graph_renews_a_refused_token_once() -> None:
    def answer(_: dict[str, Any], number: int) -> Response:
        return (
            Response(status_code=202)
            if number == 2
            else JSONResponse({"error": {"code": "InvalidAuthenticationToken"}}, 401)
        )

    bodies: list[dict[str, Any]] = []
    with serving(graph_app(answer, bodies)) as server:
        graph(server).send(notice(), "1@x")
    assert len(bodies) == 2


def test_case_16_graph_without_the_right_names_the_mailbox_scope_and_is_not_asked_again() -> None:
    denied = {"error": {"code": "ErrorAccessDenied", "message": "Access is denied. Check credentials and try again."}}
    bodies: list[dict[str, Any]] = []
    with (
        serving(graph_app(lambda *_: JSONResponse(denied, 403), bodies)) as server,
        pytest.raises(SettingsError) as raised,
    ):
        graph(server).send(notice(), "1@x")
    assert len(bodies) == 1
    assert "Mail.Send" in str(raised.value.remedy)
    assert "scope" in str(raised.value.remedy)


def test_graph_busy_says_how_long_to_wait() -> None:
    with (
        serving(graph_app(lambda *_: Response(status_code=429, headers={"Retry-After": "7"}), [])) as server,
        pytest.raises(RateLimited) as raised,
    ):
        graph(server).send(notice(), "1@x")
    assert raised.value.retry_after == 7


def test_graph_a_wrong_secret_is_for_a_person() -> None:
    with (
        serving(graph_app(lambda *_: Response(status_code=202), [])) as server,
        pytest.raises(SettingsError, match="invalid_client") as raised,
    ):
        graph(server, "very-wrong").send(notice(), "1@x")
    assert "very-wrong" not in json.dumps([str(raised.value), raised.value.detail])


def test_graph_leaves_off_attachments_over_its_limit() -> None:
    bodies: list[dict[str, Any]] = []
    with serving(graph_app(lambda *_: Response(status_code=202), bodies)) as server:
        graph(server).send(notice(attachments=(Attachment("a.bin", "application/pdf", b"x" * 3_000_001),)), "1@x")
    assert bodies[0]["message"]["attachments"] == []
