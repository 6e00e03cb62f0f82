"""Charges in a real browser, as far as only a browser shows them: decided in dialogs, written to Autotask, followed to the ledger."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import expect

from connectors.autotask.sandbox import SandboxServer
from core import bootstrap
from core.services import access, demo, sync
from core.settings import Settings
from tests.e2e.journey import WITH_ADMIN, Journey, click_in_grid, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
ACME = "Acme B.V."


def seed(home: Path, sandbox: SandboxServer) -> None:
    known = sandbox.credentials
    app = bootstrap.build(Settings(home=home, database_url="", secret_key=None))
    try:
        demo.seed_demo(
            app.context,
            access.SYSTEM,
            demo.DemoAutotask(sandbox.base_url, known.user_name, known.secret, known.integration_code),
        )
        demo.map_customers(app.context, access.SYSTEM)
        sync.run_sync(app.context, access.SYSTEM, apply=False)
    finally:
        app.close()


def amounts(sandbox: SandboxServer) -> list[Decimal]:
    rows = sandbox.sandbox.state.tables["ContractCharges"].rows.values()
    return sorted(Decimal(str(row["billableAmount"])) for row in rows)


@pytest.mark.parametrize("product", [WITH_ADMIN], indirect=True)
@pytest.mark.parametrize("screen", ["en"], indirect=True)
def test_s1_61_s1_68_charges_are_approved_applied_and_followed(screen, product, sandbox: SandboxServer) -> None:
    seed(product.home, sandbox)
    journey, page = Journey(screen.page, product.url, "en"), screen.page
    page.goto(f"{product.url}/consumption?consumption_text=Acme")
    sign_in(page)
    expect(page.get_by_text(journey.say("Total: {amount}", amount="€335.30"))).to_be_visible()
    journey.no_sideways_scrolling()
    journey.press("Approve all {count} of this filter", count=3)
    journey.in_dialog("Approve all")
    journey.press("Apply {count} charges", count=3)
    expect(page.get_by_role("dialog").get_by_text("€335.30").first).to_be_visible()
    journey.in_dialog("Apply {count} charges", count=3)
    done = page.get_by_test_id("stMain").get_by_text(f"{journey.say('Done')} (3)")
    expect(done).to_be_visible()
    assert amounts(sandbox) == [Decimal("12.5"), Decimal("38.2"), Decimal("284.6")]

    dialog = page.get_by_role("dialog")
    click_in_grid(page, row=0, x=65, seen=lambda wait: expect(dialog).to_be_visible(timeout=wait))
    expect(dialog.get_by_text(journey.say("What it is made of"))).to_be_visible()
    expect(dialog.get_by_text(journey.say("Read back and verified"))).to_be_visible()
    assert not screen.problems, "\n".join(screen.problems)
    assert "Traceback" not in product.log()
