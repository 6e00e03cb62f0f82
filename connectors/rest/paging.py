"""How pages follow: the kit's state machines, with names of our own for what they count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors._kit.paging import Call, Cursor, LinkHeader, NextUrl, Offset, PageNumber, SinglePage
from connectors._kit.paging import Paging as Machine
from connectors.rest.settings import Paging
from core.domain.selection import compile_path
from core.domain.selection.paths import normal

__all__ = ["Pager"]

MAIN = {"page": "number", "offset": "offset", "cursor": "cursor", "header_cursor": "cursor", "last_id": "cursor"}
"""Under which name each kind keeps its position; the same as in places such as `{{ page.number }}`."""


class Pager:
    """The pages of one list. A position is a kit `Call`: `params` hold number, offset, cursor and size, `path` the address."""

    def __init__(self, declared: Paging) -> None:
        self._declared = declared
        self._machine = _machine(declared)
        self._more = compile_path(declared.more_at) if declared.more_at else None
        self._id = compile_path(declared.id_at)

    def first(self, url: str) -> Call:
        return self._machine.first(Call(path=url))

    def next(self, here: Call, body: Any, headers: Mapping[str, str], records: Sequence[Any]) -> Call | None:
        """The position after an answer; None at the end."""
        if self._more is not None and str(self._more(body)).casefold() in ("false", "none", "0", "", "no"):
            return None
        if self._declared.stop_when_short and self._declared.size and len(records) < self._declared.size:
            return None
        if self._declared.kind == "last_id":
            last = self._id(records[-1]) if records else None
            return None if last is None else here.with_params(cursor=str(last))
        return self._machine.next(here, body, headers, len(records))

    def values(self, here: Call) -> dict[str, str]:
        """What goes to the endpoint at this position, by the names of its parameters."""
        declared, told = self._declared, here.params
        main = MAIN.get(declared.kind, "")
        found = {declared.param: told[main]} if declared.param and main in told else {}
        if declared.size_param and "size" in told:
            found[declared.size_param] = told["size"]
        return found


def _machine(declared: Paging) -> Machine:
    size_param = "size" if declared.size else ""
    at, size = normal(declared.cursor_at), declared.size
    total_at, pages_at = normal(declared.total_at), normal(declared.pages_at)
    match declared.kind:
        case "page":
            return PageNumber(
                param="number",
                start=declared.start,
                size_param=size_param,
                size=size,
                pages_at=pages_at,
                total_at=total_at,
            )
        case "offset":
            return Offset(param="offset", size_param="size", size=size, total_at=total_at)
        case "cursor" | "header_cursor":
            header = declared.kind == "header_cursor"
            return Cursor(param="cursor", at=at, size_param=size_param, size=size, in_header=header)
        case "next_url":
            return NextUrl(at=at, size_param=size_param, size=size)
        case "link_header":
            return LinkHeader()
        case "last_id":
            return Cursor(param="cursor", at="", size_param=size_param, size=size)
    return SinglePage()
