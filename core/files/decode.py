"""From bytes to UTF-8 (import rules 3.2)."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

import numpy as np

from core.domain.text import T
from core.files.issues import ImportNote, NoteKind

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNDEFINED = dict.fromkeys((129, 141, 143, 144, 157), "�")
_WINDOWS_1252 = "".join(_UNDEFINED.get(byte) or bytes([byte]).decode("cp1252") for byte in range(256))
SAMPLE = 4_096


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text as UTF-8 bytes without byte-order mark, NULs and final 1A; what it was before; what was done to it."""

    utf8: bytes
    encoding: str
    notes: tuple[ImportNote, ...] = ()


def decode(data: bytes) -> Decoded:
    """Text of any of the encodings a portal or a spreadsheet program writes. Never fails: what is undefined is shown as �."""
    encoding, body = _marked(data)
    if not encoding:
        encoding = _unmarked_utf16(body)
    utf8, undefined = (body, 0) if encoding == "utf-8" else _transcoded(body, encoding) if encoding else (b"", 0)
    if encoding in ("", "utf-8"):
        try:
            utf8, encoding = _checked_utf8(body), "utf-8"
        except UnicodeDecodeError:
            encoding = "windows-1252"
            utf8, undefined = _windows_1252(body)
    utf8, notes = _without_control(utf8)
    if undefined:
        notes += (
            ImportNote(
                kind=NoteKind.UNDEFINED_BYTES,
                message=T("{count} characters could not be read and are shown as �.", count=undefined),
            ),
        )
    return Decoded(utf8, encoding, notes)


def _marked(data: bytes) -> tuple[str, bytes]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding, data[len(mark) :]
    return "", data


def _unmarked_utf16(data: bytes) -> str:
    """UTF-16 shows itself by NUL bytes in nearly every second place."""
    sample = np.frombuffer(data[: SAMPLE // 2 * 2], np.uint8)
    if len(sample) < 4:
        return ""
    sample = sample[: len(sample) // 2 * 2]
    even, odd = (float((sample[start::2] == 0).mean()) for start in (0, 1))
    if odd > 0.4 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.05 else ""


def _transcoded(data: bytes, encoding: str) -> tuple[bytes, int]:
    text = data.decode(encoding, errors="replace")
    return text.encode("utf-8", errors="replace"), text.count("\ufffd")


def _checked_utf8(data: bytes) -> bytes:
    if not data.isascii():
        data.decode("utf-8")
    return data


def _windows_1252(data: bytes) -> tuple[bytes, int]:
    text = codecs.charmap_decode(data, "strict", _WINDOWS_1252)[0]
    return text.encode("utf-8"), text.count("\ufffd")


def _without_control(utf8: bytes) -> tuple[bytes, tuple[ImportNote, ...]]:
    if utf8[-1:] in (b"\x1a", b"\x00"):
        utf8 = utf8.rstrip(b"\x1a\x00")
    if b"\x00" not in utf8:
        return utf8, ()
    count = utf8.count(b"\x00")
    note = ImportNote(
        kind=NoteKind.CONTROL_CHARACTERS,
        message=T(
            "The file holds {count} control characters that do not belong in a table; they were left out.", count=count
        ),
    )
    return utf8.replace(b"\x00", b""), (note,)
