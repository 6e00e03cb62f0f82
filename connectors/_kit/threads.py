"""Several waits at once."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def in_parallel(tasks: Sequence[Callable[[], Result]], threads: int = 8) -> list[Result]:
    """The results of all tasks, in their order. The first error is raised, and tasks not yet begun are dropped.

    Threads live as long as the call: what a task waits for can never be the pool it runs in.
    """
    if len(tasks) == 1:
        return [tasks[0]()]
    with ThreadPoolExecutor(max_workers=max(1, min(threads, len(tasks)))) as pool:
        futures = [pool.submit(contextvars.copy_context().run, task) for task in tasks]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
