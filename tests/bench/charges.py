"""Measures charges: a month of consumption written to a sandbox over HTTP, and looked at again when nothing changed."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from connectors.autotask import AutotaskLimits
from core.services import charging as service
from core.store import migrate
from core.store.db import Database
from tests.services.charges.world import brings, charging, line
from tests.services.money.world import NOW, TODAY, SandboxData, SandboxServer, TestClock, World

PAGE = 500
CHARGES_A_CUSTOMER = 5
LINES_A_CHARGE = 10


def measure_charges(customers: int) -> dict[str, Any]:
    """Requests against the fewest there can be, and processor seconds of the plan alone for each thousand charges."""
    data = SandboxData(TODAY)
    companies = {f"C{number}": data.company(f"C{number}") for number in range(customers)}
    for company in companies.values():
        data.contract(company)
    charges = customers * CHARGES_A_CUSTOMER
    lines = [
        line(customer, f"r{number}", f"{number + 1}.{at:02d}3", service=f"s{number % CHARGES_A_CUSTOMER}")
        for at, customer in enumerate(companies)
        for number in range(CHARGES_A_CUSTOMER * LINES_A_CHARGE)
    ]
    with tempfile.TemporaryDirectory() as folder, SandboxServer(data, clock=lambda: NOW) as server:
        url = f"sqlite:///{folder}/bench.db"
        migrate.upgrade(url)
        world = World(Database(url), server, TestClock(), Path(folder), limits=AutotaskLimits())
        charging(world, companies, split="service", name="{group} {month}")
        began = time.perf_counter()
        brings(world, lines)
        imported = time.perf_counter() - began
        began = time.perf_counter()
        first = world.sync()
        written = time.perf_counter() - began
        began = time.perf_counter()
        again = world.sync()
        unchanged = time.perf_counter() - began
        with_target = world.autotask()
        began = time.process_time()
        plan = service.make_plan(world.ctx, with_target)
        planned = time.process_time() - began
        with_target.close()
        world.database.dispose()
    assert (first.charges["applied"], again.charges["unchanged"], plan.unchanged) == (charges, charges, charges)
    # Companies, contracts, services, bundles and their lines take some requests however few charges there are.
    fewest = charges + 3 * -(-charges // PAGE) + 12
    return {
        "charges": charges,
        "lines": len(lines),
        "import seconds": round(imported, 3),
        "seconds that write everything": round(written, 3),
        "seconds that find nothing to do": round(unchanged, 3),
        "requests of the first / fewest": round(first.autotask_requests / fewest, 3),
        "requests that find nothing to do": again.autotask_requests,
        "nothing to do / everything": round(unchanged / written, 3),
        "plan, cpu seconds / 1,000 charges": round(planned / charges * 1000, 3),
    }
