"""What every report has: what it shows, what to keep in mind, its chart, and the files of it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.services import reports
from core.services.reports import Asked, Chart, Form, Report
from pages._ui import auth, charts
from pages._ui.formats import escape, tr

FORMS = (
    (Form.SHEET_CSV, "CSV", "csv", "text/csv"),
    (Form.XLSX, "Excel", "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (Form.PDF, "PDF", "pdf", "application/pdf"),
)


def facts(report: Report) -> None:
    """What it shows, and which numbers are old or not known (M2)."""
    said = " · ".join(escape(tr(one)) for one in report.facts)
    if said:
        st.caption(said)
    for one in report.notes:
        st.caption(f":orange[:material/info: {escape(tr(one))}]")


def downloads(name: str, asked: Asked, report: Report) -> None:
    """The report as files; each is made when it is asked for."""
    files(f"{name}-{report.day.isoformat()}", maker(name, asked))


def maker(name: str, asked: Asked) -> Callable[[Form], bytes]:
    """What makes a report's files. A download is made outside the run of the page: who asks must be known before."""
    context, asker = auth.context(), auth.asker()
    return lambda form: reports.export(context, asker(), name, form, asked).content


def files(title: str, make: Callable[[Form], bytes]) -> None:
    """One button a format. `make` runs outside the page: nothing in it may ask who is looking."""
    with st.container(horizontal=True, gap="xsmall", width="content", vertical_alignment="center"):
        for form, label, suffix, media in FORMS:
            st.download_button(
                label, data=lambda form=form: make(form), file_name=f"{title}.{suffix}", mime=media,
                icon=":material/download:", key=f"download_{suffix}", on_click="ignore", help=tr("Download as {form}", form=label),
            )  # fmt: skip


def chart(drawn: Chart | None, *, name: str, alt: str, on_point: Callable[[str], None] | None) -> None:
    """A report's lines; one day alone makes no line."""
    if drawn is None or len(drawn.days) < 2 or not drawn.series:
        return
    charts.lines(drawn.days, {one.name: one.values for one in drawn.series}, alt=alt, name=name, on_point=on_point)
    if drawn.left_out:
        st.caption(tr("{count} smaller ones: see the table", count=drawn.left_out))
