"""One portal's interface: base address, sign-in, throttle, retries, pages. Connectors say what to ask, this says how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

from connectors._kit.auth import Auth, NoAuth, credentials_refused
from connectors._kit.http import Answer, Http, Request
from connectors._kit.paging import Call, Paging, SinglePage
from connectors._kit.redact import redact_url
from connectors._kit.retry import Backoff, retrying
from connectors._kit.select import ROOT, Record, find, is_there, records, text, whole
from connectors._kit.throttle import Throttle
from core.domain.errors import RateLimited, RemoteError, SettingsError, ShapeChanged
from core.domain.text import T, Text

__all__ = ["Api", "Call", "Page"]

Kept = TypeVar("Kept")

MOST_PAGES = 10_000
WAIT_WHEN_TOLD_NOTHING = 60.0
"""Seconds after a 429 that does not say how long."""


def _is_401(answer: Answer) -> bool:
    return answer.status == 401


class Page(NamedTuple):
    """One answer of a list: its JSON body, and the records selected from it."""

    body: object
    records: list[Record]


@dataclass(slots=True, kw_only=True)
class Api:
    """A portal's HTTP interface. Safe for several threads.

    `hosts` are further hosts links may lead to (a child account's own host); credentials never go anywhere else.
    `throttled` lists the statuses that mean "slow down"; `wait` is how many seconds when the portal does not say (None: as
    `backoff` goes). `check` looks at each answer with a good status and raises when the portal reports an error inside it.
    `lapsed` tells the answers after which credentials are renewed. `fault` tells what an answer with a bad status means where
    the status alone does not; None leaves it to the status. `remedy` says what a person can do after a 401 or 403.
    """

    http: Http
    base_url: str
    auth: Auth = field(default_factory=NoAuth)
    throttle: Throttle = field(default_factory=Throttle)
    backoff: Backoff = Backoff()
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    hosts: frozenset[str] = frozenset()
    throttled: frozenset[int] = frozenset({429})
    wait: float | None = WAIT_WHEN_TOLD_NOTHING
    check: Callable[[Answer], None] | None = None
    remedy: Text | None = None
    lapsed: Callable[[Answer], bool] = _is_401
    fault: Callable[[Answer], RemoteError | None] | None = None

    def __post_init__(self) -> None:
        if urlsplit(self.base_url).scheme not in ("http", "https"):
            raise SettingsError(
                T("{url} is not a web address.", url=self.base_url or "?"),
                place=self.http.name,
                remedy=T("Give an address that begins with https://."),
                kind="address",
            )

    def get(self, path: str, **params: str) -> object:
        """The JSON body of one GET."""
        return self.fetch(Call(path=path, params=params)).json()

    def post(self, path: str, json: object = None, form: Mapping[str, str] | None = None) -> object:
        """The JSON body of one POST that reads."""
        return self.fetch(Call(path=path, method="POST", json=json, form=form)).json()

    def fetch(self, call: Call) -> Answer:
        """One read, tried again where that may help. Raises Unauthorized, RateLimited or RemoteError."""
        request = self._request(call)
        return retrying(lambda: self._once(request), self.backoff)

    def pages(self, call: Call, paging: Paging, at: str = ROOT, *, or_null: bool = False) -> Iterator[Page]:
        """The pages of a list, one at a time: memory does not grow with their number.

        Raises ShapeChanged when a page is not as it should be, or the list does not end.
        """
        step: Call | None = paging.first(call)
        last: bytes | None = None
        asked: set[int] = set()
        for _ in range(MOST_PAGES):
            if step is None:
                return
            parts = (step.path, sorted(step.params.items()), sorted(step.headers.items()), step.json, step.form)
            same = hash(repr(parts))
            if same in asked:
                raise ShapeChanged(T("The list does not end: the same page is offered again."), place=step.path)
            asked.add(same)
            answer = self.fetch(step)
            body = answer.json()
            # Null may be an empty list; an answer without the list is another answer, and never an empty one (M2).
            page = Page(body, records(body, at, place=answer.where, or_null=or_null and is_there(body, at)))
            if page.records and answer.content == last:
                raise ShapeChanged(T("The list does not end: the same page came twice."), place=answer.where)
            last = answer.content
            yield page
            step = paging.next(step, body, answer.headers, len(page.records))
        if step is not None:
            raise ShapeChanged(T("The list does not end after {count} pages.", count=MOST_PAGES), place=call.path)

    def all(
        self, call: Call, paging: Paging | None = None, at: str = ROOT, *, key: str = "", or_null: bool = False
    ) -> Iterator[Record]:
        """The records of all pages; with `key` each one once, although rows may move between pages."""
        seen: set[str] = set()
        for page in self.pages(call, paging or SinglePage(), at, or_null=or_null):
            for record in page.records:
                if key:
                    identity = str(find(record, key))
                    if identity in seen:
                        continue
                    seen.add(identity)
                yield record

    def whole(
        self,
        call: Call,
        paging: Paging,
        at: str,
        *,
        key: str,
        total_at: str,
        keep: Callable[[Record], Kept],
    ) -> dict[str, Kept]:
        """What `keep` takes of each record, by its `key`, each one once. A list with fewer records than the number at
        `total_at` is read once more, because it may have changed meanwhile; then it raises ShapeChanged.
        """
        found: dict[str, Kept] = {}
        total: int | None = None
        for _ in range(2):
            found, total = {}, None
            for page in self.pages(call, paging, at):
                told = whole(page.body, total_at)
                total = total if told is None else told
                found.update((text(one, key, place=call.path), keep(one)) for one in page.records)
            if total is None or len(found) >= total:
                return found
        raise ShapeChanged(
            T("The list {name} came with fewer records than it says it has.", name=call.path),
            detail=f"{len(found)} of {total}",
        )

    def close(self) -> None:
        self.http.close()

    def _request(self, call: Call) -> Request:
        url = self._address(call.path)
        headers = {**self.headers, **call.headers}
        content = None
        if call.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            content = urlencode(dict(call.form)).encode()
        return Request(
            method=call.method, url=url, headers=headers, params=call.params, json=call.json, content=content
        )

    def _address(self, path: str) -> str:
        """A path below the base address, or a whole address on an allowed host: a token is not sent anywhere else."""
        base = self.base_url.rstrip("/") + "/"
        if not urlsplit(path).scheme:
            # `//other.example/x` is a path by its looks, and another host by RFC 3986.
            path = urljoin(base, path) if path.startswith("/") else base + path
        asked, own = urlsplit(path), urlsplit(base)
        same = (asked.scheme, asked.netloc) == (own.scheme, own.netloc)
        if not same and (asked.netloc not in self.hosts or asked.scheme != own.scheme):
            raise ShapeChanged(
                T("{name} refers to another server; it is not followed.", name=self.http.name), detail=redact_url(path)
            )
        return path

    def _once(self, request: Request) -> Answer:
        with self.throttle.turn():
            signed = self.auth.sign(request)
            answer = self.http.send(signed)
            if self.lapsed(answer) and self.auth.renew(signed):
                answer = self.http.send(self.auth.sign(request))
        if not answer.ok:
            self._raise(answer)
        if self.check is not None:
            self.check(answer)
        return answer

    def _raise(self, answer: Answer) -> None:
        told_by_body = self.fault(answer) if self.fault is not None else None
        if told_by_body is not None:
            raise told_by_body
        detail = self.http.mask(f"{answer.status} {answer.start()}")
        status = str(answer.status)
        name = self.http.name
        if answer.status in self.throttled:
            told = answer.retry_after()
            wait = self.wait if told is None else told
            if wait is not None:
                self.throttle.pause(wait)
            raise RateLimited(
                T("{name} asks to slow down.", name=name), retry_after=wait, place=answer.where, detail=detail
            )
        if answer.status == 401:
            raise credentials_refused(self.http, answer, self.remedy)
        if answer.status == 403:
            raise RemoteError(
                T("{name} does not allow this with these credentials.", name=name),
                retryable=False,
                place=answer.where,
                remedy=self.remedy or T("Give the credentials the rights that the connector's page names."),
                detail=detail,
                kind="forbidden",
                status=403,
            )
        if answer.status == 404:
            raise RemoteError(
                T("{name} does not know this address or record.", name=name),
                retryable=False,
                place=answer.where,
                detail=detail,
                kind="not_found",
                status=404,
            )
        raise RemoteError(
            T("{name} answers with error {status}.", name=name, status=status),
            retryable=answer.status >= 500 or answer.status in (408, 425),
            place=answer.where,
            detail=detail,
            status=answer.status,
        )
