"""Consumption becomes contract charges, exactly once, over real HTTP against the sandbox (M15, S1-61 to S1-71)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors.autotask.sandbox.data import MATERIAL_CODE
from connectors.autotask.sandbox.state import Write
from core.domain.charges.settings import ChargeSettings, Pricing
from core.domain.consumption import ConsumptionKind
from core.domain.errors import AccessDenied, InputError, SettingsError
from core.domain.policy import Mode
from core.services import charge_preview, charges, sync
from core.services import charging_decisions as deciding
from core.services.access import SYSTEM, Actor, Role
from core.services.charge_journal import ChargeJournal
from core.store import audit, ledger
from tests.services.charges.world import (
    OCTOBER,
    brings,
    charging,
    example,
    in_autotask,
    line,
    post,
    total,
)
from tests.services.money.world import SandboxData, World
from tests.waiting import until

NOVEMBER = (date(2026, 11, 1), date(2026, 11, 30))
Make = Callable[..., World]


@pytest.fixture
def acme(make_world: Make, data: SandboxData) -> World:
    """Acme (1001) with contract 7001 that holds 10 units of a licence (line 8001), and a consumption portal."""
    company = data.company("Acme B.V.")
    data.line(data.contract(company), data.service("MFA per user"), 10)
    world = make_world(data)
    charging(world, {"Acme": company})
    return world


def names(world: World) -> list[str]:
    return [row["name"] for row in in_autotask(world)]


def settings(world: World, portal: str = "Azure", **changes: Any) -> None:
    charges.save_settings(
        world.ctx, SYSTEM, portal, ChargeSettings.model_validate({"billing_code_id": MATERIAL_CODE, **changes})
    )


def by_hand(world: World, effect: Any) -> None:
    """Somebody does something in Autotask's own screens."""
    state = world.server.sandbox.state
    with state.lock:
        state.commit([effect], Write("ui", "ContractCharges", "EDIT", 0))


def kinds(world: World) -> list[str]:
    return [one.kind.value for one in charges.overview(world.ctx, SYSTEM).findings]


# ---- what a charge says


def test_s1_61_s1_67_consumption_is_a_charge_on_the_customers_contract_with_its_period(acme: World) -> None:
    brings(acme, example())
    summary = acme.sync()
    [charge] = in_autotask(acme)
    assert (charge["contractID"], charge["datePurchased"][:10]) == (7001, "2026-10-31")
    assert "01-10/31-10" in charge["description"]
    assert summary.charges["applied"] == 1
    assert summary.as_json()["charges"]["planned"] == 1


def test_s1_67_the_period_is_the_month_also_where_the_source_tells_days(acme: World) -> None:
    settings(acme, description="{period} {start} {end} {month}")
    days = [
        line(amount="1", period=(date(2026, 10, 3), date(2026, 10, 3))),
        line(amount="2", period=(date(2026, 10, 9), date(2026, 10, 9))),
    ]
    brings(acme, days)
    acme.sync()
    [charge] = in_autotask(acme)
    assert charge["description"] == "01-10/31-10 01-10-2026 31-10-2026 oktober"


def test_s1_61_a_customer_that_was_mapped_wrongly_moves_with_its_charges(make_world: Make, data: SandboxData) -> None:
    wrong, right = data.company("Wrong B.V."), data.company("Right B.V.")
    first, second = data.contract(wrong), data.contract(right)
    world = make_world(data)
    charging(world, {"Acme": wrong})
    brings(world, example())
    world.sync()
    world.map({"Acme": right}, {}, name="Azure")
    world.sync()
    assert [(row["contractID"], row["billableAmount"]) for row in in_autotask(world)] == [(second, 335.30)]
    post(world)
    world.map({"Acme": wrong}, {}, name="Azure")
    world.sync()
    charged = {contract: Decimal(0) for contract in (first, second)}
    for row in in_autotask(world):
        charged[row["contractID"]] += Decimal(str(row["billableAmount"]))
    assert charged == {first: Decimal("335.30"), second: Decimal(0)}


def test_s1_62_amount_period_and_description_need_no_retyping(acme: World) -> None:
    brings(acme, example())
    acme.sync()
    [charge] = in_autotask(acme)
    assert charge["billableAmount"] == 335.30
    assert (charge["name"], charge["description"]) == ("Verbruik oktober 2026", "Verbruik 01-10/31-10")


