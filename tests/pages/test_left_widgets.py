"""What a session keeps does not grow with the pages that its person looked at."""

from __future__ import annotations

from typing import Any

from tests.pages.conftest import Pages


def test_widgets_of_pages_that_were_left_are_let_go(full: Pages) -> None:
    """Also in the Streamlit that comes next: it keeps them until the session ends."""
    screen = full.open("month_end")
    assert "month_again" in _known(screen)
    screen.switch_page("pages/customers.py").run()
    screen.run()
    known = _known(screen)
    assert "customers_text" in known
    assert "month_again" not in known


def _known(screen: Any) -> str:
    """The widgets that the session knows of."""
    state = screen.session_state._state._state
    return " ".join(state._new_widget_state.widget_metadata)
