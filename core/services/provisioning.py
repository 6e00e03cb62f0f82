"""Makes what is missing in Autotask: the field, services, products and contracts of subscriptions, each exactly once (M4).

As with units: the intent is in the ledger before the request, and what is read back decides, not the answer. Everything is
found again by a key (a field's name, a SKU, a subscription's id), in one bulk read per kind. Nothing is sent while it is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy.orm import Session

from core.domain.contract import ItemRef, LineRef
from core.domain.errors import ContractBridgeError, Refused, RemoteError
from core.domain.mapping import ProductKey, ProductRule, RuleSource
from core.domain.plan import Change, ChangeKind
from core.domain.ports import CatalogueEntry, SubscriptionContract, Target
from core.domain.provisioning.facts import MadeContract, SubscriptionKey
from core.domain.provisioning.policy import FIELD_NAME
from core.domain.text import T, Text
from core.services.applying import ATTEMPTS, UNCERTAIN, End, Work
from core.services.journal import Journal, why
from core.services.landing import looks
from core.services.running import Running
from core.services.sending import Answer, Note, Sender, Verdict, Write
from core.store import audit, decisions, mappings, runlog
from core.store import provisioning as store
from core.store.audit import Audited
from core.store.ledger import Event, Fact
from core.store.mappings import Author
from core.store.mappings.load import load_rules

log = structlog.get_logger()

ORDER: tuple[frozenset[ChangeKind], ...] = (
    frozenset({ChangeKind.ADD_FIELD}),
    frozenset({ChangeKind.ADD_SERVICE, ChangeKind.PRICE_SERVICE, ChangeKind.ADD_PRODUCT}),
    frozenset(
        {ChangeKind.ADD_CONTRACT, ChangeKind.MARK_CONTRACT, ChangeKind.EXTEND_CONTRACT, ChangeKind.RENAME_CONTRACT}
    ),
)
"""A contract needs its field; the services it needs come first, so that its line follows in the same run."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is there in Autotask, by key, as it was read at one moment."""

    has_field: bool = False
    services: Mapping[str, tuple[CatalogueEntry, ...]] = field(default_factory=dict)
    products: Mapping[str, tuple[CatalogueEntry, ...]] = field(default_factory=dict)
    contracts: Mapping[str, tuple[SubscriptionContract, ...]] = field(default_factory=dict)

    def of(self, change: Change) -> tuple[SubscriptionContract, ...]:
        """Contracts that carry the subscription of a change."""
        return self.contracts.get(change.step.key.casefold(), ()) if change.step else ()

    def entries(self, change: Change) -> tuple[CatalogueEntry, ...]:
        """Services or products with the SKU of a change."""
        known = self.products if change.kind is ChangeKind.ADD_PRODUCT else self.services
        return known.get(change.step.key.casefold(), ()) if change.step else ()


def look(target: Target, changes: Sequence[Change]) -> Found:
    """Read what these changes make or change: one bulk read for each kind of thing."""
    kinds = {change.kind for change in changes}
    has_field = bool(kinds & (ORDER[0] | ORDER[2])) and target.has_contract_field(FIELD_NAME)
    contracts = target.subscription_contracts(FIELD_NAME) if has_field and kinds & ORDER[2] else []
    skus = {change.step.key for change in changes if change.step and change.kind in ORDER[1]}
    products = {change.step.key for change in changes if change.step and change.kind is ChangeKind.ADD_PRODUCT}
    return Found(
        has_field=has_field,
        services=_by_sku(target.services_by_sku(skus - products)) if skus - products else {},
        products=_by_sku(target.products_by_sku(products)) if products else {},
        contracts=_by_key(contracts),
    )


