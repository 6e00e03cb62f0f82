"""A disk that becomes full while a run writes, and comes back read-only: said in words, nothing damaged, goes on by itself.

`python3 manage.py chaos --full-disk --database postgres` does the same to the disk of a PostgreSQL server, which takes a minute or two;
the last test here looks at what all of that rests on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.disk import NOT_ALLOWED
from tests.postgres_cluster import binaries

ROOT = Path(__file__).resolve().parents[2]
# One story for all tests of this file.
pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("disk")]
REQUIRED = "CONTRACTBRIDGE_REQUIRE_DISK"


def lived(module: str) -> dict[str, Any]:
    """What a story tells; skipped where this machine lets nobody have a disk of his own, but not where it must."""
    done = subprocess.run(
        [sys.executable, "-m", module], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    if done.returncode == NOT_ALLOWED and os.environ.get(REQUIRED) != "1":
        pytest.skip(f"this machine lets nobody mount a disk of his own ({done.stdout.strip()})")
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """What the story tells (see `disk_story`)."""
    return lived("tests.chaos.disk_story")


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("full", "The disk is full: nothing can be stored."),
        ("read-only", "The disk cannot be written to: nothing can be stored."),
    ],
)
def test_the_state_is_told_in_words(seen: dict[str, Any], when: str, words: str) -> None:
    looked = seen[when]
    assert (looked["alive"], looked["ready"]) == (200, 503)
    assert words in looked["reason"]
    assert looked["sync"] == 1
    assert looked["sync said"].startswith(words)
    assert "Traceback" not in looked["sync said"]
    # Senders of webhooks come again: nothing is accepted that is not kept.
    assert looked["event"] == 503


def test_a_banner_stands_on_the_page_while_the_disk_is_full(seen: dict[str, Any]) -> None:
    errors = [line for line in seen["page when full"] if line.startswith("error:")]
    assert len(errors) == 1, "\n".join(seen["page when full"])
    assert "The disk is full" in errors[0]
    assert any(line.startswith("title:") for line in seen["page when full"])


def test_nothing_is_damaged_and_everything_goes_on_by_itself(seen: dict[str, Any]) -> None:
    """Contract lines, charges, ledger, chains, webhooks, mails and the file of the database, as after chaos. No process was started
    again but the one that was killed, before the disk was read-only.
    """
    assert seen["report"]["ok"], seen["report"]
    assert seen["report"]["figures"]["web started"] == 2


@pytest.mark.postgres
@pytest.mark.skipif(binaries() is None, reason="there is no PostgreSQL")
def test_a_full_disk_of_the_database_server_is_told_and_got_over() -> None:
    told = lived("tests.chaos.server_disk")
    full = ["disk_full", "PostgreSQL"]
    assert told["before"] is None
    assert (told["looked"], told["write"], told["coming in"]) == (full, full, full)
    assert "postgres.disk_full" in told["doctor"]
    assert told["kept"] == 0
    assert told["after"] is None
    assert told["written"] == 1
