"""Overview, activity, reports and doctor: what people look at."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import InputError
from core.domain.text import T
from core.services import activity, doctor, mapping, overview, people, portals, products, reports, uploads
from core.services.autotask_settings import save_autotask, save_time_zone
from core.services.context import Context
from core.services.csv_export import csv_chunks, safe_cell
from core.services.paging import PageQuery
from core.store import ledger, runlog, runs
from core.store.ledger import Event, Fact
from core.store.runlog import LogLine
from core.store.runs import NewRun

from .conftest import ADMIN, LONG, OPERATOR, StandingClock, csv_of


@pytest.fixture
def brought(connected: Context) -> Context:
    portals.create_portal(connected, OPERATOR, "P", "file", settings=LONG, secrets={})
    data = csv_of(("ACME", "Antivirus per endpoint", 9), ("Nobody", "Other", 2), ("Nobody", "More", 1))
    uploads.import_file(connected, OPERATOR, "P", data, "x.csv")
    return connected


def finished_run(ctx: Context, **changes: int) -> int:
    with ctx.database.write() as session:
        run = runs.enqueue(session, NewRun(kind="sync", portals=["P"], started_by="Otto"), ctx.clock.now())
        assert run is not None
        runs.claim(session, "me", ctx.clock.now(), 60)
        runs.finish(session, run.id, "done", ctx.clock.now(), summary={"changes": changes})
    return run.id


def test_an_empty_workspace_says_what_to_do_first(ctx: Context) -> None:
    now = overview.overview(ctx, ADMIN)
    assert (now.autotask_ready, now.portals, now.customers, now.last_run, now.live) == (False, 0, 0, None, None)
    assert [(action.page, action.count) for action in now.actions] == [("Settings", 1)]
    assert overview.waiting(ctx, ADMIN) == 1
    assert overview.overview_rows(ctx, ADMIN, PageQuery()).total == 0


def test_s1_28_the_first_reading_shows_at_once_what_still_needs_mapping(brought: Context) -> None:
    now = overview.overview(brought, ADMIN)
    assert (now.autotask_ready, now.portals) == (True, 1)
    assert (now.customers, now.customers_mapped, now.products, now.products_mapped) == (2, 0, 3, 0)
    assert [(a.page, a.count, dict(a.filters)) for a in now.actions] == [
        ("Customers", 2, {"status": "pending"}),
        ("Products", 3, {"status": "pending"}),
    ]


def test_what_is_ignored_waits_for_nobody(brought: Context) -> None:
    mapping.accept_exact_suggestions(brought, OPERATOR)
    products.accept_exact_products(brought, OPERATOR)
    mapping.paste_customers(brought, OPERATOR, "Nobody\t-\n")
    products.ignore_products(
        brought, OPERATOR, [products.ProductKey("P", "Other"), products.ProductKey("P", "More")], "free"
    )
    now = overview.overview(brought, ADMIN)
    assert (now.customers, now.customers_mapped, now.products, now.products_mapped) == (1, 1, 1, 1)
    assert now.actions == ()


def test_s1_02_the_table_lists_portal_customer_count_and_status(brought: Context) -> None:
    mapping.accept_exact_suggestions(brought, OPERATOR)
    page = overview.overview_rows(brought, ADMIN, PageQuery(sort="count", descending=True))
    assert [(r.portal, r.customer, r.company, r.lines, r.count, r.status) for r in page.rows] == [
        ("P", "ACME", "Acme B.V.", 1, Decimal(9), "mapped"),
        ("P", "Nobody", "", 2, Decimal(3), "pending"),
    ]


def test_s1_03_and_s1_04_the_run_that_goes_on_and_what_the_last_one_did(brought: Context) -> None:
    finished_run(brought, applied=47, held=0, failed=0, unchanged=3)
    now = overview.overview(brought, ADMIN)
    assert (now.lines_updated, now.last_run) == (47, brought.clock.now())
    with brought.database.write() as session:
        run = runs.enqueue(session, NewRun(kind="sync", portals=["P"]), brought.clock.now())
        assert run is not None
        runs.claim(session, "me", brought.clock.now(), 60)
        runs.progress(session, run.id, "me", 3, 17, T("P is read."))
    live = overview.live_run(brought, ADMIN)
    assert live is not None
    assert (live.run_id, live.done, live.total, str(live.message)) == (run.id, 3, 17, "P is read.")
    assert overview.overview(brought, ADMIN).live == live


def test_s1_43_runs_and_their_log_are_shown_and_read_on(brought: Context) -> None:
    number = finished_run(brought, applied=2, held=1, failed=0, unchanged=5)
    with brought.database.write() as session:
        lines = [LogLine(run_id=number, at=brought.clock.now(), text=T("Step {n}", n=n), portal="P") for n in range(3)]
        runlog.append(session, lines)
    row = activity.runs(brought, ADMIN, PageQuery()).rows[0]
    assert (row.id, row.kind, row.by, row.applied, row.held) == (number, "sync", "Otto", 2, 1)
    assert "2 contract lines updated" in str(row.message)
    log = activity.run_log(brought, ADMIN, number)
    assert [str(line.message) for line in log] == ["P: Step 0", "P: Step 1", "P: Step 2"]
    assert activity.run_log(brought, ADMIN, number, after=log[1].id) == log[2:]
    assert list(csv.reader(io.StringIO("".join(activity.export_runs(brought, ADMIN)))))[1][:3] == [
        str(number),
        "sync",
        "done",
    ]


def test_s1_47_the_audit_answers_who_did_what(brought: Context) -> None:
    mapping.accept_exact_suggestions(brought, OPERATOR)
    page = activity.audit(brought, ADMIN, PageQuery(text="acme", descending=True))
    assert [(row.actor, row.action, row.subject) for row in page.rows] == [("Otto", "mapping.customer", "P / ACME")]
    assert '"company_id":null' in page.rows[0].before
    assert '"company_id":1002' in page.rows[0].after


def test_s1_45_everything_is_exported_as_csv_that_no_spreadsheet_can_run(brought: Context) -> None:
    portals.create_portal(brought, OPERATOR, "=cmd|' /C calc'!A0", "file", settings={}, secrets={})
    with brought.database.write() as session:
        facts = [Fact(event=Event.SEEN, payload={"units": 5, "from": 3, "to": 5})]
        ledger.append(session, brought.clock.now(), facts)
    rows = list(csv.reader(io.StringIO("".join(activity.export_audit(brought, ADMIN)))))
    assert rows[0][:6] == ["number", "at_utc", "actor", "action", "subject", "before"]
    assert rows[-1][4] == "'=cmd|' /C calc'!A0"
    written = list(csv.DictReader(io.StringIO("".join(activity.export_lines(brought, ADMIN)))))
    assert (written[0]["event"], written[0]["from"], written[0]["to"]) == ("seen", "3", "5")


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_no_text_becomes_a_formula_in_a_spreadsheet(cells: list[str]) -> None:
    read = next(csv.reader(io.StringIO("".join(csv_chunks([], [cells])).removeprefix("\r\n"), newline="")), [""])
    for before, after in zip(cells, read, strict=False):
        assert after == safe_cell(before)
        assert after.lstrip(" ")[:1] not in {"=", "@", "\t", "\r", "\n"}
        assert after.removeprefix("'").replace("'", "") == before.replace("\x00", "").removeprefix("'").replace("'", "")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (Decimal("-3.5"), "-3.5"),
        (-4, "-4"),
        ("-4", "-4"),
        ("+31 10 123", "'+31 10 123"),
        (None, ""),
        (date(2026, 1, 2), "2026-01-02"),
        ("  =1", "'  =1"),
    ],
)
def test_numbers_stay_numbers(value: object, cell: str) -> None:
    assert safe_cell(value) == cell


def test_the_chains_are_checked_and_a_change_is_named(brought: Context) -> None:
    assert activity.verify(brought, ADMIN).ok
    with brought.database.engine.begin() as connection:
        guards = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
        )
        for (name,) in guards.fetchall():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql("UPDATE audit SET actor = 'Eve' WHERE id = 2")
    check = activity.verify(brought, ADMIN)
    assert (check.ok, check.chain, check.broken_at) == (False, "audit", 2)
    assert [one.ok for one in activity.verify_chains(brought, ADMIN)] == [False, True]
    audit = next(one for one in doctor.examine(brought, ADMIN) if one.name == "Audit")
    assert audit.state == "wrong"


def test_s1_76_the_quantity_at_any_past_moment(brought: Context, clock: StandingClock) -> None:
    first = clock.today()
    clock.forward(days=40)
    uploads.import_file(brought, OPERATOR, "P", csv_of(("ACME", "Antivirus per endpoint", 12)), "y.csv")
    mapping.accept_exact_suggestions(brought, OPERATOR)
    then = rows_of(brought, "as-of", moment=first, customer="acme b.v.")
    assert [(row[2], row[6], row[10]) for row in then] == [("ACME", "Antivirus per endpoint", Decimal(9))]
    assert rows_of(brought, "vendor") == [
        ("P", "Antivirus per endpoint", Decimal(12), Decimal(9), Decimal(3), None, None),
        ("P", "More", Decimal(0), Decimal(1), Decimal(-1), None, None),
        ("P", "Other", Decimal(0), Decimal(2), Decimal(-2), None, None),
        (T("{vendor}: sum", vendor="P"), "", Decimal(12), Decimal(12), Decimal(0), None, None),
        (T("Total"), "", Decimal(12), Decimal(12), Decimal(0), None, None),
    ]
    assert rows_of(brought, "customer", portal="P")[0][:4] == ("", "P", "Nobody", "More")
    with pytest.raises(InputError, match="no report"):
        reports.build(brought, ADMIN, "weather")
    assert rows_of(brought, "as-of", moment=date(2020, 1, 1)) == []


def rows_of(ctx: Context, name: str, **asked: Any) -> list[tuple[Any, ...]]:
    return [row.cells for row in reports.build(ctx, ADMIN, name, reports.Asked(**asked)).sections[0].table.rows]


def test_doctor_tells_what_is_set_up_and_what_is_wrong(ctx: Context, clock: StandingClock) -> None:
    def found() -> dict[str, str]:
        return {check.code: check.state for check in doctor.examine(ctx, ADMIN)}

    fresh = found()
    todo = {"people.none", "autotask.missing", "portal.none", "engine.none", "backup.none"}
    assert {code for code, state in fresh.items() if state == "todo" and not code.startswith("disk.")} == todo
    assert {"database.answers", "key.opens", "time_zone.known", "chain.audit", "chain.ledger"} <= set(fresh)
    people.create_first_admin(ctx, "Anna", "correct horse battery")
    save_autotask(
        ctx, ADMIN, user_name="x", secret="s", integration_code="c", base_url="http://127.0.0.1:9/ATServicesRest/"
    )
    portals.create_portal(ctx, OPERATOR, "P", "file", settings=LONG, secrets={})
    finished_run(ctx)
    with ctx.database.write() as session:
        runs.enqueue(session, NewRun(kind="sync"), clock.now())
    clock.forward(hours=1)
    later = found()
    assert (later["people.admin"], later["autotask.fails"], later["engine.none"]) == ("ok", "wrong", "wrong")


def test_the_connection_to_autotask_is_stored_without_showing_its_secrets(ctx: Context) -> None:
    from core.domain.errors import SettingsError
    from core.services.autotask_settings import autotask_settings, test_autotask

    assert not test_autotask(ctx, ADMIN).ok
    with pytest.raises(SettingsError, match="secret is needed"):
        save_autotask(ctx, ADMIN, user_name="api@x", secret="", integration_code="c")
    with pytest.raises(SettingsError, match="no address"):
        save_autotask(ctx, ADMIN, user_name="api@x", secret="s", integration_code="c", base_url="autotask.net")
    assert save_autotask(ctx, ADMIN, user_name="api@x", secret="hush", integration_code="hushhush")
    assert not save_autotask(ctx, ADMIN, user_name="api@x", secret=None, integration_code="hushhush")
    assert save_autotask(
        ctx, ADMIN, user_name="api@x", secret="other", integration_code=None, base_url="https://a.example/x"
    )
    view = autotask_settings(ctx, ADMIN)
    assert (view.configured, view.user_name, view.base_url) == (True, "api@x", "https://a.example/x/")
    assert "hush" not in repr(view) + "".join(activity.export_audit(ctx, ADMIN))
    assert save_time_zone(ctx, ADMIN, "Europe/Lisbon")
    assert not save_time_zone(ctx, ADMIN, "Europe/Lisbon")
    with pytest.raises(SettingsError, match="no time zone"):
        save_time_zone(ctx, ADMIN, "Mars/Olympus")
