"""A report as rows: JSON or CSV, told apart by what it looks like (Altaro §6)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from connectors._kit.http import Answer
from connectors._kit.select import Record
from core.domain.errors import ShapeChanged
from core.domain.text import T

MORE = {
    "next",
    "nextlink",
    "next_link",
    "nextpage",
    "next_page",
    "nexturl",
    "next_url",
    "nextpagetoken",
    "@odata.nextlink",
}
MISSING = object()


def rows_of(answer: Answer, rows_path: str) -> list[Record]:
    """All rows of a report. Raises ShapeChanged for anything that is no whole report."""
    content = answer.content.removeprefix(b"\xef\xbb\xbf").strip()
    if content[:1] == b"<":
        raise ShapeChanged(T("The link answers with a web page, not with a report."), place=answer.where)
    looks_json = content[:1] in (b"[", b"{")
    if "csv" in answer.headers.get("content-type", "") or not looks_json:
        return _csv_rows(answer)
    body = Answer(answer.status, answer.headers, content, answer.where).json()
    found = _listed(body, rows_path, answer.where)
    if not all(isinstance(row, Mapping) for row in found):
        raise ShapeChanged(
            T("The list at {path} holds something that is no record.", path=rows_path or "the top"), place=answer.where
        )
    return found


def _listed(body: Any, rows_path: str, where: str) -> list[Any]:
    """The list of rows: at the path, at the top, or in the one member that is a list of records."""
    if isinstance(body, Mapping):
        _refuse_more(body, where)
    if rows_path:
        found = at(body, rows_path)
    elif isinstance(body, Mapping):
        lists = [one for one in body.values() if isinstance(one, list) and all(isinstance(row, Mapping) for row in one)]
        found = lists[0] if len(lists) == 1 else MISSING
    else:
        found = body
    if isinstance(found, list):
        return found
    names = tuple(str(name) for name in body) if isinstance(body, Mapping) else ()
    raise ShapeChanged(
        T("The report has no single list of rows; it has: {names}. Set the path of the rows.", names=names), place=where
    )


def _refuse_more(body: Mapping[str, Any], where: str) -> None:
    """Half a report is worse than none: no report is known to have pages (Altaro §6)."""
    inner = [one for one in body.values() if isinstance(one, Mapping)]
    for level in (body, *inner):
        for name, value in level.items():
            if str(name).lower() in MORE and value:
                raise ShapeChanged(
                    T("The report says that there is more of it, in {name}.", name=str(name)), place=where
                )


def at(record: Any, path: str) -> Any:
    """A field by its name, or by a path with dots; MISSING where it is not there."""
    if isinstance(record, Mapping) and path in record:
        return record[path]
    here = record
    for part in path.split("."):
        if not isinstance(here, Mapping) or part not in here:
            return MISSING
        here = here[part]
    return here


def _csv_rows(answer: Answer) -> list[Record]:
    text = _decoded(answer.content)
    heading = text.lstrip().splitlines()[0] if text.strip() else ""
    delimiter = max(";,\t", key=heading.count)
    try:
        table = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True) if any(row)]
    except csv.Error as error:
        raise ShapeChanged(T("The report is a damaged CSV file."), place=answer.where, detail=str(error)) from error
    if not table:
        raise ShapeChanged(T("The answer is empty."), place=answer.where)
    names = [name.strip() for name in table[0]]
    if len(set(names)) < len(names) or len(names) < 2:
        raise ShapeChanged(T("The report is no table with headings."), place=answer.where, detail=repr(names)[:200])
    for number, row in enumerate(table[1:], start=2):
        if len(row) != len(names):
            raise ShapeChanged(
                T(
                    "Row {row} of the report has {found} columns instead of {wanted}.",
                    row=number,
                    found=len(row),
                    wanted=len(names),
                ),
                place=answer.where,
            )
    return [dict(zip(names, (cell.strip() for cell in row), strict=True)) for row in table[1:]]


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")
