"""The lines of a file beside the mappings: which are mapped, which wait, which are ignored (S1-53)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.orm import Session

from core.domain.contract import ItemRef
from core.domain.grouping import renamed
from core.domain.mapping import CustomerKey, CustomerMapping, ProductKey, WorkspaceMapping
from core.domain.text import Text
from core.domain.usage import UsageLine
from core.files.importer import ImportResult
from core.services.recognising import same_words
from core.store import directory, mappings


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRow:
    """One row of the preview. `status` is `mapped`, `pending` or `ignored`; `place` is where it stands in the file."""

    customer_id: str
    customer: str
    product_key: str
    product: str
    count: Decimal
    status: str
    company: str = ""
    service: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A note or an error about the file. `kind` is one of the kinds of the file importer; `message` tells the whole place."""

    kind: str
    message: Text
    error: bool
    sheet: str = ""
    row: int | None = None
    column: str = ""
    text: str = ""


def issues_of(result: ImportResult) -> tuple[Issue, ...]:
    """Errors first, then notes."""
    errors = [
        Issue(
            kind=str(one.kind), message=result.sentence(one), error=True,
            sheet=one.sheet, row=one.row, column=one.column, text=one.text,
        )
        for one in result.errors
    ]  # fmt: skip
    notes = [Issue(kind=str(n.kind), message=n.message, error=False, sheet=n.sheet, row=n.row) for n in result.notes]
    return (*errors, *notes)


def judged(session: Session, portal: str, lines: Sequence[UsageLine]) -> tuple[PreviewRow, ...]:
    """Each line with its status, company and service."""
    mapping = mappings.load_mapping(session)
    judge = _Judge(
        portal,
        mapping,
        directory.company_names(session),
        {item.ref: item.name for item in directory.items(session)},
    )
    return tuple(judge.row(line) for line in lines)


class _Judge:
    """The mappings of one portal, by customer and by product."""

    def __init__(
        self, portal: str, mapping: WorkspaceMapping, companies: Mapping[int, str], items: Mapping[ItemRef, str]
    ) -> None:
        self._portal = portal
        self._mapping = mapping
        self._companies = companies
        self._by_name = {
            same_words(one.customer): one for key, one in mapping.customers.items() if key.portal == portal
        }
        self._services: dict[ProductKey, str] = {}
        for rule in mapping.rules:
            name = items.get(rule.item, f"{rule.item.kind.value} {rule.item.id}")
            for source in rule.sources:
                before = self._services.get(source.product)
                self._services[source.product] = f"{before}, {name}" if before else name

    def row(self, line: UsageLine) -> PreviewRow:
        customer = self._customer(line)
        key = ProductKey(
            self._portal,
            renamed(self._mapping.renames, self._portal, line.product_key),
            line.term,
            line.billing_frequency,
        )
        company_id = customer.company_id if customer else None
        service = self._services.get(key, "")
        if (customer and customer.ignored is not None) or (key in self._mapping.ignored_products and not service):
            status = "ignored"
        else:
            status = "mapped" if company_id is not None and service else "pending"
        return PreviewRow(
            customer_id=line.customer_id,
            customer=line.customer,
            product_key=line.product_key,
            product=line.product,
            count=line.quantity,
            status=status,
            company=self._companies.get(company_id, str(company_id)) if company_id is not None else "",
            service=service,
            place=line.origin.place,
        )

    def _customer(self, line: UsageLine) -> CustomerMapping | None:
        known = self._mapping.customers.get(CustomerKey(self._portal, line.customer_id))
        return known or self._by_name.get(same_words(line.customer))
