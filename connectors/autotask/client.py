"""The Autotask REST API: headers, limits, retries, queries with pages. Knows no entity (Autotask reference §1-§6)."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import structlog

from connectors._kit.http import Answer, Http, Request
from connectors._kit.retry import Backoff, retrying
from connectors.autotask.answers import Row, understood
from connectors.autotask.limits import Memory, Meter, Shared, guard_budget
from connectors.autotask.settings import AutotaskSettings
from connectors.autotask.zone import Zone
from core.domain.errors import RateLimited, Refused, RemoteError, ShapeChanged
from core.domain.ports import ApiBudget
from core.domain.text import T

log = structlog.get_logger(__name__)

Filter = Mapping[str, Any]
UNKNOWN_FIELD = re.compile(r"Unable to find (\w+) in the", re.IGNORECASE)
CHECKED_FROM_PAGE = 10
"""From this page on a full last page is not believed to be the last: one more request, at most a tenth of them."""


def where(op: str, field: str, value: object = None) -> Filter:
    """One condition of a query (reference §3)."""
    return {"op": op, "field": field} if value is None else {"op": op, "field": field, "value": value}


EVERYTHING = where("gte", "id", 0)


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows of an entity, and which of their fields (none: all of them); `optional` names fields that older tenants lack."""

    entity: str
    fields: tuple[str, ...]
    filters: tuple[Filter, ...] = ()
    optional: frozenset[str] = frozenset()
    bulk: bool = True
    """Bulk reads wait or are refused while the hourly limit runs out; verification of a change is not bulk."""

    def also(self, *filters: Filter) -> Query:
        return replace(self, filters=(*self.filters, *filters))


class Page(NamedTuple):
    """One page: its rows, and the address of the next ("" for none)."""

    rows: list[Row]
    next_url: str


