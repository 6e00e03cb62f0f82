"""Which rules and ignored products a workspace file asks for, beside those there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from core.domain.contract import ItemRef
from core.domain.mapping import ProductKey, ProductRule, RuleSource
from core.services.recognising import same_words
from core.services.rules import default_name
from core.services.workspace_file import ProductEntry, SourceEntry
from core.store import declared, mappings
from core.store.mappings.load import load_rules
from core.store.portal_ids import portal_ids

IGNORED = "ignored in the workspace file"


@dataclass(slots=True)
class Planned:
    """Rules to store and to remove, products to ignore (None: no longer), and names that nothing uses any more."""

    save: list[ProductRule] = field(default_factory=list)
    delete: list[int] = field(default_factory=list)
    ignore: dict[ProductKey, str | None] = field(default_factory=dict)
    unused: set[ProductKey] = field(default_factory=set)
    created: int = 0
    changed: int = 0
    deleted: int = 0
    unchanged: int = 0


class KnownProducts:
    """Products of the portals, and which of them a reading has named."""

    def __init__(self, session: Session) -> None:
        self.names = mappings.find_products(session)
        self.unread = {
            entry.key for portal in portal_ids(session) for entry in declared.declared_products(session, portal)
        }
        self._by_key: dict[tuple[str, str], list[ProductKey]] = defaultdict(list)
        self._by_words: dict[tuple[str, str], list[ProductKey]] = defaultdict(list)
        for key, name in self.names.items():
            if key not in self.unread:
                self._by_key[key.portal, key.product_key].append(key)
                self._by_words[key.portal, same_words(name)].append(key)
                self._by_words[key.portal, same_words(key.product_key)].append(key)

    def find(self, entry: SourceEntry) -> list[ProductKey]:
        """The products that an entry means: of this key, else of this name; every term and frequency unless it says which."""
        fitting = self._by_key.get((entry.portal, entry.product)) or self._by_words.get(
            (entry.portal, same_words(entry.product)), []
        )
        chosen = [
            key
            for key in dict.fromkeys(fitting)
            if entry.term in (None, key.term) and entry.billing_frequency in (None, key.billing_frequency)
        ]
        return chosen or [ProductKey(entry.portal, entry.product, entry.term or "", entry.billing_frequency or "")]


def plan_products(session: Session, entries: Sequence[ProductEntry], items: Mapping[int, ItemRef]) -> Planned:
    """What to do so that rules and ignored products are those of the file."""
    known = KnownProducts(session)
    stored = load_rules(session)
    planned = Planned()
    _plan_rules(planned, known, stored, entries, items)
    _plan_ignored(planned, known, mappings.load_mapping(session).ignored_products, entries)
    used = {source.product for rule in planned.save for source in rule.sources} | {
        key for key, reason in planned.ignore.items() if reason is not None
    }
    kept = {source.product for rule in stored if rule.id not in planned.delete for source in rule.sources}
    planned.unused = known.unread - used - kept
    return planned


def _plan_rules(
    planned: Planned,
    known: KnownProducts,
    stored: Sequence[ProductRule],
    entries: Sequence[ProductEntry],
    items: Mapping[int, ItemRef],
) -> None:
    wanted = [
        rule for number, entry in enumerate(entries) if number in items for rule in _rules(entry, items[number], known)
    ]
    left = list(stored)
    for exact in (True, False):
        rest: list[ProductRule] = []
        for rule in wanted:
            old = next((one for one in left if _same(one, rule, exact=exact)), None)
            if old is None:
                rest.append(rule)
                continue
            left.remove(old)
            fresh = _with_names(rule, old)
            if fresh == old:
                planned.unchanged += 1
            else:
                planned.changed += 1
                planned.save.append(fresh)
        wanted = rest
    planned.save += wanted
    planned.created += len(wanted)
    planned.delete = [rule.id for rule in left]
    planned.deleted += len(left)


def _same(old: ProductRule, new: ProductRule, *, exact: bool) -> bool:
    """Whether a stored rule is meant: of the same products, and (`exact`) for the same service."""
    products = {source.product for source in old.sources} == {source.product for source in new.sources}
    return products and (not exact or old.item == new.item)


def _with_names(rule: ProductRule, old: ProductRule) -> ProductRule:
    """The file's rule under the number of the stored one; names that the file leaves open stay as they are."""
    names = {source.product: source.name for source in old.sources}
    sources = tuple(RuleSource(s.product, s.name or names[s.product]) for s in rule.sources)
    if {*sources} == {*old.sources}:
        sources = old.sources
    return replace(rule, id=old.id, sources=sources)


def _rules(entry: ProductEntry, item: ItemRef, known: KnownProducts) -> Iterable[ProductRule]:
    base = ProductRule(
        id=0,
        item=item,
        sources=(),
        formula=entry.formula,
        minimum=entry.minimum,
        included=entry.included,
        maximum=entry.maximum,
        rounding=entry.rounding,
        match_period=entry.match_period,
        label=entry.label,
    )
    if len(entry.all_sources) == 1:
        source = entry.all_sources[0]
        for key in known.find(source):
            yield replace(base, sources=(RuleSource(key, source.name or default_name(source.product)),))
        return
    taken: list[str] = [source.name for source in entry.all_sources if source.name]
    sources: list[RuleSource] = []
    for source in entry.all_sources:
        for place, key in enumerate(known.find(source)):
            name = source.name if source.name and place == 0 else default_name(source.name or source.product, taken)
            taken.append(name)
            sources.append(RuleSource(key, name))
    yield replace(base, sources=tuple(sources))


def _plan_ignored(
    planned: Planned, known: KnownProducts, before: Mapping[ProductKey, str], entries: Sequence[ProductEntry]
) -> None:
    wanted: dict[ProductKey, str] = {}
    for entry in entries:
        if entry.ignore is not False:
            for source in entry.all_sources:
                for key in known.find(source):
                    wanted[key] = entry.ignore if isinstance(entry.ignore, str) else before.get(key, IGNORED)
    for key, reason in wanted.items():
        if before.get(key) == reason:
            planned.unchanged += 1
        elif key in before:
            planned.changed += 1
        else:
            planned.created += 1
    gone = [key for key in before if key not in wanted]
    planned.deleted += len(gone)
    planned.ignore = {**wanted, **dict.fromkeys(gone)}
