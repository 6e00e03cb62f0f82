"""A planned change for something that is made, with its lineage."""

from __future__ import annotations

from datetime import date

from core.domain.contract import ItemRef, LineKind, PeriodType
from core.domain.plan import Change, ChangeKind, ChangeStatus
from core.domain.provisioning.collect import Subscription
from core.domain.provisioning.policy import ContractPolicy
from core.domain.provisioning.steps import Step
from core.domain.provisioning.subscription import Dates
from core.domain.target import TargetSource
from core.domain.text import Text

NO_ITEM = ItemRef(LineKind.SERVICE, 0)


def contract_step(one: Subscription, policy: ContractPolicy, dates: Dates, period: PeriodType, name: str) -> Step:
    """The contract of one subscription, with the subscription's dates (S2-25, S2-26)."""
    return Step(
        key=one.key.subscription_id,
        name=name,
        description=f"{one.key.portal}: {one.key.subscription_id}",
        period_type=period,
        start=dates.start,
        end=dates.end,
        service_level_agreement=policy.service_level_agreement,
        category=policy.contract_category,
    )


def change_of(
    kind: ChangeKind,
    one: Subscription,
    step: Step,
    reason: Text,
    *,
    day: date,
    contract_id: int,
    status: ChangeStatus,
) -> Change:
    """A change without a line: it makes or changes what the step says."""
    return Change(
        kind=kind,
        company_id=one.company.id,
        contract_id=contract_id,
        line=None,
        item=NO_ITEM,
        from_units=0,
        to_units=0,
        effective_date=day,
        status=status,
        reason=reason,
        period_type=step.period_type,
        sources=tuple(TargetSource(one.key.portal, line, 0, "q") for line in one.lines),
        portals=(one.key.portal,),
        step=step,
    )
