"""Excel workbooks (.xlsx, .xlsm): calamine reads the values; a look into the packed sheets finds what it does not tell.

Sheets with error values, formulas without results, merged cells, formats of zeros or cells far out are read cell by cell
(`sheet_xml`); all others are handed over as calamine gives them (import rules 3.6, 3.9, 3.10).
"""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import python_calamine as calamine
from lxml import etree

from core.domain.text import T
from core.files.archive import Archive, corrupt, too_large_unpacked
from core.files.cell_refs import Reach
from core.files.cell_texts import CellTexts
from core.files.grid import RowsGrid
from core.files.issues import ImportNote, Kind, NoteKind, RejectedFile, reject
from core.files.limits import Limits
from core.files.sheet_cells import NumberFormats, leading_zeros, shows_date
from core.files.sheet_xml import read_sheet, read_strings
from core.files.xml_safe import broken_xml, local, refuse_doctype

WORKBOOK = "xl/workbook.xml"
SHEET_TYPE = "/worksheet"
DENSE = 500_000
"""Cells of an area that may be mostly empty without harm."""
_HIDDEN_ROW = re.compile(rb"<(?:\w+:)?row\s[^>]*?\bhidden=[\"'](?:1|true)[\"']")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_UNSTORED = re.compile(
    rb"<(?:\w+:)?f(?:\s[^>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)\s*(?:</(?:\w+:)?c>|<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)"
)
_PREFIXED = (b":c ", b":c>", b":v>", b":v ", b":row ", b":row>")
"""Cells under a name space of their own, which the searches here would not see."""


@dataclass(slots=True)
class SheetFacts:
    """What a first look into a packed sheet showed. `special` sheets must be read cell by cell."""

    hidden_rows: int = 0
    special: bool = False
    reach: Reach = field(default_factory=Reach)

    @property
    def is_plain(self) -> bool:
        """Whether calamine may have it: it keeps the whole area from first to last cell, however empty."""
        area = self.reach.rows * self.reach.columns
        is_sparse = area > DENSE and area > 20 * self.reach.cells
        return self.reach.regular and not self.special and not is_sparse


def open_workbook(archive: Archive, limits: Limits) -> list[RowsGrid]:
    """The sheets of a workbook; hidden ones without rows. Raises RejectedFile for what is broken."""
    parts = _parts(archive)
    formats = _formats(archive, parts)
    padded = _style_pattern(formats)
    plain: dict[str, SheetFacts] = {}
    grids: dict[str, RowsGrid] = {}
    strings: list[str] | None = None
    texts = CellTexts(archive, parts.strings, limits)
    cells = 0
    for name, (path, visible) in parts.sheets.items():
        if not visible:
            grids[name] = RowsGrid(name, [], visible=False)
            continue
        facts = _facts(archive.chunks(path), padded)
        cells += facts.reach.cells
        if cells > limits.cells:
            raise too_large_unpacked(limits)
        if not (facts.is_plain and texts.can_be_copied(path, facts.reach.cells)):
            strings = _strings(archive, parts) if strings is None else strings
            rows = read_sheet(archive.read(path), strings, formats, limits)
            texts.count(rows)
            grids[name] = RowsGrid(
                name, rows, notes=hidden_rows_note(facts.hidden_rows, name), since_1904=parts.since_1904
            )
        else:
            plain[name] = facts
    if plain:
        _verify(archive, parts)
        grids.update(_by_calamine(archive.data, plain, parts, limits))
    return [grids[name] for name in parts.sheets]


@dataclass(slots=True)
class _Parts:
    """Where the parts of a workbook are: for each sheet its path and whether it is visible."""

    sheets: dict[str, tuple[str, bool]]
    strings: str
    styles: str
    since_1904: bool


def _parts(archive: Archive) -> _Parts:
    book = _tree(archive.read(WORKBOOK))
    relations: dict[str, tuple[str, str]] = {}
    relations_path = "xl/_rels/workbook.xml.rels"
    for relation in _tree(archive.read(relations_path)) if relations_path in archive else ():
        target = relation.get("Target", "")
        path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join("xl", target))
        relations[relation.get("Id", "")] = (relation.get("Type", ""), path)
    sheets: dict[str, tuple[str, bool]] = {}
    since_1904, used = False, {""}
    for element in book.iter():
        if local(element.tag) == "sheet":
            identifier = next((value for key, value in element.attrib.items() if local(key) == "id" and "}" in key), "")
            kind, path = relations.get(identifier, ("", ""))
            if path and path in used:
                # A part that is read again for each of ten thousand names.
                raise corrupt(path)
            used.add(path)
            if kind.endswith(SHEET_TYPE) and path in archive:
                sheets[element.get("name", "")] = (path, element.get("state", "visible") == "visible")
        elif local(element.tag) == "workbookPr":
            since_1904 = element.get("date1904", "0") in ("1", "true")
    if not sheets:
        raise corrupt()
    by_kind = {kind.rpartition("/")[2]: path for kind, path in relations.values()}
    return _Parts(sheets, by_kind.get("sharedStrings", ""), by_kind.get("styles", ""), since_1904)


