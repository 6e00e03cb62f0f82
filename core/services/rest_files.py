"""Answers that are files, read by the importer: the port that connectors are given."""

from __future__ import annotations

from datetime import datetime

from core.domain.errors import InputError
from core.domain.file_settings import FileSettings
from core.domain.text import T
from core.domain.usage import Reading
from core.files.importer import import_file


def read_file(data: bytes, name: str, settings: FileSettings, portal: str, now: datetime) -> Reading:
    """A file's reading by its mapping. Raises InputError with the first thing that is wrong when it cannot be read at all."""
    result = import_file(data, name, settings)
    if not result.is_usable:
        first = result.errors[0] if result.errors else None
        raise InputError(
            result.sentence(first) if first else T("{file} cannot be read.", file=name),
            place=portal,
            kind=str(first.kind) if first else "file_corrupt",
        )
    return result.reading(portal, now)
