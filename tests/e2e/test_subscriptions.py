"""A new subscription mapped in the browser, against the sandbox: from the list to a line under the chosen contract (S4)."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from connectors.autotask.sandbox import SandboxServer
from core import bootstrap
from core.services import access, demo, people, sync
from core.services.access import Role
from core.services.demo_subscriptions import seed_subscriptions
from core.settings import Settings
from tests.e2e.journey import PASSWORD, Journey, click_in_grid, sign_in
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture
def workspace(product, sandbox: SandboxServer) -> None:
    """The demo's distributor beside the running product; customers are linked as far as that is plain, products are not."""
    app = bootstrap.build(Settings(home=product.home, database_url="", secret_key=None))
    known = sandbox.credentials
    demo.seed_demo(
        app.context,
        access.SYSTEM,
        demo.DemoAutotask(sandbox.base_url, known.user_name, known.secret, known.integration_code),
    )
    seed_subscriptions(app.context, access.SYSTEM)
    demo.map_customers(app.context, access.SYSTEM)
    sync.run_sync(app.context, access.SYSTEM, apply=False)
    people.add_person(app.context, access.SYSTEM, "sanne", PASSWORD, Role.ADMIN, language="en")
    app.close()


def new_lines(sandbox: SandboxServer, before: set[int]) -> list[dict]:
    return [line for line in sandbox.sandbox.records("ContractServices") if line["id"] not in before]


@pytest.mark.usefixtures("workspace")
def test_s4_09_s4_16_a_new_subscription_gets_its_contract_line(screen, product, sandbox: SandboxServer) -> None:
    page, journey = screen.page, Journey(screen.page, product.url, "en")
    before = {line["id"] for line in sandbox.sandbox.records("ContractServices")}
    page.goto(f"{product.url}/subscriptions?subscriptions_view=new&new_subscriptions_text=exchange+acme")
    sign_in(page, "sanne")
    page.goto(f"{product.url}/subscriptions?subscriptions_view=new&new_subscriptions_text=exchange+acme")
    asked = "On which contract does this subscription belong?"
    click_in_grid(page, row=0, x=30, seen=lambda wait: expect(journey.heading()).to_have_text(asked, timeout=wait))
    journey.settle()
    confirm = page.get_by_role("button", name="Put it on this contract")
    expect(confirm).to_be_disabled()
    journey.choose("Service", "Exchange Online (Plan 1)")
    expect(confirm).to_be_enabled()
    journey.no_sideways_scrolling()
    confirm.click()
    expect(page.get_by_text("is put on the contract in the background", exact=False)).to_be_visible()
    assert until(lambda: bool(new_lines(sandbox, before)))
    (line,) = new_lines(sandbox, before)
    contract = next(one for one in sandbox.sandbox.records("Contracts") if one["id"] == line["contractID"])
    assert contract["contractNumber"] == "MS-1001"
    expect(page.get_by_text("New (5)")).to_be_visible()
    journey.go("Subscriptions")
    journey.choose_view("New (5)")
    journey.no_sideways_scrolling()
    assert not screen.problems, "\n".join(screen.problems)
    assert "Traceback" not in product.log()
