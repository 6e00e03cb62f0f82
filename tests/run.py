"""What `python3 manage.py test` does: lint, types, layers, then every test in parallel. Further arguments go to pytest.

With arguments (`python3 manage.py test tests/unit -k period`) only pytest runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

CHECKS = {
    "lint": [str(BIN / "ruff"), "check", "."],
    "format": [str(BIN / "ruff"), "format", "--check", "."],
    "types": [str(BIN / "mypy")],
    "layers": [str(BIN / "lint-imports")],
}


def check(name: str) -> tuple[str, int, str, float]:
    begin = time.monotonic()
    done = subprocess.run(
        CHECKS[name], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return name, done.returncode, done.stdout, time.monotonic() - begin


def main(arguments: list[str]) -> int:
    failed: list[str] = []
    if not arguments:
        with ThreadPoolExecutor(2) as pool:
            for name, code, output, seconds in pool.map(check, CHECKS):
                print(f"{name}: {'ok' if code == 0 else 'FAILED'} ({seconds:.0f} s)", flush=True)
                if code:
                    print(output, flush=True)
                    failed.append(name)
    workers = str(max(2, min(8, os.cpu_count() or 2)))
    pytest = [sys.executable, "-m", "pytest", "-q", *(arguments or ["-n", workers, "--dist", "loadgroup"])]
    code = subprocess.run(pytest, cwd=ROOT, check=False).returncode
    if failed:
        print(f"Checks failed: {', '.join(failed)}.", flush=True)
    return code or (1 if failed else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
