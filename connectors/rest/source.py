"""Reads an endpoint: first calls, look-ups and pages, through the mapping, into one reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from connectors._kit.guard import MEGABYTE
from connectors._kit.threads import in_parallel
from connectors.rest.asked import Again, Asked, Page, Skip
from connectors.rest.endpoint import Endpoint
from connectors.rest.template import Names, render
from core.domain.connector import RotatingSecret, Surroundings
from core.domain.errors import RemoteError, SettingsError, ShapeChanged, Unauthorized
from core.domain.ports import SampleAnswer
from core.domain.selection import Joined, RecordMapping, Selector, compile_path, error_in
from core.domain.selection.values import shown
from core.domain.text import T, Text
from core.domain.usage import Reading

if TYPE_CHECKING:
    from connectors.rest.settings import RestSecrets, RestSettings

Result = TypeVar("Result")

MOST_BEGINNINGS = 3
"""Of a list that a rule wants to be read from its beginning."""
BATCH = 64
"""Parents that are asked before what they gave is added up."""
MOST_FILE = 100 * MEGABYTE


@dataclass(frozen=True, slots=True)
class _Given:
    """What one call per parent gave: its pages, or why there are none."""

    parent: Any
    pages: tuple[Page, ...] = ()
    error: Text | None = None
    skipped: str = ""


class RestSource:
    """A declared endpoint. Fulfils `core.domain.ports.Source`, `Sampler` and `VendorSignIn`."""

    def __init__(
        self,
        portal: str,
        settings: RestSettings,
        secrets: RestSecrets,
        rotating: RotatingSecret,
        surroundings: Surroundings,
    ) -> None:
        self.portal = portal
        self.settings = settings
        known = {name: getattr(secrets, name).get_secret_value() for name in type(secrets).model_fields}
        self._surroundings = surroundings
        self.endpoint = Endpoint(portal, settings, known, rotating, surroundings.allowed_hosts())

    def test(self) -> None:
        """Raises what is wrong, in words."""
        self.sample(datetime.now(UTC))

    def sign_in_page(self, redirect: str, state: str, challenge: str) -> str:
        """See `core.domain.ports.VendorSignIn`."""
        return self.endpoint.sign_in_page(redirect, state, challenge)

    def signed_in(self, code: str, redirect: str, verifier: str) -> Mapping[str, str]:
        """See `core.domain.ports.VendorSignIn`."""
        return self.endpoint.signed_in(code, redirect, verifier)

    def sample(self, now: datetime) -> SampleAnswer:
        """The first page, asked as a reading would. Nothing is mapped."""
        return self._from_the_beginning(lambda: self._sample(now))

    def _sample(self, now: datetime) -> SampleAnswer:
        names = self._windows(replace(self.endpoint.names, now=now))[0]
        parent = self._first_parent(names)
        page = self._first(self._main(), replace(names, parent=parent))
        decoded = page.decoded
        if self.settings.mapping is not None and decoded.kind != "file":
            self._refuse_errors(decoded.document, page.where)
        return SampleAnswer(
            request=page.where,
            kind=decoded.kind,
            size=page.size,
            document=decoded.document,
            parent=parent,
            joined=tuple(self._join(one, names) for one in self.settings.joins),
            file=decoded.file,
            notes=(*decoded.notes, *(T("Line {line} cannot be read.", line=line) for line, _ in decoded.broken)),
        )

    def read(self, now: datetime) -> Reading:
        """Fetch everything once. What failed for one parent is marked; anything else that fails raises."""
        return self._from_the_beginning(lambda: self._read(now))

    def _from_the_beginning(self, action: Callable[[], Result]) -> Result:
        """What `action` gives, which is begun anew where a rule says so: nothing of what was read before is kept."""
        where = ""
        for _ in range(MOST_BEGINNINGS):
            try:
                return action()
            except Again as again:
                where = again.where
        raise RemoteError(
            T("{name} lets its list be begun again and again.", name=self.portal), retryable=True, place=where
        )

    def _read(self, now: datetime) -> Reading:
        if self.settings.answer.file is not None:
            return self._read_file(now)
        mapping = self._mapping()
        names = replace(self.endpoint.names, now=now)
        selector = Selector(mapping, joined=[self._join(one, names) for one in self.settings.joins])
        notes: dict[Text, None] = {}
        for window in self._windows(names):
            if self.settings.for_each is None:
                self._take_pages(selector, self.endpoint.pages(self._main(), window), notes)
            else:
                self._take_parents(selector, window, notes)
        selection = selector.selection()
        if not selection.records and not self.settings.allow_empty and not selection.problems:
            raise ShapeChanged(
                T("{name} gave an empty list. If there can be nothing, allow it in the settings.", name=self.portal)
            )
        reading = selection.reading(self.portal, now)
        emptied = frozenset[str]() if self.settings.allow_empty else reading.emptied
        return replace(reading, notes=(*notes, *reading.notes), emptied=emptied)

    def _mapping(self) -> RecordMapping:
        if self.settings.mapping is None:
            raise SettingsError(
                T("{name} is not mapped yet.", name=self.portal),
                remedy=T("Open it on the page Portals and show where customer, product and quantity stand."),
                kind="not_mapped",
            )
        return self.settings.mapping

    def _main(self) -> Asked:
        one = self.settings
        records = one.mapping.records if one.mapping is not None else ""
        child = one.for_each is not None
        return Asked(one.url, one.query, one.paging, records, one.method, one.body, child, one.job)

    def _first(self, asked: Asked, names: Names) -> Page:
        nothing = T("{name} has nothing at this address.", name=self.portal)
        try:
            page = next(self.endpoint.pages(asked, names), None)
        except Skip as skipped:
            raise RemoteError(nothing, retryable=False, place=skipped.where) from skipped
        if page is None:
            raise RemoteError(nothing, retryable=False)
        return page

    def _first_parent(self, names: Names) -> Any:
        if self.settings.for_each is None:
            return None
        page = self._first(Asked.of(self.settings.for_each), names)
        if not page.records:
            raise ShapeChanged(
                T("The first call gives no records at {path}.", path=self.settings.for_each.records or "@")
            )
        return page.records[0]

    def _take_pages(
        self, selector: Selector, pages: Iterator[Page] | Sequence[Page], notes: dict[Text, None], parent: Any = None
    ) -> None:
        parents = () if parent is None else (parent,)
        before, counts = selector.distinct, _Counts()
        try:
            for page in pages:
                counts.add(page, self.settings.paging.total_at)
                self._refuse_file(page)
                self._refuse_errors(page.decoded.document, page.where)
                place = T("page {number}", number=page.number)
                for line, text in page.decoded.broken:
                    selector.fail(f"line {line}", T("The line cannot be read."), text)
                selector.feed(page.decoded.document, place=str(place), source=page.where, parents=parents)
                notes.update(dict.fromkeys(page.decoded.notes))
            mapping = self._mapping()
            distinct = selector.distinct - before if mapping.record_key and not mapping.expand else None
            if counts.are_short(distinct):
                why = T("The list {name} came with fewer records than it says it has.", name=mapping.records or "@")
                selector.fail("", why, "", selector.customer_of(parent) if parents else "")
        except Skip as skipped:
            why = T("Left out by a rule: {place}.", place=skipped.where)
            notes.setdefault(why)
            if not skipped.empty:
                selector.fail("", why)

    def _take_parents(self, selector: Selector, names: Names, notes: dict[Text, None]) -> None:
        declared = self.settings.for_each
        assert declared is not None
        waiting: list[Any] = []
        total: int | None = None
        for page in self.endpoint.pages(Asked.of(declared), names):
            self._must_have_list(page, declared.records)
            waiting.extend(page.records)
            total = _total(page, declared.paging.total_at, total)
        if total is not None and len(waiting) < total:
            name = declared.records or "@"
            selector.fail("", T("The list {name} came with fewer records than it says it has.", name=name))
        for start in range(0, len(waiting), BATCH):
            batch = waiting[start : start + BATCH]
            tasks = [lambda p=parent: self._of_parent(p, names) for parent in batch]
            for given in in_parallel(tasks, self.settings.limits.at_once):
                self._take_given(selector, given, notes)

    def _of_parent(self, parent: Any, names: Names) -> _Given:
        pages: list[Page] = []
        try:
            pages.extend(self.endpoint.pages(self._main(), replace(names, parent=parent)))
        except Skip as skipped:
            return _Given(parent, tuple(pages), skipped="" if skipped.empty else skipped.where)
        except Unauthorized:
            raise
        except RemoteError as error:
            return _Given(parent, error=error.message)
        return _Given(parent, tuple(pages))

    def _take_given(self, selector: Selector, given: _Given, notes: dict[Text, None]) -> None:
        """A parent that failed, or that its own call does not know, is not read: its last known quantities stay (M2)."""
        if given.error is not None or given.skipped:
            why = given.error or T("{name} does not know this address or record.", name=self.portal)
            selector.fail("", why, given.skipped, selector.customer_of(given.parent))
            return
        try:
            self._take_pages(selector, given.pages, notes, given.parent)
        except RemoteError as error:
            selector.fail("", error.message, "", selector.customer_of(given.parent))

    def _must_have_list(self, page: Page, records: str) -> None:
        if not page.records and compile_path(records)(page.decoded.document) is None:
            raise ShapeChanged(T("The answer has no list of records at {path}.", path=records or "@"), place=page.where)

    def _refuse_file(self, page: Page) -> None:
        if page.decoded.kind == "file":
            raise SettingsError(
                T("The answer of {name} is a file.", name=self.portal),
                place=page.where,
                remedy=T("Say in its settings where customer, product and quantity stand in the file."),
                kind="not_mapped",
            )

    def _refuse_errors(self, document: Any, where: str) -> None:
        told = error_in(document, self.settings.mapping) if self.settings.mapping is not None else ""
        if told:
            raise RemoteError(
                T("{name} answers with an error: {text}", name=self.portal, text=self.endpoint.http.mask(told)),
                retryable=False,
                place=where,
            )

    def _join(self, declared: Any, names: Names) -> Joined:
        table: dict[str, Any] = {}
        key = compile_path(declared.key)
        for page in self.endpoint.pages(Asked.of(declared), names):
            self._must_have_list(page, declared.records)
            table.update((shown(key(record)), record) for record in page.records if key(record) is not None)
        return Joined(declared.name, declared.on, table)

    def _windows(self, names: Names) -> list[Names]:
        """The declaration's windows of dates, as names for templates; one without dates where there are none."""
        window = self.settings.window
        if window is None:
            return [names]
        first, last = (_day(render(text, names)) for text in (window.start, window.end))
        found: list[Names] = []
        while first <= last and len(found) < 1_000:
            end = min(first + timedelta(days=window.days - 1), last)
            found.append(replace(names, window={"start": first, "end": end}))
            first = end + timedelta(days=1)
        return found or [names]

    def _read_file(self, now: datetime) -> Reading:
        """The answer as a file through the importer, as an upload would be read."""
        assert self.settings.answer.file is not None
        page = self._first(self._main(), self._windows(replace(self.endpoint.names, now=now))[0])
        name = urlsplit(page.where.partition(" ")[2]).path.rpartition("/")[2] or "answer"
        return self._surroundings.read_file(page.decoded.file, name, self.settings.answer.file, self.portal, now)


@dataclass(slots=True)
class _Counts:
    """How many records came of each list, and how many it says it has."""

    received: dict[int, int] = field(default_factory=dict)
    told: dict[int, int] = field(default_factory=dict)

    def add(self, page: Page, total_at: str) -> None:
        self.received[page.part] = self.received.get(page.part, 0) + len(page.records)
        total = _total(page, total_at, self.told.get(page.part))
        if total is not None:
            self.told[page.part] = total

    def are_short(self, distinct: int | None) -> bool:
        """Whether a list came with fewer records than it says; `distinct` are those of all lists where repeated ones are known."""
        if distinct is not None:
            return bool(self.told) and distinct < sum(self.told.values())
        return any(self.received[part] < total for part, total in self.told.items())


def _total(page: Page, path: str, before: int | None) -> int | None:
    """How many records a list says it has; None where it does not say."""
    told = compile_path(path)(page.decoded.document) if path else None
    return int(str(told)) if str(told).isdigit() else before


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise SettingsError(T("{value} is not a date.", value=text[:40]), place="window") from error
