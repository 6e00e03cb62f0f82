"""The services' own words (statuses, kinds, modes) as people read them, and the colour each one has everywhere."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages._ui.formats import tr

GREEN, ORANGE, RED, GRAY, BLUE, VIOLET = "#1B7F4B55", "#D9832455", "#C0362C55", "#5B6E7744", "#2462A855", "#6B4BB055"


def mapping_states() -> dict[str, str]:
    return {"mapped": tr("Mapped"), "pending": tr("Pending"), "ignored": tr("Ignored")}


MAPPING_COLORS = {"mapped": GREEN, "pending": ORANGE, "ignored": GRAY}


def roles() -> dict[str, str]:
    return {"viewer": tr("viewer"), "operator": tr("operator"), "admin": tr("administrator")}


def status_column(label: str, words: Mapping[str, str], colors: Mapping[str, str], **options: object) -> object:
    """A column of coloured words; its cells hold lists of one."""
    return st.column_config.MultiselectColumn(
        label, options=list(words.values()), color=[colors.get(key, GRAY) for key in words], **options
    )
