"""No regular expression of ours takes long on a text made against it: each is tried on pumps made of its own signs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.fuzz.bounded import TooSlow, within

pytestmark = pytest.mark.xdist_group("own_patterns")
"""All in one worker: reading the whole source takes as long as trying what was found."""
ROOT = Path(__file__).resolve().parents[2]
CALLS = {"compile", "search", "match", "fullmatch", "sub", "split", "findall", "finditer"}
LENGTH = 800
SECONDS = 0.5
"""What grows with the square of the text takes a tenth of this; with its cube or faster, for ever."""
USUAL = (
    "a",
    "0",
    " ",
    "\n",
    "-",
    ".",
    ",",
    "a ",
    "0.",
    "a.",
    "_",
    '"',
    "\\",
    "<",
    "(",
    "[",
    "<!---->",
    "<!-- ",
    "a=",
    '="',
    "a-",
    "0 ",
    "\t ",
)


def patterns() -> Iterator[tuple[str, str | bytes]]:
    """Every literal that stands as the first argument of a call of `re`, with its place."""
    for folder in ("core", "connectors", "pages"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in CALLS
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id == "re"
                    and node.args
                    and isinstance(node.args[0], ast.Constant)
                ):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node.args[0].value


BOUNDED = {"core/files/numbers.py": "(?P<left>"}
"""Expressions for texts that are short: longer ones never reach them."""


@cache
def every() -> list[tuple[str, str | bytes]]:
    """All that are tried. Not found while the tests are read, which each worker does."""
    return sorted(
        found for found in patterns() if not str(found[1]).startswith(BOUNDED.get(found[0].partition(":")[0], "\0"))
    )


def pumps(pattern: str) -> Iterator[str]:
    """Long texts of what the pattern speaks of, that begin as it does and end as it does not."""
    words = list(dict.fromkeys([*USUAL, *re.findall(r"[A-Za-z]{2,}|[^\w\s\\()\[\]?*+|^${}]", pattern)]))[:36]
    begin = re.findall(r"[A-Za-z<]{2,}", pattern)
    for word in words:
        many = word * (LENGTH // len(word))
        yield many + "\x01"
        if begin and begin[0] != word:
            yield begin[0] + many + "\x01"


def test_there_are_patterns_to_look_at() -> None:
    assert len(every()) > 100


@pytest.mark.parametrize("folder", ["core/files", "core/domain", "core", "connectors", "pages"])
def test_no_expression_of_ours_can_be_made_slow(folder: str) -> None:
    narrower = {"core": ("core/files", "core/domain")}.get(folder, ())
    slow: list[str] = []
    for place, pattern in every():
        if not place.startswith(folder) or place.startswith(narrower or "\0"):
            continue
        text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
        compiled = re.compile(text, re.IGNORECASE | re.DOTALL)
        try:
            for pump in pumps(text):
                with within(SECONDS):
                    compiled.search(pump)
        except TooSlow:
            slow.append(f"{place}: {text}")
    assert slow == []
