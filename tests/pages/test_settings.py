"""Settings: Autotask with a test, people, one's own preferences, the workspace file."""

from __future__ import annotations

import pytest

from connectors.autotask.sandbox import SandboxServer
from core.i18n import translate
from core.services import access, autotask_settings, doctor, people
from pages._ui.formats import escape
from tests.pages.conftest import PASSWORD, Pages, all_words, say, table_with


def fill(screen, **fields: str):
    for name, value in fields.items():
        screen.text_input(key=f"autotask_{name}").set_value(value)
    return screen.form_submit_button[0].click().run()


def test_autotask_is_connected_and_tested(empty: Pages, sandbox: SandboxServer) -> None:
    known = sandbox.credentials
    screen = fill(
        empty.open("settings"),
        user=known.user_name,
        secret=known.secret,
        code=known.integration_code,
        url=sandbox.base_url,
    )
    assert not screen.error
    assert screen.success
    assert autotask_settings.autotask_settings(empty.context, access.SYSTEM).configured


def test_wrong_credentials_are_told_and_never_shown_again(empty: Pages, sandbox: SandboxServer) -> None:
    known = sandbox.credentials
    screen = fill(
        empty.open("settings"),
        user=known.user_name,
        secret="not the secret",
        code=known.integration_code,
        url=sandbox.base_url,
    )
    assert screen.error
    screen = empty.open("settings")
    assert screen.text_input(key="autotask_secret").value == ""
    assert screen.text_input(key="autotask_secret").placeholder == say("Stored; type to replace")
    assert "not the secret" not in all_words(screen)


def test_a_missing_field_is_named(empty: Pages) -> None:
    screen = fill(empty.open("settings", language="nl"), user="")
    assert screen.error
    assert not screen.exception


def test_m16_the_api_budget_is_shown_on_demand(full: Pages) -> None:
    screen = full.open("settings")
    assert not screen.progress
    screen.session_state["api_budget"] = True
    screen.run()
    assert not screen.exception


def test_people_are_listed_and_their_role_is_changed(empty: Pages) -> None:
    screen = empty.open("settings", settings_view="people")
    rows = list(table_with(screen, "role")["name"])
    index = rows.index("viewer-nl")
    screen.session_state[screen.data_editor[0].key] = {
        "edited_rows": {index: {"role": "operator"}}, "added_rows": [], "deleted_rows": [],
    }  # fmt: skip
    screen.run()
    screen.button(key="save_people").click().run()
    assert not screen.error
    changed = {row.name: row.role.value for row in people.list_people(empty.context, access.SYSTEM)}
    assert changed["viewer-nl"] == "operator"


@pytest.mark.parametrize("field", ["add_person", "new_password"])
def test_questions_about_people_open(empty: Pages, field: str) -> None:
    screen = empty.open("settings", settings_view="people")
    screen.button(key=field).click().run()
    assert not screen.exception
    assert not screen.error


def test_s1_81_the_own_way_of_writing_numbers_is_kept(empty: Pages) -> None:
    screen = empty.open("account")
    screen.selectbox(key="own_locale").set_value("de_DE")
    screen.form_submit_button[0].click().run()
    assert not screen.error
    actor = people.actor_of_token(empty.context, empty.tokens["admin", "en"])
    assert actor
    assert actor.locale == "de_DE"


def test_the_own_password_needs_the_old_one(empty: Pages) -> None:
    screen = empty.open("account")
    screen.text_input(key="own_old").set_value("wrong")
    screen.text_input(key="own_new").set_value("another long pass phrase")
    screen.form_submit_button[1].click().run()
    assert screen.error
    assert people.sign_in(empty.context, "admin-en", PASSWORD)


def test_the_workspace_is_exported_without_secrets(full: Pages) -> None:
    screen = full.open("settings", settings_view="workspace")
    assert not screen.exception
    assert screen.get("download_button")


def test_a_workspace_file_with_a_mistake_is_told_with_its_line(empty: Pages) -> None:
    screen = empty.open("settings", settings_view="workspace")
    screen.file_uploader[0].upload("workspace.yaml", b"portals:\n  - nam: Duo\n").run()
    screen.button(key="apply_workspace").click().run()
    assert screen.error
    assert not screen.exception
    assert "workspace" in screen.error[0].value


def test_a_workspace_file_is_applied(empty: Pages) -> None:
    screen = empty.open("settings", settings_view="workspace")
    content = (
        b"portals:\n  - name: Antivirus\n    connector: file\n    settings: {customer: A, product: B, quantity: C}\n"
    )
    screen.file_uploader[0].upload("workspace.yaml", content).run()
    screen.button(key="apply_workspace").click().run()
    assert not screen.error
    assert screen.success


def test_the_files_variables_cannot_name_what_the_product_is_set_up_with(empty: Pages, monkeypatch) -> None:
    monkeypatch.setenv("CONTRACTBRIDGE_SECRET_KEY", "the key of all secrets")
    screen = empty.open("settings", settings_view="workspace")
    content = b"portals:\n  - name: Antivirus\n    connector: file\n    settings: {customer: '${CONTRACTBRIDGE_SECRET_KEY}'}\n"
    screen.file_uploader[0].upload("workspace.yaml", content).run()
    screen.button(key="apply_workspace").click().run()
    assert "the key of all secrets" not in all_words(screen)
    assert screen.error


@pytest.mark.parametrize("language", ["en", "nl"])
def test_health_shows_what_the_doctor_finds_worst_first(full: Pages, language: str) -> None:
    (full.context.home / "secret.key").chmod(0o644)
    screen = full.open("settings", language=language, settings_view="health")
    assert not screen.exception
    shown = all_words(screen)
    found = {check.code: check for check in doctor.examine(full.context, access.SYSTEM)}
    assert found["key.open_to_others"].state == "wrong"
    assert [code for code in found if code in shown] == [], "codes are for scripts"
    told = {code: escape(translate(check.message, language)) for code, check in found.items()}
    places = [shown.index(told[code]) for code in ("key.open_to_others", "backup.none", "database.answers")]
    assert places == sorted(places)
    looked = screen.session_state["_health"][0]
    screen.button(key="health_again").click().run()
    assert screen.session_state["_health"][0] >= looked
    assert not screen.exception
