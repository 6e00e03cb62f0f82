"""One contract for each subscription, made over real HTTP in the sandbox (requirements S2 and S3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from core.domain.contract import ItemRef, LineKind
from core.domain.errors import InputError, SettingsError
from core.domain.finding import FindingKind
from core.domain.mapping import ProductKey, ProductRule, RuleSource
from core.domain.plan import ChangeKind
from core.domain.policy import Mode, Otherwise
from core.domain.provisioning.policy import FIELD_NAME, ContractKind, ContractPolicy, PriceSource
from core.domain.provisioning.subscription import SubscriptionType
from core.services import decisions, sync
from core.services.access import SYSTEM
from core.services.autotask_settings import save_autotask
from core.services.provisioning_settings import policy_choices, save_contract_policy
from core.store import audit, ledger, mappings
from core.store.mappings import Author
from tests.services.money.world import SandboxData, World
from tests.services.provisioning.shop import PER, PORTAL, Shop, open_shop, subscription


@pytest.fixture
def shop(world: World, data: SandboxData) -> Shop:
    """One mapped customer; the company is made before the sandbox starts."""
    return open_shop(world, acme=ACME)


ACME = 1001
MakeWorld = Callable[..., World]


@pytest.fixture(autouse=True)
def _company(data: SandboxData) -> None:
    assert data.company("Acme BV") == ACME


def kinds(shop: Shop) -> list[str]:
    return [change.kind.value for change in shop.changes()]


def test_s2_22_s2_26_s3_03_s3_14_first_run_makes_everything_and_the_next_one_nothing(shop: Shop) -> None:
    shop.sells(subscription("sub-1"), subscription("sub-2", quantity=3))
    summary = shop.world.sync()
    assert summary.status == "done", [str(f.message) for f in shop.findings()]
    first, second = shop.contracts()
    fields = {one["_udf"][FIELD_NAME]: one for one in (first, second)}
    assert set(fields) == {"sub-1", "sub-2"}
    assert [len(shop.lines_of(one["id"])) for one in (first, second)] == [1, 1]
    assert [shop.world.units(shop.lines_of(fields[key]["id"])[0]["id"]) for key in ("sub-1", "sub-2")] == [5, 3]
    assert len(shop.made("UserDefinedFieldDefinitions")) == 1
    assert len(shop.made("Services")) == 1
    again = shop.world.sync()
    assert again.changes["planned"] == 0
    assert (len(shop.made("Contracts")), len(shop.made("Services"))) == (2, 1)
    shop.sells(subscription("sub-1"), subscription("sub-2", quantity=3), subscription("sub-3", quantity=1))
    shop.world.sync()
    assert len(shop.made("Contracts")) == 3


def test_s2_25_contracts_have_the_dates_of_their_subscriptions(shop: Shop) -> None:
    shop.sells(
        subscription("sub-1"),
        subscription("azure", product="Azure plan", product_key="AZ", term="", period_start=date(2026, 11, 9), period_end=None),
        subscription(
            "forever", product="Windows Server perpetual", product_key="WS", term="", billing_frequency="once",
            period_start=date(2026, 11, 3), period_end=date(2026, 12, 2),
        ),
    )  # fmt: skip
    shop.world.sync()
    dates = {one["_udf"][FIELD_NAME]: (one["startDate"], one["endDate"]) for one in shop.contracts()}
    assert dates == {
        "sub-1": ("2026-06-15", "2027-06-14"),
        "azure": ("2026-11-01", "2099-12-31"),
        "forever": ("2026-11-03", "2026-12-02"),
    }


def test_s2_19_a_renewal_moves_the_end_and_makes_no_second_contract(shop: Shop) -> None:
    shop.sells(subscription("sub-1"))
    shop.world.sync()
    shop.sells(subscription("sub-1", period_end=date(2028, 6, 14)))
    shop.world.sync()
    (contract,) = shop.contracts()
    assert contract["endDate"] == "2028-06-14"
    assert shop.world.sync().changes["planned"] == 0


def test_s2_19_an_ended_contract_is_extended_and_its_line_goes_on_in_the_same_run(world: World) -> None:
    shop = open_shop(world, acme=ACME)
    shop.sells(subscription("sub-1", period_start=date(2025, 11, 22), period_end=date(2026, 11, 21)))
    world.sync()
    world.clock.move(days=5)
    shop.sells(subscription("sub-1", quantity=7, period_start=date(2025, 11, 22), period_end=date(2027, 11, 21)))
    summary = world.sync()
    (contract,) = shop.contracts()
    assert (contract["endDate"], summary.changes["failed"]) == ("2027-11-21", 0)
    assert world.units(shop.lines_of(contract["id"])[0]["id"]) == 7


def test_s2_05_s2_06_s2_08_s2_21_only_mapped_customers_get_contracts(world: World) -> None:
    shop = open_shop(world, acme=ACME)
    shop.sells(subscription("sub-1"), subscription("sub-2", "unknown"))
    world.sync()
    assert [one["_udf"][FIELD_NAME] for one in shop.contracts()] == ["sub-1"]
    assert [one.subject for one in shop.findings() if one.kind is FindingKind.UNMAPPED] == ["unknown"]


def test_s4_24_only_companies_of_type_customer(world: World) -> None:
    shop = open_shop(world, acme=ACME)
    world.server.sandbox.edit("Companies", ACME, companyType=6)
    shop.sells(subscription("sub-1"))
    world.sync()
    assert shop.contracts() == []
    (finding,) = shop.findings()
    assert "no customer" in str(finding.message)


def test_s2_07_s3_09_types_that_are_not_billed_are_left_out(world: World) -> None:
    policy = PER.model_copy(update={"billed": frozenset({SubscriptionType.RESERVED})})
    shop = open_shop(world, policy=policy, acme=ACME)
    shop.sells(subscription("sub-1"), subscription("ri", product="Reserved VM Instance", product_key="RI"))
    world.sync()
    assert [one["_udf"][FIELD_NAME] for one in shop.contracts()] == ["ri"]
    save_contract_policy(world.ctx, SYSTEM, PORTAL, PER.model_copy(update={"billed": frozenset()}))
    assert world.sync().changes["planned"] == 0


def test_s2_18_marketplace_and_reserved_share_one_service_each_with_prices_on_the_line(shop: Shop) -> None:
    shop.sells(
        subscription("r1", product="Reserved VM D2", product_key="R1", unit_price=Decimal(90), unit_cost=Decimal(80)),
        subscription("r2", product="Reserved VM D4", product_key="R2", unit_price=Decimal(190), unit_cost=Decimal(180)),
        subscription("m1", product="Marketplace: Firewall", product_key="M1"),
    )  # fmt: skip
    shop.world.sync()
    assert len(shop.made("Services")) == 2
    by_id = {one["_udf"][FIELD_NAME]: shop.lines_of(one["id"])[0] for one in shop.contracts()}
    assert by_id["r1"]["serviceID"] == by_id["r2"]["serviceID"] != by_id["m1"]["serviceID"]
    assert [by_id[key]["unitPrice"] for key in ("r1", "r2")] == [90, 190]
    assert shop.world.sync().changes["planned"] == 0


def test_s2_11_s2_12_s2_16_the_service_carries_the_portals_price_and_follows_it(shop: Shop) -> None:
    shop.sells(subscription("sub-1"))
    shop.world.sync()
    (entry,) = shop.made("Services")
    service = shop.record("Services", entry.id)
    assert (service["unitPrice"], service["unitCost"], service["billingCodeID"]) == (
        20.6,
        15.1,
        PER.service_billing_code,
    )
    shop.sells(subscription("sub-1", unit_price=Decimal("22.40")))
    shop.world.sync()
    assert shop.record("Services", entry.id)["unitPrice"] == 22.4
    shop.sells()
    shop.world.sync()
    assert len(shop.made("Services", "PATCH")) == 1


def test_s2_12_a_service_may_keep_its_own_price(world: World) -> None:
    shop = open_shop(world, policy=PER.model_copy(update={"price_source": PriceSource.SERVICE}), acme=ACME)
    shop.sells(subscription("sub-1"))
    world.sync()
    (entry,) = shop.made("Services")
    world.server.sandbox.edit("Services", entry.id, unitPrice=31.0)
    assert world.sync().changes["planned"] == 0


def test_s2_01_a_mapped_service_is_used_and_units_follow_the_report(make_world: MakeWorld, data: SandboxData) -> None:
    service = data.service("Microsoft 365 Business Premium")
    world = make_world(data)
    shop = open_shop(world, acme=ACME)
    rule = ProductRule(
        id=0,
        item=ItemRef(LineKind.SERVICE, service),
        sources=(RuleSource(ProductKey(PORTAL, "CFQ7", "P1Y", "monthly"), "users"),),
    )
    with world.database.write() as session:
        mappings.save_rules(session, [rule], Author("test", world.clock.now()))
    shop.sells(subscription("sub-1"))
    world.sync()
    assert shop.made("Services") == []
    line = shop.lines_of(shop.contracts()[0]["id"])[0]
    assert line["serviceID"] == service
    shop.sells(subscription("sub-1", quantity=9))
    world.clock.move(days=1)
    world.sync()
    assert world.units(line["id"]) == 9


def test_s2_20_the_link_to_the_company_is_visible_and_kept_by_hand(shop: Shop) -> None:
    """The product's counterpart of the custom property: the customer mapping, with the company of every contract."""
    shop.sells(subscription("sub-1"))
    shop.world.sync()
    assert shop.contracts()[0]["companyID"] == ACME


