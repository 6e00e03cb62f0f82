"""What a process writes is for its own user alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Terminal

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights of files are told otherwise there")


@pytest.mark.timeout(180)
def test_nobody_else_on_the_machine_may_read_what_a_process_leaves(terminal: Terminal) -> None:
    """Names and amounts of every customer stand in database, uploads, back-ups and exports."""
    before = os.umask(0o022)
    try:
        assert terminal("audit", "export", "audit.csv").code == 0
    finally:
        os.umask(before)
    made = [terminal.home / "data", *(terminal.home / "data").rglob("*"), terminal.home / "audit.csv"]
    assert {"contractbridge.db", "secret.key", "audit.csv"} <= {path.name for path in made}
    assert [path for path in made if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize(("chosen", "kept"), [(0o022, 0o077), (0o002, 0o077), (0o027, 0o027), (0o077, 0o077)])
def test_rights_that_somebody_chose_stay_and_a_crash_leaves_no_memory(chosen: int, kept: int, tmp_path: Path) -> None:
    told = (
        f"import os, resource; os.umask({chosen}); from core.own_files import keep_to_ourselves as keep; keep(); keep();"
        "print(os.umask(0), resource.getrlimit(resource.RLIMIT_CORE)[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", told], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout.split() == [str(kept), "0"]
