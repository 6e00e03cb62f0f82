"""What an answer holds, whatever its content type claims: JSON, JSON lines, CSV, XML, or a file."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from html import unescape
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml import ElementTree as SafeTree
from defusedxml.common import DefusedXmlException

from connectors._kit.http import Answer
from connectors.rest.settings import Answer as Declared
from core.domain.errors import ShapeChanged
from core.domain.text import T, Text

__all__ = ["Decoded", "decode", "xml_document"]

NESTING = 64
_TITLE = re.compile(rb"<title[^<>]*>([^<]*)</title>", re.IGNORECASE | re.DOTALL)
_HTML = re.compile(
    rb"\s*(?:<!--(?:[^-]|-(?!->))*-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_FILES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_GZIP = b"\x1f\x8b"
MOST_BYTES = 100 * 1024 * 1024


@dataclass(slots=True)
class Decoded:
    """One answer, read. `broken` are lines that could not be read: their place and text; `places` the line of each record."""

    document: Any = None
    kind: str = "json"
    file: bytes = b""
    broken: list[tuple[int, str]] = field(default_factory=list)
    notes: list[Text] = field(default_factory=list)


def decode(answer: Answer, declared: Declared) -> Decoded:
    """Raises ShapeChanged for what cannot be read: never an empty document for it (M2)."""
    if declared.file is not None:
        return Decoded(kind="file", file=answer.content)
    content = _unzipped(answer).removeprefix(codecs.BOM_UTF8)
    kind = declared.format if declared.format != "auto" else _kind(content, answer.headers.get("content-type", ""))
    if kind == "file":
        return Decoded(kind="file", file=answer.content)
    if not content.strip():
        raise ShapeChanged(T("The answer is empty."), place=answer.where)
    if _HTML.match(content[:2000]):
        title = _TITLE.search(content[:20_000])
        told = " ".join(unescape(title[1].decode("utf-8", "replace")).split())[:80] if title else "-"
        raise ShapeChanged(
            T("The answer is a web page, “{title}”: usually a log-in page.", title=told), place=answer.where
        )
    match kind:
        case "json":
            return _json(content, answer, strict=declared.format == "json")
        case "ndjson":
            return _lines(content, answer)
        case "csv":
            return _csv(_text(content, declared.encoding), declared.delimiter, answer)
        case _:
            return Decoded(_xml(content, answer), "xml")


def _unzipped(answer: Answer) -> bytes:
    """The content of a gzip file; a bomb ends at the cap."""
    if not answer.content.startswith(_GZIP):
        return answer.content
    unpacking = zlib.decompressobj(wbits=31)
    try:
        content = unpacking.decompress(answer.content, MOST_BYTES)
    except zlib.error as error:
        raise _not(answer, "gzip", error) from error
    if unpacking.unconsumed_tail:
        raise ShapeChanged(
            T("The answer of {name} is larger than {megabytes} MB.", name=answer.where, megabytes=MOST_BYTES // 1024**2)
        )
    return content


def _kind(content: bytes, told: str) -> str:
    start = content.lstrip()[:1]
    if content[:4] in _FILES:
        return "file"
    if start in (b"{", b"["):
        return "ndjson" if "ndjson" in told or "jsonl" in told else "json"
    if start == b"<":
        return "xml"
    if "csv" in told or "tab-separated" in told or ("text/plain" in told and b"\n" in content.strip()):
        return "csv"
    return "json"


def _json(content: bytes, answer: Answer, *, strict: bool) -> Decoded:
    found = Decoded()
    _shallow(content, answer)
    try:
        found.document = parse(content, found)
    except ValueError as error:
        if not strict and content.lstrip()[:1] == b"{" and b"\n" in content.strip():
            return _lines(content, answer)
        raise _not(answer, "JSON", error) from error
    return found


def parse(content: bytes, found: Decoded | None = None) -> Any:
    """JSON with exact numbers; of a key that comes twice the last one counts, and it is told. Raises ValueError."""
    twice: set[str] = set()

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made_of = dict(pairs)
        if len(made_of) < len(pairs):
            twice.update(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        return made_of

    try:
        document = json.loads(content, parse_float=Decimal, parse_constant=str, object_pairs_hook=made)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except ArithmeticError as error:
        raise ValueError("a number without a size") from error
    if twice and found is not None:
        found.notes.append(T("The key {key} comes twice in one object; the last one counts.", key=sorted(twice)[0]))
    return document


def _lines(content: bytes, answer: Answer) -> Decoded:
    """One JSON value a line; a broken one is told with its number, unless there is no good one."""
    found = Decoded([], "ndjson")
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            found.document.append(parse(line, found))
        except ValueError:
            found.broken.append((number, line[:80].decode("utf-8", "replace")))
    if not found.document:
        raise _not(answer, "JSON", ValueError("no line is JSON"))
    return found


def _text(content: bytes, encoding: str) -> str:
    for name in [encoding] if encoding else ["utf-8", "cp1252"]:
        try:
            return content.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return content.decode("utf-8", "replace")


def _csv(text: str, delimiter: str, answer: Answer) -> Decoded:
    """A table as records by heading; rows with more or fewer cells than headings are told."""
    head = text.split("\n", 1)[0]
    chosen = delimiter or max("\t;,|", key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=chosen, strict=True)
    found = Decoded([], "csv")
    try:
        headings = [heading.strip() for heading in next(rows, [])]
        if len(set(headings)) < len(headings) or not any(headings):
            raise ShapeChanged(T("The table has no headings, or one of them twice."), place=answer.where)
        for row in rows:
            if len(row) == len(headings):
                found.document.append(dict(zip(headings, row, strict=True)))
            elif any(row):
                found.broken.append((rows.line_num, chosen.join(row)[:80]))
    except csv.Error as error:
        raise _not(answer, "CSV", error) from error
    return found


def xml_document(content: bytes) -> Any:
    """XML as a tree: attributes `@name`, text `#text`, repeated elements as lists, no namespaces. Raises ValueError."""
    try:
        root = SafeTree.fromstring(content, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as error:
        raise ValueError("a document type or entities, which are not read") from error
    except (SafeTree.ParseError, LookupError, RecursionError) as error:
        raise ValueError(str(error)) from error
    level, deep = [root], 0
    while level:
        deep += 1
        if deep > NESTING:
            raise ValueError("nested too deeply")
        level = [child for element in level for child in element]
    return {_local(root.tag): _node(root)}


def _node(element: Element) -> Any:
    found: dict[str, Any] = {f"@{_local(name)}": value for name, value in element.attrib.items()}
    for child in element:
        name, value = _local(child.tag), _node(child)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    text = (element.text or "").strip()
    if not found:
        return text
    return {**found, "#text": text} if text else found


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _xml(content: bytes, answer: Answer) -> Any:
    try:
        return xml_document(content)
    except ValueError as error:
        raise _not(answer, "XML", error) from error


_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _shallow(content: bytes, answer: Answer) -> None:
    """Each round takes the innermost brackets off; brackets inside texts only make this stricter for odd answers."""
    rest = content.translate(None, _BRACKETS)
    for _ in range(NESTING):
        fewer = rest.replace(b"{}", b"").replace(b"[]", b"")
        if not fewer or fewer == rest:
            return
        rest = fewer
    raise ShapeChanged(T("The answer is nested more than {limit} levels deep.", limit=NESTING), place=answer.where)


def _not(answer: Answer, kind: str, error: Exception) -> ShapeChanged:
    return ShapeChanged(
        T("The answer is not the {kind} it should be.", kind=kind),
        place=answer.where,
        detail=f"{error}; {answer.start()}",
    )
