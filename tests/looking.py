"""How long property tests look. In the ordinary test command always at the same inputs: what it says does not depend on luck.

`HYPOTHESIS_PROFILE=deep` looks ten times as long, at new inputs each time.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "quick")
DEEP = PROFILE == "deep"
TIMES = 10 if DEEP else 1
USUAL = 40


def load() -> None:
    """Make this the way of all properties; before any module with properties is imported."""
    # No deadline and no complaints about slow inputs: the machine may be busy with other things.
    settings.register_profile(
        PROFILE, max_examples=USUAL * TIMES, deadline=None, derandomize=not DEEP, print_blob=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    settings.load_profile(PROFILE)


def tries(count: int, **more: Any) -> settings:
    """Settings for a property that wants another number of inputs than usual."""
    return settings(max_examples=count * TIMES, **more)
