"""Autotask's limits: requests at the same time per entity, and requests per hour (M16)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from connectors.autotask import Autotask
from connectors.autotask.limits import Gate, HourlyMeter, guard_budget
from connectors.autotask.sandbox import SandboxData, SandboxServer
from core.domain.contract import LineKind, LineRef
from core.domain.errors import RateLimited
from core.domain.ports import Adjustment, ApiBudget

TODAY = date(2026, 11, 20)
Connect = Callable[..., Autotask]


def test_m16_the_thread_limit_is_never_reached_by_many_clients_of_one_process(
    data: SandboxData, server: SandboxServer, connected: Connect
) -> None:
    """Three clients, twelve threads, reads and writes; Autotask frees a slot a little after it answered."""
    company, service = data.company("Acme B.V."), data.service("MFA")
    lines = []
    for _ in range(12):
        contract = data.contract(company)
        lines.append((contract, LineRef(LineKind.SERVICE, data.line(contract, service, 1))))
    server.reset(data)
    server.switches.latency = 0.01
    server.switches.slot_release_delay = 0.003
    clients = [connected() for _ in range(3)]

    def work(number: int) -> None:
        autotask, (contract, line) = clients[number % 3], lines[number]
        autotask.companies()
        autotask.units(TODAY, TODAY, lines=[line])
        autotask.adjust(Adjustment(contract, line, TODAY, 1))

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(12)))

    assert [entry.status for entry in server.requests() if entry.status != 200] == []
    peaks = server.sandbox.gate.peak
    assert 2 <= peaks["ContractServiceAdjustments"] <= max(peaks.values()) <= 3
    assert len(server.adjustments()) == 12


def test_the_gate_lets_two_through_per_entity_and_others_pass() -> None:
    gate, inside, peak = Gate(), [0], [0]
    lock = threading.Lock()

    def enter() -> None:
        with gate.enter(("Lines", "Contracts"), 2):
            with lock:
                inside[0] += 1
                peak[0] = max(peak[0], inside[0])
            time.sleep(0.01)
            with lock:
                inside[0] -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: enter(), range(16)))
    assert (peak[0], inside[0]) == (2, 0)


def test_the_meter_adds_own_requests_to_what_autotask_told() -> None:
    meter = HourlyMeter()
    for _ in range(5):
        meter.count()
    assert (meter.look(10_000).used, meter.look(10_000).limit) == (5, 10_000)
    meter.told(ApiBudget(limit=5000, used=1200, window_minutes=60))
    meter.count()
    look = meter.look(10_000)
    assert (look.used, look.limit, look.own, look.share) == (1201, 5000, 6, 1201 / 5000)


def test_the_question_is_due_for_one_caller_after_so_many_requests() -> None:
    meter = HourlyMeter()
    for _ in range(3):
        meter.count()
    assert not meter.claim_question(4)
    meter.count()
    assert [meter.claim_question(4), meter.claim_question(4)] == [True, False]


def test_bulk_reads_slow_down_then_stop() -> None:
    meter = HourlyMeter()
    meter.told(ApiBudget(limit=100, used=80, window_minutes=60))
    started = time.monotonic()
    guard_budget(meter.look(1), slow_share=0.75, refuse_share=0.9, slow_pause=0.05)
    assert time.monotonic() - started >= 0.05
    meter.told(ApiBudget(limit=100, used=95, window_minutes=60))
    with pytest.raises(RateLimited, match="95 of 100"):
        guard_budget(meter.look(1), slow_share=0.75, refuse_share=0.9, slow_pause=0.05)


def test_near_the_hourly_limit_changes_go_on_and_bulk_reads_do_not(
    data: SandboxData, server: SandboxServer, autotask: Autotask
) -> None:
    contract = data.contract(data.company("Acme B.V."))
    line = LineRef(LineKind.SERVICE, data.line(contract, data.service("MFA"), 1))
    server.reset(data)
    server.switches.usage_latency_scale = 0
    server.switches.hourly_limit = 20
    while server.sandbox.gate.used() < 15:
        autotask.prices([line])
    assert autotask.budget().limit == 20
    for _ in range(2):
        autotask.prices([line])

    with pytest.raises(RateLimited):
        autotask.companies()
    autotask.adjust(Adjustment(contract, line, TODAY, 1))
    assert server.units(line.id, TODAY) == 2


def test_autotask_is_asked_for_the_budget_now_and_then(server: SandboxServer, connected: Connect) -> None:
    autotask = connected(ask_every=5)
    for _ in range(12):
        autotask.companies()
    assert 2 <= autotask.requests_by_entity["ThresholdInformation"] <= 3
    assert autotask.meter().used == server.sandbox.gate.used()
    assert autotask.requests_made == len(server.requests())


def test_a_budget_that_cannot_be_asked_does_not_stop_reading(server: SandboxServer, connected: Connect) -> None:
    server.faults.add(action="errors", text="No.", entity="ThresholdInformation", times=None)
    autotask = connected(ask_every=1)
    assert [autotask.companies() for _ in range(4)] == [[]] * 4


def test_the_hourly_limit_of_autotask_is_waited_for_and_told(server: SandboxServer, connected: Connect) -> None:
    server.switches.hourly_limit = 1
    server.switches.usage_latency_scale = 0
    autotask = connected(attempts=2)
    autotask.companies()
    with pytest.raises(RateLimited):
        autotask.billing_codes()
