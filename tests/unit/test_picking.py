"""What clicks in a document mean, and which pages an answer tells of (S1-57)."""

from __future__ import annotations

import pytest

from core.domain.selection import RecordMapping, path_of_click, select_lines, suggest, tree
from core.domain.selection.paging_hint import suggest_paging
from core.domain.selection.picking import Place, clicked_parts, list_of_click, moved_fields

DOCUMENT = {
    "meta": {"total": 3},
    "customers": [
        {"id": "00123", "name": "De Halm", "products": [{"sku": "BP", "qty": 25}, {"sku": "EDR", "qty": 3}]},
        {"id": "125", "name": "Café Noir", "products": [], "addons": {"BACKUP": {"qty": 2}, "ARCHIVE": {"qty": 0}}},
    ],
}
TREE = tree(DOCUMENT)
NODES = {node.path: node for node in TREE}
PRODUCTS = Place("customers[*]", ("products[*]",))


@pytest.mark.parametrize(
    ("node", "place"),
    [
        ("customers", Place("customers[*]")),
        ("customers[*].products", PRODUCTS),
        ("customers[*].products[*].qty", PRODUCTS),
        ("customers[*].addons", Place("customers[*]", ("addons.*",))),
        ("meta", Place("meta")),
        ("meta.total", None),
    ],
)
def test_a_click_on_a_list_makes_its_items_the_records(node: str, place: Place | None) -> None:
    assert list_of_click(TREE, NODES[node]) == place


def test_lists_at_the_top_and_lists_in_lists() -> None:
    nodes = tree([{"rows": [{"n": 1}]}])
    assert list_of_click(nodes, nodes[0]) == Place("[*]")
    assert list_of_click(nodes, nodes[1]) == Place("[*]", ("rows[*]",))


def test_clicked_fields_give_the_lines_that_stand_there() -> None:
    fields = {
        "customer": "customers[*].name",
        "product_key": "customers[*].products[*].sku",
        "quantity": "customers[*].products[*].qty",
    }
    paths = {part: path_of_click(node, *PRODUCTS) for part, node in fields.items()}
    mapping = RecordMapping.model_validate({"records": PRODUCTS.records, "expand": list(PRODUCTS.expand), **paths})
    lines = select_lines(DOCUMENT, mapping, source="sample").lines
    assert [(line.customer, line.product_key, int(line.quantity)) for line in lines] == [
        ("De Halm", "BP", 25),
        ("De Halm", "EDR", 3),
    ]
    assert clicked_parts(TREE, PRODUCTS, paths) == {node: (part,) for part, node in fields.items()}


def test_chosen_fields_move_along_to_another_list() -> None:
    chosen = {"customer": "name", "customer_id": "id"}
    moved = moved_fields(TREE, Place("customers[*]"), PRODUCTS, chosen, suggest(DOCUMENT))
    assert moved == {"customer": "parent.name", "customer_id": "parent.id", "product_key": "sku", "quantity": "qty"}
    back = moved_fields(TREE, PRODUCTS, Place("customers[*]"), moved, suggest(DOCUMENT))
    assert back == chosen


@pytest.mark.parametrize(
    ("document", "url", "settings"),
    [
        ({"data": [], "@odata.nextLink": "https://x.example/2"}, "", {"kind": "next_url", "cursor_at": '"@odata.nextLink"'}),
        ({"links": {"next": {"href": "/2"}}}, "", {"kind": "next_url", "cursor_at": "links.next.href"}),
        ({"links": {"self": {"href": "/1"}}}, "", {}),
        ({"items": [], "nextPageToken": "abc"}, "", {"kind": "cursor", "cursor_at": "nextPageToken", "param": "page_token"}),
        ({"items": [], "nextPageToken": ""}, "", {}),
        (
            {"meta": {"last_page": 3}}, "https://x.example/?per_page=50",
            {"kind": "page", "param": "page", "pages_at": "meta.last_page", "size_param": "per_page", "size": 50},
        ),
        (
            {"total": 9}, "https://x.example/?offset=0&limit=5",
            {"kind": "offset", "param": "offset", "total_at": "total", "size_param": "limit", "size": 5},
        ),
        ({"total": 9}, "https://x.example/", {}),
        ([], "", {}),
    ],
)  # fmt: skip
def test_pages_are_proposed_from_what_an_answer_tells(document: object, url: str, settings: dict[str, object]) -> None:
    assert suggest_paging(document, url) == settings
