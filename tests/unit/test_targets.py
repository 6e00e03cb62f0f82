"""From usage to targets: missing is not zero, all sources or none, never a guess."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from core.domain.contract import CatalogueItem, Company, ContractLine, ItemRef, LineKind, PeriodType
from core.domain.finding import Finding
from core.domain.mapping import (
    ChoiceKey,
    CustomerKey,
    CustomerMapping,
    ProductKey,
    Rename,
    Rounding,
    RuleSource,
    WorkspaceMapping,
)
from core.domain.plan import ChangeKind, ChangeStatus
from core.domain.policy import Mode, Otherwise, Policy, PolicyOverride, When
from core.domain.target import KnownLine, PortalUsage, Target, Targets
from core.domain.targets import compute_targets
from core.domain.text import T
from tests.unit.builders import (
    AT_ONCE,
    MFA,
    NOW,
    TODAY,
    contract,
    line,
    mapped,
    one_line,
    period_rows,
    plan_of,
    portal,
    rule,
    used,
    world,
)

OLD = NOW - timedelta(days=4)


def targets_of(*portals: PortalUsage, mapping: WorkspaceMapping | None = None, state=None) -> Targets:
    return compute_targets(portals, mapping or mapped(), state or one_line(), NOW, TODAY)


def only(targets: Targets) -> Target:
    (target,) = targets.targets
    return target


def kinds(found: Targets | tuple[Finding, ...]) -> list[str]:
    return [finding.kind.value for finding in (found.findings if isinstance(found, Targets) else found)]


def sources(*names: tuple[str, str], portal_name: str = "Duo") -> tuple[RuleSource, ...]:
    return tuple(RuleSource(ProductKey(portal_name, product), name) for product, name in names)


# --- quantities ------------------------------------------------------------------------------------------------------


def test_quantities_of_all_customers_and_subscriptions_of_a_company_add_up() -> None:
    usage = portal(used(4), used(3, subscription_id="s2"), used(5, customer="acme north"), used(50, customer="other"))
    target = only(targets_of(usage, mapping=mapped(customers={"acme": 10, "acme north": 10, "other": 11})))
    assert target.units == 12
    assert len(target.sources) == 3


def test_a_name_in_a_formula_is_all_that_goes_by_it() -> None:
    usage = portal(used(4), used(3, subscription_id="s2"), used(5, product="guest"))
    one_name = rule(sources=sources(("mfa", "users"), ("guest", "users")), formula="users + 1")
    assert only(targets_of(usage, mapping=mapped(one_name))).units == 13


def test_s1_34_several_products_feed_one_line_with_a_formula() -> None:
    two = rule(sources=sources(("mfa", "users"), ("guest", "guests")), formula="max(0, users + ceil(guests / 2))")
    target = only(targets_of(portal(used(12), used(3, product="guest")), mapping=mapped(two)))
    assert target.units == 14
    assert [str(text) for text in target.explanation] == [
        "In use: users 12, guests 3",
        "max(0, users + ceil(guests / 2)) = 14",
    ]


def test_s1_35_one_product_in_several_rules_and_several_rules_on_one_line_add_up() -> None:
    target = only(targets_of(portal(used(7)), mapping=mapped(rule(1), rule(2, formula="quantity * 2"))))
    assert target.units == 21
    assert {source.rule_id for source in target.sources} == {1, 2}
    assert str(target.explanation[-1]) == "together 21"


@pytest.mark.parametrize(
    ("fields", "quantity", "units"),
    [
        ({"included": Decimal(5)}, 12, 7),
        ({"included": Decimal(5)}, 3, 0),
        ({"minimum": Decimal(10)}, 3, 10),
        ({"maximum": Decimal(10)}, 30, 10),
        ({"included": Decimal(5), "minimum": Decimal(2)}, 3, 2),
        ({"rounding": Rounding.UP}, "2.1", 3),
        ({"rounding": Rounding.DOWN}, "2.9", 2),
        ({"rounding": Rounding.NEAREST}, "2.5", 3),
        ({"rounding": Rounding.NEAREST}, "3.5", 4),
        ({"formula": "quantity - 20"}, 3, 0),
        ({"minimum": Decimal(10)}, 0, 10),
    ],
)
def test_m12_included_limits_and_rounding(fields: dict[str, object], quantity: int | str, units: int) -> None:
    assert only(targets_of(portal(used(quantity)), mapping=mapped(rule(**fields)))).units == units


def test_m12_a_fraction_without_rounding_blocks_the_line() -> None:
    found = targets_of(portal(used("2.5")))
    assert only(found).units is None
    assert kinds(found) == ["formula"]
    assert kinds(only(found).blocked) == ["formula"]
    assert "2.5 is not a whole number" in str(found.findings[0].message)


def test_m12_a_formula_without_a_result_blocks_the_line() -> None:
    found = targets_of(portal(used(5)), mapping=mapped(rule(formula="10 / (quantity - 5)")))
    assert only(found).units is None
    assert kinds(found) == ["formula"]


def test_renames_merge_products_before_they_are_mapped() -> None:
    renames = (Rename("Duo", "mfa-*", "mfa"), Rename("Duo", "*", "never"), Rename("Other", "mfa", "no"))
    usage = portal(used(4, product="mfa-2025"), used(3, product="mfa-[x]"))
    assert only(targets_of(usage, mapping=mapped(renames=renames))).units == 7


def test_a_pattern_knows_star_and_question_mark_only() -> None:
    renames = (Rename("Duo", "m?a [1]", "mfa"),)
    assert only(targets_of(portal(used(4, product="mfa [1]")), mapping=mapped(renames=renames))).units == 4
    assert targets_of(portal(used(4, product="mfa 1")), mapping=mapped(renames=renames)).targets == ()


# --- M2: missing is not zero ------------------------------------------------------------------------------------------


def test_m2_a_line_that_a_whole_reading_does_not_contain_is_gone() -> None:
    target = only(targets_of(portal(used(12, present=False)), mapping=mapped(rule(minimum=Decimal(5)))))
    assert target.units == 0
    assert "no longer in use" in str(target.explanation[0])


def test_m2_a_company_without_any_usage_ever_known_has_no_target() -> None:
    found = targets_of(portal())
    assert found.targets == ()
    assert kinds(found) == ["orphan_line"]
    assert plan_of([portal()], mapped(), one_line()).changes == ()


@pytest.mark.parametrize(
    ("fields", "stale"),
    [
        ({"read_at": NOW, "confirmed_at": {"acme": NOW}}, False),
        # A customer that is not in a portal that was read wholly: its absence was read.
        ({"read_at": NOW, "confirmed_at": {}}, False),
        ({"read_at": OLD, "confirmed_at": {"acme": NOW}}, False),
        ({"read_at": None, "confirmed_at": {"acme": NOW}}, False),
        ({"read_at": OLD, "confirmed_at": {"acme": OLD}}, True),
        ({"read_at": None, "confirmed_at": {}}, True),
        ({"read_at": NOW, "confirmed_at": {"acme": OLD}, "failed_customers": frozenset({"acme"})}, True),
        ({"read_at": NOW, "confirmed_at": {}, "failed_customers": frozenset({"acme"})}, True),
        # The clock was a day ahead for a while: nothing that is told since then counts, which must not look as if all were well.
        ({"read_at": NOW + timedelta(days=1), "confirmed_at": {"acme": NOW + timedelta(days=1)}}, True),
        ({"read_at": NOW + timedelta(minutes=50), "confirmed_at": {"acme": NOW + timedelta(minutes=50)}}, False),
    ],
)
def test_m2_what_was_not_read_or_too_long_ago_is_left_as_it_is(fields: dict[str, object], stale: bool) -> None:
    usage = portal(used(3, confirmed=OLD), **fields)
    found = targets_of(usage)
    assert (only(found).units is None) == stale
    assert ("stale" in kinds(found)) == stale
    assert (plan_of([usage], mapped(), one_line()).changes == ()) == stale


def test_m2_a_portal_without_an_age_limit_is_never_stale() -> None:
    forever = AT_ONCE.model_copy(update={"stale_after_days": None})
    assert only(targets_of(portal(used(3), policy=forever, read_at=OLD, confirmed_at={}))).units == 3
    today_only = AT_ONCE.model_copy(update={"stale_after_days": 0})
    minutes = NOW - timedelta(minutes=5)
    assert only(targets_of(portal(used(3), policy=today_only, read_at=minutes, confirmed_at={}))).units == 3


def test_m2_a_stale_portal_is_one_finding_and_a_stale_customer_is_its_own() -> None:
    lines = [used(1, customer=name, confirmed=OLD) for name in ("a", "b", "c")]
    mapping = mapped(customers={"a": 10, "b": 10, "c": 10})
    whole = targets_of(portal(*lines, read_at=OLD, confirmed_at=dict.fromkeys("abc", OLD)), mapping=mapping)
    assert [finding.key for finding in whole.findings] == ["stale|Duo"]
    one = targets_of(
        portal(*lines, confirmed_at={"a": OLD, "b": NOW, "c": NOW}, failed_customers=frozenset("a")), mapping=mapping
    )
    assert [finding.key for finding in one.findings] == ["stale|Duo|a"]


def test_m2_a_portal_that_failed_keeps_its_last_quantities_and_says_so() -> None:
    yesterday = NOW - timedelta(days=1)
    found = targets_of(
        portal(used(12), read_at=yesterday, confirmed_at={"acme": yesterday}, failing=T("The password is refused."))
    )
    assert only(found).units == 12
    assert kinds(found) == ["failed"]
    assert "24 hours ago" in str(found.findings[0].message)
    never = targets_of(portal(read_at=None, failing=T("The password is refused.")))
    assert "failed" in kinds(never)


# --- M3: all sources or none ------------------------------------------------------------------------------------------


def two_portals(**second: object) -> tuple[tuple[PortalUsage, ...], WorkspaceMapping]:
    both = rule(
        sources=(RuleSource(ProductKey("Duo", "mfa"), "duo"), RuleSource(ProductKey("Pax8", "mfa"), "pax8")),
        formula="duo + pax8",
    )
    customers = {
        CustomerKey(name, customer): CustomerMapping(CustomerKey(name, customer), customer, 10)
        for name, customer in (("Duo", "acme"), ("Pax8", "acme ltd"))
    }
    fields = {"name": "Pax8"} | second
    other = portal(*fields.pop("lines", ()), **fields)  # type: ignore[misc, arg-type]
    return (portal(used(12)), other), WorkspaceMapping(customers=customers, rules=(both,))


def test_m3_a_company_that_does_not_occur_in_a_portal_that_was_read_wholly_counts_0_there() -> None:
    portals, mapping = two_portals()
    assert only(targets_of(*portals, mapping=mapping)).units == 12


@pytest.mark.parametrize(
    "second",
    [
        {"read_at": None},
        {"read_at": OLD},
        {"failed_customers": frozenset({"acme ltd"})},
        {"read_at": None, "lines": (used(3, customer="other"),)},
    ],
)
def test_m3_one_unusable_source_holds_the_whole_line(second: dict[str, object]) -> None:
    portals, mapping = two_portals(**second)
    found = targets_of(*portals, mapping=mapping)
    assert only(found).units is None
    assert "stale" in kinds(found)
    assert plan_of(portals, mapping, one_line(50)).changes == ()


def test_m3_a_portal_that_is_no_longer_there_holds_its_lines() -> None:
    portals, mapping = two_portals()
    found = targets_of(portals[0], mapping=mapping)
    assert only(found).units is None


def test_m3_a_rule_that_cannot_be_computed_holds_the_other_rules_of_its_line() -> None:
    found = targets_of(portal(used(5)), mapping=mapped(rule(1), rule(2, formula="quantity / 2")))
    assert only(found).units is None
    assert kinds(only(found).blocked) == ["formula"]


# --- what is not mapped -----------------------------------------------------------------------------------------------


def test_s1_28_unmapped_customers_and_products_are_told_once_with_counts() -> None:
    usage = portal(
        used(2), used(3, customer="new"), used(4, customer="new", product="edr"), used(5, product="edr"),
        used(9, customer="gone", present=False), used(9, product="gone", present=False),
    )  # fmt: skip
    found = targets_of(usage)
    assert [finding.key for finding in found.findings] == ["unmapped|customer|Duo|new", "unmapped|product|Duo|edr||"]
    customer, product = (str(finding.message) for finding in found.findings)
    assert customer == "Customer New of Duo is not mapped: 2 lines, 7 in use."
    assert product == "Product EDR of Duo is not mapped: 2 customers, 9 in use."
    assert only(found).units == 2


def test_ignored_customers_and_products_are_not_mentioned() -> None:
    key = CustomerKey("Duo", "test")
    mapping = WorkspaceMapping(
        customers={key: CustomerMapping(key, "Test", None, ignored="our own tenant")},
        rules=(rule(),),
        ignored_products={ProductKey("Duo", "trial"): "free"},
    )
    usage = portal(
        used(5, customer="test"), used(5, customer="test", product="strange"), used(1, customer="x", product="trial")
    )
    found = targets_of(usage, mapping=mapping)
    assert found.targets == ()
    assert [finding.key for finding in found.findings] == ["unmapped|customer|Duo|x"]


def test_term_and_billing_frequency_are_part_of_a_product() -> None:
    monthly = ProductKey("Duo", "mfa", "P1M", "monthly")
    one = rule(sources=(RuleSource(monthly, "users"),))
    usage = portal(used(5, term="P1M", billing_frequency="monthly"), used(7, term="P1Y", billing_frequency="yearly"))
    found = targets_of(usage, mapping=mapped(one))
    assert only(found).units == 5
    assert [finding.key for finding in found.findings] == ["unmapped|product|Duo|mfa|P1Y|yearly"]


def test_a_company_that_is_not_active_gets_nothing() -> None:
    home = contract()
    entry = ContractLine(line(100), home.id, MFA)
    for companies in ([Company(10, "Acme", active=False)], [Company(99, "Other")]):
        state = world([entry], [home], {}, companies=companies)
        found = targets_of(portal(used(5)), state=state)
        assert found.targets == ()
        assert [finding.key for finding in found.findings] == ["unmapped|company|10"]
        assert targets_of(portal(used(5, present=False)), state=state).findings == ()


# --- M9: which line ---------------------------------------------------------------------------------------------------


def two_lines(second_period: PeriodType = PeriodType.MONTHLY):
    first, second = contract(1), contract(2, period=second_period)
    entries = [ContractLine(line(100), 1, MFA), ContractLine(line(200), 2, MFA)]
    return world(
        entries, [first, second], {line(100): period_rows(first, {first.start: 5}), line(200): period_rows(second, {})}
    )


def test_m9_several_lines_that_fit_are_a_question_and_nothing_is_planned() -> None:
    plan = plan_of([portal(used(9))], mapped(), two_lines())
    assert plan.changes == ()
    (finding,) = plan.findings
    assert finding.kind == "ambiguous"
    assert [reference for reference, _ in finding.candidates] == ["service:100", "service:200"]
    assert finding.choice == ChoiceKey(10, MFA, "")


def test_m9_the_answer_is_remembered() -> None:
    mapping = mapped(line_choices={ChoiceKey(10, MFA, ""): line(200)})
    assert only(targets_of(portal(used(9)), mapping=mapping, state=two_lines())).line == line(200)


@pytest.mark.parametrize(
    "choice",
    [
        {ChoiceKey(10, MFA, ""): line(999)},
        {ChoiceKey(11, MFA, ""): line(200)},
        {ChoiceKey(10, ItemRef(LineKind.SERVICE, 1), ""): line(200)},
        {ChoiceKey(10, MFA, "monthly"): line(200)},
    ],
)
def test_m9_an_answer_to_another_question_does_not_count(choice: dict[ChoiceKey, object]) -> None:
    found = targets_of(portal(used(9)), mapping=mapped(line_choices=choice), state=two_lines())
    assert found.targets == ()
    assert kinds(found) == ["ambiguous"]


def test_m9_a_line_that_might_belong_to_another_rule_too_is_not_written() -> None:
    """One rule knows its frequency and so its line, the other does not: the line may need both."""
    known = rule(1, sources=(RuleSource(ProductKey("Duo", "mfa", "", "monthly"), "users"),))
    unknown = rule(2, sources=(RuleSource(ProductKey("Duo", "other"), "users"),))
    usage = portal(used(5, billing_frequency="monthly"), used(3, product="other"))
    found = targets_of(usage, mapping=mapped(known, unknown), state=two_lines(PeriodType.YEARLY))
    assert only(found).line == line(100)
    assert only(found).units is None
    assert kinds(only(found).blocked) == ["ambiguous"]


@pytest.mark.parametrize(("frequency", "expected"), [("monthly", line(100)), ("yearly", line(200))])
def test_m9_the_billing_frequency_tells_the_contract(frequency: str, expected: object) -> None:
    one = rule(sources=(RuleSource(ProductKey("Duo", "mfa", "", frequency), "users"),))
    usage = portal(used(5, billing_frequency=frequency))
    assert only(targets_of(usage, mapping=mapped(one), state=two_lines(PeriodType.YEARLY))).line == expected
    either = rule(sources=one.sources, match_period=False)
    assert kinds(targets_of(usage, mapping=mapped(either), state=two_lines(PeriodType.YEARLY))) == ["ambiguous"]


def test_m9_sources_that_differ_in_frequency_tell_no_contract() -> None:
    both = rule(
        sources=tuple(RuleSource(ProductKey("Duo", "mfa", "", told), "users") for told in ("monthly", "yearly"))
    )
    usage = portal(used(5, billing_frequency="monthly"), used(5, billing_frequency="yearly"))
    found = targets_of(usage, mapping=mapped(both), state=two_lines(PeriodType.YEARLY))
    assert kinds(found) == ["ambiguous"]
    assert found.findings[0].choice == ChoiceKey(10, MFA, "")


def test_m9_lines_of_contracts_that_ended_or_are_inactive_do_not_count() -> None:
    ended = contract(1, end=TODAY - timedelta(days=1))
    off = contract(2, active=False)
    runs = contract(3)
    entries = [ContractLine(line(100 * n), n, MFA) for n in (1, 2, 3)]
    assert only(targets_of(portal(used(9)), state=world(entries, [ended, off, runs], {}))).line == line(300)


def test_m9_a_renewal_that_has_not_begun_waits_for_its_start() -> None:
    runs, renewal = contract(1, end=date(2026, 12, 31)), contract(2, start=date(2027, 1, 1))
    entries = [ContractLine(line(100), 1, MFA), ContractLine(line(200), 2, MFA)]
    assert only(targets_of(portal(used(9)), state=world(entries, [runs, renewal], {}))).line == line(100)
    assert only(targets_of(portal(used(9)), state=world(entries[1:], [renewal], {}))).line == line(200)


def test_usage_without_a_line_is_leakage() -> None:
    found = targets_of(portal(used(9)), state=world([], [contract()], {}))
    assert found.targets == ()
    assert kinds(found) == ["no_line"]
    nothing = targets_of(portal(used(9, present=False)), state=world([], [contract()], {}))
    assert nothing.findings == ()


def test_a_missing_line_is_added_where_policy_lets_and_one_contract_fits() -> None:
    adding = AT_ONCE.model_copy(update={"add_missing_lines": True})
    plan = plan_of([portal(used(9), policy=adding)], mapped(), world([], [contract()], {}))
    (change,) = plan.changes
    assert (change.kind, change.line, change.from_units, change.to_units) == (ChangeKind.ADD_LINE, None, 0, 9)
    assert change.money_per_period == Decimal(18)
    assert plan.findings == ()


@pytest.mark.parametrize(
    "state",
    [
        world([], [contract(1), contract(2)], {}),
        world([], [contract(1, start=date(2027, 1, 1))], {}),
        world([], [contract()], {}, items=[CatalogueItem(MFA, "MFA", active=False)]),
    ],
)
def test_m9_a_missing_line_is_not_added_where_that_would_be_a_guess(state) -> None:
    adding = AT_ONCE.model_copy(update={"add_missing_lines": True})
    plan = plan_of([portal(used(9), policy=adding)], mapped(), state)
    assert plan.changes == ()
    assert kinds(plan.findings) == ["no_line"]


# --- orphan lines -----------------------------------------------------------------------------------------------------


def test_a_billed_line_that_no_portal_ever_showed_is_an_orphan_and_not_changed() -> None:
    plan = plan_of([portal()], mapped(), one_line(8))
    assert plan.changes == ()
    assert kinds(plan.findings) == ["orphan_line"]
    assert "billed 8" in str(plan.findings[0].message)


@pytest.mark.parametrize(
    ("portals", "customers", "units"),
    [
        ([portal(read_at=None)], {"acme": 10}, 8),
        ([portal(read_at=OLD)], {"acme": 10}, 8),
        ([portal()], {"acme": 11}, 8),
        ([portal()], {"acme": 10}, 0),
        ([portal(used(0, present=False))], {"acme": 10}, 0),
    ],
)
def test_no_orphan_without_evidence(portals: list[PortalUsage], customers: dict[str, int], units: int) -> None:
    found = targets_of(*portals, mapping=mapped(customers=customers), state=one_line(units))
    assert "orphan_line" not in kinds(found)


# --- policy -----------------------------------------------------------------------------------------------------------


def test_m7_overrides_for_customer_and_product_lie_over_the_portal() -> None:
    overrides = (
        PolicyOverride(customer_id="acme", product_key="mfa", max_change=3),
        PolicyOverride(product_key="mfa", max_change=2, decrease=When.THIS_PERIOD),
        PolicyOverride(customer_id="acme", max_change=1, drift=Otherwise.OVERWRITE, decrease=When.NEXT_PERIOD),
        PolicyOverride(customer_id="other", max_change=0, increase=When.NEXT_PERIOD),
    )
    policy = only(targets_of(portal(used(9), overrides=overrides))).policy
    assert (policy.max_change, policy.decrease, policy.drift) == (3, When.THIS_PERIOD, Otherwise.OVERWRITE)
    assert policy.increase is When.TODAY


def test_an_override_follows_a_product_under_its_own_and_its_renamed_key() -> None:
    for key in ("mfa", "mfa-2025"):
        usage = portal(used(9, product="mfa-2025"), overrides=(PolicyOverride(product_key=key, max_change=1),))
        found = targets_of(usage, mapping=mapped(renames=(Rename("Duo", "mfa-*", "mfa"),)))
        assert only(found).policy.max_change == 1


def test_a_line_of_several_portals_has_the_strictest_policy_and_mode() -> None:
    portals, mapping = two_portals(
        lines=(used(1, customer="acme ltd"),),
        mode=Mode.REVIEW,
        policy=Policy(
            max_change=4, decrease=When.NEXT_PERIOD, posted=Otherwise.HOLD, update_price=True, stale_after_days=9
        ),
    )
    target = only(targets_of(*portals, mapping=mapping))
    assert target.mode is Mode.REVIEW
    policy = target.policy
    assert (policy.max_change, policy.decrease, policy.posted) == (4, When.NEXT_PERIOD, Otherwise.HOLD)
    assert (policy.max_change_percent, policy.hold_to_zero, policy.update_price) == (50, True, False)
    (change,) = plan_of(portals, mapping, one_line(12)).changes
    assert change.status is ChangeStatus.NEEDS_APPROVAL


def test_prices_are_carried_when_policy_says_so_and_all_sources_agree() -> None:
    pricing = AT_ONCE.model_copy(update={"update_price": True, "update_cost": True})
    same = {"unit_price": Decimal(3), "unit_cost": Decimal(2), "currency": "EUR"}
    agreed = only(targets_of(portal(used(4, **same), used(5, subscription_id="b", **same), policy=pricing)))
    assert (agreed.unit_price, agreed.unit_cost) == (3, 2)
    for other in ({"unit_price": Decimal(4)}, {"currency": "USD"}, {"unit_price": None}):
        usage = portal(used(4, **same), used(5, subscription_id="b", **(same | other)), policy=pricing)
        assert only(targets_of(usage)).unit_price is None
    assert only(targets_of(portal(used(4, **same)))).unit_price is None


def test_the_latest_date_of_the_portal_counts() -> None:
    usage = portal(
        used(4, effective_date=date(2026, 11, 3)), used(5, subscription_id="b", effective_date=date(2026, 12, 3))
    )
    assert only(targets_of(usage)).portal_date == date(2026, 12, 3)


@pytest.mark.parametrize("old", [date(2026, 11, 3), date(2027, 6, 1)], ids=["past", "ahead"])
def test_m7_the_date_of_what_is_gone_is_the_day_on_which_that_showed(old: date) -> None:
    """Not the day from which it had its last quantity: until it was gone, that was in use, and nothing else waits for it."""
    gone = replace(used(5, subscription_id="b", present=False, effective_date=old), changed_on=date(2026, 11, 18))
    assert only(targets_of(portal(gone))).portal_date == date(2026, 11, 18)
    there = used(4, effective_date=date(2026, 11, 5))
    assert only(targets_of(portal(there, gone))).portal_date == date(2026, 11, 18)


def test_m2_a_file_of_some_lines_is_evidence_for_the_lines_in_it() -> None:
    never = {"read_at": None, "confirmed_at": {}}
    assert only(targets_of(portal(used(3, confirmed=NOW), **never))).units == 3
    assert only(targets_of(portal(used(3, confirmed=OLD), **never))).units is None
    assert (
        only(targets_of(portal(used(3), policy=AT_ONCE.model_copy(update={"stale_after_days": None}), **never))).units
        is None
    ), "a reading that broke off proves nothing"


def test_m3_a_file_of_some_lines_is_no_evidence_for_the_others_of_a_line() -> None:
    both = mapped(rule(formula="users + guests", sources=sources(("mfa", "users"), ("guests", "guests"))))
    never = {"read_at": None, "confirmed_at": {}}
    one = [used(3, confirmed=NOW)]
    assert only(targets_of(portal(*one, **never), mapping=both)).units is None
    assert only(targets_of(portal(*one, used(2, product="guests", confirmed=NOW), **never), mapping=both)).units == 5


@pytest.mark.parametrize(
    ("lines", "customers", "units"),
    [
        ([used(3, confirmed=NOW)], ["acme"], 3),
        # One subscription does not tell whether there are others.
        ([used(3, confirmed=NOW, subscription_id="s1")], ["acme"], None),
        # Nothing old is added to what is new.
        ([used(3, confirmed=NOW), used(2, confirmed=OLD, customer="acme north")], ["acme", "acme north"], None),
        ([used(3, confirmed=NOW), used(2, confirmed=NOW, customer="acme north")], ["acme", "acme north"], 5),
        # Another customer of the company was not named.
        ([used(3, confirmed=NOW)], ["acme", "acme north"], None),
    ],
)
def test_m3_named_lines_are_enough_only_when_nothing_else_can_be_missing(
    lines: list[KnownLine], customers: list[str], units: int | None
) -> None:
    usage = portal(*lines, read_at=None, confirmed_at={})
    assert only(targets_of(usage, mapping=mapped(customers=dict.fromkeys(customers, 10)))).units == units


def test_m2_what_is_gone_counts_nothing_beside_what_is_there() -> None:
    usage = portal(used(4), used(9, subscription_id="s2", present=False))
    assert only(targets_of(usage)).units == 4


def test_m9_a_contract_counts_to_its_last_day() -> None:
    assert only(targets_of(portal(used(4)), state=one_line(home=contract(end=TODAY)))).line == line(100)


@pytest.mark.parametrize(("second", "units"), [({"read_at": None}, None), ({}, 12)])
def test_m3_another_rule_of_the_service_that_could_not_be_read_yet_holds_its_line(
    second: dict[str, object], units: int | None
) -> None:
    portals, mapping = two_portals(**second)
    apart = (rule(1), rule(2, portal_name="Pax8"))
    target = only(targets_of(*portals, mapping=WorkspaceMapping(customers=mapping.customers, rules=apart)))
    assert target.units == units


def test_m9_the_same_rule_twice_counts_nothing() -> None:
    """Two people linked a product at the same time, or somebody made the rule again: once its units were billed twice."""
    both = mapped(rule(1), rule(2, label="again"))
    found = targets_of(portal(used(4)), mapping=both)
    assert (only(found).units, kinds(found)) == (None, ["formula"])
    assert plan_of([portal(used(4))], both, one_line()).changes == ()
