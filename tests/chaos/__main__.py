"""`python3 manage.py chaos --minutes N [--seed S] [--database sqlite|postgres] [--workers K]`: see docs/operations.md.

Exit code 0: nothing lost, nothing doubled; 1: something was, or it did not settle.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import asdict

from tests.chaos.story import Options, run
from tests.chaos.verdict import Report


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="manage.py chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long there are faults")
    parser.add_argument("--seed", type=int, help="the same faults and the same work again")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--workers", type=int, default=0, help="processes of manage.py worker beside the web process")
    parser.add_argument("--faults", type=int, default=0, help="end after so many faults instead of by the clock")
    parser.add_argument("--customers", type=int, default=4)
    parser.add_argument("--rest", type=float, default=0.7, help="seconds between two things that people do")
    parser.add_argument("--calm", type=float, default=2.0, help="seconds between two faults")
    parser.add_argument(
        "--full-disk",
        action="store_true",
        help="instead: the disk of the database becomes full (SQLite: and read-only)",
    )
    parser.add_argument("--keep", action="store_true", help="keep databases and logs, also when all is well")
    parser.add_argument("--json", action="store_true")
    given = vars(parser.parse_args(arguments))
    as_json = given.pop("json")
    if given.pop("full_disk"):
        return full_disk(given["database"])
    given["seed"] = random.SystemRandom().randint(1, 10**6) if given["seed"] is None else given["seed"]
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:8.1f}  {text}", file=sys.stderr, flush=True)

    say(f"seed {given['seed']}")
    report = run(Options(**given), say)
    print(json.dumps(asdict(report), indent=2) if as_json else shown(report))
    return 0 if report.ok else 1


def full_disk(database: str) -> int:
    """What was seen of it, as JSON. Exit code 3 where this machine lets nobody have a disk of his own."""
    from tests.chaos import disk_story, server_disk_story

    return disk_story.told(server_disk_story.live if database == "postgres" else disk_story.live)


def shown(report: Report) -> str:
    """The table."""
    lines = [
        f"Chaos: {report.lived:.0f} s of faults, {report.settled:.0f} s to settle. "
        f"{report.database}, {report.workers} workers, seed {report.seed}.",
        "",
    ]
    lines += [f"  {count:>7}  {name}" for name, count in report.figures.items()]
    lines += ["", f"  {'compared':>8} {'lost':>5} {'doubled':>8}"]
    for check in report.checks:
        lines.append(
            f"  {check.looked_at:>8} {check.lost:>5} {check.doubled:>8}  {check.what}  {check.detail}".rstrip()
        )
    lines += ["", *report.errors, f"lost {report.lost}, doubled {report.doubled}: {'ok' if report.ok else 'NOT OK'}"]
    if report.kept:
        lines.append(f"Databases and logs are in {report.kept}.")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
