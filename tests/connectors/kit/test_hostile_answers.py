"""A portal that means harm: packed answers, endless headers, documents made to be slow. What is larger or later than agreed ends."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from connectors._kit.http import Answer, Http, Request, Timeouts
from connectors.rest import auth
from connectors.rest.decode import MOST_BYTES, decode
from connectors.rest.settings import Answer as Declared
from core.domain.errors import OutcomeUnknown, RemoteError, ShapeChanged
from tests.connectors.fakes import serving
from tests.fuzz.bounded import within


def answering(*parts: bytes, headers: list[tuple[bytes, bytes]]) -> Any:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return app


def asked(app: Any, *, writes: bool = False, **options: Any) -> Answer:
    with serving(app) as server:
        http = Http("Portal", **options)
        try:
            return http.send(Request(method="GET", url=server.url, writes=writes))
        finally:
            http.close()


ZEROS = gzip.compress(b"0" * 8 * 1024 * 1024)


def test_a_packed_answer_counts_unpacked() -> None:
    packed = [(b"content-encoding", b"gzip")]
    with pytest.raises(RemoteError) as found:
        asked(answering(ZEROS, headers=packed), max_bytes=1024 * 1024)
    assert found.value.kind == "too_large"
    assert asked(answering(gzip.compress(b"{}"), headers=packed)).json() == {}


@pytest.mark.parametrize("told", [b"gzip, gzip", b"gzip,deflate", b"br", b"zstd"])
def test_what_is_packed_twice_or_otherwise_is_never_unpacked(told: bytes) -> None:
    """A few kilobytes, packed twice, are gigabytes before the first part of them can be counted."""
    app = answering(gzip.compress(ZEROS), headers=[(b"content-encoding", told)])
    with pytest.raises(RemoteError) as found:
        asked(app)
    assert found.value.kind == "packing"
    with pytest.raises(OutcomeUnknown):
        asked(app, writes=True)


def test_packed_twice_over_two_headers_is_refused_too() -> None:
    with pytest.raises(RemoteError) as found:
        asked(answering(gzip.compress(ZEROS), headers=[(b"content-encoding", b"gzip")] * 2))
    assert found.value.kind == "packing"


def test_an_answer_that_drips_for_ever_ends_with_its_exchange() -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        import asyncio

        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(200):
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.sleep(0.02)

    with pytest.raises(RemoteError) as found:
        asked(app, timeouts=Timeouts(total=0.5))
    assert found.value.kind == "no_answer"


@pytest.mark.parametrize(
    "content",
    [
        b"<!---->" * 280 + b"x",
        b"<!-- a -->\n" * 180,
        b"<html><title" * 1600,
        b"<html>" + b"<title>" * 2800,
        b"{" + b",".join(b'"k%d":1' % number for number in range(60_000)) + b',"k1":1}',
        b'{"q": 1e99999999999999999999}',
        b"[" * 100_000,
        b'{"q": ' + b"9" * 100_000 + b"}",
    ],
)  # fmt: skip
def test_a_document_made_to_be_slow_is_read_or_refused_at_once(content: bytes) -> None:
    with within(3):
        try:
            decode(Answer(200, {}, content, "GET x"), Declared())
        except ShapeChanged:
            return


def test_a_gzip_file_inside_an_answer_ends_at_its_limit() -> None:
    bomb = gzip.compress(b"0" * (MOST_BYTES + 1), 1)
    with pytest.raises(ShapeChanged, match="larger than"):
        decode(Answer(200, {}, bomb, "GET x"), Declared())


@pytest.mark.parametrize(
    "told", ["\u00b2", "1.\u00b3", "9" * 5000, "-1", "Fri, 31 Dec 99999 23:59:59 GMT", "nan", "\u0663"]
)
def test_any_time_to_wait_is_a_number_of_seconds_or_nothing(told: str) -> None:
    waits = Answer(429, {"retry-after": told}, b"", "GET x").retry_after()
    assert waits is None or waits >= 0


def test_a_challenge_made_to_be_slow_is_cut() -> None:
    with within(3):
        auth._challenge("a" * 60_000 + 'x="' * 10_000)
