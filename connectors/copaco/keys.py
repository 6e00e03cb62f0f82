"""How Copaco's API key is sent. That is not published, so it is tried out once and remembered (Copaco §3)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Literal

from connectors._kit.auth import ApiKey, Auth
from connectors._kit.http import Http
from core.domain.errors import RemoteError, Unauthorized
from core.domain.text import T

Style = Literal["bearer", "x_api_key", "api_key", "authorization", "subscription_key", "query"]
STYLES: dict[Style, tuple[str, str]] = {
    "bearer": ("Authorization", "Bearer "),
    "x_api_key": ("X-API-Key", ""),
    "api_key": ("ApiKey", ""),
    "authorization": ("Authorization", "ApiKey "),
    "subscription_key": ("Ocp-Apim-Subscription-Key", ""),
}
"""Name of the header and what stands before the key, in the order of trying: five attempts at most."""

_FOUND: dict[str, Style] = {}
"""What worked in this process, by a digest of address and key."""


def signed(style: Style, key: str, name: str = "") -> Auth:
    """The key, sent in this style; `name` is another name for the header or the query parameter."""
    if style == "query":
        return ApiKey(name or "apikey", key, query=True)
    header, prefix = STYLES[style]
    return ApiKey(name or header, key, prefix)


def style_of(http: Http, address: str, key: str, attempt: Callable[[Style], None]) -> Style:
    """The style that the server takes: the first one that it does not refuse, remembered for next time.

    A key that is known but lacks the right to what `attempt` asks for is told by a 403 where other styles give 401.
    Raises Unauthorized when none fits.
    """
    digest = hashlib.sha256(f"{address}|{key}".encode()).hexdigest()
    if digest in _FOUND:
        return _FOUND[digest]
    refused: dict[Style, int] = {}
    for style in STYLES:
        try:
            attempt(style)
        except RemoteError as error:
            if error.status not in (401, 403):
                raise
            refused[style] = error.status
            continue
        _FOUND[digest] = style
        return style
    known = [style for style, status in refused.items() if status == 403]
    if len(known) == 1:
        _FOUND[digest] = known[0]
        return known[0]
    raise Unauthorized(
        T("{name} does not accept the API key, in whatever way it is sent.", name=http.name),
        place=address,
        remedy=T(
            "Is the key complete, not expired and made for PRODUCTION? Make a new one in the partner portal under API keys."
        ),
        detail=", ".join(f"{style}: {status}" for style, status in refused.items()),
    )
