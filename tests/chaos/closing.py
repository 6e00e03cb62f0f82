"""The judge of month ends: every signature is there once, its numbers are those that Autotask had then, and its evidence holds."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.services.charge_journal import intended_charge, is_charge
from core.services.journal import intended_change
from core.store import ledger, reporting
from core.store.codec import canonical, digest
from core.store.ledger import Event
from core.store.tables import table
from core.store.tables.ledger import AuditRow
from core.store.tables.reporting import InvoiceCheckRow, MonthSignOffRow
from tests.chaos.world import BEFORE

SIGNED, CHECKED = table(MonthSignOffRow), table(InvoiceCheckRow)


@dataclass
class _Then:
    """What the ledger had proved of Autotask at one moment: units of lines, and charges by company and month."""

    units: dict[str, int] = field(default_factory=lambda: defaultdict(lambda: BEFORE))
    charged: dict[tuple[int, date], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    open: set[tuple[int | None, str]] = field(default_factory=set)


def signatures(session: Session) -> list[Any]:
    """All that were ever given, in order."""
    return list(session.execute(select(SIGNED).order_by(SIGNED.c.id)))


def once(session: Session) -> tuple[int, int, int, str]:
    """How many, how many are not in the audit (or only there), how many say the same as the one before of their month."""
    rows = signatures(session)
    row = table(AuditRow)
    noted = int(
        session.execute(select(func.count()).select_from(row).where(row.c.event == "month.signed")).scalar_one()
    )
    said = Counter((one.month, canonical(one.numbers), one.remark) for one in rows)
    again = 0
    last: dict[date, tuple[str, str]] = {}
    for one in rows:
        again += last.get(one.month) == (canonical(one.numbers), one.remark)
        last[one.month] = (canonical(one.numbers), one.remark)
    return len(rows), abs(noted - len(rows)), again, f"{len(said)} different"


def as_it_was(session: Session) -> tuple[int, list[str]]:
    """How many numbers of signatures were compared with what the ledger proves of that moment, and which differ."""
    compared, wrong = 0, []
    entries = iter(ledger.entries(session))
    then, intents = _Then(), {}
    behind: ledger.Entry | None = next(entries, None)
    for signed in sorted(signatures(session), key=lambda one: (one.ledger_position, one.id)):
        while behind is not None and behind.id <= signed.ledger_position:
            _take(then, intents, behind)
            behind = next(entries, None)
        for name, told, proved in _compared(signed, then):
            compared += 1
            if told != proved:
                wrong.append(f"signature {signed.id} {name}: {told} and not {proved}")
        if then.open:
            wrong.append(f"signature {signed.id}: {len(then.open)} writes were open")
    return compared, wrong


def _take(then: _Then, intents: dict[tuple[int | None, str], ledger.Entry], entry: ledger.Entry) -> None:
    name = (entry.run_id, entry.change_id)
    if entry.event is Event.INTENDED:
        intents[name] = entry
        then.open.add(name)
    elif entry.event in (Event.VERIFIED, Event.SETTLED, Event.REFUSED, Event.FAILED, Event.SKIPPED):
        then.open.discard(name)
    if entry.event is not Event.VERIFIED and not (entry.event is Event.SETTLED and entry.payload.get("applied")):
        return
    if is_charge(entry.change_id):
        charge = intended_charge(intents[name])
        then.charged[charge.company_id, charge.period_start] += charge.amount
        return
    change = intended_change(intents[name])
    if change.line is not None:
        then.units[change.line.text] += change.unit_change


def _compared(signed: Any, then: _Then) -> Iterator[tuple[str, object, object]]:
    """What is signed for, told and proved: units of the running month's last day that is known, charges where none was missing."""
    lines = signed.numbers["lines"]
    today = signed.at.date()
    if signed.month == today.replace(day=1):
        units = {one["line"]: 0 for one in lines if one["line"]}
        units |= {
            one["line"]: int(Decimal(one["units"]))
            for one in lines
            if one["line"] and one["first"] <= f"{today}" <= one["last"]
        }
        yield from ((line, count, then.units[line]) for line, count in units.items())
    if all(gate["count"] == 0 for gate in signed.numbers["gates"] if gate["name"] == "charges"):
        sums: dict[int, Decimal] = defaultdict(Decimal)
        for one in lines:
            if one["kind"] in ("charge", "planned_charge"):
                sums[one["company_id"]] += Decimal(one["amount"])
        companies = {company for company, month in then.charged if month == signed.month} | sums.keys()
        yield from ((f"company {one}", sums[one], then.charged[one, signed.month]) for one in sorted(companies))


def checks_that_are_wrong(session: Session, home: Path) -> tuple[int, list[str]]:
    """How many invoice checks were kept, and which lack their file, their numbers, or their place in the audit."""
    rows = list(session.execute(select(CHECKED).order_by(CHECKED.c.id)))
    row = table(AuditRow)
    noted = {
        json.loads(one)["check"]
        for one in session.execute(select(row.c.after).where(row.c.event == "invoice.checked")).scalars()
    }
    wrong = [f"check {number} in the audit alone" for number in noted - {one.id for one in rows}]
    for one in rows:
        file = home / one.stored_path
        if not file.exists() or hashlib.sha256(file.read_bytes()).hexdigest() != one.file_digest:
            wrong.append(f"check {one.id}: its file is not as it was brought")
        if digest(canonical(one.result)) != one.digest or one.id not in noted:
            wrong.append(f"check {one.id}: not as it was noted")
    return len(rows), wrong


def packs_that_are_wrong(session: Session, packs: Iterable[Path]) -> list[str]:
    """Evidence of which a file was changed, that leads nowhere in the ledger or the audit, or that nobody signed for."""
    numbers = {canonical(one.numbers) for one in signatures(session)}
    return [wrong for path in packs if (wrong := _wrong(session, path, numbers))]


def _wrong(session: Session, path: Path, numbers: set[str]) -> str:
    with zipfile.ZipFile(path) as pack:
        files = {name: pack.read(name) for name in pack.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    if hashes != manifest["files"]:
        return f"{path.name}: a file is not as it was written"
    for chain in ("ledger", "audit"):
        if reporting.hash_at(session, chain, manifest[chain]["position"]) != manifest[chain]["hash"]:
            return f"{path.name}: the {chain} does not lead through it"
    return "" if files["numbers.json"].decode() in numbers else f"{path.name}: nobody signed for it"
