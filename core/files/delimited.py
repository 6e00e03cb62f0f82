"""CSV and its kin (import rules 3.3): read by columns where every row has its cells, row by row where not."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from core.domain.text import T
from core.files.cells import Column, Rows
from core.files.grid import Body, RowsBody
from core.files.issues import ImportIssue, ImportNote, Kind, reject, shown
from core.files.limits import Limits
from core.files.quotes import opening_line, well_formed
from core.files.regular import even_out

DELIMITERS = ("\t", ";", ",", "|")
"""In the order that settles a tie."""
HEAD_ROWS = 64
HEAD_BYTES = (64 * 1024, 8 * 1024 * 1024)
"""How much is looked at for the first rows: little, and much where that holds too few."""
_WORDS = pa.dictionary(pa.int32(), pa.string())


@dataclass(slots=True)
class DelimitedGrid:
    """Delimited text. `head` holds the first rows; bodies are read from the bytes when they are asked for."""

    utf8: bytes
    delimiter: str
    limits: Limits
    name: str = ""
    visible: bool = True
    nth: int | None = None
    since_1904: bool = False
    notes: tuple[ImportNote, ...] = ()
    dropped_lines: int = 0
    """1 where a `sep=` line was taken off: row numbers count it."""
    head: list[list[str]] = field(default_factory=list)
    _offsets: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        for row, offset in first_records(self.utf8, self.delimiter, HEAD_ROWS):
            self.head.append(row)
            self._offsets.append(offset)

    def body(self, start: int, end: int | None, columns: Sequence[int]) -> Body:
        """Rows from `start` on. Raises RejectedFile where quotes or limits do not hold."""
        if end is None and 0 < start <= len(self._offsets) and columns:
            body = self._by_columns(start, columns)
            if body is not None:
                return body
        return self._by_rows(start, end)

    def _by_columns(self, start: int, columns: Sequence[int]) -> ArrowBody | None:
        """The rows read column-wise, odd ones made even first; None where quotes or line ends do not allow it."""
        offset, width = self._offsets[start - 1], len(self.head[start - 1])
        if width < 2 or not well_formed(self.utf8, self.delimiter, offset):
            return None
        text = memoryview(self.utf8)[offset : max(offset, _end_of_rows(self.utf8))]
        quoted = self.utf8.find(b'"', offset) >= 0
        body = ArrowBody(text, self.delimiter, self.limits, start + self.dropped_lines, width, quoted)
        if self.utf8[offset : offset + 1] not in (b"\r", b"\n") and body.load(columns):
            return body
        evened = even_out(self.utf8[offset:], self.delimiter, width)
        if evened is None:
            return None
        issues = tuple(_too_many(row, body.first + index + 1, width) for index, row in evened.too_long.items())
        body = ArrowBody(evened.utf8, self.delimiter, self.limits, body.first, width, quoted, issues, evened.places)
        return body if body.load(columns) else None

    def _by_rows(self, start: int, end: int | None) -> RowsBody:
        text = io.TextIOWrapper(io.BytesIO(self.utf8), encoding="utf-8", errors="replace", newline="")
        reader = csv.reader(text, delimiter=self.delimiter, strict=True)
        width = 0
        rows: list[list[str]] = []
        numbers: list[int] = []
        issues: list[ImportIssue] = []
        line = 0
        try:
            for index, row in enumerate(reader):
                line = reader.line_num
                if index >= self.limits.rows + start:
                    raise too_many_rows(self.limits)
                if index == start - 1:
                    width = len(row)
                if index < start or (end is not None and index >= end):
                    continue
                if width and len(row) > width and any(cell.strip() for cell in row[width:]):
                    issues.append(_too_many(row, index + 1 + self.dropped_lines, width))
                else:
                    rows.append(row)
                    numbers.append(index + 1 + self.dropped_lines)
        except csv.Error as error:
            raise self._malformed(line) from error
        return RowsBody(rows, start, issues, row_numbers=np.array(numbers, dtype=np.int64))

    def _malformed(self, last_good_line: int) -> Exception:
        opened = opening_line(self.utf8, self.delimiter, last_good_line) + self.dropped_lines
        return reject(
            Kind.CSV_MALFORMED,
            T(
                "A quotation mark that opens on line {line} is never closed, or text follows where it closes.",
                line=opened,
            ),
            T(
                "Open the file in a text editor and put the quotation mark on line {line} right, or export it again.",
                line=opened,
            ),
            row=opened,
        )


@dataclass(slots=True)
class ArrowBody:
    """Rows below a heading, read column-wise; each column is kept as codes into its distinct texts.

    `first` is the number of rows above; `places` are the indexes of the rows where some were left out.
    """

    utf8: bytes | memoryview
    delimiter: str
    limits: Limits
    first: int
    width: int
    quoted: bool
    issues: tuple[ImportIssue, ...] = ()
    places: Rows | None = None
    rows: int = 0
    _columns: dict[int, Column] = field(default_factory=dict)

    @property
    def numbers(self) -> Rows:
        if self.places is None:
            return np.arange(self.first + 1, self.first + 1 + self.rows, dtype=np.int64)
        return self.places + self.first + 1

    def column(self, index: int) -> Column:
        if index >= self.width:
            return Column.constant("", self.rows)
        if index not in self._columns:
            self.load([index])
        return self._columns[index]

    def load(self, columns: Sequence[int]) -> bool:
        """Read these columns; False where the rows are not all of one width (they are then read row by row)."""
        wanted = sorted({index for index in columns if index < self.width} - set(self._columns))
        names = [f"c{index}" for index in range(self.width)]
        chosen = [names[index] for index in wanted or [0]]
        buffer = pa.py_buffer(self.utf8)
        if not buffer.size:
            self._columns = {index: Column([], np.zeros(0, dtype=np.int32)) for index in wanted}
            return True
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(buffer),
                read_options=arrow_csv.ReadOptions(column_names=names, block_size=1 << 20),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=self.delimiter, newlines_in_values=self.quoted, ignore_empty_lines=False
                ),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=chosen,
                    column_types=dict.fromkeys(chosen, _WORDS),
                    strings_can_be_null=False,
                    check_utf8=False,
                ),
            )
        except pa.ArrowInvalid:
            return False
        if table.num_rows > self.limits.rows:
            raise too_many_rows(self.limits)
        self.rows = table.num_rows
        for index, name in zip(wanted, chosen, strict=False):
            self._columns[index] = _column(table.column(name))
        return True


def _column(chunked: pa.ChunkedArray) -> Column:
    unified = chunked.unify_dictionaries()
    if not unified.num_chunks:
        return Column([], np.zeros(0, dtype=np.int32))
    codes = np.concatenate([chunk.indices.to_numpy(zero_copy_only=False) for chunk in unified.chunks])
    return Column(unified.chunk(0).dictionary.to_pylist(), codes)


def open_delimited(
    utf8: bytes, limits: Limits, notes: tuple[ImportNote, ...] = (), delimiter: str = ""
) -> DelimitedGrid:
    """Delimited text as a grid; the delimiter is found out where it is not given."""
    dropped = 0
    told = _told_delimiter(utf8)
    if told:
        utf8, dropped = utf8[told[1] :], 1
    grid = DelimitedGrid(
        utf8, delimiter or (told[0] if told else best_delimiter(utf8)), limits, notes=notes, dropped_lines=dropped
    )
    if any(len(row) > limits.columns for row in grid.head):
        raise reject(
            Kind.FILE_TOO_LARGE,
            T("A row has more than {limit} columns.", limit=limits.columns),
            T("Export only the columns that are needed."),
        )
    return grid


def _told_delimiter(utf8: bytes) -> tuple[str, int] | None:
    """The character of a first line `sep=;`, and where the next line begins."""
    line = utf8[:12].split(b"\n", 1)[0]
    text = line.decode("utf-8", errors="replace").rstrip("\r").strip('"')
    if not text.casefold().startswith("sep=") or len(text) != 5:
        return None
    return text[4], min(len(line) + 1, len(utf8))


def best_delimiter(utf8: bytes) -> str:
    """The delimiter by which most of the first 20 lines that hold something have the same number of cells, more than one."""
    return max(DELIMITERS, key=lambda delimiter: (_agreement(utf8, delimiter), -DELIMITERS.index(delimiter)))


def _agreement(utf8: bytes, delimiter: str) -> int:
    rows = (row for row, _ in first_records(utf8, delimiter, HEAD_ROWS) if any(cell.strip() for cell in row))
    widths = [len(row) for row in islice(rows, 20)]
    common = Counter(width for width in widths if width > 1).most_common(1)
    return common[0][1] if common else 0


def first_records(utf8: bytes, delimiter: str, count: int) -> list[tuple[list[str], int]]:
    """The first rows of a text, each with the byte at which the next one begins."""
    found: list[tuple[list[str], int]] = []
    for size in HEAD_BYTES:
        cut = len(utf8) > size
        found = list(islice(_records(utf8[:size], delimiter), count))
        if not cut or len(found) == count:
            return found
    return found[:-1]


def _records(utf8: bytes, delimiter: str) -> Iterator[tuple[list[str], int]]:
    offset = 0
    text = io.StringIO(utf8.decode("utf-8", errors="ignore"), newline="")

    def lines() -> Iterator[str]:
        nonlocal offset
        for line in text:
            offset += len(line.encode())
            yield line

    try:
        for row in csv.reader(lines(), delimiter=delimiter):
            yield row, offset
    except csv.Error:
        return


def _end_of_rows(utf8: bytes) -> int:
    """Where the last row ends: blank lines behind it are nothing."""
    end = len(utf8)
    while end and utf8[end - 1] in b"\r\n":
        end -= 1
    return end


def _too_many(row: Sequence[str], number: int, width: int) -> ImportIssue:
    return ImportIssue(
        kind=Kind.TOO_MANY_CELLS,
        message=T(
            "Row {row} has {found} cells where the heading has {expected}.", row=number, found=len(row), expected=width
        ),
        row=number,
        text=shown(", ".join(row)),
        remedy=T(
            "A text with the separator in it must stand between quotation marks. Correct the row, or export it again."
        ),
    )


def too_many_rows(limits: Limits) -> Exception:
    return reject(
        Kind.FILE_TOO_LARGE,
        T("The file has more than {limit} rows.", limit=limits.rows),
        T("Export a shorter period, or split the file."),
    )
