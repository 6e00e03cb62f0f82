"""Finding the heading row, and in it the columns a mapping names (import rules 3.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rapidfuzz import fuzz, process

from core.domain.text import T, Text
from core.files.cells import Cell, MergedInto, display, is_blank
from core.files.issues import ImportIssue, Kind, column_letter
from core.files.numbers import Ambiguous, Unreadable, read_cell

_POSITION = re.compile(r"(?P<name>.+)#(?P<nth>[1-9]\d?)")
_CURRENCY_NAME = re.compile(r"\s*\((?:[a-z]{3}|[€$£])\)$")
SYNONYMS = (
    frozenset(
        {
            "qty",
            "quantity",
            "count",
            "aantal",
            "anzahl",
            "menge",
            "quantité",
            "amount",
            "units",
            "seats",
            "licenses",
            "licences",
            "licenties",
        }
    ),
    frozenset(
        {
            "customer",
            "client",
            "klant",
            "kunde",
            "company",
            "organization",
            "organisation",
            "bedrijf",
            "tenant",
            "account",
            "customer name",
        }
    ),
    frozenset(
        {
            "product",
            "service",
            "sku",
            "artikel",
            "item",
            "plan",
            "license",
            "licence",
            "licentie",
            "subscription",
            "product name",
        }
    ),
)


def folded(heading: str) -> str:
    """A heading as it is compared: trimmed, inner spaces collapsed, without case, marks and non-breaking spaces."""
    return " ".join(heading.replace("\ufeff", "").replace("\u200b", "").split()).casefold()


@dataclass(frozen=True, slots=True)
class Header:
    """The heading row of a table: `row` is its (last) index, 0 being the first row of the sheet."""

    row: int
    names: tuple[str, ...]
    dropped: int = 0
    """Lines before the first row that are no rows (`sep=;`)."""

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(folded(name) for name in self.names)

    def places(self, heading: str) -> list[int]:
        """The columns a heading may mean: none, one, or several when it is ambiguous."""
        wanted, keys = folded(heading), self.keys
        found = [index for index, key in enumerate(keys) if key == wanted]
        if found:
            return found
        position = _POSITION.fullmatch(wanted)
        if position:
            same = [index for index, key in enumerate(keys) if key == position["name"].strip()]
            nth = int(position["nth"])
            return same[nth - 1 : nth]
        bare = _CURRENCY_NAME.sub("", wanted)
        return [
            index
            for index, key in enumerate(keys)
            if bare and _CURRENCY_NAME.search(key) and _CURRENCY_NAME.sub("", key) == bare
        ]


def header_at(rows: Sequence[Sequence[Cell]], row: int, lines: int = 1) -> Header:
    """The heading that ends at index `row`; headings of several lines are joined as `Group / Name`."""
    if lines == 1:
        return Header(row, tuple(_names(rows[row])))
    block = [_group_names(line) for line in rows[max(0, row - lines + 1) : row]] + [_names(rows[row])]
    width = max(map(len, block))
    padded = [names + [""] * (width - len(names)) for names in block]
    joined = (dict.fromkeys(part for part in parts if part) for parts in zip(*padded, strict=True))
    return Header(row, tuple(map(" / ".join, joined)))


def _name(cell: Cell) -> str:
    return " ".join(display(cell).replace("\ufeff", "").split())


def _names(cells: Sequence[Cell]) -> list[str]:
    """The headings of a line. One that is merged over several columns is that of the first; merged downwards it counts."""
    names: list[str] = []
    for cell in cells:
        name = _name(cell)
        stretched = isinstance(cell, MergedInto) and _last(names) == name
        names.append("" if stretched else name)
    return names


def _last(names: Sequence[str]) -> str:
    return next((name for name in reversed(names) if name), "")


def _group_names(cells: Sequence[Cell]) -> list[str]:
    """A group's name stands in its first cell and belongs to the empty ones that follow; merged cells say so themselves."""
    merged = any(isinstance(cell, MergedInto) for cell in cells)
    names: list[str] = []
    for cell in cells:
        name = _name(cell)
        names.append(name or (names[-1] if names and not merged else ""))
    return names


