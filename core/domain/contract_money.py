"""What contract lines bill and cost per month."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from core.domain.contract import ContractLine, ContractState, PeriodType

CENT = Decimal("0.01")
NOTHING = Decimal(0)


def cents(amount: Decimal) -> Decimal:
    """Rounded half up to cents, once (M12)."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def a_month(amount: Decimal | None, units: Decimal | int, period: PeriodType) -> Decimal | None:
    """So many units at an amount per period, per month, in cents. None without an amount or a grid; 0 units are always 0."""
    if not units:
        return NOTHING
    if amount is None or not period.months:
        return None
    return cents(amount * units / period.months)


def line_per_month(line: ContractLine, state: ContractState, amount: Decimal | None, units: int) -> Decimal | None:
    """The same for units of a contract line, on the grid of its contract."""
    contract = state.contracts.get(line.contract_id)
    return a_month(amount, units, contract.period_type if contract else PeriodType.UNKNOWN)
