"""One rule: checked before it is stored, and worked out on what is in use now."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.contract import ItemRef
from core.domain.errors import InputError
from core.domain.formula import FUNCTIONS, compile_formula
from core.domain.grouping import group_usage
from core.domain.mapping import CustomerKey, CustomerMapping, ProductRule, Rounding, RuleSource, WorkspaceMapping
from core.domain.quantities import SUM, compute_units
from core.domain.target import PortalUsage, TargetSource
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.store import directory, history, mappings
from core.store.portal_ids import portal_ids

if TYPE_CHECKING:
    from core.services.context import Context

NAME = re.compile(r"[a-z_][a-z0-9_]*", re.IGNORECASE)
LONGEST_NAME = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """A rule as it is edited; `id` None makes a new one. Fields as in `core.domain.mapping.ProductRule`."""

    id: int | None = None
    item: ItemRef
    sources: tuple[RuleSource, ...]
    formula: str = SUM
    minimum: Decimal | None = None
    included: Decimal = Decimal(0)
    maximum: Decimal | None = None
    rounding: Rounding = Rounding.NONE
    match_period: bool = True
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePreview:
    """The rule worked out for one company on its present usage: what goes in, what comes out, or why it cannot.

    A customer that is not linked yet stands for itself: `company_id` is 0, `company` its name in the portal.
    """

    company_id: int
    company: str
    inputs: Mapping[str, Decimal] = field(default_factory=dict)
    units: int | None = None
    steps: tuple[Text, ...] = ()
    problem: Text | None = None


def draft_of(rule: ProductRule) -> RuleDraft:
    """A stored rule, to be edited."""
    return RuleDraft(
        id=rule.id,
        item=rule.item,
        sources=rule.sources,
        formula=rule.formula,
        minimum=rule.minimum,
        included=rule.included,
        maximum=rule.maximum,
        rounding=rule.rounding,
        match_period=rule.match_period,
        label=rule.label,
    )


def rule_of(draft: RuleDraft) -> ProductRule:
    """The rule that a draft would become."""
    return ProductRule(
        id=draft.id or 0,
        item=draft.item,
        sources=draft.sources,
        formula=draft.formula.strip() or SUM,
        minimum=draft.minimum,
        included=draft.included,
        maximum=draft.maximum,
        rounding=draft.rounding,
        match_period=draft.match_period,
        label=draft.label.strip(),
    )


def checked_rule(session: Session, draft: RuleDraft) -> ProductRule:
    """The rule of a draft, once its service, portals, names, limits and formula are right. Raises InputError."""
    rule = rule_of(draft)
    check_rule(rule)
    if rule.item not in {item.ref for item in directory.items(session)}:
        raise InputError(
            T(
                "There is no active {kind} with number {number} in Autotask.",
                kind=T(rule.item.kind.value),
                number=str(rule.item.id),
            ),
            kind="item",
        )
    known = portal_ids(session)
    for source in rule.sources:
        if source.product.portal not in known:
            raise InputError(T("There is no portal {name}.", name=source.product.portal), kind="unknown_portal")
    _not_again(session, rule)
    return rule


def _not_again(session: Session, rule: ProductRule) -> None:
    """Whether there is no other rule that says the very same: its units would be billed twice. Raises InputError."""
    if any(other.id != rule.id and rule.says_the_same(other) for other in mappings.load_mapping(session).rules):
        raise InputError(
            T("This mapping is there already; a second one would count everything twice."),
            remedy=T("Change the mapping that is there instead."),
            kind="rule",
        )


def check_rule(rule: ProductRule) -> None:
    """Whether a rule makes sense by itself. Raises InputError saying what does not."""
    if not rule.sources:
        raise InputError(T("A rule needs at least one product."), kind="rule")
    names = [source.name for source in rule.sources]
    for name in names:
        if not usable_name(name):
            raise InputError(
                T("{name} cannot be used in a formula: letters, digits and _ only.", name=name or "-"), kind="rule"
            )
    if len(set(names)) < len(names) or len({source.product for source in rule.sources}) < len(names):
        raise InputError(T("Each product and each name may stand in a rule once."), kind="rule")
    if rule.included < 0 or (rule.minimum is not None and rule.minimum < 0):
        raise InputError(T("Included and minimum are 0 or more."), kind="rule")
    if rule.maximum is not None and rule.maximum < (rule.minimum or 0):
        raise InputError(T("The maximum is less than the minimum."), kind="rule")
    compile_formula(rule.formula, {*names, SUM})


def usable_name(name: str) -> bool:
    """Whether a formula can call a quantity so."""
    return (
        bool(NAME.fullmatch(name))
        and not keyword.iskeyword(name)
        and name not in FUNCTIONS
        and len(name) <= LONGEST_NAME
    )


def default_name(product: str, taken: Iterable[str] = ()) -> str:
    """What a formula may call a product: `Microsoft 365 Business Premium` → `microsoft_365_business_premium`."""
    words = re.findall(r"[a-z0-9]+", normalise_case(product))
    name = "_".join(words)[:LONGEST_NAME].strip("_") or "units"
    name = f"p_{name}"[:LONGEST_NAME] if name[0].isdigit() else name
    if not usable_name(name) or name == SUM:
        name = f"{name}_units"
    used, wished, count = set(taken), name, 1
    while name in used:
        count += 1
        name = f"{wished[: LONGEST_NAME - 4]}_{count}"
    return name


def normalise_case(text: str) -> str:
    """Without case and accents, words in their order."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).casefold()


