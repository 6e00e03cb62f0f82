"""Delimited text with a few odd rows made even, so that it can still be read column-wise."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np

from core.files.cells import Rows

QUOTE, LINE_END, RETURN = 0x22, 0x0A, 0x0D
MOST_ODD = 200_000
"""With more odd rows than this there is nothing to gain."""


@dataclass(frozen=True, slots=True)
class Evened:
    """Text whose rows are all of one width. `places` are the indexes of its rows among all rows of the original, `too_long`
    the rows that hold more than the heading and were left out, by index.
    """

    utf8: bytes
    places: Rows
    too_long: dict[int, list[str]]


def even_out(utf8: bytes, delimiter: str, width: int) -> Evened | None:
    """Fill up short rows, cut empty cells off long ones, leave out blank rows. The quotes of the text must be well-formed.

    None where line ends are of several kinds or most rows are odd.
    """
    if utf8.count(b"\r") != utf8.count(b"\r\n"):
        return None
    text = np.frombuffer(utf8, np.uint8)
    quotes = np.flatnonzero(text == QUOTE)
    ends = _outside(np.flatnonzero(text == LINE_END), quotes)
    if not len(utf8) or utf8[-1] != LINE_END:
        ends = np.append(ends, len(utf8))
    separators = _outside(np.flatnonzero(text == ord(delimiter)), quotes)
    starts = np.concatenate(([0], ends[:-1] + 1))
    held = np.bincount(np.searchsorted(ends, separators), minlength=len(ends))[: len(ends)]
    odd = np.flatnonzero(held != width - 1)
    if len(odd) > MOST_ODD:
        return None
    return _rewritten(utf8, delimiter, width, starts, ends, odd)


def _outside(places: Rows, quotes: Rows) -> Rows:
    """Those places before which as many quotation marks were opened as closed."""
    return places if not len(quotes) else places[np.searchsorted(quotes, places) % 2 == 0]


def _rewritten(utf8: bytes, delimiter: str, width: int, starts: Rows, ends: Rows, odd: Rows) -> Evened:
    out = io.BytesIO()
    kept = np.ones(len(ends), dtype=np.bool_)
    too_long: dict[int, list[str]] = {}
    done = 0
    for index in odd.tolist():
        start, end = int(starts[index]), int(ends[index])
        out.write(utf8[done:start])
        done = end + 1
        row = _cells(utf8[start:end], delimiter)
        if any(cell.strip() for cell in row[width:]):
            too_long[index] = row
            kept[index] = False
        elif any(cell.strip() for cell in row):
            out.write(_line((row + [""] * width)[:width], delimiter))
        else:
            kept[index] = False
    out.write(utf8[done:])
    return Evened(out.getvalue(), np.flatnonzero(kept), too_long)


def _cells(line: bytes, delimiter: str) -> list[str]:
    text = io.StringIO(line.decode("utf-8", errors="replace"), newline="")
    return next(csv.reader(text, delimiter=delimiter), [])


def _line(cells: list[str], delimiter: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()
