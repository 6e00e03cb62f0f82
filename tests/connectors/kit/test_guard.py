"""What addresses that people chose may reach (REST reference A7)."""

from __future__ import annotations

import ipaddress
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from connectors._kit import guard as tells
from connectors._kit.guard import Guard, GuardPolicy, inside, plain_host
from connectors._kit.http import Http, Request, Tls
from core.domain.errors import RemoteError, SettingsError
from tests.connectors.rest_fakes import answer, endpoint
from tests.looking import tries

PUBLIC = "93.184.216.34"


def guard(*addresses: str, allowed: tuple[str, ...] = ()) -> Guard:
    return Guard(GuardPolicy(resolve=lambda _h, _p: addresses or (PUBLIC,), allowed_hosts=frozenset(allowed)), "Own")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "https://user:pw@example.com/", "https://example.com:8443/",
        "https://127.0.0.1/", "https://0x7f.1/", "https://2130706433/", "https://127.1/", "https://0177.0.0.1/",
        "https://127.0.0.1./", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/",
        "https://[2002:7f00:1::]/", "https://[fe80::1]/", "https://169.254.169.254/latest", "https://10.1.2.3/",
        "https://100.64.0.1/", "https://192.168.1.1/", "https://224.0.0.1/", "https://[::]/", "https:///x", "https://１２７.0.0.1/",
        "//example.com/", "https://exa mple.com/",
    ],
)  # fmt: skip
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="may not call"):
        guard().check(url)


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "0xa9fea9fe", "2852039166", "169.254.43518", "[::ffff:169.254.169.254]", "[fe80::1]", "[fd00:ec2::254]",
     "100.100.100.200", "169.254.169.254."],
)  # fmt: skip
def test_no_connector_asks_where_a_cloud_tells_the_machine_its_credentials(host: str) -> None:
    """Portals on an own server are reached by any address: an operator writes it. This one is no portal's."""
    with closing(Http("Own")) as http, pytest.raises(SettingsError, match="may not call"):
        http.send(Request(method="GET", url=f"http://{host}/latest/meta-data/"))


def test_a_name_that_leads_there_is_not_listened_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tells, "_OF_THE_MACHINE", [ipaddress.ip_network("127.0.0.1/32")])
    with endpoint({"/x": answer("the credentials")}) as server, closing(Http("Own")) as http:
        request = Request(method="GET", url=server.url.replace("127.0.0.1", "localhost") + "/x")
        with pytest.raises(SettingsError, match="may not call"):
            http.send(request)
        with pytest.raises(SettingsError, match="may not call"):
            http.save(request, tmp_path / "got", 100)
    assert not (tmp_path / "got").read_bytes()


@pytest.mark.parametrize("addresses", [("10.0.0.5",), (PUBLIC, "10.0.0.5"), ("fd00::1",), ()])
def test_every_address_of_a_name_is_checked(addresses: tuple[str, ...]) -> None:
    policy = GuardPolicy(resolve=lambda _h, _p: addresses)
    with pytest.raises(SettingsError):
        Guard(policy, "Own").check("https://example.com/")


def test_a_public_name_is_fine_and_is_written_one_way() -> None:
    assert guard().check("https://EXAMPLE.com./a").host == "example.com"
    assert guard().check("https://bücher.example/").host == "xn--bcher-kva.example"
    assert guard().check("https://example.com/").addresses == (PUBLIC,)


def test_an_administrator_may_open_a_host() -> None:
    opened = guard("10.0.0.5", allowed=("intern.example", "10.0.0.7:8080"))
    assert opened.check("http://intern.example:9000/").addresses == ("10.0.0.5",)
    assert opened.check("http://10.0.0.7:8080/").port == 8080
    with pytest.raises(SettingsError):
        opened.check("http://10.0.0.7/")
    with pytest.raises(SettingsError):
        opened.check("https://other.example/")


@tries(100)
@given(st.ip_addresses(v=4))
def test_an_ipv4_address_in_any_clothes_is_the_same_address(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    spellings = [str(number), hex(number), ".".join(hex(part) for part in address.packed), f"{address}."]
    assert {plain_host(one) for one in spellings} == {str(address)}
    assert inside(ipaddress.IPv6Address(f"::ffff:{address}")) == inside(address)
    assert inside(address) or address.is_global


def test_redirects_are_followed_only_as_far_as_allowed_and_credentials_stay_home() -> None:
    with endpoint({"/end": {"ok": True}}) as other:
        there = f"{other.url.replace('127.0.0.1', 'localhost')}/end"
        routes = {
            "/a": answer({}, 302, location="/b"),
            "/b": answer({}, 302, location=there),
            "/loop": answer({}, 302, location="/loop"),
        }
        with endpoint(routes) as server:
            allowed = frozenset({"127.0.0.1", "localhost"})
            policy = GuardPolicy(allowed_hosts=allowed, redirects=3, resolve=lambda _h, _p: ["127.0.0.1"])
            http = Http("Own", policy=policy)
            headers = {"Authorization": "Bearer abcd", "X-Key": "abcd"}
            assert http.send(Request(method="GET", url=f"{server.url}/a", headers=headers)).json() == {"ok": True}
            assert http.send(Request(method="GET", url=f"{server.url}/loop")).status == 302
            assert len(server.asked) == 2 + 4
        assert "authorization" not in other.asked[0].headers
        assert "x-key" not in other.asked[0].headers
        assert server.asked[1].headers["authorization"] == "Bearer abcd"


def test_a_heap_of_headers_is_refused() -> None:
    headers = {f"x_{n}": "y" * 5000 for n in range(15)}
    with endpoint({"/x": answer({}, **headers)}) as server:
        http = Http("Own", policy=GuardPolicy(allowed_hosts=frozenset({"127.0.0.1"})))
        with pytest.raises(RemoteError):
            http.send(Request(method="GET", url=f"{server.url}/x"))


def test_the_certificate_is_checked_against_the_name_although_the_address_is_called(tmp_path: Path) -> None:
    files = _certificate(tmp_path, "own.example")
    with endpoint({"/x": {"ok": True}}, **files) as server:
        port = server.url.rpartition(":")[2]
        tls = Tls(ca=files["ssl_certfile"])
        policy = GuardPolicy(
            allowed_hosts=frozenset({"own.example", "other.example"}), resolve=lambda _h, _p: ["127.0.0.1"]
        )
        http = Http("Own", policy=policy, tls=tls)
        assert http.send(Request(method="GET", url=f"https://own.example:{port}/x")).json() == {"ok": True}
        assert server.asked[0].headers["host"] == f"own.example:{port}"
        with pytest.raises(RemoteError, match="no connection"):
            http.send(Request(method="GET", url=f"https://other.example:{port}/x"))


def _certificate(folder: Path, name: str) -> dict[str, str]:
    """A certificate for one name, as options for `serving`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "own.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "own.key").write_bytes(key.private_bytes(*pem))
    return {"ssl_certfile": str(folder / "own.pem"), "ssl_keyfile": str(folder / "own.key")}
