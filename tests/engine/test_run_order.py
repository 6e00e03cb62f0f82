"""Which runs may begin, for any runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.domain.run_order import Standing, in_each_others_way, may_begin
from tests.looking import tries

START = datetime(2026, 11, 20, tzinfo=UTC)
RUNS = st.lists(
    st.tuples(
        st.sampled_from(["sync", "sync", "apply", "plan"]),
        st.frozensets(st.sampled_from("ABC"), max_size=2),
        st.integers(0, 2),
    ),
    max_size=9,
)


@given(RUNS, st.randoms(use_true_random=False))
@tries(150)
def test_runs_of_a_portal_keep_their_order_never_overlap_and_all_come_to_their_turn(
    asked: list[tuple[str, frozenset[str], int]], dice: object
) -> None:
    left = {
        number: Standing(number, kind, tuple(sorted(portals)), START + timedelta(seconds=second), waits=True)
        for number, (kind, portals, second) in enumerate(asked, 1)
    }
    going: dict[int, Standing] = {}
    began: list[Standing] = []
    while left or going:
        free = may_begin([*left.values(), *going.values()])
        assert free or going, "nobody waits for ever"
        if free and (not going or dice.random() < 0.6):  # type: ignore[attr-defined]
            run = left.pop(dice.choice(free))  # type: ignore[attr-defined]
            assert not any(in_each_others_way(run, other) for other in going.values())
            going[run.id] = Standing(run.id, run.kind, run.portals, run.queued_at, waits=False)
            began.append(run)
        else:
            going.pop(dice.choice(sorted(going)))  # type: ignore[attr-defined]
    for place, run in enumerate(began):
        behind = [other for other in began[place + 1 :] if in_each_others_way(run, other)]
        assert all((run.queued_at, run.id) < (other.queued_at, other.id) for other in behind)
