"""Subscriptions: the list with its badges, one in full, a new one mapped in one flow, the calendar; contract policy and exceptions."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.domain.policy import PolicyOverride, Prices, Suspended
from core.domain.provisioning.policy import ContractKind
from core.services import access, activity, demo, new_subscription_list, portals, provisioning_settings, runs, sync
from core.services.access import SYSTEM
from core.services.demo_subscriptions import DISTRIBUTOR, seed_subscriptions
from core.services.paging import PageQuery

from .conftest import Pages, Workspace, all_words, build, say, table_with

EXCHANGE, VISIO = "7f1c0d22-0000-4000-8000-000000000102", "7f1c0d22-0000-4000-8000-000000000103"
ACME = "900102"
FLOW = {"step": "map", "portal": DISTRIBUTOR, "customer": ACME}


@pytest.fixture(scope="session")
def subscribed_workspace(tmp_path_factory: pytest.TempPathFactory, planned_workspace: Workspace) -> Workspace:
    """The planned demo with a distributor's subscriptions, whose customers are linked as far as that is plain."""
    home = tmp_path_factory.mktemp("subscribed") / "home"
    shutil.copytree(planned_workspace.home, home)
    app = build(home)
    seed_subscriptions(app.context, access.SYSTEM)
    demo.map_customers(app.context, access.SYSTEM)
    demo.map_products(app.context, access.SYSTEM)
    sync.run_sync(app.context, access.SYSTEM, apply=False)
    app.close()
    return Workspace(home, planned_workspace.tokens)


@pytest.fixture
def subscribed(pages_of: Callable[[Workspace], Pages], subscribed_workspace: Workspace) -> Pages:
    return pages_of(subscribed_workspace)


@pytest.mark.parametrize("language", ["en", "nl"])
def test_an_empty_workspace_says_where_subscriptions_come_from(empty: Pages, language: str) -> None:
    screen = empty.open("subscriptions", language=language)
    assert not screen.exception
    assert screen.title[0].value == say("Which subscriptions run, and until when?", language)
    assert say("No subscriptions yet", language) in all_words(screen)


def test_s5_22_the_list_tells_term_renewal_status_and_badge(subscribed: Pages) -> None:
    screen = subscribed.open("subscriptions", language="nl")
    assert not screen.exception
    rows = table_with(screen, "badge").set_index("product")
    assert len(rows) == 6
    row = rows.loc["Visio Plan 2"]
    assert (row["customer"], row["count"], row["term"]) == ("Acme B.V.", "4", "1 jaar, maandelijks")
    assert row["renewal"].startswith("21-")
    assert (row["status"], row["badge"]) == ([say("Active", "nl")], [say("Not linked", "nl")])
    assert rows.loc["Microsoft 365 Apps for business", "status"] == [say("Suspended", "nl")]
    assert "Microsoft 365 Business Basic · Zorgteams" in rows.index


def test_the_list_is_filtered_by_badge_in_the_database(subscribed: Pages) -> None:
    screen = subscribed.open("subscriptions", subscriptions_status="out_of_sync")
    shown = table_with(screen, "badge")
    assert 0 < len(shown) < 6
    assert {badge for cell in shown["badge"] for badge in cell} == {say("Out of sync")}


def test_s5_one_subscription_with_its_events_in_order_and_what_is_the_matter(subscribed: Pages) -> None:
    screen = subscribed.open("subscriptions")
    screen.session_state["_subscription_asked"] = (DISTRIBUTOR, ACME, EXCHANGE)
    screen.run()
    assert not screen.exception
    told = table_with(screen, "follows")
    assert list(told["kind"]) == [say("Quantity")]
    assert (told["was"][0], told["now"][0]) == ("5", "6")
    assert "contract line follow" in told["follows"][0]
    assert any("no contract line" in str(warning.value) for warning in screen.warning)


def test_an_unknown_subscription_is_told_in_words(subscribed: Pages) -> None:
    screen = subscribed.open("subscriptions")
    screen.session_state["_subscription_asked"] = (DISTRIBUTOR, ACME, "nonsense")
    screen.run()
    assert not screen.exception
    assert screen.error


def flow(pages: Pages, subscription: str, **more: str) -> AppTest:
    screen = pages.open("subscriptions", **FLOW, subscription=subscription, **more)
    assert not screen.exception
    return screen


def box(screen: AppTest, name: str, subscription: str):
    key = f"{name}_{DISTRIBUTOR}|{ACME}|{subscription}"
    return next(one for one in screen.selectbox if str(one.key).startswith(key))


def test_s4_10_s4_11_s4_14_what_is_known_is_filled_in_and_all_is_needed(subscribed: Pages) -> None:
    screen = flow(subscribed, VISIO)
    assert box(screen, "company", VISIO).format_func(box(screen, "company", VISIO).value) == "Acme B.V."
    assert box(screen, "service", VISIO).value is None
    assert screen.button(key="map_confirm").disabled
    screen = flow(subscribed, EXCHANGE)
    assert box(screen, "service", EXCHANGE).value is not None
    assert box(screen, "contract", EXCHANGE).value is not None
    assert not screen.button(key="map_confirm").disabled
    screen = box(screen, "contract", EXCHANGE).set_value(None).run()
    assert screen.button(key="map_confirm").disabled


