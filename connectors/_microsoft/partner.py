"""The ways of Partner Center: ids on each request, and lists that go on with a token in a header (Microsoft 365 §7)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace

from connectors._kit.api import Call
from connectors._kit.auth import TokenAuth
from connectors._kit.http import Request
from connectors._kit.paging import follow
from connectors._kit.select import find

__all__ = ["HEADERS", "PARTNER_CENTER", "PartnerCenterAuth", "PartnerPages"]

PARTNER_CENTER = "https://api.partnercenter.microsoft.com"
CONTINUE = "MS-ContinuationToken"
HEADERS: Mapping[str, str] = {
    "MS-PartnerCenter-Application": "ContractBridge",
    "X-Locale": "en-US",
    "MS-Contract-Version": "v1",
}


class PartnerCenterAuth(TokenAuth):
    """The token, and the ids that Microsoft's support asks for: one per request, one per reading."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self._correlation = str(uuid.uuid4())

    def sign(self, request: Request) -> Request:
        ids = {"MS-RequestId": str(uuid.uuid4()), "MS-CorrelationId": self._correlation}
        return super().sign(replace(request, headers={**request.headers, **ids}))


class PartnerPages:
    """`links.next` names the address, relative to the version, and a token that goes into a header (§7)."""

    def first(self, call: Call) -> Call:
        return call

    def next(self, call: Call, body: object, headers: Mapping[str, str], rows: int) -> Call | None:
        link = find(body, "links.next")
        if not isinstance(link, Mapping):
            return None
        told = {
            str(pair.get("key", "")).lower(): str(pair.get("value", ""))
            for pair in link.get("headers") or ()
            if isinstance(pair, Mapping)
        }
        uri = str(link.get("uri") or "").lstrip("/").removeprefix("v1/")
        step = follow(call, uri) if uri else call.with_params(seekOperation="Next")
        token = told.get(CONTINUE.lower())
        return replace(step, headers={**call.headers, CONTINUE: token}) if token else step
