"""What a file is, by its content and never by its extension (import rules 3.1)."""

from __future__ import annotations

import re
from enum import StrEnum

from core.files.decode import decode

SAMPLE = 65_536
_NOTHING = b" \t\r\n\x00\x1a\xef\xbb\xbf\xff\xfe"
_HTML = re.compile(
    r"<\s*(!doctype\s+html|html|head|body|table|meta|div|form|script|style|title|span|p|center|font)\b", re.IGNORECASE
)
_MARKUP = re.compile(r"<(?:\?xml|!|[A-Za-z_])")
SPREADSHEET_ML = "urn:schemas-microsoft-com:office:spreadsheet"


class FileType(StrEnum):
    """The kinds of file that are told apart."""

    EMPTY = "empty"
    ZIP = "zip"
    GZIP = "gzip"
    OLE = "ole"
    PDF = "pdf"
    HTML = "html"
    SPREADSHEET_ML = "spreadsheet_xml"
    XML = "xml"
    JSON = "json"
    IMAGE = "image"
    BINARY = "binary"
    TEXT = "text"


_MAGIC = (
    (b"PK\x03\x04", FileType.ZIP),
    (b"PK\x05\x06", FileType.ZIP),
    (b"\x1f\x8b", FileType.GZIP),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileType.OLE),
    (b"%PDF", FileType.PDF),
    (b"\x89PNG", FileType.IMAGE),
    (b"\xff\xd8\xff", FileType.IMAGE),
    (b"GIF8", FileType.IMAGE),
    (b"Rar!", FileType.BINARY),
    (b"7z\xbc\xaf", FileType.BINARY),
    (b"MZ", FileType.BINARY),
    (b"\x7fELF", FileType.BINARY),
    (b"PAR1", FileType.BINARY),
    (b"SQLite format 3\x00", FileType.BINARY),
)


def file_type(data: bytes) -> FileType:
    """The type of a file by its first bytes."""
    if not data[:SAMPLE].strip(_NOTHING) and not data.strip(_NOTHING):
        return FileType.EMPTY
    for magic, kind in _MAGIC:
        if data.startswith(magic) and not (kind is FileType.BINARY and magic == b"MZ" and b"\x00" not in data[:SAMPLE]):
            return kind
    text = decode(data[:SAMPLE]).utf8.decode("utf-8", errors="replace").lstrip("\ufeff \t\r\n")
    if text.startswith("%PDF"):
        return FileType.PDF
    if text.startswith("<"):
        return _markup(text)
    if text[:1] in ("{", "["):
        return FileType.JSON
    return FileType.BINARY if _is_binary(data[:SAMPLE], text) else FileType.TEXT


def _markup(text: str) -> FileType:
    if SPREADSHEET_ML in text:
        return FileType.SPREADSHEET_ML
    if _HTML.search(text[:4096]) and not text.startswith("<?xml"):
        return FileType.HTML
    if re.search(r"<html\b|<!doctype\s+html", text[:4096], re.IGNORECASE):
        return FileType.HTML
    return FileType.XML if _MARKUP.match(text) else FileType.TEXT


def _is_binary(data: bytes, text: str) -> bool:
    """Many control characters: no text in any encoding."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return False
    controls = sum(1 for character in text[:4096] if ord(character) < 32 and character not in "\t\r\n\x0b\x0c\x1a\x1b")
    return controls > max(8, len(text[:4096]) // 10)
