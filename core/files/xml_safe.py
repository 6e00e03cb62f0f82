"""XML without document types, entities or files from elsewhere (import rules 3.11)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from core.domain.text import T
from core.files.archive import corrupt
from core.files.issues import Kind, RejectedFile, reject

PROLOG = 65_536
_DOCTYPE = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def refuse_doctype(xml: bytes) -> None:
    """Raises RejectedFile for XML that declares a document type or entities, in whatever encoding."""
    if _DOCTYPE.search(xml[:PROLOG].replace(b"\x00", b"")):
        raise doctype_refused()


def doctype_refused() -> RejectedFile:
    return reject(
        Kind.FILE_TYPE_UNSUPPORTED,
        T("The XML declares a document type or entities; for safety such files are not read."),
        T("Export the data as CSV, or as XML without them."),
    )


def elements(xml: bytes, tags: tuple[str, ...], events: tuple[str, ...] = ("end",)) -> Iterator[tuple[str, Any]]:
    """The elements with these names (`{*}row` for any namespace) as they are read. Raises RejectedFile for broken XML."""
    refuse_doctype(xml)
    try:
        yield from etree.iterparse(
            io.BytesIO(xml), events=events, tag=tags, resolve_entities=False, no_network=True, load_dtd=False,
            huge_tree=False, remove_comments=True, remove_pis=True,
        )  # fmt: skip
    except etree.XMLSyntaxError as error:
        raise broken_xml(error) from error


def broken_xml(error: etree.XMLSyntaxError) -> RejectedFile:
    line, column = error.position
    return corrupt(f"line {line}, column {column}")


def forget(element: Any) -> None:
    """Free an element that was read, and its elder siblings."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def local(tag: object) -> str:
    """An element's name without its namespace."""
    return str(tag).rpartition("}")[2]
