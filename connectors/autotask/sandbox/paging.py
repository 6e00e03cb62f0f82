"""Cursors: an opaque token is bound to entity, verb, filter and page (Autotask reference §3, paging)."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from connectors.autotask.sandbox.errors import Refusal, wrong_verb
from connectors.autotask.sandbox.query import Query
from connectors.autotask.sandbox.switches import SandboxSwitches

_KEPT_CURSORS = 1000


@dataclass(slots=True)
class Cursor:
    """One walk through the results. `starts[p]` is the id after which page p begins (pages count from 0)."""

    token: str
    entity: str
    method: str
    query: Query
    starts: dict[int, int] = field(default_factory=lambda: {0: -1})


class Cursors:
    """All walks that are going on; the oldest are forgotten."""

    def __init__(self, switches: SandboxSwitches) -> None:
        self._switches = switches
        self._cursors: OrderedDict[str, Cursor] = OrderedDict()

    def begin(self, entity: str, method: str, query: Query) -> Cursor:
        """The first page of a query was read and there are more."""
        cursor = Cursor(secrets.token_urlsafe(18), entity, method, query)
        self._cursors[cursor.token] = cursor
        if len(self._cursors) > _KEPT_CURSORS:
            self._cursors.popitem(last=False)
        return cursor

    def page_token(self, cursor: Cursor, page: int, start: int) -> str | None:
        """The token of a page that begins after id `start`; None when this walk may not go on (switch `past_cursor`)."""
        if page >= self._switches.cursor_pages and self._switches.past_cursor == "stop":
            return None
        cursor.starts[page] = start
        if self._switches.past_cursor == "old_pages_expire":
            cursor.starts.pop(page - self._switches.cursor_pages, None)
        return f"{cursor.token}.{page}"

    def resume(self, token: str, entity: str, method: str) -> tuple[Cursor, int]:
        """The walk and page of a token. Raises RoutingError for the other verb, Refusal for a page that is gone."""
        name, _, page_text = token.rpartition(".")
        cursor = self._cursors.get(name)
        if cursor is None or cursor.entity != entity or not page_text.isdigit():
            raise Refusal("The paging token is not valid or has expired.")
        if method != cursor.method and self._switches.paging_verb == "strict":
            raise wrong_verb(method)
        page = int(page_text)
        too_far = self._switches.past_cursor == "error" and page >= self._switches.cursor_pages
        if page not in cursor.starts or too_far:
            raise Refusal("The paging token is not valid or has expired.")
        return cursor, page
