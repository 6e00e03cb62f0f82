"""What a person must look at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.domain.contract import LineRef
from core.domain.mapping import ChoiceKey
from core.domain.text import Text


class FindingKind(StrEnum):
    UNMAPPED = "unmapped"
    AMBIGUOUS = "ambiguous"
    NO_LINE = "no_line"
    """Usage is mapped to a service that stands on no fitting contract: leakage as long as it lasts."""
    STALE = "stale"
    HELD = "held"
    DRIFT = "drift"
    ORPHAN_LINE = "orphan_line"
    FORMULA = "formula"
    DUPLICATE = "duplicate"
    """A subscription or its contract is there twice: somebody else writes too."""
    RENEWAL = "renewal"
    """A term ends soon, or its contract does."""
    SUBSCRIPTION = "subscription"
    """Something about a subscription that no change of units can settle."""
    REFUSED = "refused"
    FAILED = "failed"
    MISSING_FILE = "missing_file"
    """A file that is picked up has not come for longer than it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to look at. `key` is stable from plan to plan, so that a finding can be followed and alerted once.

    `candidates` are contract lines or companies to choose from: (id, words to show); a line's id is `LineRef.text`.
    `choice` is what the choice among them is to be remembered under (`WorkspaceMapping.line_choices`).
    """

    kind: FindingKind
    key: str
    message: Text
    remedy: Text | None = None
    portal: str = ""
    subject: str = ""
    company_id: int | None = None
    line: LineRef | None = None
    candidates: tuple[tuple[str, str], ...] = ()
    choice: ChoiceKey | None = None
