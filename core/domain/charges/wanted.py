"""The charges that one customer's consumption of one period should come to, and on which contract."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from core.domain.charges.keys import ChargeKey, key_of
from core.domain.charges.language import number, product_name
from core.domain.charges.plan import ChargeValues, Consumed
from core.domain.charges.pricing import exact_sum, in_cents, price_of
from core.domain.charges.settings import ChargeDate, ChargeSettings, settings_for
from core.domain.charges.splitting import Part, split_lines
from core.domain.charges.template import DESCRIPTION_LENGTH, NAME_LENGTH, facts, render
from core.domain.consumption import ConsumptionLine
from core.domain.contract import Contract
from core.domain.finding import Finding, FindingKind
from core.domain.text import Money, T, Text

_PLACE = re.compile(r"(.*)\|(\d{4}-\d\d-\d\d)\|[a-z_]+\|.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One charge as it should be."""

    key: ChargeKey
    title: str
    currency: str
    values: ChargeValues
    lines: tuple[ConsumptionLine, ...]


class CannotCharge(Exception):
    """Nothing of this customer and period is charged, for the reason of the finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding.message))
        self.finding = finding


def finding(
    kind: FindingKind,
    consumed: Consumed,
    message: Text,
    remedy: Text,
    *,
    company_id: int | None = None,
    candidates: tuple[tuple[str, str], ...] = (),
    about: str = "",
) -> Finding:
    """A finding about one customer and period."""
    parts = ("charge", consumed.portal, consumed.customer_id, str(consumed.period_start), kind.value, about)
    return Finding(
        kind=kind, key="|".join(parts), portal=consumed.portal, subject=consumed.customer, company_id=company_id,
        message=message, remedy=remedy, candidates=candidates,
    )  # fmt: skip


def place_of(one: Finding) -> tuple[str, str, date] | None:
    """Portal, customer id and first day of the period that a finding of charges is about; None for one about a whole portal."""
    found = _PLACE.fullmatch(one.key.removeprefix(f"charge|{one.portal}|"))
    return (one.portal, found[1], date.fromisoformat(found[2])) if found else None


def contract_of(
    consumed: Consumed, company_id: int, base: ChargeSettings, contracts: Mapping[int, Contract], used: Collection[int]
) -> Contract:
    """The company's contract for the period. `used` are contracts that have charges of it already: those stay there.

    Raises CannotCharge: none fits (leakage), or several do (M9).
    """
    first, last = consumed.period_start, consumed.period_end
    chosen = settings_for(base, consumed.customer_id).contract_id
    fitting = [
        one
        for one in contracts.values()
        if one.company_id == company_id and one.active and one.start <= last and one.end >= first
    ]
    named = [one for one in fitting if one.id == chosen] or [one for one in fitting if one.id in used]
    at_end = [one for one in fitting if one.valid_on(last)]
    best = named or at_end or fitting
    amount = exact_sum(line.amount for line in consumed.lines)
    if not best:
        raise CannotCharge(
            finding(
                FindingKind.NO_LINE, consumed, company_id=company_id,
                message=T("{customer} used {amount} from {first} to {last}, and no recurring service contract is "
                          "valid then.", customer=consumed.customer,
                          amount=Money(round(amount, 2), consumed.lines[0].currency if consumed.lines else ""),
                          first=first, last=last),
                remedy=T("Make or extend the contract in Autotask, or choose another company for this customer."),
            )
        )  # fmt: skip
    if len(best) > 1:
        raise CannotCharge(
            finding(
                FindingKind.AMBIGUOUS, consumed, company_id=company_id,
                message=T("{count} contracts of {customer} are valid from {first} to {last}.", count=len(best),
                          customer=consumed.customer, first=first, last=last),
                remedy=T("Choose the contract on the Consumption page."),
                candidates=tuple((str(one.id), one.name) for one in sorted(best, key=lambda one: one.id)),
            )
        )  # fmt: skip
    return best[0]


def wanted_charges(consumed: Consumed, base: ChargeSettings, contract: Contract, company_id: int) -> list[Wanted]:
    """All charges of one customer and period, adding up to the cent. Raises CannotCharge."""
    lines = [line for line in consumed.lines if line.kind in base.kinds]
    own = settings_for(base, consumed.customer_id)
    _check_currency(consumed, lines, own, company_id)
    parts = {
        part: of_part
        for part, of_part in split_lines(
            lines, lambda product: settings_for(base, consumed.customer_id, product)
        ).items()
        if settings_for(base, consumed.customer_id, part.product).charge
    }
    costs: dict[Part, Decimal] = {}
    prices: dict[Part, Decimal] = {}
    for part, of_part in parts.items():
        settings = settings_for(base, consumed.customer_id, part.product)
        told = [price_of(line, settings) for line in of_part]
        if None in told:
            raise CannotCharge(_no_price(consumed, company_id, part))
        costs[part] = exact_sum(line.amount for line in of_part)
        prices[part] = exact_sum(price for price in told if price is not None)
    in_full, at_cost = in_cents(prices), in_cents(costs)
    return [
        _wanted(consumed, base, contract, part, of_part, in_full[part], at_cost[part])
        for part, of_part in sorted(parts.items(), key=lambda item: item[0].what)
    ]


def _wanted(
    consumed: Consumed,
    base: ChargeSettings,
    contract: Contract,
    part: Part,
    lines: tuple[ConsumptionLine, ...],
    price: Decimal,
    cost: Decimal,
) -> Wanted:
    settings = settings_for(base, consumed.customer_id, part.product)
    product = product_name(part.product, settings.language, settings.product_names)
    values = facts(
        lines, settings.language, product=product, group=part.title, period=(consumed.period_start, consumed.period_end)
    )
    values["customer"] = consumed.customer
    values["amount"] = number(price, settings.language, 2)
    if not settings.ready:
        raise CannotCharge(_no_code(consumed, part))
    return Wanted(
        key=key_of(consumed.identity, consumed.customer_id, consumed.period_start, contract.id, part.what),
        title=part.title,
        currency=settings.currency,
        values=ChargeValues(
            name=render(settings.name, values, limit=NAME_LENGTH).text or part.title[:NAME_LENGTH] or "-",
            description=render(settings.description, values, limit=DESCRIPTION_LENGTH).text,
            day=_day(consumed, settings, contract),
            price=price,
            cost=cost,
            billing_code_id=settings.billing_code_id,
            product_id=settings.product_id,
        ),
        lines=lines,
    )


def _day(consumed: Consumed, settings: ChargeSettings, contract: Contract) -> date:
    """The day of the charge, within the contract."""
    day = consumed.period_end if settings.date is ChargeDate.PERIOD_END else consumed.period_start
    return max(contract.start, min(day, contract.end))


def _check_currency(
    consumed: Consumed, lines: list[ConsumptionLine], settings: ChargeSettings, company_id: int
) -> None:
    others = sorted({line.currency for line in lines if line.currency != settings.currency})
    if others:
        raise CannotCharge(
            finding(
                FindingKind.HELD, consumed, company_id=company_id, about="currency",
                message=T("{customer}: the source counts in {found}, the contract is billed in {wanted}; nothing is converted.",
                          customer=consumed.customer, found=tuple(one or "?" for one in others), wanted=settings.currency),
                remedy=T("Set the currency of this customer in the charge settings, or export in the contract's currency."),
            )
        )  # fmt: skip


def _no_price(consumed: Consumed, company_id: int, part: Part) -> Finding:
    return finding(
        FindingKind.HELD, consumed, company_id=company_id, about=f"price|{part.what}",
        message=T("{customer}: the source tells no price for {title}.", customer=consumed.customer, title=part.title),
        remedy=T("Choose a mark-up or a margin in the charge settings instead of the source's price."),
    )  # fmt: skip


def _no_code(consumed: Consumed, part: Part) -> Finding:
    return finding(
        FindingKind.HELD, consumed, about=f"code|{part.product}",
        message=T("{portal}: it is not said on which billing code or product {title} is booked.", portal=consumed.portal,
                  title=part.title),
        remedy=T("Choose it in the charge settings of this portal."),
    )  # fmt: skip
