"""A folder of the machine's own file system, or one that is mounted. Nothing outside of it is ever touched.

A network mount whose server is gone does not answer at all; nothing here waits for it for ever.
"""

from __future__ import annotations

import os
import queue
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from core.domain.errors import ContractBridgeError, RemoteError, SettingsError
from core.domain.pickup import Listing, Problem, RemoteFile
from core.domain.text import T

Found = TypeVar("Found")

SHORT, LONG = 30.0, 300.0
"""Seconds for a listing or a move, and for fetching a file."""
CHUNK = 1024 * 1024
DEEPEST = 6
"""So many folders below the watched one are looked into: an export, a month, a run, and some to spare."""


class Folder:
    """One folder. `limit` are the seconds after which a file system that does not answer is given up. `below`: folders in it are
    looked into as well, but for those named `skipped`; then the id of a file is its path below the folder. `kept_out` are folders
    that it may not be, nor lie in, nor hold: who watches a folder reads, moves and removes what is there.
    """

    settles_after = timedelta(minutes=5)

    def __init__(
        self,
        path: str,
        *,
        limit: float | None = None,
        below: bool = False,
        skipped: Sequence[str] = (),
        kept_out: Sequence[Path] = (),
    ) -> None:
        self._path = Path(path)
        self._below_too = below
        self._skipped = frozenset(name.casefold() for name in skipped)
        self._limit = limit
        self._kept_out = tuple(kept_out)

    def listing(self, cursor: str = "") -> Listing:
        return self._in_time(SHORT, self._list)

    def look(self, file: RemoteFile) -> RemoteFile | None:
        return self._in_time(SHORT, lambda: self._look(file.id))

    def fetch(self, file: RemoteFile, into: Path) -> None:
        self._in_time(LONG, lambda: self._copy(file, into))

    def move(self, file: RemoteFile, folders: Sequence[str], name: str) -> None:
        self._in_time(SHORT, lambda: self._move(file, folders, name))

    def write(self, folders: Sequence[str], name: str, content: bytes) -> None:
        def work() -> None:
            with (self._below(folders) / _plain(name)).open("xb") as target:
                target.write(content)

        self._in_time(SHORT, work)

    def delete(self, file: RemoteFile) -> None:
        self._in_time(SHORT, lambda: self._file(file.id).unlink())

    def close(self) -> None:
        """Nothing is held open."""

    def _list(self) -> Listing:
        if not self._path.is_absolute():
            raise SettingsError(
                T("{folder} is not a whole path.", folder=str(self._path)),
                remedy=T("Write it from the root on, such as /srv/exports."),
                kind="folder",
            )
        try:
            found = list(self._entries("", 0))
        except FileNotFoundError as error:
            raise self._missing() from error
        except NotADirectoryError as error:
            raise self._missing() from error
        return Listing(files=tuple(found))

    def _entries(self, folder: str, depth: int) -> Iterator[RemoteFile]:
        """What is in a folder, and below it. Links are never followed."""
        inside: list[str] = []
        with os.scandir(self._path / folder) as entries:
            for entry in entries:
                name = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False) and self._goes_into(entry.name, depth):
                    inside.append(name)
                elif (one := self._look(name)) is not None:
                    yield one
        for name in inside:
            yield from self._entries(name, depth + 1)

    def _goes_into(self, name: str, depth: int) -> bool:
        return self._below_too and depth < DEEPEST and not name.startswith(".") and name.casefold() not in self._skipped

    def _missing(self) -> RemoteError:
        return RemoteError(
            T("There is no folder {folder}.", folder=str(self._path)),
            retryable=True,
            remedy=T("Is the share mounted, and is the path right?"),
            kind="folder",
        )

    def _look(self, name: str) -> RemoteFile | None:
        try:
            found = (self._path / name).lstat()
        except FileNotFoundError:
            return None
        return RemoteFile(
            id=name,
            name=name.rpartition("/")[2],
            size=found.st_size,
            modified=datetime.fromtimestamp(found.st_mtime, UTC),
            regular=stat.S_ISREG(found.st_mode),
        )

    def _copy(self, file: RemoteFile, into: Path) -> None:
        left = file.size + 1
        with _opened(self._file(file.id)) as source, into.open("wb") as target:
            while left > 0 and (part := os.read(source, min(CHUNK, left))):
                target.write(part)
                left -= len(part)

    def _file(self, name: str) -> Path:
        return self._path.joinpath(*map(_plain, name.split("/") if self._below_too else [name]))

    def _move(self, file: RemoteFile, folders: Sequence[str], name: str) -> None:
        source, target = self._file(file.id), self._below(folders) / _plain(name)
        if target.exists() or target.is_symlink():
            raise RemoteError(T("{file} is there already.", file=name), retryable=False, kind=Problem.EXISTS)
        source.rename(target)

    def _below(self, folders: Sequence[str]) -> Path:
        """A folder below this one, made as needed; a link that leads out of it is refused."""
        root = self._path.resolve()
        target = self._path.joinpath(*map(_plain, folders))
        target.mkdir(parents=True, exist_ok=True)
        if not target.resolve().is_relative_to(root):
            raise RemoteError(
                T("{folder} leads out of the watched folder.", folder="/".join(folders)),
                retryable=False, kind=Problem.DENIED,
            )  # fmt: skip
        return target

    def _in_time(self, seconds: float, action: Callable[[], Found]) -> Found:
        """The outcome of `action`, given up after a while. It runs in a daemon, which keeps no program from ending."""
        answers: queue.SimpleQueue[Found | BaseException] = queue.SimpleQueue()

        def work() -> None:
            try:
                self._must_be_for_files()
                answers.put(action())
            except BaseException as error:  # noqa: BLE001 - handed over to who waits
                answers.put(error)

        threading.Thread(target=work, name="folder", daemon=True).start()
        try:
            found = answers.get(timeout=self._limit or seconds)
        except queue.Empty as error:
            raise RemoteError(
                T("The folder {folder} does not answer.", folder=str(self._path)),
                retryable=True,
                remedy=T("Is the server of the share there? A mount that hangs may have to be made again."),
                kind="no_answer",
            ) from error
        if isinstance(found, OSError):
            raise self._fault(found) from found
        if isinstance(found, BaseException):
            raise found
        return found

    def _must_be_for_files(self) -> None:
        """Raise SettingsError for a folder that is kept out, by whatever links it is called."""
        real = self._path.resolve()
        hidden = any(part.startswith(".") for part in real.parts)
        if hidden or any(_overlap(real, one.resolve()) for one in self._kept_out):
            raise SettingsError(
                T("{folder} is no folder for exports.", folder=str(self._path)),
                remedy=T("Make a folder of its own for them, such as /srv/exports."),
                kind="folder",
            )

    def _fault(self, error: OSError) -> ContractBridgeError:
        detail = f"{type(error).__name__}: {error.strerror}"
        if isinstance(error, FileNotFoundError):
            return RemoteError(T("The file is gone."), retryable=False, detail=detail, kind=Problem.GONE)
        if isinstance(error, PermissionError) or error.errno in (1, 13, 30):
            return RemoteError(
                T("The folder {folder} does not allow this.", folder=str(self._path)),
                retryable=False,
                remedy=T("Give the account that ContractBridge runs under the right to it."),
                detail=detail,
                kind=Problem.DENIED,
            )
        return RemoteError(
            T("The folder {folder} cannot be used: {reason}.", folder=str(self._path), reason=error.strerror or "?"),
            retryable=True, detail=detail, kind="folder",
        )  # fmt: skip


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _plain(name: str) -> str:
    """A name in this folder, and nowhere else."""
    if name in ("", ".", "..") or any(sign in name for sign in "/\\\0"):
        raise RemoteError(T("{name} is not the name of a file.", name=name), retryable=False, kind=Problem.DENIED)
    return name


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A descriptor of a real file: no link is followed, and no pipe is waited for."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(path)
        yield descriptor
    finally:
        os.close(descriptor)
