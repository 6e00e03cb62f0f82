"""HTTP for adapters that bring no library of their own (mail, Teams)."""

from __future__ import annotations

from collections.abc import Mapping

from connectors._kit.http import Http, Request
from core.domain.posting import Post, Posted


def posting(http: Http) -> Post:
    """One POST over `http`, never repeated. Raises RemoteError (never sent) or OutcomeUnknown (no answer)."""

    def post(url: str, headers: Mapping[str, str], body: bytes) -> Posted:
        answer = http.send(Request(method="POST", url=url, headers=headers, content=body, writes=True))
        return Posted(answer.status, answer.headers, answer.content, answer.retry_after())

    return post
