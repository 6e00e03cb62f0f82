"""A portal's names are text and nothing else: no picture, link, markup or directive of theirs is drawn on any page."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from core.services import access, demo, sync, uploads
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