def test_s2_02_a_second_contract_of_a_subscription_is_told_and_nothing_is_written(shop: Shop) -> None:
    shop.sells(subscription("sub-1"))
    shop.world.sync()
    (first,) = shop.contracts()
    with shop.world.server.sandbox.state.lock:
        twin = shop.world.server.sandbox.writer.create(
            _spec("Contracts"),
            {
                "companyID": ACME, "contractName": "Other tool", "contractType": 7, "status": 1, "contractPeriodType": 2,
                "startDate": "2026-06-15", "endDate": "2027-06-14", "timeReportingRequiresStartAndStopTimes": 0,
                "userDefinedFields": [{"name": FIELD_NAME, "value": "SUB-1"}],
            },
            None,
        )  # fmt: skip
    shop.sells(subscription("sub-1", quantity=9))
    shop.world.sync()
    (finding,) = [one for one in shop.findings() if one.kind is FindingKind.DUPLICATE]
    assert str(first["id"]) in str(finding.message)
    assert str(twin) in str(finding.message)
    assert shop.world.units(shop.lines_of(first["id"])[0]["id"]) == 5


def _spec(entity: str):  # type: ignore[no-untyped-def]
    from connectors.autotask.sandbox.entities import ENTITIES

    return ENTITIES[entity]


def test_s2_02_another_tools_contract_is_recognised_before_a_second_one_is_made(
    make_world: MakeWorld, data: SandboxData
) -> None:
    data.contract(ACME, "CSP by another tool", contractNumber="sub-1")
    other = data.contract(ACME, "Also by another tool")
    data.line(other, data.service("Office"), 4, internalDescription="NCE sub-22222")
    world = make_world(data)
    shop = open_shop(world, acme=ACME)
    shop.sells(subscription("sub-1"), subscription("sub-22222"))
    world.sync()
    assert shop.contracts() == []
    assert [one.kind for one in shop.findings()] == [FindingKind.DUPLICATE] * 2


