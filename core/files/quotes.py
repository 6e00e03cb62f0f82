"""Whether quotation marks in delimited text are all where they should be."""

from __future__ import annotations

import io

import numpy as np

QUOTE = 0x22
CHUNK = 8 * 1024 * 1024


def well_formed(utf8: bytes, delimiter: str, begin: int = 0) -> bool:
    """Whether each quoted cell opens at the start of a cell and closes at its end, so that every reader cuts it alike.

    Counted through the text each quotation mark opens or closes in turn (a doubled one closes and opens again), so an
    opening one must follow a separator, a line end or another mark, and a closing one must stand before one of these.
    """
    if utf8.find(b'"', begin) < 0:
        return True
    text = np.frombuffer(utf8, np.uint8)[begin:]
    ends = np.zeros(256, dtype=np.bool_)
    ends[[QUOTE, 0x0A, 0x0D, *delimiter.encode()[:1]]] = True
    seen = 0
    for place in range(0, len(text), CHUNK):
        marks = np.flatnonzero(text[place : place + CHUNK] == QUOTE) + place
        opening = marks[seen % 2 :: 2]
        closing = marks[1 - seen % 2 :: 2]
        seen += len(marks)
        before = opening[opening > 0] - 1
        after = closing[closing < len(text) - 1] + 1
        if not (ends[text[before]].all() and ends[text[after]].all()):
            return False
    return seen % 2 == 0


def opening_line(utf8: bytes, delimiter: str, after_line: int) -> int:
    """The line, counted from 1, on which the cell opens whose quotation marks are wrong; looked for behind `after_line`."""
    lines = io.TextIOWrapper(io.BytesIO(utf8), encoding="utf-8", errors="replace", newline="")
    state = _Scanner(delimiter)
    for number, line in enumerate(lines, start=1):
        if number > after_line:
            state.line(line.rstrip("\r\n"), number)
        if state.broken:
            break
    return state.opened or after_line + 1


class _Scanner:
    """Follows quotation marks line by line; stops at a mark that closes in the middle of a cell."""

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        self.inside = False
        self.opened = 0
        self.broken = False

    def line(self, line: str, number: int) -> None:
        start_of_cell = True
        position = 0
        while position < len(line):
            character = line[position]
            if self.inside and character == '"':
                following = line[position + 1 : position + 2]
                if following == '"':
                    position += 1
                elif following in ("", self.delimiter):
                    self.inside = False
                else:
                    self.broken = True
                    return
            elif not self.inside and character == '"' and start_of_cell:
                self.inside, self.opened = True, number
            start_of_cell = character == self.delimiter
            position += 1