def test_s1_63_s1_64_the_text_is_free_and_filled_per_customer_and_period(acme: World) -> None:
    settings(acme, name="Azure consumption {month}", description="{customer}: {lines}", language="en")
    brings(acme, example())
    acme.sync()
    [charge] = in_autotask(acme)
    assert charge["name"] == "Azure consumption October"
    assert charge["description"] == ("Acme: ERP server: 744 hours\nStorage: 4.2 TB\nData over 50 GB limit: 12.5 GB")


def test_s1_66_cost_is_split_per_resource_group_or_tag(acme: World) -> None:
    lines = [
        line(resource="vm1", amount="10.005", resource_group="rg-erp", tag_project="ERP"),
        line(resource="vm2", amount="20.005", resource_group="rg-web", tag_project="Web"),
        line(resource="vm3", amount="5", resource_group="RG-ERP"),
    ]
    settings(acme, split="resource_group", name="{group}", max_change_percent=None)
    brings(acme, lines)
    acme.sync()
    assert sorted(names(acme)) == ["rg-erp", "rg-web"]
    assert total(acme) == Decimal("35.01")
    settings(acme, split="tag", tag="project", name="{group}", max_change_percent=None)
    acme.sync()
    assert sorted(names(acme)) == ["(geen)", "ERP", "Web"]
    assert total(acme) == Decimal("35.01")


def test_s1_68_a_charge_traces_to_source_value_description_amount_and_date(acme: World) -> None:
    brings(acme, example())
    acme.sync()
    [view] = charges.overview(acme.ctx, SYSTEM).page.rows
    detail = charges.charge_detail(acme.ctx, SYSTEM, view.key)
    assert [(one.resource, one.amount, one.origin.source, one.origin.place) for one in detail.lines] == [
        ("ERP server", Decimal("284.60"), "azure-oct.csv", "row vm-erp"),
        ("Storage", Decimal("38.20"), "azure-oct.csv", "row st-files"),
        ("Data over 50 GB limit", Decimal("12.50"), "azure-oct.csv", "row net-over"),
    ]
    assert [step.event.value for step in detail.steps] == ["intended", "sent", "answered", "verified"]
    assert detail.steps[0].payload["charge"]["after"]["price"] == "335.30"
    with acme.database.session() as session:
        assert ledger.verify(session).ok
        events = [entry.event for entry in audit.export(session)]
    assert "consumption.brought" in events


def test_s1_69_the_view_shows_resources_usage_and_the_total(acme: World) -> None:
    settings(acme, split="resource", name="{resource}", description="{quantity}", language="en")
    brings(acme, example())
    acme.sync()
    shown = charges.overview(acme.ctx, SYSTEM, OCTOBER[0])
    assert {(row.name, row.description, row.price) for row in shown.page.rows} == {
        ("ERP server", "744 hours", Decimal("284.60")),
        ("Storage", "4.2 TB", Decimal("38.20")),
        ("Data over 50 GB limit", "12.5 GB", Decimal("12.50")),
    }
    assert dict(shown.sums) == {"EUR": Decimal("335.30")}
    assert total(acme) == Decimal("335.30")
    assert [(one.company, one.price, one.charges) for one in shown.totals] == [("Acme B.V.", Decimal("335.30"), 3)]
    assert {row.status for row in shown.page.rows} == {"right"}


def test_s1_70_licences_and_consumption_live_on_one_contract_and_both_are_synchronised(acme: World) -> None:
    acme.portal("Duo")
    acme.map({"Acme": 1001}, {"users": 301})
    acme.says({("Acme", "users"): 12})
    brings(acme, example())
    summary = acme.sync()
    assert acme.units(8001) == 12
    assert [charge["contractID"] for charge in in_autotask(acme)] == [7001]
    assert (summary.changes["applied"], summary.charges["applied"]) == (1, 1)
    again = acme.sync()
    assert (again.changes["applied"], again.charges["applied"], again.charges["unchanged"]) == (0, 0, 1)


