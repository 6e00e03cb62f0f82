"""Companies and services that a workspace file names, found in Autotask's directory. Read again when a name is not known yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.contract import ItemRef, LineKind
from core.domain.errors import SettingsError
from core.domain.names import normalise
from core.domain.text import T, Text
from core.services import directory as reading
from core.services.recognising import same_words
from core.services.workspace_file import CustomerEntry, FileProblem, Parsed, ProductEntry
from core.store import directory

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(slots=True)
class Found:
    """Company per entry of `customers`, service or bundle per entry of `products`, by their place in the file."""

    companies: dict[int, int] = field(default_factory=dict)
    items: dict[int, ItemRef] = field(default_factory=dict)
    problems: list[FileProblem] = field(default_factory=list)


def find_names(ctx: Context, parsed: Parsed) -> Found:
    """What the file names, or a problem for each name that means nothing, or more than one thing.

    Raises SettingsError or RemoteError when Autotask has to be asked and cannot be.
    """
    with ctx.database.session() as session:
        found = _look(session, parsed)
    if not found.problems:
        return found
    try:
        target = ctx.autotask()
    except SettingsError as error:
        if error.kind != "autotask_missing" or _has_names(parsed):
            raise
        return _as_written(parsed)
    with closing(target):
        reading.refresh(ctx, target, ())
    with ctx.database.session() as session:
        return _look(session, parsed)


def _has_names(parsed: Parsed) -> bool:
    return any(entry.company is not None for entry in parsed.content.customers or ()) or any(
        entry.service is not None or entry.bundle is not None for entry in parsed.content.products or ()
    )


def _as_written(parsed: Parsed) -> Found:
    """Numbers alone, and no Autotask yet to compare them with."""
    found = Found()
    for number, entry in enumerate(parsed.content.customers or ()):
        if entry.company_id is not None:
            found.companies[number] = entry.company_id
    for number, product in enumerate(parsed.content.products or ()):
        for kind, item_id in ((LineKind.SERVICE, product.service_id), (LineKind.BUNDLE, product.bundle_id)):
            if item_id is not None:
                found.items[number] = ItemRef(kind, item_id)
    return found


def _look(session: Session, parsed: Parsed) -> Found:
    companies = _Names((company.id, company.name) for company in directory.companies(session))
    company_ids = directory.company_names(session)
    by_kind: dict[LineKind, _Names] = {
        kind: _Names((item.ref.id, item.name) for item in directory.items(session) if item.ref.kind is kind)
        for kind in LineKind
    }
    found = Found()
    for number, entry in enumerate(parsed.content.customers or ()):
        company = _company(entry, companies, company_ids)
        if isinstance(company, Text):
            path = f"customers.{number}.{'company' if entry.company is not None else 'company_id'}"
            found.problems.append(parsed.problem(path, company))
        elif company is not None:
            found.companies[number] = company
    for number, product in enumerate(parsed.content.products or ()):
        item = _item(product, by_kind)
        if isinstance(item, ItemRef):
            found.items[number] = item
        elif item is not None:
            found.problems.append(parsed.problem(f"products.{number}.{item[0]}", item[1]))
    return found


class _Names:
    """Ids by number, by name as written, and by normalised name."""

    def __init__(self, entries: Iterable[tuple[int, str]]) -> None:
        self.ids: set[int] = set()
        self._words: dict[str, list[int]] = defaultdict(list)
        self._forms: dict[str, list[int]] = defaultdict(list)
        for number, name in entries:
            self.ids.add(number)
            self._words[same_words(name)].append(number)
            self._forms[normalise(name).form].append(number)

    def find(self, name: str) -> list[int]:
        """All that are called so; the name as written wins over the normalised one."""
        return self._words.get(same_words(name)) or self._forms.get(normalise(name).form) or []


def _company(entry: CustomerEntry, names: _Names, known: Mapping[int, str]) -> int | Text | None:
    if entry.company_id is not None:
        if entry.company_id in known:
            return entry.company_id
        return T("There is no company with number {number} in Autotask.", number=str(entry.company_id))
    if entry.company is None:
        return None
    return _one(
        names.find(entry.company),
        T("There is no active company {name} in Autotask.", name=entry.company),
        T("Several companies are called {name}: use company_id.", name=entry.company),
    )


def _item(entry: ProductEntry, by_kind: Mapping[LineKind, _Names]) -> ItemRef | tuple[str, Text] | None:
    for kind, name, number in (
        (LineKind.SERVICE, entry.service, entry.service_id),
        (LineKind.BUNDLE, entry.bundle, entry.bundle_id),
    ):
        if number is not None:
            if number in by_kind[kind].ids:
                return ItemRef(kind, number)
            text = T(
                "There is no active {kind} with number {number} in Autotask.", kind=T(kind.value), number=str(number)
            )
            return f"{kind.value}_id", text
        if name is not None:
            one = _one(
                by_kind[kind].find(name),
                T("There is no active {kind} {name} in Autotask.", kind=T(kind.value), name=name),
                T("Several are called {name}: use {field}.", name=name, field=f"{kind.value}_id"),
            )
            return ItemRef(kind, one) if isinstance(one, int) else (kind.value, one)
    return None


def _one(found: list[int], none: Text, several: Text) -> int | Text:
    if len(found) == 1:
        return found[0]
    return several if found else none
