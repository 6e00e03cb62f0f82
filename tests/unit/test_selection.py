"""From any document to usage lines: paths, lists inside lists, values, problems (S1-57, M2, M9)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.domain.selection import (
    PathError,
    RecordMapping,
    Selection,
    Selector,
    compile_path,
    path_of_click,
    path_of_first_call,
    rows_preview,
    select_lines,
    suggest,
    tree,
)
from core.domain.usage import Scope
from tests.looking import tries

FLAT = {"records": "data", "customer": "c", "product": "p", "quantity": "q"}


def chosen(document: object, **mapping: Any) -> Selection:
    return select_lines(document, RecordMapping.model_validate(FLAT | mapping), source="GET x")


def one(record: dict[str, Any], **mapping: Any) -> Selection:
    return chosen({"data": [{"c": "A", "p": "P", "q": 1} | record]}, **mapping)


@pytest.mark.parametrize(
    ("quantity", "outcome"),
    [
        (25, "25"), (2.5, "2.5"), ("25", "25"), ("1.250,00", "1250.00"), ("12,5", "12.5"), (0, "0"), ("(3)", None),
        (None, None), ("", None), ("-", None), (True, None), ("many", None), ([1], None), ({"a": 1}, None), ("1.250", None),
        ("1e3", None), (-1, None), (float("nan"), None),
    ],
)  # fmt: skip
def test_m2_what_is_no_quantity_is_never_zero(quantity: Any, outcome: str | None) -> None:
    found = one({"q": quantity})
    if outcome is None:
        assert found.lines == ()
        assert set(found.failed_customers) == {"A"}
        assert found.problems[0].customer_id == "A"
        assert not found.reading("X", date.today()).proves_absence("A")  # type: ignore[arg-type]
    else:
        assert str(found.lines[0].quantity) == outcome


def test_m2_a_record_without_a_customer_may_be_anybodys() -> None:
    found = one({"c": None})
    assert found.unplaced
    assert not found.complete


def test_m2_one_bad_record_spoils_its_customer_and_no_other() -> None:
    data = [{"c": "A", "p": "P", "q": 1}, {"c": "A", "p": "R", "q": "x"}, {"c": "B", "p": "P", "q": 2}]
    found = chosen({"data": data})
    assert [(line.customer, line.quantity) for line in found.lines] == [("B", 2)]
    assert found.complete


@pytest.mark.parametrize("field", ["term", "billing_frequency", "subscription_id"])
def test_m2_a_part_of_the_key_that_is_nowhere_makes_the_reading_incomplete(field: str) -> None:
    found = one({}, **{field: "gone"})
    assert not found.complete


def test_a_list_that_no_record_has_is_a_problem_but_null_and_empty_are_not() -> None:
    def inner(*records: Any) -> Selection:
        return chosen({"data": list(records)}, customer="parent.c", expand="items[*]")

    assert not inner({"c": "A"}).complete
    assert inner({"c": "A", "items": None}).complete
    assert inner({"c": "A", "items": []}).covered == {"A"}
    wrong = inner({"c": "A", "items": "none"}, {"c": "B", "items": [{"p": "P", "q": 1}]})
    assert set(wrong.failed_customers) == {"A"}
    assert [line.customer for line in wrong.lines] == ["B"]


@pytest.mark.parametrize("path", ["items[*]", '"all items"[*]', "held.items[*]", "items.*"])
def test_m2_a_list_that_one_record_lacks_spoils_its_customer_unless_it_may_be_left_out(path: str) -> None:
    held = {"P": {"p": "P", "q": 1}} if path.endswith("*") and "[" not in path else [{"p": "P", "q": 1}]
    inner = {"items": held, "all items": held, "held": {"items": held}}
    data = {"data": [{"c": "A", "held": {}}, {"c": "B", **inner}]}
    found = chosen(data, customer="parent.c", expand=path)
    assert set(found.failed_customers) == {"A"}
    assert [line.customer for line in found.lines] == ["B"]
    allowed = chosen(data, customer="parent.c", expand={"path": path, "may_lack": True})
    assert not allowed.problems
    assert allowed.covered == {"A", "B"}


def test_on_empty_the_record_may_stand_for_itself() -> None:
    expand = {"path": "items[*]", "on_empty": "parent"}
    found = chosen({"data": [{"c": "A", "p": "P", "q": 7, "items": []}]}, expand=expand)
    assert found.lines[0].quantity == 7


def test_three_lists_inside_each_other() -> None:
    document = {"data": [{"c": "A", "x": [{"y": {"P": [{"q": 2}, {"q": 3}], "Q": [{"q": 4}]}}]}]}
    found = chosen(document, expand=["x[*]", "y.*", "item[*]"], customer="parents[0].c", product="key")
    assert [(line.product, line.quantity) for line in found.lines] == [("P", 5), ("Q", 4)]
    assert found.lines[0].origin.place == "data[0].x[0].y.P[0]"
    assert found.lines[0].origin.rows == 2


def test_maps_inside_maps_know_all_their_keys() -> None:
    found = chosen(
        {"A": {"BP": 2, "EDR": 0}}, records="*", expand="item.*", customer="keys[0]", product="key", quantity="item"
    )
    assert [(line.customer, line.product, line.quantity) for line in found.lines] == [("A", "BP", 2), ("A", "EDR", 0)]
    assert found.lines[0].origin.place == "A.BP"


def test_fields_of_the_item_that_are_called_like_the_scope() -> None:
    found = chosen(
        {"data": [{"key": "A", "item": "P", "document": 3}]},
        customer="item.key",
        product="item.item",
        quantity="item.document",
    )
    assert (found.lines[0].customer, found.lines[0].product, found.lines[0].quantity) == ("A", "P", 3)


@pytest.mark.parametrize(
    ("test", "kept"),
    [
        ({"op": "equals", "values": ["ACTIVE"]}, "A"), ({"op": "not_equals", "values": ["active"]}, "BC"),
        ({"op": "in", "values": ["active", "trial"]}, "AB"), ({"op": "exists"}, "AB"), ({"op": "missing"}, "C"),
        ({"op": "matches", "values": ["^tri"]}, "B"), ({"path": "q", "op": "greater", "values": ["1"]}, "BC"),
        ({"path": "q", "op": "less", "values": ["2"]}, "A"),
    ],
)  # fmt: skip
def test_filters(test: dict[str, Any], kept: str) -> None:
    data = [{"c": "A", "s": "active", "q": 1}, {"c": "B", "s": "trial", "q": 2}, {"c": "C", "s": None, "q": 3}]
    found = chosen({"data": data}, product={"constant": "P"}, filters=[{"path": "s"} | test])
    assert "".join(line.customer for line in found.lines) == kept
    assert found.left_out == 3 - len(kept)


@pytest.mark.parametrize(
    ("aggregate", "rounding", "outcome"),
    [
        ("sum", "none", "7.5"),
        ("max", "none", "4.5"),
        ("last", "none", "3"),
        ("average", "nearest", "4"),
        ("sum", "up", "8"),
        ("count", "none", "2"),
    ],
)
def test_m12_several_records_of_one_line(aggregate: str, rounding: str, outcome: str) -> None:
    data = [{"c": "A", "p": "P", "q": "4.5"}, {"c": "A", "p": "P", "q": 3}]
    assert str(chosen({"data": data}, aggregate=aggregate, rounding=rounding).lines[0].quantity) == outcome


def test_all_the_other_parts() -> None:
    record = {
        "t": "monthly",
        "f": "Jaarlijks",
        "s": 12,
        "cost": "1,50",
        "price": 2.25,
        "e": "EUR",
        "d": "31-12-2026",
        "u": 1790812800,
    }
    found = one(
        record, term="t", billing_frequency="f", subscription_id="s", unit_cost="cost", unit_price="price", currency="e",
        effective_date={"path": "d", "date_format": "%d-%m-%Y"}, period_start="u", unit={"constant": "seats"},
        attributes={"more": "s"}, product={"path": "p", "value_map": {"P": "Backup"}},
    )  # fmt: skip
    line = found.lines[0]
    assert (line.term, line.billing_frequency, line.subscription_id) == ("P1M", "yearly", "12")
    assert (line.unit_cost, line.unit_price, line.currency) == (Decimal("1.50"), Decimal("2.25"), "EUR")
    assert (line.effective_date, line.period_start) == (date(2026, 12, 31), date(2026, 10, 1))
    assert (line.unit, line.attributes, line.product) == ("seats", {"more": "12"}, "Backup")


@pytest.mark.parametrize(
    ("told", "complete"), [(True, True), ("true", True), (False, False), (None, False), ("no", False)]
)
def test_m2_only_a_document_that_says_so_is_complete(told: Any, complete: bool) -> None:
    document = {"done": told, "data": [{"c": "A", "p": "P", "q": 1}]}
    found = chosen(document, complete_path="done")
    assert found.complete is complete
    assert found.reading("X", date.today(), Scope.CUSTOMERS).proves_absence("A") is complete  # type: ignore[arg-type]


def test_pages_are_one_selection() -> None:
    selector = Selector(RecordMapping.model_validate(FLAT | {"record_key": "id"}))
    for number in (1, 2):
        selector.feed({"data": [{"id": number, "c": "A", "p": "P", "q": 1}, {"id": 9, "c": "A", "p": "P", "q": 5}]})
    assert selector.selection().lines[0].quantity == 7


@pytest.mark.parametrize("path", ["customers[*", "$..qty", "a b", "a[?", "x" * 600])
def test_a_path_that_is_wrong_is_told_when_it_is_saved(path: str) -> None:
    with pytest.raises(PathError):
        compile_path(path)
    with pytest.raises(ValidationError):
        RecordMapping.model_validate(FLAT | {"quantity": path})


def test_the_jmespath_rows_of_the_reference() -> None:
    document = {
        "customers": [
            {"id": "1", "active": True, "products": [{"sku": "BP"}, {"sku": "EDR"}]},
            {"id": "2", "active": False},
        ]
    }
    assert compile_path("$.customers[*].id")(document) == ["1", "2"]
    assert compile_path("customers[].products[].sku")(document) == ["BP", "EDR"]
    assert compile_path("customers[?active].{n: length(products || `[]`)}")(document) == [{"n": 2}]


@pytest.mark.parametrize("pattern", ["(?=a)", r"(a)\1", "(a{1000}){1000}", "[", "x" * 300])
def test_patterns_that_can_take_for_ever_are_refused(pattern: str) -> None:
    with pytest.raises(ValidationError):
        RecordMapping.model_validate(FLAT | {"filters": [{"path": "c", "op": "matches", "values": [pattern]}]})


@pytest.mark.parametrize(
    "document",
    [
        {"customers": [{"id": 1, "name": "A", "products": [{"sku": "BP", "qty": 3}]}]},
        {"data": {"items": [{"customer": {"name": "A"}, "product": "BP", "quantity": "3"}]}},
        [{"companyName": "A", "sku": "BP", "seats": 3}],
        {
            "results": [{"tenant_id": "A", "tenant_name": "A", "services": {"BP": {"count": 3}}}],
            "errors": [{"customer": 1}],
        },
    ],
)
def test_s1_57_a_mapping_is_proposed_that_reads_the_document(document: Any) -> None:
    mapping = suggest(document).mapping
    assert mapping is not None
    found = select_lines(document, mapping, source="GET x")
    assert [(line.customer, line.product_key, line.quantity) for line in found.lines] == [("A", "BP", 3)]
    assert found.problems == ()


@pytest.mark.parametrize(
    ("node", "expand", "first_call", "path"),
    [
        ("data[*].q", [], False, "q"),
        ("data[*].key", [], False, "item.key"),
        ("data[*].items[*].q", ["items[*]"], False, "q"),
        ("data[*].c", ["items[*]"], False, "parent.c"),
        ("data[*].c", ["items[*]", "x[*]"], False, "parents[0].c"),
        ("data[*].c", ["items[*]", "x[*]"], True, "parents[1].c"),
        ("meta.total", [], False, "document.meta.total"),
        ("data[*].m.BP", ["m.*"], False, "key"),
        ("data[*].m.BP.q", ["m.*"], False, "q"),
        ("data[*].m.BP", ["m.*", "item.*"], False, "keys[0]"),
        ('data[*]."a b"', [], False, '"a b"'),
    ],
)
def test_s1_57_what_a_click_means(node: str, expand: list[str], first_call: bool, path: str) -> None:
    assert path_of_click(node, "data", expand, first_call=first_call) == path
    assert path_of_first_call("id", expand) == ("parents[0].id" if expand else "parent.id")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["data", "c", "p", "q", "items", "a b", "key"]), inner, max_size=4)
    ),
    max_leaves=25,
)


@tries(150)
@given(
    JSON,
    st.sampled_from(["", "data", "data[*]", "data.*", "*", "data[?c]", "items[].data"]),
    st.sampled_from([[], ["items[*]"], ["items.*", "data"]]),
)
def test_m2_no_document_makes_it_fail_or_lose_a_problem(document: Any, records: str, expand: list[str]) -> None:
    mapping = RecordMapping.model_validate(FLAT | {"records": records, "expand": expand, "customer": "parent.c || c"})
    found = select_lines(document, mapping, source="GET x")
    assert not {line.customer_id for line in found.lines} & set(found.failed_customers)
    assert all(line.quantity >= 0 and line.customer_id and line.product_key for line in found.lines)
    assert found.unplaced == any(not problem.customer_id for problem in found.problems)


@tries(150)
@given(JSON)
def test_every_click_leads_to_what_was_clicked(document: Any) -> None:
    suggest(document)
    for node in tree(document, 100):
        look = compile_path(path_of_click(node.path, "nowhere"))
        compile_path(node.path)
        assert look is not None
    rows_preview(document, "")


@tries(100)
@given(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("PQ"), st.integers(0, 50)), max_size=12))
def test_the_sum_is_the_sum_however_it_is_written(rows: list[tuple[str, str, int]]) -> None:
    flat = {"data": [{"c": c, "p": p, "q": q} for c, p, q in rows]}
    nested = {"data": [{"c": c, "items": [{"p": p, "q": str(q)} for k, p, q in rows if k == c]} for c in "ABC"]}
    expected: dict[tuple[str, str], int] = {}
    for c, p, q in rows:
        expected[c, p] = expected.get((c, p), 0) + q
    for found in (chosen(flat), chosen(nested, customer="parent.c", expand="items[*]")):
        assert {(line.customer, line.product): line.quantity for line in found.lines} == expected


@tries(50)
@given(st.sampled_from(["q", "parent.q", 'item."a b"']), st.sampled_from(["", "x[*]", "y.*"]), st.booleans())
def test_a_mapping_survives_the_workspace_file(path: str, expand: str, counted: bool) -> None:
    values = FLAT | {"quantity": {"path": path, "number_format": "comma"}, "count_records": counted}
    mapping = RecordMapping.model_validate(values | ({"expand": expand} if expand else {}))
    assert RecordMapping.model_validate(mapping.to_settings()) == mapping


def test_m2_a_customers_empty_list_is_told_apart_from_one_with_lines() -> None:
    mapping = RecordMapping.model_validate(
        {
            "records": "customers",
            "expand": ["products"],
            "customer_id": {"path": "parent.id"},
            "product_key": {"path": "item.sku"},
            "quantity": {"path": "item.qty"},
        }
    )
    document = {"customers": [{"id": "A", "products": []}, {"id": "B", "products": [{"sku": "x", "qty": 1}]}]}
    found = select_lines(document, mapping, source="test")
    assert (found.emptied, found.covered) == ({"A"}, {"A", "B"})
