"""Mappings copied from a spreadsheet: tab-separated lines become edits, or an error with the line's number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy.orm import Session

from core.domain.text import T, Text
from core.services.mapping import CustomerEdit, EditError
from core.store import directory
from core.store.declared import customer_names
from core.store.portal_ids import portal_ids

MOST_LINES = 20_000
IGNORED = "ignored by paste"


class _Known(NamedTuple):
    """Customers by (portal, folded name or key) and companies by folded name, with all that fit."""

    customers: Mapping[tuple[str, str], set[str]]
    companies: Mapping[str, set[int]]
    company_ids: frozenset[int]
    portals: Mapping[str, str]


def read_lines(session: Session, text: str, portal: str) -> tuple[list[tuple[int, CustomerEdit]], list[EditError]]:
    """Edits with the number of their line (from 1), and the lines that say nothing that could be done."""
    known = _known(session)
    edits: list[tuple[int, CustomerEdit]] = []
    errors: list[EditError] = []
    for number, line in enumerate(text.splitlines()[:MOST_LINES], 1):
        cells = [cell.strip().strip('"').strip() for cell in line.split("\t")]
        if not any(cells):
            continue
        found = _edit(cells, portal, known)
        if isinstance(found, CustomerEdit):
            edits.append((number, found))
        else:
            errors.append(EditError(number, found))
    return edits, errors


def _edit(cells: list[str], portal: str, known: _Known) -> CustomerEdit | Text:
    if len(cells) > 2 and cells[2]:
        where, customer, company = cells[:3]
    elif len(cells) >= 2:
        where, (customer, company) = portal, cells[:2]
    else:
        return T("A customer and a company are needed, with a tab between them.")
    if where and where.casefold() not in known.portals:
        return T("There is no portal {name}.", name=where)
    places = [known.portals[where.casefold()]] if where else list(known.portals.values())
    fitting = [(p, c) for p in places for c in sorted(known.customers.get((p, customer.casefold()), ()))]
    if not fitting:
        return T("There is no customer {name}.", name=customer)
    if len(fitting) > 1:
        return T(
            "{count} customers are called {name}: say which portal, or use the customer's key.",
            count=len(fitting),
            name=customer,
        )
    at, customer_id = fitting[0]
    if company == "-":
        return CustomerEdit(portal=at, customer_id=customer_id, ignore_reason=IGNORED)
    if not company:
        return CustomerEdit(portal=at, customer_id=customer_id)
    number = _company(company, known)
    return number if isinstance(number, Text) else CustomerEdit(portal=at, customer_id=customer_id, company_id=number)


def _company(text: str, known: _Known) -> int | Text:
    if text.isascii() and text.isdigit() and int(text) in known.company_ids:
        return int(text)
    fitting = known.companies.get(text.casefold(), set())
    if len(fitting) == 1:
        return next(iter(fitting))
    if fitting:
        return T("{count} companies are called {name}: use the company's number.", count=len(fitting), name=text)
    return T("There is no company {name} in Autotask.", name=text)


def _known(session: Session) -> _Known:
    customers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for key, name in customer_names(session).items():
        customers[key.portal, name.casefold()].add(key.customer_id)
        customers[key.portal, key.customer_id.casefold()].add(key.customer_id)
    companies: dict[str, set[int]] = defaultdict(set)
    active = directory.companies(session)
    for company in active:
        companies[company.name.casefold()].add(company.id)
        if company.number:
            companies[company.number.casefold()].add(company.id)
    portals = {name.casefold(): name for name in portal_ids(session)}
    return _Known(customers, companies, frozenset(company.id for company in active), portals)
