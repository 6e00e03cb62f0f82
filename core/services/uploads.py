"""Uploads: a file is looked at, previewed against the mappings, accepted, and from then on treated like any reading (S1-56)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.consumption_lines import amount_of
from core.domain.errors import InputError
from core.domain.file_settings import FileSettings
from core.domain.text import T, Text
from core.domain.usage import UsageLine
from core.domain.validation import checked
from core.files import importer
from core.files.importer import ImportResult, Inspection
from core.services import runs
from core.services.access import Actor, Role, require
from core.services.audited import note
from core.services.autotask_settings import AUTOTASK
from core.services.consumption_files import bring_files, takes_billing_files
from core.services.paging import Page, PageQuery
from core.services.portals import find
from core.services.receiving import (
    CONFIRMED,
    COUNTED_AS_EARLIER,
    DISCARDED,
    NEEDS_REVIEW,
    STORED,
    UploadRow,
    file_settings,
    receive,
    row_of,
    subject,
    takes_files,
)
from core.services.recognising import recognise
from core.services.told_amounts import keep_file_amounts
from core.services.upload_files import Data, kept
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
    "confirm_review",
    "discard_upload",
    "import_file",
    "inspect_upload",
    "list_uploads",
    "preview_upload",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPreview:
    """`outcome`: ok, ok_with_notes, needs_review, rejected. `earlier` is when the very same file came in before.

    `amounts` is what a file that tells money comes to, by currency ("" where it tells none); empty for any other file.
    """

    outcome: str
    rows: tuple[PreviewRow, ...]
    issues: tuple[Issue, ...]
    sha256: str
    mapped: int
    pending: int
    ignored: int
    earlier: datetime | None = None
    amounts: Mapping[str, Decimal] = field(default_factory=dict)


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
        takes_files(ctx, find(session, portal))
    return importer.inspect(data, name)


def preview_upload(
    ctx: Context, actor: Actor, portal: str, data: bytes, name: str, settings: Mapping[str, object] | None = None
) -> UploadPreview:
    """What a file would bring, row by row, with how it is mapped (S1-53). Nothing is stored. For operators."""
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        found = find(session, portal)
        total = numbers.portal_total(session, found.id)
    mapping = file_settings(ctx, found, settings)
    result = importer.import_file(data, name, mapping, previous_total=total)
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
        amounts=_amounts(result.amounts or result.lines) if mapping.tells_amounts else {},
    )


def _amounts(lines: Sequence[UsageLine]) -> dict[str, Decimal]:
    """What the lines cost together, by currency: different currencies are never added up."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        amount = amount_of(line)
        if amount is not None:
            sums[line.currency] = sums.get(line.currency, Decimal(0)) + amount
    return sums


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
    result, row = receive(ctx, actor, portal, (data, name), settings, again=again)
    if row is None:
        raise _rejected(result)
    if row.state == STORED:
        _ask_for_sync(ctx, actor, portal)
    return row


def import_file(
    ctx: Context, actor: Actor, portal: str, data: Data, name: str, *, again: bool = False
) -> ImportOutcome:
    """The same from the command line: everything the importer says comes back, and no sync is asked for. For operators.

    A portal of billing files takes the file as consumption: no usage lines come back.
    """
    require(actor, Role.OPERATOR)
    if takes_billing_files(ctx, portal):
        brought = bring_files(ctx, actor, portal, [(data, name)])
        outcome = "ok_with_notes" if brought.reading.notes else "ok"
        issues = tuple(Issue(kind="note", message=text, error=False) for text in brought.reading.notes)
        return ImportOutcome(outcome=outcome, stored=True, lines=(), issues=issues, summary=brought.summary)
    result, row = receive(ctx, actor, portal, (data, name), None, again=again)
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
        if settings.tells_amounts:
            keep_file_amounts(session, waiting.portal_id, reading)
        files.set_state(session, waiting.id, CONFIRMED, reading_id=done.reading_id)
        left_out = sorted(result.affected_customers)
        note(ctx, session, actor, "upload.confirmed", subject(waiting), after={"customers_left_out": left_out})

    ctx.database.run(work)
    recognise(ctx, waiting.portal)
    _ask_for_sync(ctx, actor, waiting.portal)
    return row_of(replace(waiting, state=CONFIRMED))


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
        note(ctx, session, actor, "upload.discarded", subject(waiting))

    ctx.database.run(work)


def list_uploads(ctx: Context, actor: Actor, query: PageQuery) -> Page[UploadRow]:
    """Files that came in, newest first; `portal`, `status` (the state) and `text` (the name) filter."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        page = files.page(session, query)
    return Page(tuple(row_of(file) for file in page.rows), page.total)


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
