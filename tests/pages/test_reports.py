"""The Reports and Month end pages: each view empty and full, filters in the address, the way from a number to its row."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.services import access, reports
from core.services.reports import Asked, lineage
from core.services.reports.choices import choices, version
from core.services.reports.line_sources import line_sources
from core.services.reports.lineage import Number
from tests.pages.conftest import Pages, all_words, say, table_with

VIEWS = ("vendor", "customer", "as-of", "compare", "development", "invoice", "leakage", "margin")


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_stands_in_the_address_and_draws(planned: Pages, view: str) -> None:
    screen = planned.open("reports", language="nl" if VIEWS.index(view) % 2 else "en", report=view)
    assert not screen.exception
    assert not screen.error, screen.error[0].value
    assert screen.title[0].value


def test_s1_74_the_vendor_table_has_now_last_month_difference_and_the_sum_of_all(planned: Pages) -> None:
    screen = planned.open("reports")
    frame = table_with(screen, "difference")
    built = reports.build(planned.context, access.SYSTEM, "vendor")
    assert list(frame["now"]) == [float(row.cells[2]) for row in built.sections[0].table.rows]
    assert frame["portal"].iloc[-1] == str(built.sections[0].table.rows[-1].cells[0])


def test_m2_what_was_not_known_yet_is_empty_and_not_zero(planned: Pages) -> None:
    screen = planned.open("reports")
    assert table_with(screen, "year_before")["year_before"].isna().all()
    assert {metric.label: metric.value for metric in screen.metric}[say("A year before")] == "—"


def test_filters_come_from_the_address(planned: Pages) -> None:
    names = choices(planned.context, access.SYSTEM)
    portal = names.portals[0]
    frame = table_with(planned.open("reports", report="development", vendor=portal), "product")
    assert set(frame["portal"].iloc[:-1]) == {portal}


def test_a_name_that_is_not_there_is_said(planned: Pages) -> None:
    screen = planned.open("reports", report="customer", customer="Nobody Ltd")
    assert not screen.exception
    assert "Nobody Ltd" in screen.error[0].value


def test_reports_are_kept_until_something_is_read_or_done(planned: Pages) -> None:
    before = version(planned.context, access.SYSTEM)
    planned.open("reports")
    assert version(planned.context, access.SYSTEM) == before
    from core.services import people

    people.add_person(planned.context, access.SYSTEM, "somebody", "a long enough pass phrase", access.Role.VIEWER)
    assert version(planned.context, access.SYSTEM) != before


def test_m13_behind_a_number_stand_its_lines_and_they_add_up(planned: Pages) -> None:
    rows = reports.build(planned.context, access.SYSTEM, "vendor").sections[0].table.rows
    for row in rows:
        if row.level is not reports.Level.DETAIL:
            continue
        number = Number(portal=str(row.cells[0]), product=str(row.cells[1]), column="now")
        story = lineage.behind(planned.context, access.SYSTEM, Asked(), number)
        assert story.total == row.cells[2]
        assert sum(line.quantity or 0 for line in story.lines) == story.total


def test_m13_a_number_from_a_file_leads_to_its_row(planned: Pages) -> None:
    story = lineage.behind(planned.context, access.SYSTEM, Asked(), Number(column="now"))
    found = [(line, lineage.raw(planned.context, access.SYSTEM, line.read)) for line in story.lines]
    shown = [(line, raw) for line, raw in found if raw is not None]
    assert shown
    for line, raw in shown:
        assert raw.rows, (raw.file, line.read.place)
        (cells,) = [cells for index, cells in raw.rows.rows if index == raw.rows.wanted]
        assert line.customer in cells or line.read.customer_id in cells


def test_m13_a_contract_line_leads_to_the_lines_it_is_counted_from(planned: Pages) -> None:
    from core.services import margin

    rows = margin.margin(planned.context, access.SYSTEM).rows
    found = [line_sources(planned.context, access.SYSTEM, row.company_id, row.item) for row in rows]
    assert any(found)
    ids = next(ids for ids in found if ids)
    story = lineage.behind(planned.context, access.SYSTEM, Asked(), Number(line_ids=ids))
    assert {line.read.line_id for line in story.lines} == set(ids)


def test_before_the_first_reading_nothing_is_behind_a_number(planned: Pages) -> None:
    first = choices(planned.context, access.SYSTEM).first
    assert first
    story = lineage.behind(planned.context, access.SYSTEM, Asked(moment=first - timedelta(days=2)), Number())
    assert story.lines == ()


@pytest.mark.parametrize("language", ["en", "nl"])
def test_the_month_end_page_tells_what_is_open_and_what_is_billed(planned: Pages, language: str) -> None:
    screen = planned.open("month_end", language=language)
    assert not screen.exception
    assert not screen.error
    assert say("Is everything settled?", language) in all_words(screen)
    assert say("To bill", language) in [metric.label for metric in screen.metric]


def test_without_autotask_the_next_invoice_is_not_known(empty: Pages) -> None:
    screen = empty.open("month_end")
    assert not screen.exception
    assert not screen.error
    assert screen.title[0].value.startswith("Can ")
    assert not screen.metric
    assert say("The next invoice is not known") in all_words(screen) + "".join(one.value for one in screen.subheader)


def test_a_viewer_may_look_and_not_sign(planned: Pages) -> None:
    screen = planned.open("month_end", role="viewer")
    assert not screen.exception
    assert "month_sign" not in {button.key for button in screen.button}
    assert "invoice_new" not in {
        button.key for button in planned.open("reports", role="viewer", report="invoice").button
    }


def test_the_chain_is_checked_on_the_page_and_the_result_stays(full: Pages) -> None:
    screen = full.open("activity", activity_view="audit")
    screen.button(key="verify_chain").click().run()
    assert not screen.exception
    assert len(screen.success) == 1
    screen.text_input(key="audit_text").set_value("demo").run()
    assert len(screen.success) == 1


def test_the_audit_is_searched_by_who(full: Pages) -> None:
    from core.services import activity
    from core.services.paging import PageQuery

    people = activity.audit_people(full.context, access.SYSTEM)
    page = activity.audit(full.context, access.SYSTEM, PageQuery(limit=500), by=people[0])
    assert page.total
    assert {row.actor for row in page.rows} == {people[0]}
    today = full.context.clock.today()
    # The workspace may have been made before midnight.
    yesterday = today - timedelta(days=1)
    assert activity.audit(full.context, access.SYSTEM, PageQuery(), since=yesterday, until=today).total
    assert not activity.audit(full.context, access.SYSTEM, PageQuery(), since=today + timedelta(days=1)).total
    assert not activity.audit(full.context, access.SYSTEM, PageQuery(), until=today - timedelta(days=2)).total


def test_links_to_history_still_lead_to_its_view(full: Pages) -> None:
    screen = full.open("history")
    assert not screen.exception
    assert screen.title[0].value == say("What was used, and when?")