def test_s1_71_every_month_is_right_and_nothing_is_left_that_does_not_match(acme: World) -> None:
    brings(acme, [line(amount="100"), line(resource="old", amount="5")])
    acme.sync()
    post(acme)
    brings(acme, [line(amount="110", period=NOVEMBER)])
    acme.sync()
    brings(acme, [line(amount="100"), line(resource="late", amount="3.5")])
    acme.sync()
    assert total(acme) == Decimal("213.5")
    assert acme.sync().charges["applied"] == 0


# ---- exactly once


def test_m15_the_same_file_again_changes_nothing_and_costs_no_write(acme: World) -> None:
    brings(acme, example())
    acme.sync()
    brings(acme, example())
    summary = acme.sync()
    assert (summary.charges["planned"], summary.charges["unchanged"]) == (0, 1)
    assert len(in_autotask(acme)) == 1
    assert acme.server.request_counts()["ContractCharges"].get("query", 0) <= 4


def test_m15_late_usage_updates_while_unbilled_and_corrects_once_billed(acme: World) -> None:
    brings(acme, example())
    acme.sync()
    brings(acme, [*example(), line(resource="late", amount="10")])
    acme.sync()
    assert [(row["billableAmount"], row["isBilled"]) for row in in_autotask(acme)] == [(345.30, False)]
    post(acme)
    brings(acme, [*example(), line(resource="late", amount="12")])
    acme.sync()
    rows = in_autotask(acme)
    assert [row["billableAmount"] for row in rows] == [345.30, 2.0]
    first, second = (row["internalPurchaseOrderNumber"] for row in rows)
    assert second == f"{first}-1"
    post(acme)
    brings(acme, example())
    acme.sync()
    assert [row["billableAmount"] for row in in_autotask(acme)] == [345.30, 2.0, -12.0]
    assert total(acme) == Decimal("335.30")


def test_m15_a_charge_that_the_store_does_not_know_is_adopted_not_doubled(
    acme: World, make_world: Make, data: SandboxData
) -> None:
    brings(acme, example())
    acme.sync()
    other = make_world(data)
    other.server.stop()
    other.server = acme.server
    charging(other, {"Acme": 1001})
    brings(other, example())
    summary = other.sync()
    assert summary.charges["unchanged"] == 1
    assert len(in_autotask(acme)) == 1


def test_m15_what_is_no_longer_there_goes_while_unbilled_and_stays_when_a_customer_is_not_told(acme: World) -> None:
    settings(acme, split="resource", name="{resource}")
    brings(acme, example())
    acme.sync()
    brings(acme, example()[:1])
    acme.sync()
    assert names(acme) == ["ERP server"]
    brings(acme, [line("Somebody", amount="1")])
    acme.sync()
    assert names(acme) == ["ERP server"]


def test_m2_an_incomplete_reading_charges_nothing(acme: World) -> None:
    brings(acme, example())
    acme.sync()
    with pytest.raises(InputError):
        brings(acme, [line(amount="1")], complete=False)
    acme.sync()
    assert total(acme) == Decimal("335.30")


def test_m4_an_answer_that_never_came_is_looked_up_before_anything_is_sent_again(acme: World) -> None:
    for when in ("before", "after"):
        acme.server.faults.add(entity="ContractCharges", operation="create", action="drop", when=when, nth=1)
    brings(acme, example())
    summary = acme.sync()
    assert summary.charges["applied"] == 1
    assert len(in_autotask(acme)) == 1


def test_m4_a_charge_that_autotask_makes_after_the_connection_broke_is_there_once(acme: World) -> None:
    acme.ctx = replace(acme.ctx, pace=replace(acme.ctx.pace, settle=0.2))
    acme.server.faults.add(action="late", seconds=0.7, entity="ContractCharges", operation="create")
    brings(acme, example())
    assert acme.sync().charges["applied"] == 1
    assert until(lambda: acme.server.faults.landed == 1)
    assert len(in_autotask(acme)) == 1
    assert acme.sync().charges["planned"] == 0


def test_credits_are_negative_and_held_where_autotask_refuses_them(make_world: Make, data: SandboxData) -> None:
    data.contract(data.company("Acme B.V."))
    world = make_world(data)
    charging(world, {"Acme": 1001}, split="resource", name="{resource}")
    world.server.switches.negative_charges = "refuse"
    brings(world, [line(amount="10"), line(resource="refund", amount="-4", kind=ConsumptionKind.CREDIT)])
    summary = world.sync()
    assert summary.charges["failed"] == 1
    again = world.sync()
    assert (again.charges["held"], again.charges["failed"]) == (1, 0)
    [change] = charges.overview(world.ctx, SYSTEM).changes
    assert "negative" in str(change.holds[0])
    world.server.switches.negative_charges = "allow"
    deciding.approve(world.ctx, SYSTEM, [change.id])
    sync.apply_now(world.ctx, SYSTEM)
    assert total(world) == Decimal("6")


