"""How a file is taken in, whoever brings it: read, kept, recorded, and its settings remembered for the next one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.errors import InputError
from core.domain.file_settings import FileSettings
from core.domain.pickup_settings import columns_of, without_columns
from core.domain.text import T
from core.domain.validation import checked
from core.files import importer
from core.files.importer import ImportResult, Outcome
from core.files.limits import Limits
from core.services.access import Actor, Role, require
from core.services.audited import note
from core.services.portals import clean_settings, find
from core.services.recognising import recognise
from core.services.told_amounts import keep_file_amounts
from core.services.upload_files import Data, keep, size_of
from core.store import files, history, numbers
from core.store import portals as portal_store
from core.store.files import ImportedFile

if TYPE_CHECKING:
    from core.services.context import Context

STORED, NEEDS_REVIEW, CONFIRMED, DISCARDED = "stored", "needs_review", "confirmed", "discarded"
COUNTED_AS_EARLIER = (STORED, NEEDS_REVIEW, CONFIRMED)
Within = Callable[[Session, "UploadRow"], None]
"""What is to be stored together with a file that is taken over, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRow:
    """One upload that was accepted. `state`: stored, needs_review, confirmed, discarded."""

    id: int
    portal: str
    name: str
    received: datetime
    by: str
    outcome: str
    state: str
    lines: int
    size_bytes: int


def receive(
    ctx: Context,
    actor: Actor,
    portal: str,
    file: tuple[Data, str],
    settings: Mapping[str, object] | None,
    *,
    again: bool,
    within: Within | None = None,
    limits: Limits = Limits(),
) -> tuple[ImportResult, UploadRow | None]:
    """Read a file and keep it; no row for one that is rejected, of which nothing is kept but a line in the audit. For operators.

    With `settings`, they are used and remembered for the next file; without, the portal's own hold. The very same file twice is
    rejected unless it comes `again`. `within` is stored in the same transaction. `limits` are how much the file may hold.
    """
    require(actor, Role.OPERATOR)
    data, name = file
    with ctx.database.session() as session:
        found = find(session, portal)
        total = numbers.portal_total(session, found.id)
        known = frozenset() if again else files.hashes(session, found.id, COUNTED_AS_EARLIER)
    mapping = file_settings(ctx, found, settings)
    result = importer.import_file(data, name, mapping, known_hashes=known, previous_total=total, limits=limits)
    if result.outcome is Outcome.REJECTED:
        kinds = [str(issue.kind) for issue in result.errors]
        ctx.database.run(
            lambda session: note(ctx, session, actor, "upload.rejected", f"{portal} / {name}", after={"kinds": kinds})
        )
        return result, None
    stored = keep(ctx.home, found.id, data, result.sha256, name)
    upload = ImportedFile(
        portal_id=found.id,
        portal=portal,
        sha256=result.sha256,
        name=name,
        size=size_of(data),
        stored_path=stored,
        outcome=result.outcome.value,
        state=NEEDS_REVIEW if result.outcome is Outcome.NEEDS_REVIEW else STORED,
        lines=len(result.lines),
        details={"settings": clean_settings(FileSettings, mapping.model_dump(mode="json"), portal)},
        imported_by=actor.name,
        imported_at=ctx.clock.now(),
    )

    def work(session: Session) -> UploadRow:
        row = _store(session, upload, result, mapping)
        if settings is not None:
            _remember(ctx, session, upload)
        if within is not None:
            within(session, row)
        # Last: the audit's chain is locked from here to the end.
        after = {"sha256": upload.sha256, "lines": upload.lines, "outcome": upload.outcome}
        note(ctx, session, actor, "upload.accepted", subject(upload), after=after)
        return row

    row = ctx.database.run(work)
    if upload.state == STORED:
        recognise(ctx, portal)
    return result, row


def _store(session: Session, upload: ImportedFile, result: ImportResult, mapping: FileSettings) -> UploadRow:
    portal = find(session, upload.portal)
    if upload.state == NEEDS_REVIEW:
        text = T("{file} needs review: {problem}", file=upload.name, problem=result.sentence(result.errors[0]))
        reading_id = history.record_failure(
            session, portal.id, upload.imported_at, text,
            status=NEEDS_REVIEW, source=(upload.name, upload.sha256),
        )  # fmt: skip
    else:
        reading = result.reading(portal.name, upload.imported_at)
        reading_id = history.record_reading(
            session, portal.id, reading, file_name=upload.name, sha256=upload.sha256
        ).reading_id
        if mapping.tells_amounts:
            keep_file_amounts(session, portal.id, reading)
    number = files.add(session, replace(upload, reading_id=reading_id))
    return row_of(replace(upload, id=number))


def _remember(ctx: Context, session: Session, upload: ImportedFile) -> None:
    """The columns that were chosen for this file are those of the next one."""
    portal = find(session, upload.portal)
    settings = without_columns(portal.settings) | upload.details["settings"]
    if settings != portal.settings:
        portal_store.save(session, replace(portal, settings=settings), ctx.clock.now())


def takes_files(ctx: Context, portal: portal_store.Portal) -> None:
    """Raises InputError for a portal that files cannot be brought to."""
    if not issubclass(ctx.connectors.get(portal.connector).settings, FileSettings):
        raise InputError(T("{portal} is read by itself and takes no files.", portal=portal.name), kind="usage")


def file_settings(ctx: Context, portal: portal_store.Portal, given: Mapping[str, object] | None) -> FileSettings:
    """How a file of the portal is read: as given, or as remembered."""
    takes_files(ctx, portal)
    settings: FileSettings = checked(FileSettings, columns_of(portal.settings) if given is None else given, portal.name)
    return settings


def subject(upload: ImportedFile) -> str:
    """What the audit calls a file."""
    return f"{upload.portal} / {upload.name}"


def row_of(file: ImportedFile) -> UploadRow:
    """A file as it is shown."""
    return UploadRow(
        id=file.id,
        portal=file.portal,
        name=file.name,
        received=file.imported_at,
        by=file.imported_by,
        outcome=file.outcome,
        state=file.state,
        lines=file.lines,
        size_bytes=file.size,
    )
