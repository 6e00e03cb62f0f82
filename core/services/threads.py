"""Threads that know what they work for: what is logged in them carries the run's number, as in the thread that began them."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Pool(ThreadPoolExecutor):
    """A pool whose tasks have the context of who submits them."""

    def submit(self, task: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs) -> Future[Result]:
        context = contextvars.copy_context()
        return super().submit(lambda: context.run(task, *args, **kwargs))


def daemon(target: Callable[..., Any], *args: object, name: str | None = None) -> threading.Thread:
    """A thread, not started yet, with the context of who makes it. The program may end without it."""
    return threading.Thread(target=contextvars.copy_context().run, args=(target, *args), name=name, daemon=True)
