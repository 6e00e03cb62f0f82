"""Whatever the order of imports, corrections, postings, lost answers and crashes: charged is what was used, to the cent (M4, M15).

The real use case on a real database; Autotask is a list in memory that misbehaves as told.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.autotask.sandbox.data import MATERIAL_CODE
from core.domain.charges.keys import ChargeKey
from core.domain.charges.plan import ExistingCharge
from core.domain.contract import Contract, PeriodType
from core.domain.errors import OutcomeUnknown, Refused, RemoteError
from core.domain.ports import ChargeWrite
from core.domain.text import T
from core.services import charging
from core.services.charge_journal import ChargeJournal
from core.services.owners import new_owner
from core.services.running import Running, begin
from core.store import directory, ledger
from core.store.db import Database
from core.store.runs import NewRun
from tests.looking import tries
from tests.services.charges.world import brings, line
from tests.services.charges.world import charging as charged_portal
from tests.services.money.world import TestClock, World

CUSTOMERS = {"C0": 1001, "C1": 1002}
FAULTS = ["none", "lost_before", "lost_after", "late", "limited", "broken", "dies_before", "dies_after", "dies_late"]


class Killed(BaseException):
    """The process is gone: nothing after this runs."""


class Memory:
    """Autotask's charges in memory. `faults` are used up one a write."""

    def __init__(self) -> None:
        self.rows: dict[int, ExistingCharge] = {}
        self.faults: list[str] = []
        self.pending: list[ChargeWrite] = []
        """What nobody has an answer of, and what is done when somebody has looked once."""
        self.next = 1
        self.lock = threading.Lock()

    def charges(self, periods: Collection[date], ids: Collection[int] = ()) -> list[ExistingCharge]:
        return list(self.rows.values())

    def charges_by_key(self, keys: Collection[ChargeKey], ids: Collection[int] = ()) -> list[ExistingCharge]:
        found = [row for row in self.rows.values() if row.key in set(keys) or row.id in set(ids)]
        with self.lock:
            for write in self.pending:
                self._commit(write)
            self.pending.clear()
        return found

    def write_charge(self, write: ChargeWrite) -> None:
        with self.lock:
            fault = self.faults.pop() if self.faults else "none"
            if fault == "dies_before":
                raise Killed
            if fault in ("late", "dies_late"):
                self.pending.append(write)
                raise OutcomeUnknown(T("lost")) if fault == "late" else Killed
            if fault == "lost_before":
                raise OutcomeUnknown(T("lost"))
            if fault == "limited":
                raise RemoteError(T("limited"), retryable=True)
            self._commit(write)
            if fault == "dies_after":
                raise Killed
            if fault == "lost_after":
                raise OutcomeUnknown(T("lost"))
            if fault == "broken":
                raise ValueError("our own mistake, after the request")

    def _commit(self, write: ChargeWrite) -> None:
        old = self.rows.get(write.charge_id or 0)
        if write.charge_id is not None and (old is None or old.billed):
            if write in self.pending:
                return
            raise Refused(T("billed"), reason="posted")
        if write.values is None:
            assert write.charge_id is not None
            del self.rows[write.charge_id]
            return
        number = write.charge_id or self.next
        self.next += write.charge_id is None
        self.rows[number] = ExistingCharge(id=number, contract_id=write.contract_id, key=write.key, values=write.values)

    def bill(self, chosen: set[int]) -> None:
        self.rows = {key: replace(row, billed=row.billed or key in chosen) for key, row in self.rows.items()}

    @property
    def total(self) -> Decimal:
        return sum((row.amount for row in self.rows.values()), Decimal(0))


def run(world: World, target: Any, *, dies: tuple[str, int] | None = None) -> None:
    """One run of the charges' part; with `dies` the process ends at the nth time of a step of the journal."""
    running = Running(world.ctx, begin(world.ctx, NewRun(kind="sync", started_by="test"), new_owner()))
    try:
        with dying(dies), running.turn():
            charging.carry_out(running, target, apply=True)
    except Killed:
        pass
    running.finish("done", {})


