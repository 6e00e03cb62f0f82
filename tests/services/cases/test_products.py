"""Products → services: suggestions, rules (merge, split, rename, formula), worked examples, lines to choose."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from core.domain.contract import ItemRef, LineKind
from core.domain.errors import InputError
from core.domain.mapping import ProductKey, Rename, Rounding, RuleSource
from core.services import mapping, planning, portals, products, uploads
from core.services.context import Context
from core.services.paging import PageQuery
from core.services.products import RuleDraft
from core.services.rules import default_name, usable_name

from .conftest import ADMIN, LONG, OPERATOR, csv_of

BASIC = "Microsoft 365 Business Basic"
ROWS = (
    ("ACME", BASIC, 10),
    ("ACME", "Guests", 3),
    ("Zorggroep Eemland", BASIC, 4),
    ("ACME", "Something else", 1),
)


@pytest.fixture
def brought(connected: Context) -> Context:
    portals.create_portal(connected, OPERATOR, "P", "file", settings=LONG, secrets={})
    uploads.import_file(connected, OPERATOR, "P", csv_of(*ROWS), "export.csv")
    return connected


def key(product: str) -> ProductKey:
    return ProductKey("P", product)


def item(ctx: Context, name: str) -> ItemRef:
    option = next(o for o in products.item_options(ctx, ADMIN, limit=100) if o.label == name)
    return ItemRef(LineKind(option.kind), option.id)


def rows(ctx: Context) -> dict[str, products.ProductRow]:
    return {row.product: row for row in products.products(ctx, ADMIN, PageQuery()).rows}


def both(ctx: Context, **changes: object) -> RuleDraft:
    """Users and guests on one service."""
    draft = RuleDraft(
        item=item(ctx, BASIC), sources=(RuleSource(key(BASIC), "users"), RuleSource(key("Guests"), "guests"))
    )
    return replace(draft, **changes)  # type: ignore[arg-type]


def test_products_come_with_counts_and_suggestions(brought: Context) -> None:
    found = rows(brought)
    assert (found[BASIC].status, found[BASIC].customers, found[BASIC].quantity) == ("pending", 2, Decimal(14))
    assert (found[BASIC].suggestions[0].name, found[BASIC].suggestions[0].exact) == (BASIC, True)
    assert not any(suggestion.exact for suggestion in found["Guests"].suggestions)


def test_s1_33_exact_names_are_linked_in_one_go_and_undone_in_one_go(brought: Context) -> None:
    assert products.accept_exact_products(brought, OPERATOR) == 1
    assert (rows(brought)[BASIC].status, rows(brought)[BASIC].services) == ("mapped", BASIC)
    assert products.accept_exact_products(brought, OPERATOR) == 0
    mapping.undo_last(brought, OPERATOR)
    assert rows(brought)[BASIC].status == "pending"


def test_a_product_is_linked_again_to_another_service_without_a_second_rule(brought: Context) -> None:
    products.link_products(brought, OPERATOR, [(key("Guests"), item(brought, BASIC))])
    products.link_products(brought, OPERATOR, [(key("Guests"), item(brought, "Antivirus per endpoint"))])
    assert [row.service for row in products.rules(brought, ADMIN, PageQuery()).rows] == ["Antivirus per endpoint"]
    assert products.link_products(brought, OPERATOR, [(key("Guests"), item(brought, "Antivirus per endpoint"))]) == 0


def test_s1_34_several_products_feed_one_service(brought: Context) -> None:
    number = products.save_rule(brought, OPERATOR, both(brought))
    found = rows(brought)
    assert found[BASIC].rules == found["Guests"].rules == (number,)
    with pytest.raises(InputError, match="together with others"):
        products.link_products(brought, OPERATOR, [(key("Guests"), item(brought, BASIC))])


def test_s1_35_one_product_feeds_several_services(brought: Context) -> None:
    for name in (BASIC, "Servicedesk per gebruiker"):
        products.save_rule(
            brought, OPERATOR, RuleDraft(item=item(brought, name), sources=(RuleSource(key(BASIC), "users"),))
        )
    assert rows(brought)[BASIC].services == f"{BASIC}, Servicedesk per gebruiker"
    with pytest.raises(InputError, match="several rules"):
        products.link_products(brought, OPERATOR, [(key(BASIC), item(brought, BASIC))])


def test_s1_36_a_rule_is_worked_out_on_present_usage_before_it_is_saved(brought: Context) -> None:
    mapping.accept_exact_suggestions(brought, OPERATOR)
    draft = both(brought, formula="max(0, ceil(users * 1.1) - guests)", minimum=Decimal(6))
    found = products.preview_rule(brought, ADMIN, draft)
    assert [(one.company, dict(one.inputs), one.units) for one in found] == [
        ("Acme B.V.", {"users": Decimal(10), "guests": Decimal(3)}, 8),
        ("Zorggroep Eemland", {"users": Decimal(4), "guests": Decimal(0)}, 6),
    ]
    assert found[1].company_id == 0
    assert any("at least" in str(step) for step in found[1].steps)
    assert products.rules(brought, ADMIN, PageQuery()).total == 0


def test_m12_a_fraction_without_a_rounding_is_told_not_cut(brought: Context) -> None:
    found = products.preview_rule(brought, ADMIN, both(brought, formula="users / 4"))
    assert [(one.units, one.problem is None) for one in found] == [(None, False), (1, True)]
    found = products.preview_rule(brought, ADMIN, both(brought, formula="users / 4", rounding=Rounding.UP))
    assert [one.units for one in found] == [3, 1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"formula": "users +"}, "cannot be read"),
        ({"formula": "seats * 2"}, "seats"),
        ({"formula": "__import__('os')"}, "formula|Formula"),
        ({"sources": ()}, "at least one product"),
        ({"sources": (RuleSource(key(BASIC), "two words"),)}, "cannot be used in a formula"),
        ({"sources": (RuleSource(key(BASIC), "a"), RuleSource(key("Guests"), "a"))}, "once"),
        ({"sources": (RuleSource(ProductKey("Nope", "x"), "a"),)}, "no portal"),
        ({"item": ItemRef(LineKind.SERVICE, 99999)}, "no active"),
        ({"minimum": Decimal(5), "maximum": Decimal(4)}, "less than the minimum"),
        ({"included": Decimal(-1)}, "0 or more"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_in_words(
    brought: Context, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        products.save_rule(brought, OPERATOR, both(brought, **changes))
    assert products.rules(brought, ADMIN, PageQuery()).total == 0


def test_a_rule_is_changed_and_removed(brought: Context) -> None:
    number = products.save_rule(brought, OPERATOR, both(brought))
    stored = products.rules(brought, ADMIN, PageQuery()).rows[0].draft
    assert stored.id == number
    assert products.save_rule(brought, OPERATOR, replace(stored, formula="users", label="without guests")) == number
    assert products.rules(brought, ADMIN, PageQuery()).rows[0].draft.formula == "users"
    products.delete_rule(brought, OPERATOR, number)
    assert products.rules(brought, ADMIN, PageQuery()).total == 0
    mapping.undo_last(brought, OPERATOR)
    assert products.rules(brought, ADMIN, PageQuery()).rows[0].draft.label == "without guests"


def test_products_are_ignored_with_a_reason(brought: Context) -> None:
    with pytest.raises(InputError, match="reason"):
        products.ignore_products(brought, OPERATOR, [key("Guests")], " ")
    products.ignore_products(brought, OPERATOR, [key("Guests"), key("Something else")], "free of charge")
    assert rows(brought)["Guests"].ignored == "free of charge"
    products.ignore_products(brought, OPERATOR, [key("Guests")], None)
    assert [rows(brought)[name].status for name in ("Guests", "Something else")] == ["pending", "ignored"]


def test_s1_35_renames_are_kept_in_order_and_checked(brought: Context) -> None:
    products.save_renames(brought, OPERATOR, "P", [Rename("P", "Some*", BASIC), Rename("P", "?uests", BASIC)])
    assert [one.pattern for one in products.renames(brought, ADMIN, "P")] == ["Some*", "?uests"]
    for wrong in ([Rename("P", "", "x")], [Rename("P", "a", "x"), Rename("P", "a", "y")]):
        with pytest.raises(InputError):
            products.save_renames(brought, OPERATOR, "P", wrong)
    products.save_rule(
        brought, OPERATOR, RuleDraft(item=item(brought, BASIC), sources=(RuleSource(key(BASIC), "users"),))
    )
    preview = uploads.preview_upload(brought, OPERATOR, "P", csv_of(("ACME", "Something new", 1)), "x.csv")
    assert preview.rows[0].service == BASIC


def test_s1_32_the_same_product_with_several_terms_is_kept_apart(connected: Context) -> None:
    portals.create_portal(connected, OPERATOR, "T", "file", settings=LONG | {"term": "Term"}, secrets={})
    data = b"Customer,Product,Term,Qty\nACME,Seat,P1M,3\nACME,Seat,P1Y,4\n"
    uploads.import_file(connected, OPERATOR, "T", data, "x.csv")
    found = products.products(connected, ADMIN, PageQuery(portal="T")).rows
    assert sorted((row.key.term, row.quantity) for row in found) == [("P1M", Decimal(3)), ("P1Y", Decimal(4))]


def test_m9_where_several_lines_fit_a_person_chooses_once(connected: Context) -> None:
    portals.create_portal(connected, OPERATOR, "P", "file", settings=LONG, secrets={})
    uploads.import_file(connected, OPERATOR, "P", csv_of(("De Lente Kinderopvang", BASIC, 86)), "x.csv")
    mapping.accept_exact_suggestions(connected, OPERATOR)
    products.accept_exact_products(connected, OPERATOR)
    assert planning.replan(connected, OPERATOR).changes == ()
    question = products.line_questions(connected, ADMIN)[0]
    assert (question.company, question.service, question.chosen) == ("De Lente Kinderopvang", BASIC, None)
    assert [(c.contract, c.units) for c in question.candidates] == [
        ("Microsoft 365 kantoor", 30),
        ("Microsoft 365 locaties", 55),
    ]
    with pytest.raises(InputError, match="not one of those"):
        products.choose_line(connected, OPERATOR, question.key, replace_id(question.candidates[0].line, 1))
    products.choose_line(connected, OPERATOR, question.key, question.candidates[1].line)
    changes = planning.replan(connected, OPERATOR).changes
    assert [(c.line, c.from_units, c.to_units) for c in changes] == [(question.candidates[1].line, 55, 86)]
    remembered = products.line_questions(connected, ADMIN)[0]
    assert remembered.chosen == question.candidates[1].line
    products.choose_line(connected, OPERATOR, question.key, None)
    assert planning.replan(connected, OPERATOR).changes == ()


def replace_id(line: object, number: int) -> object:
    return line._replace(id=number)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("product", "name"),
    [
        ("Microsoft 365 Business Premium", "microsoft_365_business_premium"),
        ("365 Café één!", "p_365_cafe_een"),
        ("日本", "units"),
        ("max", "max_units"),
        ("quantity", "quantity_units"),
        ("x" * 100, "x" * 40),
    ],
)
def test_a_formula_has_a_name_for_every_product(product: str, name: str) -> None:
    assert default_name(product) == name
    assert usable_name(default_name(product))
    assert usable_name(default_name(product, [name]))
    assert default_name(product, [name]) != name
