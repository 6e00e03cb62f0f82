"""A first look at a file: what it is, and which mapping is suggested (S1-54, S1-55)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.files.importer import inspect
from core.files.presets import PRESETS
from tests.files.samples import csv, lines, read, triples, xlsx


def test_s1_54_the_preview_shows_headings_samples_and_rows() -> None:
    found = inspect(b"Report\n\n" + csv("De Halm,X,25", "Smit,Y,4"), "export.csv")
    assert (found.type, found.encoding, found.delimiter, found.header_row) == ("csv", "utf-8", ",", 3)
    assert [(h.name, h.letter, h.samples) for h in found.headings] == [
        ("Customer", "A", ("De Halm", "Smit")),
        ("Product", "B", ("X", "Y")),
        ("Qty", "C", ("25", "4")),
    ]
    assert found.rows[3] == ("De Halm", "X", "25")
    assert not found.errors


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Customer,Product,Qty", "A,X,5"),
        ("Klant;Artikel;Aantal", "A;X;5"),
        ("Kunde;Produkt;Anzahl", "A;X;5"),
        ("Klantnaam;Omschrijving;Aantal licenties", "A;X;5"),
        ("Company Name,License Type,Used seats", "A,X,5"),
        ("Organisation,Plan,Licensed users", "A,X,5"),
        ("Qty,SKU Name,Customer Name", "5,X,A"),
        ("Société;Produit;Quantité", "A;X;5"),
    ],
)
def test_s1_54_headings_of_several_languages_are_recognised(header: str, row: str) -> None:
    data = f"{header}\n{row}\n".encode()
    found = inspect(data, "export.csv")
    assert found.suggested is not None
    assert triples(read(data, found.suggested)) == lines(("A", "X", 5))
    assert all(suggestion.score >= 70 and str(suggestion.reason) for suggestion in found.suggestions)


def test_s1_61_columns_of_amounts_are_offered_and_never_part_of_a_mapping() -> None:
    found = inspect(b"Klant;Product;Aantal;Bedrag (EUR);Maand\nA;X;5;12,50;2026-09\n", "export.csv")
    offered = {suggestion.role: suggestion.heading for suggestion in found.suggestions}
    assert (offered["amount"], offered["period"], offered["quantity"]) == ("Bedrag (EUR)", "Maand", "Aantal")
    assert found.suggested is not None and not found.suggested.tells_amounts
    with_tax = inspect(b"Klant;Product;Aantal;Bedrag incl. btw\nA;X;5;12,50\n", "export.csv")
    assert "amount" not in {suggestion.role for suggestion in with_tax.suggestions}


def test_more_columns_get_their_roles() -> None:
    header = "Customer ID,Customer,SKU ID,Product,Quantity,Billing frequency,Term,Unit cost,Unit price,Currency,Subscription ID"
    data = csv("7,A,k1,X,5,Monthly,Annual,$1.50,2.00,EUR,s1", header=header)
    found = inspect(data, "export.csv")
    assert found.suggested is not None
    line = read(data, found.suggested).lines[0]
    assert (line.customer_id, line.customer, line.product_key, line.product) == ("7", "A", "k1", "X")
    assert (line.term, line.billing_frequency, line.subscription_id, line.currency) == ("P1Y", "monthly", "s1", "EUR")
    assert (str(line.unit_cost), str(line.unit_price)) == ("1.50", "2.00")


def test_wide_pair_and_seat_tables_are_recognised() -> None:
    wide = csv("A,25,,2", "B,0,3,", header="Customer,M365 BP,EDR,Backup")
    found = inspect(wide, "export.csv")
    assert found.suggested is not None and found.suggested.shape == "wide"
    assert found.suggested.product_columns == ("M365 BP", "EDR", "Backup")
    pair = inspect(csv("A,X,38 of 50"), "export.csv")
    assert pair.suggested is not None and pair.suggested.shape == "pair"
    seats = inspect(csv("A,u1,BP", "A,u2,BP", header="Customer,User,Licence"), "export.csv")
    assert seats.suggested is not None and seats.suggested.shape == "seats"


def test_a_sheet_for_each_customer_is_recognised() -> None:
    def second(book: Any, _sheet: Any) -> None:
        more = book.create_sheet("Smit")
        more.append(["Product", "Qty"])
        more.append(["X", 2])

    data = xlsx([["Product", "Qty"], ["X", 5]], second, sheet="De Halm")
    found = inspect(data, "export.xlsx")
    assert found.sheets == ("De Halm", "Smit")
    assert found.suggested is not None
    assert triples(read(data, found.suggested)) == lines(("De Halm", "X", 5), ("Smit", "X", 2))


def test_lists_inside_lists_are_recognised() -> None:
    tree = {
        "meta": {"page": 1},
        "data": {"customers": [{"id": 7, "name": "A", "products": [{"sku": "X", "qty": "3"}, {"sku": "Y", "qty": 0}]}]},
    }
    data = json.dumps(tree).encode()
    found = inspect(data, "export.json")
    assert found.suggested is not None and found.suggested.shape == "tree"
    assert (found.suggested.customers, found.suggested.products) == ("data.customers[*]", "products[*]")
    assert triples(read(data, found.suggested)) == lines(("A", "X", 3), ("A", "Y", 0))
    assert [heading.name for heading in found.headings] == ["id", "name", "sku", "qty"]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_known_exports_are_recognised_by_their_headings(name: str) -> None:
    known = PRESETS[name]
    header = ",".join(known.recognise)
    found = inspect(csv(",".join("x" for _ in known.recognise), header=header), "export.csv")
    assert found.preset is known
    assert found.suggested == known.mapping()
    assert str(known.hint)


def test_bitwarden_reads_with_and_without_ids_in_any_culture() -> None:
    old = csv("De Halm;5;4;1;Teams (Monthly);€ 20,00", header="Client;Assigned;Used;Remaining;Plan;Estimated total")
    new = csv(
        'De Halm,guid,5,4,1,Teams (Monthly),"$20.00"', header="Client,Id,Assigned,Used,Remaining,Plan,Estimated total"
    )
    for data in (old, new):
        found = inspect(data, "report.csv")
        assert found.preset is PRESETS["bitwarden"] and found.suggested is not None
        assert triples(read(data, found.suggested)) == lines(("De Halm", "Teams (Monthly)", 5))


def test_msp360_counts_paid_licences_that_are_not_deactivated() -> None:
    header = "Type,Company,User,Endpoint,Status,Purchased,Purchase ID,Activated,Deactivated,Days Active,Cost"
    data = csv(
        "Server,A,u,pc1,Paid,1-9-2026,1,1-9-2026,,30,5",
        "Server,A,u,pc2,Paid,1-9-2026,2,1-9-2026,9-9-2026,9,5",
        "Server,A,u,pc3,Active trial,,3,1-9-2026,,30,0",
        header=header,
    )
    found = inspect(data, "history.csv")
    assert found.suggested is not None
    assert triples(read(data, found.suggested)) == lines(("A", "Server", 1))


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", b"\x00\x01\x02" * 50, b"<html>log in</html>", b"{", b"one line"])
def test_a_file_that_cannot_be_read_says_why_instead_of_failing(data: bytes) -> None:
    found = inspect(data, "export.csv")
    assert found.suggested is None
    assert found.errors or found.type == "csv"
