"""Keeps the memory of a process near what it uses.

The C library of Linux gives threads heaps of their own, up to eight for each processor, and keeps in each what was freed.
Streamlit has a new thread for each run of a page: after an hour of twenty people that was a third of the web process.
"""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_ARENA_MAX = -1, -8
"""Numbers of `malloc.h` (glibc)."""
HEAPS = 2
GIVEN_BACK_FROM = 1024 * 1024
"""Bytes free at the end of a heap that go back to the system."""


def keep_few_heaps() -> None:
    """Called where a process begins, before it has threads. Does nothing where there is no such library."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, HEAPS)
        mallopt(M_TRIM_THRESHOLD, GIVEN_BACK_FROM)
