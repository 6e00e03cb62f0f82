"""Uploads: a file is looked at, previewed against the mappings, accepted, and from then on treated like any reading (S1-56)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.errors import InputError
from core.domain.file_settings import FileSettings
from core.domain.pickup_settings import columns_of, without_columns
from core.domain.text import T, Text
from core.domain.usage import UsageLine
from core.domain.validation import checked
from core.files import importer
from core.files.importer import ImportResult, Inspection, Outcome
from core.services import runs
from core.services.access import Actor, Role, require
from core.services.audited import note
from core.services.autotask_settings import AUTOTASK
from core.services.paging import Page, PageQuery
from core.services.portals import clean_settings, find
from core.services.recognising import recognise
from core.services.upload_files import Data, keep, kept, size_of
from core.services.upload_preview import Issue, PreviewRow, issues_of, judged
from core.store import files, history, numbers, workspace
from core.store import portals as portal_store
from core.store.files import ImportedFile

if TYPE_CHECKING:
    from core.services.context import Context

__all__ = [
    "ImportOutcome",
    "Inspection",
    "Issue",
    "PreviewRow",
    "UploadPreview",
    "UploadRow",
    "accept_upload",
    "bring_file",
    "confirm_review",
    "discard_upload",
    "import_file",
    "inspect_upload",
    "list_uploads",
    "preview_upload",
]

STORED, NEEDS_REVIEW, CONFIRMED, DISCARDED = "stored", "needs_review", "confirmed", "discarded"
COUNTED_AS_EARLIER = (STORED, NEEDS_REVIEW, CONFIRMED)
Within = Callable[[Session, "UploadRow"], None]
"""What is to be stored together with a file that is taken over, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPreview:
    """`outcome`: ok, ok_with_notes, needs_review, rejected. `earlier` is when the very same file came in before."""

    outcome: str
    rows: tuple[PreviewRow, ...]
    issues: tuple[Issue, ...]
    sha256: str
    mapped: int
    pending: int
    ignored: int
    earlier: datetime | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOutcome:
    """What `import` tells: the importer's outcome, its lines, its notes and errors, and whether the file was kept."""

    outcome: str
    stored: bool
    lines: tuple[UsageLine, ...]
    issues: tuple[Issue, ...]
    summary: Text


def inspect_upload(ctx: Context, actor: Actor, portal: str, data: bytes, name: str) -> Inspection:
    """A first look at a file: headings, first rows, suggested columns. For operators."""
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        _takes_files(ctx, find(session, portal))
    return importer.inspect(data, name)


def preview_upload(
    ctx: Context, actor: Actor, portal: str, data: bytes, name: str, settings: Mapping[str, object] | None = None
) -> UploadPreview:
    """What a file would bring, row by row, with how it is mapped (S1-53). Nothing is stored. For operators."""
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        found = find(session, portal)
        total = numbers.portal_total(session, found.id)
    result = importer.import_file(data, name, _settings(ctx, found, settings), previous_total=total)
    with ctx.database.session() as session:
        rows = judged(session, portal, result.lines)
        earlier = _earlier(session, found, result.sha256)
    return UploadPreview(
        outcome=result.outcome.value,
        rows=rows,
        issues=issues_of(result),
        sha256=result.sha256,
        mapped=sum(row.status == "mapped" for row in rows),
        pending=sum(row.status == "pending" for row in rows),
        ignored=sum(row.status == "ignored" for row in rows),
        earlier=earlier[0].imported_at if earlier else None,
    )


def accept_upload(
    ctx: Context,
    actor: Actor,
    portal: str,
    data: Data,
    name: str,
    settings: Mapping[str, object] | None = None,
    *,
    again: bool = False,
) -> UploadRow:
    """Keep a file, let it change what is known, and ask the engine for a sync of the portal. For operators.

    The settings are remembered for the next file. A file that needs review is kept and changes nothing until `confirm_review`.
    Raises InputError for a file that is rejected, and for the very same file twice unless it comes `again`.
    """
    result, row = _receive(ctx, actor, portal, (data, name), settings, again=again)
    if row is None:
        raise _rejected(result)
    if row.state == STORED:
        _ask_for_sync(ctx, actor, portal)
    return row


def import_file(
    ctx: Context, actor: Actor, portal: str, data: Data, name: str, *, again: bool = False
) -> ImportOutcome:
    """The same from the command line: everything the importer says comes back, and no sync is asked for. For operators."""
    result, row = _receive(ctx, actor, portal, (data, name), None, again=again)
    if row is None:
        summary = _rejected(result).message
    elif row.state == NEEDS_REVIEW:
        summary = T("{file} needs review; nothing of it is used until somebody has looked.", file=name)
    else:
        summary = T("{file}: {lines} lines taken over.", file=name, lines=len(result.lines))
    return ImportOutcome(
        outcome=result.outcome.value,
        stored=row is not None,
        lines=result.lines,
        issues=issues_of(result),
        summary=summary,
    )


def bring_file(
    ctx: Context, actor: Actor, portal: str, data: Data, name: str, *, within: Within
) -> tuple[ImportResult, UploadRow | None]:
    """The same for a file that was fetched; no row for one that is rejected. `within` is stored in the same transaction."""
    return _receive(ctx, actor, portal, (data, name), None, again=False, within=within)