def is_done(change: Change, found: Found) -> bool | None:
    """Whether a change is there; None when it is there more than once, which nobody may add to."""
    step = change.step
    assert step is not None
    if change.kind is ChangeKind.ADD_FIELD:
        return found.has_field
    if change.kind in ORDER[1]:
        entries = found.entries(change)
        if change.kind is ChangeKind.PRICE_SERVICE:
            mine = [one for one in entries if one.id == change.item.id]
            return bool(mine) and all(_priced(change, one) for one in mine)
        return None if len(entries) > 1 else bool(entries)
    contracts = [one.contract for one in found.of(change)]
    if len(contracts) > 1:
        return None
    if change.kind is ChangeKind.EXTEND_CONTRACT:
        return any(step.end is not None and contract.end >= step.end for contract in contracts)
    if change.kind is ChangeKind.RENAME_CONTRACT:
        return any(contract.name == step.name for contract in contracts)
    return bool(contracts)


def _priced(change: Change, entry: CatalogueEntry) -> bool:
    pairs = ((change.unit_price, entry.unit_price), (change.unit_cost, entry.unit_cost))
    return all(wanted is None or wanted == have for wanted, have in pairs)


class _StepSender(Sender):
    """Sends what makes things, in place of units."""

    def __init__(self, target: Target, note: Note, running: Running) -> None:
        super().__init__(target, note, running.should_stop, running.may_send)
        self._maker = target

    def deliver(self, write: Write) -> LineRef | None:
        change, step = write.change, write.change.step
        assert step is not None
        match change.kind:
            case ChangeKind.ADD_FIELD:
                self._maker.add_contract_field(step)
            case ChangeKind.ADD_SERVICE:
                self._maker.add_service(step)
            case ChangeKind.PRICE_SERVICE:
                self._maker.price_service(change.item.id, step)
            case ChangeKind.ADD_PRODUCT:
                self._maker.add_product(step)
            case ChangeKind.ADD_CONTRACT:
                self._maker.add_contract(change.company_id, step, FIELD_NAME)
            case ChangeKind.MARK_CONTRACT:
                self._maker.mark_contract(change.contract_id, step.key, FIELD_NAME)
            case ChangeKind.EXTEND_CONTRACT:
                assert step.end is not None
                self._maker.extend_contract(change.contract_id, step.end)
            case ChangeKind.RENAME_CONTRACT:
                self._maker.rename_contract(change.contract_id, step.name)
        return None


