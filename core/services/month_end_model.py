"""What a month's end tells pages and reports, and how its numbers are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from core.domain.contract import ItemRef, LineKind, LineRef
from core.domain.month_end import CompanyInvoice, Gate, GateName, NextKind, NextLine
from core.domain.next_invoice import company_invoices
from core.domain.text import T, Text
from core.store.codec import canonical, digest, text_from_json, text_to_json
from core.store.reporting import StoredSignOff

LEFT_OUT = T(
    "What else Autotask bills is not in it: hours, tickets, charges made by hand, companies that are not mapped."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed for a company since the month was signed for; None: it was (is) not on it."""

    company: str
    signed: Decimal | None
    now: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """Somebody signed for a month. `gates_open` were open then; `to_bill` is what they signed for; `digest` that of the numbers."""

    id: int
    month: date
    person: str
    at: datetime
    remark: str
    gates_open: int
    to_bill: Decimal
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthEnd:
    """One month (its first day). `live`: Autotask was asked just now. Otherwise the next invoice is not known: no companies, sums
    are None, `digest` is empty, and `notes` say why.

    `changed` is what differs from what was signed for: empty while nothing does, or nobody signed.
    """

    month: date
    live: bool
    gates: tuple[Gate, ...]
    companies: tuple[CompanyInvoice, ...]
    to_bill: Decimal | None
    posted: Decimal | None
    unknown: int
    digest: str
    signed: SignOff | None
    changed: tuple[Difference, ...] = ()
    notes: tuple[Text, ...] = ()

    @property
    def open_gates(self) -> int:
        return sum(not gate.passed for gate in self.gates)

    @property
    def lines(self) -> tuple[NextLine, ...]:
        return tuple(line for company in self.companies for line in company.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackCheck:
    """What an evidence pack is worth: every file as it was written, and this workspace's chains still lead through it."""

    ok: bool
    month: date | None
    person: str
    texts: tuple[Text, ...]


def sign_off_of(stored: StoredSignOff) -> SignOff:
    """A signature as it is shown."""
    return SignOff(
        id=stored.id,
        month=stored.month,
        person=stored.person,
        at=stored.at,
        remark=stored.remark,
        gates_open=stored.gates_open,
        to_bill=stored.to_bill,
        digest=stored.digest,
    )


def as_signed(stored: StoredSignOff) -> MonthEnd:
    """A month as it was signed for."""
    invoices = company_invoices(_line_from_json(one) for one in stored.numbers["lines"])
    return MonthEnd(
        month=stored.month,
        live=True,
        gates=_gates_from(stored.numbers),
        companies=invoices,
        to_bill=stored.to_bill,
        posted=sum((one.posted for one in invoices), Decimal(0)),
        unknown=sum(one.unknown for one in invoices),
        digest=stored.digest,
        signed=sign_off_of(stored),
        notes=(LEFT_OUT,),
    )


def sealed(numbers: Mapping[str, object]) -> str:
    """The digest of all that is signed for; it stands in the audit."""
    return digest(canonical(numbers))


def digest_of(lines: Iterable[NextLine]) -> str:
    """Of what is billed. Posting changes nothing of it: that is what follows a signature."""
    parts = [
        (line.company_id, line.contract_id, line.what, line.line and line.line.text, line.first, line.last, line.units, line.amount)
        for line in lines
    ]  # fmt: skip
    spelled = sorted(canonical([_plain(value) for value in part]) for part in parts)
    return digest("\n".join(spelled))


def totals_of(companies: Iterable[CompanyInvoice]) -> dict[str, Decimal]:
    """What each company's invoice comes to, posted or not."""
    return {one.company: one.to_bill + one.posted for one in companies}


def numbers_of(shown: MonthEnd) -> dict[str, Any]:
    """Everything that is signed for, as JSON."""
    return {
        "month": shown.month.isoformat(),
        "digest": shown.digest,
        "totals": {name: str(amount) for name, amount in totals_of(shown.companies).items()},
        "lines": [_line_to_json(line) for line in shown.lines],
        "gates": [
            {"name": gate.name.value, "count": gate.count, "message": text_to_json(gate.message), "page": gate.page}
            for gate in shown.gates
        ],
        "notes": [text_to_json(text) for text in shown.notes],
    }


def _gates_from(numbers: Mapping[str, Any]) -> tuple[Gate, ...]:
    return tuple(
        Gate(
            name=GateName(one["name"]),
            count=one["count"],
            message=text_from_json(one["message"]) or Text(""),
            page=one["page"],
        )
        for one in numbers["gates"]
    )


def _line_to_json(line: NextLine) -> dict[str, Any]:
    return {
        "kind": line.kind.value,
        "company_id": line.company_id,
        "company": line.company,
        "contract_id": line.contract_id,
        "contract": line.contract,
        "what": line.what,
        "first": line.first.isoformat(),
        "last": line.last.isoformat(),
        "units": str(line.units),
        "unit_price": None if line.unit_price is None else str(line.unit_price),
        "amount": None if line.amount is None else str(line.amount),
        "posted": line.posted,
        "days": line.days,
        "period_days": line.period_days,
        "item": [line.item.kind.value, line.item.id] if line.item else None,
        "line": line.line.text if line.line else None,
        "currency": line.currency,
    }


def _line_from_json(data: Mapping[str, Any]) -> NextLine:
    return NextLine(
        kind=NextKind(data["kind"]),
        company_id=data["company_id"],
        company=data["company"],
        contract_id=data["contract_id"],
        contract=data["contract"],
        what=data["what"],
        first=date.fromisoformat(data["first"]),
        last=date.fromisoformat(data["last"]),
        units=Decimal(data["units"]),
        unit_price=None if data["unit_price"] is None else Decimal(data["unit_price"]),
        amount=None if data["amount"] is None else Decimal(data["amount"]),
        posted=data["posted"],
        days=data["days"],
        period_days=data["period_days"],
        item=ItemRef(LineKind(data["item"][0]), data["item"][1]) if data["item"] else None,
        line=LineRef.parse(data["line"]) if data["line"] else None,
        currency=data["currency"],
    )


def _plain(value: object) -> object:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value
