"""Lets go of what Streamlit keeps of widgets that are not shown any more.

Streamlit keeps what it knows of each widget until its session ends: how to read it, and what to call when it changes, with all
that this function holds: the rows of a table, the report of a page. Over a day of clicking that is most of what the server holds.
"""

from __future__ import annotations

from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx


def let_go() -> None:
    """At the beginning of a run, when Streamlit has dropped the values of widgets that the run before did not show."""
    run = get_script_run_ctx()
    if run is None:
        return
    # No public way leads there; tests/pages/test_left_widgets.py shows that this one does in the Streamlit we pin.
    state = run.session_state._state
    widgets = state._new_widget_state
    known = {*state._old_state, *widgets.states}
    for widget in [widget for widget in widgets.widget_metadata if widget not in known]:
        del widgets.widget_metadata[widget]