# ---- what is for a person


def test_unmapped_customers_are_a_finding_and_can_be_mapped(acme: World) -> None:
    brings(acme, [line("Newco", amount="5")])
    acme.sync()
    assert kinds(acme) == ["unmapped"]
    acme.map({"Newco": 1001}, {}, name="Azure")
    acme.sync()
    assert kinds(acme) == []
    assert total(acme) == Decimal("5")


def test_m9_two_contracts_are_ambiguous_none_is_leakage_and_a_choice_settles_it(
    make_world: Make, data: SandboxData
) -> None:
    two, none = data.company("Two B.V."), data.company("None B.V.")
    data.contract(two, "First")
    second = data.contract(two, "Second")
    world = make_world(data)
    charging(world, {"Two": two, "None": none})
    brings(world, [line("Two", amount="5"), line("None", amount="6")])
    world.sync()
    assert sorted(kinds(world)) == ["ambiguous", "no_line"]
    assert in_autotask(world) == []
    [finding] = [one for one in charges.overview(world.ctx, SYSTEM).findings if one.candidates]
    assert finding.candidates[1] == (str(second), "Second")
    charges.choose_contract(world.ctx, SYSTEM, "Azure", "Two", second)
    world.sync()
    assert [row["contractID"] for row in in_autotask(world)] == [second]


def test_settings_from_a_form_say_what_is_wrong(acme: World) -> None:
    with pytest.raises(SettingsError, match="tag"):
        charges.settings_of({"split": "tag"}, "Azure")
    with pytest.raises(SettingsError, match="nonsense"):
        charges.settings_of({"name": "{nonsense}"}, "Azure")
    acme.portal("New", connector="file")
    with pytest.raises(InputError):
        charges.choose_contract(acme.ctx, SYSTEM, "New", "x", 1)
    with pytest.raises(AccessDenied):
        charges.save_settings(acme.ctx, Actor(1, "v", Role.VIEWER), "Azure", ChargeSettings())


def test_another_currency_is_held_and_never_converted(acme: World) -> None:
    brings(acme, example(currency="USD"))
    acme.sync()
    assert kinds(acme) == ["held"]
    assert in_autotask(acme) == []


def test_provisional_amounts_wait_unless_they_are_to_be_charged(acme: World) -> None:
    brings(acme, example(), provisional=True)
    assert acme.sync().charges["provisional"] == 1
    assert in_autotask(acme) == []
    settings(acme, provisional=True)
    acme.sync()
    brings(acme, [line(amount="300")])
    acme.sync()
    assert total(acme) == Decimal("300")


def test_m6_a_spike_is_held_until_somebody_approves_it(acme: World) -> None:
    brings(acme, [line(amount="100")])
    acme.sync()
    brings(acme, [line(amount="900", period=NOVEMBER)])
    summary = acme.sync()
    assert summary.charges["held"] == 1
    [change] = charges.overview(acme.ctx, SYSTEM).changes
    deciding.approve(acme.ctx, SYSTEM, [change.id])
    sync.apply_now(acme.ctx, SYSTEM, [change.id])
    assert total(acme) == Decimal("1000")


def test_m10_a_charge_that_somebody_changed_or_deleted_is_held(acme: World) -> None:
    brings(acme, example())
    acme.sync()
    [charge] = in_autotask(acme)
    by_hand(acme, ["put", "ContractCharges", {**charge, "unitPrice": 300.0, "billableAmount": 300.0}])
    summary = acme.sync()
    assert summary.charges["held"] == 1
    by_hand(acme, ["drop", "ContractCharges", charge["id"]])
    assert acme.sync().charges["held"] == 1
    assert in_autotask(acme) == []
    [change] = charges.overview(acme.ctx, SYSTEM).changes
    deciding.approve(acme.ctx, SYSTEM, [change.id])
    sync.apply_now(acme.ctx, SYSTEM)
    assert total(acme) == Decimal("335.30")


