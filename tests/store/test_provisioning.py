"""Contract policies, made contracts, chosen contracts and new subscriptions, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from core.domain.contract import ItemRef, LineKind
from core.domain.mapping import ChoiceKey
from core.domain.provisioning.facts import MadeContract, SubscriptionKey
from core.domain.provisioning.policy import ContractKind, ContractPolicy
from core.domain.provisioning.subscription import SubscriptionType
from core.store import mappings, portals, provisioning
from core.store.db import Database
from core.store.portals import Portal
from core.store.provisioning import SeenSubscription

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def with_portal(database: Database, name: str = "Cloud") -> None:
    with database.write() as session:
        portals.save(session, Portal(name=name, connector="pax8"), NOW)


def test_a_policy_comes_back_as_it_was_stored(database: Database) -> None:
    with_portal(database)
    policy = ContractPolicy(
        kind=ContractKind.PER_SUBSCRIPTION, service_billing_code=5, azure_markup_percent=Decimal("7.5"),
        billed=frozenset({SubscriptionType.LICENCE}),
    )  # fmt: skip
    for one in (ContractPolicy(), policy):
        with database.write() as session:
            provisioning.save_policy(session, "Cloud", one, "anna", NOW)
    with database.session() as session:
        wanted = provisioning.load_wanted(session)
    assert wanted.policies == {"Cloud": policy}
    assert wanted.portals(ContractKind.PER_SUBSCRIPTION) == {"Cloud"}


def test_made_contracts_are_kept_once_a_subscription(database: Database) -> None:
    with_portal(database)
    key = SubscriptionKey("Cloud", "sub-1")
    first = MadeContract(7, "A", date(2026, 1, 1), date(2026, 12, 31))
    after = replace(first, end=date(2027, 12, 31))
    for one in (first, after):
        with database.write() as session:
            provisioning.remember_made(session, {key: one}, NOW)
    with database.session() as session:
        assert provisioning.load_wanted(session).made == {key: after}


def test_a_chosen_contract_is_part_of_the_mapping_until_forgotten(database: Database) -> None:
    choice = ChoiceKey(1001, ItemRef(LineKind.SERVICE, 301), "monthly")
    with database.write() as session:
        provisioning.choose_contract(session, choice, 7001, "anna", NOW)
        provisioning.choose_contract(session, choice, 7002, "bob", NOW)
    with database.session() as session:
        assert mappings.load_mapping(session).contract_choices == {choice: 7002}
    with database.write() as session:
        provisioning.forget_choices(session, [choice])
        assert provisioning.contract_choices(session) == {}


def test_a_new_subscription_is_noted_once_and_keeps_when_it_was_seen(database: Database) -> None:
    with_portal(database)
    one = SeenSubscription(portal="Cloud", customer_id="a", subscription_id="s", product_key="P", seen_at=NOW)
    with database.write() as session:
        assert provisioning.note_seen(session, [one, replace(one, product_key="Q")]) == [one], "on two lines"
        assert provisioning.note_seen(session, [replace(one, seen_at=NOW + timedelta(days=1))]) == []
    confirmed = replace(one, confirmed_at=NOW, confirmed_by="anna", contract_id=7001, run_id=3)
    with database.write() as session:
        provisioning.confirm_subscription(session, confirmed)
    with database.session() as session:
        assert provisioning.seen_subscriptions(session, ["Cloud"]) == [confirmed]
        assert not provisioning.any_first_seen(session, NOW)
