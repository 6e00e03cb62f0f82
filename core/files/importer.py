"""One file in, usage lines out: the entry of `core.files`."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from core.domain.file_settings import FileSettings, FromFileName, FromSheetName
from core.domain.text import T
from core.domain.usage import Scope, UsageLine
from core.files.amounts import amount_lines
from core.files.control import check_file_name, check_names, check_period, check_total, compare_totals
from core.files.findings import Findings
from core.files.html import without_table
from core.files.inspection import Inspection, inspect
from core.files.issues import ImportIssue, ImportNote, Kind, NoteKind, RejectedFile, reject
from core.files.limits import Limits
from core.files.lines import total_of, usage_lines
from core.files.locate import Found, locate
from core.files.readers import Opened, load, open_file
from core.files.records import read_records
from core.files.result import ImportResult, Outcome
from core.files.suggest import Suggestion
from core.files.table import Table, open_table

__all__ = [
    "ImportIssue",
    "ImportNote",
    "ImportResult",
    "Inspection",
    "Limits",
    "Outcome",
    "Suggestion",
    "import_file",
    "inspect",
]


def import_file(
    data: bytes | Path,
    file_name: str,
    settings: FileSettings,
    *,
    known_hashes: Collection[str] = frozenset(),
    previous_total: Decimal | None = None,
    limits: Limits = Limits(),
) -> ImportResult:
    """Read one file by a mapping. Bad content never raises: it gives a rejected result, or one that needs review.

    `known_hashes` are the SHA-256 of earlier imports: the same file is rejected as `duplicate_file`; leave them out to import it
    again. `previous_total` is the sum of the quantities of the last import, for the warning `big_change`.
    """
    try:
        content = load(data, limits)
    except RejectedFile as refused:
        return ImportResult(outcome=Outcome.REJECTED, file_name=file_name, sha256="", errors=refused.issues)
    with _Digest(content) as digest:
        try:
            if known_hashes:
                _refuse_known(digest.value(), known_hashes)
            result = _Import(content, file_name, settings, limits, digest).run(previous_total)
        except RejectedFile as refused:
            result = ImportResult(outcome=Outcome.REJECTED, file_name=file_name, sha256="", errors=refused.issues)
        return replace(result, sha256=digest.value())


class _Digest(AbstractContextManager["_Digest"]):
    """The SHA-256 of a file, worked out on another core from the moment it is started."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._pool = ThreadPoolExecutor(1, "file-digest")
        self._found: Future[str] | None = None

    def start(self) -> Future[str]:
        if self._found is None:
            self._found = self._pool.submit(lambda: hashlib.sha256(self._content).hexdigest())
        return self._found

    def value(self) -> str:
        return self.start().result()

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()


def _refuse_known(digest: str, known_hashes: Collection[str]) -> None:
    if digest in known_hashes:
        raise reject(
            Kind.DUPLICATE_FILE,
            T("This very file was imported before."),
            T("Choose “import again” if you mean it; otherwise nothing needs to be done."),
        )


@dataclass(slots=True)
class _Import:
    """The way of one file: open, find the tables, read their records, sum them up. Raises RejectedFile on the way."""

    content: bytes
    file_name: str
    settings: FileSettings
    limits: Limits
    digest: _Digest

    def run(self, previous_total: Decimal | None) -> ImportResult:
        if not self.settings.is_mapped:
            raise reject(
                Kind.COLUMN_MISSING,
                T("It was not chosen yet which columns hold the customer, the product and the quantity."),
                T("Choose them on the preview of the file."),
            )
        check_file_name(self.settings, self.file_name)
        findings = Findings(self.limits)
        tables = self._tables(findings)
        self.digest.start()
        check_names(tables, findings, self.limits)
        records = read_records(tables, self.settings, findings)
        lines = usage_lines(records, tables, self.settings, findings, self.file_name)
        amounts = amount_lines(records, tables, self.settings, findings, self.file_name)
        if not lines and not amounts and not findings.issues:
            raise reject(
                Kind.NO_DATA_ROWS,
                T("No row of the file holds a quantity of a customer that is not left out by the mapping's filter."),
                T("Look at the filter in the mapping, or export the file again; nothing was changed."),
            )
        check_period(records, self.settings)
        total = total_of(lines)
        if not findings.issues:
            check_total(total, self.settings)
        compare_totals(total, previous_total, self.settings, findings)
        findings.close()
        return replace(self._result(lines, findings, tables), amounts=amounts)

    def _tables(self, findings: Findings) -> list[Table]:
        """The tables the mapping reads, with what there is to say about the file and its sheets."""
        opened = open_file(self.content, self.file_name, self.settings, self.limits)
        found = self._locate(opened)
        tables = [open_table(table, self.settings, self.file_name) for table in found.tables]
        if not any(table.body.rows or table.body.issues for table in tables):
            raise reject(
                Kind.NO_DATA_ROWS,
                T("There are headings but no rows below them."),
                T("Export it again; nothing was changed."),
            )
        findings.notes.extend(opened.notes)
        self._tell_headings(tables, findings)
        findings.notes.extend(found.notes)
        for issue in found.issues:
            findings.add(issue)
            findings.unplaced = True
        return tables

    def _locate(self, opened: Opened) -> Found:
        try:
            return locate(opened.grids, self.settings, self.limits)
        except RejectedFile as refused:
            if opened.type == "html" and refused.issues[0].kind == Kind.HEADER_NOT_FOUND:
                raise without_table() from refused
            raise

    def _tell_headings(self, tables: list[Table], findings: Findings) -> None:
        for table in tables:
            findings.notes.extend(table.located.grid.notes)
            row = table.located.layout.header.row + 1
            if row > self.settings.header_rows:
                row += table.located.grid.dropped_lines
                findings.note(NoteKind.HEADER_ROW, T("The headings are on row {row}.", row=row), table.sheet, row)

    def _result(self, lines: tuple[UsageLine, ...], findings: Findings, tables: list[Table]) -> ImportResult:
        outcome = Outcome.OK_WITH_NOTES if findings.notes else Outcome.OK
        if findings.issues:
            outcome = Outcome.NEEDS_REVIEW
        one_customer = isinstance(self.settings.customer, FromFileName | FromSheetName)
        scope = Scope.LINES
        if self.settings.complete:
            scope = Scope.CUSTOMERS if one_customer else Scope.PORTAL
        covered = frozenset(_named_by_place(tables)) if scope is Scope.CUSTOMERS else frozenset[str]()
        return ImportResult(
            outcome=outcome,
            file_name=self.file_name,
            sha256="",
            lines=lines,
            notes=tuple(findings.notes),
            errors=tuple(findings.issues),
            affected_customers=MappingProxyType(dict(findings.customers)),
            unplaced=findings.unplaced,
            rows_read=sum(table.body.rows for table in tables),
            scope=scope,
            covered=covered,
        )


def _named_by_place(tables: list[Table]) -> Iterator[str]:
    """The customers that a file or its sheets are named after, where there is at least one row of theirs."""
    for table in tables:
        if table.body.rows:
            yield from (str(name) for name in table.names["customer"].values)
