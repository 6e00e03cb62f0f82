"""One exchange over HTTP as values: what is asked, how long it may take, what came back, and where a redirect leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import orjson

from core.domain.errors import ShapeChanged
from core.domain.text import T


class Timeouts(NamedTuple):
    """Seconds. `total` is for one whole exchange: a server that sends one byte a minute ends there."""

    connect: float = 20.0
    read: float = 60.0
    write: float = 30.0
    total: float = 300.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` have lower-case names; `where` is the request without secrets, for messages."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    where: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> object:
        """The body as JSON; None for an empty body. Raises ShapeChanged for anything else."""
        if not self.content.strip():
            return None
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError as error:
            raise ShapeChanged(
                T("The answer is not the JSON it should be."), place=self.where, detail=f"{error}; {self.start()}"
            ) from error

    def start(self) -> str:
        """The first 200 characters of the body, on one line."""
        return " ".join(self.content[:200].decode("utf-8", "replace").split())

    def retry_after(self) -> float | None:
        """Seconds to wait as the server told, given as seconds or as a date; None when it did not tell."""
        told = self.headers.get("retry-after", "").strip()
        if not told:
            return None
        if told.isascii() and told.replace(".", "", 1).isdecimal():
            return float(told)
        until = _http_date(told)
        if until is None:
            return None
        now = _http_date(self.headers.get("date", "")) or datetime.now(UTC)
        return max(0.0, (until - now).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. `writes` says that it changes something: without an answer its outcome is unknown.

    `bare` is for addresses on another host: our client certificate is not shown there.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    params: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    json: object = None
    content: bytes | None = None
    writes: bool = False
    bare: bool = False


def redirected(request: Request, answer: Answer) -> Request | None:
    """The request after a redirect; None for any other answer, and where following it would carry something along."""
    location = answer.headers.get("location", "")
    if answer.status not in (301, 302, 303, 307, 308) or not location or request.writes:
        return None
    try:
        url = urljoin(request.url, location)
        here, there = urlsplit(request.url), urlsplit(url)
    except ValueError:
        return None
    if here.scheme == "https" and there.scheme != "https":
        return None
    as_get = answer.status == 303 or (answer.status in (301, 302) and request.method == "POST")
    method = "GET" if as_get else request.method
    same = (here.scheme, here.netloc) == (there.scheme, there.netloc)
    if same and not as_get:
        return replace(request, url=url, params=MappingProxyType({}))
    if method != "GET":
        return None
    headers = request.headers if same else {}
    kept = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    return Request(method="GET", url=url, headers=kept, bare=request.bare or not same)
