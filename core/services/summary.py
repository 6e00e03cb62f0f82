"""What a run did, in numbers, as `sync --json` prints it (DESIGN §6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.domain.finding import Finding
from core.domain.plan import ChangeStatus, Plan
from core.domain.text import Text
from core.services.applying import End, Work
from core.store.codec import text_to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalOutcome:
    """One portal in a run. `status`: ok, partial (some customers could not be read), failed, empty (nothing was brought yet)."""

    name: str
    status: str
    lines: int = 0
    error: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSummary:
    """`status`: done, partly (something failed, is held or waits for approval), failed. Counts: changes, findings, charges."""

    run_id: int
    status: str
    portals: tuple[PortalOutcome, ...] = ()
    changes: Mapping[str, int] = field(default_factory=dict)
    findings: Mapping[str, int] = field(default_factory=dict)
    charges: Mapping[str, int] = field(default_factory=dict)
    autotask_requests: int = 0
    duration_s: float = 0.0
    error: Text | None = None

    def as_json(self) -> dict[str, Any]:
        """The document of `--json`; sentences are still Texts."""
        document: dict[str, Any] = {
            "run_id": self.run_id,
            "status": self.status,
            "portals": [
                {"name": one.name, "status": one.status, "lines": one.lines, "error": one.error} for one in self.portals
            ],
            "changes": dict(self.changes),
            "findings": dict(self.findings),
            "charges": dict(self.charges),
            "autotask_requests": self.autotask_requests,
            "duration_s": self.duration_s,
        }
        if self.error is not None:
            document["error"] = self.error
        return document

    def stored(self) -> dict[str, Any]:
        """The same for the run's row: sentences as data."""
        document = self.as_json()
        document["portals"] = [
            portal | {"error": text_to_json(portal["error"]) if portal["error"] else None}
            for portal in document["portals"]
        ]
        document.pop("error", None)
        return document


def count_changes(plan: Plan | None, works: Sequence[Work]) -> dict[str, int]:
    """planned, applied, held, failed, unchanged; `waiting` for approval and `dismissed` beside them."""
    if plan is None:
        return dict.fromkeys(("planned", "applied", "held", "failed", "unchanged", "waiting", "dismissed"), 0)
    statuses = Counter(change.status for change in plan.changes)
    ends = Counter(work.end for work in works)
    return {
        "planned": len(plan.changes),
        "applied": ends[End.VERIFIED],
        "held": statuses[ChangeStatus.HELD],
        "failed": sum(ends.values()) - ends[End.VERIFIED],
        "unchanged": plan.unchanged,
        "waiting": statuses[ChangeStatus.NEEDS_APPROVAL],
        "dismissed": statuses[ChangeStatus.DISMISSED],
    }


def count_findings(findings: Iterable[Finding]) -> dict[str, int]:
    """How many of each kind."""
    return dict(sorted(Counter(finding.kind.value for finding in findings).items()))


def status_of(portals: Sequence[PortalOutcome], changes: Mapping[str, int]) -> str:
    """Of a run that came to its end."""
    failed = [portal for portal in portals if portal.status == "failed"]
    if portals and len(failed) == len(portals) and not changes.get("applied"):
        return "failed"
    unfinished = any(changes.get(name) for name in ("held", "failed", "waiting"))
    return "partly" if failed or unfinished else "done"
