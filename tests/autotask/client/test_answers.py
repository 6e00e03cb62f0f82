"""What each answer means, as a table (Autotask reference §6)."""

from __future__ import annotations

import json

import pytest

from connectors._kit.http import Answer
from connectors.autotask.answers import understood
from core.domain.errors import OutcomeUnknown, RateLimited, Refused, RemoteError, ShapeChanged, Unauthorized

HTML = b"<html><body>Bad gateway</body></html>"


def errors(*texts: str) -> bytes:
    return json.dumps({"errors": texts}).encode()


@pytest.mark.parametrize(
    ("status", "body", "read", "write"),
    [
        (200, errors("No."), Refused, Refused),
        (500, errors("No."), Refused, Refused),
        (400, errors("No."), Refused, Refused),
        (400, b"", Refused, Refused),
        (403, b"", Refused, Refused),
        (200, b"{", ShapeChanged, OutcomeUnknown),
        (200, b"[]", ShapeChanged, OutcomeUnknown),
        (200, HTML, ShapeChanged, OutcomeUnknown),
        (500, b"", RemoteError, OutcomeUnknown),
        (500, b'{"Message": "An error has occurred."}', RemoteError, OutcomeUnknown),
        (500, errors(), RemoteError, OutcomeUnknown),
        (502, HTML, RemoteError, OutcomeUnknown),
        (503, b"", RemoteError, OutcomeUnknown),
        (408, b"", RemoteError, OutcomeUnknown),
        (500, errors("Execution Timeout Expired."), RemoteError, OutcomeUnknown),
        (302, b"", RemoteError, OutcomeUnknown),
        (401, b"", Unauthorized, Unauthorized),
        (404, b'{"Message": "No HTTP resource was found."}', RemoteError, RemoteError),
        (405, b"", RemoteError, RemoteError),
        (415, b"", RemoteError, RemoteError),
        (429, b"", RateLimited, RateLimited),
        (429, HTML, RateLimited, RateLimited),
        (500, errors("API thread threshold of 3 threads has been exceeded"), RateLimited, RateLimited),
        (200, errors("... (Itgenatr005)"), RateLimited, RateLimited),
        (503, b"Itgenatr005", RateLimited, RateLimited),
        (
            500,
            errors("The API request threshold of 10000 requests per 60 minutes has been exceeded."),
            RateLimited,
            RateLimited,
        ),
    ],
)
def test_answers(status: int, body: bytes, read: type[RemoteError], write: type[RemoteError]) -> None:
    answer = Answer(status, {}, body, "POST http://x/")
    for writes, expected in ((False, read), (True, write)):
        with pytest.raises(RemoteError) as raised:
            understood(answer, writes=writes)
        assert type(raised.value) is expected


@pytest.mark.parametrize(("status", "retryable"), [(500, True), (503, True), (404, False), (405, False), (302, False)])
def test_failed_reads_are_asked_again_where_that_may_help(status: int, retryable: bool) -> None:
    with pytest.raises(RemoteError) as raised:
        understood(Answer(status, {}, b"", "GET http://x/"), writes=False)
    assert raised.value.retryable is retryable


def test_good_answers_and_data_that_looks_like_an_error() -> None:
    body = {"items": [{"companyName": "Itgenatr005 thread threshold Ltd"}], "pageDetails": {}}
    assert understood(Answer(200, {}, json.dumps(body).encode(), ""), writes=False) == body
    assert understood(Answer(200, {}, b'{"itemId": null}', ""), writes=True) == {"itemId": None}
    assert understood(Answer(200, {}, b"", ""), writes=False) is None
    with pytest.raises(OutcomeUnknown):
        understood(Answer(200, {}, b"", ""), writes=True)
