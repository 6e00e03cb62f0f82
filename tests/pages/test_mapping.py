"""Customers and products: linked in the grid, in bulk, by paste; ignored with a reason; undone; rules with a worked example."""

from __future__ import annotations

from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from core.domain.errors import InputError
from core.i18n import format_number
from core.services import access, mapping, products, sync
from core.services.paging import PageQuery
from pages._ui import rule_editor
from tests.pages.conftest import Pages, all_words, say, table_with


def editor_key(screen: AppTest) -> str:
    """The grid's key: it changes with the rows that are shown."""
    return str(screen.data_editor[0].key)


def edit(screen: AppTest, row: int, **cells: object) -> AppTest:
    screen.session_state[editor_key(screen)] = {"edited_rows": {row: cells}, "added_rows": [], "deleted_rows": []}
    return screen.run()


def customers(pages: Pages, status: str) -> list[mapping.CustomerRow]:
    return list(mapping.customers(pages.context, access.SYSTEM, PageQuery(status=status, limit=500)).rows)


def test_s1_31_exact_matches_are_linked_in_bulk_and_can_be_undone(full: Pages) -> None:
    screen = full.open("customers")
    before = len(customers(full, "pending"))
    screen.button(key="accept_exact").click().run()
    assert not screen.error
    linked = before - len(customers(full, "pending"))
    assert linked > 10
    screen.button(key="undo").click().run()
    assert len(customers(full, "pending")) == before


def test_a_suggestion_is_used_by_a_tick(full: Pages) -> None:
    screen = full.open("customers")
    first = mapping.customers(full.context, access.SYSTEM, PageQuery(sort="status", descending=True, limit=1)).rows[0]
    assert first.suggestions
    edit(screen, 0, use=True)
    assert screen.button(key="save_customers").label == say("Save {count} changes", count=1)
    screen.button(key="save_customers").click().run()
    saved = next(row for row in customers(full, "mapped") if row.customer_id == first.customer_id)
    assert saved.company_id == first.suggestions[0].company_id


def test_a_company_chosen_by_hand_wins_over_the_suggestion(full: Pages) -> None:
    screen = full.open("customers")
    option = mapping.company_options(full.context, access.SYSTEM, "", 5)[-1]
    edit(screen, 0, use=True, company=option.label)
    screen.button(key="save_customers").click().run()
    assert not screen.error
    assert option.id in {row.company_id for row in customers(full, "mapped")}


def test_a_reason_takes_a_customer_out_and_the_reason_is_kept(full: Pages) -> None:
    screen = full.open("customers")
    edit(screen, 0, ignore="our own office")
    screen.button(key="save_customers").click().run()
    assert [row.ignored for row in customers(full, "ignored")] == ["our own office"]


def test_what_is_typed_can_be_discarded(full: Pages) -> None:
    screen = full.open("customers")
    edit(screen, 0, ignore="a mistake")
    screen.button(key="discard_customers").click().run()
    assert not customers(full, "ignored")
    assert screen.button(key="save_customers").disabled


def test_paste_from_excel_names_the_line_that_is_wrong(full: Pages) -> None:
    screen = full.open("customers")
    screen.button(key="paste").click().run()
    assert say("Paste from Excel") in all_words(screen)
    assert screen.text_area(key="paste_text")


def test_a_viewer_cannot_edit(full: Pages) -> None:
    screen = full.open("customers", role="viewer")
    edit(screen, 0, ignore="not mine to say")
    assert not customers(full, "ignored")


def test_filters_come_from_the_address(full: Pages) -> None:
    screen = full.open("customers", customers_status="ignored")
    assert say("Nothing passes this filter") in all_words(screen)
    assert screen.session_state["customers_status"] == "ignored"


def test_an_address_nobody_made_is_harmless(full: Pages) -> None:
    screen = full.open("customers", customers_status="'; drop table", customers_portal="nowhere", customers_sort="x")
    assert not screen.exception
    assert not screen.error


def test_s1_33_products_are_linked_to_services(full: Pages) -> None:
    screen = full.open("products")
    screen.button(key="accept_exact_products").click().run()
    assert not screen.error
    mapped = products.products(full.context, access.SYSTEM, PageQuery(status="mapped"))
    assert mapped.total >= 3


def test_s1_34_several_products_make_one_rule(full: Pages) -> None:
    screen = full.open("products")
    key = editor_key(screen)
    screen.session_state[key] = {
        "edited_rows": {0: {"select": True}, 1: {"select": True}}, "added_rows": [], "deleted_rows": [],
    }  # fmt: skip
    screen.run()
    assert screen.button(key="rule_for_selected").label == say("Rule for {count} products", count=2)
    screen.button(key="rule_for_selected").click().run()
    assert not screen.exception
    assert screen.text_input(key="rule_new_formula").value == "quantity"
    assert screen.text_input(key="rule_new_name_0").value != screen.text_input(key="rule_new_name_1").value
    assert say("Worked out on what is used now") in all_words(screen)


def test_s1_36_the_worked_example_stands_beside_the_formula(full: Pages) -> None:
    mapping.accept_exact_suggestions(full.context, access.SYSTEM)
    shown = products.products(full.context, access.SYSTEM, PageQuery(sort="status", descending=True)).rows
    row = next(index for index, product in enumerate(shown) if product.suggestions)
    screen = full.open("products")
    edit(screen, row, select=True)
    screen.button(key="rule_for_selected").click().run()
    example = table_with(screen, "inputs")
    assert list(example.columns) == ["company", "inputs", "units"]
    assert example["units"].str.len().min() > 0


@pytest.mark.parametrize("locale", ["nl_NL", "en_GB"])
def test_m12_a_limit_is_read_as_it_is_written_into_its_field(locale: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_editor, "locale", lambda: locale)
    for value in (Decimal(1500), Decimal("2.5"), Decimal(12), Decimal(1234567)):
        assert rule_editor._number(format_number(value, locale)) == value
    with pytest.raises(InputError, match="not a number"):
        rule_editor._number("many")


def test_m9_the_line_is_chosen_once(full: Pages) -> None:
    mapping.accept_exact_suggestions(full.context, access.SYSTEM)
    products.accept_exact_products(full.context, access.SYSTEM)
    sync.run_sync(full.context, access.SYSTEM, apply=False)
    asked = [q for q in products.line_questions(full.context, access.SYSTEM) if q.chosen is None]
    assert asked
    screen = full.open("products", products_view="lines")
    question = screen.radio[0]
    question.set_value(question.options[0]).run()
    assert not screen.error
    left = [q for q in products.line_questions(full.context, access.SYSTEM) if q.chosen is None]
    assert len(left) == len(asked) - 1
