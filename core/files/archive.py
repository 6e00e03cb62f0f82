"""Packed files, opened without trusting what they say of themselves (import rules 3.1, 3.11)."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from core.domain.text import T
from core.files.issues import Kind, RejectedFile, reject
from core.files.limits import MEGABYTE, Limits

CHUNK = 1024 * 1024
MEMBERS = 10_000
_ENCRYPTED = 0x1
_LOCAL_HEADER = 30


@dataclass(frozen=True, slots=True)
class Archive:
    """A ZIP whose promised sizes are within the limits. What it really unpacks to is counted again while it is unpacked.

    Members are found by their name in lower case with forward slashes: writers differ.
    """

    data: bytes
    members: dict[str, zipfile.ZipInfo]
    limits: Limits

    def __contains__(self, name: str) -> bool:
        return name.lower() in self.members

    def chunks(self, name: str) -> Iterator[bytes]:
        """A member, unpacked piece by piece. Raises RejectedFile where it is broken or holds more than it promised."""
        info = self.members[name.lower()]
        raw = self._raw(info)
        if info.compress_type == zipfile.ZIP_STORED:
            if len(raw) != info.file_size:
                raise corrupt()
            yield raw
            return
        if info.compress_type != zipfile.ZIP_DEFLATED:
            raise corrupt()
        yield from self._inflated(raw, info.file_size)

    def read(self, name: str) -> bytes:
        return b"".join(self.chunks(name))

    def _raw(self, info: zipfile.ZipInfo) -> bytes:
        begin = info.header_offset
        header = self.data[begin : begin + _LOCAL_HEADER]
        if len(header) < _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
            raise corrupt()
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        begin += _LOCAL_HEADER + name_length + extra_length
        raw = self.data[begin : begin + info.compress_size]
        if len(raw) != info.compress_size:
            raise corrupt()
        return raw

    def _inflated(self, raw: bytes, promised: int) -> Iterator[bytes]:
        machine = zlib.decompressobj(-zlib.MAX_WBITS)
        produced, pending = 0, raw
        try:
            while not machine.eof:
                piece = machine.decompress(pending, CHUNK)
                pending = machine.unconsumed_tail
                produced += len(piece)
                if produced > promised:
                    raise too_large_unpacked(self.limits)
                if not piece and not pending:
                    raise corrupt()
                yield piece
        except zlib.error as error:
            raise corrupt() from error
        if produced != promised:
            raise corrupt()


def open_archive(data: bytes, limits: Limits) -> Archive:
    """Look at the contents list of a ZIP. Raises RejectedFile for a broken, locked or enormous one, before unpacking anything."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            infos = [info for info in file.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error, UnicodeError) as error:
        raise corrupt() from error
    total = sum(info.file_size for info in infos)
    packed = max(len(data), 1)
    if len(infos) > MEMBERS or total > limits.unpacked_bytes:
        raise too_large_unpacked(limits)
    if total > limits.ratio_from_bytes and total > packed * limits.unpack_ratio:
        raise too_large_unpacked(limits)
    if any(info.flag_bits & _ENCRYPTED for info in infos):
        raise encrypted()
    members = {info.filename.replace("\\", "/").lower(): info for info in infos}
    if len(members) != len(infos):
        # Of two files of one name, one would be looked at and the other read.
        raise corrupt()
    return Archive(data, members, limits)


def gunzip(data: bytes, limits: Limits) -> bytes:
    """A gzip file, unpacked within the limits."""
    machine = zlib.decompressobj(zlib.MAX_WBITS | 16)
    allowed = min(limits.unpacked_bytes, max(len(data) * limits.unpack_ratio, limits.ratio_from_bytes))
    try:
        content = machine.decompress(data, allowed + 1)
    except zlib.error as error:
        raise corrupt() from error
    if len(content) > allowed:
        raise too_large_unpacked(limits)
    if not machine.eof:
        raise corrupt()
    return content


def only_member(archive: Archive) -> str:
    """The one file of a plain ZIP. Raises RejectedFile where there are several, or none."""
    names = [
        name
        for name in archive.members
        if not name.startswith("__MACOSX/") and not name.rpartition("/")[2].startswith(".")
    ]
    if len(names) != 1:
        raise reject(
            Kind.FILE_TYPE_UNSUPPORTED,
            T("The ZIP file holds {count} files; one is needed.", count=len(names)),
            T("Unpack it and upload the file with the table."),
            text=", ".join(names[:10]),
        )
    return names[0]


def corrupt(detail: str = "") -> RejectedFile:
    """The file is broken or cut off."""
    return reject(
        Kind.FILE_CORRUPT,
        T("The file is damaged or not whole."),
        T("Download it again; if that does not help, export it in another format."),
        text=detail,
    )


def encrypted() -> RejectedFile:
    return reject(
        Kind.FILE_ENCRYPTED,
        T("The file is protected with a password."),
        T("Open it, save it without password, and upload it again."),
    )


def too_large_unpacked(limits: Limits) -> RejectedFile:
    return reject(
        Kind.FILE_TOO_LARGE,
        T(
            "Unpacked, the file is larger than {limit} MB, or far larger than its packed size allows.",
            limit=limits.unpacked_bytes // MEGABYTE,
        ),
        T("If it is a real export: export a shorter period, or as CSV."),
    )
