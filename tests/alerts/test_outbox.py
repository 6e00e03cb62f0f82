"""From a look to a message: raised once, told once a channel, again after failures, over another channel when one fails."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import event
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.domain.contract import Company
from core.domain.errors import InputError, OutcomeUnknown, RateLimited, RemoteError
from core.domain.finding import FindingKind
from core.domain.notice import Delivery, Refusal, Severity
from core.domain.text import T
from core.services import alerts
from core.services.access import SYSTEM, Actor, Role
from core.services.owners import new_owner
from core.services.paging import PageQuery
from core.services.reports import statements
from core.store import alert_outbox, directory, leases
from tests.alerts.conftest import Desk, make_desk
from tests.alerts.smtp_fake import Mailbox, mail_server
from tests.connectors.fakes import serving
from tests.services.money.world import NOW
from tests.store.conftest import ENGINES, database, url

__all__ = ["ENGINES", "database", "url"]


@pytest.fixture
def any_desk(url: str, tmp_path: Path) -> Iterator[Desk]:
    """The same on SQLite and on PostgreSQL."""
    one = make_desk(url, tmp_path)
    yield one
    one.ctx.database.dispose()


def gone() -> RemoteError:
    return RemoteError(T("Teams did not take the message."), retryable=False, kind="gone", status=404)


def test_s1_48_49_a_spike_is_raised_and_mailed_before_it_reaches_an_invoice(any_desk: Desk) -> None:
    desk = any_desk
    desk.mail()
    desk.read({("De Halm", "EDR"): 10, ("Smit", "EDR"): 100})
    desk.look()
    assert desk.open_titles() == []
    desk.clock.move(days=1)
    desk.read({("De Halm", "EDR"): 60, ("Smit", "EDR"): 101})
    for _ in range(3):
        desk.look()
        desk.deliver()
    assert desk.open_titles() == [
        "De Halm: EDR went up from 10 to 60.",
        "Pax: EDR went up from 110 to 161.",
    ]
    (notice,) = desk.post.to("smtp")
    assert str(notice.title) == "ContractBridge: 2 matters need attention"
    assert desk.states() == ["delivered"]
    desk.clock.move(days=1)
    desk.read({("De Halm", "EDR"): 60, ("Smit", "EDR"): 101})
    desk.look()
    assert desk.open_titles() == []


def test_a_cause_is_raised_again_after_it_was_resolved_and_told_again_when_worse(any_desk: Desk) -> None:
    desk = any_desk
    desk.mail()
    rule = next(one for one in alerts.rules(desk.ctx, SYSTEM) if one.kind == "unmapped")
    alerts.save_rule(desk.ctx, SYSTEM, rule.model_dump() | {"telling": "now"})
    for keys in (("a",), ("a", "b"), ("b",), ("b",)):
        desk.plan(*keys)
        desk.look()
        desk.deliver()
    assert [[str(notice.title)] for notice in desk.post.to("smtp")] == [["a is out."], ["b is out."]]
    desk.clock.move(hours=25)
    desk.plan("a", "b")
    desk.look()
    desk.deliver()
    assert [str(notice.title) for notice in desk.post.to("smtp")] == ["a is out.", "b is out.", "a is out."]
    page = alerts.alerts(desk.ctx, SYSTEM, PageQuery())
    assert [(one.state, one.times) for one in page.rows] == [("open", 1), ("open", 1), ("resolved", 1)]


def test_two_looks_at_once_raise_each_cause_once(any_desk: Desk) -> None:
    desk = any_desk
    desk.mail()
    alerts.rules(desk.ctx, SYSTEM)
    desk.plan(*(f"key {number}" for number in range(40)), kind=FindingKind.DRIFT)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: desk.look(), range(4)))
        list(pool.map(lambda _: desk.deliver(), range(4)))
    assert len(desk.open_titles()) == 40
    (notice,) = desk.post.to("smtp")
    assert len(notice.lines) == 40


def test_digests_gather_until_their_time(desk: Desk) -> None:
    desk.mail()
    for keys in (("a",), ("a", "b")):
        desk.plan(*keys)
        desk.look()
        desk.deliver()
        desk.clock.move(hours=1)
    assert desk.post.sent == []
    page = alerts.alerts(desk.ctx, SYSTEM, PageQuery())
    assert {(one.sent_at, one.due_at) for one in page.rows} == {(None, datetime(2026, 11, 21, 7, 0, tzinfo=UTC))}
    desk.clock.move(days=1)
    desk.deliver()
    (notice,) = desk.post.to("smtp")
    assert [str(line) for line in notice.lines] == ["a is out.", "b is out."]
    assert notice.severity is Severity.INFO


def test_a_digest_leaves_out_what_is_over_and_is_not_sent_for_nothing(desk: Desk) -> None:
    desk.mail()
    for keys in (("a", "b"), ("b",), ("a", "b"), ("b",)):
        desk.plan(*keys)
        desk.look()
    desk.clock.move(days=1)
    desk.deliver()
    assert [str(notice.title) for notice in desk.post.to("smtp")] == ["b is out."]
    for keys in (("b", "c"), ("b",)):
        desk.plan(*keys)
        desk.look()
    desk.clock.move(days=1)
    desk.deliver()
    assert desk.states() == ["delivered", "dropped"]


def test_a_failed_message_is_sent_again_with_the_same_id_and_text_and_over_restarts(desk: Desk) -> None:
    desk.mail()
    desk.post.errors["smtp"] = [
        RemoteError(T("busy"), retryable=True),
        OutcomeUnknown(T("no answer")),
        RateLimited(T("wait"), retry_after=900),
    ]
    desk.plan("a", kind=FindingKind.DRIFT)
    desk.look()
    for minutes in (0, 1, 5, 14, 2):
        desk.clock.move(minutes=minutes)
        desk.deliver()
        desk.deliver()
    assert len(desk.post.sent) == 3, "the server asked for a quarter of an hour and half an hour is the step"
    desk.clock.move(minutes=30)
    desk.deliver()
    assert len({message_id for _, _, message_id, _ in desk.post.sent}) == 1
    assert [str(notice.title) for notice in desk.post.to("smtp")] == ["a is out."] * 4
    assert desk.states() == ["delivered"]


def test_a_process_that_dies_while_it_sends_loses_nothing(desk: Desk) -> None:
    desk.mail()
    desk.post.errors["smtp"] = [KeyboardInterrupt()]  # type: ignore[list-item]
    desk.plan("a", kind=FindingKind.DRIFT)
    desk.look()

    def die(notice: object, message_id: str) -> Delivery:
        raise SystemExit

    alive = desk.ctx.channels
    object.__setattr__(desk.ctx, "channels", lambda spec: type("Dead", (), {"send": staticmethod(die)})())
    with pytest.raises(SystemExit):
        desk.deliver()
    assert desk.states() == ["sending"]
    desk.post.errors.clear()
    object.__setattr__(desk.ctx, "channels", alive)
    desk.deliver()
    assert desk.states() == ["delivered"]
    assert len(desk.post.sent) == 1


def test_teams_that_fails_for_good_falls_back_to_mail_unless_that_tells_it_anyway(desk: Desk) -> None:
    only = desk.teams()
    desk.mail()
    rule = next(one for one in alerts.rules(desk.ctx, SYSTEM) if one.kind == "drift")
    desk.post.errors["teams"] = [RemoteError(T("too large"), retryable=False, kind="too_large"), gone()]
    desk.plan("a", kind=FindingKind.DRIFT)
    desk.look()
    desk.deliver()
    desk.deliver()
    assert len(desk.post.to("smtp")) == 1
    alerts.save_rule(desk.ctx, SYSTEM, rule.model_dump() | {"channels": (only,)})
    desk.plan("a", "b", kind=FindingKind.DRIFT)
    desk.look()
    desk.clock.move(seconds=5)
    desk.deliver()
    desk.deliver()
    assert [str(notice.title) for notice in desk.post.to("smtp")] == ["a is out.", "b is out."]


def test_case_8_three_refusals_in_a_row_switch_the_channel_off_and_the_mail_says_so(desk: Desk) -> None:
    teams = desk.teams()
    desk.mail()
    desk.post.errors["teams"] = [gone(), gone(), gone()]
    for number in range(5):
        desk.plan(*(f"k{one}" for one in range(number + 1)), kind=FindingKind.DRIFT)
        desk.look()
        desk.clock.move(minutes=1)
        desk.deliver()
        desk.deliver()
    assert len(desk.post.to("teams")) == 3
    titles = [str(notice.title) for notice in desk.post.to("smtp")]
    assert "The channel Teams does not work and was switched off." in titles
    card = next(card for card in alerts.channels(desk.ctx, SYSTEM) if card.id == teams)
    assert (card.enabled, str(card.off_reason)) == (False, "Teams did not take the message.")
    alerts.switch_channel(desk.ctx, SYSTEM, teams, on=True)
    desk.look()
    assert "The channel Teams does not work and was switched off." not in desk.open_titles()


def test_a4_posts_to_one_address_keep_two_seconds_apart_and_20_in_5_minutes(desk: Desk) -> None:
    desk.teams()
    channel = alerts.channels(desk.ctx, SYSTEM)[0].id
    with desk.ctx.database.write() as session:
        for number in range(25):
            alert_outbox.put(session, channel, f"k{number}", "test", NOW, NOW)
    moments = []
    for _ in range(400):
        before = len(desk.post.sent)
        desk.deliver()
        moments += [desk.clock.now()] * (len(desk.post.sent) - before)
        desk.clock.move(seconds=1)
    assert len(moments) == 25
    assert min(later - earlier for earlier, later in pairwise(moments)) >= timedelta(seconds=2)
    assert moments[20] - moments[0] >= timedelta(minutes=5)


def test_recipients_that_were_busy_get_it_later_and_the_others_once(desk: Desk) -> None:
    desk.mail()
    busy = {"late@msp.example": Refusal(T("busy"), retryable=True), "no@msp.example": Refusal(T("unknown"))}
    desk.post.errors["smtp"] = [Delivery(delivered=True, refused=busy)]
    desk.plan("a", kind=FindingKind.DRIFT)
    desk.look()
    desk.deliver()
    desk.clock.move(minutes=2)
    desk.deliver()
    assert [spec.recipients for *_, spec in desk.post.sent] == [("ops@msp.example",), ("late@msp.example",)]


def test_what_was_raised_before_there_was_a_channel_is_told_by_the_first_one(desk: Desk) -> None:
    desk.plan("a", kind=FindingKind.DRIFT)
    desk.look()
    desk.mail()
    desk.look()
    desk.deliver()
    assert [str(notice.title) for notice in desk.post.to("smtp")] == ["a is out."]


def test_muting_needs_a_reason_and_switching_a_rule_off_ends_what_it_raised(desk: Desk) -> None:
    desk.plan("a", kind=FindingKind.DRIFT)
    desk.look()
    rule = desk.rule("drift")
    with pytest.raises(InputError):
        alerts.mute_rule(desk.ctx, SYSTEM, rule, NOW + timedelta(days=1))
    (shown,) = alerts.alerts(desk.ctx, SYSTEM, PageQuery()).rows
    alerts.mute_alert(desk.ctx, SYSTEM, shown.id, NOW + timedelta(days=3), "moving offices")
    (shown,) = alerts.alerts(desk.ctx, SYSTEM, PageQuery()).rows
    assert (shown.state, shown.mute_reason) == ("muted", "moving offices")
    alerts.switch_rule(desk.ctx, SYSTEM, rule, on=False)
    assert desk.open_titles() == []
    alerts.remove_rule(desk.ctx, SYSTEM, rule)
    assert "drift" not in {one.kind for one in alerts.rules(desk.ctx, SYSTEM)}, "it does not come back by itself"


def test_credentials_that_end_are_told_ahead(desk: Desk) -> None:
    desk.read({("De Halm", "EDR"): 1})
    alerts.set_credential_end(desk.ctx, SYSTEM, "Pax", date(2026, 12, 5))
    desk.look()
    assert desk.open_titles() == ["The credentials of Pax end on 2026-12-05."]
    alerts.set_credential_end(desk.ctx, SYSTEM, "Pax", date(2027, 12, 5))
    desk.look()
    assert desk.open_titles() == []


def test_statements_that_are_due_go_out_once_a_month_with_their_attachment(desk: Desk) -> None:
    desk.mail()
    desk.read({("De Halm", "EDR"): 4})
    with desk.ctx.database.write() as session:
        directory.save_companies(session, [Company(7, "Bakkerij De Halm")])
    statements.save_schedule(desk.ctx, SYSTEM, 7, day=20, recipients=["halm@example.com"], language="nl")
    for _ in range(3):
        alerts.queue_statements(desk.ctx, SYSTEM)
        desk.deliver()
    ((_, notice, _, spec),) = desk.post.sent
    assert (spec.recipients, spec.language) == (("halm@example.com",), "nl")
    assert notice.attachments[0].content.startswith(b"%PDF")
    assert notice.link == ""
    assert desk.states() == ["delivered"]


def test_roles_and_what_is_refused(desk: Desk) -> None:
    viewer = Actor(1, "Vera", Role.VIEWER)
    for forbidden in (
        lambda: alerts.save_rule(desk.ctx, viewer, {"kind": "drift"}),
        lambda: alerts.save_channel(desk.ctx, Actor(2, "Otto", Role.OPERATOR), 0, "smtp", {}, {}),
        lambda: alerts.evaluate(desk.ctx, viewer),
    ):
        with pytest.raises(Exception, match="role"):
            forbidden()
    with pytest.raises(InputError, match="e-mail"):
        alerts.save_channel(
            desk.ctx, SYSTEM, 0, "smtp", {"name": "x", "settings": {"host": "h", "sender": "s@x.nl"}}, {}
        )
    with pytest.raises(Exception, match="password"):
        values = {"name": "x", "settings": {"host": "h", "sender": "s@x.nl"}, "recipients": ["a@x.nl"]}
        alerts.save_channel(desk.ctx, SYSTEM, 0, "smtp", values, {})


def test_the_number_of_statements_does_not_follow_the_lines(desk: Desk) -> None:
    desk.mail()
    done: list[str] = []
    for engine in (desk.ctx.database.engine, desk.ctx.database._reader):
        event.listen(engine, "before_cursor_execute", lambda *given: done.append(given[2]))
    counts = []
    for lines in (3, 300):
        desk.clock.move(days=2)
        desk.read({(f"c{number}", "EDR"): 100 * lines for number in range(lines)})
        desk.plan(*(f"k{number}" for number in range(lines)), kind=FindingKind.DRIFT)
        before = len(done)
        desk.look()
        desk.deliver()
        counts.append(len(done) - before)
    assert counts[1] <= counts[0] + 3


def test_real_teams_and_real_mail_get_the_alert_in_the_language_of_the_channel(real_desk: Desk) -> None:
    async def flow(request: Request) -> Response:
        return Response(status_code=202, headers={"x-ms-workflow-run-id": "0858"})

    async def closed(request: Request) -> Response:
        return JSONResponse({"error": {"code": "WorkflowNotFound", "message": "sig=abcd"}}, 404)

    desk = real_desk
    alerts.save_public_url(desk.ctx, SYSTEM, "https://contracts.msp.example/")
    routes = [Route("/flow", flow, methods=["POST"]), Route("/closed", closed, methods=["POST"])]
    with serving(Starlette(routes=routes)) as server, mail_server(Mailbox()) as box:
        good, bad = desk.teams(f"{server.url}/flow?sig=abcd"), desk.teams(f"{server.url}/closed?sig=abcd", "Closed")
        values = {
            "name": "Mail", "settings": {**desk_mail(box)}, "recipients": ["ops@msp.example"], "language": "nl",
        }  # fmt: skip
        mail = alerts.save_channel(desk.ctx, SYSTEM, 0, "smtp", values, {})
        tests = [alerts.test_channel(desk.ctx, SYSTEM, number) for number in (good, bad, mail)]
        assert [test.ok for test in tests] == [True, False, True]
        assert "sig" not in f"{tests[1].message} {tests[1].remedy}"
        desk.clock.move(minutes=1)
        desk.plan("a", kind=FindingKind.DRIFT)
        desk.look()
        desk.deliver()
    card = next(one for one in alerts.channels(desk.ctx, SYSTEM) if one.id == good)
    assert (card.last_state, card.address) == ("accepted", "127.0.0.1 …abcd")
    mail_text = box.read().get_body(("plain",))
    assert mail_text is not None
    words = mail_text.get_content()
    assert "Ernst: Waarschuwing" in words
    assert "https://contracts.msp.example/changes?changes_view=findings&findings_status=drift" in words
    alerts.tell_appeared(desk.ctx, SYSTEM, good, appeared=False)
    assert next(one for one in alerts.channels(desk.ctx, SYSTEM) if one.id == good).appeared is False


def desk_mail(box: Mailbox) -> dict[str, object]:
    return {
        "host": "127.0.0.1",
        "port": box.port,
        "sender": "alerts@msp.example",
        "security": "none",
        "sign_in": "none",
    }


def test_what_this_process_left_behind_when_the_database_went_away_keeps_nobody_from_sending(desk: Desk) -> None:
    """Its lease could not be given back; another process's holds, this one's own does not."""
    desk.mail()
    desk.plan("a", kind=FindingKind.DRIFT)
    desk.look()
    for owner, sent in (("elsewhere|1|2|3", 0), (new_owner(), 1)):
        with desk.ctx.database.write() as session:
            session.execute(leases.LEASE.delete())
            assert leases.acquire(session, "alerts.sending", owner, desk.clock.now(), 600.0)
        desk.deliver()
        assert len(desk.post.sent) == sent
