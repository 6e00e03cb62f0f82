"""One file in, usage lines out: the entry of `core.files`."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from core.domain.file_settings import FileSettings, FromFileName, FromSheetName
from core.domain.text import T
from core.domain.usage import Scope, UsageLine
from core.files.decode import looks_doubly_encoded, repaired
from core.files.findings import Findings
from core.files.html import without_table
from core.files.inspection import Inspection, inspect
from core.files.issues import ImportIssue, ImportNote, Kind, NoteKind, RejectedFile, reject
from core.files.limits import Limits
from core.files.lines import months_of, total_of, usage_lines
from core.files.locate import Found, locate
from core.files.readers import Opened, load, open_file
from core.files.records import read_records
from core.files.result import ImportResult, Outcome
from core.files.suggest import Suggestion
from core.files.table import Table, file_part, open_table

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
    with ThreadPoolExecutor(1, "file-digest") as beside:
        digest = beside.submit(lambda: hashlib.sha256(content).hexdigest())
        try:
            if known_hashes:
                _refuse_known(digest.result(), known_hashes)
            result = _Import(content, file_name, settings, limits).run(previous_total)
        except RejectedFile as refused:
            result = ImportResult(outcome=Outcome.REJECTED, file_name=file_name, sha256="", errors=refused.issues)
        return replace(result, sha256=digest.result())


def _refuse_known(digest: str, known_hashes: Collection[str]) -> None:
    if digest in known_hashes:
        raise reject(
            Kind.DUPLICATE_FILE,
            T("This very file was imported before."),
            T("Choose “import again” if you mean it; otherwise nothing needs to be done."),
        )


@dataclass(slots=True)
class _Import:
    content: bytes
    file_name: str
    settings: FileSettings
    limits: Limits

    def run(self, previous_total: Decimal | None) -> ImportResult:
        if not self.settings.is_mapped:
            raise reject(
                Kind.COLUMN_MISSING,
                T("It was not chosen yet which columns hold the customer, the product and the quantity."),
                T("Choose them on the preview of the file."),
            )
        self._check_file_name()
        opened = open_file(self.content, self.file_name, self.settings, self.limits)
        findings = Findings(self.limits, notes=list(opened.notes))
        found = self._locate(opened)
        tables = [open_table(table, self.settings, self.file_name) for table in found.tables]
        self._tell_places(tables, findings)
        self._tell_names(tables, findings)
        for issue in found.issues:
            findings.add(issue)
            findings.unplaced = True
        findings.notes.extend(found.notes)
        if not any(table.body.rows or table.body.issues for table in tables):
            raise reject(
                Kind.NO_DATA_ROWS,
                T("There are headings but no rows below them."),
                T("Export it again; nothing was changed."),
            )
        records = read_records(tables, self.settings, findings)
        lines = usage_lines(records, tables, self.settings, findings, self.file_name)
        if not lines and not findings.issues:
            raise reject(
                Kind.NO_DATA_ROWS,
                T("No row of the file holds a quantity of a customer that is not left out by the mapping's filter."),
                T("Look at the filter in the mapping, or export the file again; nothing was changed."),
            )
        self._check_period(tables)
        self._check_total(lines, findings)
        self._compare(lines, previous_total, findings)
        findings.close()
        return self._result(lines, findings, tables)

    def _locate(self, opened: Opened) -> Found:
        try:
            return locate(opened.grids, self.settings, self.limits)
        except RejectedFile as refused:
            if opened.type == "html" and refused.issues[0].kind == Kind.HEADER_NOT_FOUND:
                raise without_table() from refused
            raise

    def _check_file_name(self) -> None:
        for role in ("customer", "product", "period"):
            source = getattr(self.settings, role)
            if isinstance(source, FromFileName) and not file_part(source, self.file_name):
                raise reject(
                    Kind.PRODUCT_MISSING
                    if role == "product"
                    else Kind.CUSTOMER_MISSING
                    if role == "customer"
                    else Kind.PERIOD_MISMATCH,
                    T("The name of the file does not fit the pattern that finds the {role} in it.", role=role),
                    T("Give the file the name the portal gave it, or change the pattern in the mapping."),
                    text=self.file_name,
                )

    def _tell_places(self, tables: list[Table], findings: Findings) -> None:
        for table in tables:
            findings.notes.extend(table.located.grid.notes)
            row = table.located.layout.header.row + 1
            if row >= 1 + self.settings.header_rows:
                row += table.located.grid.dropped_lines
                findings.note(NoteKind.HEADER_ROW, T("The headings are on row {row}.", row=row), table.sheet, row)

    def _tell_names(self, tables: list[Table], findings: Findings) -> None:
        """Look at each distinct name once: doubly encoded ones are told, unreasonably long ones refused."""
        names = {
            name
            for table in tables
            for column in table.names.values()
            for name in column.values
            if isinstance(name, str)
        }
        longest = max(names, key=len, default="")
        if len(longest) > self.limits.cell_characters:
            raise reject(
                Kind.FILE_TOO_LARGE,
                T("A cell holds more than {limit} characters.", limit=self.limits.cell_characters),
                T("Check that the file is a table; export it again."),
                text=longest,
            )
        odd = sorted(name for name in names if looks_doubly_encoded(name))
        if odd:
            message = T(
                "Text looks doubly encoded: “{text}” is probably “{meant}”. It was kept as it is.",
                text=odd[0],
                meant=repaired(odd[0]),
            )
            findings.note(NoteKind.DOUBLY_ENCODED, message)

    def _check_period(self, tables: list[Table]) -> None:
        wanted = self.settings.expected_period
        if not wanted or not self.settings.period:
            return
        for table in tables:
            column = table.names["period"].take(table.keep)
            for code in sorted(set(column.codes.tolist())):
                text = str(column.values[code])
                month = months_of(text)
                if month is None or f"{month[0]:%Y-%m}" != wanted:
                    raise reject(
                        Kind.PERIOD_MISMATCH,
                        T(
                            "The file is of another period: “{found}” where {wanted} was expected.",
                            found=text,
                            wanted=wanted,
                        ),
                        T("Export the right period, or change the expected period."),
                        sheet=table.sheet,
                        text=text,
                    )

    def _check_total(self, lines: tuple[UsageLine, ...], findings: Findings) -> None:
        expected = self.settings.expected_total
        if expected is not None and not findings.issues and total_of(lines) != expected:
            raise reject(
                Kind.CONTROL_TOTAL_DIFFERS,
                T(
                    "The quantities add up to {found} where {expected} was expected.",
                    found=total_of(lines),
                    expected=expected,
                ),
                T("Check that the file is whole and the mapping right, or correct the expected total."),
            )

    def _compare(self, lines: tuple[UsageLine, ...], previous: Decimal | None, findings: Findings) -> None:
        allowed = self.settings.big_change_percent
        if previous is None or allowed is None or previous == 0:
            return
        total = total_of(lines)
        percent = abs(total - previous) * 100 / abs(previous)
        if percent > allowed:
            findings.note(
                NoteKind.BIG_CHANGE,
                T(
                    "The total moved from {previous} to {total}, more than {percent}%.",
                    previous=previous,
                    total=total,
                    percent=allowed,
                ),
            )

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
