"""A notice in the words of one reader: language, number format, time zone."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.notice import Notice
from core.domain.text import T, Text
from core.i18n import translate

MOST_LINES = 25
LINE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Wording:
    language: str = "en"
    locale: str | None = None
    zone: str = "UTC"

    def __call__(self, text: Text) -> str:
        return translate(text, self.language, self.locale, self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worded:
    """A notice as plain strings, each on one line."""

    title: str
    facts: tuple[tuple[str, str], ...]
    lines: tuple[str, ...]
    closing: str
    link: str
    link_title: str


def worded(notice: Notice, words: Wording, most: int | None = None) -> Worded:
    """The notice in the reader's words; with `most` lines and, where some are left out, one that says how many."""
    shown = notice.lines if most is None else notice.lines[:most]
    lines = [one_line(words(line)) for line in shown]
    left = len(notice.lines) - len(shown)
    if left:
        lines.append(words(T("… and {count} more", count=left)))
    return Worded(
        title=one_line(words(notice.title)),
        facts=tuple((one_line(words(name)), one_line(words(value))) for name, value in notice.facts),
        lines=tuple(lines),
        closing=one_line(words(notice.closing)) if notice.closing else "",
        link=notice.link,
        link_title=words(notice.link_title or T("Open in ContractBridge")),
    )


def one_line(text: str) -> str:
    """Without line ends and control characters: names of customers come from elsewhere and end up in headers and cards."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def cut(text: str, length: int = LINE_LENGTH) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
