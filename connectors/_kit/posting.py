"""HTTP for adapters that bring no library of their own (mail, Teams)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from urllib.parse import urlsplit

from connectors._kit.guard import GuardPolicy
from connectors._kit.http import Http, Request
from core.domain.posting import Post, Posted


def posting(http: Http) -> Post:
    """One POST over `http`, never repeated. Raises RemoteError (never sent) or OutcomeUnknown (no answer)."""

    def post(url: str, headers: Mapping[str, str], body: bytes) -> Posted:
        answer = http.send(Request(method="POST", url=url, headers=headers, content=body, writes=True))
        return Posted(answer.status, answer.headers, answer.content, answer.retry_after())

    return post


def guarded_posting(name: str, allowed_hosts: Callable[[], frozenset[str]]) -> Post:
    """The same for addresses that people gave: inside only on hosts that are open, and only the host is ever shown."""

    def post(url: str, headers: Mapping[str, str], body: bytes) -> Posted:
        policy = GuardPolicy(allowed_hosts=allowed_hosts(), max_bytes=1024 * 1024)
        with closing(Http(name, policy=policy, show=lambda shown: urlsplit(shown).hostname or "")) as http:
            return posting(http)(url, headers, body)

    return post
