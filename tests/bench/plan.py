"""Measures the pure rules: processor seconds from usage to plan, for so many contract lines."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from core.domain.contract import (
    CatalogueItem,
    Company,
    Contract,
    ContractLine,
    ContractState,
    ItemRef,
    LineKind,
    LineRef,
    PeriodType,
    UnitRow,
)  # fmt: skip
from core.domain.mapping import CustomerKey, CustomerMapping, ProductKey, ProductRule, RuleSource, WorkspaceMapping
from core.domain.plan import Decisions
from core.domain.planner import make_plan
from core.domain.target import KnownLine, PortalUsage
from core.domain.targets import compute_targets
from core.domain.usage import UsageLine

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
TODAY = date(2026, 11, 20)
LINES_A_COMPANY = 30


def measure_plan(lines: int) -> dict[str, Any]:
    """CPU seconds of targets and plan; every twentieth line changes."""
    portals, mapping, state = _world(lines)
    begin = time.process_time()
    targets = compute_targets(portals, mapping, state, NOW, TODAY)
    between = time.process_time()
    plan = make_plan(targets, state, {}, Decisions(), TODAY)
    end = time.process_time()
    return {
        "lines": lines,
        "changes": len(plan.changes),
        "cpu seconds": round(end - begin, 3),
        "of which targets": round(between - begin, 3),
        "cpu seconds / 1 s allowed": round(end - begin, 3),
    }


def _world(lines: int) -> tuple[list[PortalUsage], WorkspaceMapping, ContractState]:
    start, end = date(2025, 11, 1), date(2027, 10, 31)
    companies = range(1, lines // LINES_A_COMPANY + 1)
    items = [ItemRef(LineKind.SERVICE, number) for number in range(1, LINES_A_COMPANY + 1)]
    contract_lines: dict[LineRef, ContractLine] = {}
    units: dict[LineRef, list[UnitRow]] = {}
    known: list[KnownLine] = []
    for company in companies:
        for item in items:
            number = company * 1000 + item.id
            ref = LineRef(LineKind.SERVICE, number)
            contract_lines[ref] = ContractLine(ref, company, item, Decimal("4.50"))
            quantity = number % 40 + 1
            units[ref] = [
                UnitRow(date(2026, 11, 1), date(2026, 11, 30), quantity),
                UnitRow(date(2026, 12, 1), end, quantity),
            ]
            used = quantity + (1 if number % 20 == 0 else 0)
            usage = UsageLine(
                customer_id=f"c{company}", customer=f"Customer {company}", product_key=f"p{item.id}",
                product=f"Product {item.id}", quantity=Decimal(used),
            )  # fmt: skip
            known.append(KnownLine(usage, True, NOW, NOW, number))
    state = ContractState(
        companies={number: Company(number, f"Company {number}") for number in companies},
        items={item: CatalogueItem(item, f"Service {item.id}") for item in items},
        contracts={number: Contract(number, number, "Beheer", start, end, PeriodType.MONTHLY) for number in companies},
        lines=contract_lines,
        units=units,
        units_known=frozenset(contract_lines),
    )
    mapping = WorkspaceMapping(
        customers={
            CustomerKey("P", f"c{number}"): CustomerMapping(
                CustomerKey("P", f"c{number}"), f"Customer {number}", number
            )
            for number in companies
        },
        rules=tuple(
            ProductRule(id=item.id, item=item, sources=(RuleSource(ProductKey("P", f"p{item.id}"), "quantity"),))
            for item in items
        ),
    )
    confirmed = {f"c{number}": NOW for number in companies}
    return [PortalUsage(portal="P", lines=tuple(known), read_at=NOW, confirmed_at=confirmed)], mapping, state
