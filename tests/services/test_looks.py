"""What several people look at is worked out once, and never for longer than it holds."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.services.looks import Looks


def test_the_same_is_worked_out_once_while_nothing_changed() -> None:
    looks, made = Looks(), iter(range(9))
    assert [looks.get("month", as_of, lambda: next(made)) for as_of in (1, 1, 2, 2)] == [0, 0, 1, 1]
    looks.forget("month")
    assert looks.get("month", 2, lambda: next(made)) == 2
    assert looks.get("month", 2, lambda: next(made), seconds=0) == 3


def test_what_rests_on_an_older_answer_is_as_old_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """The month page keeps a minute what rests on an answer of Autotask that is kept a minute: together no longer than one."""
    looks, made, now = Looks(), iter(range(9)), [0.0]
    monkeypatch.setattr("core.services.looks.time.monotonic", lambda: now[0])

    def page() -> int:
        return looks.get("page", 1, lambda: looks.get("asked", 1, lambda: next(made), seconds=60), seconds=60)

    assert page() == 0
    now[0] = 50
    looks.forget("page")
    assert page() == 0
    now[0] = 59
    assert page() == 0
    now[0] = 61
    assert page() == 1


def test_an_error_is_not_kept() -> None:
    looks = Looks()
    with pytest.raises(ZeroDivisionError):
        looks.get("x", 1, lambda: 1 / 0)
    assert looks.get("x", 1, lambda: None) is None
    assert looks.get("x", 1, lambda: 1 / 0) is None


def test_who_asks_meanwhile_waits_for_the_same_answer_and_others_do_not_wait() -> None:
    looks, go, made = Looks(), threading.Event(), []

    def slowly() -> int:
        made.append(1)
        go.wait(60)
        return len(made)

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(looks.get, "slow", 1, slowly) for _ in range(3)]
        assert looks.get("other", 1, lambda: "at once") == "at once"
        go.set()
        assert [one.result(60) for one in waiting] == [1, 1, 1]


def test_only_the_last_ones_are_kept() -> None:
    looks = Looks(most=2)
    made = [looks.get(name, 1, object) for name in ("a", "b", "c")]
    assert looks.get("c", 1, object) is made[2]
    assert looks.get("b", 1, object) is made[1]
    assert looks.get("a", 1, object) is not made[0]


def test_what_nobody_asks_for_any_more_is_let_go() -> None:
    looks = Looks(idle_seconds=0)
    made = looks.get("a", 1, object)
    time.sleep(0.01)
    looks.get("b", 1, object)
    assert looks.get("a", 1, object) is not made
