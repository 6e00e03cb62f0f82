"""Three numbers side by side: the vendor's invoice, our own records, Autotask's contract lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from core.domain.invoice.explain import counted, explain
from core.domain.invoice.model import (
    EVERYBODY,
    BilledUnits,
    CheckFacts,
    CheckRow,
    Explanation,
    InvoiceItem,
    Level,
    Mute,
    OwnRecord,
    Place,
    State,
    Why,
)
from core.domain.text import T
from core.domain.usage import UsageLine

CENT = Decimal("0.01")

NOBODY = BilledUnits(units=None)
OPEN = (State.DIFFERENT, State.UNKNOWN)


def check(facts: CheckFacts, today: date) -> tuple[CheckRow, ...]:
    """A row for all that is on the invoice, and all that we know was used in the period; by customer and product."""
    items = {item.place: item for item in together(facts.items)}
    used = {place for place, record in facts.own.items() if place in items or _counts(record, facts, today)}
    records = {place: facts.own.get(place) or _unknown(items[place], facts, today) for place in {*items, *used}}
    rows = (_Row(facts, today, items.get(place), record, place).row() for place, record in records.items())
    return tuple(sorted(rows, key=lambda row: (row.customer.casefold(), row.product.casefold(), row.place)))


def money(amount: Decimal) -> Decimal:
    """Rounded half up to cents, once (M12)."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def with_mutes(rows: Iterable[CheckRow], mutes: dict[Place, Mute]) -> tuple[CheckRow, ...]:
    """The same rows with mutes as they are now: one holds as long as the difference is what it was."""
    return tuple(_muted(row, mutes.get(row.place)) for row in rows)


def together(items: Iterable[InvoiceItem]) -> list[InvoiceItem]:
    """One item for each place: invoices have a line for each part of a period. An amount is known when all its parts are."""
    found: dict[Place, InvoiceItem] = {}
    for item in items:
        have = found.get(item.place)
        found[item.place] = item if have is None else replace(
            have,
            units=have.units + item.units,
            amount=None if have.amount is None or item.amount is None else have.amount + item.amount,
            currency=have.currency if have.currency == item.currency else "",
        )  # fmt: skip
    return list(found.values())


def items_of(lines: Sequence[UsageLine], *, by_customer: bool) -> tuple[InvoiceItem, ...]:
    """Invoice items of a file's lines. The amount is what the row tells, else units × cost, else units × price."""
    return tuple(
        InvoiceItem(
            place=Place(line.customer_id if by_customer else EVERYBODY, line.product_key),
            customer=line.customer if by_customer else "",
            product=line.product,
            units=line.quantity,
            amount=_amount(line),
            currency=line.currency,
            source=f"{line.origin.source} {line.origin.place}".strip(),
        )
        for line in lines
    )


def _amount(line: UsageLine) -> Decimal | None:
    told = line.attributes.get("amount", "")
    if told:
        try:
            amount = Decimal(told)
        except InvalidOperation:
            return None
        return amount if amount.is_finite() else None
    each = line.unit_cost if line.unit_cost is not None else line.unit_price
    return None if each is None else each * line.quantity


def _unknown(item: InvoiceItem, facts: CheckFacts, today: date) -> OwnRecord | None:
    """Where we know of no use: a record that knows nothing, as long as the portal was not read then; None: it was not used."""
    levels = (Level(facts.known_from, Decimal(0)),) if facts.known_from else ()
    if counted(levels, facts.settings, facts.period, today) is not None:
        return None
    return OwnRecord(place=item.place, customer=item.customer, product=item.product, levels=levels)


def _counts(record: OwnRecord, facts: CheckFacts, today: date) -> bool:
    units = counted(record.levels, facts.settings, facts.period, today)
    return units is not None and units != 0


@dataclass(slots=True)
class _Row:
    facts: CheckFacts
    today: date
    item: InvoiceItem | None
    record: OwnRecord | None
    place: Place

    def row(self) -> CheckRow:
        item, record = self.item, self.record
        billed = self.facts.billed.get(self.place, NOBODY)
        own = None if record is None else counted(record.levels, self.facts.settings, self.facts.period, self.today)
        currency = (item.currency if item else "") or (record.currency if record else "")
        row = CheckRow(
            place=self.place,
            customer=self._word("customer"),
            product=self._word("product"),
            invoice=item.units if item else None,
            own=own,
            autotask=billed.units,
            invoice_amount=item.amount if item else None,
            own_amount=self._own_amount(own, currency),
            autotask_amount=billed.cost,
            currency=currency,
            explanation=self._explanation(),
            state=State.EQUAL,
            shared=billed.shared,
            source=item.source if item else "",
        )
        row = replace(row, by_units=self._by_units(row))
        return _muted(replace(row, state=self._state(row)), self.facts.mutes.get(self.place))

    def _word(self, name: str) -> str:
        own = getattr(self.record, name) if self.record else ""
        return own or (getattr(self.item, name) if self.item else "")

    def _own_amount(self, own: Decimal | None, currency: str) -> Decimal | None:
        record = self.record
        if own is None or record is None or record.unit_cost is None or record.currency not in ("", currency):
            return None
        return money(own * record.unit_cost)

    def _explanation(self) -> Explanation:
        if self.record is None:
            return Explanation(why=Why.ONLY_INVOICE, texts=(T("This is on the invoice, and in no own records."),))
        if self.item is None:
            return Explanation(why=Why.ONLY_OWN, texts=(T("This was in use, and is not on the invoice."),))
        return explain(self.record, self.item.units, self.facts.settings, self.facts.period, self.today)

    def _by_units(self, row: CheckRow) -> Decimal | None:
        if row.difference is None or self.record is None or self.record.unit_cost is None or row.own_amount is None:
            return None
        return money(row.difference * self.record.unit_cost)

    def _state(self, row: CheckRow) -> State:
        if row.difference is None:
            return State.UNKNOWN
        limits, money = self.facts.settings, row.money_difference
        off = [abs(row.difference), abs(row.autotask_difference or Decimal(0))]
        apart = Decimal(0) if money is None else abs(money)
        if row.explanation.why in (Why.ONLY_INVOICE, Why.ONLY_OWN) and row.difference == 0:
            return State.EQUAL
        if max(off) > limits.tolerance_units or apart > limits.tolerance_amount:
            return State.DIFFERENT
        return State.TOLERATED if any(off) or apart else State.EQUAL


def _muted(row: CheckRow, mute: Mute | None) -> CheckRow:
    was = State.DIFFERENT if row.state is State.MUTED else row.state
    if mute is None or mute.difference != row.fingerprint or was not in OPEN:
        return replace(row, state=was, mute=None)
    return replace(row, state=State.MUTED, mute=mute)
