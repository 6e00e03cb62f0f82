"""Reports on paper (A4, upright or across), made without a browser: title, notes, charts, tables, page numbers."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate, Paragraph, Spacer

from core.domain.text import T
from core.reporting import typeface
from core.reporting.model import Report, Section
from core.reporting.pdf_chart import chart_of
from core.reporting.pdf_table import ACCENT, INK, RULE, long_table, on_paper
from core.reporting.typeface import BOLD, REGULAR, drawable
from core.reporting.values import Style

MARGIN, FOOT = 15 * mm, 16 * mm
UPRIGHT_COLUMNS = 6
"""With more columns than that the paper lies across."""
LOGO_WIDTH, LOGO_HEIGHT = 50 * mm, 16 * mm

TITLE = ParagraphStyle("title", fontName=BOLD, fontSize=17, leading=21, textColor=INK, spaceAfter=2)
SENDER = ParagraphStyle("sender", fontName=BOLD, fontSize=11.5, leading=15, textColor=ACCENT, spaceAfter=6)
HEADING = ParagraphStyle(
    "heading", fontName=BOLD, fontSize=11.5, leading=15, textColor=ACCENT, spaceBefore=10, spaceAfter=4
)
BODY = ParagraphStyle("body", fontName=REGULAR, fontSize=9, leading=12, textColor=INK)


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose report it is: a name, and a logo (PNG or JPEG) where there is one."""

    name: str = ""
    logo: bytes = b""


def write_pdf(report: Report, style: Style, sender: Sender = Sender()) -> bytes:
    """The report as PDF; `sender` stands above the title."""
    typeface.prepare()
    out = io.BytesIO()
    report = replace(
        report, sections=tuple(replace(section, table=on_paper(section.table)) for section in report.sections)
    )
    size = _paper(report)
    document = BaseDocTemplate(
        out, pagesize=size, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=FOOT,
        title=drawable(style.words(report.title)), author=drawable(sender.name or "ContractBridge"), lang=style.language,
    )  # fmt: skip
    frame = Frame(MARGIN, FOOT, size[0] - 2 * MARGIN, size[1] - MARGIN - FOOT, 0, 0, 0, 0)
    document.addPageTemplates([PageTemplate(frames=[frame])])
    left = _footer(report, style, sender)
    document.build(
        _story(report, style, sender, size[0] - 2 * MARGIN),
        canvasmaker=lambda *args, **options: _Numbered((left, style, size[0]), *args, **options),
    )
    return out.getvalue()


def _story(report: Report, style: Style, sender: Sender, room: float) -> list[Flowable]:
    story: list[Flowable] = []
    if sender.logo:
        story += [_Logo(sender.logo), Spacer(1, 8)]
    elif sender.name:
        story.append(_paragraph(sender.name, SENDER))
    story.append(_paragraph(style.words(report.title), TITLE))
    story += [_paragraph(style.words(line), BODY) for line in (*report.facts, *report.notes)]
    for section in report.sections:
        story += _section(section, style, room, titled=len(report.sections) > 1)
    return story


def _section(section: Section, style: Style, room: float, *, titled: bool) -> list[Flowable]:
    parts: list[Flowable] = []
    if titled:
        heading = _paragraph(style.words(section.title), HEADING)
        heading.keepWithNext = 1
        parts.append(heading)
    else:
        parts.append(Spacer(1, 8))
    if section.chart is not None and len(section.chart.days) > 1 and section.chart.series:
        parts += [chart_of(section.chart, style, room), Spacer(1, 6)]
    if section.table.rows:
        parts.append(long_table(section.table, style, room))
    else:
        parts.append(_paragraph(style.words(section.table.empty), BODY))
    return parts


def _paragraph(text: str, look: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(drawable(text)), look)


def _paper(report: Report) -> tuple[float, float]:
    widest = max((len(section.table.columns) for section in report.sections), default=0)
    return A4 if widest <= UPRIGHT_COLUMNS else landscape(A4)


def _footer(report: Report, style: Style, sender: Sender) -> str:
    made = style.words(T("Made on {moment}.", moment=report.made_at))
    return drawable(" · ".join(part for part in (sender.name, style.words(report.title), made) if part))


class _Logo(Flowable):
    """A picture, as large as fits, never larger than it is good for."""

    def __init__(self, picture: bytes) -> None:
        super().__init__()
        self._image = ImageReader(io.BytesIO(picture))
        wide, high = self._image.getSize()
        scale = min(LOGO_WIDTH / wide, LOGO_HEIGHT / high, 1.0)
        self._size = (wide * scale, high * scale)

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        return self._size

    def draw(self) -> None:
        self.canv.drawImage(self._image, 0, 0, *self._size, mask="auto")


class _Numbered(Canvas):
    """Writes the foot of every page at the end, when it is known how many there are."""

    def __init__(self, foot: tuple[str, Style, float], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._left, self._style, self._wide = foot
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - the library's name
        self._pages.append(dict(self.__dict__))
        self._startPage()  # type: ignore[attr-defined]

    def save(self) -> None:
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self._foot(number, len(self._pages))
            super().showPage()
        super().save()

    def _foot(self, number: int, count: int) -> None:
        wide = self._wide
        right = drawable(self._style.words(T("Page {number} of {count}", number=number, count=count)))
        self.setStrokeColor(RULE)
        self.setLineWidth(0.4)
        self.line(MARGIN, FOOT - 4, wide - MARGIN, FOOT - 4)
        self.setFillColor(INK)
        self.setFont(REGULAR, 7.5)
        room = wide - 2 * MARGIN - typeface.width(right, 7.5) - 10
        self.drawString(MARGIN, FOOT - 14, typeface.wrapped(self._left, 7.5, room)[0])
        self.drawRightString(wide - MARGIN, FOOT - 14, right)
