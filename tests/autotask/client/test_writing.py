"""Adjustments and new lines: what is refused, what may be sent again, and what nobody knows (M4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest

from connectors.autotask import Autotask
from connectors.autotask.sandbox import SandboxData, SandboxServer
from core.domain.contract import ItemRef, LineKind, LineRef
from core.domain.errors import OutcomeUnknown, Refused, RemoteError, SettingsError
from core.domain.ports import Adjustment, NewLine

TODAY = date(2026, 11, 20)
Connect = Callable[..., Autotask]


@pytest.fixture
def line(data: SandboxData, server: SandboxServer) -> Adjustment:
    """A line of 5 units, and a change of 2 more from today on."""
    contract = data.contract(data.company("Acme B.V."))
    key = data.line(contract, data.service("MFA", 2.35, 1.15), 5)
    server.reset(data)
    return Adjustment(contract, LineRef(LineKind.SERVICE, key), TODAY, 2)


@pytest.mark.parametrize("item_id", ["null", "number"])
def test_units_change_from_the_date_on(
    item_id: str, line: Adjustment, server: SandboxServer, autotask: Autotask
) -> None:
    server.switches.adjustment_item_id = item_id
    autotask.adjust(line)

    assert (server.units(line.line.id, date(2026, 11, 19)), server.units(line.line.id, TODAY)) == (5, 7)
    (entry,) = server.adjustments()
    assert set(entry.values) >= {"contractID", "contractServiceID", "effectiveDate", "unitChange"}
    assert "allowRepeatService" not in {name for name, value in entry.values.items() if value}


def test_only_documented_fields_are_sent(
    line: Adjustment, data: SandboxData, server: SandboxServer, autotask: Autotask
) -> None:
    """A server that refuses unknown and read-only fields takes everything we send (reference §15)."""
    service, contract = data.service("Backup"), line.contract_id
    bundle = data.bundle("All", [service], 10.0)
    server.reset(data)
    server.switches.unknown_body_fields = "refuse"
    server.switches.read_only_fields = "refuse"

    autotask.adjust(replace(line, unit_price=Decimal("3.1"), unit_cost=Decimal("1.2")))
    added = autotask.add_line(NewLine(contract, ItemRef(LineKind.SERVICE, service), "from a test"))
    bundled = autotask.add_line(NewLine(contract, ItemRef(LineKind.BUNDLE, bundle)))
    autotask.adjust(Adjustment(contract, added, TODAY, 4))
    autotask.adjust(Adjustment(contract, bundled, TODAY, 6, unit_price=Decimal("9.95")))

    assert server.units(added.id, TODAY) == 4
    assert server.units(bundled.id, TODAY, "bundle") == 6
    assert autotask.prices([bundled])[bundled][0] == Decimal("9.95")


def test_price_and_cost_without_units(line: Adjustment, server: SandboxServer, autotask: Autotask) -> None:
    autotask.adjust(replace(line, unit_change=0, unit_price=Decimal("3.10"), unit_cost=Decimal("1.25")))

    assert server.units(line.line.id, TODAY) == 5
    assert autotask.prices([line.line])[line.line] == (Decimal("3.1"), Decimal("1.25"))


def test_the_cost_of_a_bundle_is_not_ours_to_change(
    line: Adjustment, server: SandboxServer, autotask: Autotask
) -> None:
    with pytest.raises(SettingsError):
        autotask.adjust(replace(line, line=LineRef(LineKind.BUNDLE, 1), unit_cost=Decimal(1)))
    assert server.requests() == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"unit_change": -6}, "negative"),
        ({"effective_date": date(2030, 1, 1)}, "outside_contract"),
        ({"effective_date": date(2025, 1, 1)}, "same_day"),
        ({"unit_change": -5}, "zero"),
        ({"effective_date": date(2026, 11, 2)}, "posted"),
    ],
)
def test_a_refusal_is_told_by_its_reason_and_not_repeated(
    change: dict[str, object], reason: str, line: Adjustment, server: SandboxServer, autotask: Autotask
) -> None:
    server.switches.zero_units = "refuse"
    if reason == "posted":
        server.switches.posted_period = "refuse"
        server.sandbox.post_period(TODAY)
    before = server.ledger()

    with pytest.raises(Refused) as raised:
        autotask.adjust(replace(line, **change))

    assert raised.value.reason == reason
    assert not raised.value.retryable
    assert server.ledger() == before
    assert autotask.requests_made == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("The logged in Resource does not have the adequate permissions to create this entity type.", "permission"),
        ("Reference value on field: contractID of type: Contract does not exist or is invalid.", "inactive_reference"),
        ("Value does not reference an existing entity for contractServiceID . ", "inactive_reference"),
        ("Attempt to insert duplicate data into contract_service_bundle_period.", "same_day"),
        ("The moon is full.", "other"),
    ],
)
def test_refusals_by_their_text(
    text: str, reason: str, line: Adjustment, server: SandboxServer, autotask: Autotask
) -> None:
    server.faults.add(action="errors", text=text, operation="write")
    with pytest.raises(Refused, match=r"The API user|Something|already|Autotask refuses") as raised:
        autotask.adjust(line)
    assert raised.value.reason == reason
    assert raised.value.detail == text


@pytest.mark.parametrize("action", ["drop", "truncate", "malformed", "html", "empty", "status"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_m4_without_a_clear_answer_the_outcome_is_unknown_and_nothing_is_sent_again(
    action: str, when: str, line: Adjustment, server: SandboxServer, autotask: Autotask
) -> None:
    server.faults.add(action=action, when=when, operation="write", times=None)

    with pytest.raises(OutcomeUnknown):
        autotask.adjust(line)

    assert len(server.faults.fired) == 1
    assert len(server.adjustments()) in (0, 1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_m4_a_time_out_of_a_write_is_unknown(
    when: str, line: Adjustment, server: SandboxServer, connected: Connect
) -> None:
    server.faults.add(action="hold", when=when, operation="write", times=None)
    with pytest.raises(OutcomeUnknown):
        connected(read_timeout=1.0).adjust(line)
    assert len(server.faults.fired) == 1


@pytest.mark.parametrize("status", [429, 500])
def test_a_write_refused_by_the_thread_limit_is_sent_again(
    status: int, line: Adjustment, server: SandboxServer, autotask: Autotask
) -> None:
    server.switches.thread_limit_status = status
    server.faults.add(action="thread_limit", operation="write", times=2)
    autotask.adjust(line)
    assert len(server.adjustments()) == 1
    assert server.units(line.line.id, TODAY) == 7


def test_a_database_trouble_on_a_write_is_unknown(line: Adjustment, server: SandboxServer, autotask: Autotask) -> None:
    server.faults.add(action="errors", text="Execution Timeout Expired.", when="after", operation="write")
    with pytest.raises(OutcomeUnknown):
        autotask.adjust(line)


def test_no_connection_means_that_nothing_happened(line: Adjustment, server: SandboxServer, connected: Connect) -> None:
    server.stop()
    with pytest.raises(RemoteError) as raised:
        connected(attempts=2).adjust(line)
    assert (raised.value.kind, raised.value.retryable) == ("not_sent", True)
    assert not isinstance(raised.value, OutcomeUnknown)
    server.start()
    assert server.adjustments() == []


def test_writes_go_on_where_the_server_comes_back(line: Adjustment, server: SandboxServer, autotask: Autotask) -> None:
    autotask.units(TODAY, TODAY, lines=[line.line])
    server.stop()
    server.start()
    autotask.adjust(line)
    assert server.units(line.line.id, TODAY) == 7


def test_a_line_is_added_once(data: SandboxData, server: SandboxServer, autotask: Autotask) -> None:
    item = ItemRef(LineKind.SERVICE, data.service("MFA"))
    contract = data.contract(data.company("Acme B.V."))
    server.reset(data)

    first = autotask.add_line(NewLine(contract, item, "x" * 300))
    again = autotask.add_line(NewLine(contract, item))

    assert first == again
    (line,) = autotask.lines()
    assert (line.ref, line.item, line.description) == (first, item, "x" * 100)


@pytest.mark.parametrize("action", ["drop", "malformed", "status"])
def test_m4_adding_again_after_an_unknown_outcome_finds_the_line(
    action: str, data: SandboxData, server: SandboxServer, autotask: Autotask
) -> None:
    new = NewLine(data.contract(data.company("Acme B.V.")), ItemRef(LineKind.SERVICE, data.service("MFA")))
    server.reset(data)
    server.faults.add(action=action, when="after", operation="create")

    with pytest.raises(OutcomeUnknown):
        autotask.add_line(new)
    added = autotask.add_line(new)

    assert [line.ref for line in autotask.lines()] == [added]


def test_a_line_that_is_said_to_be_there_and_is_not(
    data: SandboxData, server: SandboxServer, autotask: Autotask
) -> None:
    new = NewLine(data.contract(data.company("Acme B.V.")), ItemRef(LineKind.SERVICE, data.service("MFA")))
    server.reset(data)
    server.faults.add(action="ignore_write", operation="create")
    with pytest.raises(OutcomeUnknown):
        autotask.add_line(new)


def test_m9_a_service_that_stands_twice_on_a_contract_is_not_guessed(
    data: SandboxData, server: SandboxServer, autotask: Autotask
) -> None:
    service, contract = data.service("MFA"), data.contract(data.company("Acme B.V."))
    lines = [data.line(contract, service, units) for units in (1, 2)]
    server.reset(data)
    with pytest.raises(Refused, match="2 times"):
        autotask.add_line(NewLine(contract, ItemRef(LineKind.SERVICE, service)))

    autotask.adjust(Adjustment(contract, LineRef(LineKind.SERVICE, lines[1]), TODAY, 5))
    assert [server.units(line, TODAY) for line in lines] == [1, 7]


def test_days_are_plain_dates(line: Adjustment, server: SandboxServer, autotask: Autotask) -> None:
    days = [date(2026, 11, 1), date(2026, 11, 30), date(2026, 12, 31)]
    for day in days:
        autotask.adjust(replace(line, effective_date=day, unit_change=1))
    assert [entry.values["effectiveDate"][:10] for entry in server.adjustments()] == [day.isoformat() for day in days]
    counts = [server.units(line.line.id, day) for day in days]
    assert all(later - earlier == 1 for earlier, later in pairwise(counts))
