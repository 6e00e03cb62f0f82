"""Everything the sandbox knows. Each change is a list of small effects: applied, written to the journal, and entered in the
ledger in one go, so that a sandbox that was killed comes back with exactly what it had committed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from connectors.autotask.sandbox.entities import ENTITIES
from connectors.autotask.sandbox.grid import Grid, grid_of
from connectors.autotask.sandbox.lines import (
    BY_LINES,
    BY_UNITS,
    KINDS,
    SLOTS,
    Adjustment,
    Kind,
    LineState,
    RowOptions,
    unit_record,
    window,
)
from connectors.autotask.sandbox.switches import SandboxSwitches
from connectors.autotask.sandbox.table import Narrowing, Table
from connectors.autotask.sandbox.values import Record, stamp

Effect = list[Any]
"""`["put", entity, record]`, `["drop", entity, id]`, `["adjust", kind, line, {…}]`, `["void", kind, line, day]`,
`["post", kind, line, period, instant]`, `["reprice", kind, line, price, cost]`."""


@dataclass(frozen=True, slots=True)
class Write:
    """A write as it is entered in the ledger. `by`: "api" or "ui" (a test or a person of the sandbox)."""

    by: str
    entity: str
    verb: str
    id: int | None
    body: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One committed write. `body` is what was sent, `values` what the write came to."""

    n: int
    at: str
    by: str
    entity: str
    verb: str
    id: int | None
    body: dict[str, Any]
    values: dict[str, Any]