@contextmanager
def dying(at: tuple[str, int] | None) -> Iterator[None]:
    if at is None:
        yield
        return
    step, nth = at
    place = ledger if step == "append" else ChargeJournal
    inner, left = getattr(place, step), [nth]

    def around(*args: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        return inner(*args)

    setattr(place, step, around)
    try:
        yield
    finally:
        setattr(place, step, inner)


amounts = st.decimals(min_value=0, max_value=300, places=4)
imports = st.dictionaries(
    st.tuples(st.sampled_from(sorted(CUSTOMERS)), st.sampled_from("ab")), amounts, min_size=1, max_size=4
)
step = st.one_of(
    st.tuples(st.just("import"), imports),
    st.tuples(st.just("bill"), st.sets(st.integers(1, 8))),
    st.tuples(st.just("run"), st.lists(st.sampled_from(FAULTS), max_size=4)),
    st.tuples(
        st.just("die"), st.tuples(st.sampled_from(["intended", "exchange", "ended", "append"]), st.integers(1, 3))
    ),
)


@tries(10)
@given(steps=st.lists(step, max_size=8), last=imports, split=st.sampled_from(["bundled", "resource"]))
def test_m15_the_charges_of_a_period_come_to_what_the_source_tells(
    empty_database: Path, tmp_path: Path, steps: list[tuple[str, Any]], last: dict[tuple[str, str], Decimal], split: str
) -> None:
    path = tmp_path / "world.db"
    shutil.copy(empty_database, path)
    server: Any = SimpleNamespace()
    world = World(Database(f"sqlite:///{path}"), server, TestClock(), tmp_path)
    memory = Memory()
    charged_portal(world, CUSTOMERS, split=split, max_change_percent=None, billing_code_id=MATERIAL_CODE)
    contracts = [
        Contract(6000 + company, company, "C", date(2025, 1, 1), date(2027, 1, 1), PeriodType.MONTHLY)
        for company in CUSTOMERS.values()
    ]
    world.database.run(lambda session: directory.save_contracts(session, contracts))
    # Every customer is in each import: of one that is not, nothing is known.
    for what, value in [*steps, ("import", last)]:
        if what == "import":
            brings(
                world,
                [line("C0", "x", "0"), line("C1", "x", "0"), *(line(c, r, str(a)) for (c, r), a in value.items())],
            )
        elif what == "bill":
            memory.bill(value)
        elif what == "run":
            memory.faults = list(value)
            run(world, memory)
        else:
            run(world, memory, dies=value)
        keys = [row.key for row in memory.rows.values()]
        assert len(set(keys)) == len(keys)
    memory.faults = []
    approve_everything(world, memory)
    for customer, company in CUSTOMERS.items():
        wanted = sum((amount for (one, _), amount in last.items() if one == customer), Decimal(0))
        charged = sum((row.amount for row in memory.rows.values() if row.contract_id == 6000 + company), Decimal(0))
        assert charged == wanted.quantize(Decimal("0.01"), ROUND_HALF_UP)
    before = dict(memory.rows)
    run(world, memory)
    assert memory.rows == before
    world.database.dispose()


def approve_everything(world: World, memory: Memory) -> None:
    """What a guard holds (a total that goes to 0) is for a person, who approves it."""
    from core.services import charging_decisions as deciding
    from core.services.access import SYSTEM

    for _ in range(4):
        run(world, memory)
        deciding.approve_all(world.ctx, SYSTEM)
    run(world, memory)


def test_m6_an_approval_is_worth_for_one_write_also_when_its_process_died(empty_database: Path, tmp_path: Path) -> None:
    """Otherwise the same change, months later, would go through a limit without anybody having looked."""
    from core.services import charging_decisions as deciding
    from core.services.access import SYSTEM
    from core.store import decisions

    path = tmp_path / "world.db"
    shutil.copy(empty_database, path)
    server: Any = SimpleNamespace()
    world, memory = World(Database(f"sqlite:///{path}"), server, TestClock(), tmp_path), Memory()
    charged_portal(world, {"C0": 1001}, max_amount="5", billing_code_id=MATERIAL_CODE)
    contract = Contract(7001, 1001, "C", date(2025, 1, 1), date(2027, 1, 1), PeriodType.MONTHLY)
    world.database.run(lambda session: directory.save_contracts(session, [contract]))
    brings(world, [line("C0", "x", "20")])
    run(world, memory)
    assert memory.total == 0
    deciding.approve_all(world.ctx, SYSTEM)
    run(world, memory, dies=("ended", 1))
    run(world, memory)
    assert memory.total == 20
    with world.database.session() as session:
        assert not decisions.load(session, world.clock.today()).approved
    world.database.dispose()
