"""`python3 manage.py bench [NAME …]`: figures as ratios against a limit measured in the same run. Not part of the tests.

Prints one JSON document on standard output.
"""

from __future__ import annotations

import argparse
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


def measure_workers(small: bool) -> dict[str, Any]:
    from tests.bench.workers import measure as measured

    return measured(8 if small else 24, 0.1)


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
    "workers": measure_workers,
}


def main(arguments: list[str]) -> int:
    asked = _asked(arguments)
    from core import logs

    logs.configure(level=logging.ERROR)
    if asked.minutes is not None:
        print(json.dumps({"soak": _soak(asked)}, indent=2, default=str))
        return 0
    benches: dict[str, Callable[[], dict[str, Any]]] = {
        name: lambda name=name: BENCHES[name](asked.small) for name in BENCHES
    }  # type: ignore[misc]
    benches["load"] = lambda: _load(asked)
    print(json.dumps({name: benches[name]() for name in asked.names or [*BENCHES, "load"]}, indent=2, default=str))
    return 0


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="manage.py bench",
        description="Measures, and prints figures as JSON: ratios against a limit that is measured in the same run.",
        epilog="Without a name all of them run, one after the other, which takes about half an hour.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join([*BENCHES, 'load'])}")
    parser.add_argument("--small", action="store_true", help="a tenth of the data")
    load = parser.add_argument_group("load: twenty people click while everything else goes on")
    load.add_argument("--part", type=float, metavar="SHARE", help="so much of the data: 0.25, 0.5, 1 (as usual)")
    load.add_argument("--seconds", type=float, default=120.0, help="with everything at once (120)")
    load.add_argument("--pause", type=float, metavar="SECONDS", help="between two clicks of a person (6; soaking: 20)")
    load.add_argument(
        "--minutes", type=float, help="soak: go on for so long at a modest pace, and say what memory grows"
    )
    load.add_argument("--hours", type=float, help="the same in hours")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in BENCHES and name != "load"]
    if unknown:
        parser.error(f"there is no bench {', '.join(unknown)}; there are: {', '.join([*BENCHES, 'load'])}")
    if asked.hours is not None:
        asked.minutes = 60 * asked.hours
    if asked.minutes is not None and asked.names != ["load"]:
        parser.error("--minutes and --hours are for the bench load")
    return asked


def _load(asked: argparse.Namespace) -> dict[str, Any]:
    from dataclasses import replace

    from tests.bench.load import run

    pace = replace(run.Pace(), click=asked.pause) if asked.pause else run.Pace()
    return run.measure_load(_size(asked), asked.seconds, pace)


def _soak(asked: argparse.Namespace) -> dict[str, Any]:
    from dataclasses import replace

    from tests.bench.load import run

    return run.soak(_size(asked), asked.minutes, replace(run.GENTLE, click=asked.pause) if asked.pause else run.GENTLE)


def _size(asked: argparse.Namespace) -> Any:
    from tests.bench.load.world import Size

    share = asked.part or (0.1 if asked.small else 1.0)
    return Size() if share == 1.0 else Size().part(share)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
