"""Files of a billing export, wherever they lie: plain, packed with gzip or ZIP, in a folder. Opened as streams, never whole."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from core.domain.errors import InputError
from core.domain.text import T
from core.files.issues import Kind

__all__ = ["MOST_BYTES", "Part", "damaged", "parts_of"]

MOST_BYTES = 50 * 1024**3
"""Unpacked, of one file: more is no billing export. Memory does not grow with it."""
SUFFIXES = (".csv", ".csv.gz", ".gz", ".txt", ".parquet", ".json")
CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One file of an export. `name` is its path below what was given, with forward slashes; `member` its name inside a ZIP."""

    name: str
    path: Path
    size: int
    """Bytes as it lies there, packed or not."""
    member: str = ""

    @property
    def base(self) -> str:
        return PurePosixPath(self.name).name

    @property
    def folder(self) -> str:
        return str(PurePosixPath(self.name).parent)

    @property
    def is_manifest(self) -> bool:
        return self.base.casefold() == "manifest.json"

    @property
    def is_parquet(self) -> bool:
        return self.base.casefold().endswith(".parquet")

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The unpacked bytes as a stream. Raises InputError where the file is damaged or locked."""
        try:
            with self._raw() as raw:
                if raw.read(2) == b"\x1f\x8b":
                    raw.seek(0)
                    with gzip.GzipFile(fileobj=raw) as unpacked:
                        yield cast(IO[bytes], unpacked)
                else:
                    raw.seek(0)
                    yield raw
        except (gzip.BadGzipFile, zlib.error, EOFError, zipfile.BadZipFile, OSError, NotImplementedError) as error:
            raise damaged(self.name, type(error).__name__) from error

    @contextmanager
    def _raw(self) -> Iterator[IO[bytes]]:
        if not self.member:
            with self.path.open("rb") as file:
                yield file
            return
        with zipfile.ZipFile(self.path) as archive:
            if archive.getinfo(self.member).flag_bits & 0x1:
                raise InputError(
                    T("The file is protected with a password."),
                    place=self.name,
                    remedy=T("Open it, save it without password, and upload it again."),
                    kind=Kind.FILE_ENCRYPTED,
                )
            with archive.open(self.member) as file:
                yield file

    def digest(self) -> str:
        """SHA-256 of the unpacked content."""
        found = hashlib.sha256()
        with self.open() as stream:
            while piece := stream.read(CHUNK):
                found.update(piece)
        return found.hexdigest()


def parts_of(paths: Sequence[Path]) -> list[Part]:
    """All files of an export that are given or lie in given folders and ZIP files, by name; others are left out."""
    found: list[Part] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.is_file() and one.name.casefold().endswith(SUFFIXES))
            found += [Part(one.relative_to(path).as_posix(), one, one.stat().st_size) for one in inside]
        elif path.is_file() and zipfile.is_zipfile(path) and not path.name.casefold().endswith(".parquet"):
            found += _members(path)
        elif path.is_file():
            found.append(Part(path.name, path, path.stat().st_size))
        else:
            raise InputError(T("There is no file {name}.", name=path.name), place=path.name, kind=Kind.FILE_EMPTY)
    return found


def _members(path: Path) -> list[Part]:
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    if sum(info.file_size for info in infos) > MOST_BYTES:
        raise damaged(path.name, "too large")
    return [
        Part(info.filename.replace("\\", "/"), path, info.file_size, info.filename)
        for info in sorted(infos, key=lambda info: info.filename)
        if info.filename.casefold().endswith(SUFFIXES) and not info.filename.startswith("__MACOSX/")
    ]


def damaged(name: str, detail: str = "") -> InputError:
    """The file is broken or cut off."""
    return InputError(
        T("The file is damaged or not whole."),
        place=name,
        remedy=T("Download it again; if that does not help, export it in another format."),
        detail=detail,
        kind=Kind.FILE_CORRUPT,
    )
