"""Invoices and their lines over Partner Center's own interface (Azure reference §4.1, §4.2)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from connectors._kit.api import Api, Call
from connectors._kit.select import day, records, text
from connectors._microsoft.partner import PartnerPages
from connectors.partner_center_billing.export import flat
from core.domain.consumption import ConsumptionReport
from core.domain.errors import ShapeChanged
from core.domain.text import T

__all__ = ["Invoice", "Invoices"]

PAGE = 200
MOST_PAGES = 1_000


class Invoice(NamedTuple):
    """One invoice or credit note."""

    id: str
    dated: str
    """As Partner Center writes it: ISO, so that text order is order of time."""
    start: date
    end: date
    bills: bool = True
    """False for a credit note."""

    def report(self) -> ConsumptionReport:
        return ConsumptionReport(
            id=self.id, watermark=f"{self.dated}|{self.id}", period_start=self.start, period_end=self.end
        )


@dataclass(frozen=True, slots=True)
class Invoices:
    """Reads invoices."""

    api: Api

    def all(self) -> list[Invoice]:
        """Every invoice once, the oldest first. Newer ones ignore the paging: it ends where nothing new comes."""
        found: dict[str, Invoice] = {}
        for page in range(MOST_PAGES):
            call = Call(path="invoices", params={"size": str(PAGE), "offset": str(page * PAGE)})
            answer = self.api.fetch(call)
            known = len(found)
            for row in records(answer.json(), "items", place=answer.where):
                invoice = _invoice(row, answer.where)
                if invoice is not None:
                    found.setdefault(invoice.id, invoice)
            if len(found) == known or len(found) < (page + 1) * PAGE:
                return sorted(found.values(), key=lambda one: (one.dated, one.id))
        raise ShapeChanged(T("The list does not end after {count} pages.", count=MOST_PAGES), place="invoices")

    def lines(self, invoice: str, kind: str, currency: str, period: str) -> Iterator[dict[str, str]]:
        """The lines of an invoice or of `unbilled`: `usagelineitems` or `billinglineitems`. Values as written."""
        params = {
            "provider": "onetime",
            "invoicelineitemtype": kind,
            "currencycode": currency.lower(),
            "period": period,
            "size": "2000",
        }
        step: Call | None = Call(path=f"invoices/{invoice}/lineitems", params=params)
        pages = PartnerPages()
        seen: set[str] = set()
        while step is not None:
            answer = self.api.fetch(step)
            try:
                body: Any = json.loads(answer.content, parse_float=str, parse_int=str)
            except (ValueError, RecursionError) as error:
                raise ShapeChanged(T("The answer is not the JSON it should be."), place=answer.where) from error
            rows = records(body, "items", place=answer.where)
            yield from (flat(row) for row in rows)
            step = pages.next(step, body, answer.headers, len(rows))
            token = "" if step is None else repr((sorted(step.headers.items()), step.path, sorted(step.params.items())))
            if token and token in seen:
                raise ShapeChanged(T("The list does not end: the same page is offered again."), place=answer.where)
            seen.add(token)


def _invoice(row: Mapping[str, Any], where: str) -> Invoice | None:
    """None for one without a billing period: it bills nothing of a month."""
    start, end = day(row, "billingPeriodStartDate"), day(row, "billingPeriodEndDate")
    if start is None or end is None:
        return None
    bills = text(row, "documentType", "").casefold() in ("", "invoice")
    return Invoice(text(row, "id", place=where), text(row, "invoiceDate", ""), start, end, bills)
