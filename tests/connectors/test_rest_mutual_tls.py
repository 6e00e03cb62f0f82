"""An endpoint that wants to know who calls: mutual TLS against a real server that asks for a client certificate (A1)."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.domain.errors import RemoteError, SettingsError
from core.domain.usage import Reading
from tests.connectors.fakes import Server, self_signed
from tests.connectors.rest_fakes import answer, endpoint, read, rows

GOOD = {"data": rows(1)}
PASSPHRASE = "a long enough word"


@dataclass
class Pair:
    certificate: str
    key: str
    locked: str


def pair(
    name: str, authority: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None, days: int = 2
) -> Pair:
    """A certificate with its key, by an authority or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority[0].subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
        .sign(authority[1] if authority else key, hashes.SHA256())
    )

    def pem(locked: serialization.KeySerializationEncryption) -> str:
        return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked).decode()

    return Pair(
        made.public_bytes(serialization.Encoding.PEM).decode(),
        pem(serialization.NoEncryption()),
        pem(serialization.BestAvailableEncryption(PASSPHRASE.encode())),
    )


@dataclass
class Guarded:
    """A server behind a private authority, which lets in who comes with a certificate of that authority."""

    server: Server
    authority: str
    us: Pair

    def read(self, secrets: dict[str, str] | None = None, **more: Any) -> Reading:
        network = {"internal": True, "ca_certificate": self.authority, "client_certificate": True}
        secrets = {"client_certificate": self.us.certificate, "client_key": self.us.key} if secrets is None else secrets
        return read(self.server, network=network | more.pop("network", {}), secrets=secrets, **more)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("tls")
    files = self_signed(folder)
    certificate = x509.load_pem_x509_certificate(Path(files["ssl_certfile"]).read_bytes())
    key = serialization.load_pem_private_key(Path(files["ssl_keyfile"]).read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    us = pair("us", (certificate, key))
    options: dict[str, Any] = {**files, "ssl_ca_certs": files["ssl_certfile"], "ssl_cert_reqs": ssl.CERT_REQUIRED}
    with endpoint({"/x": GOOD, "/token": {"access_token": "at-12345"}}, **options) as server:
        yield Guarded(server, Path(files["ssl_certfile"]).read_text(), us)


def test_mutual_tls_with_a_private_authority(guarded: Guarded) -> None:
    assert guarded.read().complete


@pytest.mark.parametrize("one_line", [False, True])
def test_a_key_with_a_passphrase_and_pem_from_a_field_of_one_line(guarded: Guarded, one_line: bool) -> None:
    def given(text: str) -> str:
        return " ".join(text.split("\n")) if one_line else text

    secrets = {
        "client_certificate": given(guarded.us.certificate),
        "client_key": given(guarded.us.locked),
        "client_key_passphrase": PASSPHRASE,
    }
    assert guarded.read(secrets).complete
    assert guarded.read(secrets | {"client_key": given(guarded.us.key)}).complete, "one that is not needed does no harm"


def test_without_a_certificate_or_with_a_strange_one_there_is_no_connection(guarded: Guarded) -> None:
    strange = pair("somebody else")
    for secrets in ({}, {"client_certificate": strange.certificate, "client_key": strange.key}):
        with pytest.raises(RemoteError):
            guarded.read(secrets, network={"client_certificate": bool(secrets)})


def test_a_server_that_says_that_it_wants_a_certificate_is_understood(guarded: Guarded, tmp_path: Path) -> None:
    files = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["ssl_certfile"], files["ssl_keyfile"])
    context.load_verify_locations(files["ssl_certfile"])
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            raw, _ = listening.accept()
            with raw, contextlib.suppress(OSError):
                try:
                    context.wrap_socket(raw.dup(), server_side=True)
                except ssl.SSLError:
                    # What the client sent meanwhile is taken: otherwise the alert may be lost with the connection.
                    raw.shutdown(socket.SHUT_WR)
                    while raw.recv(4096):
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        here = Guarded(
            Server(f"https://127.0.0.1:{listening.getsockname()[1]}"),
            Path(files["ssl_certfile"]).read_text(),
            guarded.us,
        )
        with pytest.raises(RemoteError) as caught:
            here.read({}, network={"client_certificate": False})
        thread.join(30)
    assert "wants a client certificate" in str(caught.value.remedy)
    assert not caught.value.retryable


def test_a_client_that_is_known_by_its_certificate_needs_no_secret(guarded: Guarded) -> None:
    """OAuth 2.0 with mutual TLS (RFC 8705)."""
    auth = {"kind": "client_credentials", "token_url": "/token", "client_id": "us"}
    secrets = {"client_certificate": guarded.us.certificate, "client_key": guarded.us.key}
    assert guarded.read(secrets, auth=auth).complete
    form = next(one.body.decode() for one in reversed(guarded.server.asked) if one.path == "/token")
    assert form == "grant_type=client_credentials&client_id=us"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"client_certificate": ""}, "The secret client_certificate is not given"),
        ({"client_key": ""}, "The secret client_key is not given"),
        ({"client_certificate": "no PEM"}, "certificate cannot be read"),
        ({"client_key": "no PEM"}, "key of the client certificate cannot be read"),
        ({"client_key": "locked"}, "needs its passphrase"),
        ({"client_key": "locked", "client_key_passphrase": "wrong"}, "key of the client certificate cannot be read"),
        ({"client_key": "other"}, "do not belong together"),
        ({"client_certificate": "old"}, "The client certificate ended on"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said_in_words(
    guarded: Guarded, change: dict[str, str], words: str
) -> None:
    known = {"locked": guarded.us.locked, "other": pair("other").key, "old": pair("old", days=-1).certificate}
    secrets = {"client_certificate": guarded.us.certificate, "client_key": guarded.us.key}
    secrets |= {name: known.get(value, value) for name, value in change.items()}
    with pytest.raises(SettingsError, match=words) as caught:
        guarded.read(secrets)
    assert "PRIVATE" not in str(caught.value) + caught.value.detail


def test_the_certificate_is_shown_to_no_other_host(guarded: Guarded) -> None:
    """A redirect and the result of a job elsewhere are asked for without it: the server there refuses who comes without."""
    onward = answer({}, 302, location=f"{guarded.server.url}/x")
    told = {"status": "done", "url": f"{guarded.server.url}/x"}
    with endpoint({"/away": onward, "/jobs": {"id": 1}, "/jobs/1": told}) as first:
        elsewhere = Guarded(first, guarded.authority, guarded.us)
        with pytest.raises(RemoteError) as caught:
            elsewhere.read(url="/away", network={"redirects": 1}, limits={"attempts": 1})
        assert caught.value.status is None
        job = {"status_url": "/jobs/{{ job.id }}", "result_url": "{{ job.url }}", "hosts": ["127.0.0.1"], "every": 1}
        with pytest.raises(RemoteError) as caught:
            elsewhere.read(url="/jobs", job=job, limits={"attempts": 1})
        assert caught.value.status is None


def test_no_key_is_left_on_the_disk(guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert guarded.read().complete
    assert list(tmp_path.iterdir()) == []
