"""In which order the workers take the tests: those that take long, and mostly wait, are spread over all others.

One after the other in the order of their folders, three browsers would be open at a time and everybody would wait for the processor, and
at another time everybody would wait for processes to die and leases to run out. Between others, who waits leaves the processor to them.
"""

from __future__ import annotations

from itertools import groupby
from zlib import crc32

import pytest

LONG = (
    "tests/chaos/",
    "tests/cli/test_main_job.py::test_from_workspace_file",
    "tests/cli/test_secrets_stay.py",
    "tests/cli/test_terminal.py::test_the_demo_does",
    "tests/cli/test_terminal.py::test_what_keeps_running",
    "tests/e2e/",
    "tests/engine/test_beside.py",
    "tests/engine/test_queue.py::test_a_queue",
    "tests/engine/test_workers.py",
    "tests/services/money/test_crashes.py::test_m4_a_request_that_outlives",
    "tests/services/money/test_properties.py",
    "tests/web/test_hooks_process.py",
)
"""What starts processes, browsers or databases, or waits for some of them to be missed."""
WEIGHTS = {"tests/pages/": 8, "tests/services/": 4, "tests/engine/": 4}
"""About how long a test of a folder takes, in tests of all others."""
LAST = 0.85
"""By this part of the others every long one has begun: the end is short, whoever comes last."""


def spread(items: list[pytest.Item]) -> list[pytest.Item]:
    """The same tests; the long ones between the modules of the others, in equal parts. The same for all workers."""
    long = sorted((item for item in items if item.nodeid.startswith(LONG)), key=_mixed)
    others = [item for item in items if not item.nodeid.startswith(LONG)]
    whole = LAST * sum(map(_weight, others)) or 1
    ordered: list[pytest.Item] = []
    done = begun = 0
    for _, module in groupby(others, lambda item: item.nodeid.partition("::")[0]):
        while begun < len(long) and begun <= done * len(long) / whole:
            ordered.append(long[begun])
            begun += 1
        tests = list(module)
        ordered += tests
        done += sum(map(_weight, tests))
    return ordered + long[begun:]


def _mixed(item: pytest.Item) -> int:
    """No browser beside another one, more than chance will have it."""
    return crc32(item.nodeid.encode())


def _weight(item: pytest.Item) -> int:
    return next((weight for folder, weight in WEIGHTS.items() if item.nodeid.startswith(folder)), 1)
