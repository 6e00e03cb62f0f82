"""No parser crashes, hangs or reads a wrong number, whatever it is fed. `python -m tests.fuzz --minutes N` looks longer."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.bounded import within
from tests.fuzz.targets import TARGETS

SLOW = {"files": 25, "consumption": 10}
"""How many inputs, where one takes long."""
USUAL = 100


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_crashes_hangs_or_lies(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=SLOW.get(name, USUAL), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(target.feed)
    def read(value: object) -> None:
        with within():
            target(value)

    read()
