"""The sandbox itself: state, gate, faults and log in one place, and everything that tests may do to it beside the API."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from connectors.autotask.sandbox.adjusting import Adjuster
from connectors.autotask.sandbox.data import SandboxData
from connectors.autotask.sandbox.errors import Refusal
from connectors.autotask.sandbox.faults import Faults
from connectors.autotask.sandbox.gate import Gate
from connectors.autotask.sandbox.lines import KINDS
from connectors.autotask.sandbox.posting import post_period, renew_contract
from connectors.autotask.sandbox.reader import Reader
from connectors.autotask.sandbox.state import LedgerEntry, State, Write
from connectors.autotask.sandbox.switches import SandboxSwitches
from connectors.autotask.sandbox.writer import Writer

_KEPT_REQUESTS = 200_000


@dataclass(slots=True)
class RequestEntry:
    """One request that came in. `status` 0: it was never answered (dropped, or still going on)."""

    n: int
    at: str
    method: str
    path: str
    entity: str = ""
    operation: str = ""
    status: int = 0
    fault: str = ""


def utc_now() -> datetime:
    """The clock of a sandbox that was given none."""
    return datetime.now(UTC)


class Sandbox:
    """One simulated Autotask database. With `state_file` it comes back as it was; otherwise it starts from `data`."""

    def __init__(
        self,
        data: SandboxData,
        *,
        switches: SandboxSwitches | None = None,
        state_file: Path | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.data = data
        self.switches = switches or SandboxSwitches()
        self.faults = Faults()
        self.gate = Gate(self.switches)
        self.gate.users.append(data.credentials)
        self.state = State(self.switches, clock, state_file)
        self.reader = Reader(self.state)
        self.writer = Writer(self.state, self.reader)
        self.log: deque[RequestEntry] = deque(maxlen=_KEPT_REQUESTS)
        self.counts: Counter[tuple[str, str]] = Counter()
        self._number = 0
        if not self.state.replay():
            self.state.reset(data.effects())

    # ---- the log

    def enter(self, method: str, path: str) -> RequestEntry:
        """Note a request; what it asks is filled in when that is known."""
        self._number += 1
        entry = RequestEntry(self._number, self.state.now(), method, path)
        self.log.append(entry)
        return entry

    def called(self, entry: RequestEntry, entity: str, operation: str) -> None:
        """Count a request under what it asks."""
        entry.entity, entry.operation = entity, operation
        self.counts[entity, operation] += 1

    def request_counts(self) -> dict[str, dict[str, int]]:
        """Entity → operation → how many requests since the start or the last `clear_requests`."""
        counts: dict[str, dict[str, int]] = {}
        for (entity, operation), number in list(self.counts.items()):
            counts.setdefault(entity, {})[operation] = number
        return counts

    def clear_requests(self) -> None:
        """Count anew: log, counters, hourly usage and peaks."""
        self.log.clear()
        self.counts.clear()
        self.gate.reset()

    # ---- what tests ask

    def ledger(self, entity: str | None = None) -> list[LedgerEntry]:
        """Committed writes in order; those of the API and those of `adjust`, `post_period`, `renew` (by "ui")."""
        with self.state.lock:
            return [entry for entry in self.state.ledger if entity in (None, entry.entity)]

    def units(self, line_id: int, day: date | None = None, kind: str = "service") -> int:
        """Units of a line on a day (default today), 0 outside its contract."""
        with self.state.lock:
            return self.state.units_on(KINDS[kind], line_id, day.isoformat() if day else self.state.today())

    def all_units(self, day: date | None = None) -> list[dict[str, Any]]:
        """Units of every line on a day, with what it is a line of."""
        text = day.isoformat() if day else self.state.today()
        with self.state.lock:
            return [
                {
                    "kind": kind.name,
                    "id": line["id"],
                    "contractID": line["contractID"],
                    kind.item_key: line[kind.item_key],
                    "units": self.state.units_on(kind, line["id"], text),
                }
                for kind in KINDS.values()
                for line in self.state.tables[kind.lines].rows.values()
            ]

    def record(self, entity: str, key: int) -> dict[str, Any] | None:
        """One record as it is stored."""
        with self.state.lock:
            found = self.state.get(entity, key)
            return dict(found) if found else None

    def records(self, entity: str) -> list[dict[str, Any]]:
        """All records of an entity as they are stored (not of unit rows)."""
        with self.state.lock:
            return [dict(record) for record in self.state.tables[entity].rows.values()]

    # ---- what people do in Autotask itself

    def adjust(self, line_id: int, change: int, day: date, kind: str = "service") -> None:
        """Somebody changes units in Autotask's own screens. Raises ValueError where Autotask refuses."""
        which = KINDS[kind]
        values = {which.line_key: line_id, "unitChange": change, "effectiveDate": day.isoformat()}
        with self.state.lock:
            try:
                Adjuster(self.state).adjust(which, values, values, by="ui")
            except Refusal as refusal:
                raise ValueError(str(refusal)) from refusal

    def edit(self, entity: str, key: int, **values: object) -> None:
        """Somebody changes fields of a record, without any check (e.g. isActive, companyName)."""
        with self.state.lock:
            spec = self.state.tables[entity].spec
            touched = {name: self.state.now() for name, known in spec.fields.items() if known.touch}
            record = {**self.state.tables[entity].rows[key], **touched, **values}
            self.state.commit([["put", entity, record]], Write("ui", entity, "EDIT", key, values=values))

    def post_period(self, day: date, contract_id: int | None = None) -> int:
        """Approve and post every period that has begun by `day`; how many BillingItems that made."""
        return post_period(self.state, day.isoformat(), contract_id)

    def renew(self, contract_id: int) -> int:
        """Renew a contract; the id of the new one."""
        return renew_contract(self.state, contract_id)

    def reset(self, data: SandboxData | None = None) -> None:
        """Start again from `data` (default: what it began with); faults, log and counters are cleared too."""
        with self.state.lock:
            self.data = data or self.data
            self.gate.users[:] = [self.data.credentials]
            self.faults.clear()
            self.clear_requests()
            self.state.reset(self.data.effects())

    def report(self) -> dict[str, Any]:
        """Requests and counters for the control route."""
        return {
            "requests": [asdict(entry) for entry in list(self.log)],
            "counts": self.request_counts(),
            "peak_in_flight": dict(self.gate.peak),
            "hourly": self.gate.used(),
        }
