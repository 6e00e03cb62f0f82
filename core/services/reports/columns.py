"""Columns that several reports have, and small sums."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from core.domain.text import T
from core.reporting import Cell, Coded, Column, Kind, Level, Row

COMPANY = Column("company", T("Company"))
PORTAL = Column("portal", T("Portal"))
VENDOR = Column("portal", T("Vendor"))
CUSTOMER = Column("customer", T("Customer"))
PRODUCT = Column("product", T("Product"))
TERM = Column("term", T("Term"))
BILLING = Column("billing_frequency", T("Billing"))
NOW = Column("now", T("Now"), Kind.COUNT)
MONTH = Column("month_before", T("Last month"), Kind.COUNT)
DIFFERENCE = Column("difference", T("+/−"), Kind.DIFFERENCE)
YEAR = Column("year_before", T("A year ago"), Kind.COUNT)
YEAR_DIFFERENCE = Column("year_difference", T("+/− in a year"), Kind.DIFFERENCE)
COMPARED = (NOW, MONTH, DIFFERENCE, YEAR, YEAR_DIFFERENCE)

Known = Decimal | None
TERMS = {
    "P1M": T("1 month"),
    "P3M": T("3 months"),
    "P6M": T("6 months"),
    "P1Y": T("1 year"),
    "P3Y": T("3 years"),
}
FREQUENCIES = {
    "monthly": T("monthly"),
    "quarterly": T("quarterly"),
    "semiannual": T("half-yearly"),
    "yearly": T("yearly"),
    "once": T("once"),
}


def term_of(code: str) -> Coded:
    """`P1Y` as one year."""
    return Coded(code, TERMS.get(code, code))


def billing_of(code: str) -> Coded:
    """How often it is billed, in words."""
    return Coded(code, FREQUENCIES.get(code, code))


def less(one: Known, other: Known) -> Known:
    """The difference; unknown where one of the two is."""
    return None if one is None or other is None else one - other


def plus(one: Known, other: Known) -> Known:
    """The sum of what is known."""
    if one is None or other is None:
        return other if one is None else one
    return one + other


def compared(totals: tuple[Known, ...]) -> tuple[Cell, ...]:
    """The cells of `COMPARED` from sums now, a month ago, a year ago."""
    return compared_sum([totals])


def compared_sum(rows: Iterable[tuple[Known, ...]]) -> tuple[Cell, ...]:
    """The cells of `COMPARED` for all rows together. A difference adds up those rows of which both sides are known."""
    sums: tuple[Known, ...] = (None,) * len(COMPARED)
    for now, month, year in rows:
        cells = (now, month, less(now, month), year, less(now, year))
        sums = tuple(plus(one, other) for one, other in zip(sums, cells, strict=True))
    return sums


def total_row(label_cells: int, cells: tuple[Cell, ...]) -> Row:
    """The last row: the word, empty cells beside it, the sums."""
    return Row((T("Total"), *([""] * (label_cells - 1)), *cells), Level.TOTAL)
