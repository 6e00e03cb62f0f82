"""Product rules, renames and remembered line choices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.domain.contract import LineRef
from core.domain.mapping import ChoiceKey, ProductKey, ProductRule, Rename
from core.domain.paging import Page, PageQuery
from core.store.bulk import delete_rows, in_keys, insert_rows, upsert_rows
from core.store.folding import folded
from core.store.mappings.edits import Author, Key, State, apply_edit, keep_batch, register
from core.store.mappings.load import load_rules
from core.store.mappings.products import ensure_products, find_products, product_numbers
from core.store.portal_ids import portal_ids, portal_names
from core.store.tables import table
from core.store.tables.directory import CompanyRow, ItemRow
from core.store.tables.mapping import LineChoiceRow, PortalProductRow, ProductRuleRow, RenameRow, RuleSourceRow

RULE, SOURCE, RENAME = table(ProductRuleRow), table(RuleSourceRow), table(RenameRow)
PRODUCT, CHOICE, ITEM, COMPANY = table(PortalProductRow), table(LineChoiceRow), table(ItemRow), table(CompanyRow)
CHOICE_KEY = (CHOICE.c.company_id, CHOICE.c.item_kind, CHOICE.c.item_id, CHOICE.c.billing_frequency)


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """A rule with the names of its service or bundle and of its products; `active` is False when Autotask has switched it off."""

    rule: ProductRule
    item: str
    active: bool
    names: Mapping[ProductKey, str]


def page_rules(session: Session, query: PageQuery) -> Page[RuleEntry]:
    """Rules in order of service name; `text` is searched in service, label and products. There are few: paged in memory."""
    items = {(row.kind, row.id): row for row in session.execute(select(ITEM))}
    products = find_products(session)
    entries = []
    for rule in load_rules(session):
        item = items.get((rule.item.kind.value, rule.item.id))
        names = {source.product: products.get(source.product, source.product.product_key) for source in rule.sources}
        entry = RuleEntry(rule, item.name if item else "", bool(item and item.active), names)
        if _passes(entry, query):
            entries.append(entry)
    entries.sort(key=lambda entry: (entry.item.casefold(), entry.rule.id), reverse=query.descending)
    return Page(tuple(entries[query.offset : query.offset + query.size]), len(entries))


def save_rules(session: Session, rules: Sequence[ProductRule], author: Author, *, text: str = "") -> list[int]:
    """Store rules, new ones (`id` 0) and known ones, in one batch; gives their numbers in the same order.

    Products that no reading has named yet are added. Raises LookupError for an unknown portal.
    """
    ensure_products(session, {source.product for rule in rules for source in rule.sources}, author)
    ids = portal_ids(session)
    before = RULES.read(session, [(rule.id,) for rule in rules if rule.id])
    numbers = [rule.id or _reserve(session) for rule in rules]
    states = {(number,): _state(rule, ids) for number, rule in zip(numbers, rules, strict=True)}
    changed = {key: state for key, state in states.items() if before.get(key) != state}
    RULES.write(session, changed, author)
    if changed:
        keep_batch(session, RULES, before, changed, author, text)
    return numbers


def delete_rules(session: Session, rule_ids: Sequence[int], author: Author, *, text: str = "") -> int | None:
    """Remove rules, in one batch; gives its number, None when there were none."""
    return apply_edit(session, RULES, dict.fromkeys(((rule_id,) for rule_id in rule_ids), None), author, text)


def save_renames(
    session: Session, portal: str, renames: Sequence[Rename], author: Author, *, text: str = ""
) -> int | None:
    """Make these the renames of a portal, in this order. Raises LookupError for an unknown portal."""
    ids = portal_ids(session)
    if portal not in ids:
        raise LookupError(f"no portal {portal}")
    state = [[rename.pattern, rename.product_key] for rename in renames] or None
    return apply_edit(session, RENAMES, {(ids[portal],): state}, author, text)


def choose_lines(
    session: Session, choices: Mapping[ChoiceKey, LineRef | None], author: Author, *, text: str = ""
) -> int | None:
    """Remember which contract line is meant where several fit (M9); None forgets it."""
    states = {
        (key.company_id, key.item.kind.value, key.item.id, key.billing_frequency): [line.kind.value, line.id]
        if line
        else None
        for key, line in choices.items()
    }
    return apply_edit(session, CHOICES, states, author, text)


class _Rules:
    name = "rule"

    def read(self, session: Session, keys: Iterable[Key]) -> dict[Key, State]:
        wanted = [key[0] for key in keys]
        sources = self._sources(session, wanted)
        rows = in_keys(session, select(RULE), [RULE.c.id], wanted)
        return {
            (row.id,): {
                "item": [row.item_kind, row.item_id],
                "sources": sources[row.id],
                "formula": row.formula,
                "minimum": _text(row.minimum),
                "included": _text(row.included),
                "maximum": _text(row.maximum),
                "rounding": row.rounding,
                "match_period": row.match_period,
                "label": row.label,
            }
            for row in rows
        }

    def write(self, session: Session, states: Mapping[Key, State], author: Author) -> None:
        gone = [key[0] for key, state in states.items() if state is None]
        kept = {key[0]: state for key, state in states.items() if state is not None}
        delete_rows(session, RULE, [RULE.c.id], gone)
        upsert_rows(session, RULE, [_row(number, state) for number, state in kept.items()], ["id"])
        delete_rows(session, SOURCE, [SOURCE.c.rule_id], kept)
        products = product_numbers(session, [tuple(part[:4]) for state in kept.values() for part in state["sources"]])
        rows = [
            {"rule_id": number, "product_id": products[tuple(part[:4])], "name": part[4], "position": position}
            for number, state in kept.items()
            for position, part in enumerate(state["sources"])
            if tuple(part[:4]) in products
        ]
        insert_rows(session, SOURCE, rows)

    def titles(self, session: Session, keys: Iterable[Key]) -> dict[Key, str]:
        query = select(RULE.c.id, ITEM.c.name).join(
            ITEM, (ITEM.c.kind == RULE.c.item_kind) & (ITEM.c.id == RULE.c.item_id)
        )
        return {(row[0],): f"{row[1]} ({row[0]})" for row in in_keys(session, query, [RULE.c.id], [k[0] for k in keys])}

    def _sources(self, session: Session, rule_ids: Sequence[int]) -> dict[int, list[list[Any]]]:
        query = (
            select(
                SOURCE.c.rule_id, PRODUCT.c.portal_id, PRODUCT.c.product_key, PRODUCT.c.term,
                PRODUCT.c.billing_frequency, SOURCE.c.name,
            )
            .join(PRODUCT, PRODUCT.c.id == SOURCE.c.product_id)
            .order_by(SOURCE.c.rule_id, SOURCE.c.position, SOURCE.c.id)
        )  # fmt: skip
        sources: dict[int, list[list[Any]]] = defaultdict(list)
        for row in in_keys(session, query, [SOURCE.c.rule_id], rule_ids):
            sources[row[0]].append(list(row[1:]))
        return sources


class _Renames:
    name = "rename"

    def read(self, session: Session, keys: Iterable[Key]) -> dict[Key, State]:
        query = select(RENAME.c.portal_id, RENAME.c.pattern, RENAME.c.product_key).order_by(
            RENAME.c.portal_id, RENAME.c.position, RENAME.c.id
        )
        states: dict[Key, State] = {}
        for portal_id, pattern, product_key in in_keys(session, query, [RENAME.c.portal_id], [k[0] for k in keys]):
            states.setdefault((portal_id,), []).append([pattern, product_key])
        return states

    def write(self, session: Session, states: Mapping[Key, State], author: Author) -> None:
        delete_rows(session, RENAME, [RENAME.c.portal_id], [key[0] for key in states])
        rows = [
            {"portal_id": key[0], "pattern": pattern, "product_key": product_key, "position": position}
            for key, state in states.items()
            for position, (pattern, product_key) in enumerate(state or ())
        ]
        insert_rows(session, RENAME, rows)

    def titles(self, session: Session, keys: Iterable[Key]) -> dict[Key, str]:
        names = portal_names(session)
        return {key: names.get(key[0], str(key[0])) for key in keys}


class _Choices:
    name = "line_choice"

    def read(self, session: Session, keys: Iterable[Key]) -> dict[Key, State]:
        rows = in_keys(session, select(*CHOICE_KEY, CHOICE.c.line_kind, CHOICE.c.line_id), CHOICE_KEY, keys)
        return {tuple(row[:4]): [row[4], row[5]] for row in rows}

    def write(self, session: Session, states: Mapping[Key, State], author: Author) -> None:
        delete_rows(session, CHOICE, CHOICE_KEY, [key for key, state in states.items() if state is None])
        names = [column.name for column in CHOICE_KEY]
        rows = [
            dict(zip(names, key, strict=True)) | {"line_kind": state[0], "line_id": state[1]}
            for key, state in states.items()
            if state is not None
        ]
        upsert_rows(session, CHOICE, rows, names)

    def titles(self, session: Session, keys: Iterable[Key]) -> dict[Key, str]:
        wanted = list(keys)
        rows = in_keys(session, select(COMPANY.c.id, COMPANY.c.name), [COMPANY.c.id], {key[0] for key in wanted})
        companies = {row[0]: row[1] for row in rows}
        return {key: f"{companies.get(key[0], key[0])} / {key[1]} {key[2]} {key[3]}".strip() for key in wanted}


RULES = _Rules()
RENAMES = _Renames()
CHOICES = _Choices()
for _subject in (RULES, RENAMES, CHOICES):
    register(_subject)


def _reserve(session: Session) -> int:
    """A number for a new rule, with a place to fill."""
    row = {"item_kind": "", "item_id": 0, "formula": "", "included": Decimal(0), "rounding": "", "label": ""}
    return int(session.execute(RULE.insert().values(row | {"match_period": True}).returning(RULE.c.id)).scalar_one())


def _state(rule: ProductRule, ids: Mapping[str, int]) -> dict[str, Any]:
    return {
        "item": [rule.item.kind.value, rule.item.id],
        "sources": [[ids[source.product.portal], *source.product[1:], source.name] for source in rule.sources],
        "formula": rule.formula,
        "minimum": _text(rule.minimum),
        "included": _text(rule.included),
        "maximum": _text(rule.maximum),
        "rounding": rule.rounding.value,
        "match_period": rule.match_period,
        "label": rule.label,
    }


def _row(number: int, state: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": number,
        "item_kind": state["item"][0],
        "item_id": state["item"][1],
        "formula": state["formula"],
        "minimum": _number(state["minimum"]),
        "included": _number(state["included"]),
        "maximum": _number(state["maximum"]),
        "rounding": state["rounding"],
        "match_period": state["match_period"],
        "label": state["label"],
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value.normalize():f}"


def _number(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _passes(entry: RuleEntry, query: PageQuery) -> bool:
    products: list[ProductKey] = [source.product for source in entry.rule.sources]
    if query.portal and all(product.portal != query.portal for product in products):
        return False
    text = folded(entry.item, entry.rule.label, *entry.names.values(), *(product.product_key for product in products))
    return all(word in text for word in query.text.casefold().split())
