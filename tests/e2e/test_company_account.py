"""The company account in a real browser, at a real provider: in by group, out there too, and asked again before people change."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests import oidc_provider
from tests.e2e.conftest import Product, watched
from tests.e2e.journey import PASSWORD, PATIENCE, WITH_ADMIN, settle, sign_in
from tests.oidc_provider import Provider

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
WORD = "of the company"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with oidc_provider.running() as running:
        running.add_person("sanne", WORD, ["msp-desk"])
        yield running


def at_the_company(page: Page) -> None:
    page.get_by_label("Name").fill("sanne")
    page.get_by_label("Password").fill(WORD)
    page.get_by_role("button", name="Sign in at the company").click()


def in_the_database(product: Product, statement: str) -> None:
    with sqlite3.connect(product.home / "contractbridge.db", timeout=PATIENCE / 1000) as database:
        database.execute(statement)
    database.close()


LONG_AGO = "UPDATE login_session SET confirmed_at = '2020-01-01 00:00:00.000000'"


def set_up(page: Page, product: Product, provider: Provider) -> None:
    """By the administrator, who signed in a while ago and is asked who it is before the secret is kept."""
    client = provider.add_client(f"{product.url}/auth/openid/done", after_sign_out=[f"{product.url}/auth/login"])
    page.goto(product.url)
    sign_in(page)
    # Before the page is opened: who sits there is remembered for some seconds.
    in_the_database(product, LONG_AGO)
    page.goto(f"{product.url}/settings?settings_view=people")
    page.get_by_text("Company account: provider").click()
    page.get_by_label("Address (issuer)").fill(provider.issuer)
    page.get_by_label("Client id").fill(client.id)
    page.get_by_label("Client secret").fill(client.secret)
    page.get_by_test_id("stForm").filter(has_text="Identity provider").get_by_role("button", name="Save").click()
    question = page.get_by_role("dialog")
    question.get_by_label("Your password").fill("not the password")
    question.get_by_role("button", name="Confirm").click()
    expect(question.get_by_text("The password is not right.")).to_be_visible()
    question.get_by_label("Your password").fill(PASSWORD)
    question.get_by_role("button", name="Confirm").click()
    expect(
        page.get_by_role("button", name="Try it in a new tab").or_(page.get_by_role("link", name="Try it"))
    ).to_be_visible()
    expect(page.get_by_label("Client secret")).to_have_value("")
    in_the_database(product, "INSERT INTO setting (name, value) VALUES ('oidc.groups', '{\"msp-desk\": \"admin\"}')")


def out_everywhere(here: Page, elsewhere: Page, product: Product) -> None:
    """One browser ends the sessions of all."""
    here.goto(f"{product.url}/account")
    sign_in(here)
    here.get_by_role("button", name="Sign out everywhere").click()
    here.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
    expect(here.get_by_text("Your session has ended")).to_be_visible()
    elsewhere.goto(f"{product.url}/changes")
    expect(elsewhere.get_by_role("heading")).to_have_text("Sign in")


@pytest.mark.parametrize("product", [WITH_ADMIN], indirect=True)
def test_the_company_account_from_setting_it_up_to_signing_out_there(browser, product, provider) -> None:
    with watched(browser, product.url) as admin, watched(browser, product.url) as other:
        set_up(admin.page, product, provider)
        out_everywhere(other.page, admin.page, product)
        assert not admin.problems + other.problems, "\n".join(admin.problems + other.problems)

    with watched(browser, product.url) as shown:
        page = shown.page
        page.goto(f"{product.url}/settings?settings_view=people")
        page.get_by_role("link", name="Sign in with the company account").click()
        at_the_company(page)
        expect(page.get_by_role("heading", level=1)).to_have_text("How is ContractBridge set up?")
        expect(page.get_by_text("sanne · administrator")).to_be_visible()

        in_the_database(product, LONG_AGO)
        page.goto(f"{product.url}/settings?settings_view=people")
        page.get_by_role("button", name="Add a person").click()
        question = page.get_by_role("dialog")
        with page.context.expect_page() as opened:
            question.get_by_role("link", name="Confirm with the company account").click()
        at_the_company(opened.value)
        expect(opened.value.get_by_role("heading")).to_have_text("Thank you, it is you.")
        opened.value.close()
        question.get_by_role("button", name="Go on").click()
        expect(page.get_by_role("dialog").get_by_role("button", name="Add")).to_be_visible()

        page.goto(f"{product.url}/account")
        expect(page.get_by_text("You sign in with the company account")).to_be_visible()
        settle(page)
        page.get_by_role("link", name="Sign out").click()
        expect(page.get_by_role("heading")).to_have_text("Sign in")
        assert any(path.startswith("/o/logout/?") for path in provider.asked)

        provider.tell("sanne", ["somebody-else"])
        page.get_by_role("link", name="Sign in with the company account").click()
        at_the_company(page)
        expect(page.get_by_role("alert")).to_contain_text("Your company account has no role here")
        expected = (provider.issuer.rpartition("/")[0], "status of 403")
        problems = [one for one in shown.problems if not any(part in one for part in expected)]
        assert not problems, "\n".join(problems)
