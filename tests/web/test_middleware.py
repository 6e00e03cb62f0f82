"""No page without a session; careful headers on everything; health and metrics for whoever watches."""

from __future__ import annotations

import pytest

from core.services import people
from core.web.address import SESSION_COOKIE

PASSWORD = "a long enough pass phrase"


@pytest.mark.parametrize("path", ["/", "/changes", "/settings", "/no-such-page"])
def test_a_page_without_a_session_leads_to_the_sign_in_page(web_with_admin, path: str) -> None:
    answer = web_with_admin.make_client().get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/auth/login")


def test_an_invented_or_ended_session_is_none(web_with_admin) -> None:
    client = web_with_admin.make_client()
    client.cookies.set(SESSION_COOKIE, "invented")
    assert client.get("/").status_code == 303
    token, _ = people.sign_in(web_with_admin.context, "admin", PASSWORD)
    client.cookies.set(SESSION_COOKIE, token)
    assert client.get("/").status_code == 200
    people.sign_out(web_with_admin.context, token)
    assert client.get("/").status_code == 303


def test_parts_of_streamlit_that_hold_no_data_are_served_without_a_session(web_with_admin) -> None:
    client = web_with_admin.make_client()
    assert client.get("/static/app.js").status_code == 200
    assert client.get("/_stcore/health").status_code == 200


def test_a_cookie_of_streamlits_own_sign_in_opens_nothing(web_with_admin) -> None:
    client = web_with_admin.make_client()
    client.cookies.set("_streamlit_user", "anything")
    assert client.get("/changes?signin=openid").status_code == 303


def test_over_https_the_browser_is_told_to_come_back_over_https_alone(web_with_admin) -> None:
    assert "strict-transport-security" not in web_with_admin.make_client().get("/healthz").headers
    behind = web_with_admin.make_client("https://testserver")
    assert behind.get("/auth/login").headers["strict-transport-security"] == "max-age=31536000"


def test_every_answer_has_careful_headers(web_with_admin) -> None:
    client = web_with_admin.make_client()
    for path in ("/", "/auth/login", "/healthz", "/static/app.js"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "object-src 'none'" in headers["content-security-policy"]


def test_sign_in_pages_are_not_kept_by_the_browser(web_with_admin) -> None:
    assert web_with_admin.make_client().get("/auth/login").headers["cache-control"] == "no-store"


def test_healthz_answers_without_the_database(web) -> None:
    web.app.close()
    assert web.make_client().get("/healthz").json() == {"status": "ok"}


def test_metrics_are_for_prometheus_and_tell_no_names(web_with_admin) -> None:
    answer = web_with_admin.make_client().get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "contractbridge_waiting 1.0" in answer.text  # Autotask is not connected yet
    assert 'contractbridge_portals{state="ok"} 0.0' in answer.text
    assert "admin" not in answer.text