def test_s4_02_a_subscription_that_two_portals_tell_is_written_by_neither(world: World) -> None:
    shop = open_shop(world, acme=ACME)
    world.portal("Reseller", connector="pax8")
    world.map({"acme": ACME}, {}, "Reseller")
    save_contract_policy(world.ctx, SYSTEM, "Reseller", PER)
    shop.sells(subscription("sub-1"))
    say = world.said[PORTAL]
    world.said["Reseller"] = lambda now: replace(say(now), portal="Reseller")
    world.sync()
    assert shop.contracts() == []
    assert [one.kind for one in shop.findings()] == [FindingKind.DUPLICATE]


def test_s2_23_s3_15_a_contract_that_was_taken_away_comes_back_only_with_approval(shop: Shop) -> None:
    shop.sells(subscription("sub-1"))
    shop.world.sync()
    (contract,) = shop.contracts()
    shop.world.server.sandbox.edit("Contracts", contract["id"], status=0, _udf={})
    shop.world.sync()
    assert kinds(shop) == ["add_contract"]
    assert [one.kind for one in shop.findings()] == [FindingKind.HELD]
    assert len(shop.made("Contracts")) == 1
    decisions.approve_all(shop.world.ctx, SYSTEM)
    sync.apply_now(shop.world.ctx, SYSTEM)
    assert len(shop.made("Contracts")) == 2


