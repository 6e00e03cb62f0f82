"""`python3 manage.py bench [NAME …] [--small]`: figures as ratios against a limit measured in the same run. Not part of the tests.

Names: sync, plan, import, portals, reports, pages, hooks, consumption, charges, closing, rest, subscriptions. `--small` measures with a
tenth of the data. Prints one JSON document.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from typing import Any

from tests.bench import plan, sync


def measure_import(small: bool) -> dict[str, Any]:
    from tests.bench.bench_files import bench_import

    return bench_import(100_000 if small else 1_000_000, 20_000 if small else 200_000)


def measure_portals(small: bool) -> dict[str, Any]:
    from tests.bench.portals import measure_portals as measure

    return measure(20, 0.1) if small else measure(100, 0.1)


def measure_reports(small: bool) -> dict[str, Any]:
    from tests.bench.reports import measure_reports as measure

    return measure(1_200, 365) if small else measure(12_000, 1_095)


def measure_pages(small: bool) -> dict[str, Any]:
    from tests.bench.pages import measure_pages as measure

    return measure(1_200, 365) if small else measure(12_000, 1_095)


def measure_hooks(small: bool) -> dict[str, Any]:
    from tests.bench.hooks import measure_hooks as measure

    return measure(300 if small else 3_000)


def measure_consumption(small: bool) -> dict[str, Any]:
    from tests.bench.consumption import bench_consumption

    return bench_consumption(100_000 if small else 1_000_000)


def measure_rest(small: bool) -> dict[str, Any]:
    from tests.bench.rest import measure as measured

    return measured(20 if small else 200, 500)


def measure_charges(small: bool) -> dict[str, Any]:
    from tests.bench.charges import measure_charges as measure

    return measure(40 if small else 400)


def measure_closing(small: bool) -> dict[str, Any]:
    from tests.bench.closing import measure_closing as measure

    return measure(900 if small else 9_000)


def measure_subscriptions(small: bool) -> dict[str, Any]:
    from tests.bench.subscriptions import measure_subscriptions as measure

    return measure(5_000 if small else 50_000)


BENCHES: dict[str, Callable[[bool], dict[str, Any]]] = {
    "plan": lambda small: plan.measure_plan(1_200 if small else 12_000),
    "import": measure_import,
    "consumption": measure_consumption,
    "charges": measure_charges,
    "closing": measure_closing,
    "subscriptions": measure_subscriptions,
    "sync": lambda small: sync.measure_sync(40, 1_200, 50, 0.1) if small else sync.measure_sync(400, 12_000, 500, 0.1),
    "portals": measure_portals,
    "hooks": measure_hooks,
    "reports": measure_reports,
    "pages": measure_pages,
    "rest": measure_rest,
}


def main(arguments: list[str]) -> int:
    from core import logs

    logs.configure(level=logging.ERROR)
    small = "--small" in arguments
    names = [name for name in arguments if not name.startswith("-")] or list(BENCHES)
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"There is no bench {', '.join(unknown)}. There are: {', '.join(BENCHES)}.", file=sys.stderr)
        return 2
    print(json.dumps({name: BENCHES[name](small) for name in names}, indent=2, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