def test_what_a_person_holds_while_the_run_goes_on_is_not_charged(acme: World, monkeypatch: pytest.MonkeyPatch) -> None:
    brings(acme, example())
    acme.sync(apply=False)
    [change] = charges.overview(acme.ctx, SYSTEM).changes
    intended = ChargeJournal.intended

    def and_then_somebody_holds_it(journal: ChargeJournal, *values: Any) -> None:
        intended(journal, *values)
        deciding.hold(acme.ctx, SYSTEM, [change.id])

    monkeypatch.setattr(ChargeJournal, "intended", and_then_somebody_holds_it)
    assert acme.sync().charges["applied"] == 0
    assert in_autotask(acme) == []
    with acme.database.session() as session:
        assert ledger.open_intents(session) == []


def test_review_hold_dismiss_and_restore(acme: World) -> None:
    acme.database.run(lambda session: _review(session, acme))
    brings(acme, example())
    assert acme.sync().charges["waiting"] == 1
    [change] = charges.overview(acme.ctx, SYSTEM).changes
    deciding.dismiss(acme.ctx, SYSTEM, [change.id], "test")
    assert acme.sync().charges["dismissed"] == 1
    deciding.restore(acme.ctx, SYSTEM, [change.id])
    deciding.hold(acme.ctx, SYSTEM, [change.id], "wait")
    assert acme.sync().charges["held"] == 1
    deciding.approve_all(acme.ctx, SYSTEM)
    sync.apply_now(acme.ctx, SYSTEM)
    assert total(acme) == Decimal("335.30")


def _review(session: Any, world: World) -> None:
    from dataclasses import replace

    from core.store import portals

    portal = portals.by_name(session, "Azure")
    assert portal is not None
    portals.save(session, replace(portal, mode=Mode.REVIEW), world.clock.now())


def test_m14_a_run_of_charges_is_taken_back(acme: World) -> None:
    brings(acme, example())
    acme.sync()
    post(acme)
    brings(acme, [*example(), line(resource="late", amount="7")])
    run = acme.sync().run_id
    assert total(acme) == Decimal("342.30")
    deciding.reverse_charges(acme.ctx, SYSTEM, run)
    assert acme.sync().charges["waiting"] == 1
    deciding.approve_all(acme.ctx, SYSTEM)
    sync.apply_now(acme.ctx, SYSTEM)
    assert total(acme) == Decimal("335.30")
    assert acme.sync().charges["planned"] == 0
    brings(acme, [*example(), line(resource="late", amount="9")])
    acme.sync()
    assert total(acme) == Decimal("344.30")


# ---- Azure


def test_s2_14_s2_17_s3_13_s3_19_azure_plan_is_one_charge_with_total_cost_and_sales(acme: World) -> None:
    settings(acme, pricing="markup", percent="15", product_names={"usage": "Azure Plan"}, name="{product}")
    brings(acme, example(product_type="usage"))
    acme.sync()
    [charge] = in_autotask(acme)
    assert charge["name"] == "Azure Plan"
    assert (charge["unitCost"], charge["unitPrice"], charge["unitQuantity"]) == (335.30, 385.60, 1.0)


def test_s2_14_s2_18_each_type_is_one_charge_of_its_own(acme: World) -> None:
    settings(acme, product_names={"usage": "Azure Plan"}, name="{product}", language="en")
    purchase = ConsumptionKind.PURCHASE
    brings(
        acme,
        [
            *example(product_type="usage"),
            line(resource="ri-1", amount="40", kind=purchase, product_type="reservation"),
            line(resource="ri-2", amount="10", kind=purchase, product_type="reservation"),
            line(resource="mp", amount="3", kind=purchase, product_type="marketplace"),
        ],
    )
    acme.sync()
    assert sorted((row["name"], row["billableAmount"]) for row in in_autotask(acme)) == [
        ("Azure Plan", 335.30),
        ("Marketplace", 3.0),
        ("Reservations", 50.0),
    ]


