"""A billing file in pieces of whole records, and each piece as columns. Memory follows the size of a piece, not of the file."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as arrow_parquet

from core.domain.errors import InputError
from core.domain.text import T
from core.files.consumption.layout import Layout, find_layout, layout_of
from core.files.consumption.sources import MOST_BYTES, Part, damaged
from core.files.issues import Kind, shown

__all__ = ["AMOUNTS", "EXACT", "Piece", "layout_of_part", "pieces_of", "texts_of"]

PIECE_BYTES = 4 * 1024 * 1024
PIECE_ROWS = 50_000
HEAD_BYTES = 256 * 1024
SPREADSHEET_BYTES = 200 * 1024 * 1024
"""Of a file in UTF-16, which no portal but a spreadsheet program writes: it is read whole."""
AT_ONCE = 2
"""Pieces that are made into columns at the same time."""
AMOUNTS = ("cost", "price", "quantity")
USUAL = pa.decimal128(38, 20)
EXACT = pa.decimal256(76, 38)
"""What sums are kept in: 38 digits before and after the point."""
_WORDS = pa.dictionary(pa.int32(), pa.string())
_QUOTE = 0x22
_WIDE = Context(prec=100)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some records of one file as columns by role: words as dictionaries, amounts exact."""

    layout: Layout
    columns: dict[str, pa.Array]
    rows: int
    text: memoryview = memoryview(b"")
    """The records themselves, where they are text."""


def pieces_of(part: Part) -> Iterator[Piece]:
    """The pieces of a file in order, read ahead in other threads.

    Raises InputError for a file that is damaged, no billing file, or has an amount that is no number.
    """
    if part.is_parquet:
        yield from _parquet(part)
        return
    with part.open() as stream, ThreadPoolExecutor(AT_ONCE, "consumption") as pool:
        waiting: list[Future[Piece]] = []
        for layout, text, quoted in _text_pieces(part, stream):
            waiting.append(pool.submit(_columns, part, layout, text, quoted))
            if len(waiting) > AT_ONCE:
                yield waiting.pop(0).result()
        for one in waiting:
            yield one.result()


def layout_of_part(part: Part) -> Layout:
    """What kind of billing file this is. Raises InputError where it is none."""
    with part.open() as stream:
        if part.is_parquet:
            try:
                return layout_of(arrow_parquet.ParquetFile(stream).schema_arrow.names, place=part.name)
            except (pa.ArrowInvalid, OSError) as error:
                raise damaged(part.name, str(error)[:200]) from error
        return find_layout(_decoded(stream.read(HEAD_BYTES)), place=part.name)[0]


def _decoded(text: bytes) -> bytes:
    """As UTF-8 without its mark."""
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return text.decode("utf-16", errors="replace").encode()
    return text.removeprefix(b"\xef\xbb\xbf")


def _text_pieces(part: Part, stream: IO[bytes]) -> Iterator[tuple[Layout, memoryview, bool]]:
    """The layout, the text of each piece, and whether there are quotation marks in it."""
    data = stream.read(HEAD_BYTES)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data += stream.read(SPREADSHEET_BYTES)
    data = _decoded(data)
    layout, offset = find_layout(data, place=part.name)
    data = data[offset:]
    read = len(data)
    while data:
        more = stream.read(PIECE_BYTES)
        read += len(more)
        if read > MOST_BYTES:
            raise damaged(part.name, "too large")
        cut = _end_of_records(data) if more else len(data)
        if cut:
            yield layout, memoryview(data)[:cut], data.find(b'"', 0, cut) >= 0
        data = data[cut:] + more
        if not more:
            return


def _end_of_records(text: bytes) -> int:
    """Where the last whole record ends: at a line end before which as many quotation marks were opened as closed."""
    open_quotes = int(np.count_nonzero(np.frombuffer(text, np.uint8) == _QUOTE)) % 2
    end = len(text)
    while (found := text.rfind(b"\n", 0, end)) >= 0:
        open_quotes = (open_quotes + text.count(b'"', found + 1, end)) % 2
        if not open_quotes:
            return found + 1
        end = found
    return 0


