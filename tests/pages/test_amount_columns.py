"""Columns of money on the preview of a file (S1-54, S1-61)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from core.services import access, portals
from core.store import consumption
from tests.pages.conftest import Pages

EXPORT = b"Customer,Service,Server,Cost,Cur,From\nAcme BV,VPS,web-01,10.50,EUR,2026-08-01\nAcme BV,VPS,web-01,-2,EUR,2026-09-01\n"


def test_s1_61_amounts_are_asked_for_only_when_the_file_has_some(empty: Pages) -> None:
    portals.create_portal(empty.context, access.SYSTEM, "Hosting", "file", settings={}, secrets={})
    screen = empty.open("portals", step="upload", portal="Hosting")
    screen.file_uploader[0].upload("hosting.csv", EXPORT).run()
    switch = next(one for one in screen.toggle if "amounts" in one.label)
    assert (switch.value, [box.label for box in screen.selectbox if box.label == "Amount"]) == (False, [])
    switch.set_value(True).run()

    def choose(label: str, heading: str) -> None:
        next(box for box in screen.selectbox if box.label == label).set_value(heading).run()

    choose("Customer", "Customer")
    choose("Product", "Service")
    choose("Amount", "Cost")
    choose("Currency", "Cur")
    choose("Description", "Server")
    choose("Start of the period", "From")
    screen.radio[0].set_value(False).run()
    assert not screen.exception
    screen.button(key="accept_upload").click().run()
    assert not screen.exception
    with empty.context.database.session() as session:
        stored = consumption.current(session)
    assert [(one.period_start, one.lines[0].resource, one.lines[0].amount) for one in stored] == [
        (date(2026, 8, 1), "web-01", Decimal("10.5")),
        (date(2026, 9, 1), "web-01", Decimal(-2)),
    ]
    kept = portals.portal_detail(empty.context, access.SYSTEM, "Hosting").settings
    assert (kept["amount"], kept["amounts"], kept["period_start"]) == ("Cost", True, "From")