def test_s2_15_the_products_own_price_is_never_written(make_world: Make, data: SandboxData) -> None:
    data.contract(data.company("Acme B.V."))
    product = data.add(
        "Products", name="Azure Plan", isActive=True, isSerialized=False, productBillingCodeID=MATERIAL_CODE
    )
    world = make_world(data)
    charging(world, {"Acme": 1001}, product_id=product)
    brings(world, example())
    world.sync()
    [charge] = in_autotask(world)
    assert (charge["productID"], charge["billableAmount"]) == (product, 335.30)
    assert world.server.sandbox.state.tables["Products"].rows[product]["unitPrice"] is None
    assert world.server.ledger("Products") == []
    assert world.sync().charges["unchanged"] == 1


def test_s3_12_licences_of_a_billing_report_are_no_charges(acme: World) -> None:
    brings(acme, [line(amount="10", product_type="usage"), line(resource="M365", amount="99", product_type="licence")])
    acme.sync()
    assert total(acme) == Decimal("10")


def test_s2_03_one_billing_code_is_chosen_once_and_used_for_every_charge(acme: World) -> None:
    settings(acme, split="resource", name="{resource}")
    brings(acme, example())
    acme.sync()
    assert {row["billingCodeID"] for row in in_autotask(acme)} == {MATERIAL_CODE}


def test_s3_05_s3_06_codes_are_picked_among_active_material_codes_and_products(
    make_world: Make, data: SandboxData
) -> None:
    data.billing_code("Old", 4, isActive=False)
    product = data.add(
        "Products", name="Azure Plan", isActive=True, isSerialized=False, productBillingCodeID=MATERIAL_CODE
    )
    world = make_world(data)
    world.portal("Azure", connector="file")
    assert [one.id for one in charges.billing_codes(world.ctx, SYSTEM)] == [MATERIAL_CODE]
    assert [(one.id, one.name) for one in charges.products(world.ctx, SYSTEM)] == [(product, "Azure Plan")]
    requests = len(world.server.requests())
    charges.billing_codes(world.ctx, SYSTEM)
    assert len(world.server.requests()) == requests
    with pytest.raises(InputError):
        settings(world, billing_code_id=29683501)


def test_s1_65_a_portal_without_settings_says_what_to_do(acme: World) -> None:
    acme.portal("Storage", connector="file")
    acme.map({"Acme": 1001}, {}, name="Storage")
    brings(acme, example(), portal="Storage")
    acme.sync()
    assert kinds(acme) == ["held"]
    assert "Storage" in str(charges.overview(acme.ctx, SYSTEM).findings[0].message)


def test_a_renamed_portal_keeps_its_keys(acme: World) -> None:
    from dataclasses import replace

    from core.store import portals

    brings(acme, example())
    acme.sync()

    def rename(session: Any) -> None:
        portal = portals.by_name(session, "Azure")
        assert portal is not None
        portals.save(session, replace(portal, name="Azure CSP"), acme.clock.now())

    acme.database.run(rename)
    assert acme.sync().charges["unchanged"] == 1
    assert len(in_autotask(acme)) == 1


def test_a_workspace_without_consumption_asks_autotask_nothing_about_charges(world: World) -> None:
    world.portal()
    world.sync()
    assert "ContractCharges" not in world.server.request_counts()


def test_templates_are_previewed_on_real_lines(acme: World) -> None:
    brings(acme, example())
    found = charge_preview.template_preview(acme.ctx, SYSTEM, "Azure", "{resource}: {quantity}", "nl", is_name=True)
    assert found.rendered.text == "ERP server: 744 uur"
    assert (found.rendered.limit, found.rendered.too_long) == (100, False)
    with pytest.raises(InputError, match="character 1"):
        charge_preview.template_preview(acme.ctx, SYSTEM, "Azure", "{nonsense}")


def test_s1_64_the_amount_in_a_text_is_what_the_customer_pays_never_the_cost(acme: World) -> None:
    known = charges.charge_settings(acme.ctx, SYSTEM, "Azure")
    assert known is not None
    settings = known.model_copy(
        update={"pricing": Pricing.MARKUP, "percent": Decimal(10), "description": "{resources} x {amount}"}
    )
    charges.save_settings(acme.ctx, SYSTEM, "Azure", charges.settings_of(settings.model_dump(), "Azure"))
    brings(acme, example())
    found = charge_preview.template_preview(acme.ctx, SYSTEM, "Azure", "{amount}", "nl", settings=settings)
    assert found.rendered.text == "368,83"
    acme.sync()
    assert [one["description"] for one in in_autotask(acme)] == ["3 x 368,83"]
