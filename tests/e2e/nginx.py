"""A real nginx with a configuration of `deploy/`: only ports, certificate and process are made for the test."""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.ports import free_port, listens
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
HOST = "contractbridge.localhost"
"""Browsers know that every name below `localhost` is this machine."""
VISITOR = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"
AROUND = """daemon off;
pid {home}/nginx.pid;
error_log {home}/error.log;
{user}
events {{ }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/site.conf;
}}
"""


def program() -> str:
    """The nginx of this machine; without one the test is skipped, or fails when there must be one."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        if os.environ.get("CONTRACTBRIDGE_REQUIRE_NGINX") == "1":
            pytest.fail("There is no nginx here, and CONTRACTBRIDGE_REQUIRE_NGINX=1 says that there must be one.")
        pytest.skip("there is no nginx here")
    return found


@contextmanager
def nginx(example: str, home: Path, product_url: str) -> Iterator[str]:
    """Serve the product by `deploy/{example}` over TLS; yields the outside address, as `https://host:port`."""
    home.mkdir()
    port = free_port()
    _certificate(home)
    lines = []
    for line in (ROOT / "deploy" / example).read_text(encoding="utf-8").splitlines():
        word = line.split()[0] if line.split() else ""
        mine = {
            "listen": f"listen 127.0.0.1:{port} ssl;",
            "server_name": f"server_name {HOST};",
            "ssl_certificate": f"ssl_certificate {home}/site.pem;",
            "ssl_certificate_key": f"ssl_certificate_key {home}/site.key;",
            "proxy_pass": f"proxy_pass {product_url};",
        }
        lines.append(mine.get(word, line))
    (home / "site.conf").write_text("\n".join(lines), encoding="utf-8")
    user = "user root;" if os.geteuid() == 0 else ""
    (home / "nginx.conf").write_text(AROUND.format(home=home, user=user), encoding="utf-8")
    process = subprocess.Popen(
        [program(), "-e", str(home / "error.log"), "-p", str(home), "-c", str(home / "nginx.conf")]
    )
    try:
        _wait_until_up(process, port, home)
        yield f"https://{HOST}:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_up(process: subprocess.Popen[bytes], port: int, home: Path) -> None:
    up = until(lambda: process.poll() is not None or listens(port))
    if not up or process.poll() is not None:
        pytest.fail(f"nginx does not listen:\n{(home / 'error.log').read_text()}")


@functools.cache
def _key() -> ec.EllipticCurvePrivateKey:
    """One for all certificates of this process."""
    return ec.generate_private_key(ec.SECP256R1())


def trusted() -> str:
    """The argument by which Chromium trusts these certificates as it does any site's, and no other unknown one.

    Playwright's `ignore_https_errors` begins every request again instead, which Chromium does a limited number of times.
    """
    public = (
        _key().public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return f"--ignore-certificate-errors-spki-list={base64.b64encode(hashlib.sha256(public).digest()).decode()}"


def _certificate(home: Path) -> None:
    key = _key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    (home / "site.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (home / "site.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


class _ToThisMachine(httpx.HTTPTransport):
    """Goes to this machine whatever the name: unlike browsers, resolvers need not know `*.localhost`."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        asked = request.url
        request.extensions = {**request.extensions, "sni_hostname": asked.host}
        request.url = asked.copy_with(host="127.0.0.1")
        try:
            return super().handle_request(request)
        finally:
            request.url = asked  # cookies belong to the name


def client(home: Path) -> httpx.Client:
    """Asks nginx over TLS, and checks its certificate; on Linux from an address that is not the proxy's own."""
    known = ssl.create_default_context(cafile=str(home / "site.pem"))
    return httpx.Client(transport=_ToThisMachine(verify=known, local_address=VISITOR), timeout=60)
