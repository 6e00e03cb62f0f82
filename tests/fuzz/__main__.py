"""`python -m tests.fuzz [--minutes N] [TARGET …]`: the fuzzers for as long as there is time. Tells inputs, and inputs per second."""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
import traceback

import structlog
from hypothesis import HealthCheck, given, seed, settings

from tests.fuzz.bounded import within
from tests.fuzz.targets import TARGETS, Target

BATCH = 300


def batch(target: Target, number: int) -> int:
    """Feed one target a batch of inputs nobody fed before; how many there were. Raises what was found."""
    count = 0

    @seed(number)
    @settings(
        max_examples=BATCH, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
    )
    @given(target.feed)
    def read(value: object) -> None:
        nonlocal count
        count += 1
        with within():
            target(value)

    read()
    return count


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("targets", nargs="*", default=list(TARGETS))
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    started = time.monotonic()
    counts = dict.fromkeys(asked.targets, 0)
    spent = dict.fromkeys(asked.targets, 0.0)
    found: set[str] = set()
    while time.monotonic() - started < asked.minutes * 60 and len(found) < len(counts):
        # The target that had least time so far.
        name = min((one for one in counts if one not in found), key=lambda one: spent[one])
        begin = time.monotonic()
        try:
            counts[name] += batch(TARGETS[name], random.randrange(2**32))
        except Exception:
            found.add(name)
            print(f"--- {name}\n{traceback.format_exc()[-3000:]}", flush=True)
        spent[name] += time.monotonic() - begin
    for name, count in counts.items():
        print(
            f"{name:22} {count:9} inputs {count / max(spent[name], 0.001):9.0f} a second{'  FOUND' if name in found else ''}"
        )
    print(
        f"{'all':22} {sum(counts.values()):9} inputs {sum(counts.values()) / (time.monotonic() - started):9.0f} a second"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