def test_s2_23_nothing_is_ever_deleted_when_a_subscription_ends(shop: Shop) -> None:
    shop.sells(subscription("sub-1"))
    shop.world.sync()
    shop.sells()
    shop.world.clock.move(days=1)
    shop.world.sync()
    (contract,) = shop.contracts()
    assert (contract["status"], contract["endDate"]) == (1, "2027-06-14")
    assert shop.world.units(shop.lines_of(contract["id"])[0]["id"]) == 0


@pytest.mark.parametrize("edits", [Otherwise.OVERWRITE, Otherwise.HOLD])
def test_s2_24_s3_15_edits_by_hand_are_told_and_overwritten_or_held(world: World, edits: Otherwise) -> None:
    shop = open_shop(world, policy=PER.model_copy(update={"edits": edits}), acme=ACME)
    shop.sells(subscription("sub-1"))
    world.sync()
    (contract,) = shop.contracts()
    world.server.sandbox.edit("Contracts", contract["id"], contractName="Bob's contract", endDate="2027-01-31")
    summary = world.sync(apply=True)
    names = shop.contracts()[0]
    if edits is Otherwise.OVERWRITE:
        assert (names["contractName"], names["endDate"]) == (contract["contractName"], contract["endDate"])
        assert summary.changes["applied"] == 2
    else:
        assert (names["contractName"], names["endDate"]) == ("Bob's contract", "2027-01-31")
        assert {one.kind for one in shop.findings()} == {FindingKind.DRIFT, FindingKind.HELD}


def test_s2_24_a_field_that_was_emptied_is_filled_again(shop: Shop) -> None:
    shop.sells(subscription("sub-1"))
    shop.world.sync()
    (contract,) = shop.contracts()
    shop.world.server.sandbox.edit("Contracts", contract["id"], _udf={FIELD_NAME: None})
    shop.world.sync()
    (contract,) = shop.contracts()
    assert contract["_udf"][FIELD_NAME] == "sub-1"


def test_s3_05_s3_06_s3_07_s3_08_s3_10_settings_come_from_lists_and_must_be_complete(world: World) -> None:
    world.portal(PORTAL, connector="pax8")
    choices = policy_choices(world.ctx, SYSTEM, PORTAL)
    assert [one.label for one in choices.service_codes] == ["Recurring services"]
    assert [one.label for one in choices.product_codes] == ["Licenties en materiaal"]
    assert [one.label for one in choices.service_levels] == ["Standard", "Premium 24x7"]
    assert len(choices.categories) == 3
    for missing in (
        ContractPolicy(kind=ContractKind.PER_SUBSCRIPTION),
        PER.model_copy(update={"product_billing_code": None}),
        PER.model_copy(update={"service_billing_code": PER.product_billing_code}),
        PER.model_copy(update={"contract_name": "{password}"}),
    ):
        with pytest.raises(InputError):
            save_contract_policy(world.ctx, SYSTEM, PORTAL, missing)
    chosen = PER.model_copy(update={"service_level_agreement": 2, "contract_category": 2})
    save_contract_policy(world.ctx, SYSTEM, PORTAL, chosen)
    assert policy_choices(world.ctx, SYSTEM, PORTAL).policy == chosen


def test_s3_07_the_chosen_agreement_and_category_stand_on_the_contract(world: World) -> None:
    chosen = PER.model_copy(update={"service_level_agreement": 2, "contract_category": 2})
    shop = open_shop(world, policy=chosen, acme=ACME)
    shop.sells(subscription("sub-1"))
    world.sync()
    (contract,) = shop.contracts()
    assert (contract["serviceLevelAgreementID"], contract["contractCategory"], contract["contractType"]) == (2, 2, 7)
    assert contract["contractName"] == "Business Premium - Acme BV"


def test_s3_11_s3_01_the_schedule_carries_it_by_itself_and_nothing_is_asked_of_other_portals(world: World) -> None:
    """Without such a policy no request more is made than before."""
    world.portal("Plain", connector="pax8")
    world.sync()
    assert "UserDefinedFieldDefinitions" not in world.server.request_counts()


