"""Every way to sign in at an endpoint of one's own, against servers that check it."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from starlette.requests import Request

from core.domain.errors import SettingsError, Unauthorized
from tests.connectors.rest_fakes import answer, endpoint, read, rows, source

GOOD = {"data": rows(1)}


@pytest.mark.parametrize("place", ["header", "query", "cookie"])
def test_a_key_goes_where_it_is_wanted(place: str) -> None:
    def page(request: Request) -> Any:
        found = {"header": request.headers, "query": request.query_params, "cookie": request.cookies}[place].get("k")
        return GOOD if found == "Token abcd1234" else answer({}, 401)

    auth = {"kind": "key", "name": "k", "place": place, "value": "Token {{ secret.key }}"}
    with endpoint({"/x": page}) as server:
        if place == "cookie":
            auth["value"] = '"Token {{ secret.key }}"'
        line = read(server, auth=auth, secrets={"key": "abcd1234"}).lines[0]
    assert "abcd1234" not in line.origin.source


def test_a_key_in_the_body() -> None:
    async def page(request: Request) -> Any:
        return GOOD if await request.json() == {"what": "all", "key": "abcd1234"} else answer({}, 401)

    with endpoint({"/x": page}) as server:
        body = {"kind": "json", "content": {"what": "all"}}
        auth = {"kind": "key", "name": "key", "place": "body"}
        assert read(server, method="POST", body=body, auth=auth, secrets={"key": "abcd1234"}).complete


def test_bearer_with_a_second_key_beside_it() -> None:
    def page(request: Request) -> Any:
        asked = (request.headers["authorization"], request.headers["ocp-apim-subscription-key"])
        return GOOD if asked == ("Bearer abcd1234", "more5678") else answer({}, 401)

    with endpoint({"/x": page}) as server:
        headers = {"Ocp-Apim-Subscription-Key": "{{ secret.extra }}"}
        secrets = {"token": "abcd1234", "extra": "more5678"}
        assert read(server, auth={"kind": "bearer"}, headers=headers, secrets=secrets).complete


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest(algorithm: str) -> None:
    """The server works the response out by RFC 7616 by itself."""
    hashed = hashlib.md5 if algorithm == "MD5" else hashlib.sha256

    def digest(text: str) -> str:
        return hashed(text.encode()).hexdigest()

    def page(request: Request) -> Any:
        told = dict(re.findall(r'(\w+)="?([^",]+)"?', request.headers.get("authorization", "")))
        if "response" in told:
            first, second = digest("svc:r@x:p:w"), digest(f"GET:{told['uri']}")
            parts = (first, "n0", told["nc"], told["cnonce"], "auth", second)
            if told["response"] == digest(":".join(parts)) and told["uri"] == "/x?page=" + request.query_params["page"]:
                return GOOD if request.query_params["page"] == "1" else {"data": []}
        return answer(
            {}, 401, www_authenticate=f'Digest realm="r@x", nonce="n0", qop="auth,auth-int", algorithm={algorithm}'
        )

    with endpoint({"/x": page}) as server:
        auth, paging = {"kind": "digest", "user": "svc"}, {"kind": "page", "param": "page"}
        assert read(server, auth=auth, paging=paging, secrets={"password": "p:w"}).complete
        assert len(server.asked) == 3
        with pytest.raises(Unauthorized):
            read(server, auth=auth, secrets={"password": "wrong"}, query={"page": "1"})


@pytest.mark.parametrize("client_in", ["body", "basic"])
@pytest.mark.parametrize("kind", ["client_credentials", "password"])
def test_oauth_grants(kind: str, client_in: str) -> None:
    async def token(request: Request) -> Any:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        client = "basic" if request.headers.get("authorization", "").startswith("Basic bWU6") else "body"
        good = (
            form["grant_type"] == kind and form["scope"] == "read" and form["resource"] == "r" and client == client_in
        )
        good = good and (kind != "password" or (form["username"], form["password"]) == ("svc", "pw123456"))
        return {"data": {"tok": "at-12345", "ttl": "60"}} if good else answer({}, 401)

    def page(request: Request) -> Any:
        return GOOD if request.headers["authorization"] == "Bearer at-12345" else answer({}, 401)

    auth = {
        "kind": kind, "token_url": "/token", "client_id": "me", "client_in": client_in, "scope": "read",
        "fields": {"resource": "r"}, "token_at": "data.tok", "expires_at": "data.ttl",
    } | ({"user": "svc"} if kind == "password" else {})  # fmt: skip
    with endpoint({"/token": token, "/x": page}) as server:
        assert read(server, auth=auth, secrets={"client_secret": "cs123456", "password": "pw123456"}).complete
        assert server.paths() == ["POST /token", "GET /x"]


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256"])
def test_a_token_signed_here(algorithm: str) -> None:
    private: Any
    key: Any = "k" * 40
    public: Any = key
    if algorithm != "HS256":
        private = (
            rsa.generate_private_key(65537, 2048) if algorithm == "RS256" else ec.generate_private_key(ec.SECP256R1())
        )
        pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        key, public = private.private_bytes(*pem).decode(), private.public_key()

    def page(request: Request) -> Any:
        token = request.headers["authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, public, algorithms=[algorithm], audience="a")
        return GOOD if claims["iss"] == "me" and jwt.get_unverified_header(token)["kid"] == "1" else answer({}, 401)

    auth = {"kind": "jwt", "algorithm": algorithm, "claims": {"iss": "me", "aud": "a"}, "headers": {"kid": "1"}}
    with endpoint({"/x": page}) as server:
        assert read(server, auth=auth, secrets={"signing_key": key}).complete


def test_a_signed_request() -> None:
    async def page(request: Request) -> Any:
        text = request.headers["x-time"].encode() + b"POST/x" + await request.body()
        right = hmac.new(b"hush-hush", text, "sha256").hexdigest()
        return GOOD if request.headers["x-signature"] == f"v1={right}" else answer({}, 401)

    auth = {"kind": "hmac", "prefix": "v1=", "timestamp_header": "X-Time"}
    with endpoint({"/x": page}) as server:
        body = {"kind": "json", "content": {"a": 1}}
        assert read(server, method="POST", body=body, auth=auth, secrets={"signing_key": "hush-hush"}).complete


@pytest.mark.parametrize("place", ["query", "cookie"])
def test_a_session_token_from_a_cookie_and_a_text(place: str) -> None:
    login = answer({}, set_cookie="SID=s-1234; Path=/; HttpOnly") if place == "cookie" else answer(b'"s-1234"\n')

    def page(request: Request) -> Any:
        found = request.cookies if place == "cookie" else request.query_params
        return GOOD if found.get("SID") == "s-1234" else answer({}, 401)

    auth = {"kind": "session", "url": "/login", "form": {"u": "me"}, "place": place, "name": "SID"}
    with endpoint({"/login": login, "/x": page}) as server:
        assert read(server, auth=auth | ({"token_header": "SID"} if place == "cookie" else {})).complete


def test_a_refused_key_says_so_and_shows_nothing() -> None:
    with endpoint({"/x": answer({"you sent": "abcd1234"}, 401)}) as server, pytest.raises(Unauthorized) as caught:
        read(server, auth={"kind": "bearer"}, secrets={"token": "abcd1234"})
    assert "abcd1234" not in str(caught.value) + caught.value.detail


def test_a_missing_secret_is_told_before_anything_is_asked() -> None:
    with endpoint({}) as server:
        with pytest.raises(SettingsError, match="token is not given"):
            source(server, auth={"kind": "bearer"})
        assert server.asked == []
