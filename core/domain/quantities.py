"""From usage lines to whole units: what one rule says for one company (M12), with every step told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from core.domain.errors import InputError
from core.domain.formula import compile_formula
from core.domain.mapping import ProductRule, Rounding
from core.domain.target import TargetSource
from core.domain.text import T, Text

NOTHING = Decimal(0)
SUM = "quantity"
"""The name under which every formula knows the sum of its sources."""

MOST_UNITS = 2**31 - 1
"""Autotask keeps units as whole numbers of 32 bits; so do the plan and the ledger. More than this is bytes, no seats."""
_ROUNDING = {Rounding.UP: ROUND_CEILING, Rounding.DOWN: ROUND_FLOOR, Rounding.NEAREST: ROUND_HALF_UP}


@dataclass(frozen=True, slots=True)
class Computed:
    """Units of one rule for one company, or the `problem` why there are none."""

    units: int | None
    explanation: tuple[Text, ...]
    problem: Text | None = None


def compute_units(rule: ProductRule, sources: Sequence[TargetSource]) -> Computed:
    """The units that these usage lines give by the rule. All sources gone is 0, whatever minimum or formula says."""
    if not any(source.line.present for source in sources):
        return Computed(0, (T("{product} is no longer in use: 0.", product=_products(sources)),))
    values = _values(rule, sources)
    steps = [_inputs(rule, values)]
    try:
        result = compile_formula(rule.formula, values).evaluate(values)
    except InputError as error:
        return Computed(None, tuple(steps), error.message)
    if rule.formula.strip() != SUM:
        steps.append(T("{formula} = {result}", formula=rule.formula, result=result))
    result = _within_limits(rule, result, steps)
    units, problem = _whole(rule, result, steps)
    return Computed(units, tuple(steps), problem)


def _values(rule: ProductRule, sources: Sequence[TargetSource]) -> dict[str, Decimal]:
    """Quantity per name of the formula; a source the company does not use counts 0."""
    values: dict[str, Decimal] = defaultdict(Decimal)
    for name in {source.name for source in rule.sources}:
        values[name] = NOTHING
    for source in sources:
        values[source.name] += source.line.quantity
    values[SUM] = sum((source.line.quantity for source in sources), NOTHING)
    return dict(values)


def _within_limits(rule: ProductRule, result: Decimal, steps: list[Text]) -> Decimal:
    if rule.included:
        result -= rule.included
        steps.append(T("less {included} included: {result}", included=rule.included, result=result))
    if rule.minimum is not None and result < rule.minimum:
        result = rule.minimum
        steps.append(T("at least {minimum}", minimum=rule.minimum))
    if rule.maximum is not None and result > rule.maximum:
        result = rule.maximum
        steps.append(T("at most {maximum}", maximum=rule.maximum))
    if result < 0:
        result = NOTHING
        steps.append(T("never below 0"))
    return result


def _whole(rule: ProductRule, result: Decimal, steps: list[Text]) -> tuple[int | None, Text | None]:
    """Whole units by the rule's rounding; a fraction without a rounding is a problem, never cut silently."""
    if result > MOST_UNITS:
        return None, too_many(result)
    if result == result.to_integral_value():
        return int(result), None
    rounding = _ROUNDING.get(rule.rounding)
    if rounding is None:
        return None, T("{result} is not a whole number, and no rounding is chosen.", result=result)
    units = int(result.to_integral_value(rounding))
    steps.append(T("rounded: {units}", units=units))
    return units, None


def too_many(units: Decimal | int) -> Text:
    """Why a line is left alone that should have more units than there can be."""
    return T("{units} is more than a contract line can have ({most}).", units=units, most=MOST_UNITS)


def _inputs(rule: ProductRule, values: dict[str, Decimal]) -> Text:
    """`users 12 + guests 3`, in the order of the rule."""
    names = dict.fromkeys(source.name for source in rule.sources)
    return T(
        "In use: {inputs}", inputs=tuple(T("{name} {quantity}", name=name, quantity=values[name]) for name in names)
    )


def _products(sources: Sequence[TargetSource]) -> str:
    return ", ".join(dict.fromkeys(source.line.usage.product for source in sources))
