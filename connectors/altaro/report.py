"""A report API link: called once in five minutes at most, and what came is kept for the time between (Altaro §4, §5)."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from connectors._kit.api import Api, Call
from connectors._kit.auth import ApiKey
from connectors._kit.http import Answer, Http, Timeouts, Tls
from connectors._kit.retry import Backoff
from connectors._kit.throttle import Throttle
from core.domain.errors import RateLimited, RemoteError, SettingsError, Unauthorized
from core.domain.text import T
from core.domain.usage import LineKey, UsageLine

INTERVAL = 300.0
"""Seconds between two calls of one link."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(slots=True)
class Memory:
    """What is known of one link while the program runs: it is made anew for each reading, its limit is not."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    called: float | None = None
    key: str = ""
    answer: Answer | None = None
    customers: int = 0
    highest: dict[str, dict[LineKey, UsageLine]] = field(default_factory=dict)


_MEMORIES: dict[str, Memory] = {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Report:
    """One link with its key."""

    def __init__(self, link: str, key: str, base_url: str, tls: Tls) -> None:
        parts = urlsplit(link)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise SettingsError(
                T("The report API link must begin with https://."),
                place="report_link",
                remedy=T("Copy the whole link as the console shows it."),
                kind="address",
            )
        if not key:
            raise SettingsError(T("The API key of the link is missing."), place="api_key", kind="missing")
        origin = f"{parts.scheme}://{parts.netloc}"
        self.link = f"{base_url.rstrip('/')}{link.removeprefix(origin)}" if base_url else link
        self.key = _digest(key)
        self.memory = _MEMORIES.setdefault(_digest(self.link), Memory())
        self.clock: Callable[[], float] = time.monotonic
        self.api = Api(
            http=Http(
                "Hornetsecurity", timeouts=Timeouts(read=180.0), tls=tls, secrets=[link, self.link, key], show=_host
            ),
            base_url=base_url or origin,
            auth=ApiKey("X-API-KEY", key),
            throttle=Throttle(at_once=1),
            backoff=Backoff(attempts=1),
            throttled=frozenset(),
            fault=_fault,
        )

    def fetch(self) -> tuple[Answer, int]:
        """The report and its age in seconds. Within five minutes of a call the kept report is given, or the call refused."""
        with self.memory.lock:
            now = self.clock()
            since = None if self.memory.called is None else now - self.memory.called
            if since is not None and since < INTERVAL:
                if self.memory.answer is not None and self.memory.key == self.key:
                    return self.memory.answer, int(since)
                raise _too_soon(INTERVAL - since)
            self.memory.called, self.memory.key, self.memory.answer = now, self.key, None
            try:
                self.memory.answer = self.api.fetch(Call(path=self.link))
            except RemoteError as error:
                if error.kind == "not_sent":
                    self.memory.called = None
                raise
            return self.memory.answer, 0


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…"


def _too_soon(seconds: float) -> RateLimited:
    return RateLimited(
        T("A report link may be called once in five minutes; again in {seconds} seconds.", seconds=int(seconds) + 1),
        retry_after=seconds,
        place="Hornetsecurity",
    )


def _fault(answer: Answer) -> RemoteError | None:
    """A wrong key, a wrong address and a call too soon look alike; the last is excluded by our own waiting (Altaro §5)."""
    if answer.status in (400, 401, 403):
        return Unauthorized(
            T("The report link does not accept the key, or not from this address."),
            place=answer.where,
            remedy=T(
                "Check the key and the link's list of addresses, and that nothing else called the link in the last five minutes."
            ),
            detail=str(answer.status),
        )
    if answer.status in (404, 410):
        return RemoteError(
            T("The report link was withdrawn."),
            retryable=False,
            place=answer.where,
            remedy=T("Make a new one in the console, and enter link and key."),
            status=answer.status,
        )
    return _too_soon(INTERVAL) if answer.status == 429 else None
