"""What a selection comes to: lines, and what could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from core.domain.text import Text
from core.domain.usage import Reading, Scope, UsageLine

_NOBODY: Mapping[str, Text] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be read. `place` is where ("page 3, record 14"), `text` what stands there (80 characters at most),
    `customer_id` whose record it is; empty where that is not known.
    """

    place: str
    message: Text
    text: str = ""
    customer_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The usage lines of a document.

    `failed_customers` maps the customers with a problem to the first one: none of their lines is among `lines`, because what could
    not be read is not zero (M2). `unplaced` says that a problem belongs to no known customer, so that it may be anybody's: the
    reading is then not complete. `covered` are all customers that were seen, those without a line too; `emptied` those
    whose lists were there and empty. `records` counts
    the records looked at, `left_out` those that filters took away. `told_complete` is what stands at `complete_path`, None where
    that is not set. `error` is the text at `error_path`, when the document reports one. `amounts` are what consumption is made of,
    where records tell money.
    """

    lines: tuple[UsageLine, ...]
    amounts: tuple[UsageLine, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Text, ...] = ()
    failed_customers: Mapping[str, Text] = field(default_factory=lambda: _NOBODY)
    covered: frozenset[str] = frozenset()
    emptied: frozenset[str] = frozenset()
    unplaced: bool = False
    records: int = 0
    left_out: int = 0
    told_complete: bool | None = None
    error: str = ""

    @property
    def complete(self) -> bool:
        """Whether everything that was there was read, apart from the failed customers."""
        return not self.unplaced and not self.error and self.told_complete is not False

    def reading(self, portal: str, taken_at: datetime, scope: Scope = Scope.PORTAL) -> Reading:
        """The reading this selection is, as if the document held everything in `scope`."""
        return Reading(
            portal=portal,
            taken_at=taken_at,
            lines=self.lines,
            complete=self.complete,
            scope=scope,
            customers_covered=self.covered,
            failed_customers=self.failed_customers,
            notes=self.notes,
            amounts=self.amounts,
            emptied=self.emptied,
        )
