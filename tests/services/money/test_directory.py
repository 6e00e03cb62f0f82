"""Autotask is read in bulk: requests follow pages and changes, and what was read is never half (M16)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing

import pytest

from core.domain.contract import LineKind, LineRef
from core.domain.errors import RemoteError
from core.services import directory
from core.store import directory as store
from tests.services.money.world import TODAY, SandboxData, World


@pytest.fixture
def many(make_world: Callable[..., World], data: SandboxData) -> World:
    """30 companies with contracts of 40 lines each: 1,200 lines."""
    services = [data.service(f"S{number}") for number in range(40)]
    for number in range(30):
        contract = data.contract(data.company(f"C{number} BV"))
        for service in services:
            data.line(contract, service, 5)
    world = make_world(data)
    world.portal()
    world.map(
        {f"C{number}": 1001 + number for number in range(30)}, {f"P{number}": 301 + number for number in range(40)}
    )
    return world


def usage(units: Callable[[int, int], int]) -> dict[tuple[str, str], int]:
    return {(f"C{c}", f"P{p}"): units(c, p) for c in range(30) for p in range(40)}


def asked(world: World) -> Counter[str]:
    found = Counter({entity: sum(counts.values()) for entity, counts in world.server.request_counts().items()})
    world.server.sandbox.clear_requests()
    return found


def test_m16_requests_follow_pages_and_changes(many: World) -> None:
    many.says(usage(lambda c, p: 5))
    many.sync()
    asked(many)
    many.clock.move(hours=1)
    many.says(usage(lambda c, p: 6 if p == 0 else 5))
    assert many.sync().changes["applied"] == 30
    found = asked(many)
    pages = 3
    assert found["ContractServices"] == pages
    assert found["ContractServiceAdjustments"] == 30
    # A page for today, the rows of 30 lines until the contracts end, and one look back.
    assert found["ContractServiceUnits"] <= pages + 4
    assert sum(found.values()) <= 2 * pages + 30 + 4 + 6


def test_m16_a_sync_without_news_reads_pages_and_writes_nothing(many: World) -> None:
    many.says(usage(lambda c, p: 5))
    many.sync()
    asked(many)
    many.clock.move(hours=1)
    assert many.sync().changes["planned"] == 0
    found = asked(many)
    assert found["ContractServiceAdjustments"] == 0
    assert sum(found.values()) <= 2 * 3 + 6


def test_m16_only_contracts_that_matter_are_read(make_world: Callable[..., World], data: SandboxData) -> None:
    service = data.service("MFA")
    for number in range(30):
        contract = data.contract(data.company(f"C{number} BV"))
        for _ in range(60):
            data.line(contract, service, 1)
    world = make_world(data)
    world.portal()
    world.map({"C3": 1004}, {"users": service})
    world.sync()
    assert asked(world)["ContractServices"] == 1
    world.clock.move(hours=1)
    world.sync()
    assert asked(world)["ContractServices"] == 1


def test_a_contract_or_company_that_ends_is_seen_at_once(many: World) -> None:
    many.says(usage(lambda c, p: 5))
    many.sync()
    many.clock.move(hours=1)
    many.server.sandbox.edit("Contracts", 7001, status=0)
    many.server.sandbox.edit("Companies", 1002, isActive=False)
    many.says(usage(lambda c, p: 7 if p == 0 else 5))
    assert many.sync().changes["applied"] == 28
    assert {many.units(8001), many.units(8041)} == {5}


def test_what_is_gone_without_a_trace_is_forgotten_after_a_day(many: World) -> None:
    with closing(many.autotask()) as target:
        assert 1030 in directory.refresh(many.ctx, target, {1001}).companies
        many.server.sandbox.reset(SandboxData(TODAY))
        many.clock.move(hours=2)
        assert 1030 in directory.refresh(many.ctx, target, {1001}).companies
        many.clock.move(hours=23)
        assert 1030 not in directory.refresh(many.ctx, target, {1001}).companies


def test_a_clock_that_was_set_back_leads_to_a_whole_read(many: World) -> None:
    many.sync()
    many.clock.move(days=-2)
    asked(many)
    many.sync()
    with many.database.session() as session:
        states = store.states(session)
    assert states["companies"].full_read_at == many.clock.now()


def test_a_lookup_that_fails_is_not_an_empty_directory(many: World) -> None:
    with closing(many.autotask()) as target:
        directory.refresh(many.ctx, target, {1001, 1002})
        many.server.faults.add(action="status", entity="ContractServices", times=None)
        with pytest.raises(RemoteError):
            directory.refresh(many.ctx, target, {1001, 1002})
    with many.database.session() as session:
        assert len(store.load_state(session).lines) == 80


def test_units_are_known_only_of_lines_that_were_read(many: World) -> None:
    with closing(many.autotask()) as target:
        directory.refresh(many.ctx, target, {1001, 1002})
        state = directory.refresh(many.ctx, target, {1002})
    assert {state.lines[line].contract_id for line in state.units_known} == {7002}
    assert LineRef(LineKind.SERVICE, 8001) not in state.units_known
