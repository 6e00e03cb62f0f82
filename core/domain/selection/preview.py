"""What stands at chosen paths in the first rows of a document: the table beside the tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.domain.selection.mapping import Expand
from core.domain.selection.paths import SCOPE_NAMES, compile_path, quoted
from core.domain.selection.rows import Rows
from core.domain.selection.values import shown

__all__ = ["RowsPreview", "rows_preview"]


@dataclass(frozen=True, slots=True)
class RowsPreview:
    """`rows` hold a text per column; `count` is how many rows there are in all, None when there is no list at `records`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    places: tuple[str, ...]
    count: int | None


def rows_preview(
    document: object,
    records: str,
    expand: Sequence[str | Expand] = (),
    columns: Mapping[str, str] | None = None,
    limit: int = 50,
    parents: tuple[object, ...] = (),
) -> RowsPreview:
    """The first `limit` rows with what stands at each path of `columns` (heading → path).

    `parents` are the records around the document, such as that of a first call. Without `columns`: the plain fields of the items.
    Raises PathError for a path that is not understood.
    """
    walk = Rows(records, [one if isinstance(one, Expand) else Expand(path=one) for one in expand])
    found = walk.of(document, parents)
    if found is None:
        return RowsPreview(tuple(columns or ()), (), (), None)
    rows = list(found)
    chosen = columns if columns is not None else _plain_fields([row.item for row in rows[:limit]])
    looks = [compile_path(path) for path in chosen.values()]
    shown_rows = tuple(tuple(shown(look(row)) for look in looks) for row in rows[:limit])
    return RowsPreview(tuple(chosen), shown_rows, tuple(walk.place(row.trail) for row in rows[:limit]), len(rows))


def _plain_fields(items: Sequence[object]) -> dict[str, str]:
    names = dict.fromkeys(
        name
        for item in items
        if isinstance(item, dict)
        for name, value in item.items()
        if not isinstance(value, dict | list)
    )
    if not names and items:
        return {"item": "item"}
    return {name: f"item.{quoted(name)}" if name in SCOPE_NAMES else quoted(name) for name in names}
