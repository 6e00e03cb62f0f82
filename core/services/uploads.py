"""Uploads: a file is looked at, previewed against the mappings, accepted, and from then on treated like any reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.mapping import ProductKey
from core.domain.text import Text
from core.services.access import Actor
from core.services.paging import Page, PageQuery

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRow:
    """One row of the preview (S1-53). `status` is `mapped`, `pending` or `ignored`."""

    customer_id: str
    customer: str
    product_key: str
    product: str
    count: Decimal
    status: str
    company: str = ""
    service: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A note or an error about the file. `kind` is one of the kinds of the file importer; `place` file, sheet, row, column."""

    kind: str
    message: Text
    error: bool
    sheet: str = ""
    row: int | None = None
    column: str = ""
    text: str = ""


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


def inspect_upload(ctx: Context, actor: Actor, portal: str, data: bytes, name: str) -> Inspection: ...
def preview_upload(
    ctx: Context, actor: Actor, portal: str, data: bytes, name: str, settings: Mapping[str, object] | None = None
) -> UploadPreview: ...
def accept_upload(
    ctx: Context,
    actor: Actor,
    portal: str,
    data: bytes,
    name: str,
    settings: Mapping[str, object] | None = None,
    *,
    again: bool = False,
) -> UploadRow: ...
def confirm_review(ctx: Context, actor: Actor, upload_id: int) -> UploadRow: ...
def discard_upload(ctx: Context, actor: Actor, upload_id: int) -> None: ...
def list_uploads(ctx: Context, actor: Actor, query: PageQuery) -> Page[UploadRow]: ...
