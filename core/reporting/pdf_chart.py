"""Lines over days as vector graphics: few lines on the grid, steps between readings, a legend below."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from typing import Literal

from reportlab.graphics.shapes import Drawing, Group, Line, PolyLine, Rect, String
from reportlab.lib.colors import HexColor

from core.domain.text import T
from core.reporting.model import Chart, Kind, Series
from core.reporting.typeface import REGULAR, drawable, width
from core.reporting.values import Style, written

HEIGHT, SIZE = 180.0, 7.5
LEFT, BOTTOM, TOP = 46.0, 34.0, 8.0
COLOURS = ("#0B6375", "#D97706", "#6D28D9", "#15803D", "#B91C1C", "#0369A1", "#A16207", "#BE185D", "#475569", "#4D7C0F")
Anchor = Literal["start", "middle", "end"]
GRID, INK = HexColor("#D5DDE0"), HexColor("#46545B")
LINES = 4


def chart_of(chart: Chart, style: Style, room: float) -> Drawing:
    """The chart, `room` points wide."""
    legend = _legend(chart, style, room)
    drawing = Drawing(room, HEIGHT + legend[1])
    drawing.add(legend[0])
    highest = max((value for one in chart.series for value in one.values if value is not None), default=Decimal(0))
    lowest = min((value for one in chart.series for value in one.values if value is not None), default=Decimal(0))
    step = _step(float(highest) - min(0.0, float(lowest)))
    base = math.floor(min(0.0, float(lowest)) / step) * step
    top = base + step * max(1, math.ceil((float(highest) - base) / step))
    area = _Area(chart.days[0], chart.days[-1], base, top, room, legend[1])
    mark = base
    while mark <= top + step / 2:
        height = area.y(mark)
        drawing.add(Line(LEFT, height, room, height, strokeColor=GRID, strokeWidth=0.4))
        text = written(Decimal(str(round(mark, 6))), Kind.COUNT, style)
        drawing.add(_text(LEFT - 4, height - 2.5, text, "end"))
        mark += step
    for place, day in _marked(chart.days):
        anchor: Anchor = "start" if place == 0 else "end" if place == len(chart.days) - 1 else "middle"
        drawing.add(_text(area.x(day), legend[1] + 12, written(day, Kind.DATE, style), anchor))
    for place, one in enumerate(chart.series):
        _draw(drawing, chart, one, area, COLOURS[place % len(COLOURS)])
    return drawing


class _Area:
    """Days and values as points on paper."""

    def __init__(self, first: date, last: date, base: float, top: float, room: float, below: float) -> None:
        self._first, self._days = first, max(1, (last - first).days)
        self._base, self._span = base, top - base
        self._room, self._below = room, below

    def x(self, day: date) -> float:
        return LEFT + (day - self._first).days / self._days * (self._room - LEFT - 4)

    def y(self, value: float) -> float:
        return self._below + BOTTOM + (value - self._base) / self._span * (HEIGHT - BOTTOM - TOP)


def _draw(drawing: Drawing, chart: Chart, one: Series, area: _Area, colour: str) -> None:
    """The parts of a line between which something was known; a lone point is a dot."""
    part: list[float] = []
    for day, value in zip(chart.days, one.values, strict=True):
        if value is None:
            _add(drawing, part, colour)
            part = []
        else:
            part += [area.x(day), area.y(float(value))]
    _add(drawing, part, colour)


def _add(drawing: Drawing, points: list[float], colour: str) -> None:
    if len(points) == 2:
        drawing.add(_patch(points[0] - 1.5, points[1] - 1.5, (3, 3), colour))
    elif points:
        drawing.add(PolyLine(points, strokeColor=HexColor(colour), strokeWidth=1.4))


def _legend(chart: Chart, style: Style, room: float) -> tuple[Group, float]:
    """Names of the lines in rows below the chart, and how high that is."""
    places: list[tuple[int, float, str]] = []
    row, left = 0, LEFT
    for one in chart.series:
        name = drawable(one.name)[:60]
        taken = width(name, SIZE) + 22
        if left + taken > room and left > LEFT:
            row, left = row + 1, LEFT
        places.append((row, left, name))
        left += taken
    more = (
        drawable(style.words(T("{count} smaller ones: see the table", count=chart.left_out))) if chart.left_out else ""
    )
    if more and left + width(more, SIZE) > room:
        row, left = row + 1, LEFT
    high = (row + 1) * 11.0
    group = Group()
    if more:
        group.add(_text(left, high - (row + 1) * 11.0 + 3, more, "start"))
    for place, (line, left, name) in enumerate(places):
        base = high - (line + 1) * 11.0 + 3
        group.add(_patch(left, base + 0.5, (8, 5), COLOURS[place % len(COLOURS)]))
        group.add(_text(left + 11, base, name, "start"))
    return group, high


def _patch(left: float, base: float, size: tuple[float, float], colour: str) -> Rect:
    patch = Rect(left, base, *size)
    patch.fillColor, patch.strokeColor = HexColor(colour), None
    return patch


def _text(left: float, base: float, text: str, anchor: Anchor) -> String:
    return String(left, base, drawable(text), fontName=REGULAR, fontSize=SIZE, fillColor=INK, textAnchor=anchor)


def _step(span: float) -> float:
    """A round distance between grid lines: 1, 2 or 5 with zeros."""
    raw = max(span, 1.0) / LINES
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= raw)


def _marked(days: tuple[date, ...]) -> list[tuple[int, date]]:
    """At most seven days to write below the chart, first and last among them."""
    every = max(1, math.ceil((len(days) - 1) / 6))
    last = len(days) - 1
    places = sorted({*range(0, last + 1, every), last})
    if len(places) > 2 and places[-1] - places[-2] < every:
        del places[-2]
    return [(place, days[place]) for place in places]
