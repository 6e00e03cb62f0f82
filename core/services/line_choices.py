"""Which contract line is meant where several fit: asked once, remembered (M9)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from core.domain.contract import ContractState, ItemRef, LineRef, units_on
from core.domain.errors import InputError
from core.domain.finding import FindingKind
from core.domain.mapping import ChoiceKey
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.audited import author_of
from core.services.paging import MOST_ROWS, PageQuery
from core.store import directory, mappings, plans

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCandidate:
    """One line that fits, with the contract it stands on. `units` are those in force today, None when they were not read."""

    line: LineRef
    contract_id: int
    contract: str
    start: date
    end: date
    period: str
    units: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineQuestion:
    """Several contract lines fit: a person chooses once. `chosen` is what was chosen before.

    `why` is set where a subscription got another term: the line that it is billed on does not fit any more.
    """

    key: ChoiceKey
    company: str
    service: str
    candidates: tuple[LineCandidate, ...]
    chosen: LineRef | None = None
    why: Text | None = None


def line_questions(ctx: Context, actor: Actor) -> list[LineQuestion]:
    """What the current plan cannot decide, first; then what was decided before, to be changed."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        ambiguous = plans.page_findings(session, PageQuery(status=FindingKind.AMBIGUOUS.value, limit=MOST_ROWS))
        moved = plans.page_findings(session, PageQuery(status=FindingKind.SUBSCRIPTION.value, limit=MOST_ROWS))
        open_keys = [found.finding.choice for found in ambiguous.rows if found.finding.choice is not None]
        why = {found.finding.choice: found.finding.message for found in moved.rows if found.finding.choice is not None}
        chosen = mappings.load_mapping(session).line_choices
        keys = list(dict.fromkeys([*why, *(key for key in open_keys if key not in chosen), *chosen]))
        state = directory.load_state(session, company_ids={key.company_id for key in keys}) if keys else None
    if state is None:
        return []
    fitting = _candidates(state, keys, ctx.clock.today())
    return [
        LineQuestion(
            key=key,
            company=state.companies[key.company_id].name if key.company_id in state.companies else str(key.company_id),
            service=_service(state, key.item),
            candidates=fitting[key],
            chosen=chosen.get(key),
            why=why.get(key),
        )
        for key in keys
    ]


def choose_line(ctx: Context, actor: Actor, key: ChoiceKey, line: LineRef | None) -> None:
    """Remember which line is meant; None asks again. For operators. Raises InputError for a line that does not fit."""
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        state = directory.load_state(session, company_ids={key.company_id})
    fitting = {candidate.line for candidate in _candidates(state, [key], ctx.clock.today())[key]}
    if line is not None and line not in fitting:
        raise InputError(T("This line is not one of those that fit."), kind="line")
    ctx.database.run(
        lambda session: mappings.choose_lines(session, {key: line}, author_of(ctx, actor), text="line chosen")
    )


def _candidates(
    state: ContractState, keys: Iterable[ChoiceKey], today: date
) -> dict[ChoiceKey, tuple[LineCandidate, ...]]:
    lines: dict[tuple[int, ItemRef], list[LineCandidate]] = defaultdict(list)
    for line in state.lines.values():
        contract = state.contracts[line.contract_id]
        if not contract.active or contract.end < today:
            continue
        lines[contract.company_id, line.item].append(
            LineCandidate(
                line=line.ref,
                contract_id=contract.id,
                contract=contract.name,
                start=contract.start,
                end=contract.end,
                period=contract.period_type.value,
                units=units_on(state.units.get(line.ref, ()), today) if line.ref in state.units_known else None,
            )
        )
    return {
        key: tuple(
            candidate
            for candidate in sorted(lines[key.company_id, key.item], key=lambda c: (c.contract, c.line))
            if not key.billing_frequency or candidate.period == key.billing_frequency
        )
        for key in keys
    }


def _service(state: ContractState, item: ItemRef) -> str:
    known = state.items.get(item)
    return known.name if known else f"{item.kind.value} {item.id}"
