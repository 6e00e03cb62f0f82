"""Signs Duo requests, version 5 of its rules (Duo §4): date, method, host, path, parameters, body, extra headers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote, urlsplit

from connectors._kit.http import Request

EMPTY_SHA512 = hashlib.sha512(b"").hexdigest()


def parameter_line(params: Mapping[str, str]) -> str:
    """Parameters percent-encoded, sorted by encoded name (Duo §4.2)."""
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in params.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def canonical(date: str, method: str, host: str, path: str, params: Mapping[str, str], body: bytes) -> str:
    """The text that is signed. Parameters stand in it for requests without a body only."""
    reads = method in ("GET", "DELETE")
    lines = (
        date,
        method.upper(),
        host.lower().partition(":")[0],
        path,
        parameter_line(params) if reads else "",
        EMPTY_SHA512 if reads else hashlib.sha512(body).hexdigest(),
        EMPTY_SHA512,
    )
    return "\n".join(lines)


def signature(secret_key: str, text: str) -> str:
    return hmac.new(secret_key.encode(), text.encode(), hashlib.sha512).hexdigest()


@dataclass(frozen=True, slots=True)
class DuoAuth:
    """Signs each request anew, so that a repeated one has a fresh date. `host` is what Duo knows itself by."""

    integration_key: str
    secret_key: str
    host: str
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def sign(self, request: Request) -> Request:
        date = format_datetime(self.clock().astimezone(UTC)).replace("+0000", "-0000")
        body, headers = request.content or b"", dict(request.headers)
        if request.json is not None:
            body = json.dumps(request.json, sort_keys=True, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json"
        text = canonical(date, request.method, self.host, urlsplit(request.url).path, request.params, body)
        pair = base64.b64encode(f"{self.integration_key}:{signature(self.secret_key, text)}".encode()).decode("ascii")
        headers |= {"Date": date, "Authorization": f"Basic {pair}"}
        return replace(request, headers=headers, content=body or None, json=None)

    def renew(self, refused: Request) -> bool:
        return False
