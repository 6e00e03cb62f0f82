"""What adapters without an HTTP library of their own need of HTTP: one request, one answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Posted(NamedTuple):
    """An answer of any status. `headers` have lower-case names; `retry_after` are seconds, where the other side told."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    retry_after: float | None = None

    def error(self) -> tuple[str, str]:
        """Code and message of Microsoft's error body; empty where there is none."""
        try:
            told = json.loads(self.content)["error"]
            return (str(told["code"]), str(told.get("message", ""))) if isinstance(told, dict) else (str(told), "")
        except (ValueError, KeyError, TypeError):
            return "", ""


Post = Callable[[str, Mapping[str, str], bytes], Posted]
"""Address, headers, body → the answer. The address goes out byte for byte. Raises RemoteError (never sent) or OutcomeUnknown."""
