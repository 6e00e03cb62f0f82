"""Picking files up: the same for every place, and through the same door as an upload.

What was dealt with is on a ledger before the file is moved. A process that dies in between finds the file on the ledger the
next time, and only moves it.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.orm import Session

from core.domain.errors import ContractBridgeError, InputError, RemoteError
from core.domain.pickup import (
    MEGABYTE,
    FilePlace,
    Listing,
    PickupSource,
    Poll,
    Problem,
    RemoteFile,
    Result,
    Sighting,
    archived_at_first,
    judge,
    markers_of,
)
from core.domain.text import T, Text
from core.files.limits import Limits
from core.services.access import SYSTEM
from core.services.owners import new_owner
from core.services.pickup_archive import Archive
from core.services.pickup_billing import take_runs
from core.services.pickup_peek import settings_stamp
from core.services.receiving import COUNTED_AS_EARLIER, NEEDS_REVIEW, UploadRow, receive
from core.services.running import take
from core.store import files, history, leases
from core.store import pickups as store
from core.store.pickups import PickedFile, Place

if TYPE_CHECKING:
    from core.services.context import Context
    from core.store.portals import Portal

__all__ = ["PickedUp", "pick_up"]

log = structlog.get_logger()

GOOD = (Result.IMPORTED, Result.NEEDS_REVIEW)


@dataclass(slots=True, kw_only=True)
class PickedUp:
    """What one look at a folder came to. `error`: the place could not be reached, or not to the end."""

    files: list[PickedFile] = field(default_factory=list)
    notes: list[Text] = field(default_factory=list)
    waiting: int = 0
    unmapped: bool = False
    error: ContractBridgeError | None = None

    @property
    def first_problem(self) -> Text | None:
        """Why the first of the files that could not be used was not."""
        return next((_unusable(one.result, one.file, one.reason) for one in self.files if one.result.is_error), None)

    def words(self, portal: str) -> Iterator[tuple[Text, bool]]:
        """Sentences for the run's log, and whether something is wrong."""
        if self.unmapped:
            yield T("{portal}: which columns to read was not chosen yet; nothing is picked up.", portal=portal), True
        for one in self.files:
            yield _told(portal, one), one.result.is_error or one.result is Result.NEEDS_REVIEW
        for note in self.notes:
            yield T("{portal}: {note}", portal=portal, note=note), True
        if not (self.files or self.unmapped or self.error):
            yield T("{portal}: no new file.", portal=portal), False


def _unusable(result: Result, file: RemoteFile, reason: Text | None) -> Text:
    """What the importer says names the file already."""
    if result is Result.REJECTED and reason is not None:
        return reason
    return T("{file} cannot be used: {reason}", file=file.name, reason=reason or "?")


def _told(portal: str, one: PickedFile) -> Text:
    name = one.file.name
    match one.result:
        case Result.IMPORTED:
            return T("{portal}: {file} picked up, {lines} lines.", portal=portal, file=name, lines=one.lines)
        case Result.NEEDS_REVIEW:
            return T("{portal}: {file} picked up; it needs review.", portal=portal, file=name)
        case Result.ALREADY:
            return T("{portal}: {file} was processed before.", portal=portal, file=name)
        case Result.SUPERSEDED:
            return T("{portal}: {file} is older than a file that was taken.", portal=portal, file=name)
    return T("{portal}: {note}", portal=portal, note=_unusable(one.result, one.file, one.reason))


def pick_up(ctx: Context, portal: Portal, source: PickupSource, *, run_id: int | None = None) -> PickedUp:
    """Look into the portal's folder and take over what is new. Everything that goes wrong is in the answer.

    Only one process looks into a folder at a time; another one that comes meanwhile leaves it alone.
    """
    if not source.settings.is_ready:
        return PickedUp(unmapped=True)
    with _turn(ctx, portal) as mine:
        if not mine:
            return PickedUp(notes=[T("Somebody else is looking into the folder right now.")])
        with closing(source.place()) as place:
            return Pickup(ctx, portal, source, place, run_id).run()


@contextmanager
def _turn(ctx: Context, portal: Portal) -> Iterator[bool]:
    name, owner, seconds = f"pickup:{portal.id}", new_owner(), ctx.pace.portal_limit + ctx.pace.lease

    def begin(session: Session) -> bool:
        return take(session, ctx, name, owner) and leases.acquire(session, name, owner, ctx.clock.now(), seconds)

    mine = ctx.database.run(begin)
    try:
        yield mine
    finally:
        if mine:
            ctx.database.run(lambda session: leases.release(session, name, owner))


