"""An endpoint whose answer is a file: looked into and previewed as an upload would be, before the portal exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.domain.file_settings import FileSettings
from core.domain.validation import checked
from core.files import importer
from core.files.inspection import Inspection
from core.services.access import Actor, Role, require
from core.services.rest_mapping import Sample
from core.services.upload_preview import issues_of, judged
from core.services.uploads import UploadPreview

if TYPE_CHECKING:
    from core.services.context import Context

NAME = "answer"


def inspect_answer(actor: Actor, sample: Sample) -> Inspection:
    """A first look at the file: headings, first rows, suggested columns. For operators."""
    require(actor, Role.OPERATOR)
    return importer.inspect(sample.file, NAME)


def preview_answer(
    ctx: Context, actor: Actor, sample: Sample, settings: Mapping[str, object], *, portal: str = ""
) -> UploadPreview:
    """What the file would bring, row by row (S1-53). Nothing is stored. For operators. Raises SettingsError."""
    require(actor, Role.OPERATOR)
    result = importer.import_file(sample.file, NAME, checked(FileSettings, settings, portal or NAME))
    with ctx.database.session() as session:
        rows = judged(session, portal, result.lines)
    return UploadPreview(
        outcome=result.outcome.value,
        rows=rows,
        issues=issues_of(result),
        sha256=result.sha256,
        mapped=sum(row.status == "mapped" for row in rows),
        pending=sum(row.status == "pending" for row in rows),
        ignored=sum(row.status == "ignored" for row in rows),
        earlier=None,
    )
