"""Makers of files of every kind, and a short way to read them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import openpyxl

from core.domain.file_settings import FileSettings
from core.files.importer import ImportResult, import_file

M = FileSettings(customer="Customer", product="Product", quantity="Qty")
"""The default mapping of the conformance list."""


def mapping(**changes: Any) -> FileSettings:
    return FileSettings(**{"customer": "Customer", "product": "Product", "quantity": "Qty", **changes})


def read(data: bytes | str, settings: FileSettings = M, name: str = "export.csv", **options: Any) -> ImportResult:
    content = data.encode() if isinstance(data, str) else data
    return import_file(content, name, settings, **options)


def triples(result: ImportResult) -> set[tuple[str, str, Decimal]]:
    found = [(line.customer, line.product, line.quantity) for line in result.lines]
    assert len(found) == len(set(found))
    return set(found)


def lines(*rows: tuple[str, str, object]) -> set[tuple[str, str, Decimal]]:
    return {(customer, product, Decimal(str(quantity))) for customer, product, quantity in rows}


def kinds(result: ImportResult) -> list[str]:
    return [str(issue.kind) for issue in result.errors]


def note_kinds(result: ImportResult) -> list[str]:
    return [str(note.kind) for note in result.notes]


def csv(*rows: str, header: str = "Customer,Product,Qty") -> bytes:
    return "".join(f"{row}\n" for row in (header, *rows)).encode()


Change = Callable[[openpyxl.Workbook, Any], None]


def xlsx(rows: Sequence[Sequence[Any]] = (), change: Change | None = None, sheet: str = "Usage") -> bytes:
    """A workbook of one sheet; `change` may add what it likes."""
    book = openpyxl.Workbook()
    page = book.active
    page.title = sheet
    for row in rows:
        page.append(list(row))
    if change:
        change(book, page)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def rezipped(data: bytes, changes: dict[str, Callable[[bytes], bytes]]) -> bytes:
    """A ZIP with some members changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for info in source.infolist():
            content = source.read(info.filename)
            target.writestr(info.filename, changes.get(info.filename, lambda same: same)(content))
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "."), content)
    return out.getvalue()


def lying_zip(name: str, real: bytes, promised: int) -> bytes:
    """A ZIP whose contents list promises a smaller member than it holds."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(real) + packer.flush()
    crc, encoded = zlib.crc32(real), name.encode()
    fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, crc, len(packed), promised, len(encoded), 0)
    local = b"PK\x03\x04" + fields + encoded + packed
    central = b"PK\x01\x02" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + encoded
    return local + central + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


def ole(**streams: bytes) -> bytes:
    """A compound file (OLE) with these streams, as an encrypted workbook or an old Excel file is one."""
    sector = 512
    end, free, fat_mark = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
    fat: list[int] = [fat_mark, end]
    entries = [("Root Entry", 5, end, 0)]
    body = b""
    for name, content in streams.items():
        padded = content + bytes(max(4096, -(-len(content) // sector) * sector) - len(content))
        start, count = len(fat), len(padded) // sector
        fat += [start + i + 1 for i in range(count - 1)] + [end]
        body += padded
        entries.append((name, 2, start, len(padded)))
    directory = b""
    for number, (name, kind, start, size) in enumerate(entries):
        text = (name + "\0").encode("utf-16-le")
        child = 1 if number == 0 and len(entries) > 1 else free
        right = number + 1 if 0 < number < len(entries) - 1 else free
        directory += text.ljust(64, b"\0") + struct.pack("<HBBIII", len(text), kind, 1, free, right, child)
        directory += bytes(16 + 4 + 16) + struct.pack("<IQ", start, size)
    directory = directory.ljust(sector, b"\0")
    assert len(directory) == sector and len(fat) <= sector // 4
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, end, 0, end, 0)
    header += struct.pack("<109I", 0, *([free] * 108))
    return header + struct.pack("<128I", *(fat + [free] * (128 - len(fat)))) + directory + body
