"""Customers → companies: the grid, suggestions, bulk edits, paste, undo, and what is recognised by itself."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.domain.usage import Reading, UsageLine
from core.services import activity, mapping, portals, uploads
from core.services.context import Context
from core.services.mapping import CustomerEdit
from core.services.paging import PageQuery
from core.services.recognising import recognise
from core.store import history, mappings
from core.store import portals as portal_store

from .conftest import ADMIN, LONG, NOW, OPERATOR, csv_of

ACME, EEMLAND, FYSIO = "Acme B.V.", "Stichting Zorggroep Eemland", "Fysiotherapie Jansen"


def company(ctx: Context, name: str) -> int:
    return next(o.id for o in mapping.company_options(ctx, ADMIN, limit=100) if o.label.startswith(f"{name} ("))


def rows(ctx: Context, **query: object) -> dict[str, mapping.CustomerRow]:
    page = mapping.customers(ctx, ADMIN, PageQuery(**query))  # type: ignore[arg-type]
    return {row.customer: row for row in page.rows}


def bring(ctx: Context, portal: str, *customers: str) -> None:
    """A file portal with one line for each customer."""
    if portal not in {card.name for card in portals.list_portals(ctx, ADMIN)}:
        portals.create_portal(ctx, ADMIN, portal, "file", settings=LONG, secrets={})
    data = csv_of(*((customer, "Seat", 1) for customer in customers))
    uploads.import_file(ctx, ADMIN, portal, data, "export.csv", again=True)


@pytest.fixture
def brought(connected: Context) -> Context:
    bring(connected, "P", "ACME", "Zorggroep Eemland", "Nobody Known", "Fysiotherapie Jansen VOF")
    return connected


def test_s1_31_suggestions_come_with_score_and_reason_for_the_shown_slice(brought: Context) -> None:
    found = rows(brought)
    best = found["ACME"].suggestions[0]
    assert (best.company, best.exact, best.score) == (ACME, True, 100)
    assert "compared as acme" in str(best.reason) or best.reason.template
    alike = found["Zorggroep Eemland"].suggestions[0]
    assert (alike.company, alike.exact) == (EEMLAND, False)
    assert alike.score < 100
    assert found["Nobody Known"].suggestions == ()
    assert found["ACME"].lines == 1


def test_suggestions_below_an_exact_match_are_never_applied_by_themselves(brought: Context) -> None:
    result = mapping.accept_exact_suggestions(brought, OPERATOR, "P")
    assert result.saved == 2
    found = rows(brought)
    assert {name: row.status for name, row in found.items()} == {
        "ACME": "mapped",
        "Fysiotherapie Jansen VOF": "mapped",
        "Nobody Known": "pending",
        "Zorggroep Eemland": "pending",
    }


def test_edits_are_saved_in_bulk_and_the_wrong_ones_are_named(brought: Context) -> None:
    result = mapping.save_customer_edits(
        brought,
        OPERATOR,
        [
            CustomerEdit(portal="P", customer_id="ACME", company_id=company(brought, ACME)),
            CustomerEdit(portal="P", customer_id="Nobody Known", ignore_reason="our own"),
            CustomerEdit(portal="P", customer_id="Zorggroep Eemland", company_id=999999),
            CustomerEdit(portal="P", customer_id="who?", company_id=1002),
            CustomerEdit(portal="P", customer_id="Fysiotherapie Jansen VOF", ignore_reason=" "),
            CustomerEdit(portal="P", customer_id="ACME", company_id=1, ignore_reason="both"),
        ],
    )
    assert result.saved == 2
    assert [error.index for error in result.errors] == [2, 3, 4, 5]
    assert "999999" in str(result.errors[0].message)
    found = rows(brought)
    assert (found["ACME"].company, found["Nobody Known"].ignored) == (ACME, "our own")


def test_undo_takes_back_the_last_batch_as_a_whole(brought: Context) -> None:
    mapping.accept_exact_suggestions(brought, OPERATOR)
    before = rows(brought)
    mapping.save_customer_edits(
        brought, OPERATOR, [CustomerEdit(portal="P", customer_id=name) for name in ("ACME", "Fysiotherapie Jansen VOF")]
    )
    assert {row.status for row in rows(brought).values()} == {"pending"}
    assert str(mapping.undo_last(brought, OPERATOR)) == "2 edits taken back."
    assert rows(brought) == before
    mapping.undo_last(brought, OPERATOR)
    assert {row.status for row in rows(brought).values()} == {"pending"}
    assert mapping.undo_last(brought, OPERATOR) is None


def test_undo_leaves_what_somebody_else_edited_since(brought: Context) -> None:
    mapping.accept_exact_suggestions(brought, OPERATOR)
    mapping.save_customer_edits(brought, ADMIN, [CustomerEdit(portal="P", customer_id="ACME", ignore_reason="no")])
    told = mapping.undo_last(brought, OPERATOR)
    assert told is not None
    assert "1 were left" in str(told)
    assert rows(brought)["ACME"].ignored == "no"


def test_paste_from_a_spreadsheet(brought: Context) -> None:
    text = (
        f"ACME\t{ACME}\n"
        "P\tZorggroep Eemland\tD-1005\n"
        "\n"
        "Nobody Known\t-\n"
        "Unknown\tAcme B.V.\n"
        f"Fysiotherapie Jansen VOF\t{company(brought, FYSIO)}\n"
        "ACME\tNo such company\n"
        "only one cell\n"
        "Q\tACME\tAcme B.V.\n"
    )
    tried = mapping.paste_customers(brought, OPERATOR, text, save=False)
    assert tried.saved == 4
    assert rows(brought)["ACME"].status == "pending"
    result = mapping.paste_customers(brought, OPERATOR, text)
    assert result.saved == 4
    assert [error.index for error in result.errors] == [5, 7, 8, 9]
    found = rows(brought)
    assert [found[n].company for n in ("ACME", "Zorggroep Eemland", "Fysiotherapie Jansen VOF")] == [
        ACME,
        EEMLAND,
        FYSIO,
    ]
    assert found["Nobody Known"].status == "ignored"
    assert mapping.undo_last(brought, OPERATOR) is not None
    assert rows(brought)["ACME"].status == "pending"


def test_a_name_in_two_portals_must_say_which_when_pasted(brought: Context) -> None:
    bring(brought, "Q", "ACME")
    result = mapping.paste_customers(brought, OPERATOR, f"ACME\t{ACME}\n")
    assert "which portal" in str(result.errors[0].message)
    assert mapping.paste_customers(brought, OPERATOR, f"ACME\t{ACME}\n", "Q").saved == 1


def test_s1_32_a_confirmed_name_lands_on_the_same_company_in_any_portal(brought: Context) -> None:
    mapping.accept_exact_suggestions(brought, OPERATOR)
    bring(brought, "Q", "Acme b.v.", "Jansen, Fysiotherapie", "Zorggroep Eemland")
    found = rows(brought, portal="Q")
    assert found["Acme b.v."].company == ACME
    assert found["Jansen, Fysiotherapie"].company == FYSIO
    assert found["Zorggroep Eemland"].status == "pending"
    told = activity.audit(brought, ADMIN, PageQuery(status="mapping.", descending=True)).rows
    assert {row.actor for row in told[:2]} == {"system"}


def test_m9_contradicting_legal_forms_are_not_the_same_company(brought: Context) -> None:
    mapping.accept_exact_suggestions(brought, OPERATOR)
    bring(brought, "Q", "Fysiotherapie Jansen B.V.")
    assert rows(brought, portal="Q")["Fysiotherapie Jansen B.V."].status == "pending"


def test_m9_a_name_linked_to_two_companies_is_not_guessed(brought: Context) -> None:
    for portal, name in (("P", ACME), ("Q", FYSIO)):
        bring(brought, portal, "Twice Known")
        edit = CustomerEdit(portal=portal, customer_id="Twice Known", company_id=company(brought, name))
        mapping.save_customer_edits(brought, OPERATOR, [edit])
    bring(brought, "R", "Twice Known")
    assert rows(brought, portal="R")["Twice Known"].status == "pending"


def test_what_was_unlinked_is_not_linked_again_by_itself(brought: Context) -> None:
    mapping.accept_exact_suggestions(brought, OPERATOR)
    mapping.undo_last(brought, OPERATOR)
    bring(brought, "Q", "ACME")
    assert {row.status for row in rows(brought).values()} == {"pending"}


def read_with_keys(ctx: Context, portal: str, *customers: tuple[str, str]) -> None:
    """A reading of a portal that has keys of its own."""
    lines = tuple(
        UsageLine(customer_id=key, customer=name, product_key="sku-1", product="Seat", quantity=Decimal(1))
        for key, name in customers
    )
    with ctx.database.write() as session:
        stored = portal_store.by_name(session, portal)
        assert stored is not None
        history.record_reading(session, stored.id, Reading(portal=portal, taken_at=NOW, lines=lines))
    recognise(ctx, portal)


def test_a_customer_declared_by_name_gets_the_key_the_portal_gives_it(connected: Context) -> None:
    portals.create_portal(connected, ADMIN, "K", "file", settings={}, secrets={})
    with connected.database.write() as session:
        mappings.set_customers(
            session,
            [mapping.CustomerMapping(mapping.CustomerKey("K", "Acme Ltd"), "Acme Ltd", 1002)],
            mappings.Author("x", NOW),
        )
    read_with_keys(connected, "K", ("C-17", "ACME  ltd"), ("C-18", "Other"))
    page = mapping.customers(connected, ADMIN, PageQuery(portal="K"))
    assert [(row.customer_id, row.status) for row in page.rows] == [("C-17", "mapped"), ("C-18", "pending")]


def test_recognising_writes_nothing_when_nothing_waits(connected: Context) -> None:
    bring(connected, "P", "ACME")
    mapping.accept_exact_suggestions(connected, OPERATOR)
    mapping_before = len(activity.audit(connected, ADMIN, PageQuery()).rows)
    recognise(connected, "P")
    recognise(connected, "P")
    assert len(activity.audit(connected, ADMIN, PageQuery()).rows) == mapping_before


def test_filters_and_pages_are_the_databases_work(brought: Context) -> None:
    page = mapping.customers(brought, ADMIN, PageQuery(sort="customer", limit=2))
    assert (len(page.rows), page.total) == (2, 4)
    rest = mapping.customers(brought, ADMIN, PageQuery(sort="customer", limit=2, offset=2))
    assert [r.customer for r in (*page.rows, *rest.rows)] == [
        "ACME", "Fysiotherapie Jansen VOF", "Nobody Known", "Zorggroep Eemland",
    ]  # fmt: skip
    assert mapping.customers(brought, ADMIN, PageQuery(text="zorg eem")).total == 1
    mapping.accept_exact_suggestions(brought, OPERATOR)
    assert mapping.customers(brought, ADMIN, PageQuery(status="pending")).total == 2


def test_companies_to_choose_from_are_found_by_name_number_and_words(connected: Context) -> None:
    assert [o.label for o in mapping.company_options(connected, ADMIN, "zorg eemland")] == [f"{EEMLAND} (D-1005)"]
    assert [o.label for o in mapping.company_options(connected, ADMIN, "d-1005")] == [f"{EEMLAND} (D-1005)"]
    assert len(mapping.company_options(connected, ADMIN, limit=3)) == 3
    assert "opgeheven" not in str(mapping.company_options(connected, ADMIN, limit=500))
