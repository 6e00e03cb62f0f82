"""A result that an endpoint makes to order: where its state is asked for, and where the result is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.services.forms import FormField
from pages._ui import settings_form
from pages._ui.formats import tr

FIRST = ("status_url", "result_url", "id_at", "state_at")


def draw(job: FormField, fields: Sequence[FormField], start: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    """The settings of a job; None where the first answer is the result."""
    if not st.toggle(tr(job.title), bool(start), key=f"{key}_has_job", help=tr(job.help)):
        return None
    named = {field.name: field for field in fields}
    left, right = st.columns(2, gap="medium")
    entered: dict[str, Any] = {}
    for number, name in enumerate(FIRST):
        with (left, right)[number % 2]:
            entered |= settings_form.draw_unusual([named[name]], start, f"{key}_job")
    with st.popover(tr("More about the job"), icon=":material/tune:", type="tertiary"):
        entered |= settings_form.draw_unusual(
            [field for field in fields if field.name not in FIRST], start, f"{key}_job"
        )
    # Switched on and still empty is not the same as off.
    return entered or {"status_url": ""}
