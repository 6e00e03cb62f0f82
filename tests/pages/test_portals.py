"""Portals: cards, a file from drop to accept, schedule, mode and policy, connecting one by its form, credentials never shown."""

from __future__ import annotations

from core.domain.policy import Mode, When
from core.services import access, portals, uploads
from core.services.paging import PageQuery
from tests.pages.conftest import Pages, all_words, say, table_with

EXPORT = b"Customer,Product,Seats\nAcme BV,Backup,5\nBeta NV,Backup,7\n"


def test_s1_85_each_card_tells_its_kind_what_it_counts_and_how_fresh_it_is(full: Pages) -> None:
    words = all_words(full.open("portals"))
    assert say("All {count} portals are well", count=len(portals.list_portals(full.context, access.SYSTEM))) in words
    for part in ("Microsoft 365", "universal", "lines of", "waits for approval"):
        assert part in words


def test_s1_51_to_s1_54_a_file_becomes_lines(empty: Pages) -> None:
    screen = empty.open("portals")
    screen.button(key="first_file").click().run()
    screen.file_uploader[0].upload("Backup portal 2026-11.csv", EXPORT).run()
    assert screen.text_input(key="upload_name").value == "Backup portal"
    screen.form_submit_button[0].click().run()
    assert not screen.exception
    assert not screen.error
    assert say("Say whether such a file always holds everything of the portal.") in all_words(screen)
    screen.radio[0].set_value(True).run()
    preview = table_with(screen, "place")
    assert list(preview["customer"]) == ["Acme BV", "Beta NV"]
    assert list(preview["count"]) == ["5", "7"]
    assert [list(status) for status in preview["status"]] == [[say("Pending")], [say("Pending")]]
    screen.button(key="accept_upload").click().run()
    assert not screen.exception
    assert screen.title[0].value == "Backup portal"
    stored = uploads.list_uploads(empty.context, access.SYSTEM, PageQuery())
    assert [(row.name, row.lines, row.state) for row in stored.rows] == [("Backup portal 2026-11.csv", 2, "stored")]


def test_s1_55_the_next_file_is_recognised_in_another_order_of_columns(empty: Pages) -> None:
    settings = {"customer": "Customer", "product": "Product", "quantity": "Seats", "complete": True}
    portals.create_portal(empty.context, access.SYSTEM, "Backup", "file", settings=settings, secrets={})
    screen = empty.open("portals", step="upload", portal="Backup")
    screen.file_uploader[0].upload("other order.csv", b"Seats,Note,Product,Customer\n9,x,Backup,Acme BV\n").run()
    assert not screen.error
    preview = table_with(screen, "place")
    assert (preview["customer"][0], preview["count"][0]) == ("Acme BV", "9")


def test_the_very_same_file_is_recognised(empty: Pages) -> None:
    settings = {"customer": "Customer", "product": "Product", "quantity": "Seats", "complete": True}
    portals.create_portal(empty.context, access.SYSTEM, "Backup", "file", settings=settings, secrets={})
    uploads.accept_upload(empty.context, access.SYSTEM, "Backup", EXPORT, "first.csv")
    screen = empty.open("portals", step="upload", portal="Backup")
    screen.file_uploader[0].upload("first again.csv", EXPORT).run()
    assert screen.warning
    assert screen.button(key="accept_upload").disabled
    screen.checkbox[-1].check().run()
    assert not screen.button(key="accept_upload").disabled


def test_bad_input_names_the_place_and_nothing_is_stored(empty: Pages) -> None:
    portals.create_portal(empty.context, access.SYSTEM, "Backup", "file", settings={}, secrets={})
    screen = empty.open("portals", step="upload", portal="Backup", language="nl")
    screen.file_uploader[0].upload("empty.csv", b"").run()
    assert screen.error
    assert not screen.exception
    assert uploads.list_uploads(empty.context, access.SYSTEM, PageQuery()).total == 0


