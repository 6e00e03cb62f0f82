"""Who a page is drawn for: a session of ours, or the company's own sign-in with a role by group."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core.services import access, people
from core.services.access import Role
from tests.pages.conftest import ROOT, SECONDS, Pages, all_words, say

CLAIMS = {"is_logged_in": True, "iss": "https://login.example", "sub": "42", "name": "Sanne", "groups": ["msp-admins"]}


@pytest.fixture
def company(empty: Pages) -> Pages:
    """A workspace where the company's group `msp-admins` are operators."""
    people.save_oidc_groups(empty.context, access.SYSTEM, {"msp-admins": Role.OPERATOR})
    empty.tokens.clear()
    return empty


def visit(pages: Pages, claims: dict[str, object]) -> AppTest:
    pages.open()
    screen = AppTest.from_file(str(ROOT / "app.py"), default_timeout=SECONDS)
    screen.secrets["auth"] = {"client_id": "x"}
    screen.user = claims
    return screen.run()


def test_a_person_of_the_company_gets_the_role_of_the_group(company: Pages) -> None:
    screen = visit(company, CLAIMS)
    assert not screen.exception
    assert screen.title[0].value == say("Let us get the first sync going")
    assert screen.button(key="sync_now")
    assert screen.button(key="sign_out")
    rows = {row.name: (row.role, row.local) for row in people.list_people(company.context, access.SYSTEM)}
    assert rows["Sanne"] == (Role.OPERATOR, False)


def test_a_person_without_a_role_is_told_so(company: Pages) -> None:
    screen = visit(company, CLAIMS | {"groups": ["somebody-else"]})
    assert not screen.exception
    assert say("Your company account has no role here") in all_words(screen)
    assert not screen.button


def test_a_person_who_left_the_company_sign_in_is_shown_the_way_in(company: Pages) -> None:
    screen = visit(company, {"is_logged_in": False})
    assert not screen.exception
    assert say("Your session has ended") in all_words(screen)


def test_company_claims_are_worth_nothing_where_it_is_not_set_up(company: Pages) -> None:
    company.open()
    screen = AppTest.from_file(str(ROOT / "app.py"), default_timeout=SECONDS)
    screen.user = CLAIMS
    screen.run()
    assert say("Your session has ended") in all_words(screen)


def test_groups_and_roles_are_set_on_the_settings_page(empty: Pages) -> None:
    empty.open()
    screen = AppTest.from_file(str(ROOT / "app.py"), default_timeout=SECONDS)
    screen.secrets["auth"] = {"client_id": "x"}
    screen.run()
    screen.switch_page("pages/settings.py")
    screen.query_params["settings_view"] = "people"
    screen.run()
    screen.session_state["oidc_groups"] = {
        "edited_rows": {}, "added_rows": [{"group": "msp-admins", "role": "admin"}], "deleted_rows": [],
    }  # fmt: skip
    screen.run()
    screen.button(key="save_groups").click().run()
    assert not screen.exception
    assert not screen.error
    assert people.oidc_groups(empty.context, access.SYSTEM) == {"msp-admins": Role.ADMIN}


def test_a_session_that_was_ended_is_noticed_on_the_next_click(full: Pages, monkeypatch) -> None:
    screen = full.open("customers")
    people.sign_out(full.context, full.tokens["admin", "en"])
    monkeypatch.setattr("pages._ui.auth.RECHECK_SECONDS", 0.0)
    screen.button(key="accept_exact").click().run()
    assert not screen.exception
    assert say("Your session has ended") in all_words(screen)
    assert not screen.dataframe
