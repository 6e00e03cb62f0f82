"""What is told to people outside the pages, and what became of telling it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from core.domain.text import Text


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Higher is worse."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message. Every text is put into the language of the channel when it is sent.

    `facts` are names with values, `lines` the details with the most important first: a channel that has no room for all shows the
    first ones and how many more there are. `link` leads to the page that shows everything. `run` is the run it is about.
    """

    severity: Severity
    title: Text
    facts: tuple[tuple[Text, Text], ...] = ()
    lines: tuple[Text, ...] = ()
    link: str = ""
    link_title: Text | None = None
    closing: Text | None = None
    run: int | None = None
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one recipient got nothing, and whether the same may work later."""

    reason: Text
    retryable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What the other side said. `delivered` is False where it only accepted the message: whether it arrived nobody tells.

    `reference` is the other side's name for it; `refused` are recipients that got nothing, the others did; `notes` are for people.
    """

    delivered: bool = False
    reference: str = ""
    refused: Mapping[str, Refusal] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpec:
    """What a channel is opened with. `kind`: smtp, graph, teams. `settings` and `secrets` are those of the kind's models.

    `language` and `locale` are its readers' (locale empty: as usual for the language), `zone` the workspace's time zone.
    """

    kind: str
    settings: Mapping[str, object]
    secrets: Mapping[str, str] = field(repr=False)
    recipients: tuple[str, ...] = ()
    language: str = "en"
    locale: str = ""
    zone: str = "UTC"


class Channel(Protocol):
    """A way to tell people. Safe for one thread at a time."""

    def send(self, notice: Notice, message_id: str) -> Delivery:
        """Send once. The same `message_id` (`8123.4@contractbridge`) marks the same message when it is sent again.

        Raises RateLimited (wait `retry_after`), RemoteError (`retryable` tells), SettingsError for what a person has to mend, and
        OutcomeUnknown when the connection ended before the answer: it may have been delivered.
        """
        ...