class State:
    """Tables, contract lines and ledger. `lock` guards it: requests and tests come from different threads."""

    def __init__(self, switches: SandboxSwitches, clock: Callable[[], datetime], journal: Path | None = None) -> None:
        self.switches = switches
        self.clock = clock
        self.lock = threading.RLock()
        self.tables: dict[str, Table] = {}
        self.lines: dict[str, dict[int, LineState]] = {}
        self.ledger: list[LedgerEntry] = []
        self._journal = journal
        self._clear()

    def _clear(self) -> None:
        self.tables = {name: Table(spec) for name, spec in ENTITIES.items() if name not in BY_UNITS}
        self.lines = {name: {} for name in KINDS}
        self.ledger = []
        self._next_adjustment = 1

    # ---- changing

    def reset(self, effects: Sequence[Effect]) -> None:
        """Start again from this data; the journal begins anew."""
        with self.lock:
            self._clear()
            if self._journal:
                self._journal.parent.mkdir(parents=True, exist_ok=True)
                self._journal.write_bytes(b"")
            self.commit(effects)

    def replay(self) -> bool:
        """Come back from the journal; False when there is none. A last line that was cut off by a crash is dropped."""
        if self._journal is None or not self._journal.exists():
            return False
        whole, _, rest = self._journal.read_bytes().rpartition(b"\n")
        if rest:
            self._journal.write_bytes(whole + b"\n" if whole else b"")
        for line in whole.splitlines():
            entry = orjson.loads(line)
            self._apply(entry["effects"])
            if entry["entry"]:
                self.ledger.append(LedgerEntry(**entry["entry"]))
        return bool(whole)

    def commit(self, effects: Sequence[Effect], write: Write | None = None) -> None:
        """Do these effects, and remember them as one ledger entry."""
        with self.lock:
            self._apply(effects)
            done = LedgerEntry(len(self.ledger) + 1, self.now(), **asdict(write)) if write else None
            if self._journal:
                line = orjson.dumps({"effects": effects, "entry": asdict(done) if done else None})
                with self._journal.open("ab") as file:
                    file.write(line + b"\n")
            if done:
                self.ledger.append(done)

    def _apply(self, effects: Sequence[Effect]) -> None:
        for name, target, *rest in effects:
            if name == "put":
                self._put(target, rest[0])
            elif name == "drop":
                self.tables[target].remove(rest[0])
            elif name == "adjust":
                adjustment = Adjustment(**rest[1])
                self._next_adjustment = max(self._next_adjustment, adjustment.id + 1)
                self.lines[target][rest[0]].add(adjustment)
            elif name == "void":
                self.lines[target][rest[0]].void_after(rest[1])
            elif name == "reprice":
                self.lines[target][rest[0]].reprice(rest[1], rest[2])
            else:
                self.lines[target][rest[0]].posted[rest[1]] = rest[2]

    def _put(self, entity: str, record: Record) -> None:
        kind = BY_LINES.get(entity)
        if kind and record["id"] not in self.lines[kind.name]:
            self.lines[kind.name][record["id"]] = LineState(
                record["id"], record.get("unitPrice"), record.get("_cost", record.get("unitCost"))
            )
        self.tables[entity].put(record)

    # ---- looking

    def now(self) -> str:
        return stamp(self.clock())

    def today(self) -> str:
        return self.clock().astimezone(UTC).date().isoformat()

    def get(self, entity: str, key: int) -> Record | None:
        """One record by id; unit rows too."""
        if entity in BY_UNITS:
            return next(self.select(entity, Narrowing(equals={"id": frozenset((key,))})), None)
        return self.tables[entity].rows.get(key)

    def select(self, entity: str, narrowing: Narrowing) -> Iterator[Record]:
        """Records that may fit, by ascending id."""
        kind = BY_UNITS.get(entity)
        return self._unit_records(kind, narrowing) if kind else self.tables[entity].select(narrowing)

    def new_adjustment_id(self) -> int:
        return self._next_adjustment

    def lines_of_contract(self, kind: Kind, contract_id: int) -> list[Record]:
        return self.tables[kind.lines].by("contractID", contract_id)

    def grid(self, contract_id: int) -> Grid:
        return grid_of(self.tables["Contracts"].rows[contract_id])

    def units_on(self, kind: Kind, line_id: int, day: str) -> int:
        """Units of a line on a day, 0 outside its contract."""
        line = self.tables[kind.lines].rows[line_id]
        contract = self.tables["Contracts"].rows[line["contractID"]]
        if not contract["startDate"] <= day <= contract["endDate"]:
            return 0
        return self.lines[kind.name][line_id].units_on(day)

    def row_options(self) -> RowOptions:
        """How unit rows look under the switches of now."""
        switches = self.switches
        vendors = {key: service.get("vendorCompanyID") for key, service in self.tables["Services"].rows.items()}
        return RowOptions(switches.unit_end, switches.posted_split_stamped, switches.zero_rows, vendors)

    def _unit_records(self, kind: Kind, narrowing: Narrowing) -> Iterator[Record]:
        options = self.row_options()
        keys = narrowing.equals.get("id")
        for line in self.tables[kind.lines].select(_line_narrowing(kind, narrowing)):
            state = self.lines[kind.name][line["id"]]
            grid = self.grid(line["contractID"])
            first, last = window(grid, narrowing.ranges)
            base = line["id"] * SLOTS
            for row in state.rows(grid, first, last, zero_rows=options.zero_rows):
                key = base + row.slot
                if key <= narrowing.after or (keys is not None and key not in keys):
                    continue
                if narrowing.below is not None and key >= narrowing.below:
                    return
                yield unit_record(kind, line, state, grid, row, options)


def _line_narrowing(kind: Kind, narrowing: Narrowing) -> Narrowing:
    """From what is known of unit rows to what is known of their lines."""
    equals = {name: values for name, values in narrowing.equals.items() if name in ("contractID", kind.item_key)}
    ids = narrowing.equals.get(kind.line_key)
    if "id" in narrowing.equals:
        owners = frozenset(int(key) // SLOTS for key in narrowing.equals["id"] if isinstance(key, int | float))
        ids = owners if ids is None else ids & owners
    if ids is not None:
        equals["id"] = ids
    return Narrowing(equals=equals, after=narrowing.after // SLOTS - 1)
