"""Every page in each of its states: empty, full, for each role, in both languages, and when something goes wrong."""

from __future__ import annotations

import pytest

from core.domain.errors import RemoteError, SettingsError
from core.domain.text import T
from core.services import activity, mapping, overview, planning, portals, products, reports
from tests.pages.conftest import Pages, all_words, say

PAGES = ("overview", "portals", "customers", "products", "changes", "reports", "activity", "settings")
TITLES = {
    ("overview", "empty"): "Let us get the first sync going",
    ("portals", "empty"): "Where do the quantities come from?",
    ("customers", "empty"): "Which company is each portal customer?",
    ("products", "empty"): "Which service is each portal product?",
    ("changes", "empty"): "What would change on contracts?",
    ("reports", "empty"): "What was used, and when?",
    ("activity", "empty"): "What happened?",
    ("settings", "empty"): "How is ContractBridge set up?",
}


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("page", PAGES)
def test_an_empty_workspace_says_what_to_do_next(empty: Pages, page: str, language: str) -> None:
    screen = empty.open(page, language=language)
    assert not screen.exception
    assert not screen.error
    assert screen.title[0].value == say(TITLES[page, "empty"], language)


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("page", PAGES)
def test_a_full_workspace_answers_the_question_of_the_page(full: Pages, page: str, language: str) -> None:
    screen = full.open(page, language=language)
    assert not screen.exception
    assert not screen.error
    assert screen.title[0].value


@pytest.mark.parametrize("page", [page for page in PAGES if page != "settings"])
def test_a_viewer_looks_and_is_offered_nothing_else(full: Pages, page: str) -> None:
    screen = full.open(page, role="viewer")
    assert not screen.exception
    assert not screen.error
    keys = {button.key for button in screen.button}
    assert not keys & {
        "sync_now",
        "save_customers",
        "accept_exact",
        "save_products",
        "apply",
        "approve",
        "go_upload",
        "go_connect",
    }


def test_a_viewer_has_no_settings_page(full: Pages) -> None:
    screen = full.open("overview", role="viewer")
    with pytest.raises(ValueError, match="settings"):
        screen.switch_page("pages/settings.py")


def test_an_operator_has_no_settings_page(full: Pages) -> None:
    with pytest.raises(ValueError, match="settings"):
        full.open("overview", role="operator").switch_page("pages/settings.py")


@pytest.mark.parametrize("language", ["en", "nl"])
def test_who_has_no_session_is_shown_the_way_in(full: Pages, language: str) -> None:
    full.tokens.clear()
    screen = full.open()
    assert not screen.exception
    assert say("Your session has ended") in all_words(screen)
    assert "/auth/login" in all_words(screen)
    assert not screen.dataframe


CALLS = {
    "overview": (overview, "overview_rows"),
    "portals": (portals, "list_portals"),
    "customers": (mapping, "customers"),
    "products": (products, "products"),
    "changes": (planning, "changes"),
    "reports": (reports, "build"),
    "activity": (activity, "runs"),
}


@pytest.mark.parametrize("page", CALLS)
def test_an_expected_error_is_told_with_its_place_and_remedy(full: Pages, page: str, monkeypatch) -> None:
    module, name = CALLS[page]

    def fail(*_args: object, **_options: object) -> None:
        raise RemoteError(
            T("Autotask does not answer."), retryable=True, place="Autotask", remedy=T("Try it again in a minute.")
        )

    screen = full.open("overview" if page != "overview" else "customers", language="nl")
    monkeypatch.setattr(module, name, fail)
    screen.switch_page(f"pages/{page}.py").run()
    assert not screen.exception
    assert "Autotask" in screen.error[0].value
    assert "Try it again in a minute" in screen.error[0].value


@pytest.mark.parametrize("page", CALLS)
def test_a_mistake_of_ours_is_a_number_and_never_a_stack_trace(full: Pages, page: str, monkeypatch, caplog) -> None:
    module, name = CALLS[page]

    def fail(*_args: object, **_options: object) -> None:
        raise ZeroDivisionError("the secret inner workings")

    screen = full.open("overview" if page != "overview" else "customers")
    monkeypatch.setattr(module, name, fail)
    screen.switch_page(f"pages/{page}.py").run()
    assert not screen.exception
    assert "Something went wrong on our side" in screen.error[0].value
    assert "secret inner workings" not in all_words(screen)
    assert "Traceback" not in all_words(screen)


def test_a_setting_that_is_missing_names_itself(full: Pages, monkeypatch) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise SettingsError(T("The user name of the API user is needed."), place="user_name")

    screen = full.open("overview")
    monkeypatch.setattr(planning, "plan_head", fail)
    screen.switch_page("pages/changes.py").run()
    assert "user\\_name" in screen.error[0].value
