"""Which day, or which other way of counting, makes an invoice's units equal to our own records."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from core.domain.invoice.model import CheckSettings, Count, Explanation, Level, Move, OwnRecord, Period, Why
from core.domain.text import T, Text

ONE_DAY = timedelta(days=1)
AROUND = timedelta(days=31)
"""So far before and after the period other days are looked at: vendors count late, and bill a month behind."""
TOLD_MOVES = 5
"""So many days of changes are told in words; the others are counted."""
CENT = Decimal("0.01")


class Run(NamedTuple):
    """Days with the same units; both inclusive."""

    first: date
    last: date
    units: Decimal | None


def units_on(levels: Sequence[Level], day: date) -> Decimal | None:
    """Units at the end of a day; None before the first level or where they are not known."""
    place = bisect_right(levels, day, key=lambda level: level.day) - 1
    return levels[place].units if place >= 0 else None


def runs(levels: Sequence[Level], first: date, last: date) -> Iterator[Run]:
    """The days from `first` to `last` in pieces of the same units, in order; what is not known is a piece too."""
    start, units = first, units_on(levels, first)
    for level in levels:
        if level.day <= first or level.day > last or level.units == units:
            continue
        yield Run(start, level.day - ONE_DAY, units)
        start, units = level.day, level.units
    if start <= last:
        yield Run(start, last, units)


def counted(levels: Sequence[Level], settings: CheckSettings, period: Period, today: date) -> Decimal | None:
    """Our own units of a period, counted as the vendor does; None where a day that matters is not known (yet).

    An average is rounded half up to hundredths.
    """
    if settings.count in (Count.DAY, Count.END):
        day = counting_day(settings, period)
        return units_on(levels, day) if day <= today else None
    if period.last > today:
        return None
    found = [run for run in runs(levels, *period) if run.units is None]
    return None if found else _over_days(levels, settings.count, period)


def counting_day(settings: CheckSettings, period: Period) -> date:
    """The day that counts; the last one where all of them do."""
    return period.day(settings.day) if settings.count is Count.DAY else period.last


def explain(record: OwnRecord, invoice: Decimal, settings: CheckSettings, period: Period, today: date) -> Explanation:
    """Why the invoice has these units: the nearest days on which our records have them too, in the period before others."""
    own = counted(record.levels, settings, period, today)
    if own == invoice:
        return Explanation(why=Why.EQUAL)
    if own is None:
        return _not_known(record, period, today)
    day = counting_day(settings, period)
    around = list(runs(record.levels, period.first - AROUND, min(period.last + AROUND, today)))
    same = [run for run in around if run.units == invoice]
    if same:
        best = min(same, key=lambda run: (not _touches(run, period), _distance(run, day), run.first))
        return _another_day(record, best, own, settings, period)
    if settings.count is not Count.AVERAGE and _is_average(record.levels, invoice, period, today):
        return Explanation(why=Why.AVERAGE, texts=(T("The invoice has the average of the period."),))
    return _unexplained(around, invoice, day)


def moves_between(moves: Iterable[Move], run: Run, day: date) -> tuple[Move, ...]:
    """What happened between a run of days and the day that counts."""
    if run.last < day:
        return tuple(move for move in moves if run.last < move.day <= day)
    return tuple(move for move in moves if day < move.day <= run.first)


def _another_day(record: OwnRecord, run: Run, own: Decimal, settings: CheckSettings, period: Period) -> Explanation:
    day = counting_day(settings, period)
    between = moves_between(record.moves, run, day)
    maximum = run.units is not None and _touches(run, period) and run.units == _highest(record.levels, period)
    assert run.units is not None
    texts = [_days_text(run, run.units, own, day, settings.count), *_told(between)]
    if run.first <= period.first <= run.last:
        texts.append(T("The invoice counts the first day of the period."))
    elif run.first <= period.last <= run.last:
        texts.append(T("The invoice counts the last day of the period."))
    elif not _touches(run, period):
        texts.append(T("That is outside the period: the vendor seems to bill earlier or later."))
    if maximum and settings.count is not Count.MAXIMUM:
        texts.append(T("It is the highest number of the period."))
    return Explanation(
        why=Why.ANOTHER_DAY, first=run.first, last=run.last, moves=between, is_maximum=maximum, texts=tuple(texts)
    )


def _days_text(run: Run, units: Decimal, own: Decimal, day: date, count: Count) -> Text:
    values = {"units": units, "first": run.first, "last": run.last, "own": own}
    if count in (Count.DAY, Count.END):
        if run.first == run.last:
            return T("Own records have {units} on {first}, and {own} on {day}.", **values, day=day)
        return T("Own records have {units} from {first} to {last}, and {own} on {day}.", **values, day=day)
    if count is Count.MAXIMUM:
        return T("Own records have {units} from {first} to {last}; their highest number is {own}.", **values)
    return T("Own records have {units} from {first} to {last}; their average is {own}.", **values)


def _told(moves: Sequence[Move]) -> Iterator[Text]:
    days: dict[date, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for move in moves:
        days[move.day][move.customer] += move.change
    for day, customers in list(days.items())[:TOLD_MOVES]:
        change = sum(customers.values(), Decimal(0))
        who = tuple(name for name, moved in customers.items() if moved)
        if change > 0:
            yield T("{count} added on {day} ({customers}).", count=change, day=day, customers=who)
        elif change < 0:
            yield T("{count} removed on {day} ({customers}).", count=-change, day=day, customers=who)
    if len(days) > TOLD_MOVES:
        yield T("There were changes on {count} more days.", count=len(days) - TOLD_MOVES)


def _not_known(record: OwnRecord, period: Period, today: date) -> Explanation:
    known = next((level.day for level in record.levels if level.units is not None), None)
    if period.last > today:
        text = T("The period has not ended: the day that counts is still to come.")
    elif known is None:
        text = T("There are no own records.")
    else:
        text = T("Own records begin on {day}.", day=known)
    return Explanation(why=Why.NOT_KNOWN, first=known, texts=(text,))


def _unexplained(around: Sequence[Run], invoice: Decimal, day: date) -> Explanation:
    known = [
        (abs(run.units - invoice), _distance(run, day), run.first, run.units) for run in around if run.units is not None
    ]
    text = T("On no day from a month before to a month after the period do own records have these units.")
    if not known:
        return Explanation(why=Why.UNEXPLAINED, texts=(text,))
    _, _, first, units = min(known)
    return Explanation(
        why=Why.UNEXPLAINED,
        first=first,
        texts=(text, T("They come closest on {day}: {units}.", day=first, units=units)),
    )


def _over_days(levels: Sequence[Level], count: Count, period: Period) -> Decimal:
    if count is Count.MAXIMUM:
        return _highest(levels, period) or Decimal(0)
    total = sum((_days(run) * (run.units or Decimal(0)) for run in runs(levels, *period)), Decimal(0))
    return (total / period.days).quantize(CENT, ROUND_HALF_UP)


def _highest(levels: Sequence[Level], period: Period) -> Decimal | None:
    return max((run.units for run in runs(levels, *period) if run.units is not None), default=None)


def _is_average(levels: Sequence[Level], invoice: Decimal, period: Period, today: date) -> bool:
    average = counted(levels, CheckSettings(count=Count.AVERAGE), period, today)
    if average is None:
        return False
    return invoice in (average, average.quantize(Decimal(1), ROUND_HALF_UP))


def _days(run: Run) -> int:
    return (run.last - run.first).days + 1


def _touches(run: Run, period: Period) -> bool:
    return run.first <= period.last and run.last >= period.first


def _distance(run: Run, day: date) -> int:
    if run.first <= day <= run.last:
        return 0
    return min(abs((run.first - day).days), abs((run.last - day).days))
