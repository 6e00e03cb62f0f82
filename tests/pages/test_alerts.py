"""The Alerts page: rules are made and muted, a channel is set up and tried, what was raised is told and muted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from streamlit.testing.v1 import AppTest

from core.services import alerts
from core.services.access import SYSTEM
from core.services.paging import PageQuery
from tests.alerts.smtp_fake import Mailbox, mail_server

from .conftest import Pages, Workspace, all_words, say, table_with


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_server(Mailbox()) as served:
        yield served


def mail(pages: Pages, box: Mailbox) -> int:
    settings = {"host": "127.0.0.1", "port": box.port, "sender": "a@msp.example", "security": "none", "sign_in": "none"}
    values = {"name": "Operations", "settings": settings, "recipients": ["ops@msp.example"], "language": "nl"}
    return alerts.save_channel(pages.context, SYSTEM, 0, "smtp", values, {})


def pressed(screen: AppTest, *keys: str) -> None:
    """AppTest draws the whole page each time: a dialog stays open as long as what opens it is pressed too."""
    for key in keys:
        screen.button(key=key).click()
    screen.run()


@pytest.mark.parametrize("language", ["en", "nl"])
def test_an_empty_workspace_says_what_to_do_on_every_view(empty: Pages, language: str) -> None:
    expected = {
        "": say("Nothing was raised", language),
        "rules": say("Add a rule", language),
        "channels": say("Nobody is told yet", language),
        "deliveries": say("Nothing was sent", language),
    }
    for view, words in expected.items():
        screen = empty.open("alerts", language=language, alerts_view=view or "raised")
        assert not screen.exception
        assert not screen.error
        assert words in all_words(screen)


def test_viewers_have_no_such_page(empty: Pages) -> None:
    with pytest.raises(ValueError, match="navigation page"):
        empty.open("alerts", role="viewer")


def test_s1_50_a_rule_for_a_portal_and_product_is_made(planned: Pages) -> None:
    screen = planned.open("alerts", role="operator", alerts_view="rules")
    frame = table_with(screen, "limits")
    assert len(frame) == len(alerts.rules(planned.context, SYSTEM)) >= 19
    screen.button(key="add_rule").click().run()
    screen.selectbox(key="rule_portal").select_index(1)
    screen.selectbox(key="rule_severity").select_index(0)
    screen.number_input(key="rule_units").set_value(3)
    pressed(screen, "add_rule", "rule_save")
    assert not screen.exception
    made = alerts.rules(planned.context, SYSTEM)[-1]
    assert (made.portal != "", made.severity, made.units) == (True, "critical", 3)


def test_s1_49_a_channel_is_tried_and_its_address_asked_for(empty: Pages, box: Mailbox) -> None:
    number = mail(empty, box)
    screen = empty.open("alerts", alerts_view="channels")
    screen.button(key=f"channel_test_{number}").click().run()
    assert not screen.exception
    assert "took the mail" in screen.success[0].value
    assert box.read()["Subject"] == "Een test van ContractBridge"
    later = empty.open("alerts", alerts_view="deliveries")
    assert list(table_with(later, "channel")["channel"]) == ["Operations"]


def test_a_channel_is_set_up_in_the_form(empty: Pages) -> None:
    screen = empty.open("settings", settings_view="channels")
    screen.button(key="add_channel").click().run()
    screen.segmented_control(key="channel_kind").set_value("teams")
    pressed(screen, "add_channel")
    screen.text_input(key="channel_teams_secret_url").set_value("https://flows.example.com/x?sig=secret1234")
    pressed(screen, "add_channel", "channel_save")
    assert not screen.exception
    (card,) = alerts.channels(empty.context, SYSTEM)
    assert (card.kind, card.address) == ("teams", "flows.example.com …1234")
    assert "secret12" not in all_words(empty.open("alerts", alerts_view="channels"))


def test_what_was_raised_is_shown_and_can_be_muted(planned: Pages) -> None:
    screen = planned.open("alerts", role="operator", raised_status="open")
    frame = table_with(screen, "told")
    page = alerts.alerts(planned.context, SYSTEM, PageQuery(status="open"))
    assert len(frame) == page.total > 0
    assert not screen.exception


def test_other_views_stand_with_data_in_dutch(
    planned: Pages, box: Mailbox, pages_of: Callable[[Workspace], Pages]
) -> None:
    mail(planned, box)
    alerts.evaluate(planned.context, SYSTEM)
    alerts.deliver(planned.context)
    assert box.mails
    for view in ("raised", "rules", "channels", "deliveries"):
        screen = planned.open("alerts", language="nl", alerts_view=view)
        assert not screen.exception
        assert not screen.error


def test_the_overview_leads_to_the_alerts_that_go_on(planned: Pages) -> None:
    alerts.evaluate(planned.context, SYSTEM)
    count = sum(alerts.counts(planned.context, SYSTEM).values())
    assert count
    link = say("Ongoing alerts: {count}", "nl", count=count)
    assert link in labels_of_links(planned.open("overview", role="operator", language="nl"))
    assert not any(
        "meldingen" in label for label in labels_of_links(planned.open("overview", role="viewer", language="nl"))
    )


def labels_of_links(screen: AppTest) -> list[str]:
    return [str(element.proto.label) for element in screen.get("page_link")]