def find_header(rows: Sequence[Sequence[Cell]], wanted: Iterable[str], lines: int, search: int) -> Header | None:
    """The first row among the first `search` that holds all wanted headings."""
    needed = list(wanted)
    for row in range(lines - 1, min(len(rows), search)):
        header = header_at(rows, row, lines)
        if all(header.places(heading) for heading in needed):
            return header
    return None


def likely_header(rows: Sequence[Sequence[Cell]], search: int) -> int | None:
    """The row with most distinct text cells that is followed by at least one row with a number (for a new mapping)."""
    looked_at = rows[:search]
    last_number = max((row for row, cells in enumerate(rows) if any(map(_is_number, cells))), default=-1)
    words = [len({folded(cell) for cell in cells if _is_word(cell)}) for cells in looked_at]
    with_numbers_below = [row for row in range(len(looked_at)) if words[row] and row < last_number]
    candidates = with_numbers_below or [row for row in range(len(looked_at)) if words[row]]
    return max(candidates, key=lambda row: (words[row], -row), default=None)


def _is_word(cell: Cell) -> bool:
    return isinstance(cell, str) and not is_blank(cell) and isinstance(read_cell(cell), Unreadable)


def _is_number(cell: Cell) -> bool:
    return isinstance(read_cell(cell), Decimal | Ambiguous)


def best_effort(rows: Sequence[Sequence[Cell]], wanted: Sequence[str], lines: int, search: int) -> Header | None:
    """The row that holds most of the wanted headings, for saying what is missing; None where no row holds any."""
    best: tuple[int, Header] | None = None
    for row in range(lines - 1, min(len(rows), search)):
        header = header_at(rows, row, lines)
        held = sum(bool(header.places(heading)) for heading in wanted)
        if held and (best is None or held > best[0]):
            best = held, header
    return best[1] if best else None


def ambiguous(header: Header, heading: str, sheet: str) -> ImportIssue:
    """Several columns bear a heading that is needed."""
    places = header.places(heading)
    letters = tuple(column_letter(place) for place in places)
    return ImportIssue(
        kind=Kind.COLUMN_AMBIGUOUS,
        message=T("Several columns are headed “{heading}”: columns {columns}.", heading=heading, columns=letters),
        sheet=sheet,
        row=header.row + 1 + header.dropped,
        column=letters[0],
        text=heading,
        remedy=T(
            "Choose one of them in the mapping, for example {example} for the second one.", example=f"{heading}#2"
        ),
    )


def missing(header: Header, heading: str, sheet: str) -> ImportIssue:
    """No column bears a heading that is needed."""
    names = [name for name in header.names if name]
    near = nearest(heading, names)
    return ImportIssue(
        kind=Kind.COLUMN_MISSING,
        message=T(
            "There is no column “{heading}”. The headings found are: {found}.", heading=heading, found=tuple(names[:40])
        ),
        sheet=sheet,
        row=header.row + 1 + header.dropped,
        text=heading,
        remedy=_missing_remedy(near),
    )


def _missing_remedy(near: str) -> Text:
    if near:
        return T(
            "Perhaps it is now called “{name}”: choose it in the mapping, or export the file with that column.",
            name=near,
        )
    return T("Choose another column in the mapping, or export the file with that column.")


def nearest(heading: str, names: Sequence[str]) -> str:
    """The heading most like a missing one: another word for the same, or nearly the same letters; empty where none is near."""
    wanted = folded(heading)
    for group in SYNONYMS:
        if wanted in group:
            for name in names:
                if folded(name) in group:
                    return name
    match = process.extractOne(wanted, [folded(name) for name in names], scorer=fuzz.WRatio, score_cutoff=70)
    return names[match[2]] if match else ""
