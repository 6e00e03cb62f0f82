"""Trying again, for reads only: waiting grows, has jitter, and follows what the server told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import stamina

from connectors._kit.observed import is_observed
from core.domain.errors import RateLimited, RemoteError

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often and how long. Seconds; `attempts` counts the first one; each wait is `factor` times the one before; `total` bounds
    all waiting together.
    """

    attempts: int = 5
    first: float = 0.5
    longest: float = 30.0
    total: float = 180.0
    factor: float = 2.0


def retrying(
    action: Callable[[], Result],
    backoff: Backoff = Backoff(),
    *,
    wanted: Callable[[RemoteError], bool] = lambda error: error.retryable,
) -> Result:
    """The result of `action`, tried again while `wanted` says so; the last error is raised as it is.

    A write may only be given here with a `wanted` that holds for errors which prove that nothing happened.
    """

    def decide(error: Exception) -> bool | float:
        if not isinstance(error, RemoteError) or not wanted(error):
            return False
        if isinstance(error, RateLimited) and error.retry_after is not None:
            return max(error.retry_after, 0.05) if error.retry_after <= backoff.total else False
        return True

    for attempt in stamina.retry_context(
        on=decide,
        attempts=1 if is_observed() else backoff.attempts,
        timeout=backoff.total,
        wait_initial=backoff.first,
        wait_max=backoff.longest,
        wait_jitter=backoff.first,
        wait_exp_base=backoff.factor,
    ):
        with attempt:
            return action()
    raise AssertionError("unreachable: the last attempt returns or raises")
