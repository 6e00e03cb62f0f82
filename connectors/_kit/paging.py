"""How the next page of a list is asked for: small state machines without any input or output.

`first(call)` is the first request, `next(call, body, headers, rows)` the one after an answer, or None at the end. Every kind
ends on what the server says (token, link, total) where it says something, never on "fewer rows than asked for" alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol
from urllib.parse import unquote, urljoin, urlsplit

from connectors._kit.select import find, whole
from core.domain.errors import ShapeChanged
from core.domain.text import T

__all__ = ["Call", "Cursor", "LinkHeader", "NextUrl", "Offset", "PageNumber", "Paging", "SinglePage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One read of a portal before credentials are added. `path` is below the base address, or a whole address."""

    path: str
    method: str = "GET"
    params: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    json: object = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def with_params(self, **params: str) -> Call:
        return replace(self, params={**self.params, **params})

    def with_values(self, values: Mapping[str, object], in_body: bool) -> Call:
        """With parameters in the query, or merged into the JSON body."""
        if in_body:
            body = self.json if isinstance(self.json, Mapping) else {}
            return replace(self, json={**body, **values})
        return self.with_params(**{name: str(value) for name, value in values.items()})


class Paging(Protocol):
    def first(self, call: Call) -> Call: ...

    def next(self, call: Call, body: object, headers: Mapping[str, str], rows: int) -> Call | None: ...


class SinglePage:
    """The whole list comes in one answer."""

    def first(self, call: Call) -> Call:
        return call

    def next(self, call: Call, body: object, headers: Mapping[str, str], rows: int) -> Call | None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageNumber:
    """Pages counted from `start`. Ends at `pages_at` (number of pages) or `total_at` (number of rows), or on an empty page."""

    param: str = "page"
    start: int = 1
    size_param: str = ""
    size: int = 0
    pages_at: str = ""
    total_at: str = ""
    in_body: bool = False

    def first(self, call: Call) -> Call:
        values: dict[str, object] = {self.param: self.start}
        if self.size_param:
            values[self.size_param] = self.size
        return call.with_values(values, self.in_body)

    def next(self, call: Call, body: object, headers: Mapping[str, str], rows: int) -> Call | None:
        number = int(str(_value(call, self.param, self.in_body))) + 1
        done = number - self.start
        pages = whole(body, self.pages_at) if self.pages_at else None
        total = whole(body, self.total_at) if self.total_at else None
        if pages is not None:
            more = done < pages
        elif total is not None and self.size:
            more = done * self.size < total
        else:
            more = rows > 0
        return call.with_values({self.param: number}, self.in_body) if more and rows > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """Rows skipped. Advances by the server's own `next_at` where given, else by the rows received (a server may cap a page)."""

    param: str = "offset"
    size_param: str = "limit"
    size: int = 100
    next_at: str = ""
    total_at: str = ""
    more_at: str = ""
    in_body: bool = False

    def first(self, call: Call) -> Call:
        return call.with_values({self.param: 0, self.size_param: self.size}, self.in_body)

    def next(self, call: Call, body: object, headers: Mapping[str, str], rows: int) -> Call | None:
        reached = int(str(_value(call, self.param, self.in_body))) + rows
        if self.next_at:
            told = whole(body, self.next_at)
            return None if told is None else call.with_values({self.param: told}, self.in_body)
        total = whole(body, self.total_at) if self.total_at else None
        if rows == 0 or (total is not None and reached >= total):
            return None
        if self.more_at and not find(body, self.more_at):
            return None
        return call.with_values({self.param: reached}, self.in_body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The answer names the next position at `at`; it goes back as `param`. Ends when it is null, empty or absent.

    `decode` takes percent-encoding off a cursor first, for servers that give it ready for an address: it is encoded exactly once.
    """

    param: str
    at: str
    size_param: str = ""
    size: int = 0
    in_body: bool = False
    in_header: bool = False
    decode: bool = False

    def first(self, call: Call) -> Call:
        return call.with_values({self.size_param: self.size}, self.in_body) if self.size_param else call

    def next(self, call: Call, body: object, headers: Mapping[str, str], rows: int) -> Call | None:
        cursor = headers.get(self.at.lower()) if self.in_header else find(body, self.at)
        if cursor in (None, "", False):
            return None
        if self.decode:
            cursor = unquote(str(cursor))
        if str(cursor) == str(_value(call, self.param, self.in_body)):
            raise ShapeChanged(T("The list does not end: the same page is offered again."), place=call.path)
        return call.with_values({self.param: cursor}, self.in_body)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextUrl:
    """The answer holds the address of the next page at `at` (Graph: `@odata.nextLink`), absolute or relative."""

    at: str
    size_param: str = ""
    size: int = 0

    def first(self, call: Call) -> Call:
        return call.with_params(**{self.size_param: str(self.size)}) if self.size_param else call

    def next(self, call: Call, body: object, headers: Mapping[str, str], rows: int) -> Call | None:
        link = find(body, self.at)
        return follow(call, str(link)) if link not in (None, "") else None


@dataclass(frozen=True, slots=True)
class LinkHeader:
    """RFC 8288: `Link: <…>; rel="next"`."""

    def first(self, call: Call) -> Call:
        return call

    def next(self, call: Call, body: object, headers: Mapping[str, str], rows: int) -> Call | None:
        for part in headers.get("link", "").split(","):
            address, _, rest = part.partition(";")
            if 'rel="next"' in rest.replace(" ", "") or "rel=next" in rest.replace(" ", ""):
                return follow(call, address.strip().strip("<>"))
        return None


def follow(call: Call, link: str) -> Call:
    """The call of a link in an answer. The link carries its own query; whether its host is allowed is `Api`'s to check.

    Raises ShapeChanged for what is no address.
    """
    try:
        path = urljoin(call.path, link) if urlsplit(call.path).scheme else link
    except ValueError as error:
        raise ShapeChanged(T("{url} is not a web address.", url=link[:80]), detail=repr(error)) from error
    return replace(call, path=path, params=MappingProxyType({}))


def _value(call: Call, param: str, in_body: bool) -> object:
    if in_body:
        return call.json.get(param) if isinstance(call.json, Mapping) else None
    return call.params.get(param)
