"""The Activity page: runs with what came of them, and the audit in the words of people."""

from __future__ import annotations

import pytest

from core.domain.text import T, Text
from core.services import access, activity
from core.services.paging import PageQuery
from core.store import runlog
from core.store.runlog import LogLine
from pages._ui.report_table import NARROWEST, fitted
from tests.pages.conftest import Pages, table_with


@pytest.mark.parametrize(("language", "words"), [("en", "portal made"), ("nl", "portaal gemaakt")])
def test_s1_42_the_audit_is_searched_in_the_words_that_it_shows(full: Pages, language: str, words: str) -> None:
    screen = full.open("activity", language=language, activity_view="audit")
    screen.text_input(key="audit_text").set_value(words).run()
    assert not screen.exception
    shown = table_with(screen, "subject")
    assert set(shown["action"].str.casefold()) == {words.replace(" ", ": ")}
    assert "connector" in shown["change"].iloc[0]
    assert not shown["change"].str.contains("{", regex=False).any()


def test_codes_are_found_still(full: Pages) -> None:
    page = activity.audit(full.context, access.SYSTEM, PageQuery(text="portal.created"))
    assert page.total
    assert {row.action for row in page.rows} == {"portal.created"}


@pytest.mark.parametrize("text", [T("{portal}: {lines} lines read.", portal="Duo", lines=4), T("4 lines read.")])
def test_a_line_of_the_log_names_its_portal_once(full: Pages, text: Text) -> None:
    told = LogLine(run_id=1, at=full.context.clock.now(), text=text, portal="Duo")
    full.context.database.run(lambda session: runlog.append(session, [told]))
    (line, *_) = activity.run_log(full.context, access.SYSTEM, 1)[::-1]
    assert str(line.message) == "Duo: 4 lines read."


@pytest.mark.parametrize(
    ("widths", "fixed", "expected"),
    [
        ([100, 200, 80], [False, False, True], [100, 200, 80]),
        ([270, 270, 120, 80], [False, False, False, True], [150, 150, 120, 80]),
        ([270] * 9, [False] * 9, [NARROWEST] * 9),
    ],
)
def test_columns_stand_beside_each_other_and_the_widest_texts_give_way(
    widths: list[int], fixed: list[bool], expected: list[int]
) -> None:
    assert fitted(widths, fixed, 500) == expected
