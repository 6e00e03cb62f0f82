"""Is this the file that was expected: by its name, its period, its total (settings `expected_period`, `expected_total`)?"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from core.domain.file_settings import FileSettings, FromFileName
from core.domain.names import repair
from core.domain.text import T
from core.files.findings import Findings
from core.files.issues import Kind, NoteKind, reject
from core.files.limits import Limits
from core.files.lines import months_of
from core.files.records import Records
from core.files.table import Table, file_part

_NAMED_BY_FILE = {
    "customer": Kind.CUSTOMER_MISSING,
    "product": Kind.PRODUCT_MISSING,
    "period": Kind.PERIOD_MISMATCH,
}


def check_file_name(settings: FileSettings, file_name: str) -> None:
    """Raises RejectedFile where the file's name should tell something and does not."""
    for role, kind in _NAMED_BY_FILE.items():
        source = getattr(settings, role)
        if isinstance(source, FromFileName) and not file_part(source, file_name):
            raise reject(
                kind,
                T("The name of the file does not fit the pattern that finds the {role} in it.", role=role),
                T("Give the file the name the portal gave it, or change the pattern in the mapping."),
                text=file_name,
            )


def check_names(tables: Sequence[Table], findings: Findings, limits: Limits) -> None:
    """Look at each distinct name once: doubly encoded ones are told, unreasonably long ones refused."""
    columns = [column for table in tables for column in table.names.values()]
    names = {name for column in columns for name in column.values if isinstance(name, str)}
    longest = max(names, key=len, default="")
    if len(longest) > limits.cell_characters:
        raise reject(
            Kind.FILE_TOO_LARGE,
            T("A cell holds more than {limit} characters.", limit=limits.cell_characters),
            T("Check that the file is a table; export it again."),
            text=longest,
        )
    odd = min((name for name in names if not name.isascii() and repair(name) != name), default="")
    if odd:
        meant = repair(odd)
        message = T(
            "Text looks doubly encoded: “{text}” is probably “{meant}”. It was kept as it is.", text=odd, meant=meant
        )
        findings.note(NoteKind.DOUBLY_ENCODED, message)


def check_period(records: Records, settings: FileSettings) -> None:
    """Raises RejectedFile where a record is of another month than the expected one."""
    wanted, column = settings.expected_period, records.columns.get("period")
    if not wanted or column is None:
        return
    for code in sorted(set(column.codes.tolist())):
        text = str(column.values[code])
        month = months_of(text)
        if month is None or f"{month[0]:%Y-%m}" != wanted:
            raise reject(
                Kind.PERIOD_MISMATCH,
                T("The file is of another period: “{found}” where {wanted} was expected.", found=text, wanted=wanted),
                T("Export the right period, or change the expected period."),
                text=text,
            )


def check_total(total: Decimal, settings: FileSettings) -> None:
    """Raises RejectedFile where the sum of all quantities is not the one that was told elsewhere."""
    expected = settings.expected_total
    if expected is not None and total != expected:
        raise reject(
            Kind.CONTROL_TOTAL_DIFFERS,
            T("The quantities add up to {found} where {expected} was expected.", found=total, expected=expected),
            T("Check that the file is whole and the mapping right, or correct the expected total."),
        )


def compare_totals(total: Decimal, previous: Decimal | None, settings: FileSettings, findings: Findings) -> None:
    """Tell a total that moved further since the last file than the mapping allows in silence."""
    allowed = settings.big_change_percent
    if previous and allowed is not None and abs(total - previous) * 100 > allowed * abs(previous):
        values = {"previous": previous, "total": total, "percent": allowed}
        findings.note(
            NoteKind.BIG_CHANGE, T("The total moved from {previous} to {total}, more than {percent}%.", **values)
        )