def _columns(part: Part, layout: Layout, text: memoryview, quoted: bool) -> Piece:
    roles = layout.roles
    try:
        table = _parsed(layout, roles, text, quoted, USUAL)
    except pa.ArrowInvalid as error:
        if "CSV parse error" in str(error):
            raise _malformed(part, error) from error
        table = _as_written(part, layout, text, quoted)
    columns = {role: _column(table, name) for role, name in roles.items()}
    for role in AMOUNTS:
        if role in columns and pa.types.is_string(columns[role].type):
            columns[role] = _exact(columns[role], part, roles[role])
    return Piece(layout, columns, table.num_rows, text)


def _as_written(part: Part, layout: Layout, text: memoryview, quoted: bool) -> pa.Table:
    """With amounts as text: one of them is no number as usual. Raises InputError where the bytes are no text either."""
    try:
        return _parsed(layout, layout.roles, text, quoted, pa.string())
    except pa.ArrowInvalid as error:
        raise damaged(part.name, str(error)[:200]) from error


def texts_of(piece: Piece, part: Part) -> pa.Table:
    """All columns of a piece of text, as they are written. Raises InputError where the bytes of one are no text."""
    try:
        return _all_texts(piece)
    except pa.ArrowInvalid as error:
        raise damaged(part.name, str(error)[:200]) from error


def _all_texts(piece: Piece) -> pa.Table:
    return arrow_csv.read_csv(
        pa.BufferReader(piece.text),
        read_options=arrow_csv.ReadOptions(column_names=list(piece.layout.header), block_size=len(piece.text) + 1),
        parse_options=arrow_csv.ParseOptions(delimiter=piece.layout.delimiter, newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(piece.layout.header, pa.string())),
    )


def _column(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _parsed(layout: Layout, roles: dict[str, str], text: memoryview, quoted: bool, amounts: pa.DataType) -> pa.Table:
    types = {name: amounts if role in AMOUNTS else _WORDS for role, name in roles.items()}
    return arrow_csv.read_csv(
        pa.BufferReader(text),
        read_options=arrow_csv.ReadOptions(
            column_names=list(layout.header), use_threads=False, block_size=len(text) + 1
        ),
        parse_options=arrow_csv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=quoted),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types, include_columns=list(types), null_values=[""], strings_can_be_null=False
        ),
    )


def _malformed(part: Part, error: Exception) -> InputError:
    return InputError(
        T("A row of the file has more or fewer cells than the heading."),
        place=part.name,
        remedy=T("Download it again; if that does not help, export it in another format."),
        detail=str(error)[:200],
        kind=Kind.CSV_MALFORMED,
    )


def _exact(texts: pa.Array, part: Part, column: str) -> pa.Array:
    """Amounts that the fast way cannot hold, one by one: with very many digits, or none at all."""
    return pa.array([_amount(text, part, column) for text in texts.to_pylist()], EXACT)


def _amount(text: str | None, part: Part, column: str) -> Decimal | None:
    if not text or not text.strip():
        return None
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        value = Decimal("NaN")
    if value.is_finite() and value.copy_abs() < Decimal(10) ** 37:
        return value.quantize(Decimal(1).scaleb(-38), context=_WIDE) if int(value.as_tuple().exponent) < -38 else value
    raise InputError(
        T("{text} in column {column} is no amount.", text=shown(text), column=column),
        place=part.name,
        remedy=T("Use the file as Microsoft wrote it: a spreadsheet program changes its dates and amounts."),
        kind=Kind.NOT_A_NUMBER,
    )


def _parquet(part: Part) -> Iterator[Piece]:
    with part.open() as stream:
        try:
            file = arrow_parquet.ParquetFile(stream)
            layout = layout_of(file.schema_arrow.names, place=part.name)
            for batch in file.iter_batches(PIECE_ROWS, columns=list(layout.roles.values())):
                columns = {
                    role: _as_amounts(batch.column(name)) if role in AMOUNTS else _as_words(batch.column(name))
                    for role, name in layout.roles.items()
                }
                yield Piece(layout, columns, batch.num_rows)
        except (pa.ArrowInvalid, OSError) as error:
            raise damaged(part.name, str(error)[:200]) from error


def _as_amounts(array: pa.Array) -> pa.Array:
    """Floating point by its shortest text: what was written into it."""
    if pa.types.is_floating(array.type):
        array = array.cast(pa.string())
    return array.cast(EXACT)


def _as_words(array: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(pa.string()).fill_null("").dictionary_encode()
