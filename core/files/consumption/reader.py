"""Billing files in, a consumption reading out: the entry of `core.files.consumption`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from core.domain.billing_words import kind_of
from core.domain.consumption import ConsumptionLine, ConsumptionReading
from core.domain.consumption_lines import WIDE, ConsumptionSums, month_of, totals_by_currency
from core.domain.consumption_settings import AS_USUAL, ConsumptionSettings
from core.domain.errors import InputError
from core.domain.reconciliation import LicenceRow, licence_amounts, licence_seats
from core.domain.text import T, Text
from core.domain.usage import Reading, Scope
from core.files.consumption.chunks import layout_of_part, pieces_of
from core.files.consumption.grouping import Grouping
from core.files.consumption.layout import Dialect
from core.files.consumption.licences import licence_rows
from core.files.consumption.lines import exact, lines_of
from core.files.consumption.runs import Choice, Chosen, chosen_parts
from core.files.consumption.sources import parts_of
from core.files.issues import Kind

__all__ = ["read_consumption", "read_licences"]


def read_consumption(
    paths: Sequence[Path] | Path,
    *,
    portal: str,
    now: datetime,
    options: ConsumptionSettings = AS_USUAL,
) -> ConsumptionReading:
    """The amounts in billing files: Azure Cost Management exports of any agreement and version, daily rated usage and licence
    reconciliation of Partner Center; as CSV or Parquet, plain, in gzip or ZIP, in parts with a manifest, or a folder of runs.

    The reading is not complete, and says why, where a part is missing, rows are not as many as promised, or two files tell of
    the same month. Raises InputError for a file that cannot be read. Memory follows the number of lines, not of records.
    """
    return _Reading(portal, now, options, list(_as_sequence(paths))).read()


def read_licences(paths: Sequence[Path] | Path, *, portal: str, now: datetime) -> Reading:
    """The seats billed by licence reconciliation files: for each subscription the largest quantity (S2-10, S3-18).

    An invoice names only what it bills: that a subscription is absent proves nothing. Raises InputError for another file.
    """
    rows: list[LicenceRow] = []
    for part in parts_of(list(_as_sequence(paths))):
        rows += licence_rows(part)
    return Reading(portal=portal, taken_at=now, lines=licence_seats(rows), scope=Scope.LINES)


def _as_sequence(paths: Sequence[Path] | Path) -> Sequence[Path]:
    return [paths] if isinstance(paths, Path) else paths


@dataclass(slots=True)
class _Reading:
    portal: str
    now: datetime
    options: ConsumptionSettings
    paths: list[Path]
    complete: bool = True
    notes: dict[Text, None] = field(default_factory=dict)

    def read(self) -> ConsumptionReading:
        choice = chosen_parts(parts_of(self.paths), self.options)
        if not choice.parts and choice.complete:
            raise InputError(
                T("There is no billing file here."),
                remedy=T("Give the files of a cost export, with their manifest.json where there is one."),
                kind=Kind.NO_DATA_ROWS,
            )
        grouping = Grouping(self.options)
        licences: list[ConsumptionLine] = []
        for number, chosen in enumerate(choice.parts):
            if layout_of_part(chosen.part).dialect is Dialect.LICENCES:
                licences += self._licences(chosen)
            else:
                self._check(chosen, self._add(grouping, chosen, number), choice)
        self._overlaps(grouping, choice.parts)
        lines = tuple(self._lines(grouping, choice)) + tuple(licences)
        self._tell(grouping, choice)
        return self._reading(lines, grouping)

    def _add(self, grouping: Grouping, chosen: Chosen, number: int) -> int:
        """The number of records in a file, which are added to the sums."""
        rows = 0
        try:
            for piece in pieces_of(chosen.part):
                grouping.add(piece, number, piece.layout.header_row + 1 + rows)
                rows += piece.rows
        except InputError as error:
            place = " ".join(dict.fromkeys((chosen.part.name, error.place))).strip()
            raise InputError(
                error.message, place=place, remedy=error.remedy, detail=error.detail, kind=error.kind
            ) from error
        return rows

    def _licences(self, chosen: Chosen) -> Iterable[ConsumptionLine]:
        return licence_amounts(
            licence_rows(chosen.part), self.now.date(), licences=self.options.licences,
            after_days=self.options.final_after_days,
        )  # fmt: skip

    def _check(self, chosen: Chosen, rows: int, choice: Choice) -> None:
        """Whether a part is as large as its manifest says. Whether that counts the heading is not documented."""
        if chosen.rows is not None:
            if rows == chosen.rows - 1:
                choice.notes.append(T("The manifest counts the heading of {file} as a row.", file=chosen.part.name))
            elif rows != chosen.rows:
                choice.broken(
                    T(
                        "{file} has {rows} rows; its manifest promises {expected}.",
                        file=chosen.part.name,
                        rows=rows,
                        expected=chosen.rows,
                    )
                )
        elif chosen.size is not None and chosen.size != chosen.part.size:
            choice.broken(
                T(
                    "{file} has {size} bytes; its manifest promises {expected}.",
                    file=chosen.part.name,
                    size=chosen.part.size,
                    expected=chosen.size,
                )
            )

    def _overlaps(self, grouping: Grouping, parts: Sequence[Chosen]) -> None:
        """Two files that tell of the same month of a subscription would double the bill: nothing is charged then."""
        seen: dict[tuple[int, int, int], Chosen] = {}
        for number, *place in grouping.months_of_parts:
            chosen = parts[number]
            other = seen.setdefault((place[0], place[1], place[2]), chosen)
            if other.run != chosen.run:
                self.complete = False
                self.notes.setdefault(
                    T(
                        "{file} and {other} both tell of {month}: leave one of them out.",
                        file=chosen.part.name,
                        other=other.part.name,
                        month=f"{date.fromordinal(place[2]):%Y-%m}",
                    )
                )

    def _lines(self, grouping: Grouping, choice: Choice) -> Iterable[ConsumptionLine]:
        sums = ConsumptionSums()
        for line in lines_of(grouping, [chosen.part.name for chosen in choice.parts], self.now.date()):
            sums.add(line)
        return sums.lines()

    def _tell(self, grouping: Grouping, choice: Choice) -> None:
        self.complete = self.complete and choice.complete
        if grouping.without_amount:
            self.complete = False
            self.notes.setdefault(T("{count} rows have no amount.", count=grouping.without_amount))
        self.notes.update(dict.fromkeys(choice.notes))
        if grouping.unreadable_tags:
            self.notes.setdefault(
                T("The tags of {count} rows cannot be read; they count as untagged.", count=grouping.unreadable_tags)
            )
        unknown = sorted(text for text in grouping.words["charge_type"].values if kind_of(text) is None)
        if unknown:
            self.notes.setdefault(T("Rows of the unknown charge types {types} count as usage.", types=tuple(unknown)))
        if len(grouping.totals) > 1:
            self.notes.setdefault(
                T("There are amounts in {currencies}; they are kept apart.", currencies=tuple(sorted(grouping.totals)))
            )

    def _reading(self, lines: tuple[ConsumptionLine, ...], grouping: Grouping) -> ConsumptionReading:
        totals = {currency: _sum(amounts) for currency, amounts in grouping.totals.items()}
        start, end = month_of(self.now.date())
        if not lines:
            self.notes.setdefault(T("The files hold no rows."))
        return ConsumptionReading(
            portal=self.portal,
            taken_at=self.now,
            period_start=min((line.period_start for line in lines), default=start),
            period_end=max((line.period_end for line in lines), default=end),
            lines=lines,
            complete=self.complete,
            provisional=any(line.provisional for line in lines),
            total=next(iter(totals.values())) if len(totals) == 1 and len(totals_by_currency(lines)) == 1 else None,
            notes=tuple(self.notes),
            fingerprint=_fingerprint(lines),
        )


def _fingerprint(lines: Iterable[ConsumptionLine]) -> str:
    """The same for readings that say the same, whatever files it came in."""
    digest = hashlib.sha256()
    for said in sorted(
        f"{line.customer_id}|{line.resource_key}|{line.kind}|{line.currency}|{line.period_start}|{line.period_end}|{line.unit}"
        f"|{sorted(line.dimensions.items())}|{line.amount}|{line.price}|{line.quantity}|{line.provisional}"
        for line in lines
    ):
        digest.update(said.encode())
    return digest.hexdigest()


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = WIDE.add(total, amount or Decimal(0))
    return exact(total) or Decimal(0)
