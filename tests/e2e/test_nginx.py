"""Behind a real nginx with TLS, configured as `deploy/` shows: on a host of its own, and below a path of another's."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core import bootstrap
from core.services import portals, webhooks
from core.services.access import SYSTEM
from core.settings import Settings
from core.store import audit
from tests.e2e.conftest import watched
from tests.e2e.journey import PASSWORD, settle, sign_in
from tests.e2e.nginx import HOST, VISITOR, client, nginx
from tests.web.hooks_server import SECRET, sign
from tests.web.test_sign_in import form_token

EXPORT = (
    "Customer;Product;Quantity\nACME BV;Microsoft 365 Business Premium;31\nNoord BV;Microsoft 365 Business Basic;4\n"
)
BODY = b'{"customers":[{"id":"C-001","products":[{"sku":"M365-BP","quantity":25}]}]}'

pytestmark = pytest.mark.browser
ALLOWED = {"CONTRACTBRIDGE_ALLOWED_HOSTS": HOST}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("product", "example", "below"),
    [
        (ALLOWED, "nginx.conf", ""),
        ({**ALLOWED, "STREAMLIT_SERVER_BASE_URL_PATH": "portal"}, "nginx-sub-path.conf", "/portal"),
    ],
    indirect=["product"],
    ids=["own host", "sub-path"],
)
def test_pages_sign_in_upload_and_webhooks_work_behind_nginx(
    browser: Browser, product, example: str, below: str, tmp_path: Path
) -> None:
    with nginx(example, tmp_path / "nginx", product.url) as outside:
        base = outside + below
        with watched(browser, outside) as screen:
            page = screen.page
            requested: list[str] = []
            page.on("websocket", lambda socket: requested.append(socket.url))
            first_administrator(page, base, below)
            assert requested
            assert all(url.startswith(base.replace("https", "wss") + "/") for url in requested), requested
            cookies_are_careful(page.context.cookies(), below)
            drop_a_file(page, tmp_path)
            sign_out_and_in_again(page, base)
        from_outside(base, outside, tmp_path)
        the_visitors_address_is_in_the_audit(base, tmp_path)
        webhook_comes_in(base, tmp_path)
    assert not screen.problems, "\n".join(screen.problems)
    assert "Traceback" not in product.log()


def go(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    settle(page)


def first_administrator(page: Page, base: str, below: str) -> None:
    page.goto(f"{base}/")
    assert page.url == f"{base}/auth/setup"
    page.fill("#name", "sanne")
    page.fill("#password", PASSWORD)
    page.fill("#repeat", PASSWORD)
    page.click("button[type=submit]")
    expect(page.get_by_role("heading", level=1)).to_have_text("Let us get the first sync going")
    assert page.url == f"{base}/"


def cookies_are_careful(cookies: list[dict[str, object]], below: str) -> None:
    ours = {str(cookie["name"]): cookie for cookie in cookies if str(cookie["name"]).startswith("contractbridge_")}
    session = ours["contractbridge_session"]
    assert session["secure"] is True
    assert session["httpOnly"] is True
    assert session["path"] == (below or "/"), "what else the host serves does not get it"
    assert all(cookie["secure"] for cookie in ours.values())


def drop_a_file(page: Page, folder: Path) -> None:
    export = folder / "Microsoft 365.csv"
    export.write_text(EXPORT, encoding="utf-8")
    go(page, "Portals")
    page.get_by_role("button", name="Drop a file", exact=True).first.click()
    settle(page)
    page.locator("input[type=file]").set_input_files(export)
    page.get_by_role("button", name="Go on", exact=True).first.click()
    settle(page)
    page.get_by_text("Yes: what is not in it is gone").click()
    settle(page)
    page.get_by_role("button", name="Accept 2 lines", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Microsoft 365")


def sign_out_and_in_again(page: Page, base: str) -> None:
    page.get_by_role("link", name="Sign out").click()
    expect(page).to_have_url(f"{base}/auth/login")
    page.goto(f"{base}/changes")
    expect(page).to_have_url(re.compile(re.escape(f"{base}/auth/login?next=")))
    page.get_by_role("link", name="Nederlands").click()
    page.get_by_role("link", name="English").click()
    sign_in(page, "sanne")
    expect(page).to_have_url(f"{base}/changes")
    settle(page)


def from_outside(base: str, outside: str, folder: Path) -> None:
    with client(folder / "nginx") as asking:
        alive = asking.get(f"{base}/healthz")
        assert alive.json() == {"status": "ok"}
        assert alive.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'self'" in alive.headers["content-security-policy"]
        assert asking.get(f"{base}/readyz").json()["status"] == "ready"
        assert asking.get(f"{base}/metrics").status_code == 404
        assert asking.get(f"{base}/healthz", headers={"host": "evil.example"}).status_code == 400
        entry = asking.get(f"{base}/", headers={"accept": "text/html"})
        assert (entry.status_code, entry.headers["location"]) == (303, f"{base.removeprefix(outside)}/auth/login")


def the_visitors_address_is_in_the_audit(base: str, home: Path) -> None:
    with client(home / "nginx") as asking:
        shown = asking.get(f"{base}/auth/login")
        fields = {"form_token": form_token(shown.text), "name": "sanne", "password": PASSWORD}
        assert asking.post(f"{base}/auth/login", data=fields).status_code == 303
    app = bootstrap.build(Settings(home=home, database_url="", secret_key=None))
    try:
        with app.context.database.session() as session:
            entries = [one for one in audit.export(session) if one.event == "person.signed_in"]
    finally:
        app.close()
    assert VISITOR in str(entries[-1].after)


def webhook_comes_in(base: str, home: Path) -> None:
    app = bootstrap.build(Settings(home=home, database_url="", secret_key=None))
    try:
        portals.create_portal(app.context, SYSTEM, "Sender", "webhook", settings={}, secrets={"secret": SECRET})
        address = webhooks.make_address(app.context, SYSTEM, "Sender")
    finally:
        app.close()
    moment = int(time.time())
    headers = {
        "content-type": "application/json", "webhook-id": "m1", "webhook-timestamp": str(moment),
        "webhook-signature": sign("m1", moment, BODY),
    }  # fmt: skip
    with client(home / "nginx") as asking:
        assert asking.get(f"{base}{address}").status_code == 200
        assert asking.post(f"{base}{address}", content=BODY, headers=headers).status_code == 202
        assert asking.post(f"{base}{address}", content=BODY + b" ", headers=headers).status_code == 401
