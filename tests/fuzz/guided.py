"""`python -m tests.fuzz.guided [--minutes N] [TARGET …]`: the fuzzers led by what of the code an input reaches.

Wants atheris (`pip install atheris`), which is no requirement of the project: it exists for few systems. Each target runs in a
process of its own, because a finding ends it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).resolve().parent.parent.parent
EXECUTED = re.compile(r"^stat::number_of_executed_units:\s+(\d+)", re.MULTILINE)


def guided(name: str, seconds: float) -> tuple[int, str]:
    """Feed one target for so long: how many inputs it took, and what was found (empty: nothing)."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.guided_child", name, f"-max_total_time={max(1, round(seconds))}", "-max_len=1024",
             "-print_final_stats=1", f"-artifact_prefix={folder}/", "-timeout=20", "-rss_limit_mb=2048"],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
        )  # fmt: skip
    executed = EXECUTED.search(done.stdout)
    return int(executed[1]) if executed else 0, done.stdout[-4000:] if done.returncode else ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("targets", nargs="*", default=list(TARGETS))
    asked = parser.parse_args()
    count = 0
    findings = 0
    for name in asked.targets:
        executed, found = guided(name, asked.minutes * 60 / len(asked.targets))
        count += executed
        findings += bool(found)
        print(f"{name:22} {executed:9} inputs{'  FOUND' if found else ''}", flush=True)
        if found:
            print(found, flush=True)
    print(f"{'all':22} {count:9} inputs")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