class AutotaskClient:
    """Safe for several threads. Ids are numbers everywhere: a text id matches nothing (reference §3)."""

    def __init__(self, settings: AutotaskSettings, http: Http, shared: Shared) -> None:
        limits = settings.limits
        self.limits = limits
        self.shared = shared
        self.memory = Memory()
        self.requests: Counter[str] = Counter()
        self.may_write: Callable[[], bool] = lambda: True
        """Asked right before a write leaves."""
        self._counting = threading.Lock()
        self._http = http
        self._backoff = Backoff(limits.attempts, limits.first_wait, limits.longest_wait, limits.total_wait)
        self._zone = Zone(settings, http, shared, self._backoff)
        secret, code = settings.secrets
        self._headers = {"ApiIntegrationCode": code, "UserName": settings.user_name, "Secret": secret}

    # ---- reading

    def get(self, entity: str, path: str) -> Row | None:
        """A GET. None for a missing record, however Autotask says that: 404, an empty body (reference §2)."""
        try:
            return retrying(lambda: self._send("GET", path, (entity,)), self._backoff, wanted=_read_again)
        except RemoteError as error:
            if error.status == 404 and not isinstance(error, Refused):
                return None
            raise

    def record(self, entity: str, record_id: int) -> Row | None:
        """One record by id, None when there is none: 404, empty, `{"item": null}`, or a list for child records."""
        body = self.get(entity, f"{entity}/{record_id}") or {}
        found = body.get("item")
        if found is None and isinstance(body.get("items"), list):
            found = next((row for row in body["items"] if row.get("id") == record_id), None)
        return found if isinstance(found, dict) else None

    def count(self, query: Query) -> int:
        """How many rows a query has."""
        body = self._post(query, f"{query.entity}/query/count", {"Filter": list(query.filters) or [EVERYTHING]})
        found = body.get("queryCount")
        if not isinstance(found, int):
            raise ShapeChanged(T("Autotask's answer lacks {field}.", field="queryCount"), place=query.entity)
        return found

    def first(self, query: Query) -> Row | None:
        """One row of a query, to see whether there is any."""
        rows = self._page(query, None, "", 1).rows
        return rows[0] if rows else None

    def pages(self, query: Query, after: int | None = None) -> Iterator[list[Row]]:
        """All rows of a query, page by page, in order of id; `after`: only ids above it.

        The next page is asked with the same verb and body. After 50 pages, or when the next page cannot be had, reading goes on
        behind the highest id, so that nothing is cut off silently (reference §3). Raises ShapeChanged when that would lose rows.
        """
        walk = _Walk(self.limits.page_size, self.limits.pages_per_cursor)
        while True:
            try:
                page = self._page(query, after, walk.url)
            except RemoteError as error:
                if not walk.may_restart_after(error):
                    raise
                log.warning("cursor.lost", entity=query.entity, page=walk.number, status=error.status)
                after = walk.restart(query.entity, after)
                continue
            walk.take(page, query.entity)
            yield page.rows
            url = self._own(page.next_url)
            if walk.ends(page, url):
                return
            if walk.must_restart(url):
                after = walk.restart(query.entity, after)
            else:
                walk.url = url

    def budget(self) -> ApiBudget:
        """The hourly limit as Autotask counts it, over all integrations."""
        body = self.get("ThresholdInformation", "ThresholdInformation") or {}
        names = ("externalRequestThreshold", "currentTimeframeRequestCount", "requestThresholdTimeframe")
        values = [body.get(name) for name in names]
        if not isinstance(values[0], int) or not isinstance(values[1], int):
            raise ShapeChanged(T("Autotask's answer lacks {field}.", field=names[0]), place="ThresholdInformation")
        budget = ApiBudget(max(values[0], 1), values[1], values[2] if isinstance(values[2], int) else 60)
        self.shared.meter.told(budget)
        return budget

    def meter(self) -> Meter:
        """How much of the hourly limit is used, as far as this process knows; asks nobody."""
        return self.shared.meter.look(self.limits.hourly_limit)

    # ---- writing

    def write(self, method: str, path: str, body: Row, entities: tuple[str, ...]) -> object:
        """A create (POST to a collection) or a sparse update (PATCH to a collection, id in the body); returns `itemId` as it is.

        Sent again only where the failure proves that nothing happened: no connection, or refused by a request limit.
        Raises Refused, RateLimited, Unauthorized, RemoteError (did not happen) and OutcomeUnknown.
        """
        answer = retrying(
            lambda: self._send(method, path, entities, body, writes=True), self._backoff, wanted=_write_again
        )
        return (answer or {}).get("itemId")

    # ---- underneath

    def _page(self, query: Query, after: int | None, url: str, size: int = 0) -> Page:
        while True:
            fields = [name for name in query.fields if (query.entity, name.casefold()) not in self.shared.lacking]
            filters = [*query.filters, *([where("gt", "id", after)] if after is not None else [])]
            body: Row = {"MaxRecords": size or self.limits.page_size, "Filter": filters or [EVERYTHING]}
            if fields:
                body["IncludeFields"] = fields
            try:
                answer = self._post(query, url or f"{query.entity}/query", body)
            except Refused as error:
                if not self._learn_lacking(query, fields, error):
                    raise
                continue
            return _page_of(answer, query.entity)

    def _learn_lacking(self, query: Query, fields: list[str], error: Refused) -> bool:
        """Whether the refusal is about an optional field; then it is left out from now on."""
        match = UNKNOWN_FIELD.search(error.detail)
        name = match[1].casefold() if match else ""
        if name not in {field.casefold() for field in query.optional & set(fields)}:
            return False
        self.shared.lacking.add((query.entity, name))
        log.info("field.lacking", entity=query.entity, field=name)
        return True

    def _post(self, query: Query, path: str, body: Row) -> Row:
        def once() -> Row:
            if query.bulk:
                self._guard()
            answer = self._send("POST", path, (query.entity,), body)
            if answer is None:
                raise ShapeChanged(T("Autotask's answer is empty."), place=query.entity)
            return answer

        return retrying(once, self._backoff, wanted=_read_again)

    def _guard(self) -> None:
        limits = self.limits
        if self.shared.meter.claim_question(limits.ask_every):
            try:
                self.budget()
            except RemoteError as error:
                log.warning("budget.unknown", error=error.kind, status=error.status)
        guard_budget(
            self.meter(),
            slow_share=limits.slow_share,
            refuse_share=limits.refuse_share,
            slow_pause=limits.slow_pause,
        )

    def _send(
        self, method: str, path: str, entities: tuple[str, ...], body: Row | None = None, *, writes: bool = False
    ) -> Row | None:
        """One request, or two when the tenant turns out to have moved to another zone."""
        root = self._zone.root()
        answer = self._exchange(method, root, path, entities, body, writes=writes)
        if answer.status == 401 and self._zone.moved(root):
            answer = self._exchange(method, self._zone.root(), path, entities, body, writes=writes)
        return understood(answer, writes=writes)

    def _exchange(
        self, method: str, root: str, path: str, entities: tuple[str, ...], body: Row | None, *, writes: bool
    ) -> Answer:
        url = path if path.startswith("http") else root + path
        request = Request(method=method, url=url, headers=self._headers, json=body, writes=writes)
        with self.shared.gate.enter(entities, self.limits.in_flight, self.limits.slot_linger) as still_held:
            self.shared.meter.count()
            with self._counting:
                self.requests[entities[0]] += 1
            if not still_held():
                raise RemoteError(
                    T("This process stood still for too long; nothing was sent."), retryable=True, kind="not_sent"
                )
            if writes and not self.may_write():
                raise RemoteError(T("Another process has taken this run over."), retryable=False, kind="not_sent")
            return self._http.send(request)

    def _own(self, next_url: str) -> str:
        """The next page's address when it lies at our own host, else "": credentials go nowhere else."""
        if not next_url:
            return ""
        root = self._zone.root()
        url = urljoin(root, next_url)
        same = urlsplit(url)[:2] == urlsplit(root)[:2]
        if not same:
            log.warning("cursor.foreign", host=urlsplit(url).hostname)
        return url if same else ""


