"""Lists in a document: what a path leads to, item by item, with the name each has in a map."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from core.domain.selection.paths import SCOPE_NAMES, Scope, compile_path, normal

_STEP = re.compile(
    r'(?:(?P<name>[A-Za-z_]\w*)|"(?P<quoted>[^"\\]*)"|(?P<all>\[\s*\*?\s*\]))(?P<dot>\.(?=[^.\[])|(?=\[)|$)', re.ASCII
)
ALL = object()


class Found(NamedTuple):
    """Items with their names in the document: a number in a list, a key in a map. `missing`: there was nothing, or null.

    `wrong` is what stood there instead of a list, "" where nothing was wrong.
    """

    items: list[tuple[int | str, Any]]
    missing: bool = False
    wrong: str = ""


Listing = Callable[[Any], Found]
NOTHING = Found([], missing=True)


@lru_cache(maxsize=512)
def listing(path: str) -> Listing:
    """The way to the items of a list path. `.*` at the end walks a map. One record stands for a list of one, as XML writes it."""
    text = normal(path)
    if text == "*" or text.endswith(".*"):
        look = _lookup(text[:-1].removesuffix("."))
        return lambda body: _of_map(look(body))
    look = _lookup(text)
    return lambda body: _of_list(look(body))


def base(path: str) -> str:
    """A list path as it begins the place of its items: `customers[*]` → `customers`."""
    return re.sub(r"^item(?:\.|$)", "", re.sub(r"(\[\s*\*?\s*\]|\.?\*)$", "", normal(path)))


def _lookup(path: str) -> Callable[[Any], Any]:
    steps = path_steps(path)
    if steps is None:
        return compile_path(path)

    def look(body: Any) -> Any:
        return _walk(body.item if isinstance(body, Scope) else body, steps, 0)

    return look


def path_steps(path: str) -> tuple[Any, ...] | None:
    """A path of names and `[*]` only, as its steps; None for any other, which is left to JMESPath."""
    path = normal(path)
    steps: list[Any] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            return None
        steps.append(ALL if match["all"] else match["name"] or match["quoted"])
        at = match.end()
    names = [step for step in steps if step is not ALL]
    return None if names[:1] and names[0] in SCOPE_NAMES else tuple(steps)


def _walk(node: Any, steps: tuple[Any, ...], at: int) -> Any:
    """What the steps from `at` on lead to. After `[*]` a record stands for a list of one."""
    while at < len(steps):
        step = steps[at]
        at += 1
        if step is ALL:
            if isinstance(node, dict):
                node = [node]
            if not isinstance(node, list) or at == len(steps):
                return node
            found: list[Any] = []
            for item in node:
                below = _walk(item, steps, at)
                if isinstance(below, list) and steps[-1] is ALL:
                    found.extend(below)
                elif below is not None:
                    found.append(below)
            return found
        if not isinstance(node, dict):
            return None
        node = node.get(step)
    return node


def _of_list(node: Any) -> Found:
    if isinstance(node, list):
        return Found(list(enumerate(node)))
    if node is None:
        return NOTHING
    if isinstance(node, dict):
        return Found([(0, node)])
    return Found([], wrong=type(node).__name__)


def _of_map(node: Any) -> Found:
    if isinstance(node, dict):
        return Found(list(node.items()))
    if node is None:
        return NOTHING
    if isinstance(node, list):
        if not node:
            return Found([])
        if all(isinstance(one, dict) for one in node):
            return Found([pair for one in node for pair in one.items()])
    return Found([], wrong=type(node).__name__)
