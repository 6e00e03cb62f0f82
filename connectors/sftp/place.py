"""A folder on an SFTP server: one connection for one look at it (C2)."""

from __future__ import annotations

import errno
import posixpath
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import paramiko

from connectors._kit.retry import Backoff, retrying
from connectors.sftp.session import IDLE, Login, lost, sign_in
from core.domain.errors import RemoteError
from core.domain.pickup import Listing, Problem, RemoteFile
from core.domain.text import T

Found = TypeVar("Found")

CHUNK = 256 * 1024
SHOWN_FOLDERS = 10
DEEPEST = 6
"""So many folders below the watched one are looked into: an export, a month, a run, and some to spare."""


class SftpFolder:
    """One folder. The connection is made when it is first needed, and once more when it was lost. `below`: folders in it are
    looked into as well, but for those named `skipped`; then the id of a file is its path below the folder.
    """

    settles_after = timedelta(minutes=5)

    def __init__(
        self,
        login: Login,
        folder: str,
        *,
        backoff: Backoff = Backoff(attempts=3, first=1.0, longest=10.0),
        below: bool = False,
        skipped: Sequence[str] = (),
    ) -> None:
        self._login = login
        self._folder = folder.rstrip("/") or "/"
        self._backoff = backoff
        self._below_too = below
        self._skipped = frozenset(name.casefold() for name in skipped)
        self._transport: paramiko.Transport | None = None
        self._client: paramiko.SFTPClient | None = None

    def listing(self, cursor: str = "") -> Listing:
        return Listing(files=tuple(self._ask(self._list)))

    def look(self, file: RemoteFile) -> RemoteFile | None:
        def work(client: paramiko.SFTPClient) -> RemoteFile | None:
            try:
                return _file(file.id, client.lstat(self._path(*self._parts(file))))
            except FileNotFoundError:
                return None

        return self._ask(work)

    def fetch(self, file: RemoteFile, into: Path) -> None:
        self._ask(lambda client: self._copy(client, file, into))

    def move(self, file: RemoteFile, folders: Sequence[str], name: str) -> None:
        target = self._path(*folders, name)

        def work(client: paramiko.SFTPClient) -> None:
            self._make(client, folders)
            if _is_there(client, target):
                raise RemoteError(T("{file} is there already.", file=name), retryable=False, kind=Problem.EXISTS)
            self._rename(client, self._path(*self._parts(file)), target)

        self._ask(work, again=False)

    def write(self, folders: Sequence[str], name: str, content: bytes) -> None:
        def work(client: paramiko.SFTPClient) -> None:
            with client.open(self._path(*folders, name), "wx") as target:
                target.write(content)

        self._ask(work, again=False)

    def delete(self, file: RemoteFile) -> None:
        self._ask(lambda client: client.remove(self._path(*self._parts(file))), again=False)

    def close(self) -> None:
        """End the connection."""
        transport, self._transport, self._client = self._transport, None, None
        if transport is not None:
            transport.close()

    def _list(self, client: paramiko.SFTPClient) -> list[RemoteFile]:
        try:
            return list(self._entries(client, (), 0))
        except FileNotFoundError as error:
            raise RemoteError(
                T("There is no folder {folder} on {name}.", folder=self._folder, name=self._login.host),
                retryable=False,
                remedy=T("The account sees: {folders}.", folders=_folders(client) or ("-",)),
                kind="folder",
            ) from error

    def _entries(self, client: paramiko.SFTPClient, folder: tuple[str, ...], depth: int) -> Iterator[RemoteFile]:
        """What is in a folder, and below it. Links are never followed."""
        inside: list[tuple[str, ...]] = []
        for entry in client.listdir_attr(posixpath.join(self._folder, *folder)):
            name = entry.filename
            if stat.S_ISDIR(entry.st_mode or 0) and self._goes_into(name, depth):
                inside.append((*folder, name))
            else:
                yield _file("/".join((*folder, name)), entry)
        for one in inside:
            yield from self._entries(client, one, depth + 1)

    def _goes_into(self, name: str, depth: int) -> bool:
        plain = not name.startswith(".") and not any(sign in name for sign in "/\\\0")
        return self._below_too and depth < DEEPEST and plain and name.casefold() not in self._skipped

    def _parts(self, file: RemoteFile) -> list[str]:
        return file.id.split("/") if self._below_too else [file.id]

    def _copy(self, client: paramiko.SFTPClient, file: RemoteFile, into: Path) -> None:
        """Never more than a byte too many: a file that grew shows by its size."""
        left = file.size + 1
        with client.open(self._path(*self._parts(file)), "rb") as source, into.open("wb") as target:
            _quiet(source)
            source.prefetch(file.size, max_concurrent_requests=64)
            while left > 0 and (part := source.read(min(CHUNK, left))):
                target.write(part)
                left -= len(part)

    def _make(self, client: paramiko.SFTPClient, folders: Sequence[str]) -> None:
        for depth in range(1, len(folders) + 1):
            path = self._path(*folders[:depth])
            if not _is_there(client, path):
                try:
                    client.mkdir(path, 0o750)
                except PermissionError:
                    raise
                except OSError:
                    # Somebody else may have made it in between; a folder that is really missing shows at the rename.
                    continue

    def _rename(self, client: paramiko.SFTPClient, source: str, target: str) -> None:
        try:
            client.posix_rename(source, target)
        except (FileNotFoundError, PermissionError):
            raise
        except OSError:
            # The server does not know the extension, or cannot: its plain rename never goes over another file.
            client.rename(source, target)

    def _path(self, *parts: str) -> str:
        for part in parts:
            if part in ("", ".", "..") or any(sign in part for sign in "/\\\0"):
                raise RemoteError(
                    T("{name} is not the name of a file.", name=part), retryable=False, kind=Problem.DENIED
                )
        return posixpath.join(self._folder, *parts)

    def _ask(self, action: Callable[[paramiko.SFTPClient], Found], *, again: bool = True) -> Found:
        """The outcome of `action`, on a new connection when the old one broke; what moves something is asked only once."""

        def attempt() -> Found:
            try:
                return action(self._connected())
            except RemoteError:
                raise
            except PermissionError as error:
                raise self._denied(error) from error
            except FileNotFoundError as error:
                raise RemoteError(T("The file is gone."), retryable=False, kind=Problem.GONE) from error
            except (paramiko.SSHException, EOFError, TimeoutError, ConnectionError) as error:
                self.close()
                raise lost(self._login, error) from error
            except OSError as error:
                raise self._fault(error) from error

        if not again:
            return attempt()
        return retrying(attempt, self._backoff)

    def _connected(self) -> paramiko.SFTPClient:
        if self._client is None or self._transport is None or not self._transport.is_active():
            self.close()
            self._transport = sign_in(self._login)
            client = paramiko.SFTPClient.from_transport(self._transport)
            channel = client.get_channel() if client is not None else None
            if client is None or channel is None:
                raise EOFError("no channel")
            channel.settimeout(IDLE)
            self._client = client
        return self._client

    def _denied(self, error: OSError) -> RemoteError:
        return RemoteError(
            T("{name} does not allow this in the folder {folder}.", name=self._login.host, folder=self._folder),
            retryable=False,
            remedy=T(
                "Give the account the right to read the files there, and to move them if they are to be archived."
            ),
            detail=str(error),
            kind=Problem.DENIED,
        )

    def _fault(self, error: OSError) -> RemoteError:
        if error.errno in (errno.ECONNRESET, errno.EPIPE, errno.ETIMEDOUT, errno.ECONNABORTED) or "closed" in str(
            error
        ):
            self.close()
            return lost(self._login, error)
        return RemoteError(
            T("{name} refuses: {reason}.", name=self._login.host, reason=self._login.mask(str(error)) or "?"),
            retryable=False, detail=self._login.mask(repr(error)), kind="failure",
        )  # fmt: skip


