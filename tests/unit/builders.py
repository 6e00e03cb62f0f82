"""Small worlds for the rules: one call makes a company with contracts, lines and units, or a portal with usage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

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
)
from core.domain.mapping import CustomerKey, CustomerMapping, ProductKey, ProductRule, RuleSource, WorkspaceMapping
from core.domain.period import ONE_DAY, next_period_start
from core.domain.plan import Decisions, LineMemory, Plan
from core.domain.planner import make_plan
from core.domain.policy import Mode, Policy, When
from core.domain.target import NEVER, KnownLine, PortalUsage, Target
from core.domain.targets import compute_targets
from core.domain.usage import UsageLine

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
THIS_MONTH = date(2026, 11, 1)
NEXT_MONTH = date(2026, 12, 1)
MFA = ItemRef(LineKind.SERVICE, 500)
AT_ONCE = Policy(
    increase=When.TODAY, decrease=When.TODAY, max_change_percent=None, hold_to_zero=False, max_lines_down_percent=None
)
"""Changes count today and nothing is held: for tests of other rules."""


def line(number: int) -> LineRef:
    return LineRef(LineKind.SERVICE, number)


def contract(
    number: int = 1,
    company_id: int = 10,
    start: date = date(2026, 1, 1),
    end: date = date(2027, 12, 31),
    period: PeriodType = PeriodType.MONTHLY,
    *,
    active: bool = True,
) -> Contract:
    return Contract(number, company_id, f"Contract {number}", start, end, period, active)


def period_rows(home: Contract, booked: Mapping[date, int], posted_until: date | None = None) -> list[UnitRow]:
    """One row per billing period, split where units are booked to change; periods that start before `posted_until` are posted."""
    starts = {home.start, *(day for day in booked if home.start <= day <= home.end)}
    step = next_period_start(home, home.start)
    while step is not None and step <= home.end:
        starts.add(step)
        step = next_period_start(home, step)
    days = sorted(starts)
    rows: list[UnitRow] = []
    units = 0
    for index, day in enumerate(days):
        units = booked.get(day, units)
        end = (days[index + 1] - ONE_DAY) if index + 1 < len(days) else home.end
        rows.append(UnitRow(day, end, units, posted_until is not None and day < posted_until))
    return rows


def world(
    lines: Sequence[ContractLine],
    contracts: Sequence[Contract],
    units: Mapping[LineRef, Sequence[UnitRow]],
    companies: Sequence[Company] = (),
    items: Sequence[CatalogueItem] = (),
    unread: frozenset[LineRef] = frozenset(),
) -> ContractState:
    known = {c.id: c for c in companies} or {
        c.company_id: Company(c.company_id, f"Company {c.company_id}") for c in contracts
    }
    catalogue = (
        {i.ref: i for i in items}
        or {entry.item: CatalogueItem(entry.item, f"Service {entry.item.id}", unit_price=Decimal(2)) for entry in lines}
        or {MFA: CatalogueItem(MFA, "MFA", unit_price=Decimal(2))}
    )
    return ContractState(
        companies=known,
        items=catalogue,
        contracts={c.id: c for c in contracts},
        lines={entry.ref: entry for entry in lines},
        units={ref: tuple(rows) for ref, rows in units.items()},
        units_known=frozenset(entry.ref for entry in lines) - unread,
    )


def one_line(
    units: int | Mapping[date, int] = 10, *, posted_until: date | None = None, home: Contract | None = None
) -> ContractState:
    """Company 10 with one contract (1) and one line (100) of the service MFA at 2.50 a unit."""
    place = home or contract()
    booked = {place.start: units} if isinstance(units, int) else dict(units)
    entry = ContractLine(line(100), place.id, MFA, unit_price=Decimal("2.50"), unit_cost=Decimal("1.10"))
    return world([entry], [place], {entry.ref: period_rows(place, booked, posted_until)})


def target(units: int | None, policy: Policy = AT_ONCE, mode: Mode = Mode.AUTOMATIC, **fields: object) -> Target:
    """A target of line 100, as `compute_targets` would give it."""
    values: dict[str, object] = {
        "company_id": 10, "item": MFA, "line": line(100), "contract_id": 1, "units": units, "policy": policy, "mode": mode,
        "sources": (),
    }  # fmt: skip
    return Target(**(values | fields))  # type: ignore[arg-type]


def used(
    quantity: int | str | Decimal,
    customer: str = "acme",
    product: str = "mfa",
    *,
    present: bool = True,
    confirmed: datetime = NEVER,
    **fields: object,
) -> KnownLine:
    values: dict[str, object] = {
        "customer_id": customer, "customer": customer.title(), "product_key": product, "product": product.upper(),
        "quantity": Decimal(quantity),
    }  # fmt: skip
    return KnownLine(UsageLine(**(values | fields)), present, NOW - timedelta(days=30), confirmed)  # type: ignore[arg-type]


def portal(
    *lines: KnownLine, name: str = "Duo", policy: Policy = AT_ONCE, mode: Mode = Mode.AUTOMATIC, **fields: object
) -> PortalUsage:
    """A portal that was read wholly just now, unless `read_at` or `confirmed_at` say otherwise."""
    values: dict[str, object] = {
        "portal": name, "mode": mode, "policy": policy, "lines": lines, "read_at": NOW,
        "confirmed_at": {known.usage.customer_id: NOW for known in lines},
    }  # fmt: skip
    return PortalUsage(**(values | fields))  # type: ignore[arg-type]


def rule(
    number: int = 1, formula: str = "quantity", item: ItemRef = MFA, portal_name: str = "Duo", **fields: object
) -> ProductRule:
    values: dict[str, object] = {
        "id": number, "item": item, "formula": formula,
        "sources": (RuleSource(ProductKey(portal_name, "mfa"), "users"),),
    }  # fmt: skip
    return ProductRule(**(values | fields))  # type: ignore[arg-type]


def mapped(
    *rules: ProductRule, customers: Mapping[str, int | None] | None = None, portal_name: str = "Duo", **fields: object
) -> WorkspaceMapping:
    links = {"acme": 10} if customers is None else customers
    known = {
        CustomerKey(portal_name, name): CustomerMapping(CustomerKey(portal_name, name), name.title(), company_id)
        for name, company_id in links.items()
    }
    values: dict[str, object] = {"customers": known, "rules": rules or (rule(),)}
    return WorkspaceMapping(**(values | fields))  # type: ignore[arg-type]


def plan_of(
    portals: Sequence[PortalUsage],
    mapping: WorkspaceMapping,
    state: ContractState,
    *,
    memory: Mapping[LineRef, LineMemory] | None = None,
    decisions: Decisions | None = None,
    today: date = TODAY,
) -> Plan:
    """Both steps, as a sync does them."""
    targets = compute_targets(portals, mapping, state, NOW, today)
    return make_plan(targets, state, memory or {}, decisions or Decisions(), today)
