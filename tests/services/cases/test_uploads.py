"""Files: inspected, previewed against the mappings, accepted, reviewed, recognised when they come twice."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.errors import InputError
from core.services import activity, mapping, portals, products, uploads
from core.services.context import Context
from core.services.paging import PageQuery
from core.services.portals import PortalState
from core.services.upload_files import safe_name
from core.store import history, runs
from core.store import portals as portal_store

from .conftest import ADMIN, LONG, OPERATOR, StandingClock, csv_of

GOOD = csv_of(("ACME", "Antivirus per endpoint", 9), ("Nobody", "Other", 2), ("ACME", "Other", 1))
BAD = csv_of(("ACME", "X", 9), ("Bakker", "X", "many"), ("Bakker", "Y", 4))


@pytest.fixture
def portal(connected: Context) -> Context:
    portals.create_portal(connected, OPERATOR, "P", "file", settings=LONG, secrets={})
    return connected


def quantities(ctx: Context) -> dict[tuple[str, str], Decimal]:
    with ctx.database.session() as session:
        used = history.as_of(session, ctx.clock.now())
    return {(one.customer, one.product): one.quantity for one in used}


def test_s1_54_the_columns_are_suggested_from_the_file(portal: Context) -> None:
    seen = uploads.inspect_upload(portal, OPERATOR, "P", GOOD, "export.csv")
    assert [heading.name for heading in seen.headings] == ["Customer", "Product", "Qty"]
    assert seen.errors == ()


def test_s1_53_the_preview_shows_customer_product_count_and_status_and_stores_nothing(portal: Context) -> None:
    uploads.import_file(portal, OPERATOR, "P", GOOD, "export.csv")
    mapping.accept_exact_suggestions(portal, OPERATOR)
    products.accept_exact_products(portal, OPERATOR)
    mapping.paste_customers(portal, OPERATOR, "Nobody\t-\n")
    before = activity.audit(portal, ADMIN, PageQuery()).total
    data = csv_of(("ACME", "Antivirus per endpoint", 11), ("Nobody", "Other", 2), ("ACME", "New", 1))
    preview = uploads.preview_upload(portal, OPERATOR, "P", data, "export2.csv")
    assert [(row.customer, row.product, row.count, row.status) for row in preview.rows] == [
        ("ACME", "Antivirus per endpoint", Decimal(11), "mapped"),
        ("Nobody", "Other", Decimal(2), "ignored"),
        ("ACME", "New", Decimal(1), "pending"),
    ]
    assert (preview.mapped, preview.pending, preview.ignored, preview.earlier) == (1, 1, 1, None)
    assert (preview.rows[0].company, preview.rows[0].service) == ("Acme B.V.", "Antivirus per endpoint")
    assert quantities(portal)["ACME", "Antivirus per endpoint"] == 9
    assert activity.audit(portal, ADMIN, PageQuery()).total == before


def test_an_accepted_file_is_kept_and_a_sync_is_asked_for(portal: Context) -> None:
    row = uploads.accept_upload(portal, OPERATOR, "P", GOOD, "../we ird/naïve name.csv")
    assert (row.outcome, row.state, row.lines, row.size_bytes) == ("ok", "stored", 3, len(GOOD))
    kept = list((portal.home / "uploads").rglob("*.csv"))
    assert [path.read_bytes() for path in kept] == [GOOD]
    assert kept[0].resolve().is_relative_to(portal.home / "uploads")
    with portal.database.session() as session:
        waiting = runs.unfinished(session)
    assert [(run.kind, run.portals) for run in waiting] == [("sync", ("P",))]
    assert len(quantities(portal)) == 3


def test_settings_chosen_on_the_preview_are_remembered_for_the_next_file(connected: Context) -> None:
    portals.create_portal(connected, OPERATOR, "P", "file", settings={}, secrets={})
    with pytest.raises(InputError, match="not chosen yet"):
        uploads.accept_upload(connected, OPERATOR, "P", GOOD, "export.csv")
    uploads.accept_upload(connected, OPERATOR, "P", GOOD, "export.csv", LONG)
    assert dict(portals.portal_detail(connected, ADMIN, "P").settings) == LONG
    uploads.accept_upload(connected, OPERATOR, "P", csv_of(("ACME", "Other", 5)), "next.csv")
    assert quantities(connected) == {("ACME", "Other"): Decimal(5)}


def test_s1_61_the_preview_tells_what_the_amounts_of_a_file_come_to(portal: Context) -> None:
    data = b"Customer,Product,Qty,Sum,Cur\nACME,Disk,2,12.50,EUR\nACME,Net,1,-2.25,EUR\nBeta,Disk,1,3,USD\n"
    columns = {"customer": "Customer", "product": "Product", "quantity": "Qty", "complete": False}
    assert uploads.preview_upload(portal, OPERATOR, "P", data, "sums.csv", columns).amounts == {}
    told = uploads.preview_upload(
        portal, OPERATOR, "P", data, "sums.csv", columns | {"amount": "Sum", "currency": "Cur"}
    )
    assert told.amounts == {"EUR": Decimal("10.25"), "USD": Decimal(3)}


def test_the_very_same_file_is_recognised(portal: Context, clock: StandingClock) -> None:
    uploads.accept_upload(portal, OPERATOR, "P", GOOD, "export.csv")
    first = clock.now()
    clock.forward(hours=1)
    assert uploads.preview_upload(portal, OPERATOR, "P", GOOD, "renamed.csv").earlier == first
    with pytest.raises(InputError, match="imported before") as caught:
        uploads.accept_upload(portal, OPERATOR, "P", GOOD, "renamed.csv")
    assert caught.value.kind == "duplicate_file"
    outcome = uploads.import_file(portal, OPERATOR, "P", GOOD, "renamed.csv")
    assert (outcome.outcome, outcome.stored, outcome.issues[0].kind) == ("rejected", False, "duplicate_file")
    assert uploads.accept_upload(portal, OPERATOR, "P", GOOD, "renamed.csv", again=True).state == "stored"
    assert uploads.list_uploads(portal, ADMIN, PageQuery(portal="P")).total == 2


def test_m2_a_rejected_file_changes_nothing(portal: Context) -> None:
    uploads.accept_upload(portal, OPERATOR, "P", GOOD, "export.csv")
    before = quantities(portal)
    for data in (b"", b"Customer,Product,Qty\n", b"Customer,Product,Quantity\nA,B,1\n", b"%PDF-1.7"):
        with pytest.raises(InputError):
            uploads.accept_upload(portal, OPERATOR, "P", data, "bad.csv")
    assert quantities(portal) == before
    assert uploads.list_uploads(portal, ADMIN, PageQuery()).total == 1


def test_m2_nothing_of_a_file_that_needs_review_is_used_until_somebody_looked(portal: Context) -> None:
    uploads.accept_upload(
        portal, OPERATOR, "P", csv_of(("ACME", "X", 5), ("Bakker", "X", 6), ("Bakker", "Y", 7)), "one.csv"
    )
    before = quantities(portal)
    row = uploads.accept_upload(portal, OPERATOR, "P", BAD, "two.csv")
    assert (row.state, row.outcome) == ("needs_review", "needs_review")
    assert quantities(portal) == before
    card = portals.list_portals(portal, ADMIN)[0]
    assert card.state is PortalState.FAILING
    assert "needs review" in str(card.message)


def test_m2_a_confirmed_file_leaves_customers_with_unreadable_rows_as_they_were(
    portal: Context, clock: StandingClock
) -> None:
    uploads.accept_upload(
        portal, OPERATOR, "P", csv_of(("ACME", "X", 5), ("Bakker", "X", 6), ("Bakker", "Y", 7)), "one.csv"
    )
    clock.forward(hours=1)
    row = uploads.accept_upload(portal, OPERATOR, "P", BAD, "two.csv")
    clock.forward(hours=1)
    assert uploads.confirm_review(portal, OPERATOR, row.id).state == "confirmed"
    assert quantities(portal) == {("ACME", "X"): 9, ("Bakker", "X"): 6, ("Bakker", "Y"): 7}
    with pytest.raises(InputError, match="no such file"):
        uploads.confirm_review(portal, OPERATOR, row.id)
    assert portals.list_portals(portal, ADMIN)[0].state is PortalState.OK


def test_a_confirmed_file_is_older_than_one_that_came_after_it(portal: Context, clock: StandingClock) -> None:
    row = uploads.accept_upload(portal, OPERATOR, "P", BAD, "one.csv")
    clock.forward(hours=1)
    uploads.accept_upload(portal, OPERATOR, "P", csv_of(("ACME", "X", 20)), "two.csv")
    clock.forward(hours=1)
    uploads.confirm_review(portal, OPERATOR, row.id)
    assert quantities(portal)["ACME", "X"] == 20


def test_a_discarded_file_is_as_if_it_never_came(portal: Context) -> None:
    row = uploads.accept_upload(portal, OPERATOR, "P", BAD, "two.csv")
    uploads.discard_upload(portal, OPERATOR, row.id)
    assert quantities(portal) == {}
    assert portals.list_portals(portal, ADMIN)[0].state is not PortalState.FAILING
    assert uploads.preview_upload(portal, OPERATOR, "P", BAD, "two.csv").earlier is None


def test_a_file_from_disk_is_read_without_a_copy_in_memory(portal: Context, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(GOOD)
    outcome = uploads.import_file(portal, OPERATOR, "P", path, path.name)
    assert (outcome.outcome, outcome.stored, len(outcome.lines)) == ("ok", True, 3)
    with portal.database.session() as session:
        assert runs.unfinished(session) == []


def test_only_file_portals_take_files(portal: Context) -> None:
    with portal.database.write() as session:
        portal_store.save(session, portal_store.Portal(name="Fetched", connector="duo"), portal.clock.now())
    with pytest.raises(InputError, match="takes no files"):
        uploads.accept_upload(portal, OPERATOR, "Fetched", GOOD, "x.csv")
    with pytest.raises(InputError, match="There is no portal"):
        uploads.inspect_upload(portal, OPERATOR, "Nope", GOOD, "x.csv")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("report.csv", "report.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a b.xlsx", "a_b.xlsx"),
        ("...", "file"),
        ("x" * 300 + ".csv", "x" * 76 + ".csv"),
        ("naïve café.csv", "na_ve_caf_.csv"),
    ],
)
def test_names_on_disk_cannot_lead_elsewhere(name: str, kept: str) -> None:
    assert safe_name(name) == kept
