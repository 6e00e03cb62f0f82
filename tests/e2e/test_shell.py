"""What only a browser shows of the shell: the first visit after a start, sessions that end, a second window."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.journey import WITH_ADMIN, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.mark.parametrize("product", [WITH_ADMIN], indirect=True)
def test_the_shell_stands_around_any_page_and_a_session_ends_everywhere(screen, product) -> None:
    page = screen.page
    page.goto(f"{product.url}/customers?customers_status=pending")
    sign_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Which company is each portal customer?")
    expect(page.get_by_role("button", name="Sync now")).to_be_visible()
    expect(page.get_by_test_id("stSidebarNav").get_by_role("link", name="Consumption")).to_be_visible()

    second = page.context.new_page()
    second.goto(f"{product.url}/activity")
    second.get_by_role("link", name="Sign out").click()
    expect(second.get_by_role("heading")).to_have_text("Sign in")

    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Products").click()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    page.get_by_role("link", name="Sign in").click()
    expect(page.get_by_role("heading")).to_have_text("Sign in")
    assert not screen.problems, "\n".join(screen.problems)


@pytest.mark.parametrize("product", [WITH_ADMIN], indirect=True)
@pytest.mark.parametrize("screen", ["en"], indirect=True)
def test_s1_81_the_language_is_changed_at_once_and_kept(screen, product) -> None:
    page = screen.page
    page.goto(product.url)
    sign_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Let us get the first sync going")
    page.get_by_text("Nederlands", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Op weg naar de eerste synchronisatie")
    page.goto(f"{product.url}/changes")
    expect(page.get_by_role("heading", level=1)).to_have_text("Wat zou er op contracten veranderen?")
    assert not screen.problems, "\n".join(screen.problems)
