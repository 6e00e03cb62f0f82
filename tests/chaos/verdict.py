"""The judge: Autotask against the truth, the ledger against Autotask, chains, webhooks, mails. Nothing of the product's own opinion."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.domain.plan import ChangeStatus
from core.services.alerts.delivering import message_id
from core.services.charge_journal import intended_charge, is_charge
from core.services.journal import intended_change
from core.store import alert_outbox, audit, charges, ledger, plans, runs, webhooks
from core.store.db import Database
from core.store.ledger import Event
from core.store.tables import table
from core.store.tables.alerts import AlertMessageItemRow, AlertMessageRow, AlertRow
from core.store.tables.runs import RunRow
from core.store.tables.webhooks import WebhookDeliveryRow
from tests.chaos import closing
from tests.chaos.outside import Autotask
from tests.chaos.world import BROKEN, CLOUD, COUNTED, HELD, PRODUCTS, Key, autotask_data, company_name

if TYPE_CHECKING:
    from tests.chaos.story import Story

WAITING = (ChangeStatus.READY, ChangeStatus.APPROVED, ChangeStatus.NEEDS_APPROVAL)
MISTAKE = "Something went wrong in the program itself"
KEY = "internalPurchaseOrderNumber"


@dataclass(frozen=True)
class Check:
    """One comparison. `lost` and `doubled` count; `looked_at` says how much was compared."""

    what: str
    looked_at: int
    lost: int = 0
    doubled: int = 0
    detail: str = ""

    @property
    def ok(self) -> bool:
        return not (self.lost or self.doubled)


@dataclass
class Report:
    """What a run comes to."""

    seed: int
    database: str
    workers: int
    lived: float
    settled: float
    checks: list[Check]
    figures: dict[str, int]
    errors: list[str] = field(default_factory=list)
    kept: str = ""

    @property
    def ok(self) -> bool:
        return not self.errors and all(check.ok for check in self.checks)

    @property
    def lost(self) -> int:
        return sum(check.lost for check in self.checks)

    @property
    def doubled(self) -> int:
        return sum(check.doubled for check in self.checks)


def lines_that_differ(story: Story) -> dict[Key, tuple[int, int]]:
    """Contract lines whose units in Autotask are not what is true: line → (should be, are)."""
    units = story.autotask.units()
    _, places = autotask_data(story.truth.customers, story.today)
    should = {key: story.truth.expected(key) for key in places.lines}
    return {key: (should[key], units[line]) for key, line in places.lines.items() if units[line] != should[key]}


def amounts_that_differ(story: Story) -> dict[str, tuple[Decimal, Decimal]]:
    """Customers whose charges do not come to what they spent."""
    _, places = autotask_data(story.truth.customers, story.today)
    owner = {contract: customer for customer, contract in _contracts(story, places.companies).items()}
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for charge in charges_of(story.autotask).values():
        sums[owner[charge["contractID"]]] += _amount(charge)
    return {c: (wanted, sums[c]) for c, wanted in story.truth.amounts.items() if sums[c] != wanted}


def _contracts(story: Story, companies: Mapping[str, int]) -> dict[str, int]:
    data, _ = autotask_data(story.truth.customers, story.today)
    of_company = {one["companyID"]: one["id"] for one in data.records["Contracts"]}
    return {customer: of_company[company] for customer, company in companies.items()}


def charges_of(autotask: Autotask) -> dict[int, dict[str, Any]]:
    """Charges that stand in Autotask now, from its own ledger: id → fields."""
    found: dict[int, dict[str, Any]] = {}
    for entry in autotask.ledger("ContractCharges"):
        if entry["verb"] == "DELETE":
            found.pop(entry["id"], None)
        else:
            found[entry["id"]] = found.get(entry["id"], {}) | entry["values"]
    return found


def _amount(charge: Mapping[str, Any]) -> Decimal:
    return Decimal(str(charge["unitPrice"])) * Decimal(str(charge["unitQuantity"]))


def what_waits(story: Story) -> list[str]:
    """What the product still has to do, in words; nothing when it has settled."""
    database = Database(story.house.url, pool_size=2)
    try:
        with database.session() as session:
            found = _waits(session)
    finally:
        database.dispose()
    found["contract lines differ"] = len(lines_that_differ(story))
    found["amounts differ"] = len(amounts_that_differ(story))
    return [f"{name}: {count}" for name, count in found.items() if count]


def _waits(session: Session) -> dict[str, int]:
    plan = plans.load(session)
    now = datetime.now(UTC)
    due = list(alert_outbox.due(session, now))
    message = table(AlertMessageRow)
    sending = select(func.count()).select_from(message).where(message.c.state == alert_outbox.SENDING)
    # Put off by the mail server: comes again within minutes. What is a digest comes on another day.
    again = (
        select(func.count()).select_from(message).where(message.c.state == alert_outbox.WAITING, message.c.attempts > 0)
    )
    return {
        "runs": len(runs.unfinished(session)),
        "open writes": len(ledger.open_intents(session)),
        "changes": sum(change.status in WAITING for change in plan.changes) if plan else 1,
        "charges": sum(change.status in WAITING for change in charges.changes(session)),
        "webhooks": len(webhooks.waiting(session, 1000)) + len(webhooks.unsynced(session)),
        "mails": len(due) + int(session.execute(sending).scalar_one()) + int(session.execute(again).scalar_one()),
    }


def judge(story: Story, *, lived: float, settled: float) -> Report:
    """Compare everything with everything."""
    database = Database(story.house.url, pool_size=2)
    try:
        with database.session() as session:
            checks = [
                *_autotask(story),
                *_ledger(story, session),
                _chain("ledger chain", ledger.verify(session)),
                _chain("audit chain", audit.verify(session)),
                _runs(session),
                _mistakes(session),
                _webhooks(story, session),
                *_mails(story, session),
                *_months(story, session),
            ]
            if database.is_sqlite:
                said = [str(row[0]) for row in session.connection().exec_driver_sql("PRAGMA integrity_check")]
                checks.append(
                    Check("integrity of the database file", 1, lost=int(said != ["ok"]), detail="; ".join(said[:3]))
                )
            figures = _figures(story, session)
    finally:
        database.dispose()
    options = story.options
    return Report(
        options.seed, options.database, options.workers, lived, settled, checks, figures, list(story.errors)
    )  # fmt: skip


def _autotask(story: Story) -> Iterable[Check]:
    differ = lines_that_differ(story)
    yield Check(
        "contract lines as the portals say", len(COUNTED) * len(story.truth.customers) * len(PRODUCTS), lost=len(differ),
        detail=_some(differ),
    )  # fmt: skip
    money = amounts_that_differ(story)
    yield Check("amounts as the source says", len(story.truth.amounts), lost=len(money), detail=_some(money))
    keys = Counter(charge[KEY] for charge in charges_of(story.autotask).values())
    twice = {key: count for key, count in keys.items() if count > 1}
    yield Check("one charge for a key", len(keys), lost=max(0, len(story.truth.amounts) - len(keys)),
                doubled=sum(twice.values()) - len(twice), detail=_some(twice))  # fmt: skip


def _ledger(story: Story, session: Session) -> Iterable[Check]:
    """Every write that the ledger says happened is one commit in Autotask, and the other way round."""
    ours: Counter[tuple[Any, ...]] = Counter()
    money: Counter[tuple[Any, ...]] = Counter()
    intents: dict[tuple[int | None, str], ledger.Entry] = {}
    for entry in ledger.entries(session):
        name = (entry.run_id, entry.change_id)
        if entry.event is Event.INTENDED:
            intents[name] = entry
        elif entry.event is Event.VERIFIED or (entry.event is Event.SETTLED and entry.payload.get("applied")):
            if is_charge(entry.change_id):
                charge = intended_charge(intents[name])
                verb = "DELETE" if charge.after is None else "POST" if charge.before is None else "PATCH"
                money[charge.key.text, verb, charge.after.price if charge.after else None] += 1
            else:
                change = intended_change(intents[name])
                line = change.line.id if change.line else 0
                ours[line, change.effective_date.isoformat(), change.unit_change] += 1
    theirs = Counter(
        (one["values"]["contractServiceID"], one["values"]["effectiveDate"][:10], one["values"]["unitChange"])
        for one in story.autotask.ledger("ContractServiceAdjustments")
    )
    yield _matched("adjustments in ledger and Autotask", ours, theirs)
    yield _matched("charges in ledger and Autotask", money, _charge_commits(story.autotask))
    opens = ledger.open_intents(session)
    yield Check(
        "writes without an end", len(intents), lost=len(opens), detail=_some(one.intent.change_id for one in opens)
    )


def _charge_commits(autotask: Autotask) -> Counter[tuple[Any, ...]]:
    keys: dict[int, str] = {}
    found: Counter[tuple[Any, ...]] = Counter()
    for entry in autotask.ledger("ContractCharges"):
        key = keys.setdefault(entry["id"], str(entry["values"].get(KEY, "")))
        price = None if entry["verb"] == "DELETE" else Decimal(str(entry["values"]["unitPrice"]))
        found[key, entry["verb"], price] += 1
    return found


def _matched(what: str, ours: Counter[tuple[Any, ...]], theirs: Counter[tuple[Any, ...]]) -> Check:
    lost, more = ours - theirs, theirs - ours
    detail = "; ".join(
        part
        for part in (f"only here: {_some(lost)}" if lost else "", f"only there: {_some(more)}" if more else "")
        if part
    )
    return Check(what, sum(theirs.values()), lost=sum(lost.values()), doubled=sum(more.values()), detail=detail)


def _chain(what: str, found: Any) -> Check:
    return Check(
        what, found.entries, lost=0 if found.ok else 1, detail="" if found.ok else f"broken at {found.broken_at}"
    )


def _runs(session: Session) -> Check:
    left = runs.unfinished(session)
    count = int(session.execute(select(func.count()).select_from(table(RunRow))).scalar_one())
    return Check("runs at their end", count, lost=len(left), detail=_some(f"{one.id} {one.status}" for one in left))


def _mistakes(session: Session) -> Check:
    """Whatever fails outside, no run ends with a mistake of the program."""
    run = table(RunRow)
    failed = session.execute(select(run.c.id, run.c.error).where(run.c.status == "failed")).all()
    broke = [row.id for row in failed if MISTAKE in str(row.error)]
    return Check("runs that failed by a mistake of our own", len(failed), lost=len(broke), detail=_some(broke))


def _webhooks(story: Story, session: Session) -> Check:
    row = table(WebhookDeliveryRow)
    kept = session.execute(select(row.c.named, row.c.state, row.c.processed_at).order_by(row.c.id)).all()
    sent, names = story.truth.accepted, [one.named for one in kept if one.state != webhooks.REFUSED]
    counted = Counter(names)
    lost = [name for name in sent if not counted[name]]
    unsettled = [one.named for one in kept if one.state != webhooks.APPLIED]
    moments = [one.processed_at for one in kept if one.processed_at is not None]
    order = int(names != sent and not lost) + int(moments != sorted(moments))
    doubled = sum(count - 1 for count in counted.values() if count > 1)
    return Check("webhook events, once and in order", len(sent), lost=len(lost) + len(unsettled) + order, doubled=doubled,
                 detail=_some([*lost, *unsettled]) + (" out of order" if order else ""))  # fmt: skip


def _mails(story: Story, session: Session) -> Iterable[Check]:
    """A mail may come twice only where nobody could know whether it went out: then with the same Message-ID, and an attempt more."""
    mails = [message_from_bytes(raw, policy=policy.default) for raw in story.post.mails]
    copies = Counter(str(mail["Message-ID"]).strip("<>") for mail in mails)
    texts = {str(mail["Message-ID"]).strip("<>"): _text(mail) for mail in mails}
    message = table(AlertMessageRow)
    ids = session.execute(select(message.c.id).order_by(message.c.id)).scalars().all()
    known = [one for one in (alert_outbox.message(session, number) for number in ids) if one is not None]
    by_name = {message_id(one): one for one in known}
    sent = {name for name, one in by_name.items() if one.state in (alert_outbox.DELIVERED, alert_outbox.ACCEPTED)}
    stuck = [one for one in known if one.state == alert_outbox.FAILED]
    missing, strange = sent - copies.keys(), copies.keys() - by_name.keys()
    unexplained = [name for name, count in copies.items() if name in by_name and count > by_name[name].attempts]
    yield Check("mails that the outbox sent", len(copies), lost=len(missing) + len(stuck),
                doubled=len(strange) + len(unexplained), detail=_some([*missing, *strange, *unexplained]))  # fmt: skip
    yield _told_once(session, by_name)
    causes = [f"{company_name(HELD)}: {CLOUD} {product}" for product in PRODUCTS] + [
        f"{BROKEN} cannot be read:",
        f"{BROKEN} could not be read.",
    ]
    told = {cause: sum(cause in text for text in texts.values()) for cause in causes}
    yield Check("known causes, told once", len(told), lost=sum(count == 0 for count in told.values()),
                doubled=sum(max(0, count - 1) for count in told.values()),
                detail=_some({cause: count for cause, count in told.items() if count != 1}))  # fmt: skip


def _months(story: Story, session: Session) -> Iterable[Check]:
    count, lost, doubled, detail = closing.once(session)
    yield Check(
        "months signed, once", count, lost=lost + (count == 0), doubled=doubled, detail=detail if doubled else ""
    )
    compared, wrong = closing.as_it_was(session)
    yield Check("signed numbers as Autotask had them", compared, lost=len(wrong), detail=_some(wrong))
    packs = sorted(story.packs.glob("*.zip"))
    bad = closing.packs_that_are_wrong(session, packs)
    yield Check("evidence of months", len(packs), lost=len(bad) + (not packs), detail=_some(bad))
    kept, odd = closing.checks_that_are_wrong(session, story.house.data)
    yield Check("invoice checks with file and audit", kept, lost=len(odd), detail=_some(odd))


def _told_once(session: Session, by_name: Mapping[str, alert_outbox.Message]) -> Check:
    item, alert = table(AlertMessageItemRow), table(AlertRow)
    through = {
        one.id: one.channel_id
        for one in by_name.values()
        if one.state in (alert_outbox.DELIVERED, alert_outbox.ACCEPTED)
    }
    rows = session.execute(
        select(item.c.message_id, item.c.alert_id, alert.c.cause)
        .join(alert, alert.c.id == item.c.alert_id)
        .where(~item.c.again)
    ).all()
    told = Counter((through[row.message_id], row.alert_id) for row in rows if row.message_id in through)
    twice = {name: count for name, count in told.items() if count > 1}
    return Check("alerts told once a channel", len(told), doubled=sum(twice.values()) - len(twice), detail=_some(twice))


def _text(mail: Any) -> str:
    body = mail.get_body(("plain",))
    return f"{mail['Subject']}\n{body.get_content() if body else ''}"


def _figures(story: Story, session: Session) -> dict[str, int]:
    run = table(RunRow)
    copies = Counter(str(message_from_bytes(raw)["Message-ID"]) for raw in story.post.mails)
    states = dict(session.execute(select(run.c.status, func.count()).group_by(run.c.status)).all())
    attempts = session.execute(
        select(func.coalesce(func.sum(run.c.attempt - 1), 0)).where(run.c.attempt > 1)
    ).scalar_one()
    settled = [entry for entry in ledger.entries(session) if entry.event is Event.SETTLED]
    return {
        **{f"runs: {status}": count for status, count in sorted(states.items())},
        "runs taken up again": int(attempts),
        "adjustments written": len(story.autotask.ledger("ContractServiceAdjustments")),
        "charges written": len(story.autotask.ledger("ContractCharges")),
        "writes settled by reading back": len(settled),
        "of these had reached Autotask": sum(bool(entry.payload.get("applied")) for entry in settled),
        "webhook events accepted": len(story.truth.accepted),
        "mails": sum(copies.values()),
        "second copies of a mail, same Message-ID": sum(count - 1 for count in copies.values()),
        "requests to Autotask": story.autotask.requests(),
        **{f"portal said: {name}": count for name, count in sorted(story.portals.wrong.items())},
        **dict(sorted(story.counts.items())),
        **dict(sorted(story.house.counts.items())),
    }


def _some(found: Any, most: int = 5) -> str:
    """The first few of anything."""
    parts = (
        [f"{key} {value}" for key, value in found.items()]
        if isinstance(found, Mapping)
        else [str(one) for one in found]
    )
    return ", ".join(parts[:most]) + (" …" if len(parts) > most else "")
