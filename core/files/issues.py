"""What can be wrong with a file or a row, and what may be worth telling (import rules, Part 4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.domain.text import Text

SHOWN_CHARACTERS = 80


class Kind(StrEnum):
    """Error kinds. Those of the whole file come first, then those of one row."""

    FILE_EMPTY = "file_empty"
    NO_DATA_ROWS = "no_data_rows"
    FILE_TYPE_UNSUPPORTED = "file_type_unsupported"
    FILE_ENCRYPTED = "file_encrypted"
    FILE_CORRUPT = "file_corrupt"
    FILE_TOO_LARGE = "file_too_large"
    HTML_WITHOUT_TABLE = "html_without_table"
    CSV_MALFORMED = "csv_malformed"
    HEADER_NOT_FOUND = "header_not_found"
    COLUMN_MISSING = "column_missing"
    COLUMN_AMBIGUOUS = "column_ambiguous"
    SHEET_AMBIGUOUS = "sheet_ambiguous"
    SHEET_MISSING = "sheet_missing"
    DUPLICATE_FILE = "duplicate_file"
    PERIOD_MISMATCH = "period_mismatch"
    CONTROL_TOTAL_DIFFERS = "control_total_differs"

    CUSTOMER_MISSING = "customer_missing"
    PRODUCT_MISSING = "product_missing"
    NOT_A_NUMBER = "not_a_number"
    AMBIGUOUS_NUMBER = "ambiguous_number"
    NEGATIVE_TOTAL = "negative_total"
    NOT_WHOLE = "not_whole"
    LOSSY_IDENTIFIER = "lossy_identifier"
    FORMULA_WITHOUT_VALUE = "formula_without_value"
    CELL_ERROR_VALUE = "cell_error_value"
    QUANTITY_IS_DATE = "quantity_is_date"
    TOO_MANY_CELLS = "too_many_cells"
    NOT_A_DATE = "not_a_date"
    AMBIGUOUS_DATE = "ambiguous_date"
    SAME_DATE = "same_date"
    RECORD_UNREADABLE = "record_unreadable"


class NoteKind(StrEnum):
    """Things that did not stop a file but that somebody may want to know."""

    HEADER_ROW = "header_row"
    TOTALS_SKIPPED = "totals_skipped"
    NO_VALUE = "no_value"
    WEB_PAGE = "web_page_as_spreadsheet"
    HIDDEN_ROWS = "hidden_rows"
    SHEET_SKIPPED = "sheet_skipped"
    CONTROL_CHARACTERS = "control_characters"
    UNDEFINED_BYTES = "undefined_bytes"
    DOUBLY_ENCODED = "doubly_encoded"
    DUPLICATE_KEYS = "duplicate_keys"
    PRICE_DIFFERS = "price_differs"
    PRICE_UNREADABLE = "price_unreadable"
    BIG_CHANGE = "big_change"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportIssue:
    """One error. `row` counts as a spreadsheet does (the first is 1), `column` is its letter, `text` what stands there,
    cut at 80 characters. `remedy` says what to do.
    """

    kind: str
    message: Text
    sheet: str = ""
    row: int | None = None
    column: str = ""
    text: str = ""
    remedy: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportNote:
    """Something worth telling that stops nothing. `row` is where it begins, where it has a place."""

    kind: str
    message: Text
    sheet: str = ""
    row: int | None = None


class RejectedFile(Exception):
    """The whole file is refused. Stays inside `core.files`: the importer turns it into a result."""

    def __init__(self, *issues: ImportIssue) -> None:
        super().__init__("; ".join(str(issue.message) for issue in issues))
        self.issues = issues


def reject(kind: Kind, message: Text, remedy: Text | None = None, **place: object) -> RejectedFile:
    """The refusal of a file: raise what this returns. `place` takes `sheet`, `row`, `column`, `text`."""
    text = shown(place.pop("text", ""))
    return RejectedFile(ImportIssue(kind=kind, message=message, remedy=remedy, text=text, **place))  # type: ignore[arg-type]


def shown(value: object) -> str:
    """A cell's text as it is told to people: one line, at most 80 characters."""
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def column_letter(index: int) -> str:
    """`A` for 0, `Z` for 25, `AA` for 26."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
