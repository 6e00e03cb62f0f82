"""The machine: room on its disks, what kind of disk the database is on, time zones, and the key file."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from core.domain.text import T
from core.secrets import KEY_FILE, file_is_open_to_others
from core.services.autotask_settings import zone_name
from core.services.examining.check import OK, TODO, WRONG, Check
from core.store import sealing
from core.store import secrets as secret_store
from core.store.db import Database
from core.store.trouble import Kind
from core.store.trouble import look as look_for_trouble

if TYPE_CHECKING:
    from core.services.context import Context

MEGABYTE = 1_000_000
LEAST_SPACE, LITTLE_SPACE = 500 * MEGABYTE, 10_000 * MEGABYTE
LITTLE_SHARE = 0.1
NETWORK = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "afs",
    "ceph",
    "gluster",
    "fuse.sshfs",
    "fuse.s3fs",
    "fuse.rclone",
    "lustre",
    "glusterfs",
)
MOUNTS = Path("/proc/self/mountinfo")


def look(ctx: Context) -> Iterator[Check]:
    """Each disk once, with everything of ours that is on it."""
    yield from _disks(ctx)
    yield from _rights(ctx)
    yield from _drive(ctx.database)
    yield from _zones(ctx)


def look_at_secrets(ctx: Context) -> Iterator[Check]:
    """Whether the key opens everything, how old it is, and who else may read it."""
    with ctx.database.session() as session:
        kept = secret_store.everything(session, ctx.secrets)
        known = sealing.state(session)
        others = secret_store.sealed_otherwise(session, ctx.secrets.key_id)
    closed = sorted({one.owner for one in kept if one.value is None})
    if closed:
        yield Check(
            "Secrets",
            WRONG,
            T("The key does not open {count} stored secrets ({owners}).", count=len(closed), owners=tuple(closed[:5])),
            T("Start with the key it was stored with (CONTRACTBRIDGE_SECRET_KEY or secret.key), or enter it again."),
            "key.does_not_open",
        )
    elif others:
        yield Check(
            "Secrets",
            TODO,
            T("{count} secrets are still sealed with an older key.", count=others),
            T("Use `rotate-key`: it seals them again."),
            "key.older",
        )
    else:
        yield Check("Secrets", OK, T("The key opens all {count} stored secrets.", count=len(kept)), code="key.opens")
    if known.since and not closed:
        days = (ctx.clock.now() - known.since).days
        yield Check(
            "Secrets", OK, T("The key {key} is in use for {days} days.", key=known.key_id, days=days), code="key.age"
        )
    if file_is_open_to_others(ctx.home):
        yield Check(
            "Secrets",
            WRONG,
            T("Others on this machine may read {path}.", path=str(ctx.home / KEY_FILE)),
            T("Use `chmod 600` on it, and `rotate-key` if somebody may have read it."),
            "key.open_to_others",
        )


def _disks(ctx: Context) -> Iterator[Check]:
    places = {"Data directory": ctx.home, "Temporary files": Path(tempfile.gettempdir())}
    file = ctx.database.engine.url.database if ctx.database.is_sqlite else None
    if file and Path(file).resolve().parent != ctx.home.resolve():
        places["Database"] = Path(file).resolve().parent
    for name, place in places.items():
        yield _disk(ctx.database, name, place)


def _rights(ctx: Context) -> Iterator[Check]:
    """Folders of earlier versions were made as open as the system's usual rights are."""
    file = ctx.database.engine.url.database if ctx.database.is_sqlite else None
    if os.name != "posix" or not file or not Path(file).exists():
        return
    path = Path(file).resolve()
    if path.stat().st_mode & stat.S_IROTH and path.parent.stat().st_mode & stat.S_IXOTH:
        yield Check(
            "Data directory",
            TODO,
            T("Others on this machine may read {path}.", path=str(path)),
            T("Use `chmod 700` on its folder: names and amounts of all customers are in it."),
            "data.open_to_others",
        )


def _disk(database: Database, name: str, place: Path) -> Check:
    trouble = look_for_trouble(database, place)
    if trouble is not None and trouble.kind != Kind.FULL:
        return Check(
            name,
            WRONG,
            T("{path} cannot be written to.", path=str(place)),
            T("Give it to the user that ContractBridge runs as, and see whether the disk is mounted read-only."),
            "disk.read_only",
        )
    usage = shutil.disk_usage(place)
    share = usage.free / max(usage.total, 1)
    values = {"path": str(place), "free": usage.free // MEGABYTE, "percent": round(share * 100)}
    remedy = T("Make room, or move it to a larger disk: a full one stops every sync.")
    if trouble is not None or usage.free < LEAST_SPACE:
        return Check(name, WRONG, T("Only {free} MB ({percent} %) are free in {path}.", **values), remedy, "disk.full")
    if share < LITTLE_SHARE and usage.free < LITTLE_SPACE:
        return Check(name, TODO, T("Only {free} MB ({percent} %) are free in {path}.", **values), remedy, "disk.low")
    return Check(name, OK, T("{path}: {free} MB ({percent} %) free.", **values), code="disk.room")


def _drive(database: Database) -> Iterator[Check]:
    file = database.engine.url.database if database.is_sqlite else None
    kind = kind_of_drive(Path(file).resolve(), _mounts()) if file else ""
    if kind.startswith(NETWORK):
        yield Check(
            "Database",
            WRONG,
            T("SQLite is on a network drive ({kind}): its locks are not reliable there.", kind=kind),
            T("Move the data directory to a local disk, or use PostgreSQL."),
            "database.network_drive",
        )


def _mounts() -> str:
    try:
        return MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def kind_of_drive(place: Path, mounts: str) -> str:
    """The kind of file system that a path is on, from the text of `/proc/self/mountinfo`; empty where that tells nothing."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        fields, told = left.split(), right.split()
        if len(fields) < 5 or not told:
            continue
        point = Path(fields[4].replace("\\040", " "))
        if (place == point or point in place.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), told[0]
    return kind


def _zones(ctx: Context) -> Iterator[Check]:
    with ctx.database.session() as session:
        name = zone_name(session)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield Check(
            "Time zone",
            WRONG,
            T("There is no data about the time zone {name}: effective dates cannot be told.", name=name),
            T("Install the package tzdata."),
            "time_zone.no_data",
        )
    else:
        count = len(available_timezones())
        yield Check(
            "Time zone", OK, T("{name}, one of {count} that are known.", name=name, count=count), code="time_zone.known"
        )