def preview_rule(ctx: Context, actor: Actor, draft: RuleDraft, limit: int = 20) -> list[RulePreview]:
    """The rule worked out on present usage, the largest companies first. Raises InputError for a rule that makes no sense."""
    require(actor, Role.VIEWER)
    rule = replace(rule_of(draft), id=1)
    check_rule(rule)
    with ctx.database.session() as session:
        ids = portal_ids(session)
        wanted = [ids[name] for name in {source.product.portal for source in rule.sources} if name in ids]
        usage = history.portal_usage(session, wanted)
        mapping = mappings.load_mapping(session)
        companies = directory.company_names(session)
    customers, names = _everybody(usage, mapping, companies)
    groups = group_usage(usage, WorkspaceMapping(customers=customers, rules=(rule,), renames=mapping.renames))
    found = [_worked_out(rule, number, names[number], sources) for (_, number), sources in groups.sources.items()]
    found.sort(key=lambda preview: (-sum(preview.inputs.values(), Decimal(0)), preview.company.casefold()))
    return found[:limit]


def _everybody(
    usage: Iterable[PortalUsage], mapping: WorkspaceMapping, companies: Mapping[int, str]
) -> tuple[dict[CustomerKey, CustomerMapping], dict[int, str]]:
    """All customers with a company; one that is not linked yet gets a number below 0 of its own."""
    customers: dict[CustomerKey, CustomerMapping] = {}
    names: dict[int, str] = dict(companies)
    for portal in usage:
        for line in portal.lines:
            key = CustomerKey(portal.portal, line.usage.customer_id)
            if key in customers:
                continue
            known = mapping.customers.get(key) or CustomerMapping(key, line.usage.customer)
            if known.company_id is None and known.ignored is None:
                known = replace(known, company_id=-1 - len(customers))
                names[known.company_id or 0] = line.usage.customer
            customers[key] = known
    return customers, defaultdict(str, names)


def _worked_out(rule: ProductRule, number: int, name: str, sources: list[TargetSource]) -> RulePreview:
    computed = compute_units(rule, sources)
    inputs: dict[str, Decimal] = {source.name: Decimal(0) for source in rule.sources}
    for source in sources:
        inputs[source.name] += source.line.quantity
    return RulePreview(
        company_id=max(number, 0),
        company=name or str(number),
        inputs=inputs,
        units=computed.units,
        steps=computed.explanation,
        problem=computed.problem,
    )
