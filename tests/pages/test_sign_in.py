"""Who a page is drawn for: somebody with a session, who is asked once more before secrets and people change."""

from __future__ import annotations

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from core.services import access, autotask_settings, people
from core.services.access import Role
from core.store import sessions
from core.store.sessions import Limits
from tests.pages.conftest import PASSWORD, ROOT, SECONDS, Pages, all_words, say

LONG = Limits(timedelta(days=30), timedelta(days=30))


def long_ago(pages: Pages, role: str = "admin") -> None:
    """The person of this role signed in some time ago."""
    actor = people.actor_of_token(pages.context, pages.tokens[role, "en"])
    assert actor is not None
    pages.context.database.run(
        lambda session: sessions.confirm_session(session, actor.session, pages.context.clock.now() - timedelta(hours=2))
    )


def confirm(screen: AppTest, password: str = PASSWORD) -> AppTest:
    screen.text_input(key="confirm_password").set_value(password)
    return next(one for one in screen.button if one.label == say("Confirm")).click().run()


def ask_for_the_provider(screen: AppTest) -> AppTest:
    for name, value in {"issuer": "https://login.example.com", "client": "us", "secret_0": "of the provider"}.items():
        screen.text_input(key=f"openid_{name}").set_value(value)
    form = screen.text_input(key="openid_issuer").form_id
    return next(one for one in screen.button if one.form_id == form).click().run()


def test_who_has_no_session_is_shown_the_way_in(empty: Pages) -> None:
    empty.tokens.clear()
    screen = empty.open()
    assert not screen.exception
    assert say("Your session has ended") in all_words(screen)


def test_streamlits_own_sign_in_is_worth_nothing(empty: Pages) -> None:
    empty.tokens.clear()
    empty.open()
    screen = AppTest.from_file(str(ROOT / "app.py"), default_timeout=SECONDS)
    screen.secrets["auth"] = {"client_id": "x"}
    screen.user = {"is_logged_in": True, "iss": "https://login.example", "sub": "1", "groups": ["msp-admins"]}
    screen.run()
    assert say("Your session has ended") in all_words(screen)


def test_the_company_account_is_set_on_the_settings_page(empty: Pages) -> None:
    screen = ask_for_the_provider(empty.open("settings", settings_view="people"))
    assert not screen.exception
    assert not screen.error
    kept = people.openid_settings(empty.context, access.SYSTEM)
    assert (kept.configured, kept.issuer, kept.client_id) == (True, "https://login.example.com", "us")
    screen.session_state["oidc_groups"] = {
        "edited_rows": {}, "added_rows": [{"group": "msp-admins", "role": "admin"}], "deleted_rows": [],
    }  # fmt: skip
    screen.run()
    screen.button(key="save_groups").click().run()
    assert not screen.error
    assert people.oidc_groups(empty.context, access.SYSTEM) == {"msp-admins": Role.ADMIN}
    assert "of the provider" not in all_words(screen)


def test_before_people_change_the_person_is_asked_once_more_and_what_was_asked_for_goes_on(empty: Pages) -> None:
    long_ago(empty)
    screen = ask_for_the_provider(empty.open("settings", settings_view="people"))
    assert not people.openid_settings(empty.context, access.SYSTEM).configured
    screen = confirm(screen, "not the password")
    assert say("The password is not right.") in [error.value for error in screen.error]
    screen = confirm(screen)
    assert not screen.exception
    assert people.openid_settings(empty.context, access.SYSTEM).configured


def test_before_the_connection_to_autotask_changes_the_person_is_asked_and_what_was_typed_stays(empty: Pages) -> None:
    long_ago(empty)
    screen = empty.open("settings")
    for name in ("user", "secret", "code"):
        screen.text_input(key=f"autotask_{name}").set_value("something")
    screen.form_submit_button[0].click().run()
    assert screen.text_input(key="confirm_password")
    assert not autotask_settings.autotask_settings(empty.context, access.SYSTEM).configured
    screen = confirm(screen)
    assert screen.text_input(key="autotask_secret").value == "something"
    screen.text_input(key="autotask_url").set_value("http://127.0.0.1:9/")
    screen.form_submit_button[0].click().run()
    assert autotask_settings.autotask_settings(empty.context, access.SYSTEM).configured


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN])
def test_everybody_sees_the_own_sessions(empty: Pages, role: Role) -> None:
    screen = empty.open("account", role=role.value)
    assert not screen.exception
    (sessions_shown,) = screen.dataframe
    assert list(sessions_shown.value["current"]) == [say("this one")]
    assert screen.button(key="own_sessions_all")


def test_an_administrator_ends_somebodys_session(empty: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = empty.open("settings", settings_view="people")
    monkeypatch.setattr("pages._ui.account_sessions.grid.show", _choosing("viewer-en"))
    screen.run()
    screen.button(key="sessions_end").click().run()
    assert not screen.exception
    assert people.actor_of_token(empty.context, empty.tokens["viewer", "en"]) is None
    assert people.actor_of_token(empty.context, empty.tokens["viewer", "nl"]) is not None


def _choosing(person: str):
    """AppTest cannot choose a row of a table."""
    from types import SimpleNamespace

    def show(frame, *_: object, **__: object) -> object:
        return SimpleNamespace(selection=SimpleNamespace(rows=[list(frame["person"]).index(person)]))

    return show


def test_a_session_that_was_ended_is_noticed_on_the_next_click(full: Pages, monkeypatch) -> None:
    screen = full.open("customers")
    people.sign_out(full.context, full.tokens["admin", "en"])
    monkeypatch.setattr("pages._ui.auth.RECHECK_SECONDS", 0.0)
    screen.button(key="accept_exact").click().run()
    assert not screen.exception
    assert say("Your session has ended") in all_words(screen)
    assert not screen.dataframe