def _file(name: str, found: paramiko.SFTPAttributes) -> RemoteFile:
    return RemoteFile(
        id=name,
        name=name.rpartition("/")[2],
        size=found.st_size or 0,
        modified=None if found.st_mtime is None else datetime.fromtimestamp(found.st_mtime, UTC),
        regular=found.st_mode is None or stat.S_ISREG(found.st_mode),
    )


def _quiet(source: paramiko.SFTPFile) -> None:
    """paramiko asks ahead in a thread, which prints a trace when the connection breaks; the reader is told of it anyway."""
    ahead = source._prefetch_thread  # type: ignore[attr-defined]

    def work(*arguments: Any) -> None:
        with suppress(OSError, EOFError, paramiko.SSHException):
            ahead(*arguments)

    source._prefetch_thread = work  # type: ignore[attr-defined]


def _is_there(client: paramiko.SFTPClient, path: str) -> bool:
    try:
        client.lstat(path)
    except FileNotFoundError:
        return False
    return True


def _folders(client: paramiko.SFTPClient) -> tuple[str, ...]:
    """Folders the account can see where it begins."""
    try:
        entries = client.listdir_attr(".")
    except OSError:
        return ()
    names = sorted(one.filename for one in entries if one.st_mode is not None and stat.S_ISDIR(one.st_mode))
    return tuple(names[:SHOWN_FOLDERS])