@dataclass(slots=True)
class Maker:
    """Carries the steps of one plan out."""

    running: Running
    target: Target
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        self.journal = Journal(self.running.ctx, self.running.run, self.running.fence)

    def make(self, changes: Sequence[Change]) -> list[Work]:
        """Bring every step to an end; each `Work` tells how. Raises RunLost when another process took over."""
        works = [Work(change, None) for change in changes]
        if not works:
            return []
        self.journal.intended(changes, {})
        for kinds in ORDER:
            batch = [work for work in works if work.change.kind in kinds and work.end is None]
            if batch:
                self._batch(batch, without_field=kinds is ORDER[2])
        return works

    def _batch(self, works: list[Work], *, without_field: bool) -> None:
        try:
            found = look(self.target, [work.change for work in works])
            if without_field and not found.has_field:
                self._end_all(works, End.WAITING, T("The field {field} is not there yet.", field=FIELD_NAME), found)
                return
            for _ in range(ATTEMPTS):
                self._judge(works, found, last=False)
                pending = [work for work in works if work.end is None]
                if not pending or self.running.should_stop():
                    break
                doubtful = self._send(pending)
                found = look(self.target, [work.change for work in works])
                found = self._look_again(doubtful, works, found)
            self._judge(works, found, last=True)
        except RemoteError as error:
            log.warning("steps.unread", run_id=self.running.id, error=error.kind)
            for work in works:
                if work.end is None:
                    # Sent, and not read back: the next run settles it. Not sent: it is planned again.
                    work.close(End.OPEN if work.attempts else End.WAITING, error.message)
            self._keep([work for work in works if work.end is End.WAITING], Found())

    def _look_again(self, doubtful: Sequence[Work], works: Sequence[Work], found: Found) -> Found:
        """What is there, as soon as all that had no answer is there, or Autotask can no longer be making it."""
        waits = looks(self.running.ctx.pace, self.running.should_stop)
        last = False
        while not last and any(is_done(work.change, found) is False for work in doubtful):
            more = next(waits, None)
            if more is None:
                for work in doubtful:
                    if is_done(work.change, found) is False:
                        work.close(End.OPEN, UNCERTAIN)
                break
            last, found = more, look(self.target, [work.change for work in works])
        return found

    def _send(self, pending: Sequence[Work]) -> list[Work]:
        """Send one request for each; gives those that had no answer."""
        by_change = {work.change.id: work for work in pending}
        sender = _StepSender(self.target, self.journal.exchange, self.running)
        for answer in sender.send([Write(work.change, None, work.attempts + 1) for work in pending]):
            work = by_change[answer.write.change.id]
            work.answer, work.attempts = answer, work.attempts + 1
        return [work for work in pending if work.answer and work.answer.verdict is Verdict.UNKNOWN]

    def _judge(self, works: Sequence[Work], found: Found, *, last: bool) -> None:
        """End what was found, what was refused, and on the last look everything else."""
        ended: list[Work] = []
        for work in works:
            if work.end is not None:
                continue
            _judge(work, is_done(work.change, found), last=last)
            if work.end is not None:
                ended.append(work)
        self._keep(ended, found)

    def _end_all(self, works: Sequence[Work], end: End, text: Text, found: Found) -> None:
        for work in works:
            work.close(end, text)
        self._keep(works, found)

    def _keep(self, ended: Sequence[Work], found: Found) -> None:
        """How works ended, with all that follows from it, in one transaction."""
        if not ended:
            return
        verified = [work for work in ended if work.end is End.VERIFIED]

        def also(session: Session) -> None:
            self.running.fence(session)
            decisions.withdraw(session, [work.change.id for work in verified])
            runlog.append(session, [self._line(work) for work in ended])
            remember(session, self.running, [work.change for work in verified], found)

        self.journal.ended([self._fact(work) for work in ended], also)

    def _fact(self, work: Work) -> Fact:
        events = {End.VERIFIED: Event.VERIFIED, End.REFUSED: Event.REFUSED, End.WAITING: Event.SKIPPED}
        event = events.get(work.end or End.FAILED, Event.FAILED)
        told = {} if event is Event.VERIFIED else why(work.answer.error if work.answer else None)
        return self.journal.fact(event, work.change, None, **told)

    def _line(self, work: Work) -> runlog.LogLine:
        level = "info" if work.end is End.VERIFIED else "warning" if work.end is End.WAITING else "error"
        portal = ", ".join(work.change.portals)
        return self.running.line(sentence(work), level=level, event="step.made", portal=portal)


def _judge(work: Work, done: bool | None, *, last: bool) -> None:
    error = work.answer.error if work.answer else None
    if done is None:
        work.close(End.FAILED, T("It is there more than once in Autotask; nothing was added."), "duplicate")
    elif done:
        work.close(End.VERIFIED)
    elif isinstance(error, Refused):
        work.close(End.REFUSED, error.message, error.reason)
    elif work.answer is not None and work.answer.verdict is Verdict.NOT_DONE and not work.answer.may_work_later:
        text = error.message if isinstance(error, ContractBridgeError) else None
        work.close(End.FAILED, text or T("The change could not be sent."))
    elif last and work.attempts:
        work.close(End.FAILED, T("Autotask did not take the change in {count} attempts.", count=work.attempts))
    elif last:
        work.close(End.WAITING, T("The run was stopped."))


