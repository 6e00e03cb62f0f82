"""A portal's names are text and nothing else: no picture, link, markup or directive of theirs is drawn on any page."""

from __future__ import annotations

import json
import re

import pytest
from streamlit.testing.v1 import AppTest

from core.services import access, demo, sync, uploads
from pages._ui import auth
from tests.pages.conftest import Pages

BEACON = "![x](https://evil.example/p.png)"
HOSTILE = BEACON + "<img src=x onerror=alert(1)> **bold** :red[red] :material/home: $$x^2$$ [[2]]"
DRAWN = re.compile(
    r"(?<!\\)!\[x|(?<!\\)\]\(https://evil|(?<!\\)<img src=x|(?<!\\)\*\*bold|(?<!\\):red\[red|(?<!\\):material/home|(?<!\\)\$\$x"
)
"""The same name where Markdown would make something of it: with no back-slash before the sign that does."""
MARKDOWN = (
    "title",
    "header",
    "subheader",
    "caption",
    "markdown",
    "error",
    "warning",
    "info",
    "success",
    "toast",
    "metric",
)
LABELS = (
    "button",
    "checkbox",
    "toggle",
    "radio",
    "selectbox",
    "multiselect",
    "text_input",
    "number_input",
    "expander",
    "tab",
    "status",
)
PAGES = (
    "overview",
    "portals",
    "customers",
    "products",
    "changes",
    "reports",
    "activity",
    "alerts",
    "subscriptions",
    "consumption",
    "history",
    "month_end",
)


@pytest.fixture
def hostile(full: Pages) -> Pages:
    """The demo, with a file whose customers, products and name were made to do harm."""
    portal, content = "SentinelOne", f'Site,Status\n"{HOSTILE}",Active\n"={HOSTILE}",Active\n'
    uploads.import_file(full.context, access.SYSTEM, portal, content.encode(), f"{BEACON.replace('/', '_')}.csv")
    demo.map_customers(full.context, access.SYSTEM)
    sync.run_sync(full.context, access.SYSTEM, apply=False)
    return full


def drawn(screen: AppTest) -> list[str]:
    texts = [str(element.value) for kind in MARKDOWN for element in screen.get(kind)]
    for kind in LABELS:
        for element in screen.get(kind):
            texts.append(str(getattr(element, "label", "")))
            texts.append(str(getattr(element, "help", "")))
            if kind == "radio":
                texts += [str(option) for option in getattr(element, "options", ())]
    texts += [str(element.proto.body) for element in screen.get("html")]
    return [text for text in texts if DRAWN.search(text)]


def test_no_name_of_a_portal_is_drawn_as_markup_on_any_page(hostile: Pages) -> None:
    seen = 0
    for page in PAGES:
        screen = hostile.open(page)
        assert not screen.exception, page
        assert drawn(screen) == [], page
        everything = str([frame.value.to_dict() for frame in screen.dataframe])
        seen += "evil.example" in everything
    assert seen, "the name is somewhere, or this tests nothing"


def test_no_name_is_drawn_as_a_link_or_a_picture_in_a_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plotly reads HTML in names, labels and what it shows beside the pointer."""
    names = [f"<a href='https://evil.example/{number}'>Acme</a><br><b>pay</b> & {{x}} $y$" for number in range(2)]

    def page() -> None:
        from datetime import date
        from decimal import Decimal

        import streamlit as st

        from pages._ui import charts

        given = st.session_state["names"]
        days = [date(2026, 1, 1), date(2026, 2, 1)]
        charts.lines(days, {name: [Decimal(1), None] for name in given}, alt="lines", name="lines")
        chosen = lambda name: st.session_state.update(chosen=name)  # noqa: E731
        charts.bars({name: (Decimal(5), "€ 5") for name in given}, alt="bars", name="bars", on_point=chosen)

    monkeypatch.setattr(auth, "who", lambda: None)
    screen = AppTest.from_function(page)
    screen.session_state["names"] = names
    screen.run()
    assert not screen.exception
    specs = [json.loads(chart.proto.spec) for chart in screen.get("plotly_chart")]
    assert len(specs) == 2
    for spec in specs:
        for trace in spec["data"]:
            shown = [trace.get("name", ""), *(trace["y"] if spec is specs[1] else ())]
            places = [int(place) for place in re.findall(r"customdata\[(\d)", trace["hovertemplate"])]
            shown += [row[place] for row in trace["customdata"] for place in places]
            assert not [text for text in shown if "<" in str(text)]
            assert any("&lt;a href" in str(text) for text in shown)
    assert [row[0] for row in specs[1]["data"][0]["customdata"]] == names, "a click names the line as it is"
