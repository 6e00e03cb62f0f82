"""Portal customer → Autotask company: the grid with suggestions, bulk edits, paste, undo."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.mapping import CustomerKey, CustomerMapping
from core.domain.matching import Suggestion, exact_matches, suggest
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.audited import author_of
from core.services.paging import Page, PageQuery
from core.store import directory, mappings
from core.store.declared import linked_names
from core.store.mappings import CustomerEntry

if TYPE_CHECKING:
    from core.services.context import Context

SHOWN_SUGGESTIONS = 3


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose, for a select box: `label` is what people read."""

    id: int
    label: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class CompanySuggestion:
    """`score` 0-100; `exact`: equal after normalisation (legal form, case, accents, order of words), and no other company is."""

    company_id: int
    company: str
    score: int
    exact: bool
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRow:
    """One portal customer. `status`: mapped, pending, ignored. `lines` and `quantity` are what it uses now."""

    portal: str
    customer_id: str
    customer: str
    status: str
    company_id: int | None
    company: str
    ignored: str
    lines: int
    quantity: Decimal
    suggestions: tuple[CompanySuggestion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerEdit:
    """Link (`company_id`), ignore (`ignore_reason`), or with neither: make it pending again."""

    portal: str
    customer_id: str
    company_id: int | None = None
    ignore_reason: str | None = None


@dataclass(frozen=True, slots=True)
class EditError:
    """`index` is the position of the edit (or the line of the paste, from 1)."""

    index: int
    message: Text


@dataclass(frozen=True, slots=True)
class EditResult:
    """Edits without an error are saved, the others are named; nothing is half-written."""

    saved: int
    errors: tuple[EditError, ...] = ()


def customers(ctx: Context, actor: Actor, query: PageQuery) -> Page[CustomerRow]:
    """One slice of the portals' customers; those to be mapped come with suggestions, made for all of the slice at once."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        page = mappings.page_customers(session, query)
        pending = sorted({row.customer for row in page.rows if row.status == "pending"})
        found = dict(zip(pending, _suggestions(session, pending), strict=True)) if pending else {}
    return Page(tuple(_row(row, found) for row in page.rows), page.total)


def save_customer_edits(ctx: Context, actor: Actor, edits: Sequence[CustomerEdit]) -> EditResult:
    """Save many edits in one batch that can be undone as a whole; an edit that is wrong is named and left out. For operators."""
    require(actor, Role.OPERATOR)
    return _save(ctx, actor, list(enumerate(edits)), "edited")


def accept_exact_suggestions(ctx: Context, actor: Actor, portal: str = "") -> EditResult:
    """Link every pending customer (of a portal) that has exactly one company of the same name. For operators."""
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        pending = mappings.pending_customers(session, portal)
        names = [one.customer for one in pending]
        found = exact_matches(names, _candidates(session), known_aliases(session))
    edits = [
        CustomerEdit(portal=one.key.portal, customer_id=one.key.customer_id, company_id=match.id)
        for one, match in zip(pending, found, strict=True)
        if match is not None
    ]
    return _save(ctx, actor, list(enumerate(edits)), "accepted exact suggestions")


def paste_customers(ctx: Context, actor: Actor, text: str, portal: str = "", *, save: bool = True) -> EditResult:
    """Lines copied from a spreadsheet: customer (or its key), tab, company (name or number). For operators.

    With three columns the first one is the portal. An empty company makes pending again, `-` ignores. Lines that cannot be
    understood are named by their number; with `save=False` nothing is written.
    """
    require(actor, Role.OPERATOR)
    from core.services.pasting import read_lines

    with ctx.database.session() as session:
        edits, errors = read_lines(session, text, portal)
    if not save:
        return EditResult(len(edits), tuple(errors))
    result = _save(ctx, actor, edits, "pasted")
    return EditResult(result.saved, tuple(sorted((*errors, *result.errors), key=lambda error: error.index)))


def undo_last(ctx: Context, actor: Actor) -> Text | None:
    """Take back what this person edited last (customers, products, rules, lines); None when there is nothing. For operators."""
    require(actor, Role.OPERATOR)

    def work(session: Session) -> Text | None:
        batch = mappings.last_batch(session, actor.name)
        if batch is None:
            return None
        undone = mappings.undo(session, batch.id, author_of(ctx, actor))
        if undone.conflicts:
            return T(
                "{restored} edits taken back; {conflicts} were left, because somebody edited them since.",
                restored=undone.restored,
                conflicts=undone.conflicts,
            )
        return T("{restored} edits taken back.", restored=undone.restored)

    return ctx.database.run(work)


def company_options(ctx: Context, actor: Actor, search: str = "", limit: int = 50) -> list[Option]:
    """Active companies for a select box, in order of name, that contain all words of `search` (name or number)."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        companies = directory.companies(session)
    words = search.casefold().split()
    fitting = (c for c in companies if all(word in f"{c.name} {c.number} {c.id}".casefold() for word in words))
    return [Option(c.id, f"{c.name} ({c.number or c.id})") for c, _ in zip(fitting, range(limit), strict=False)]


def known_aliases(session: Session) -> dict[str, int]:
    """Names that are linked in some portal to one company and in none to another."""
    companies: dict[str, set[int]] = defaultdict(set)
    for name, company_id in linked_names(session):
        companies[name].add(company_id)
    return {name: next(iter(ids)) for name, ids in companies.items() if len(ids) == 1}


def _suggestions(session: Session, names: Sequence[str]) -> list[list[Suggestion]]:
    return suggest(names, _candidates(session), known_aliases(session), SHOWN_SUGGESTIONS)


def _candidates(session: Session) -> list[tuple[int, str]]:
    return [(company.id, company.name) for company in directory.companies(session)]


def _row(entry: CustomerEntry, found: Mapping[str, Iterable[Suggestion]]) -> CustomerRow:
    suggestions = found.get(entry.customer, ()) if entry.status == "pending" else ()
    return CustomerRow(
        portal=entry.portal,
        customer_id=entry.customer_id,
        customer=entry.customer,
        status=entry.status,
        company_id=entry.company_id,
        company=entry.company or (str(entry.company_id) if entry.company_id is not None else ""),
        ignored=entry.ignored,
        lines=entry.lines,
        quantity=entry.quantity,
        suggestions=tuple(CompanySuggestion(s.id, s.name, s.score, s.exact, s.reason) for s in suggestions),
    )


def _save(ctx: Context, actor: Actor, edits: Sequence[tuple[int, CustomerEdit]], text: str) -> EditResult:
    """Check and write; each edit comes with the number that its error is told under."""

    def work(session: Session) -> EditResult:
        keys = [CustomerKey(edit.portal, edit.customer_id) for _, edit in edits]
        known = mappings.find_customers(session, keys)
        companies = directory.company_names(session)
        good: dict[CustomerKey, CustomerMapping] = {}
        errors: list[EditError] = []
        for (number, edit), key in zip(edits, keys, strict=True):
            problem = _problem(edit, known.get(key), companies)
            if problem is None:
                good[key] = CustomerMapping(key, known[key].customer, edit.company_id, _reason(edit))
            else:
                errors.append(EditError(number, problem))
        changed = [mapping for key, mapping in good.items() if known[key] != mapping]
        mappings.set_customers(session, changed, author_of(ctx, actor), text=text)
        return EditResult(len(changed), tuple(errors))

    return ctx.database.run(work) if edits else EditResult(0)


def _problem(edit: CustomerEdit, known: CustomerMapping | None, companies: Mapping[int, str]) -> Text | None:
    if known is None:
        return T("{portal} has no customer {customer}.", portal=edit.portal, customer=edit.customer_id)
    if edit.company_id is not None and edit.ignore_reason is not None:
        return T("A customer is linked or ignored, not both.")
    if edit.company_id is not None and edit.company_id not in companies:
        return T("There is no company with number {number} in Autotask.", number=str(edit.company_id))
    if edit.ignore_reason is not None and not edit.ignore_reason.strip():
        return T("Ignoring needs a reason.")
    return None


def _reason(edit: CustomerEdit) -> str | None:
    return edit.ignore_reason.strip() if edit.ignore_reason is not None else None
