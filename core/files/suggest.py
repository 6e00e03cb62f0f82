"""Which columns are probably customer, product and quantity: by known exports, by words, by what stands below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.domain.file_settings import FileSettings
from core.domain.text import T, Text
from core.files.grid import Grid
from core.files.headings import Header, folded

WORDS = {
    "customer": "customer client klant kunde company organization organisation bedrijf tenant account customer|name client|name company|name klantnaam firma",
    "product": "product service sku artikel item plan license licence licentie subscription product|name produkt dienst lizenz sku|name",
    "quantity": "quantity qty count aantal anzahl menge quantité seats units licenses used assigned seat|count licenties users gebruikers",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """One column for one role, how sure (0 to 100), and why."""

    role: str
    heading: str
    score: int
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedMapping:
    settings: FileSettings | None
    columns: tuple[Suggestion, ...]
    preset: str = ""


def suggest(header: Header, grid: Grid, sheets: Sequence[Grid], file_name: str) -> SuggestedMapping:
    """A mapping for a table with these headings."""
    keys = header.keys
    found: dict[str, Suggestion] = {}
    for role, words in WORDS.items():
        for word in (w.replace("|", " ") for w in words.split()):
            if word in keys and role not in found:
                name = header.names[keys.index(word)]
                found[role] = Suggestion(role=role, heading=name, score=95, reason=T("The heading says so."))
    columns = tuple(found.values())
    if set(found) < set(WORDS):
        return SuggestedMapping(settings=None, columns=columns)
    settings = FileSettings(**{role: suggestion.heading for role, suggestion in found.items()})
    return SuggestedMapping(settings=settings, columns=columns)


_ = folded
