"""How files are picked up: which, when they are whole, what happens to them afterwards; and how their columns are read."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from core.domain.file_settings import FileSettings


class Take(StrEnum):
    NEWEST = "newest"
    ALL = "all"


class Afterwards(StrEnum):
    ARCHIVE = "archive"
    KEEP = "keep"
    DELETE = "delete"


def _folders(text: str) -> str:
    parts = [part for part in text.replace("\\", "/").split("/") if part]
    if not parts or any(part.startswith(".") or "\0" in part for part in parts):
        raise ValueError("a folder below the watched one, such as processed")
    return "/".join(parts)


def _pattern(text: str) -> str:
    if not text or any(sign in text for sign in "/\\\0"):
        raise ValueError("a pattern for names, without folders, such as *usage*.csv")
    return text


Folder = Annotated[str, AfterValidator(_folders)]


class PickupSettings(FileSettings):
    """The rules of all places; each connector adds where its place is. The columns are those of FileSettings."""

    pattern: Annotated[str, AfterValidator(_pattern)] = Field(
        "*",
        title="Name pattern",
        description="Which files: * stands for anything, ? for one character, case does not matter. Such as *usage*.csv.",
    )
    take: Take = Field(
        Take.NEWEST,
        title="Which to take",
        description="newest: of several new files only the last one. all: each of them, in order of time.",
    )
    afterwards: Afterwards = Field(
        Afterwards.ARCHIVE,
        title="Afterwards",
        description="archive: move the file to a folder for each month. keep: leave it where it is. delete: remove it.",
    )
    processed_folder: Folder = Field(
        "processed", title="Archive folder", description="Below the watched folder; made when it is needed."
    )
    error_folder: Folder = Field(
        "error", title="Folder for errors", description="For files that cannot be read, each with a note that says why."
    )
    wait_for_marker: bool = Field(
        False,
        title="Wait for a marker",
        description="A file counts once a second one with its name and .done or .ok behind it is there.",
    )
    expected_every_days: int = Field(
        0,
        ge=0,
        le=1000,
        title="Expected every … days",
        description="When no file has come for longer, it is reported as missing. 0: never.",
    )
    max_megabytes: int = Field(
        200, ge=1, le=2000, title="Largest file (MB)", description="Larger ones are not fetched."
    )

    @property
    def processed_parts(self) -> tuple[str, ...]:
        return tuple(self.processed_folder.split("/"))

    @property
    def error_parts(self) -> tuple[str, ...]:
        return tuple(self.error_folder.split("/"))


def columns_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a portal's settings that says how a file is read."""
    return {name: value for name, value in settings.items() if name in FileSettings.model_fields}


def without_columns(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The rest: where the files are, and the rules of picking them up."""
    return {name: value for name, value in settings.items() if name not in FileSettings.model_fields}
