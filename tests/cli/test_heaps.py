"""Memory that was freed goes back to the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAPS = """
import ctypes, sys, threading
from core.heaps import keep_few_heaps
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
if sys.argv[1] == "few":
    keep_few_heaps()
blocks, gate = [], threading.Barrier(12)
def work():
    blocks.append(libc.malloc(50_000))
    gate.wait()
threads = [threading.Thread(target=work) for _ in range(12)]
[one.start() for one in threads]
[one.join() for one in threads]
# A heap of a thread lies in 64 MiB of its own.
print(len({block >> 26 for block in blocks}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux has one heap for each thread")
def test_threads_share_a_few_heaps() -> None:
    found = {
        how: int(subprocess.check_output([sys.executable, "-c", HEAPS, how], cwd=ROOT, text=True))
        for how in ("few", "many")
    }
    assert found["few"] <= 2 < found["many"]
