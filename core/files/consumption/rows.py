"""The records of a file behind one consumption line, read again when somebody wants to see them (S1-68, M13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as arrow_parquet

from core.domain.consumption import ConsumptionLine
from core.domain.consumption_settings import AS_USUAL, ConsumptionSettings
from core.domain.reconciliation import licence_amounts
from core.files.consumption.chunks import Piece, layout_of_part, pieces_of, texts_of
from core.files.consumption.grouping import GRAIN, Grouping
from core.files.consumption.layout import Dialect
from core.files.consumption.licences import licence_rows
from core.files.consumption.lines import lines_of
from core.files.consumption.runs import chosen_parts
from core.files.consumption.sources import Part, parts_of

__all__ = ["SourceRow", "source_rows"]


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One record as the file has it. `row` counts as a spreadsheet does; `cells` by heading, empty ones left out."""

    file: str
    row: int
    cells: Mapping[str, str]


def source_rows(
    paths: Sequence[Path] | Path,
    line: ConsumptionLine,
    *,
    options: ConsumptionSettings = AS_USUAL,
    limit: int = 1000,
) -> list[SourceRow]:
    """The records that were added up to `line`, in their order, at most `limit`. `options` must be those it was read with.

    Raises InputError as `read_consumption`. A line that these files do not hold has no records.
    """
    found: list[SourceRow] = []
    for chosen in chosen_parts(parts_of([paths] if isinstance(paths, Path) else list(paths)), options).parts:
        licences = layout_of_part(chosen.part).dialect is Dialect.LICENCES
        for row in _licence_rows(chosen.part, line) if licences else _cost_rows(chosen.part, line, options):
            found.append(row)
            if len(found) >= min(limit, line.origin.rows):
                return found
    return found


def _cost_rows(part: Part, line: ConsumptionLine, options: ConsumptionSettings) -> Iterator[SourceRow]:
    done = 0
    grouping = Grouping(options)
    for piece in pieces_of(part):
        grouping.forget()
        grouping.add(piece, 0, done)
        matching = {
            int(one.origin.place.removeprefix("row ")) - done
            for one in lines_of(grouping, [part.name], date.min, customer_id=line.customer_id)
            if _same(one, line)
        }
        if matching:
            for index, cells in _records(part, piece, _members(grouping, piece, matching), done):
                yield SourceRow(part.name, piece.layout.header_row + 1 + done + index, cells)
        done += piece.rows


def _same(one: ConsumptionLine, other: ConsumptionLine) -> bool:
    """Whether two lines stand for the same thing, whatever they come to."""
    return (
        one.customer_id == other.customer_id
        and one.resource_key == other.resource_key
        and (one.kind, one.currency, one.unit) == (other.kind, other.currency, other.unit)
        and (one.period_start, one.period_end) == (other.period_start, other.period_end)
        and _told(one) == _told(other)
    )


def _told(line: ConsumptionLine) -> dict[str, str]:
    """Dimensions but for names, which may differ from piece to piece."""
    return {name: value for name, value in line.dimensions.items() if name != "subscription"}


def _members(grouping: Grouping, piece: Piece, firsts: set[int]) -> list[int]:
    """All records of a piece that are alike in every column of the grain with one of these."""
    codes = grouping.codes(piece)
    chosen = np.zeros(piece.rows, np.bool_)
    for first in firsts:
        alike = np.ones(piece.rows, np.bool_)
        for name in GRAIN:
            alike &= codes[name] == codes[name][first]
        chosen |= alike
    return [int(index) for index in np.flatnonzero(chosen)]


def _records(part: Part, piece: Piece, indexes: list[int], done: int) -> Iterator[tuple[int, dict[str, str]]]:
    if part.is_parquet:
        with part.open() as stream:
            table = arrow_parquet.read_table(stream).slice(done, piece.rows).take(indexes)
        for index, record in zip(indexes, table.to_pylist(), strict=True):
            yield index, {name: str(value) for name, value in record.items() if value not in (None, "")}
        return
    for index, record in zip(indexes, texts_of(piece, part).take(indexes).to_pylist(), strict=True):
        yield index, {name: cell for name, cell in record.items() if cell}


def _licence_rows(part: Part, line: ConsumptionLine) -> Iterator[SourceRow]:
    for row in licence_rows(part):
        if any(_same(one, line) for one in licence_amounts([row], date.min, licences=True)):
            yield SourceRow(
                row.source,
                int(row.place.removeprefix("row ")),
                {name: cell for name, cell in row.cells.items() if cell},
            )
