"""Back-ups while everything goes on, restoring them, and moving to another database."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import structlog
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from core.domain.errors import ContractBridgeError, InputError, SettingsError
from core.domain.text import T
from core.services.access import Actor, Role, require
from core.services.audited import note
from core.services.context import Context
from core.services.owners import is_dead
from core.services.upload_files import FOLDER
from core.store import audit, copying, ledger, migrate, runs, sessions
from core.store.audit import Audited
from core.store.db import Database
from core.store.vitals import engines

log = structlog.get_logger()

DATABASE, MANIFEST = "contractbridge.db", "manifest.json"
OWN = "contractbridge-"
OWN_NAME = re.compile(r"contractbridge-\d{4}-\d\d-\d\dT\d{6}Z\.zip")
"""What `make_into` calls its files; in the order of their names they are in the order of time."""
UNPACKED = "contractbridge-making-"
LEFT_OVER = re.compile(r".+\.zip\.\d+\.part")
LEFT_SECONDS = 24 * 3600.0
"""What a back-up works with is left over after so long."""
FORMAT = 1
PART = 1024 * 1024
LARGEST_MANIFEST = 64 * PART
MOST_TIMES = 500
"""A back-up that unpacks to so many times its size is none: a database is never packed that well."""
RESERVE = 200 * PART
"""So much of the disk stays free while one is unpacked."""


@dataclass(frozen=True, slots=True)
class BackUp:
    """What is in a back-up: rows by table, uploaded files, and where ledger and audit ended."""

    made_at: datetime
    revision: str
    rows: Mapping[str, int]
    files: int
    size: int = 0

    @property
    def total(self) -> int:
        """Rows of all tables."""
        return sum(self.rows.values())


def make(ctx: Context, actor: Actor, file: Path) -> BackUp:
    """Write a back-up of the database and the uploaded files, while everything goes on. For administrators.

    The key of the stored credentials is not in it: keep it apart. The file appears whole or not at all. Raises InputError when it
    cannot be written or is there already.
    """
    require(actor, Role.ADMIN)
    if file.exists():
        raise InputError(T("There is already a file of that name."), place=str(file), kind="usage")
    try:
        return _make(ctx, actor, file)
    except Exception as error:
        _note_failure(ctx, actor, file, error)
        raise


def make_into(ctx: Context, actor: Actor, folder: Path, keep: int) -> tuple[Path, BackUp, int]:
    """Write a back-up with the time in its name into a folder, and let go of all but the `keep` newest of those that were made so.
    Gives the file, what is in it, and how many were let go. For administrators.

    Nothing is let go before the new one is whole. Other files of the folder are left alone. The folder must be there: a disk
    that is not mounted is no place for a back-up.
    """
    require(actor, Role.ADMIN)
    file = folder / f"{OWN}{ctx.clock.now():%Y-%m-%dT%H%M%SZ}.zip"
    made = make(ctx, actor, file)
    kept = sorted((one for one in folder.iterdir() if OWN_NAME.fullmatch(one.name) and one.is_file()), reverse=True)
    gone = [one for one in kept[max(keep, 1) :] if one != file]
    try:
        for one in gone:
            one.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or "?"
        raise InputError(
            T("An older back-up cannot be removed: {reason}.", reason=reason), place=str(folder)
        ) from error
    return file, made, len(gone)


def _make(ctx: Context, actor: Actor, file: Path) -> BackUp:
    now = ctx.clock.now()
    draft = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        _clear_away(file.parent)
        with tempfile.TemporaryDirectory(prefix=UNPACKED, dir=file.resolve().parent) as folder:
            kept = _write(ctx, draft, Path(folder), now)
        # Before the file is there: nobody takes everything along without a trace.
        ctx.database.run(lambda session: note(ctx, session, actor, "backup.made", file.name))
        draft.replace(file)
    except OSError as error:
        raise InputError(
            T("The back-up cannot be written: {reason}.", reason=error.strerror or "?"), place=str(file.parent)
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return kept


def _clear_away(folder: Path) -> None:
    """What was left by back-ups that were killed: each is as large as the database."""
    for one in folder.iterdir():
        ours = one.name.startswith(UNPACKED) or LEFT_OVER.fullmatch(one.name)
        if not ours or one.is_symlink() or time.time() - one.stat().st_mtime < LEFT_SECONDS:
            continue
        if one.is_dir():
            shutil.rmtree(one, ignore_errors=True)
        else:
            one.unlink(missing_ok=True)


def _note_failure(ctx: Context, actor: Actor, file: Path, error: Exception) -> None:
    """For the doctor and the alerts. Where the database does not answer either, the command's own end has to tell."""
    reason = str(error.message) if isinstance(error, ContractBridgeError) else type(error).__name__
    try:
        ctx.database.run(
            lambda session: note(ctx, session, actor, "backup.failed", file.name, after={"reason": reason})
        )
    except SQLAlchemyError as trouble:
        log.warning("backup.failure_not_noted", error=type(trouble).__name__)


