"""Takes secrets out of what is logged, stored or shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, quote, urlsplit

MASK = "***"
SECRET_NAME = re.compile(
    r"secret|passw|token|authorization|api.?key|apikey|integration.?code|cookie|credential|signature|^sig$|^key$|^code$"
    r"|^x-.*key$",
    re.IGNORECASE,
)
"""Names of headers, query parameters and settings whose values are never shown."""
BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")


def redact_url(url: str) -> str:
    """The address without user, password, fragment and the values of secret parameters; long values are cut."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    host = parts.netloc.rpartition("@")[2]
    pairs = [
        f"{quote(name, safe='', errors='replace')}={MASK if SECRET_NAME.search(name) else _short(value)}"
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    query = f"?{'&'.join(pairs)}" if pairs else ""
    scheme = f"{parts.scheme}://" if parts.scheme else ""
    return f"{scheme}{host}{parts.path}{query}"


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as they may be logged."""
    return {name: MASK if SECRET_NAME.search(name) else value for name, value in headers.items()}


def _short(value: str) -> str:
    return (
        quote(value, safe="", errors="replace")
        if len(value) <= 40
        else f"{quote(value[:20], safe='', errors='replace')}…"
    )


class Masker:
    """Replaces known secret values wherever they appear in a text: the last net, whatever a server echoes."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._known: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None
        self.learn(*secrets)

    def learn(self, *secrets: str) -> None:
        """Mask these too from now on: what is only known later, such as access tokens."""
        known = self._known | {secret for secret in secrets if len(secret) >= 4}
        if known == self._known:
            return
        forms = [form for secret in sorted(known, key=len, reverse=True) for form in (secret, quote(secret, safe=""))]
        self._known, self._pattern = known, re.compile("|".join(map(re.escape, forms)))

    def __call__(self, text: str) -> str:
        text = BEARER.sub(MASK, text)
        return self._pattern.sub(MASK, text) if self._pattern else text