class Pickup:
    """One look at one folder."""

    def __init__(
        self, ctx: Context, portal: Portal, source: PickupSource, place: FilePlace, run_id: int | None
    ) -> None:
        self.ctx, self.portal, self.place, self.run_id = ctx, portal, place, run_id
        self.rules = source.settings
        self.stamp = settings_stamp(source)
        self.now = ctx.clock.now()
        self.done = PickedUp()
        self.archive = Archive(ctx, portal, self.rules, place, self.done.notes)

    def run(self) -> PickedUp:
        with self.ctx.database.session() as session:
            known_place = store.place(session, self.portal.id)
            known = store.known(session, self.portal.id)
            newest = store.newest_read(session, self.portal.id)
            pending = store.pending(session, self.portal.id)
        memory = known_place or Place(portal_id=self.portal.id, first_polled_at=self.now, polled_at=self.now)
        self.archive.denied = memory.move_denied
        try:
            listing = self.place.listing(memory.cursor)
        except ContractBridgeError as error:
            self.done.error = error
            self._remember(replace(memory, polled_at=self.now))
            return self.done
        poll = judge(
            listing, memory.waiting, known, self.rules, stamp=self.stamp, now=self.now,
            settles_after=self.place.settles_after, newest_read=newest,
        )  # fmt: skip
        waiting = dict(poll.waiting or {})
        self.done.notes += listing.notes
        self._recovered()
        try:
            self.archive.finish(pending, listing, self._markers(listing))
            if self.rules.brings_billing:
                self._settle_broken(poll, waiting, {})
                take_runs(self, poll, waiting, known)
            else:
                self._work(poll, listing, waiting)
        except ContractBridgeError as error:
            self.done.error = error
        self.done.waiting = len(waiting)
        accepted = any(one.result in (*GOOD, Result.ALREADY) for one in self.done.files)
        self._remember(
            replace(
                memory, polled_at=self.now, last_file_at=self.now if accepted else memory.last_file_at, waiting=waiting,
                cursor=listing.cursor, move_denied=self.archive.denied,
            )
        )  # fmt: skip
        return self.done

    def _work(self, poll: Poll, listing: Listing, waiting: dict[str, Sighting]) -> None:
        """Broken files first: they hide no good one. What is older goes only once the newer one is taken over."""
        markers = self._markers(listing)
        self._settle_broken(poll, waiting, markers)
        taken = not poll.ready
        for file in poll.ready:
            became = self._take(file, waiting, markers.get(file.id, ()))
            taken = taken or (became is not None and not became.is_error)
        if taken:
            for file in poll.older:
                self._settle(file, Result.SUPERSEDED, waiting, markers.get(file.id, ()))

    def _settle_broken(
        self, poll: Poll, waiting: dict[str, Sighting], markers: Mapping[str, tuple[RemoteFile, ...]]
    ) -> None:
        for file, result in poll.broken:
            self._settle(file, result, waiting, markers.get(file.id, ()), reason=_why_broken(result, self.rules))

    def _take(self, file: RemoteFile, waiting: dict[str, Sighting], markers: tuple[RemoteFile, ...]) -> Result | None:
        """Fetch one file and take it over; None when it is gone or changed meanwhile."""
        folder = self.ctx.home / "pickups"
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"{self.portal.id}-{uuid.uuid4().hex}.part"
        try:
            if not self.fetch(file, draft, waiting):
                return None
            digest = self.digest(draft)
            if self._came_before(digest):
                return self._settle(file, Result.ALREADY, waiting, markers, sha256=digest)
            return self._import(file, draft, digest, waiting, markers)
        finally:
            draft.unlink(missing_ok=True)

    @staticmethod
    def digest(path: Path) -> str:
        """SHA-256 of a file."""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def fetch(self, file: RemoteFile, draft: Path, waiting: dict[str, Sighting]) -> bool:
        """Whether the whole file came, and nobody touched it meanwhile."""
        try:
            self.place.fetch(file, draft)
            after = self.place.look(file)
        except RemoteError as error:
            if error.kind != Problem.GONE:
                raise
            after = None
        if after is None:
            waiting.pop(file.id, None)
            return False
        if after.version != file.version or draft.stat().st_size != file.size:
            waiting[file.id] = Sighting(after, waiting[file.id].first, self.now)
            self.done.notes.append(
                T("{file} changed while it was fetched; it is tried again next time.", file=file.name)
            )
            return False
        return True

    def _came_before(self, digest: str) -> bool:
        with self.ctx.database.session() as session:
            known = files.same(session, self.portal.id, digest)
            return any(one.state in COUNTED_AS_EARLIER for one in known)

    def _import(
        self,
        file: RemoteFile,
        draft: Path,
        digest: str,
        waiting: dict[str, Sighting],
        markers: tuple[RemoteFile, ...],
    ) -> Result:
        kept: list[PickedFile] = []

        def within(session: Session, row: UploadRow) -> None:
            result = Result.NEEDS_REVIEW if row.state == NEEDS_REVIEW else Result.IMPORTED
            kept.append(self.noted(session, file, result, digest, lines=row.lines, imported_file_id=row.id))

        outcome, row = receive(
            self.ctx, SYSTEM, self.portal.name, (draft, file.name), None, again=False, within=within,
            limits=Limits(upload_bytes=self.rules.max_megabytes * MEGABYTE),
        )  # fmt: skip
        if row is None:
            reason = outcome.sentence(outcome.errors[0])
            return self._settle(file, Result.REJECTED, waiting, markers, reason=reason, sha256=digest)
        self.done.files.append(kept[-1])
        waiting.pop(file.id, None)
        self.archive.put_away(kept[-1], markers)
        return kept[-1].result

    def _settle(
        self,
        file: RemoteFile,
        result: Result,
        waiting: dict[str, Sighting],
        markers: tuple[RemoteFile, ...],
        *,
        reason: Text | None = None,
        sha256: str = "",
    ) -> Result:
        """Note what became of a file that brings nothing, and put it away."""

        def work(session: Session) -> PickedFile:
            if result.is_error and reason is not None:
                told = _unusable(result, file, reason)
                history.record_failure(
                    session, self.portal.id, self.now, told, run_id=self.run_id, source=(file.name, sha256)
                )
            return self.noted(session, file, result, sha256, reason=reason)

        noted = self.ctx.database.run(work)
        self.done.files.append(noted)
        waiting.pop(file.id, None)
        self.archive.put_away(noted, markers)
        return result

    def noted(
        self,
        session: Session,
        file: RemoteFile,
        result: Result,
        sha256: str,
        *,
        lines: int = 0,
        imported_file_id: int | None = None,
        reason: Text | None = None,
    ) -> PickedFile:
        row = PickedFile(
            portal_id=self.portal.id,
            run_id=self.run_id,
            imported_file_id=imported_file_id,
            at=self.ctx.clock.now(),
            file=file,
            sha256=sha256,
            result=result,
            lines=lines,
            archived=archived_at_first(self.rules),
            stamp=self.stamp,
            reason=reason,
        )
        return replace(row, id=store.add(session, row))

    def _markers(self, listing: Listing) -> dict[str, tuple[RemoteFile, ...]]:
        if not self.rules.wait_for_marker:
            return {}
        return {file.id: tuple(markers_of(file, listing)) for file in listing.files}

    def _remember(self, place: Place) -> None:
        self.ctx.database.run(lambda session: store.save_place(session, place))

    def _recovered(self) -> None:
        """The folder can be read: what an earlier failure to reach it said does not stand any more."""

        def work(session: Session) -> None:
            last = history.latest_readings(session, [self.portal.id]).get(self.portal.id)
            if last is not None and last.status == "failed" and not last.file_name:
                text = T("The folder can be read again.")
                history.record_failure(session, self.portal.id, self.now, text, status="discarded", run_id=self.run_id)

        self.ctx.database.run(work)


def _why_broken(result: Result, rules: object) -> Text:
    if result is Result.EMPTY:
        return T("The file is empty, for an hour already.")
    megabytes = getattr(rules, "max_megabytes", 0)
    return T("The file is larger than {megabytes} MB, which is the limit of this portal.", megabytes=megabytes)


def as_pickup(source: object, portal: str) -> PickupSource:
    """Raises InputError for a portal that picks nothing up."""
    if not isinstance(source, PickupSource):
        raise InputError(T("{portal} picks no files up.", portal=portal), kind="usage")
    return source
