"""Mappings: loaded whole for the plan, edited in batches, told to the audit, undone unless somebody edited since."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from core.domain.contract import CatalogueItem, Company, ItemRef, LineKind, LineRef
from core.domain.mapping import (
    ChoiceKey,
    CustomerKey,
    CustomerMapping,
    ProductKey,
    ProductRule,
    Rename,
    Rounding,
    RuleSource,
    WorkspaceMapping,
)
from core.domain.paging import PageQuery
from core.store import audit, directory, history, mappings, portals
from core.store.audit import AuditFilter
from core.store.db import Database
from core.store.mappings import Author
from core.store.portals import Portal
from tests.store.conftest import NOW
from tests.store.test_history import line, reading

JAN, PIET = Author("jan", NOW), Author("piet", NOW + timedelta(hours=1))
ITEM = ItemRef(LineKind.SERVICE, 5)
ACME, BETA = CustomerKey("Duo", "acme"), CustomerKey("Duo", "beta")
MFA, SSO = ProductKey("Duo", "mfa"), ProductKey("Duo", "sso", "P1Y", "monthly")
RULE = ProductRule(
    id=0, item=ITEM, sources=(RuleSource(MFA, "users"), RuleSource(SSO, "extra")), formula="max(0, users - extra)",
    minimum=Decimal("1.5"), included=Decimal(5), maximum=Decimal(100), rounding=Rounding.UP, match_period=False, label="x",
)  # fmt: skip


@pytest.fixture
def filled(database: Database, portal: Portal) -> Database:
    with database.write() as session:
        lines = [
            line("acme", "mfa", 3, customer="Acme Één"),
            line("acme", "sso", "1.5", term="P1Y", billing_frequency="monthly"),
            line("beta", "mfa", 4, customer="Beta"),
        ]
        history.record_reading(session, portal.id, reading(*lines))
        directory.save_companies(session, [Company(1, "Acme BV"), Company(2, "Beta BV")])
        directory.save_items(session, [CatalogueItem(ITEM, "MFA per user")])
    return database


def load(database: Database) -> WorkspaceMapping:
    with database.session() as session:
        return mappings.load_mapping(session)


def link(database: Database, key: CustomerKey, company: int | None, author: Author = JAN) -> int | None:
    with database.write() as session:
        return mappings.set_customers(session, [CustomerMapping(key, "", company)], author)


def test_what_readings_named_waits_to_be_mapped(filled: Database) -> None:
    found = load(filled)
    assert found.customers == {ACME: CustomerMapping(ACME, "Acme Één"), BETA: CustomerMapping(BETA, "Beta")}
    with filled.session() as session:
        assert [pending.key for pending in mappings.pending_customers(session, "Duo")] == [ACME, BETA]
        assert mappings.pending_products(session) == {MFA: "MFA", SSO: "SSO"}
        assert mappings.count_customers(session) == {("Duo", "pending"): 2}
        assert mappings.count_products(session) == {("Duo", "pending"): 2}


def test_everything_that_was_mapped_comes_back(filled: Database) -> None:
    choice = ChoiceKey(1, ITEM, "monthly")
    with filled.write() as session:
        edits = [CustomerMapping(ACME, "", 2**40), CustomerMapping(BETA, "", None, "internal")]
        mappings.set_customers(session, edits, JAN)
        (number,) = mappings.save_rules(session, [RULE], JAN)
        mappings.ignore_products(session, {ProductKey("Duo", "trial"): "free"}, JAN)
        mappings.save_renames(session, "Duo", [Rename("Duo", "mfa*", "mfa"), Rename("Duo", "a?", "sso")], JAN)
        mappings.choose_lines(session, {choice: LineRef(LineKind.BUNDLE, 9)}, JAN)
        mappings.learn_aliases(session, {"acme": 1, "": 3}, NOW)
        mappings.learn_aliases(session, {"acme": 2}, NOW)
        assert mappings.aliases(session) == {"acme": 2}
    assert load(filled) == WorkspaceMapping(
        customers={
            ACME: CustomerMapping(ACME, "Acme Één", 2**40),
            BETA: CustomerMapping(BETA, "Beta", None, "internal"),
        },
        rules=(ProductRule(**{name: getattr(RULE, name) for name in RULE.__slots__} | {"id": number}),),  # type: ignore[attr-defined]
        ignored_products={ProductKey("Duo", "trial"): "free"},
        renames=(Rename("Duo", "mfa*", "mfa"), Rename("Duo", "a?", "sso")),
        line_choices={choice: LineRef(LineKind.BUNDLE, 9)},
    )


def test_a_customer_that_no_reading_named_can_be_mapped_before(filled: Database) -> None:
    new = CustomerKey("Duo", "gamma")
    with filled.write() as session:
        mappings.set_customers(session, [CustomerMapping(new, "Gamma", 1)], JAN)
        assert mappings.find_customers(session, [new, ACME, CustomerKey("?", "x")]) == {
            new: CustomerMapping(new, "Gamma", 1),
            ACME: CustomerMapping(ACME, "Acme Één"),
        }


def test_an_unknown_portal_is_refused(filled: Database) -> None:
    nowhere = ProductKey("Nowhere", "x")
    with filled.write() as session:
        with pytest.raises(LookupError):
            mappings.set_customers(session, [CustomerMapping(CustomerKey("Nowhere", "x"), "", 1)], JAN)
        with pytest.raises(LookupError):
            mappings.save_rules(session, [ProductRule(id=0, item=ITEM, sources=(RuleSource(nowhere, "q"),))], JAN)
        with pytest.raises(LookupError):
            mappings.ignore_products(session, {nowhere: "x"}, JAN)
        with pytest.raises(LookupError):
            mappings.save_renames(session, "Nowhere", [], JAN)


def test_an_edit_that_changes_nothing_leaves_no_trace(filled: Database) -> None:
    assert link(filled, ACME, 1) is not None
    assert link(filled, ACME, 1, PIET) is None
    with filled.session() as session:
        assert audit.page(session, AuditFilter(event="mapping.")).total == 1
        batch = mappings.last_batch(session)
    assert batch is not None
    assert (batch.person, batch.edits) == ("jan", 1)


def test_each_edit_is_in_the_audit_with_before_and_after(filled: Database) -> None:
    link(filled, ACME, 1)
    link(filled, ACME, 2, PIET)
    with filled.session() as session:
        newest = audit.page(session, AuditFilter()).rows[0]
    assert (newest.actor, newest.event, newest.subject) == ("piet", "mapping.customer", "Duo / Acme Één")
    assert (newest.before, newest.after) == ('{"company_id":1,"ignored":null}', '{"company_id":2,"ignored":null}')


def test_a_batch_is_undone_as_a_whole(filled: Database) -> None:
    with filled.write() as session:
        edits = [CustomerMapping(ACME, "", 1), CustomerMapping(BETA, "", 2)]
        batch = mappings.set_customers(session, edits, JAN, text="Pasted.")
        assert batch is not None
        undone = mappings.undo(session, batch, PIET)
        assert (undone.restored, undone.conflicts, undone.batch.text) == (2, 0, "Pasted.")
        with pytest.raises(LookupError):
            mappings.undo(session, batch, PIET)
        assert mappings.last_batch(session) is None
    assert all(found.company_id is None for found in load(filled).customers.values())


def test_undo_leaves_what_somebody_edited_since(filled: Database) -> None:
    with filled.write() as session:
        edits = [CustomerMapping(ACME, "", 1), CustomerMapping(BETA, "", 2)]
        batch = mappings.set_customers(session, edits, JAN)
        assert batch is not None
        mappings.set_customers(session, [CustomerMapping(ACME, "", 7)], PIET)
        undone = mappings.undo(session, batch, JAN)
        assert (undone.restored, undone.conflicts) == (1, 1)
        assert mappings.last_batch(session, "jan") is None
        assert mappings.last_batch(session, "piet") is not None
    assert {key: found.company_id for key, found in load(filled).customers.items()} == {ACME: 7, BETA: None}


def test_every_kind_of_edit_can_be_undone(filled: Database) -> None:
    before = load(filled)
    with filled.write() as session:
        mappings.save_rules(session, [RULE], JAN)
        mappings.ignore_products(session, {MFA: "no"}, JAN)
        mappings.save_renames(session, "Duo", [Rename("Duo", "x", "mfa")], JAN)
        mappings.choose_lines(session, {ChoiceKey(1, ITEM): LineRef(LineKind.SERVICE, 9)}, JAN)
        while batch := mappings.last_batch(session):
            assert mappings.undo(session, batch.id, JAN).conflicts == 0
    assert load(filled) == before


def test_a_rule_is_changed_and_deleted_and_comes_back(filled: Database) -> None:
    with filled.write() as session:
        (number,) = mappings.save_rules(session, [RULE], JAN)
        changed = ProductRule(id=number, item=ITEM, sources=(RuleSource(SSO, "q"),), formula="q * 2")
        assert mappings.save_rules(session, [changed], JAN) == [number]
        assert mappings.load_mapping(session).rules == (changed,)
        deletion = mappings.delete_rules(session, [number, 999], JAN)
        assert mappings.load_mapping(session).rules == ()
        assert deletion is not None
        mappings.undo(session, deletion, JAN)
        assert mappings.load_mapping(session).rules == (changed,)
        (next_number,) = mappings.save_rules(session, [RULE], JAN)
        assert next_number > number


def test_forgetting_a_choice_and_renames(filled: Database) -> None:
    key = ChoiceKey(1, ITEM, "monthly")
    with filled.write() as session:
        mappings.choose_lines(session, {key: LineRef(LineKind.SERVICE, 9)}, JAN)
        mappings.save_renames(session, "Duo", [Rename("Duo", "x", "y")], JAN)
        mappings.choose_lines(session, {key: None}, JAN)
        mappings.save_renames(session, "Duo", [], JAN)
        found = mappings.load_mapping(session)
    assert (found.line_choices, found.renames) == ({}, ())


def test_mappings_of_an_archived_portal_count_no_more(filled: Database, portal: Portal) -> None:
    link(filled, ACME, 1)
    with filled.write() as session:
        mappings.save_rules(session, [RULE], JAN)
        portals.archive(session, portal.id, NOW)
        assert mappings.load_mapping(session) == WorkspaceMapping()
        assert mappings.page_customers(session, PageQuery()).total == 0
        assert history.portal_usage(session) == []


def test_the_product_grid_tells_use_and_rules(filled: Database) -> None:
    with filled.write() as session:
        numbers = mappings.save_rules(session, [RULE, RULE], JAN)
        mappings.ignore_products(session, {ProductKey("Duo", "trial"): "free"}, JAN)
        rows = {row.key: row for row in mappings.page_products(session, PageQuery()).rows}
        assert (rows[MFA].customers, rows[MFA].quantity, rows[MFA].status) == (2, Decimal(7), "mapped")
        assert rows[SSO].rules == tuple(numbers)
        trial = rows[ProductKey("Duo", "trial")]
        assert (trial.status, trial.ignored, trial.quantity) == ("ignored", "free", 0)
        assert mappings.page_products(session, PageQuery(text="ss", status="mapped", portal="Duo")).total == 1
        by_use = mappings.page_products(session, PageQuery(sort="quantity", descending=True)).rows
        assert [row.key.product_key for row in by_use] == ["mfa", "sso", "trial"]
        assert mappings.find_products(session, "Duo")[SSO] == "SSO"
        assert mappings.page_rules(session, PageQuery(text="mfa per")).rows[0].item == "MFA per user"
        assert "SSO" in {
            name for rule in mappings.page_rules(session, PageQuery()).rows for name in rule.names.values()
        }
        assert mappings.page_rules(session, PageQuery(portal="Nowhere")).total == 0
        assert mappings.page_rules(session, PageQuery(limit=1, offset=1)).total == 2
