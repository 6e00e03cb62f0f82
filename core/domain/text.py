"""Sentences for people, kept apart from the language they will be read in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

CENTS = 2


class Money(NamedTuple):
    """An amount in a currency (ISO 4217; empty where nobody told). In a sentence it is read with its cents: `€ 12,50`."""

    amount: Decimal
    currency: str = "EUR"

    def __str__(self) -> str:
        number = f"{self.amount:.{money_decimals(self.amount)}f}"
        return f"{self.currency} {number}" if self.currency else number


def money_decimals(amount: Decimal, fewest: int = CENTS) -> int:
    """How many decimals an amount is read with: those of a coin; more where a price per unit has them."""
    exponent = amount.normalize().as_tuple().exponent
    return max(fewest, -exponent) if isinstance(exponent, int) else fewest


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
    if isinstance(value, Money):
        return str(value)
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def T(template: str, /, **values: object) -> Text:  # noqa: N802 - reads as the marker for translators
    """Mark a sentence for translation: `T("Column {column} is missing.", column="Qty")`.

    Values may be text, whole numbers, Decimal, Money, plain dates, UTC instants, other Texts, or a tuple of text (a list).
    """
    return Text(template, MappingProxyType(dict(values)))
