"""Showing where the numbers stand: an answer to click in, the parts of a line beside it, and the lines that come out (S1-57)."""

from __future__ import annotations

import orjson
import streamlit as st

from core.services import rest_mapping
from core.services.paging import MOST_ROWS
from core.services.rest_mapping import MappingPreview, Sample
from pages._ui import auth, grid, mapper_fields, mapper_rules, mapper_tree, mapper_words, words
from pages._ui.formats import escape, number, table, tr
from pages._ui.mapper_state import Draft

SHOWN_PROBLEMS = 8
SLOT = "_mapping_draft"


def draft_of(key: str, sample: Sample, stored: dict[str, object] | None) -> Draft:
    """The draft for this example; one at a time is kept. Another example of the same shape keeps what was chosen."""
    draft: Draft | None = st.session_state.get(SLOT)
    if draft is None or draft.key != key:
        draft = st.session_state[SLOT] = Draft.of(key, sample, stored)
    elif draft.sample is not sample:
        kept = draft.to_settings() if stored or draft.fits(sample) else None
        draft = st.session_state[SLOT] = Draft.of(key, sample, kept)
    return draft


def forget() -> None:
    st.session_state.pop(SLOT, None)


def choose(draft: Draft) -> None:
    """The answer on the left, what was chosen on the right."""
    if not draft.sample.suggestion.candidates:
        st.info(
            tr(
                "This answer holds no list of records. If there should be one, look at the address, the parameters and the sign-in."
            ),
            icon=":material/search_off:",
        )
    answer, parts = st.columns([1, 1], gap="large")
    with parts:
        with st.container():
            mapper_fields.show(draft)
        mapper_rules.show(draft)
    with answer:
        mapper_tree.show(draft)


def outcome(draft: Draft, portal: str) -> MappingPreview | None:
    """The lines of the example; None while something is still to be chosen."""
    lacking = draft.lacking()
    if lacking:
        names = ", ".join(mapper_words.part(part) for part in lacking)
        st.info(tr("Still to be chosen: {parts}", parts=names), icon=":material/ads_click:")
        return None
    settings = draft.to_settings()
    stamp = orjson.dumps(settings, option=orjson.OPT_SORT_KEYS, default=str)
    preview = draft.once(
        ("preview", portal, stamp),
        lambda: rest_mapping.preview(auth.context(), auth.actor(), draft.sample, settings, portal=portal),
    )
    _show(preview)
    return preview


def _show(preview: MappingPreview) -> None:
    with st.container(horizontal=True, gap="small"):
        st.metric(tr("Records"), number(preview.records), border=True, width=130)
        st.metric(tr("Lines"), number(preview.lines), border=True, width=130)
        st.metric(tr("Mapped"), number(preview.mapped), border=True, width=130)
        st.metric(tr("Pending"), number(preview.pending), border=True, width=130)
        if preview.ignored:
            st.metric(tr("Ignored"), number(preview.ignored), border=True, width=130)
        if preview.left_out:
            st.metric(tr("Left out"), number(preview.left_out), border=True, width=130)
    _problems(preview)
    if preview.rows:
        _rows(preview)
    elif not preview.problems:
        st.info(tr("No lines come out of this example."), icon=":material/inbox:")


def _problems(preview: MappingPreview) -> None:
    if preview.error:
        st.error(tr("The answer tells of an error: {text}", text=escape(preview.error)), icon=":material/error:")
    for problem in preview.problems[:SHOWN_PROBLEMS]:
        place = f"**{escape(problem.place)}** — " if problem.place else ""
        found = f" :gray[({escape(problem.text)})]" if problem.text else ""
        st.warning(f"{place}{escape(tr(problem.message))}{found}", icon=":material/warning:")
    if len(preview.problems) > SHOWN_PROBLEMS:
        st.caption(tr("{count} more records have something like this.", count=len(preview.problems) - SHOWN_PROBLEMS))
    if preview.failed:
        st.caption(tr("{count} customers are not read; their last known quantities stay.", count=len(preview.failed)))
    if not preview.complete and not preview.failed:
        st.caption(tr("A reading like this lowers nothing: it may not hold everything."))
    for note in preview.notes:
        st.caption(f":material/info: {escape(tr(note))}")


def _rows(preview: MappingPreview) -> None:
    names = words.mapping_states()
    frame = table(
        (
            {
                "customer": row.customer, "product": row.product, "count": number(row.count),
                "status": [names.get(row.status, row.status)], "company": row.company, "service": row.service, "place": row.place,
            }
            for row in preview.rows[:MOST_ROWS]
        ),
        ("customer", "product", "count", "status", "company", "service", "place"),
    )  # fmt: skip
    config = st.column_config
    columns = {
        "customer": config.TextColumn(tr("Portal customer"), width=210),
        "product": config.TextColumn(tr("Portal product"), width=230),
        "count": config.TextColumn(tr("Count"), alignment="right", width=80),
        "status": words.status_column(tr("Status"), names, words.MAPPING_COLORS, width=100),
        "company": config.TextColumn(tr("Autotask company"), width=170),
        "service": config.TextColumn(tr("Autotask service"), width=170),
        "place": config.TextColumn(tr("Where in the answer")),
    }
    grid.show(frame, columns, name="mapped_rows", alt=tr("What the example gives"))
    if preview.lines > len(preview.rows):
        st.caption(tr("The first {shown} of {total} lines are shown.", shown=len(preview.rows), total=preview.lines))
