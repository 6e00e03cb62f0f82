"""Where uploaded files are kept: in the data directory, under names that cannot lead elsewhere."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from core.domain.errors import InputError
from core.domain.text import T
from core.store.files import ImportedFile

Data = bytes | Path
"""A file's content, or where it is."""
FOLDER = "uploads"
LONGEST_NAME = 80


def keep(home: Path, portal_id: int, data: Data, sha256: str, name: str) -> str:
    """Copy a file into the data directory; gives its path there. The same content is kept once."""
    relative = Path(FOLDER) / str(portal_id) / f"{sha256[:16]}-{safe_name(name)}"
    path = home / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        if isinstance(data, Path):
            shutil.copyfile(data, draft)
        else:
            draft.write_bytes(data)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise InputError(
            T("The file cannot be kept: {reason}.", reason=error.strerror or "?"),
            place=str(path.parent),
            remedy=T("Is there space on the disk, and may the product write to its data directory?"),
        ) from error
    return relative.as_posix()


def kept(home: Path, file: ImportedFile) -> Path:
    """Where a file is kept. Raises InputError when it is gone."""
    path = home / file.stored_path
    if not file.stored_path or not path.is_file():
        raise InputError(
            T("{file} is no longer in the data directory.", file=file.name),
            remedy=T("Bring it once more."),
            kind="file_gone",
        )
    return path


def size_of(data: Data) -> int:
    """Size in bytes."""
    return data.stat().st_size if isinstance(data, Path) else len(data)


def safe_name(name: str) -> str:
    """A name for the disk: no folders, no odd characters, not too long, its ending kept."""
    last = re.split(r"[/\\]", name)[-1]
    clean = re.sub(r"[^A-Za-z0-9._-]+", "_", last).strip("._") or "file"
    return clean[-LONGEST_NAME:].lstrip("._") or "file"
