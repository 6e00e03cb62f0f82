"""How an answer says that there are more pages: a proposal for a person, never used unseen (M9)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from core.domain.selection.paths import quoted

__all__ = ["suggest_paging"]

DEEPEST = 2
NEXT = re.compile(r"@?(odata)?(next(page)?(url|link|href|uri)?|href)")
CURSORS = ("nextcursor", "nextpagetoken", "nexttoken", "continuationtoken", "skiptoken", "endcursor", "cursor", "after")
PAGES = ("totalpages", "pagecount", "lastpage", "pages", "pagestotal", "numpages")
TOTALS = ("total", "totalcount", "totalrecords", "totalitems", "totalresults", "recordcount", "count")
PAGE_PARAMS = ("page", "pagenumber", "pageno", "pageindex", "p")
OFFSET_PARAMS = ("offset", "skip", "start", "startindex", "from")
SIZE_PARAMS = ("limit", "pagesize", "perpage", "size", "take", "top", "count", "maxresults")
CURSOR_PARAMS = {"nextpagetoken": "page_token", "continuationtoken": "continuationToken", "skiptoken": "skipToken"}


def suggest_paging(document: object, url: str = "") -> dict[str, object]:
    """The settings of the pages that an answer tells of; empty where it tells of none. `url` is what was asked.

    A next address goes before a cursor, that before a number of pages, and that before a number of records.
    """
    told = dict(_told(document, "", 0)) if isinstance(document, dict) else {}
    asked = {_bare(name): name for name, _ in parse_qsl(urlsplit(url).query)}
    sizes = dict(parse_qsl(urlsplit(url).query))
    for path, value in told.items():
        if isinstance(value, str) and value.startswith(("http", "/")) and _is_next(path):
            return {"kind": "next_url", "cursor_at": path}
    if cursor := next((path for path, value in told.items() if _last(path) in CURSORS and _is_cursor(value)), ""):
        param = CURSOR_PARAMS.get(_last(cursor), "cursor")
        return {"kind": "cursor", "cursor_at": cursor, "param": asked.get(_bare(param), param)}
    size = next((asked[name] for name in SIZE_PARAMS if name in asked), "")
    sized = (
        {"size_param": size, "size": int(sizes[size])} if size and sizes[size].isdigit() and int(sizes[size]) else {}
    )
    if pages := _number_at(told, PAGES):
        return {"kind": "page", "param": _param(asked, PAGE_PARAMS, "page"), "pages_at": pages, **sized}
    total = _number_at(told, TOTALS)
    if total and sized and (offset := next((asked[name] for name in OFFSET_PARAMS if name in asked), "")):
        return {"kind": "offset", "param": offset, "total_at": total, **sized}
    if total and sized:
        return {"kind": "page", "param": _param(asked, PAGE_PARAMS, "page"), "total_at": total, **sized}
    return {}


def _told(node: Mapping[str, Any], path: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Plain values outside the lists, by path: what an answer says of itself."""
    for name, value in node.items():
        here = f"{path}.{quoted(name)}" if path else quoted(name)
        if isinstance(value, dict):
            if depth < DEEPEST:
                yield from _told(value, here, depth + 1)
        elif not isinstance(value, list):
            yield here, value


def _is_next(path: str) -> bool:
    steps = [_bare(step) for step in path.split(".")]
    return bool(NEXT.fullmatch(_last(path))) and (_last(path) != "href" or "next" in steps)


def _is_cursor(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _number_at(told: Mapping[str, Any], names: tuple[str, ...]) -> str:
    numbers = {
        _last(path): path for path, value in told.items() if isinstance(value, int) and not isinstance(value, bool)
    }
    return next((numbers[name] for name in names if name in numbers), "")


def _param(asked: Mapping[str, str], names: tuple[str, ...], usual: str) -> str:
    return next((asked[name] for name in names if name in asked), usual)


def _last(path: str) -> str:
    return _bare(path.rsplit(".", 1)[-1]) if not path.endswith('"') else _bare(path[path.rstrip('"').rfind('"') :])


def _bare(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
