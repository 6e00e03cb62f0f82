"""The plan: shown, decided, applied; the way of one change from the file to Autotask's answer; what happened afterwards."""

from __future__ import annotations

from core.domain.text import T
from core.services import access, activity, decisions, mapping, overview, planning, portals
from core.services.paging import PageQuery
from tests.pages.conftest import Pages, all_words, say, table_with


def first_change(pages: Pages) -> planning.ChangeRow:
    return planning.changes(pages.context, access.SYSTEM, PageQuery(sort="company", limit=1)).rows[0]


def test_the_plan_shows_from_to_difference_date_money_and_why(planned: Pages) -> None:
    head = planning.plan_head(planned.context, access.SYSTEM)
    assert head
    assert head.by_status
    screen = planned.open("changes")
    shown = table_with(screen, "difference")
    change = first_change(planned)
    row = shown.iloc[0]
    assert (row["company"], row["item"]) == (change.company, change.item)
    assert (row["from"], row["to"]) == (str(change.from_units), str(change.to_units))
    assert row["difference"].startswith(("+", "−"))
    assert row["date"] == f"{change.effective_date:%d/%m/%Y}"
    assert row["money"].lstrip("+−").startswith("€")
    assert row["why"]


def test_s1_81_numbers_money_and_dates_are_written_the_dutch_way(planned: Pages) -> None:
    change = first_change(planned)
    row = table_with(planned.open("changes", language="nl"), "difference").iloc[0]
    day = change.effective_date
    assert row["date"] == f"{day.day}-{day.month}-{day.year}"
    assert row["money"].lstrip("+−").startswith("€\u00a0")
    assert "," in row["money"]


def test_m13_one_change_is_followed_down_to_the_file_and_the_row(planned: Pages) -> None:
    change = first_change(planned)
    screen = planned.open("changes")
    screen.session_state["_change_asked"] = change.id
    screen.run()
    assert not screen.exception
    sources = table_with(screen, "origin")
    assert len(sources) >= 1
    assert sources["origin"].str.contains(r"\.(?:csv|xlsx|json)", regex=True).all()
    words = all_words(screen)
    assert say("What it was counted from") in words
    assert say("Nothing was sent to Autotask yet.") in words


def test_a_change_of_an_older_plan_is_told_in_words(planned: Pages) -> None:
    screen = planned.open("changes")
    screen.session_state["_change_asked"] = "0000000000000000"
    screen.run()
    assert not screen.exception
    assert screen.error


def test_filters_count_what_they_would_show(planned: Pages) -> None:
    head = planning.plan_head(planned.context, access.SYSTEM)
    assert head
    screen = planned.open("changes", changes_status="needs_approval")
    assert len(table_with(screen, "difference")) == head.by_status["needs_approval"]


def test_m6_approving_everything_leaves_out_what_a_guard_holds(planned: Pages) -> None:
    head = planning.plan_head(planned.context, access.SYSTEM)
    assert head
    assert head.by_status.get("held")
    label = planned.open("changes").button(key="approve_all").label
    assert label == say("Approve all {count} of this filter", count=head.by_status["needs_approval"])


def test_findings_tell_what_to_do(planned: Pages) -> None:
    screen = planned.open("changes", changes_view="findings")
    shown = table_with(screen, "remedy")
    assert (shown["message"].str.len() > 0).all()
    assert (shown["remedy"].str.len() > 0).any()


def test_apply_is_offered_once_something_is_approved_and_asks_first(planned: Pages) -> None:
    screen = planned.open("changes")
    assert screen.button(key="apply").disabled
    count = decisions.approve_all(planned.context, access.SYSTEM)
    screen.run()
    screen.button(key="apply").click().run()
    assert not screen.exception
    assert screen.button(key="apply_yes").label == say("Apply {count} changes", count=count)
    assert {metric.label for metric in screen.metric} >= {say("More per period"), say("Less per period")}


def test_planning_again_is_work_for_the_engine(planned: Pages) -> None:
    screen = planned.open("changes")
    screen.button(key="replan").click().run()
    assert not screen.exception
    newest = activity.runs(planned.context, access.SYSTEM, PageQuery(limit=1)).rows[0]
    assert (newest.kind, newest.status) == ("plan", "queued")
    assert screen.button(key="sync_now").disabled


def test_s1_43_a_run_is_there_with_its_log(planned: Pages) -> None:
    screen = planned.open("activity")
    runs = table_with(screen, "applied")
    assert len(runs) == activity.runs(planned.context, access.SYSTEM, PageQuery()).total
    assert say("Log of run {run}", run=runs.iloc[0]["run"]) in all_words(screen)


def test_s1_47_the_audit_tells_who_did_what_and_its_chain_holds(planned: Pages) -> None:
    screen = planned.open("activity", activity_view="audit")
    assert len(table_with(screen, "actor")) > 5
    screen.button(key="verify_chain").click().run()
    assert screen.success


def test_a_viewer_sees_the_plan_and_decides_nothing(planned: Pages) -> None:
    screen = planned.open("changes", role="viewer")
    assert len(table_with(screen, "difference")) >= 1
    assert not {button.key for button in screen.button} & {
        "approve",
        "hold",
        "dismiss",
        "approve_all",
        "apply",
        "replan",
    }


def test_s1_04_the_overview_says_what_was_done_and_what_is_left(planned: Pages) -> None:
    screen = planned.open("overview")
    numbers = {metric.label: metric.value for metric in screen.metric}
    assert numbers[say("Portals")] == str(len(portals.list_portals(planned.context, access.SYSTEM)))
    assert numbers[say("Contract lines updated")] == "0"
    linked = mapping.customers(planned.context, access.SYSTEM, PageQuery(status="mapped", limit=1)).total
    assert numbers[say("Customers mapped")].startswith(f"{linked} /")
    assert int(numbers[say("Manual actions")]) > 0
    assert screen.get("page_link")


def test_s1_03_a_run_that_goes_on_is_followed_in_the_sidebar(planned: Pages, monkeypatch) -> None:
    screen = planned.open("overview")
    screen.button(key="sync_now").click().run()
    assert screen.button(key="sync_now").disabled
    assert say("Waiting for its turn.") in all_words(screen)
    going = overview.LiveRun(
        run_id=2, done=1, total=4, message=T("Reading {count} portals.", count=4), started=planned.context.clock.now()
    )
    monkeypatch.setattr(overview, "live_run", lambda _ctx, _actor: going)
    screen.run()
    assert screen.progress[0].text == say("syncing {done} of {total} portals", done=1, total=4)
    assert screen.progress[0].value == 25
