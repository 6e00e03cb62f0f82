#!/usr/bin/env python3
"""The one way in: `python3 manage.py run`, `python3 manage.py test`, and every other command of ContractBridge.

Only the standard library is used here: the first call on a bare clone makes the virtual environment `.venv`, installs the
pinned requirements into it and goes on inside. Later calls go straight on: a stamp tells what is installed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PRODUCT = ROOT / "requirements.txt"
DEVELOPMENT = ROOT / "requirements-dev.txt"
OLDEST_PYTHON = (3, 11)
LOCK_MINUTES = 20
SUPPLY_CHAIN = ("licences", "sbom", "vulnerabilities")


def main(arguments: list[str]) -> int:
    if sys.version_info < OLDEST_PYTHON:
        print(
            f"ContractBridge needs Python {'.'.join(map(str, OLDEST_PYTHON))} or newer; this is {sys.version.split()[0]}."
        )
        return 2
    command = arguments[0] if arguments else "--help"
    try:
        prepare(DEVELOPMENT if command in ("test", "bench", "chaos", "check", *SUPPLY_CHAIN) else PRODUCT)
    except subprocess.CalledProcessError as error:
        print(f"Setting up did not work (exit code {error.returncode}). The lines above say why; then run the command again.",
              file=sys.stderr)  # fmt: skip
        return 1
    if command == "test":
        return call("tests/run.py", *arguments[1:])
    if command in ("bench", "chaos"):
        return call("-m", f"tests.{command}", *arguments[1:])
    if command in SUPPLY_CHAIN:
        return call("-m", "tests.supply_chain", *arguments)
    return call("-m", "core.cli", *arguments)


def prepare(requirements: Path) -> None:
    """Make the environment and install what `requirements` pins, unless that was done before."""
    if stamp_is_fresh(requirements):
        return
    with only_one_at_a_time():
        if stamp_is_fresh(requirements):
            return
        if not PYTHON.exists():
            say("Making the environment (.venv) …")
            subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True, stdout=sys.stderr)
        say(f"Installing {requirements.name} (once; about a minute) …")
        subprocess.run(
            [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes",
             "-r", str(requirements)],
            check=True, stdout=sys.stderr,
        )  # fmt: skip
        stamp(requirements).write_text(digest(requirements), encoding="utf-8")
        if requirements == DEVELOPMENT:
            stamp(PRODUCT).write_text(digest(PRODUCT), encoding="utf-8")


def stamp(requirements: Path) -> Path:
    return ENVIRONMENT / f".installed-{requirements.stem}"


def stamp_is_fresh(requirements: Path) -> bool:
    path = stamp(requirements)
    return PYTHON.exists() and path.exists() and path.read_text(encoding="utf-8") == digest(requirements)


def digest(requirements: Path) -> str:
    """Of the pinned versions and of this interpreter: an upgraded Python needs its own packages."""
    text = requirements.read_bytes() + f"{sys.version_info[:2]}".encode()
    return hashlib.sha256(text).hexdigest()


@contextlib.contextmanager
def only_one_at_a_time() -> Iterator[None]:
    """Two commands started together do not install into one environment at the same time."""
    ENVIRONMENT.mkdir(exist_ok=True)
    lock = ENVIRONMENT / ".installing"
    give_up = time.monotonic() + LOCK_MINUTES * 60
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            if time.time() - lock.stat().st_mtime > LOCK_MINUTES * 60 or time.monotonic() > give_up:
                lock.unlink(missing_ok=True)
            time.sleep(1)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def call(*arguments: str) -> int:
    """Run Python of the environment in the project's directory; Ctrl-C reaches the child and ends both."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    child = subprocess.Popen([str(PYTHON), *arguments], env=environment, cwd=ROOT if arguments[0] != "-m" else None)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
