"""How files are picked up: which, when they are whole, what happens to them afterwards; and how their columns are read."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from core.domain.consumption_settings import BillingFiles, ConsumptionSettings
from core.domain.file_settings import FileSettings


class Take(StrEnum):
    NEWEST = "newest"
    ALL = "all"


class Contents(StrEnum):
    USAGE = "usage"
    """Tables of quantities or amounts, read by chosen columns."""
    CONSUMPTION = "consumption"
    """Billing files: cost exports of Azure, reconciliation files of Partner Center."""


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


class PickupSettings(BillingFiles, FileSettings):
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

    contents: Contents = Field(
        Contents.USAGE,
        title="The files are",
        description="usage: tables whose columns you choose. consumption: billing files as Azure or Partner Center write them.",
    )
    subfolders: bool = Field(
        False,
        title="With folders below",
        description="Files in folders below count too: an Azure export makes one for each month and run.",
    )
    billed_customer: Literal["automatic", "tenant", "subscription", "invoice_section"] = Field(
        "automatic",
        title="Customer is",
        description="What stands for a customer. automatic: the customer tenant where the file has one, else the subscription.",
    )

    @property
    def brings_billing(self) -> bool:
        """Whether the files are billing files, which need no columns."""
        return self.contents is Contents.CONSUMPTION

    @property
    def is_ready(self) -> bool:
        """Whether files can be read: their columns were chosen, or none are needed."""
        return self.brings_billing or self.is_mapped

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


def is_billing(settings: Mapping[str, Any]) -> bool:
    """Whether these settings of a portal pick billing files up."""
    return settings.get("contents") == Contents.CONSUMPTION


def billing_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """How billing files are read, by the names of `ConsumptionSettings`: of a portal that picks them up, or is brought them."""
    if "contents" not in settings:
        return dict(settings)
    named = {"customer": settings.get("billed_customer")} | {
        name: settings.get(name) for name in ConsumptionSettings.model_fields if name != "customer"
    }
    return {name: value for name, value in named.items() if value is not None}