class _Walk:
    """Where a reading of pages stands."""

    def __init__(self, page_size: int, pages_per_cursor: int) -> None:
        self.url = ""
        self.number = 0
        self._size = page_size
        self._pages_per_cursor = pages_per_cursor
        self._highest = -1
        self._ordered = True
        self._full = False

    def take(self, page: Page, entity: str) -> None:
        """Note a page; rows without an id cannot be told apart."""
        ids = [row.get("id") for row in page.rows]
        if not all(isinstance(one, int) for one in ids):
            raise ShapeChanged(T("Autotask's answer lacks {field}.", field="id"), place=entity)
        known = [one for one in ids if isinstance(one, int)]
        self._ordered = self._ordered and known == sorted(known) and (not known or known[0] > self._highest)
        self._highest = max([self._highest, *known])
        self.number += 1
        if page.next_url:
            self._size = max(len(page.rows), 1)
        self._full = len(page.rows) >= self._size

    def ends(self, page: Page, url: str) -> bool:
        """Whether everything was read. A full last page after many proves nothing: the cursor may have been cut off."""
        if page.next_url or url:
            return False
        return not (self._full and self.number >= min(CHECKED_FROM_PAGE, self._pages_per_cursor))

    def must_restart(self, url: str) -> bool:
        return not url or self.number >= self._pages_per_cursor

    def may_restart_after(self, error: RemoteError) -> bool:
        """A next page that is refused or gone is a lost cursor; anything else is a failure."""
        if not self.url or self.number < 1 or isinstance(error, RateLimited):
            return False
        return isinstance(error, Refused) or error.status in (404, 405, 410)

    def restart(self, entity: str, after: int | None) -> int:
        """Begin again behind the highest id read."""
        if not self._ordered or self._highest < 0 or self._highest == after:
            raise ShapeChanged(T("Autotask's pages are not in order of id; reading on would lose rows."), place=entity)
        self.url, self.number = "", 0
        return self._highest


def _page_of(body: Row, entity: str) -> Page:
    rows, details = body.get("items"), body.get("pageDetails")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ShapeChanged(T("Autotask's answer lacks {field}.", field="items"), place=entity)
    if not isinstance(details, dict):
        raise ShapeChanged(T("Autotask's answer lacks {field}.", field="pageDetails"), place=entity)
    return Page(rows, str(details.get("nextPageUrl") or ""))


def _read_again(error: RemoteError) -> bool:
    return error.retryable or isinstance(error, ShapeChanged)


def _write_again(error: RemoteError) -> bool:
    return isinstance(error, RateLimited) or (error.kind == "not_sent" and error.retryable)
