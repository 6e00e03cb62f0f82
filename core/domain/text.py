"""Sentences for people, kept apart from the language they will be read in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence: an English template with named places, and what goes into them.

    The template is the key of the catalogues in `core/locale`; `core.i18n.translate` turns a Text into
    the person's language and writes numbers and dates the way that person does. Make one with `T(...)`.
    """

    template: str
    values: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        return self.template.format_map({name: _plain(value) for name, value in self.values.items()})

    def __hash__(self) -> int:
        return hash(str(self))


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def T(template: str, /, **values: object) -> Text:  # noqa: N802 - reads as the marker for translators
    """Mark a sentence for translation: `T("Column {column} is missing.", column="Qty")`.

    Values may be text, whole numbers, Decimal, plain dates, UTC instants, other Texts, or a tuple of text (a list).
    """
    return Text(template, MappingProxyType(dict(values)))