def _tree(xml: bytes) -> Any:
    refuse_doctype(xml)
    try:
        return etree.fromstring(
            xml, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        )
    except etree.XMLSyntaxError as error:
        raise broken_xml(error) from error


def _strings(archive: Archive, parts: _Parts) -> list[str]:
    return read_strings(archive.read(parts.strings)) if parts.strings in archive else []


def _formats(archive: Archive, parts: _Parts) -> NumberFormats:
    if parts.styles not in archive:
        return NumberFormats(since_1904=parts.since_1904)
    codes: dict[int, str] = {}
    dates, zeros = set(), []
    styles = _tree(archive.read(parts.styles))
    for element in styles.iter("{*}numFmt"):
        codes[_format_id(element)] = element.get("formatCode", "")
    for cell_formats in styles.iter("{*}cellXfs"):
        for index, style in enumerate(cell_formats.iter("{*}xf")):
            number = _format_id(style)
            code = codes.get(number, "")
            if shows_date(number, code):
                dates.add(str(index))
            elif leading_zeros(code):
                zeros.append((str(index), leading_zeros(code)))
    return NumberFormats(frozenset(dates), tuple(zeros), parts.since_1904)


def _format_id(element: Any) -> int:
    text = element.get("numFmtId", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _style_pattern(formats: NumberFormats) -> re.Pattern[bytes] | None:
    """Finds a cell with a format of zeros."""
    if not formats.zeros:
        return None
    styles = "|".join(style for style, _ in formats.zeros)
    return re.compile(rb"<(?:\w+:)?c\s[^>]*?\bs=[\"'](?:" + styles.encode() + rb")[\"']")


def _facts(chunks: Iterator[bytes], padded: re.Pattern[bytes] | None) -> SheetFacts:
    facts = SheetFacts()
    carried = b""
    first = True
    for chunk in chunks:
        text = carried + chunk
        if first:
            refuse_doctype(text)
            facts.special = b"<worksheet" not in text or b"='" in text
            first = False
        cut = text.rfind(b"<row")
        carried, text = (text[cut:], text[:cut]) if cut > 0 else (b"", text)
        _look_at(text, facts, padded)
    _look_at(carried, facts, padded)
    return facts


def _look_at(text: bytes, facts: SheetFacts, padded: re.Pattern[bytes] | None) -> None:
    """Whole rows of a sheet. Plain searches come first: most sheets have none of these."""
    facts.reach.look_at(text)
    if b"hidden=" in text:
        facts.hidden_rows += len(_HIDDEN_ROW.findall(text))
    if facts.special:
        return
    unstored = b"<f" in text and _FORMULA.search(text) and _UNSTORED.search(text)
    prefixed = any(mark in text for mark in _PREFIXED)
    if prefixed or unstored or b' t="e"' in text or b"<mergeCell" in text or (padded and padded.search(text)):
        facts.special = True


def hidden_rows_note(count: int, sheet: str) -> tuple[ImportNote, ...]:
    """Says how many rows nobody sees were counted."""
    if not count:
        return ()
    message = T("{count} hidden rows are included: hidden or filtered-out rows are data.", count=count)
    return (ImportNote(kind=NoteKind.HIDDEN_ROWS, message=message, sheet=sheet),)


def _verify(archive: Archive, parts: _Parts) -> None:
    """The parts calamine will unpack by itself hold no more than they promise."""
    for name in (parts.strings, parts.styles):
        if name in archive:
            for _ in archive.chunks(name):
                pass


def _by_calamine(data: bytes, sheets: dict[str, SheetFacts], parts: _Parts, limits: Limits) -> dict[str, RowsGrid]:
    grids: dict[str, RowsGrid] = {}
    try:
        book = calamine.load_workbook(io.BytesIO(data))
        for name, facts in sheets.items():
            sheet = book.get_sheet_by_name(name)
            if sheet.total_width > limits.columns:
                raise too_wide(limits)
            rows = sheet.to_python(skip_empty_area=False)
            notes = hidden_rows_note(facts.hidden_rows, name)
            grids[name] = RowsGrid(name, rows, notes=notes, since_1904=parts.since_1904)
    except (calamine.CalamineError, ValueError, OSError) as error:
        raise corrupt() from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise corrupt() from error
    return grids


def too_wide(limits: Limits) -> RejectedFile:
    """A row reaches further than any table a portal writes."""
    return reject(
        Kind.FILE_TOO_LARGE,
        T("A row has more than {limit} columns.", limit=limits.columns),
        T("Export only the columns that are needed."),
    )