def _write(ctx: Context, draft: Path, folder: Path, now: datetime) -> BackUp:
    path = folder / DATABASE
    rows = _copied_to_sqlite(ctx.database, path)
    uploads = sorted(one for one in (ctx.home / FOLDER).rglob("*") if one.is_file() and not one.name.endswith(".part"))
    names = {f"{FOLDER}/{one.relative_to(ctx.home / FOLDER).as_posix()}": one for one in uploads}
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        digests = {name: _add(archive, name, one) for name, one in {DATABASE: path, **names}.items()}
        manifest = {
            "format": FORMAT,
            "made_at": now.isoformat(),
            "revision": migrate.head(),
            "rows": rows,
            "sha256": digests,
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
    return BackUp(now, migrate.head(), rows, len(names), draft.stat().st_size)


def _copied_to_sqlite(source: Database, path: Path) -> dict[str, int]:
    url = f"sqlite:///{path.as_posix()}"
    migrate.upgrade(url)
    with _opened(url) as copy:
        return copying.copy_all(source, copy)


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as source, archive.open(name, "w", force_zip64=True) as target:
        while part := source.read(PART):
            digest.update(part)
            target.write(part)
    return digest.hexdigest()


def restore(actor: Actor, file: Path, url: str, home: Path, now: datetime, *, replace: bool = False) -> BackUp:
    """Put a back-up into the database at `url` and its uploaded files into `home`.

    An older version's back-up is brought to this version on the way. The database must be empty; with `replace` a SQLite file that
    is there is set aside first (`…-before-…`). Everybody signs in again. For administrators.

    Raises InputError for a file that is no whole back-up, SettingsError for a database that is not empty, in use, or older than the
    back-up. Nothing is changed then.
    """
    require(actor, Role.ADMIN)
    with tempfile.TemporaryDirectory(prefix="contractbridge-", dir=home) as name:
        folder = Path(name)
        manifest = _unpacked(file, folder)
        found = f"sqlite:///{(folder / DATABASE).as_posix()}"
        migrate.upgrade(found)
        aside = _set_aside(url, now) if replace else None
        try:
            migrate.upgrade(url)
            with _opened(found) as source, _opened(url) as target:
                _require_unused(target, now)
                rows = copying.copy_all(source, target)
                _check_chains(target)
                # Who signed out, or was signed out, since the back-up was made must not be signed in again by restoring it.
                target.run(sessions.close_sessions)
                _note(target, now, actor, "backup.restored", file.name)
        except BaseException:
            _put_back(url, aside)
            raise
        files = _put_uploads(folder / FOLDER, home / FOLDER)
    return BackUp(datetime.fromisoformat(str(manifest["made_at"])), str(manifest["revision"]), rows, files)


def move(actor: Actor, source_url: str, target_url: str, now: datetime) -> dict[str, int]:
    """Copy everything into another, empty database, row by row compared; the source stays as it is.

    Raises SettingsError when the target is not empty, or either is in use. For administrators.
    """
    require(actor, Role.ADMIN)
    migrate.upgrade(source_url)
    migrate.upgrade(target_url)
    with _opened(source_url) as source, _opened(target_url) as target:
        _require_idle(source, now)
        _require_unused(target, now)
        rows = copying.copy_all(source, target)
        _check_chains(target)
        _note(target, now, actor, "database.moved", target.engine.url.render_as_string(hide_password=True))
    return rows


def _note(database: Database, now: datetime, actor: Actor, event: str, subject: str) -> None:
    entry = Audited(actor=actor.name, event=event, subject=subject)
    database.run(lambda session: audit.append(session, now, [entry]))


@contextmanager
def _opened(url: str) -> Iterator[Database]:
    database = Database(url, pool_size=2)
    try:
        yield database
    finally:
        database.dispose()


def _require_idle(database: Database, now: datetime) -> None:
    with database.session() as session:
        # A command (`sync`, `apply`) carries its run out itself, beside whatever engine there is.
        going = [one.lease_owner for one in runs.unfinished(session) if one.lease_until and one.lease_until >= now]
        holder = next((owner for owner in (*engines(session, now), *going) if not is_dead(owner)), "")
    if holder:
        raise SettingsError(
            T("ContractBridge still works on this database ({holder}).", holder=holder),
            remedy=T("Stop it, wait a minute, and try again: what it writes meanwhile would be lost."),
            place=database.engine.url.render_as_string(hide_password=True),
            kind="in_use",
        )


def _require_unused(database: Database, now: datetime) -> None:
    _require_idle(database, now)
    if not copying.is_empty(database):
        raise SettingsError(
            T("This database is not empty; nothing was changed."),
            remedy=T("Give the address of an empty one, or restore with --replace (SQLite)."),
            place=database.engine.url.render_as_string(hide_password=True),
            kind="not_empty",
        )


def _check_chains(database: Database) -> None:
    with database.session() as session:
        for chain in (ledger.verify(session), audit.verify(session)):
            if not chain.ok:
                raise SettingsError(
                    T("The chain of the copy is broken at entry {entry}.", entry=chain.broken_at or 0),
                    remedy=T("Use another back-up; this one was changed."),
                    kind="broken_chain",
                )


def _unpacked(file: Path, folder: Path) -> dict[str, object]:
    """Unpack a back-up into `folder`, every part compared with the digest it was made with."""
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = _manifest(archive)
            digests = {str(name): str(digest) for name, digest in manifest["sha256"].items()}
            if manifest["format"] != FORMAT or DATABASE not in digests:
                raise KeyError("format")
            _require_room(file, sum(archive.getinfo(name).file_size for name in digests), folder)
            for name, digest in digests.items():
                if _extracted(archive, name, folder) != digest:
                    raise _no_backup(file, f"{name} was changed")
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError) as error:
        raise _no_backup(file, repr(error)) from error
    return dict(manifest)


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    if archive.getinfo(MANIFEST).file_size > LARGEST_MANIFEST:
        raise ValueError("the manifest is too large")
    manifest = json.loads(archive.read(MANIFEST))
    return dict(manifest)


