"""Files that wait to be picked up: which count, which are whole, which come first, and what they are called afterwards.

The rules are the same for a local folder, an SFTP server and a SharePoint library (alerts and delivery C2, D2). Connectors
only list, fetch and move.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol, runtime_checkable

from core.domain.finding import Finding, FindingKind
from core.domain.pickup_settings import Afterwards, PickupSettings, Take
from core.domain.ports import Source
from core.domain.text import T, Text

UNFINISHED = (".part", ".tmp", ".filepart", ".partial", ".crdownload", ".uploading", ".lock")
"""Endings under which programs write a file before they rename it."""
MARKERS = (".done", ".ok")
MANIFEST = "manifest.json"
"""Says of which files a run of an export is made; it is written last."""
TWO_LOOKS = timedelta(seconds=60)
"""A file with the same size and time in two listings this far apart is whole."""
EMPTY_FOR = timedelta(hours=1)
"""So long a file without content may still be filled."""
MEGABYTE = 1024 * 1024
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Problem(StrEnum):
    """Kinds of RemoteError by which a place says what stands in the way."""

    GONE = "file_gone"
    DENIED = "denied"
    EXISTS = "exists"
    LOCKED = "locked"
    CHANGED = "changed"
    HOST_KEY = "host_key"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """One entry of a listing. `id` is how the place addresses it, `tag` what changes with its content where the place tells it.

    `regular` is False for folders, links and devices. `modified` is a UTC instant.
    """

    id: str
    name: str
    size: int
    modified: datetime | None = None
    tag: str = ""
    regular: bool = True

    @property
    def version(self) -> tuple[str, int, datetime | None, str]:
        """Stays the same as long as nobody touches the file."""
        return (self.id, self.size, self.modified, self.tag)

    @property
    def folder(self) -> str:
        """The folder below the watched one that it lies in, where those are looked into; else empty."""
        return self.id.rpartition("/")[0]

    @property
    def order(self) -> tuple[datetime, str]:
        return (self.modified or LONG_AGO, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What is in the folder. Where only changes are told (`whole` is False), `gone` names what left it.

    `cursor` is where the next listing goes on; it is kept once everything of this one was dealt with.
    """

    files: tuple[RemoteFile, ...]
    whole: bool = True
    gone: frozenset[str] = frozenset()
    cursor: str = ""
    notes: tuple[Text, ...] = ()


