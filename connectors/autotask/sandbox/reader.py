"""Reading: queries with their pages, counts, single records and child collections (Autotask reference §2, §3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from urllib.parse import quote

from connectors.autotask.sandbox.errors import Refusal
from connectors.autotask.sandbox.paging import Cursor, Cursors
from connectors.autotask.sandbox.query import Query, QueryParser
from connectors.autotask.sandbox.schema import EntitySpec
from connectors.autotask.sandbox.state import State
from connectors.autotask.sandbox.table import Narrowing
from connectors.autotask.sandbox.values import Record, render


class Reader:
    """Answers of the reading verbs. URLs of pages start with `base_url`, which the server knows once it listens."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._cursors = Cursors(state.switches)

    def query(self, spec: EntitySpec, body: object, method: str, url: str, search: str = "") -> Record:
        """The first page. `url` is that of `/{Entity}/query`; `search` the filter of a GET, repeated in its page URLs."""
        query = self._parse(spec, body)
        return self._page(spec, query, None, 0, method, url, search)

    def page(self, spec: EntitySpec, token: str, body: object, method: str, url: str, search: str = "") -> Record:
        """A later page; a POST must bring the same filter again."""
        cursor, number = self._cursors.resume(token, spec.name, method)
        if method == cursor.method and self._parse(spec, body).fingerprint != cursor.query.fingerprint:
            raise Refusal("The paging token does not belong to this filter.")
        return self._page(spec, cursor.query, cursor, number, method, url, search)

    def count(self, spec: EntitySpec, body: object) -> Record:
        query = self._parse(spec, body)
        return {"queryCount": sum(1 for _ in self._found(spec, query, -1))}

    def one(self, spec: EntitySpec, key: int) -> Record | None:
        """The whole record; None where there is none."""
        record = self._state.get(spec.name, key)
        return None if record is None else self._rendered(spec, [record], None, None)[0]

    def children(self, spec: EntitySpec, parent_key: str, parent_id: int) -> Record:
        """Everything under one parent, in the envelope of a query, without paging."""
        narrowing = Narrowing(equals={parent_key: frozenset((parent_id,))})
        records = [one for one in self._state.select(spec.name, narrowing) if one.get(parent_key) == parent_id]
        items = self._rendered(spec, records, None, None)
        return {"items": items, "pageDetails": _details(len(items), 500, None, None)}

    def _parse(self, spec: EntitySpec, body: object) -> Query:
        return QueryParser(spec, self.udf_names(spec), self._state.switches).parse(body)

    def udf_names(self, spec: EntitySpec) -> dict[str, str]:
        """Folded name → name of the active user-defined fields of an entity."""
        if spec.udf_type is None:
            return {}
        definitions = self._state.tables["UserDefinedFieldDefinitions"].by("udfType", spec.udf_type)
        return {one["name"].casefold(): one["name"] for one in definitions if one.get("isActive")}

    def _found(self, spec: EntitySpec, query: Query, after: int) -> Iterator[Record]:
        narrowing = replace(query.narrowing, after=max(after, query.narrowing.after))
        return filter(query.matches, self._state.select(spec.name, narrowing))

    def _page(
        self, spec: EntitySpec, query: Query, cursor: Cursor | None, number: int, method: str, url: str, search: str
    ) -> Record:
        start = cursor.starts[number] if cursor else -1
        records = list(islice(self._found(spec, query, start), query.max_records + 1))
        more = len(records) > query.max_records
        records = records[: query.max_records]
        next_url = previous_url = None
        if more:
            cursor = cursor or self._cursors.begin(spec.name, method, query)
            token = self._cursors.page_token(cursor, number + 1, records[-1]["id"])
            next_url = f"{url}/next?paging={token}{search}" if token else None
        if cursor and number:
            previous_url = f"{url}/previous?paging={cursor.token}.{number - 1}{search}"
        items = self._rendered(spec, records, self._shown(spec, query.fields), query.udfs)
        return {"items": items, "pageDetails": _details(len(items), query.max_records, previous_url, next_url)}

    def _shown(self, spec: EntitySpec, fields: tuple[str, ...] | None) -> tuple[str, ...]:
        names = tuple(spec.fields) if fields is None else fields
        hidden = self._state.switches.query_hides
        return tuple(name for name in names if name not in hidden) if hidden else names

    def _rendered(
        self,
        spec: EntitySpec,
        records: Iterable[Record],
        fields: tuple[str, ...] | None,
        udfs: frozenset[str] | None,
    ) -> list[Record]:
        switches = self._state.switches
        names = tuple(spec.fields) if fields is None else fields
        records = list(records)
        out = [render(spec, record, names, switches.dates) for record in records]
        if spec.udf_type is not None and (udfs is None or udfs):
            self._add_udfs(spec, records, out, udfs)
        return out

    def _add_udfs(
        self, spec: EntitySpec, records: list[Record], out: list[Record], udfs: frozenset[str] | None
    ) -> None:
        if not any(record.get("_udf") for record in records):
            if self._state.switches.udf_without_values == "empty":
                for item in out:
                    item["userDefinedFields"] = []
            return
        names = [name for name in self.udf_names(spec).values() if udfs is None or name in udfs]
        for record, item in zip(records, out, strict=True):
            values = record.get("_udf") or {}
            item["userDefinedFields"] = [{"name": name, "value": values.get(name)} for name in names]


def search_suffix(search: str) -> str:
    """The filter of a GET query as it is repeated in its page URLs."""
    return f"&search={quote(search, safe='')}"


def _details(count: int, asked: int, previous_url: str | None, next_url: str | None) -> Record:
    return {"count": count, "requestCount": asked, "prevPageUrl": previous_url, "nextPageUrl": next_url}
