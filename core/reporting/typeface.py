"""The typeface of printed reports: Source Sans, embedded, so that a report looks the same everywhere and Łódź is not L?d?."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files

from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, BOLD = "SourceSans", "SourceSans-Bold"
FILES = {REGULAR: "SourceSansPro-Regular.ttf", BOLD: "SourceSansPro-Semibold.ttf"}
UNKNOWN = "?"


@cache
def _letters() -> frozenset[int]:
    """Registers both weights; gives the characters they can write."""
    place = files("font_source_sans_pro") / "files"
    weights = {name: TTFont(name, str(place / file)) for name, file in FILES.items()}
    for weight in weights.values():
        pdfmetrics.registerFont(weight)
    return frozenset(weights[REGULAR].face.charToGlyph)


def prepare() -> None:
    """Make the typeface known to the PDF library; once per process."""
    _letters()


@lru_cache(maxsize=20_000)
def drawable(text: str) -> str:
    """The text in characters that the typeface has; others become a question mark, line ends and tabs a space."""
    letters = _letters()
    return "".join(
        letter if ord(letter) in letters and letter.isprintable() else " " if letter.isspace() else UNKNOWN
        for letter in text
    )


@lru_cache(maxsize=20_000)
def width(text: str, size: float, *, bold: bool = False) -> float:
    """Points that a drawable text takes."""
    return float(pdfmetrics.stringWidth(text, BOLD if bold else REGULAR, size))


def wrapped(text: str, size: float, room: float, *, bold: bool = False) -> list[str]:
    """A drawable text in lines that fit `room` points; a word longer than that is broken."""
    if width(text, size, bold=bold) <= room:
        return [text]
    lines: list[str] = []
    for line in simpleSplit(text, BOLD if bold else REGULAR, size, room):
        lines.extend(_broken(line, size, room, bold=bold))
    return lines or [""]


def _broken(line: str, size: float, room: float, *, bold: bool) -> list[str]:
    pieces: list[str] = []
    while len(line) > 1 and width(line, size, bold=bold) > room:
        fits = 1
        while fits < len(line) and width(line[: fits + 1], size, bold=bold) <= room:
            fits += 1
        pieces.append(line[:fits])
        line = line[fits:]
    return [*pieces, line]