def remember(session: Session, running: Running, changes: Sequence[Change], found: Found) -> None:
    """What follows from steps that are done: our contracts are known, products are mapped to their services, the audit."""
    now = running.ctx.clock.now()
    made: dict[SubscriptionKey, MadeContract] = {}
    for change in changes:
        contracts = found.of(change)
        if change.kind in ORDER[2] and change.step and len(contracts) == 1:
            contract = contracts[0].contract
            key = SubscriptionKey(change.portals[0], change.step.key)
            made[key] = MadeContract(contract.id, contract.name, contract.start, contract.end)
    store.remember_made(session, made, now)
    _map_products(
        session, [change for change in changes if change.kind is ChangeKind.ADD_SERVICE], found, Author("system", now)
    )
    audit.append(session, now, [_audited(change, found, running.run.started_by) for change in changes])


def _map_products(session: Session, changes: Sequence[Change], found: Found, author: Author) -> None:
    """Products that a service was made for are mapped to it, so that people see and may change it."""
    if not changes:
        return
    mapped = {source.product for rule in load_rules(session) for source in rule.sources}
    rules = []
    for change in changes:
        entries = found.entries(change)
        products = {
            ProductKey(one.portal, usage.product_key, usage.term, usage.billing_frequency)
            for one in change.sources
            for usage in [one.line.usage]
        }
        for product in sorted(products - mapped):
            item = ItemRef(change.item.kind, entries[0].id)
            rules.append(ProductRule(id=0, item=item, sources=(RuleSource(product, "users"),)))
            mapped.add(product)
    mappings.save_rules(session, rules, author, text="service made")


def _audited(change: Change, found: Found, actor: str) -> Audited:
    step = change.step
    assert step is not None
    numbers = [one.contract.id for one in found.of(change)] or [one.id for one in found.entries(change)]
    after = {
        "name": step.name, "start": step.start, "end": step.end, "id": numbers[0] if numbers else None,
        "unit_price": step.unit_price, "unit_cost": step.unit_cost, "portal": ", ".join(change.portals),
    }  # fmt: skip
    return Audited(
        actor=actor or "system",
        event=f"provisioning.{change.kind.value}",
        subject=step.key,
        after={name: value for name, value in after.items() if value is not None},
    )


WORDS: Mapping[ChangeKind, Text] = {
    ChangeKind.ADD_FIELD: T("Field {name} on contracts"),
    ChangeKind.ADD_SERVICE: T("New service {name}"),
    ChangeKind.PRICE_SERVICE: T("Price of service {name}"),
    ChangeKind.ADD_PRODUCT: T("New product {name}"),
    ChangeKind.ADD_CONTRACT: T("New contract {name}"),
    ChangeKind.MARK_CONTRACT: T("Subscription id of contract {name}"),
    ChangeKind.EXTEND_CONTRACT: T("End of contract {name}"),
    ChangeKind.RENAME_CONTRACT: T("Name of contract {name}"),
}


def words_of(change: Change) -> Text:
    """What a step is about, in words."""
    assert change.step is not None
    return T(WORDS[change.kind].template, name=change.step.name or change.step.key)


def sentence(work: Work) -> Text:
    """How one step ended, for the log."""
    what = words_of(work.change)
    if work.end is End.VERIFIED:
        return T("{what}: done; read back.", what=what)
    if work.end is End.WAITING:
        return T("{what}: was not sent: {why}", what=what, why=work.why or "")
    return T("{what}: did not succeed: {why}", what=what, why=work.why or "")


def _by_sku(entries: Sequence[CatalogueEntry]) -> dict[str, tuple[CatalogueEntry, ...]]:
    found: dict[str, tuple[CatalogueEntry, ...]] = {}
    for entry in entries:
        key = entry.sku.casefold()
        found[key] = (*found.get(key, ()), entry)
    return found


def _by_key(contracts: Sequence[SubscriptionContract]) -> dict[str, tuple[SubscriptionContract, ...]]:
    found: dict[str, tuple[SubscriptionContract, ...]] = {}
    for one in contracts:
        key = one.subscription_id.casefold()
        found[key] = (*found.get(key, ()), one)
    return found


__all__ = ["Answer", "Found", "Maker", "is_done", "look", "remember", "sentence", "words_of"]