def fingerprint(blob: bytes) -> str:
    """Of a host key, as OpenSSH shows it: `SHA256:` and the digest in base64, without padding."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


class FilePlace(Protocol):
    """A folder somewhere. Every method raises RemoteError (`Problem` kinds where one fits) or SettingsError."""

    @property
    def settles_after(self) -> timedelta:
        """A file that was not touched for so long is whole."""
        ...

    def listing(self, cursor: str = "") -> Listing:
        """What is in the folder, folders and links too."""
        ...

    def look(self, file: RemoteFile) -> RemoteFile | None:
        """The file as it is now; None when it is gone."""
        ...

    def fetch(self, file: RemoteFile, into: Path) -> None:
        """Write its content to `into`, never more than `file.size` plus a little."""
        ...

    def move(self, file: RemoteFile, folders: Sequence[str], name: str) -> None:
        """To these folders below the place, which are made as needed. Never over another file (`exists`)."""
        ...

    def write(self, folders: Sequence[str], name: str, content: bytes) -> None:
        """Put a small new file there."""
        ...

    def delete(self, file: RemoteFile) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class HostKey:
    """What a server identifies itself with. `line` is as in known_hosts without the name: type, space, base64."""

    line: str
    fingerprint: str

    @property
    def type(self) -> str:
        return self.line.partition(" ")[0]


@runtime_checkable
class PickupSource(Source, Protocol):
    """A source whose readings are files in a place."""

    @property
    def settings(self) -> PickupSettings: ...

    def place(self) -> FilePlace:
        """Opened, to be closed by who asked."""
        ...


@runtime_checkable
class ShowsHostKey(Protocol):
    """A source whose server must be trusted by its key first."""

    def host_key(self) -> HostKey:
        """The key the server shows, before anything is sent to it."""
        ...


class Result(StrEnum):
    """What became of a file."""

    IMPORTED = "imported"
    NEEDS_REVIEW = "needs_review"
    ALREADY = "already"
    """The same bytes came before, under whatever name."""
    SUPERSEDED = "superseded"
    """A newer file was there."""
    REJECTED = "rejected"
    EMPTY = "empty"
    TOO_LARGE = "too_large"

    @property
    def is_error(self) -> bool:
        return self in (Result.REJECTED, Result.EMPTY, Result.TOO_LARGE)


class Archived(StrEnum):
    """Whether a file was put away afterwards."""

    NO = "no"
    """It stays where it is."""
    PENDING = "pending"
    DONE = "done"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Known:
    """The last that was made of a file. `stamp` stands for the settings it was read with."""

    file: RemoteFile
    result: Result
    stamp: str

    def settles(self, file: RemoteFile, stamp: str) -> bool:
        """Whether nothing is to be done with the file again: other settings may read what was rejected."""
        if self.file.version != file.version:
            return False
        return not self.result.is_error or self.stamp == stamp


@dataclass(frozen=True, slots=True)
class Sighting:
    """A file that is not dealt with yet: since when it is there, and since when it is as it is."""

    file: RemoteFile
    first: datetime
    since: datetime


@dataclass(frozen=True, slots=True)
class Poll:
    """What one look at the folder comes to. `ready` in the order in which it is to be read; `older` is what they supersede."""

    ready: tuple[RemoteFile, ...] = ()
    older: tuple[RemoteFile, ...] = ()
    broken: tuple[tuple[RemoteFile, Result], ...] = ()
    waiting: Mapping[str, Sighting] | None = None


def is_ignored(file: RemoteFile, rules: PickupSettings) -> bool:
    """Folders, links, hidden and unfinished files, names that lead elsewhere, markers, and what the pattern does not want."""
    name = file.name
    if not file.regular or name.startswith((".", "~$")) or ".." in name or any(sign in name for sign in "/\\\0"):
        return True
    low = name.casefold()
    if low.endswith(UNFINISHED) or (rules.wait_for_marker and low.endswith(MARKERS)):
        return True
    if rules.brings_billing and low == MANIFEST:
        return False
    return not fnmatchcase(low, rules.pattern.casefold().replace("[", "[[]"))


def judge(
    listing: Listing,
    before: Mapping[str, Sighting],
    known: Mapping[str, Known],
    rules: PickupSettings,
    *,
    stamp: str,
    now: datetime,
    settles_after: timedelta,
    newest_read: datetime | None = None,
) -> Poll:
    """Which files are to be read now, which wait, and which never will be whole.

    `newest_read` is the time of the newest file that was read so far.
    """
    seen = {file.id: file for file in listing.files}
    if not listing.whole:
        seen = {key: one.file for key, one in before.items() if key not in listing.gone} | seen
    names = {file.name.casefold() for file in seen.values()}
    ready: list[RemoteFile] = []
    broken: list[tuple[RemoteFile, Result]] = []
    waiting: dict[str, Sighting] = {}
    for file in sorted(seen.values(), key=lambda one: one.order):
        last = known.get(file.id)
        if is_ignored(file, rules) or (last is not None and last.settles(file, stamp)):
            continue
        sighting = _sighting(file, before.get(file.id), now)
        waiting[file.id] = sighting
        if file.size == 0:
            if now - sighting.first >= EMPTY_FOR:
                broken.append((file, Result.EMPTY))
        elif file.size > rules.max_megabytes * MEGABYTE:
            broken.append((file, Result.TOO_LARGE))
        elif _is_whole(sighting, now, settles_after, rules, names):
            ready.append(file)
    if rules.take is Take.ALL or rules.brings_billing:
        return Poll(tuple(ready), (), tuple(broken), waiting)
    late = [one for one in ready if newest_read and one.order[0] < newest_read and one.id not in known]
    fresh = [one for one in ready if one not in late]
    return Poll(tuple(fresh[-1:]), (*late, *fresh[:-1]), tuple(broken), waiting)


def _sighting(file: RemoteFile, before: Sighting | None, now: datetime) -> Sighting:
    if before is None:
        return Sighting(file, now, now)
    if before.file.version != file.version:
        return Sighting(file, before.first, now)
    return replace(before, file=file)


def _is_whole(
    sighting: Sighting, now: datetime, settles_after: timedelta, rules: PickupSettings, names: Collection[str]
) -> bool:
    file = sighting.file
    if rules.wait_for_marker:
        return any(file.name.casefold() + ending in names for ending in MARKERS)
    if now - sighting.since >= TWO_LOOKS:
        return True
    return file.modified is not None and now - file.modified >= settles_after


def markers_of(file: RemoteFile, listing: Listing) -> list[RemoteFile]:
    """The markers that say that a file is whole."""
    wanted = {file.name.casefold() + ending for ending in MARKERS}
    return [one for one in listing.files if one.regular and one.name.casefold() in wanted]


def archive_folders(rules: PickupSettings, result: Result, day: date) -> tuple[str, ...]:
    """Where a file goes afterwards: a folder for each month, or the one for errors."""
    if result.is_error:
        return rules.error_parts
    return (*rules.processed_parts, f"{day.year:04}", f"{day.month:02}")


def other_name(name: str, now: datetime) -> str:
    """For an archive that has the name already: `usage_20261103T020000Z.csv`."""
    path = Path(name)
    return f"{path.stem}_{now.astimezone(UTC):%Y%m%dT%H%M%SZ}{path.suffix}"


def archived_at_first(rules: PickupSettings) -> Archived:
    """What is to be done with a file once it is read."""
    return Archived.NO if rules.afterwards is Afterwards.KEEP else Archived.PENDING


def overdue(portal: str, since: datetime, days: int, now: datetime) -> Finding | None:
    """A file that should have come: none since that instant, for longer than so many days."""
    if now - since <= timedelta(days=days):
        return None
    return Finding(
        kind=FindingKind.MISSING_FILE,
        key=f"missing_file|{portal}",
        portal=portal,
        subject=portal,
        message=T(
            "No file has come for {portal} since {moment}, for longer than {days} days.",
            portal=portal, moment=since, days=days,
        ),
        remedy=T("Look whether whoever delivers it still does, and whether its name still fits the pattern."),
    )  # fmt: skip
