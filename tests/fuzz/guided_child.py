"""One target under atheris; `tests.fuzz.guided` starts it."""

from __future__ import annotations

import logging
import sys

import atheris
import structlog
from hypothesis import HealthCheck, given, settings

with atheris.instrument_imports(include=["core", "connectors"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    target = TARGETS[sys.argv.pop(1)]

    @settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(target.feed)
    def read(value: object) -> None:
        target(value)

    atheris.Setup(sys.argv, read.hypothesis.fuzz_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
