"""The mappings of a workspace file, written in one transaction: what the file has, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.contract import ItemRef, LineKind, LineRef
from core.domain.mapping import ChoiceKey, CustomerKey, CustomerMapping, Rename
from core.domain.text import T
from core.services.access import Actor, Role, require
from core.services.audited import author_of
from core.services.recognising import same_words
from core.services.workspace_file import CustomerEntry, FileProblem, Parsed
from core.services.workspace_names import Found
from core.services.workspace_portals import Steps
from core.services.workspace_rules import plan_products
from core.store import declared, mappings
from core.store.mappings import Author
from core.store.portal_ids import portal_ids

if TYPE_CHECKING:
    from core.services.context import Context

IGNORED = "ignored in the workspace file"
BATCH = "workspace file"


@dataclass(slots=True)
class Tally:
    """How many of one kind of mapping there are in the file, and what becomes of them."""

    created: int = 0
    changed: int = 0
    deleted: int = 0
    unchanged: int = 0


def find_ambiguous(session: Session, parsed: Parsed) -> list[FileProblem]:
    """Customers and products of the file that could be several of the portal's."""
    known = _Customers(session)
    return [
        parsed.problem(
            f"customers.{number}.customer",
            T(
                "{count} customers of {portal} are called {name}: use the portal's key.",
                count=len(fitting),
                portal=entry.portal,
                name=entry.customer,
            ),
        )
        for number, entry in enumerate(parsed.content.customers or ())
        if len(fitting := known.find(entry)) > 1
    ]


def apply_mappings(ctx: Context, actor: Actor, parsed: Parsed, found: Found, steps: Steps) -> None:
    """Make customers, products, renames and chosen lines those of the file, part by part where the file has the part.

    For admins.
    """
    require(actor, Role.ADMIN)
    author = author_of(ctx, actor)

    def work(session: Session) -> dict[str, Tally]:
        tallies: dict[str, Tally] = {}
        if parsed.content.customers is not None:
            tallies["customers"] = _apply_customers(session, parsed.content.customers, found.companies, author)
        if parsed.content.products is not None:
            tallies["products"] = _apply_products(session, parsed, found, author)
        if parsed.content.renames is not None:
            wanted = [Rename(entry.portal, entry.pattern, entry.product) for entry in parsed.content.renames]
            tallies["renames"] = _apply_renames(session, wanted, author)
        if parsed.content.lines is not None:
            tallies["lines"] = _apply_lines(session, parsed, author)
        return tallies

    for part, tally in ctx.database.run(work).items():
        steps.count_many(T(part), tally.created, tally.changed, tally.deleted, tally.unchanged)


class _Customers:
    """Customers that readings named, by key and by name."""

    def __init__(self, session: Session) -> None:
        unread = {m.key for name in portal_ids(session) for m in declared.declared_customers(session, name).values()}
        self.names = declared.customer_names(session)
        self._by_words: dict[tuple[str, str], list[CustomerKey]] = defaultdict(list)
        for key, name in self.names.items():
            if key not in unread:
                self._by_words[key.portal, same_words(name)].append(key)

    def find(self, entry: CustomerEntry) -> list[CustomerKey]:
        """The customers that an entry means: the one with this key, or those with this name."""
        key = CustomerKey(entry.portal, entry.customer)
        by_name = self._by_words.get((entry.portal, same_words(entry.customer)), [])
        return [key] if key in self.names and (not by_name or key in by_name) else by_name or [key]


def _apply_customers(
    session: Session, entries: Sequence[CustomerEntry], companies: Mapping[int, int], author: Author
) -> Tally:
    known = _Customers(session)
    before = mappings.find_customers(session, list(known.names))
    wanted: dict[CustomerKey, CustomerMapping] = {}
    for number, entry in enumerate(entries):
        for key in known.find(entry):
            name = known.names.get(key, entry.customer)
            wanted[key] = CustomerMapping(key, name, companies.get(number), _reason(entry, before.get(key)))
    tally = Tally()
    for key, mapping in wanted.items():
        old = before.get(key)
        if old is None or (old.company_id is None and old.ignored is None):
            tally.created += 1
        elif old == mapping:
            tally.unchanged += 1
        else:
            tally.changed += 1
    gone = [
        CustomerMapping(key, old.customer)
        for key, old in before.items()
        if key not in wanted and (old.company_id is not None or old.ignored is not None)
    ]
    tally.deleted = len(gone)
    never_read = {
        row_id
        for portal in {mapping.key.portal for mapping in gone}
        for row_id, mapping in declared.declared_customers(session, portal).items()
        if mapping.key not in wanted
    }
    mappings.set_customers(session, [*wanted.values(), *gone], author, text=BATCH)
    declared.drop_customers(session, sorted(never_read))
    return tally


def _reason(entry: CustomerEntry, before: CustomerMapping | None) -> str | None:
    """Why a customer is ignored; `ignore: true` keeps the reason that is known."""
    if entry.ignore is False:
        return None
    if isinstance(entry.ignore, str):
        return entry.ignore
    return before.ignored if before is not None and before.ignored is not None else IGNORED


def _apply_products(session: Session, parsed: Parsed, found: Found, author: Author) -> Tally:
    planned = plan_products(session, parsed.content.products or (), found.items)
    mappings.save_rules(session, planned.save, author, text=BATCH)
    mappings.delete_rules(session, planned.delete, author, text=BATCH)
    mappings.ignore_products(session, planned.ignore, author, text=BATCH)
    unused = {
        entry.row_id
        for portal in portal_ids(session)
        for entry in declared.declared_products(session, portal)
        if entry.key in planned.unused
    }
    declared.drop_products(session, sorted(unused))
    return Tally(planned.created, planned.changed, planned.deleted, planned.unchanged)


def _apply_renames(session: Session, wanted: Sequence[Rename], author: Author) -> Tally:
    before = set(mappings.load_mapping(session).renames)
    for portal in portal_ids(session):
        mappings.save_renames(session, portal, [one for one in wanted if one.portal == portal], author, text=BATCH)
    after = set(wanted)
    return Tally(created=len(after - before), deleted=len(before - after), unchanged=len(after & before))


def _apply_lines(session: Session, parsed: Parsed, author: Author) -> Tally:
    before = mappings.load_mapping(session).line_choices
    wanted: dict[ChoiceKey, LineRef | None] = {}
    for entry in parsed.content.lines or ():
        item = _item(entry.service_id, entry.bundle_id)
        line = _item(entry.contract_service_id, entry.contract_service_bundle_id)
        wanted[ChoiceKey(entry.company_id, item, entry.billing_frequency)] = LineRef(line.kind, line.id)
    gone: dict[ChoiceKey, LineRef | None] = {key: None for key in before if key not in wanted}
    mappings.choose_lines(session, wanted | gone, author, text=BATCH)
    same = sum(before.get(key) == line for key, line in wanted.items())
    new = sum(key not in before for key in wanted)
    return Tally(created=new, changed=len(wanted) - same - new, deleted=len(gone), unchanged=same)


def _item(service: int | None, bundle: int | None) -> ItemRef:
    return ItemRef(LineKind.SERVICE, service) if service is not None else ItemRef(LineKind.BUNDLE, bundle or 0)
