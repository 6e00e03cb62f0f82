"""What was found wrong or worth telling while a file was read, and whose lines cannot be trusted for it (Part 4)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from core.domain.text import T, Text
from core.files.issues import ImportIssue, ImportNote
from core.files.limits import Limits


@dataclass(slots=True)
class Findings:
    """Errors and notes of one file. Customers and products are named by their keys in the usage lines."""

    limits: Limits
    issues: list[ImportIssue] = field(default_factory=list)
    notes: list[ImportNote] = field(default_factory=list)
    customers: dict[str, Text] = field(default_factory=dict)
    """Customers with at least one bad row, and why."""
    tainted: set[tuple[str, str]] = field(default_factory=set)
    """Customer and product of bad rows: what is left of their quantity is not all of it. Product "" is all products."""
    unplaced: bool = False
    """Whether a bad row names no customer, so that it may be anybody's."""
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, issue: ImportIssue) -> None:
        """List an error; beyond the limit of its kind it is only counted."""
        self.counts[issue.kind] += 1
        if self.counts[issue.kind] <= self.limits.issues_per_kind:
            self.issues.append(issue)

    def taint(self, customer: object, product: object, why: Text) -> None:
        """Keep what a bad row belongs to from being used."""
        if not isinstance(customer, str) or not customer:
            self.unplaced = True
            return
        self.customers.setdefault(customer, why)
        self.tainted.add((customer, product if isinstance(product, str) else ""))

    def is_tainted(self, customer: str, product: str) -> bool:
        return (customer, product) in self.tainted or (customer, "") in self.tainted

    def note(self, kind: str, message: Text, sheet: str = "", row: int | None = None) -> None:
        self.notes.append(ImportNote(kind=kind, message=message, sheet=sheet, row=row))

    def close(self) -> None:
        """Tell how many errors were counted but not listed."""
        for kind, count in self.counts.items():
            more = count - self.limits.issues_per_kind
            if more > 0:
                self.note(kind, T("{count} more rows have the same problem.", count=more))