def _require_room(file: Path, size: int, folder: Path) -> None:
    """No more than the parts say they have is unpacked (the library sees to that), and that must be likely and fit."""
    if size > MOST_TIMES * max(file.stat().st_size, PART):
        raise ValueError(f"it would unpack to {size} bytes")
    if size > shutil.disk_usage(folder).free - RESERVE:
        raise InputError(
            T("There is no room to unpack this back-up: it needs {size} MB.", size=size // PART + 1),
            place=str(folder.parent),
            remedy=T("Make room on the disk of the data directory, and try again. Nothing was changed."),
            kind="no_room",
        )


def _extracted(archive: zipfile.ZipFile, name: str, folder: Path) -> str:
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or "\\" in name or (name != DATABASE and place.parts[0] != FOLDER):
        raise ValueError(f"a name that leads elsewhere: {name!r}")
    path = folder.joinpath(*place.parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with archive.open(name) as source, path.open("wb") as target:
        while part := source.read(PART):
            digest.update(part)
            target.write(part)
    return digest.hexdigest()


def _no_backup(file: Path, detail: str) -> InputError:
    return InputError(
        T("This is not a whole back-up of ContractBridge; nothing was changed."),
        place=str(file),
        remedy=T("Use a file that the command backup made, as it was made."),
        detail=detail,
        kind="no_backup",
    )


SIDES = ("", "-wal", "-shm")


def _sqlite_file(url: str) -> Path | None:
    address = make_url(url)
    return Path(address.database) if address.get_backend_name() == "sqlite" and address.database else None


def _set_aside(url: str, now: datetime) -> Path | None:
    """Rename the SQLite file at `url`; gives its new name, None where there is none."""
    path = _sqlite_file(url)
    if path is None or not path.exists():
        return None
    with _opened(url) as old:
        _require_idle(old, now)
    aside = path.with_name(f"{path.stem}-before-{now:%Y%m%dT%H%M%SZ}{path.suffix}")
    for side in SIDES:
        if (beside := path.with_name(path.name + side)).exists():
            beside.rename(aside.with_name(aside.name + side))
    return aside


def _put_back(url: str, aside: Path | None) -> None:
    path = _sqlite_file(url)
    if aside is None or path is None:
        return
    for side in SIDES:
        path.with_name(path.name + side).unlink(missing_ok=True)
        if (beside := aside.with_name(aside.name + side)).exists():
            beside.rename(path.with_name(path.name + side))


def _put_uploads(found: Path, kept: Path) -> int:
    files = [one for one in found.rglob("*") if one.is_file()]
    for one in files:
        target = kept / one.relative_to(found)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(one, target)
    return len(files)
