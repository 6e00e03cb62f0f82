"""What an import comes to: lines, notes and errors, and the reading they make (Part 4, DESIGN §6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from core.domain.text import T, Text
from core.domain.usage import Reading, Scope, UsageLine
from core.files.issues import ImportIssue, ImportNote


class Outcome(StrEnum):
    """`needs_review`: some rows are unreadable, nothing of their customers is used until a person has looked."""

    OK = "ok"
    OK_WITH_NOTES = "ok_with_notes"
    NEEDS_REVIEW = "needs_review"
    REJECTED = "rejected"


_NOBODY: Mapping[str, Text] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """One file, read. `affected_customers` maps the ids of customers with bad rows to what is wrong; `unplaced` says that a bad
    row named no customer, so that it may be anybody's. `covered` are the customers the file was asked about wholly.
    `amounts` are what consumption is made of (`core.files.amounts`), where the mapping reads any.
    """

    outcome: Outcome
    file_name: str
    sha256: str
    lines: tuple[UsageLine, ...] = ()
    amounts: tuple[UsageLine, ...] = ()
    notes: tuple[ImportNote, ...] = ()
    errors: tuple[ImportIssue, ...] = ()
    affected_customers: Mapping[str, Text] = field(default_factory=lambda: _NOBODY)
    unplaced: bool = False
    rows_read: int = 0
    scope: Scope = Scope.LINES
    covered: frozenset[str] = frozenset()

    @property
    def is_usable(self) -> bool:
        """Whether lines of this file may be used, at least those of the customers that are not affected."""
        return self.outcome is not Outcome.REJECTED

    @property
    def total(self) -> Decimal:
        return sum((line.quantity for line in self.lines), Decimal(0))

    def sentence(self, issue: ImportIssue) -> Text:
        """An error with its whole place and what to do, as one text."""
        return sentence(issue, self.file_name)

    def reading(self, portal: str, taken_at: datetime) -> Reading:
        """The reading this file is. A rejected file gives one that is incomplete and lowers nothing (M2): ask `is_usable` first."""
        bad = self.outcome is Outcome.REJECTED
        return Reading(
            portal=portal,
            taken_at=taken_at,
            lines=self.lines,
            complete=not (bad or self.unplaced),
            scope=self.scope,
            customers_covered=self.covered,
            failed_customers=self.affected_customers,
            notes=tuple(note.message for note in self.notes)
            + tuple(self.sentence(issue) for issue in self.errors[:100]),
            fingerprint=self.sha256,
            amounts=self.amounts,
        )

    def to_json(self) -> dict[str, Any]:
        """The document of `import --json`."""
        return {
            "outcome": self.outcome.value,
            "file": self.file_name,
            "sha256": self.sha256,
            "rows_read": self.rows_read,
            "lines": [_line(line) for line in self.lines],
            "notes": [
                {"kind": str(n.kind), "message": str(n.message), "sheet": n.sheet, "row": n.row} for n in self.notes
            ],
            "errors": [
                {
                    "kind": str(issue.kind),
                    "sheet": issue.sheet,
                    "row": issue.row,
                    "column": issue.column,
                    "text": issue.text,
                    "message": str(self.sentence(issue)),
                    "remedy": str(issue.remedy or ""),
                }
                for issue in self.errors
            ],
            "affected_customers": sorted(self.affected_customers),
        }


def sentence(issue: ImportIssue, file_name: str) -> Text:
    """`report.csv, sheet Usage, row 3, column C: what is wrong. What to do.`"""
    place = _place(issue, file_name)
    if issue.remedy is None:
        return T("{place}: {message}", place=place, message=issue.message)
    return T("{place}: {message} {remedy}", place=place, message=issue.message, remedy=issue.remedy)


def _place(issue: ImportIssue, file: str) -> Text:
    match bool(issue.sheet), issue.row is not None, bool(issue.column):
        case True, True, True:
            return T(
                "{file}, sheet {sheet}, row {row}, column {column}",
                file=file,
                sheet=issue.sheet,
                row=issue.row,
                column=issue.column,
            )
        case True, True, False:
            return T("{file}, sheet {sheet}, row {row}", file=file, sheet=issue.sheet, row=issue.row)
        case True, False, _:
            return T("{file}, sheet {sheet}", file=file, sheet=issue.sheet)
        case False, True, True:
            return T("{file}, row {row}, column {column}", file=file, row=issue.row, column=issue.column)
        case False, True, False:
            return T("{file}, row {row}", file=file, row=issue.row)
    return T("{file}", file=file)


def json_number(number: Decimal) -> int | float:
    """A whole number as an integer, so that nobody reads 25.0 licences."""
    return int(number) if number == number.to_integral_value() else float(number)


def _line(line: UsageLine) -> dict[str, Any]:
    return {
        "customer_id": line.customer_id,
        "customer": line.customer,
        "product_key": line.product_key,
        "product": line.product,
        "quantity": json_number(line.quantity),
        "term": line.term,
        "billing_frequency": line.billing_frequency,
        "subscription_id": line.subscription_id,
        "unit_cost": None if line.unit_cost is None else json_number(line.unit_cost),
        "unit_price": None if line.unit_price is None else json_number(line.unit_price),
        "currency": line.currency,
        "effective_date": line.effective_date.isoformat() if line.effective_date else None,
        "place": line.origin.place,
        "rows": line.origin.rows,
    }