def test_s4_01_s4_15_confirmed_in_one_flow_and_works_in_the_background(subscribed: Pages) -> None:
    screen = flow(subscribed, EXCHANGE)
    screen.button(key="map_confirm").click().run()
    assert not screen.exception
    assert not screen.error
    assert "is put on the contract in the background" in all_words(screen)
    rows = new_subscription_list.new_rows(subscribed.context, SYSTEM, PageQuery(status="confirmed")).rows
    assert [row.subscription.subscription_id for row in rows] == [EXCHANGE]
    assert rows[0].run_id is not None
    assert runs.run_state(subscribed.context, SYSTEM, rows[0].run_id).status == "queued"
    told = activity.audit(subscribed.context, SYSTEM, PageQuery(status="subscription."))
    assert "subscription.triggered" in [entry.action for entry in told.rows]


def test_a_subscription_that_is_not_new_is_told_in_words(subscribed: Pages) -> None:
    screen = flow(subscribed, "nonsense")
    assert screen.error
    assert not screen.selectbox


def test_new_subscriptions_are_listed_with_what_is_missing(subscribed: Pages) -> None:
    screen = subscribed.open("subscriptions", subscriptions_view="new")
    shown = table_with(screen, "matter")
    assert say("Map") in set(shown["open"])
    assert shown["matter"].str.len().min() > 0


def test_a_viewer_looks_and_maps_nothing(subscribed: Pages) -> None:
    screen = subscribed.open("subscriptions", role="viewer", subscriptions_view="new")
    assert not screen.exception
    assert "open" not in table_with(screen, "matter").columns
    screen = subscribed.open("subscriptions", role="viewer", **FLOW, subscription=EXCHANGE)
    assert not screen.exception
    assert "map_confirm" not in {button.key for button in screen.button}


def test_the_calendar_tells_renewals_bound_seats_and_seats_nobody_uses(subscribed: Pages) -> None:
    screen = subscribed.open("subscriptions", subscriptions_view="calendar")
    kinds = [kind for cell in table_with(screen, "left")["kind"] for kind in cell]
    assert {say("Renewal"), say("Bound"), say("Unused"), say("Can go back")} == set(kinds)
    sums = {metric.label: metric.value for metric in screen.metric}
    assert sums[say("Seats paid, not used")] == "8"
    assert int(sums[say("Renew within {days} days", days=30)]) >= 5
    screen = subscribed.open("subscriptions", subscriptions_view="calendar", calendar_status="unused")
    assert len(table_with(screen, "left")) == 2


# ---- the portal's contract policy


def test_s3_04_to_s3_10_lists_come_from_autotask_and_all_needed_is_chosen_first(subscribed: Pages) -> None:
    screen = subscribed.open("portals", portal=DISTRIBUTOR)
    screen.radio(key=f"contracts_{DISTRIBUTOR}").set_value(ContractKind.PER_SUBSCRIPTION).run()
    assert not screen.exception
    assert screen.button(key="save_contracts").disabled
    codes = screen.selectbox(key="service_code")
    assert codes.options
    codes.select_index(0).run()
    screen.checkbox(key="billed_azure_plan").uncheck().run()
    assert not screen.button(key="save_contracts").disabled
    screen.button(key="save_contracts").click().run()
    assert not screen.error
    policy = provisioning_settings.contract_policy(subscribed.context, SYSTEM, DISTRIBUTOR)
    assert policy.kind is ContractKind.PER_SUBSCRIPTION
    assert policy.service_billing_code is not None
    assert "azure_plan" not in {kind.value for kind in policy.billed}


def test_a_name_that_cannot_be_filled_in_is_told_at_once(subscribed: Pages) -> None:
    screen = subscribed.open("portals", portal=DISTRIBUTOR)
    screen.radio(key=f"contracts_{DISTRIBUTOR}").set_value(ContractKind.PER_SUBSCRIPTION).run()
    screen.text_input(key="contract_name").set_value("{nonsense}").run()
    assert not screen.exception
    assert any("nonsense" in str(error.value) for error in screen.error)


def test_s5_06_prices_are_followed_with_a_mark_up(subscribed: Pages) -> None:
    screen = subscribed.open("portals", portal=DISTRIBUTOR, language="nl")
    key = f"policy_{DISTRIBUTOR}"
    screen.selectbox(key=f"{key}_prices").set_value(Prices.FOLLOW).run()
    screen.number_input(key=f"{key}_markup").set_value(12.5).run()
    screen.selectbox(key=f"{key}_suspended").set_value(Suspended.PRICE_ZERO).run()
    screen.button(key="save_policy").click().run()
    assert not screen.error
    policy = portals.portal_detail(subscribed.context, SYSTEM, DISTRIBUTOR).policy
    assert (policy.prices, str(policy.markup_percent), policy.suspended) == (
        Prices.FOLLOW, "12.5", Suspended.PRICE_ZERO,
    )  # fmt: skip


def test_s5_14_s5_15_an_exception_for_one_customer_is_added_shown_and_changed(subscribed: Pages) -> None:
    screen = subscribed.open("portals", portal=DISTRIBUTOR)
    screen.selectbox(key=f"exception_customer_{DISTRIBUTOR}").set_value(ACME).run()
    key = f"exception_{DISTRIBUTOR}_{ACME}_None"
    screen.number_input(key=f"{key}_markup").set_value(15.0).run()
    screen.button(key="save_exception").click().run()
    assert not screen.error
    (saved,) = portals.portal_detail(subscribed.context, SYSTEM, DISTRIBUTOR).overrides
    assert saved == PolicyOverride(customer_id=ACME, markup_percent=15)
    shown = table_with(screen, "differs")
    assert (shown["customer"][0], shown["product"][0]) == ("Acme BV", say("All products"))
    assert "15%" in shown["differs"][0]
    screen.selectbox(key=f"exception_product_{DISTRIBUTOR}").select_index(1).run()
    screen.button(key="save_exception").click().run()
    assert any("changes nothing" in str(error.value) for error in screen.error)
