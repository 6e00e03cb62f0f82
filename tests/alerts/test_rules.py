"""What is a jump, which rule decides, and when a matter is raised and told: pure rules, tried with any sequence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.domain.alerts.jumps import Course, Looks, Piece, courses, jump, look_before, month_before
from core.domain.alerts.pacing import POSTS_MOST, POSTS_WITHIN, due_at, next_post, wait_after
from core.domain.alerts.raising import MARKEDLY, Known, Raised, raised_by, settle
from core.domain.alerts.rules import DEFAULTS, AlertRule, Baseline, Direction, Per, RuleKind, Telling
from core.domain.alerts.signals import Signal
from core.domain.notice import Severity
from core.domain.text import T

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def course(now: int, before: int | None = None, month: int | None = None, weeks: tuple[int, ...] = ()) -> Course:
    return Course(
        1, "c", "De Halm", "edr", "EDR", Decimal(now), None if before is None else Decimal(before),
        None if month is None else Decimal(month), tuple(Decimal(week) for week in weeks),
    )  # fmt: skip


def usage(**fields: object) -> AlertRule:
    return AlertRule.model_validate({"id": 1, "kind": "usage", "units": 10, "percent": 50, **fields})


@pytest.mark.parametrize(
    ("before", "now", "raised"),
    [(10, 100, True), (100, 10, True), (100, 149, False), (100, 150, True), (10, 19, False), (0, 10, True), (None, 99, False)],
)  # fmt: skip
def test_s1_48_a_jump_passes_both_limits(before: int | None, now: int, raised: bool) -> None:
    assert (jump(usage(), course(now, before), "Pax") is not None) is raised


def test_s1_48_direction_and_baseline_decide() -> None:
    assert jump(usage(direction=Direction.UP), course(10, 100), "Pax") is None
    assert jump(usage(direction=Direction.DOWN), course(10, 100), "Pax") is not None
    monthly = usage(baseline=Baseline.LAST_MONTH)
    assert jump(monthly, course(100, before=100, month=20), "Pax") is not None
    assert jump(monthly, course(100, before=20), "Pax") is None


def test_s1_48_the_usual_band_follows_the_spread_of_the_weeks() -> None:
    rule = usage(baseline=Baseline.USUAL, units=5, percent=None)
    calm, wild = (100, 101, 100, 99, 100, 100), (60, 140, 100, 80, 120, 100)
    assert jump(rule, course(110, weeks=calm), "Pax") is not None
    assert jump(rule, course(110, weeks=wild), "Pax") is None
    assert jump(rule, course(110, weeks=calm[:4]), "Pax") is None, "too little is known"


def test_m2_what_was_not_known_yet_is_not_zero() -> None:
    first = NOW - timedelta(days=10)
    look = Looks("Pax", first, NOW, NOW - timedelta(days=1), NOW - timedelta(days=30))
    pieces = [
        Piece(1, "c", "De Halm", "edr", "EDR", Decimal(40), first, NOW + timedelta(days=1)),
        Piece(1, "d", "Smit", "edr", "EDR", Decimal(2), NOW - timedelta(hours=1), NOW + timedelta(days=1)),
    ]
    halm, smit = courses(pieces, {1: look}, Per.CUSTOMER)
    assert (halm.now, halm.before, halm.month_before, len(halm.weeks)) == (40, 40, None, 1)
    assert (smit.now, smit.before) == (2, 0)
    (both,) = courses(pieces, {1: look}, Per.PRODUCT)
    assert (both.now, both.before) == (42, 40)


def test_readings_within_a_day_count_as_one_look() -> None:
    hours = [NOW - timedelta(hours=step) for step in (50, 26, 25, 3, 2, 1, 0)]
    assert look_before(hours) == NOW - timedelta(hours=25)
    assert look_before([NOW - timedelta(hours=2), NOW]) == NOW - timedelta(hours=2)
    assert look_before([NOW]) is None


def test_the_same_day_of_a_shorter_month_is_its_last() -> None:
    assert month_before(datetime(2026, 3, 31, 8, tzinfo=UTC), AMSTERDAM).date().isoformat() == "2026-02-28"


def signal(
    subject: str = "x", kind: RuleKind = RuleKind.HELD, portal: str = "Pax", product: str = "edr", size: int = 1
) -> Signal:
    return Signal(kind=kind, subject=subject, title=T("x"), portals=(portal,), products=(product,), size=Decimal(size))


def test_s1_50_the_narrowest_rule_decides_and_a_disabled_one_is_an_exception() -> None:
    wide = AlertRule(id=1, kind=RuleKind.HELD)
    portal = AlertRule(id=2, kind=RuleKind.HELD, portal_id=7, portal="Pax", severity=Severity.CRITICAL)
    product = AlertRule(id=3, kind=RuleKind.HELD, portal_id=7, portal="Pax", product="edr", enabled=False)
    rules = [wide, portal, product]
    assert list(raised_by(rules, [signal()])) == []
    assert list(raised_by(rules, [signal(product="mail")])) == ["2|x"]
    assert list(raised_by(rules, [signal(portal="Duo")])) == ["1|x"]


def test_leakage_is_told_above_its_amount_and_ends_within_their_days() -> None:
    leak = AlertRule(id=1, kind=RuleKind.LEAKAGE, amount=Decimal(100))
    assert not raised_by([leak], [signal(kind=RuleKind.LEAKAGE, size=100)])
    assert raised_by([leak], [signal(kind=RuleKind.LEAKAGE, size=101)])
    ends = AlertRule(id=2, kind=RuleKind.CONTRACT_END, days=30)
    late = Signal(kind=RuleKind.CONTRACT_END, subject="c", title=T("x"), days=31)
    assert not raised_by([ends], [late])


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "usage"},
        {"kind": "usage", "units": 1, "product": "edr"},
        {"kind": "drift", "product": "edr", "portal_id": 1},
        {"kind": "run_failed", "portal_id": 1},
    ],
)
def test_rules_that_do_not_fit_together_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AlertRule.model_validate(fields)


def test_every_kind_of_matter_has_a_rule_from_the_start() -> None:
    assert {rule.kind for rule in DEFAULTS.values()} == set(RuleKind)


steps = st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 9)), max_size=12)


@given(steps, st.integers(0, 2**12 - 1))
def test_any_sequence_of_looks_raises_each_cause_once_until_it_is_resolved(
    looks: list[dict[str, int]], blind: int
) -> None:
    """`blind` says which looks could see nothing: those resolve nothing (M2)."""
    rule = AlertRule(id=1, kind=RuleKind.HELD, severity=Severity.CRITICAL)
    known: dict[str, Known] = {}
    now = NOW
    for place, sizes in enumerate(looks):
        now += timedelta(hours=1)
        sees = not blind >> place & 1
        raised = raised_by([rule], [signal(name, size=size) for name, size in sizes.items()]) if sees else {}
        verdict = settle(known.values(), raised, now, looked_at=frozenset(RuleKind) if sees else frozenset())
        assert not set(verdict.opened) & set(known)
        assert set(verdict.told) >= set(verdict.opened)
        for cause in verdict.again:
            before = known[cause].told_size
            assert before is not None and raised[cause].signal.size is not None
            assert raised[cause].signal.size >= MARKEDLY * before  # type: ignore[operator]
        assert set(verdict.resolved) == (set(known) - set(raised) if sees else set())
        for cause in verdict.opened:
            known[cause] = Known(cause=cause, kind=RuleKind.HELD)
        for cause in verdict.resolved:
            del known[cause]
        for cause in verdict.told:
            known[cause] = Known(cause=cause, kind=RuleKind.HELD, told_at=now, told_size=raised[cause].signal.size)
        assert not settle(known.values(), raised, now).told or not sees


def test_what_comes_and_goes_is_told_once_a_day_unless_it_is_critical() -> None:
    rule = AlertRule(id=1, kind=RuleKind.HELD)
    raised = raised_by([rule], [signal()])
    before = {"1|x": NOW - timedelta(hours=23)}
    assert settle((), raised, NOW, told_before=before).told == ()
    assert settle((), raised, NOW + timedelta(hours=2), told_before=before).told == ("1|x",)
    loud = {"1|x": Raised(rule.model_copy(update={"severity": Severity.CRITICAL}), signal())}
    assert settle((), loud, NOW, told_before=before).told == ("1|x",)


def test_muted_rules_and_alerts_are_raised_and_not_told() -> None:
    rule = AlertRule(id=1, kind=RuleKind.HELD, muted_until=NOW + timedelta(days=1))
    raised = raised_by([rule], [signal()])
    verdict = settle((), raised, NOW)
    assert (verdict.opened, verdict.told) == (("1|x",), ())
    later = settle([Known(cause="1|x", kind=RuleKind.HELD)], raised, NOW + timedelta(days=2))
    assert (later.opened, later.told) == ((), ("1|x",))
    muted = Known(cause="1|x", kind=RuleKind.HELD, muted_until=NOW + timedelta(days=9))
    assert settle([muted], raised, NOW + timedelta(days=2)).told == ()


@given(st.lists(st.floats(0, 900), max_size=60))
def test_never_more_than_20_posts_in_5_minutes_nor_two_within_2_seconds(waits: list[float]) -> None:
    posts: list[datetime] = []
    now = NOW
    for wait in waits:
        now += timedelta(seconds=wait / 60)
        posts.append(next_post(posts, now))
        now = posts[-1]
    assert all(later - earlier >= timedelta(seconds=2) for earlier, later in pairwise(posts))
    pairs = zip(posts, posts[POSTS_MOST:], strict=False)
    assert all(later - earlier >= POSTS_WITHIN for earlier, later in pairs)


def test_waits_grow_end_and_never_undercut_what_was_asked() -> None:
    assert [wait_after("teams", attempt) for attempt in (1, 2, 4, 5)] == [
        timedelta(seconds=5), timedelta(seconds=20), timedelta(seconds=300), None,
    ]  # fmt: skip
    assert wait_after("teams", 1, 7.0) == timedelta(seconds=7)


def test_digests_are_due_at_their_time_in_the_workspace() -> None:
    assert due_at(Telling.NOW, "08:00", "monday", NOW, AMSTERDAM) == NOW
    assert due_at(Telling.DAILY, "08:00", "monday", NOW, AMSTERDAM) == datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
    assert due_at(Telling.WEEKLY, "08:00", "monday", NOW, AMSTERDAM) == datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
