"""What `python3 manage.py test` does: lint, types and layers, and every test in parallel. Further arguments go to pytest.

With arguments (`python3 manage.py test tests/unit -k period`) only pytest runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

QUICK = {
    "lint": [str(BIN / "ruff"), "check", "."],
    "format": [str(BIN / "ruff"), "format", "--check", "."],
}
SLOW = {
    "types": [str(BIN / "mypy")],
    "layers": [str(BIN / "lint-imports")],
}
"""These go on while the tests begin, which now and then wait for something; they are told at the end."""
ONCE = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:cacheprovider"]
"""Every worker reads all tests. Pytest makes its own code of them, which takes most of that time: it is made once, before the workers start."""
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Where Python keeps nothing that it compiled, every worker and every process that a test starts compiles the whole product anew."""


def check(name: str) -> tuple[str, int, str, float]:
    begin = time.monotonic()
    done = subprocess.run(
        (QUICK | SLOW)[name], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return name, done.returncode, done.stdout, time.monotonic() - begin


def told(results: Iterable[tuple[str, int, str, float]]) -> list[str]:
    """Print what the checks found; the names of those that failed."""
    failed = []
    for name, code, output, seconds in results:
        print(f"{name}: {'ok' if code == 0 else 'FAILED'} ({seconds:.0f} s)", flush=True)
        if code:
            print(output, flush=True)
            failed.append(name)
    return failed


def main(arguments: list[str]) -> int:
    if arguments:
        return pytest(arguments)
    # Two more than there are processors: somebody always waits for a server or a browser.
    workers = str(max(3, min(8, (os.cpu_count() or 2) + 2)))
    with ThreadPoolExecutor(1) as pool:
        failed = told(map(check, QUICK))
        beside = pool.map(check, SLOW)
        # What goes wrong here goes wrong once more below, and is told there.
        subprocess.run(
            ONCE, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        )
        code = pytest(["-n", workers, "--dist", "loadgroup"])
        failed += told(beside)
    if failed:
        print(f"Checks failed: {', '.join(failed)}.", flush=True)
    return code or (1 if failed else 0)


def pytest(arguments: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    return subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
