"""Consumption: a month's charges with what they are made of, decided and applied; how a portal charges; files; the check."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from core.domain.charges.language import month_name
from core.domain.consumption import ConsumptionReading
from core.domain.policy import Mode
from core.services import (
    access,
    amount_doubts,
    charge_sources,
    charge_views,
    charges,
    charging_decisions,
    overview,
    sync,
)
from core.services.paging import MOST_ROWS, PageQuery
from core.services.portals import set_mode
from core.store import portals as portal_store
from tests.pages.conftest import Pages, all_words, say, table_with

AZURE = "Azure"


def last_month(pages: Pages) -> date:
    return (pages.context.clock.today().replace(day=1) - timedelta(days=1)).replace(day=1)


def rows_of(pages: Pages, text: str = "") -> tuple[charges.ChargeView, ...]:
    return charge_views.board(
        pages.context, access.SYSTEM, last_month(pages), PageQuery(text=text, limit=MOST_ROWS)
    ).page.rows


def test_s1_69_the_charges_of_a_customer_with_resource_usage_and_total_in_dutch(planned: Pages) -> None:
    screen = planned.open("consumption", language="nl", consumption_text="Acme")
    shown = table_with(screen, "usage")
    assert dict(zip(shown["usage"], shown["price"], strict=True)) == {
        "ERP-server: 744 uur": "€\u00a0284,60",
        "Opslag: 4,2 TB": "€\u00a038,20",
        "Dataverkeer boven 50 GB: 12,5 GB": "€\u00a012,50",
    }
    assert say("Total: {amount}", "nl", amount="€\u00a0335,30") in all_words(screen)


def test_s1_75_another_month_is_chosen_and_stands_in_the_address(planned: Pages) -> None:
    first = last_month(planned)
    before = (first - timedelta(days=1)).replace(day=1)
    screen = planned.open("consumption", consumption_month=f"{before:%Y-%m}")
    assert len(table_with(screen, "usage")) == len(
        charge_views.board(planned.context, access.SYSTEM, before, PageQuery()).page.rows
    )
    every = planned.open("consumption", consumption_month="all")
    assert len(table_with(every, "usage")) > len(table_with(screen, "usage"))


def test_what_is_held_says_why(planned: Pages) -> None:
    shown = table_with(planned.open("consumption", consumption_status="held"), "why")
    assert len(shown) == 1
    assert "2,500" in shown.iloc[0]["why"]


def test_s1_68_m13_a_charge_leads_back_to_the_rows_of_the_file_and_forward_to_the_ledger(planned: Pages) -> None:
    row = rows_of(planned, "ERP")[0]
    approved = charging_decisions.approve(planned.context, access.SYSTEM, [row.change_id])
    assert len(approved) == 3, "all charges of the customer and month"
    sync.apply_now(planned.context, access.SYSTEM, approved)
    screen = planned.open("consumption")
    screen.session_state["_charge_asked"] = row.key
    screen.run()
    assert not screen.exception
    lines = table_with(screen, "origin")
    assert "azure.csv" in lines.iloc[0]["origin"]
    assert say("Total of the source: {amount}", amount="€284.60") in all_words(screen)
    steps = [expander.label for expander in screen.expander]
    assert any(say("Read back and verified") in label for label in steps)
    assert {metric.label: metric.value for metric in screen.metric}[say("In Autotask")] == "€284.60"


def test_s1_71_the_check_shows_what_is_not_charged_and_why(planned: Pages) -> None:
    screen = planned.open("consumption", consumption_view="check")
    shown = table_with(screen, "told").set_index("customer")
    assert shown.loc["ACME BV", ["told", "charged", "why"]].tolist() == ["€335.30", "€335.30", ""]
    assert shown.loc["Ateliers Lumière SARL", ["charged", "left"]].tolist() == ["€0.00", "€318.77"]
    assert shown.loc["Ateliers Lumière SARL", "why"]
    assert screen.warning


def test_s1_66_the_totals_per_customer(planned: Pages) -> None:
    shown = table_with(planned.open("consumption", consumption_view="companies"), "margin").set_index("company")
    acme = shown.loc["Acme B.V."]
    assert (acme["charges"], acme["price"], acme["there"], acme["left"]) == ("3", "€335.30", "€0.00", "+€335.30")
    grotius = shown.loc["Grotius Advocaten N.V."]
    assert grotius["charges"] == "2", "one for each resource group"


def test_approving_a_filter_leaves_out_what_a_limit_holds(planned: Pages) -> None:
    screen = planned.open("consumption")
    counts = charge_views.totals(planned.context, access.SYSTEM, last_month(planned)).by_status
    assert screen.button(key="charges_apply").disabled
    label = screen.button(key="charge_approve_all").label
    assert label == say("Approve all {count} of this filter", count=counts["needs_approval"])
    charge_views.approve_filtered(planned.context, access.SYSTEM, last_month(planned), PageQuery())
    after = charge_views.totals(planned.context, access.SYSTEM, last_month(planned)).by_status
    assert after == {"approved": counts["needs_approval"], "held": counts["held"]}
    screen.run()
    screen.button(key="charges_apply").click().run()
    assert not screen.exception
    assert screen.button(key="charges_yes").label == say("Apply {count} charges", count=counts["needs_approval"])


def test_m9_the_contract_is_chosen_where_several_are_valid(planned: Pages) -> None:
    screen = planned.open("consumption", consumption_view="findings")
    box = next(box for box in screen.selectbox if str(box.key).startswith("contract_"))
    assert "Cloud maandelijks" in box.options
    box.select_index(box.options.index("Cloud maandelijks")).run()
    button = next(button for button in screen.button if str(button.key).startswith("contract_save_"))
    button.click().run()
    assert not screen.exception
    settings = charges.charge_settings(planned.context, access.SYSTEM, AZURE)
    assert [one.contract_id for one in settings.overrides if one.contract_id]
    sync.run_sync(planned.context, access.SYSTEM, apply=False)
    assert rows_of(planned, "Eemland")


def test_s1_64_a_template_is_seen_in_both_languages_while_it_is_written(planned: Pages) -> None:
    screen = planned.open("consumption", consumption_view="settings")
    name = next(box for box in screen.text_input if str(box.key).endswith("_name_text"))
    name.set_value("{group}: {month|capital}").run()
    shown = all_words(screen)
    first = last_month(planned)
    for language in ("nl", "en"):
        assert month_name(first, language).capitalize() in shown
    name.set_value("{nonsense}").run()
    assert "nonsense" in screen.error[0].value
    assert not screen.exception


def test_s1_63_s1_66_settings_are_saved_for_all_and_for_one_customer(planned: Pages) -> None:
    screen = planned.open("consumption", consumption_view="settings")
    split = next(box for box in screen.selectbox if str(box.key).endswith("_split"))
    split.select_index(split.options.index(say("One charge with the total"))).run()
    screen.button(key="save_charging").click().run()
    assert not screen.exception
    saved = charges.charge_settings(planned.context, access.SYSTEM, AZURE)
    assert saved.split.value == "bundled"
    assert len(saved.overrides) == 1, "what one customer has of its own stays"
    assert saved.percent == 15
    known = dict(charge_sources.charged_customers(planned.context, access.SYSTEM, AZURE))
    bakery = next(one for one, name in known.items() if name.startswith("Bakkerij"))
    whom = screen.selectbox(key=f"charging_for_{AZURE}")
    whom.select_index(list(known).index(bakery) + 1).run()
    name = next(box for box in screen.text_input if str(box.key).endswith("_name_text"))
    name.set_value("Kassa {month}").run()
    screen.button(key="save_charging").click().run()
    own = next(
        one
        for one in charges.charge_settings(planned.context, access.SYSTEM, AZURE).overrides
        if one.customer_id == bakery
    )
    assert own.model_dump(exclude_none=True) == {"customer_id": bakery, "name": "Kassa {month}"}


def test_s3_06_what_charges_are_booked_on_is_chosen_from_autotask(planned: Pages) -> None:
    screen = planned.open("consumption", consumption_view="settings")
    box = next(box for box in screen.selectbox if str(box.key).endswith("_booking"))
    assert say("Billing code {name}", name="Licenties en materiaal") in box.options
    assert any(option.startswith("Product Azure-verbruik") for option in box.options)


def test_the_portal_shows_how_it_charges(planned: Pages) -> None:
    screen = planned.open("portals", portal=AZURE)
    assert not screen.exception
    assert say("How it is charged") in [tab.label for tab in screen.tabs]


def test_s1_65_files_of_an_export_are_brought_on_the_page(planned: Pages) -> None:
    screen = planned.open("consumption", consumption_view="files")
    known = charge_sources.readings(planned.context, access.SYSTEM, AZURE)
    assert len(table_with(screen, "period")) == len(known) == 2
    assert screen.button(key="bring_files").disabled
    screen.get("file_uploader")[0].set_value([("wrong.csv", b"a,b\n1,2\n", "text/csv")]).run()
    screen.button(key="bring_files").click().run()
    assert screen.error
    assert not screen.exception


def test_the_overview_counts_the_charges_that_wait(planned: Pages) -> None:
    counts = charge_views.totals(planned.context, access.SYSTEM, None).by_status
    found = {
        action.message.template: action.count for action in overview.overview(planned.context, access.SYSTEM).actions
    }
    assert found["{count} charges wait for approval."] == counts["needs_approval"]
    assert found["{count} charges are held: look at them."] == counts["held"]
    assert found["{count} times consumption cannot be charged yet."] == 2


def test_an_empty_workspace_says_where_to_begin(empty: Pages) -> None:
    screen = empty.open("consumption")
    assert not screen.exception
    assert say("Bring a cost export") in all_words(screen)
    screen.button(key="first_files").click().run()
    assert not screen.exception
    assert screen.button(key="bring_files").disabled


@pytest.mark.parametrize("view", ["charges", "companies", "findings", "check"])
def test_a_viewer_looks_and_decides_nothing(planned: Pages, view: str) -> None:
    screen = planned.open("consumption", role="viewer", consumption_view=view)
    assert not screen.exception
    keys = {str(button.key) for button in screen.button}
    assert not {key for key in keys if key.startswith(("charge_", "charges_", "contract_"))}


def test_after_an_automatic_run_nothing_is_left_to_do(planned: Pages) -> None:
    set_mode(planned.context, access.SYSTEM, AZURE, Mode.AUTOMATIC)
    sync.run_sync(planned.context, access.SYSTEM)
    shown = table_with(planned.open("consumption", consumption_text="Acme"), "usage")
    assert {state[0] for state in shown["state"]} == {say("Applied")}
    assert {status[0] for status in shown["status"]} == {say("Done")}


def test_m2_a_person_says_that_what_counts_is_right(planned: Pages) -> None:
    with planned.context.database.write() as session:
        portal = next(one for one in portal_store.all_portals(session) if one.name == AZURE)
        month = last_month(planned)
        broken = ConsumptionReading(
            portal=AZURE, taken_at=planned.context.clock.now(), period_start=month, period_end=month, lines=(), complete=False
        )  # fmt: skip
        amount_doubts.keep_doubts(session, portal.id, broken)
    sync.run_sync(planned.context, access.SYSTEM, apply=False)
    screen = planned.open("consumption", consumption_view="findings")
    box = screen.multiselect(key="doubts_right")
    assert "not complete" in box.options[0]
    box.select(box.options[0]).run()
    screen.button(key="doubts_end").click().run()
    assert screen.text_input(key="reason_text"), "the dialog asks why"
    amount_doubts.end_doubts(
        planned.context, access.SYSTEM, screen.session_state["doubts_right"], "The provider confirmed it"
    )
    screen = planned.open("consumption", consumption_view="findings")
    assert not screen.exception
    assert not [box for box in screen.multiselect if box.key == "doubts_right"]
    with planned.context.database.session() as session:
        assert amount_doubts.known_doubts(session, month) == ()