def confirm_review(ctx: Context, actor: Actor, upload_id: int) -> UploadRow:
    """Use a file that needed review, but not for the customers with unreadable rows: their quantities stay. For operators."""
    require(actor, Role.OPERATOR)
    waiting = _waiting(ctx, upload_id)
    settings = checked(FileSettings, waiting.details.get("settings", {}), waiting.portal)
    result = importer.import_file(kept(ctx.home, waiting), waiting.name, settings)
    if not result.is_usable:
        raise _rejected(result)

    def work(session: Session) -> None:
        reading = result.reading(waiting.portal, waiting.imported_at)
        done = history.record_reading(
            session, waiting.portal_id, reading, file_name=waiting.name, sha256=waiting.sha256
        )
        files.set_state(session, waiting.id, CONFIRMED, reading_id=done.reading_id)
        left_out = sorted(result.affected_customers)
        note(ctx, session, actor, "upload.confirmed", _subject(waiting), after={"customers_left_out": left_out})

    ctx.database.run(work)
    recognise(ctx, waiting.portal)
    _ask_for_sync(ctx, actor, waiting.portal)
    return _row(replace(waiting, state=CONFIRMED))


def discard_upload(ctx: Context, actor: Actor, upload_id: int) -> None:
    """Throw away a file that needed review: nothing of it is used. For operators."""
    require(actor, Role.OPERATOR)
    waiting = _waiting(ctx, upload_id)

    def work(session: Session) -> None:
        files.set_state(session, waiting.id, DISCARDED)
        history.record_failure(
            session, waiting.portal_id, ctx.clock.now(), T("{file} was thrown away.", file=waiting.name),
            status=DISCARDED, source=(waiting.name, waiting.sha256),
        )  # fmt: skip
        note(ctx, session, actor, "upload.discarded", _subject(waiting))

    ctx.database.run(work)


def list_uploads(ctx: Context, actor: Actor, query: PageQuery) -> Page[UploadRow]:
    """Files that came in, newest first; `portal`, `status` (the state) and `text` (the name) filter."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        page = files.page(session, query)
    return Page(tuple(_row(file) for file in page.rows), page.total)


def _receive(
    ctx: Context,
    actor: Actor,
    portal: str,
    file: tuple[Data, str],
    settings: Mapping[str, object] | None,
    *,
    again: bool,
    within: Within | None = None,
) -> tuple[ImportResult, UploadRow | None]:
    """Read a file and keep it; no row for one that is rejected, of which nothing is kept but a line in the audit."""
    require(actor, Role.OPERATOR)
    data, name = file
    with ctx.database.session() as session:
        found = find(session, portal)
        total = numbers.portal_total(session, found.id)
        known = frozenset() if again else files.hashes(session, found.id, COUNTED_AS_EARLIER)
    mapping = _settings(ctx, found, settings)
    result = importer.import_file(data, name, mapping, known_hashes=known, previous_total=total)
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
        row = _store(ctx, session, upload, result)
        if within is not None:
            within(session, row)
        # Last: the audit's chain is locked from here to the end.
        after = {"sha256": upload.sha256, "lines": upload.lines, "outcome": upload.outcome}
        note(ctx, session, actor, "upload.accepted", _subject(upload), after=after)
        return row

    row = ctx.database.run(work)
    if upload.state == STORED:
        recognise(ctx, portal)
    return result, row


def _store(ctx: Context, session: Session, upload: ImportedFile, result: ImportResult) -> UploadRow:
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
    number = files.add(session, replace(upload, reading_id=reading_id))
    settings = without_columns(portal.settings) | upload.details["settings"]
    if settings != portal.settings:
        portal_store.save(session, replace(portal, settings=settings), ctx.clock.now())
    return _row(replace(upload, id=number))


def _takes_files(ctx: Context, portal: portal_store.Portal) -> None:
    if not issubclass(ctx.connectors.get(portal.connector).settings, FileSettings):
        raise InputError(T("{portal} is read by itself and takes no files.", portal=portal.name), kind="usage")


def _settings(ctx: Context, portal: portal_store.Portal, given: Mapping[str, object] | None) -> FileSettings:
    _takes_files(ctx, portal)
    settings: FileSettings = checked(FileSettings, columns_of(portal.settings) if given is None else given, portal.name)
    return settings


def _earlier(session: Session, portal: portal_store.Portal, sha256: str) -> list[ImportedFile]:
    return [file for file in files.same(session, portal.id, sha256) if file.state in COUNTED_AS_EARLIER]


def _waiting(ctx: Context, upload_id: int) -> ImportedFile:
    with ctx.database.session() as session:
        upload = files.get(session, upload_id)
    if upload is None or upload.state != NEEDS_REVIEW:
        raise InputError(T("There is no such file that waits for a look."), kind="unknown_upload")
    return upload


def _rejected(result: ImportResult) -> InputError:
    first = result.errors[0]
    return InputError(result.sentence(first), kind=str(first.kind))


def _ask_for_sync(ctx: Context, actor: Actor, portal: str) -> None:
    """Once Autotask is connected; before that there is nothing to compare with."""
    with ctx.database.session() as session:
        ready = workspace.get(session, AUTOTASK) is not None
    if ready:
        runs.request_sync(ctx, actor, [portal])


def _subject(upload: ImportedFile) -> str:
    return f"{upload.portal} / {upload.name}"


def _row(file: ImportedFile) -> UploadRow:
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
