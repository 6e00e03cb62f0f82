"""What the kit's HTTP makes of real servers that misbehave; certificates; what is never shown."""

from __future__ import annotations

import datetime as dt
import gzip
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors._kit.http import Answer, Http, Request, Timeouts, Tls
from connectors._kit.redact import Masker, redact_headers, redact_url
from connectors._kit.retry import Backoff, retrying
from core.domain.errors import OutcomeUnknown, RateLimited, RemoteError, ShapeChanged
from core.domain.text import T

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
SHORT = Timeouts(connect=30.0, read=0.4, write=30.0, total=0.8)


@contextmanager
def listening(talk: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that does `talk` with each connection, after having read the request."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                try:
                    connection.settimeout(2.0)
                    plain = tls.wrap_socket(connection, server_side=True) if tls else connection
                    plain.recv(65536)
                    talk(plain)
                    plain.close()
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        thread.join(60)
        listener.close()


@contextmanager
def client(**options: object) -> Iterator[Http]:
    http = Http("Example", **options)
    try:
        yield http
    finally:
        http.close()


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(20):
        connection.sendall(b"x")
        threading.Event().wait(0.1)


def reset(connection: socket.socket) -> None:
    """No end but a reset: what the connection was is not known any more, not even where it led."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


BROKEN: dict[str, Callable[[socket.socket], None]] = {
    "closed without a word": lambda connection: None,
    "cut in the head": lambda connection: connection.sendall(b"HTTP/1.1 200 O"),
    "cut in the body": lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
    "cut in a chunk": lambda connection: connection.sendall(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"
    ),
    "reset after the head": reset,
    "no http": lambda connection: connection.sendall(b"220 smtp ready\r\n"),
    "silent": lambda connection: threading.Event().wait(0.8),
    "one byte at a time": drip,
    "no gzip": lambda connection: connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"
    ),
}


ENDLESS = ("silent", "one byte at a time")


@pytest.mark.parametrize("way", BROKEN)
def test_m4_no_answer_is_retryable_for_a_read_and_unknown_for_a_write(way: str) -> None:
    timeouts = SHORT if way in ENDLESS else Timeouts()
    with listening(BROKEN[way]) as port, client(timeouts=timeouts) as http:
        url = f"http://127.0.0.1:{port}/"
        with pytest.raises(RemoteError) as raised:
            http.send(Request(method="GET", url=url))
        assert (raised.value.kind, raised.value.retryable) == ("no_answer", True)
        with pytest.raises(OutcomeUnknown):
            http.send(Request(method="POST", url=url, json={}, writes=True))


@pytest.mark.parametrize("writes", [True, False])
def test_m4_without_a_connection_nothing_was_sent(writes: bool) -> None:
    with socket.socket() as silent, client() as http, pytest.raises(RemoteError) as raised:
        silent.bind(("127.0.0.1", 0))  # taken, but nobody listens
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        http.send(Request(method="POST", url=url, json={}, writes=writes))
    assert (raised.value.kind, raised.value.retryable) == ("not_sent", True)
    assert not isinstance(raised.value, OutcomeUnknown)


@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_that_is_too_large_is_not_read(packed: bool) -> None:
    body = b"x" * (3 << 20)
    body = gzip.compress(body) if packed else body
    head = b"HTTP/1.1 200 OK\r\n" + (b"Content-Encoding: gzip\r\n" if packed else b"")
    answer = head + b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    with listening(lambda connection: connection.sendall(answer)) as port, client(max_bytes=1 << 20) as http:
        with pytest.raises(RemoteError, match="larger than 1 MB") as raised:
            http.send(Request(method="GET", url=f"http://127.0.0.1:{port}/"))
        assert raised.value.retryable is False
        with pytest.raises(OutcomeUnknown):
            http.send(Request(method="POST", url=f"http://127.0.0.1:{port}/", json={}, writes=True))


def test_redirects_are_answers() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with listening(lambda connection: connection.sendall(moved)) as port, client() as http:
        answer = http.send(Request(method="GET", url=f"http://127.0.0.1:{port}/"))
    assert (answer.status, answer.ok, answer.json()) == (302, False, None)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for another name than the one it is used under, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "appliance")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    pem, private = folder / "server.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return pem, context


def test_an_unknown_certificate_is_refused_and_nothing_is_sent(certificate: tuple[Path, ssl.SSLContext]) -> None:
    seen: list[bytes] = []
    talk = lambda connection: seen.append(connection.recv(10))  # noqa: E731
    with (
        listening(talk, certificate[1]) as port,
        client() as http,
        pytest.raises(RemoteError, match="certificate") as raised,
    ):
        http.send(Request(method="POST", url=f"https://127.0.0.1:{port}/", json={}, writes=True))
    assert (raised.value.kind, raised.value.retryable, seen) == ("not_sent", False, [])


def test_an_own_authority_and_a_pinned_certificate_are_trusted(certificate: tuple[Path, ssl.SSLContext]) -> None:
    pem, context = certificate
    with listening(lambda connection: connection.sendall(OK), context) as port:
        for tls, host in ((Tls(ca=str(pem)), "127.0.0.1"), (Tls(pinned=pem.read_text()), "localhost")):
            with client(tls=tls) as http:
                assert http.send(Request(method="GET", url=f"https://{host}:{port}/")).json() == {}
        with client(tls=Tls(ca=str(pem))) as http, pytest.raises(RemoteError):
            http.send(Request(method="GET", url=f"https://localhost:{port}/"))


def test_a_pinned_certificate_trusts_no_other(certificate: tuple[Path, ssl.SSLContext]) -> None:
    first = certifi.contents().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    with (
        listening(lambda connection: connection.sendall(OK), certificate[1]) as port,
        client(tls=Tls(pinned=first)) as http,
        pytest.raises(RemoteError) as raised,
    ):
        http.send(Request(method="GET", url=f"https://127.0.0.1:{port}/"))
    assert raised.value.kind == "not_sent"


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body, "GET http://x/")


def test_retry_after_as_seconds_or_as_a_date() -> None:
    now = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
    later = format_datetime(now + dt.timedelta(seconds=90), usegmt=True)
    assert answer(retry_after="7").retry_after() == 7.0
    assert answer(retry_after=later, date=format_datetime(now, usegmt=True)).retry_after() == 90.0
    assert answer(retry_after=format_datetime(now, usegmt=True), date=later).retry_after() == 0.0
    assert answer(retry_after="soon").retry_after() is None
    assert answer().retry_after() is None


def test_what_is_no_json_is_a_changed_shape() -> None:
    for body in (b"<html>", b'{"items": [', b"\xff\xfe"):
        with pytest.raises(ShapeChanged):
            answer(body=body).json()
    assert answer(body=b" ").json() is None


def test_addresses_and_headers_without_secrets() -> None:
    url = "https://user:pass@host:8443/a/b?api_key=12345&page=2&token=abc&search=" + "x" * 100 + "#part"
    assert redact_url(url) == f"https://host:8443/a/b?api_key=***&page=2&token=***&search={'x' * 20}…"
    shown = redact_headers(
        {"Secret": "s", "ApiIntegrationCode": "c", "Authorization": "a", "X-Api-Key": "k", "Accept": "json"}
    )
    assert shown == {
        "Secret": "***",
        "ApiIntegrationCode": "***",
        "Authorization": "***",
        "X-Api-Key": "***",
        "Accept": "json",
    }
    assert Masker(["s3cr3t/+"])("got s3cr3t/+ or s3cr3t%2F%2B, Bearer abcdefgh123") == "got *** or ***, ***"


def test_reads_are_tried_again_as_long_as_told() -> None:
    asked: list[int] = []

    def fails(error: RemoteError, until: int) -> str:
        asked.append(1)
        if len(asked) < until:
            raise error
        return "read"

    quick = Backoff(attempts=4, first=0.001, longest=0.002, total=1.0)
    busy = RemoteError(T("{name} did not answer in full.", name="x"), retryable=True)
    assert retrying(lambda: fails(busy, 3), quick) == "read"
    asked.clear()
    with pytest.raises(RemoteError):
        retrying(lambda: fails(busy, 9), quick)
    assert len(asked) == 4
    for hopeless in (
        RemoteError(T("{name} did not answer in full.", name="x"), retryable=False),
        RateLimited(T("{name} did not answer in full.", name="x"), retry_after=500),
    ):
        asked.clear()
        with pytest.raises(RemoteError):
            retrying(lambda error=hopeless: fails(error, 9), quick)
        assert len(asked) == 1