def test_review_everything_waits_and_one_approval_brings_contract_and_line(world: World) -> None:
    shop = open_shop(world, mode=Mode.REVIEW, acme=ACME)
    shop.sells(subscription("sub-1"))
    summary = world.sync()
    assert (summary.changes["waiting"], shop.contracts()) == (3, [])
    assert kinds(shop) == ["add_field", "add_service", "add_contract"]
    decisions.approve_all(world.ctx, SYSTEM)
    done = sync.apply_now(world.ctx, SYSTEM)
    assert (done.changes["applied"], done.changes["failed"]) == (4, 0)
    (contract,) = shop.contracts()
    assert world.units(shop.lines_of(contract["id"])[0]["id"]) == 5
    assert world.sync().changes["planned"] == 0


def test_ledger_log_and_audit_tell_of_every_step(shop: Shop) -> None:
    shop.sells(subscription("sub-1"))
    summary = shop.world.sync()
    with shop.world.database.session() as session:
        entries = ledger.of_run(session, summary.run_id)
        page = audit.page(session, audit.AuditFilter(event="provisioning."))
        assert ledger.verify(session).ok
    assert [one.event.value for one in entries].count("verified") == 4
    assert {one.event for one in page.rows} == {
        "provisioning.add_field", "provisioning.add_service", "provisioning.add_contract",
    }  # fmt: skip
    assert any("Business Premium - Acme BV" in text for text in shop.world.log(summary.run_id))


def test_m2_a_failed_or_partial_reading_makes_and_ends_nothing(shop: Shop) -> None:
    shop.sells(subscription("sub-1"))
    shop.world.sync()
    shop.world.fails(RuntimeError("portal is down"), PORTAL)
    shop.world.sync()
    assert shop.world.units(shop.lines_of(shop.contracts()[0]["id"])[0]["id"]) == 5


def test_requests_follow_pages_and_changes_not_subscriptions(world: World) -> None:
    shop = open_shop(world, acme=ACME)
    shop.sells(*(subscription(f"sub-{number}") for number in range(12)))
    world.sync()
    assert len(shop.made("Contracts")) == 12
    world.server.sandbox.clear_requests()
    world.sync()
    assert world.server.request_counts()["Contracts"]["query"] <= 3


@pytest.mark.parametrize("kind", [ChangeKind.ADD_CONTRACT])
def test_a_dismissed_contract_stays_away(world: World, kind: ChangeKind) -> None:
    shop = open_shop(world, mode=Mode.REVIEW, acme=ACME)
    shop.sells(subscription("sub-1"))
    world.sync()
    (chosen,) = [change for change in shop.changes() if change.kind is kind]
    decisions.dismiss(world.ctx, SYSTEM, [chosen.id], "not ours")
    world.sync()
    (chosen,) = [change for change in shop.changes() if change.kind is kind]
    assert chosen.status.value == "dismissed"


def test_s2_13_s2_15_s2_17_s3_12_licences_under_services_azure_as_one_product_for_charges(shop: Shop) -> None:
    azure = {"product": "Azure plan", "product_key": "AZ", "term": "", "period_end": None}
    shop.sells(subscription("sub-1"), subscription("az-1", **azure), subscription("az-2", **azure))
    shop.world.sync()
    by_id = {one["_udf"][FIELD_NAME]: one["id"] for one in shop.contracts()}
    assert {key: len(shop.lines_of(number)) for key, number in by_id.items()} == {"sub-1": 1, "az-1": 0, "az-2": 0}
    (entry,) = shop.made("Products")
    product = shop.record("Products", entry.id)
    assert (product["name"], product["unitPrice"]) == ("Azure Plan", None)
    assert product["productBillingCodeID"] == PER.product_billing_code
    assert shop.made("ContractCharges") == []


@pytest.mark.parametrize("missing", ["user_name", "secret", "integration_code"])
def test_s3_02_s3_04_the_connection_needs_user_secret_and_integration_code(world: World, missing: str) -> None:
    given = {"user_name": "api@example.com", "secret": "s", "integration_code": "c"} | {missing: ""}
    with pytest.raises(SettingsError):
        save_autotask(world.ctx, SYSTEM, **given)