def test_s1_37_schedule_and_mode_are_saved(full: Pages) -> None:
    screen = full.open("portals", portal="Duo")
    screen.radio(key="mode_Duo").set_value(Mode.AUTOMATIC).run()
    screen.button(key="save_when").click().run()
    assert not screen.error
    assert portals.portal_detail(full.context, access.SYSTEM, "Duo").card.mode is Mode.AUTOMATIC


def test_m7_the_policy_is_saved(full: Pages) -> None:
    screen = full.open("portals", portal="Duo")
    screen.selectbox(key="policy_Duo_decrease").set_value(When.TODAY).run()
    screen.checkbox(key="policy_Duo_units_on").check().run()
    screen.number_input(key="policy_Duo_units").set_value(25).run()
    screen.button(key="save_policy").click().run()
    assert not screen.error
    policy = portals.portal_detail(full.context, access.SYSTEM, "Duo").policy
    assert (policy.decrease, policy.max_change) == (When.TODAY, 25)


def test_s1_84_a_portal_is_connected_by_the_form_of_its_settings(empty: Pages) -> None:
    connector = next(card for card in portals.list_connectors(empty.context, access.SYSTEM) if card.slug == "duo")
    screen = empty.open("portals", step="connect", connector="duo")
    assert say(str(connector.guide[0])) in all_words(screen).replace("\\", "")
    assert screen.button(key="connect_duo_save").disabled
    for field in connector.settings:
        if field.required and field.kind == "text":
            screen.text_input(key=f"connect_duo_{field.name}").set_value("api-1.duosecurity.com")
    for field in connector.secrets:
        screen.text_input(key=f"connect_duo_{field.name}").set_value("a secret value")
    screen.text_input(key="connect_duo_name").set_value("Duo MFA").run()
    screen.button(key="connect_duo_save").click().run()
    assert not screen.error
    detail = portals.portal_detail(empty.context, access.SYSTEM, "Duo MFA")
    assert detail.secrets_set == {field.name for field in connector.secrets}
    assert detail.schedule
    assert screen.title[0].value == "Duo MFA"
    assert all(not box.value for box in screen.text_input if box.key.startswith("secrets_"))
    assert "a secret value" not in all_words(screen)


def test_a_portal_that_cannot_be_reached_says_why(empty: Pages) -> None:
    connector = next(card for card in portals.list_connectors(empty.context, access.SYSTEM) if card.slug == "duo")
    screen = empty.open("portals", step="connect", connector="duo", language="nl")
    for field in connector.settings:
        if field.required and field.kind == "text":
            screen.text_input(key=f"connect_duo_{field.name}").set_value("not an address of Duo")
    for field in connector.secrets:
        screen.text_input(key=f"connect_duo_{field.name}").set_value("x")
    screen.text_input(key="connect_duo_name").set_value("Duo").run()
    screen.button(key="connect_duo_test").click().run()
    assert screen.error
    assert not screen.exception


def test_a_paused_portal_says_so(full: Pages) -> None:
    screen = full.open("portals", portal="Duo")
    screen.button(key="pause").click().run()
    assert screen.button(key="pause").label == say("Go on")
    assert portals.portal_detail(full.context, access.SYSTEM, "Duo").card.state is portals.PortalState.PAUSED


def test_a_viewer_sees_the_settings_and_cannot_save_them(full: Pages) -> None:
    screen = full.open("portals", role="viewer", portal="Duo")
    assert not screen.exception
    keys = {button.key for button in screen.button}
    assert not keys & {"save_when", "save_policy", "save_connection", "pause", "archive", "drop"}


def test_an_address_of_a_portal_that_is_gone_shows_all(full: Pages) -> None:
    screen = full.open("portals", portal="No such portal")
    assert not screen.exception
    assert say(
        "All {count} portals are well", count=len(portals.list_portals(full.context, access.SYSTEM))
    ) in all_words(screen)
