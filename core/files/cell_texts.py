"""How much text a workbook holds once each cell has its own: one long text may be named by a million cells.

The reader of plain sheets copies the text into each of them, and a process that runs out of memory there is gone at once. So it is
weighed first: roughly as a rule, cell by cell where that could be too much.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from core.files.archive import Archive, corrupt, too_large_unpacked
from core.files.cells import Cell
from core.files.limits import Limits
from core.files.sheet_xml import read_strings

USUAL = "xl/sharedStrings.xml"
"""Where the reader of plain sheets looks, whatever the workbook says."""
_VALUE = re.compile(rb"<v(?:\s[^<>]*)?>([^<]*)<(.)")


@dataclass(slots=True)
class CellTexts:
    """Adds up sheet by sheet. `strings` is the part with the shared texts, "" without one."""

    archive: Archive
    strings: str
    limits: Limits
    _total: int = 0
    _rough: dict[str, int] = field(default_factory=dict)
    _longest: int = -1
    _lengths: list[int] | None = None

    def __post_init__(self) -> None:
        if USUAL in self.archive and self.strings in self.archive and self.strings.lower() != USUAL.lower():
            raise corrupt(self.strings)

    def can_be_copied(self, sheet: str, cells: int) -> bool:
        """Count a sheet of so many cells; False where it can only be told by reading it. Raises RejectedFile for too much text."""
        self._rough[sheet] = self._longest_text() * cells
        if self._total + sum(self._rough.values()) <= self.limits.unpacked_bytes:
            return True
        weighed = {one: self._weigh(one) for one in self._rough}
        self._rough.clear()
        self._add(sum(weight or 0 for weight in weighed.values()))
        return weighed[sheet] is not None

    def count(self, rows: Iterable[Iterable[Cell]]) -> None:
        """Count a sheet that was read: its cells share their texts, but what is done with them does not."""
        self._add(sum(len(cell) for row in rows for cell in row if isinstance(cell, str)))

    def _add(self, characters: int) -> None:
        self._total += characters
        if self._total > self.limits.unpacked_bytes:
            raise too_large_unpacked(self.limits)

    def _part(self) -> bytes:
        name = self.strings if self.strings in self.archive else USUAL
        return self.archive.read(name) if name in self.archive else b""

    def _longest_text(self) -> int:
        """At least as long as the longest one, without taking the part to pieces."""
        if self._longest < 0:
            self._longest = max(map(len, self._part().split(b"si>")))
        return self._longest

    def _weigh(self, sheet: str) -> int | None:
        """The characters of all shared texts that a sheet names; None where it is written so that a search cannot tell."""
        if self._lengths is None:
            part = self._part()
            self._lengths = [len(text) for text in read_strings(part)] if part else []
        total = 0
        for value, following in _VALUE.findall(self.archive.read(sheet)):
            if following != b"/" or b"&" in value or value != value.strip():
                return None
            number = int(value) if value.isdigit() and len(value) < 10 else -1
            total += self._lengths[number] if 0 <= number < len(self._lengths) else 0
        return total
