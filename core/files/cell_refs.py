"""How far the cells of a packed sheet reach, told from its text alone, so that no reader is asked for more than there is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LONGEST = 11
"""Three letters, seven digits and the closing quotation mark."""
_OPEN = b'<c r="'


@dataclass(slots=True)
class Reach:
    """Cells, and the last row and column they name, both counted from 1. `regular` is False where a cell is written unusually."""

    cells: int = 0
    rows: int = 0
    columns: int = 0
    regular: bool = True

    def look_at(self, xml: bytes) -> None:
        """Take in the cells of a piece of a sheet; no cell may be cut in two."""
        text = np.frombuffer(xml + bytes(LONGEST), np.uint8)
        opening = np.flatnonzero(text[: len(xml)] == _OPEN[0])
        opening = opening[
            (text[opening + 1] == _OPEN[1]) & np.isin(text[opening + 2], (0x20, 0x3E, 0x2F, 0x09, 0x0A, 0x0D))
        ]
        self.cells += len(opening)
        if not len(opening):
            return
        for offset, character in enumerate(_OPEN[2:], start=2):
            if not (text[opening + offset] == character).all():
                self.regular = False
                return
        self._measure(text[(opening + len(_OPEN))[:, None] + np.arange(LONGEST)])

    def _measure(self, references: np.ndarray) -> None:
        letters = (references >= 0x41) & (references <= 0x5A)
        digits = (references >= 0x30) & (references <= 0x39)
        end = np.argmax(references == 0x22, axis=1)
        place = np.arange(LONGEST)
        before_end = place < end[:, None]
        letter_count = (letters & before_end).sum(axis=1)
        in_order = letters == (place < letter_count[:, None])
        fits = ((in_order & (letters | digits)) | ~before_end).all(axis=1) & (letter_count >= 1) & (letter_count <= 3)
        if not (fits & (end > letter_count)).all():
            self.regular = False
            return
        rows, columns = (np.zeros(len(references), dtype=np.int64) for _ in range(2))
        for index in range(LONGEST):
            character = references[:, index].astype(np.int64)
            rows = np.where(before_end[:, index] & digits[:, index], rows * 10 + character - 0x30, rows)
            columns = np.where(before_end[:, index] & letters[:, index], columns * 26 + character - 0x40, columns)
        self.rows, self.columns = max(self.rows, int(rows.max())), max(self.columns, int(columns.max()))
