"""After a reading: customers and products that a person named before are known by themselves (S1-31, S1-32).

* What the workspace file declares by name gets the key that the portal gives it.
* A customer whose name a person linked before, in any portal, is the same company: only when the normalised names are equal,
  the legal forms do not contradict, and no other company could be meant (M9). Everything goes into the audit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.mapping import CustomerMapping, ProductKey, ProductRule, RuleSource
from core.domain.names import Normalised, normalise
from core.services.access import SYSTEM
from core.services.audited import author_of
from core.store import declared, directory, mappings
from core.store.mappings.load import load_rules

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True)
class Recognised:
    """How many customers and products were known without anybody's doing."""

    customers: int = 0
    products: int = 0


def recognise(ctx: Context, portal: str) -> Recognised:
    """Link what can be known for certain in a portal that was just read. Writes nothing when nothing is pending."""
    with ctx.database.session() as session:
        waiting = bool(mappings.pending_customers(session, portal) or mappings.pending_products(session, portal))
    if not waiting:
        return Recognised()
    return ctx.database.run(
        lambda session: Recognised(_customers(ctx, session, portal), _products(ctx, session, portal))
    )


def same_words(name: str) -> str:
    """A name as it is compared with what a person wrote: without case and extra spaces, nothing else."""
    return " ".join(name.casefold().split())


def _customers(ctx: Context, session: Session, portal: str) -> int:
    pending = mappings.pending_customers(session, portal)
    if not pending:
        return 0
    found, used_rows = _declared(pending, declared.declared_customers(session, portal))
    known = {mapping.key for mapping in found}
    found += _by_alias(session, [mapping for mapping in pending if mapping.key not in known])
    mappings.set_customers(session, found, author_of(ctx, SYSTEM), text="recognised by name")
    declared.drop_customers(session, used_rows)
    return len(found)


def _declared(
    pending: Sequence[CustomerMapping], written: Mapping[int, CustomerMapping]
) -> tuple[list[CustomerMapping], list[int]]:
    """Pending customers with the name of one that was mapped before any reading, and the rows that these replace."""
    by_name: dict[str, list[int]] = defaultdict(list)
    for row_id, mapping in written.items():
        by_name[same_words(mapping.customer)].append(row_id)
    found: list[CustomerMapping] = []
    rows: set[int] = set()
    for mapping in pending:
        ids = by_name.get(same_words(mapping.customer), [])
        meant = {(written[row_id].company_id, written[row_id].ignored) for row_id in ids}
        if len(meant) == 1:
            company_id, ignored = next(iter(meant))
            found.append(replace(mapping, company_id=company_id, ignored=ignored))
            rows |= set(ids)
    return found, sorted(rows)


def _by_alias(session: Session, pending: Sequence[CustomerMapping]) -> list[CustomerMapping]:
    if not pending:
        return []
    links = _forms(declared.linked_names(session))
    companies = _forms((company.name, company.id) for company in directory.companies(session))
    active = {number for entries in companies.values() for _, number in entries}
    found: list[CustomerMapping] = []
    for mapping in pending:
        name = normalise(mapping.customer)
        linked = links.get(name.form, [])
        meant = {number for _, number in linked} | {number for _, number in companies.get(name.form, [])}
        fits = linked and all(_compatible(name, other) for other, _ in linked)
        if fits and len(meant) == 1 and meant <= active and not name.repaired:
            found.append(replace(mapping, company_id=next(iter(meant))))
    return found


def _forms(names: Iterable[tuple[str, int]]) -> dict[str, list[tuple[Normalised, int]]]:
    forms: dict[str, list[tuple[Normalised, int]]] = defaultdict(list)
    for name, number in names:
        normalised = normalise(name)
        forms[normalised.form].append((normalised, number))
    return forms


def _compatible(one: Normalised, other: Normalised) -> bool:
    """`Jansen` may be `Jansen B.V.`; `Jansen B.V.` and `Jansen VOF` are two companies."""
    return not one.left_out or not other.left_out or set(one.left_out) == set(other.left_out)


def _products(ctx: Context, session: Session, portal: str) -> int:
    pending = mappings.pending_products(session, portal)
    written = declared.declared_products(session, portal) if pending else []
    if not written:
        return 0
    real = {entry.key: fitting for entry in written if (fitting := fitting_products(entry.key, pending))}
    if not real:
        return 0
    author = author_of(ctx, SYSTEM)
    ignored = {key: entry.ignored for entry in written if entry.ignored is not None for key in real.get(entry.key, ())}
    mappings.ignore_products(session, ignored, author, text="recognised by name")
    rules = [rule for rule in load_rules(session) if any(source.product in real for source in rule.sources)]
    fresh = [one for rule in rules for one in with_real_products(rule, real)]
    mappings.save_rules(session, fresh, author, text="recognised by name")
    declared.drop_products(session, [entry.row_id for entry in written if entry.key in real])
    return sum(len(keys) for keys in real.values())


def fitting_products(written: ProductKey, known: Mapping[ProductKey, str]) -> list[ProductKey]:
    """Products that a person meant by a name (or key); term and billing frequency that were not written fit any."""
    wanted = same_words(written.product_key)
    return [
        key
        for key, name in known.items()
        if key.portal == written.portal
        and key != written
        and wanted in (same_words(name), same_words(key.product_key))
        and written.term in ("", key.term)
        and written.billing_frequency in ("", key.billing_frequency)
    ]


def with_real_products(rule: ProductRule, real: Mapping[ProductKey, Sequence[ProductKey]]) -> list[ProductRule]:
    """The rule on the products that were meant.

    A product that comes with several terms gives a rule for each: they add up on one line, or go each to the contract of its
    period. A rule of several sources takes all of them together.
    """
    if len(rule.sources) == 1:
        source = rule.sources[0]
        return [
            replace(rule, id=rule.id if place == 0 else 0, sources=(RuleSource(key, source.name),))
            for place, key in enumerate(real[source.product])
        ]
    sources: list[RuleSource] = []
    for source in rule.sources:
        for place, key in enumerate(real.get(source.product, [source.product])):
            sources.append(RuleSource(key, source.name if place == 0 else f"{source.name}_{place + 1}"))
    return [replace(rule, sources=tuple(sources))]
