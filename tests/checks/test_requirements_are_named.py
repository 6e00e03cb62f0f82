"""Every requirement of consumption and subscriptions is named by a test: S1-61 to S1-71, and all of S2 to S5."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
NUMBERS = {"S1": range(61, 72), "S2": range(1, 27), "S3": range(1, 20), "S4": range(1, 25), "S5": range(1, 24)}
WITHOUT_A_TEST: dict[str, str] = {}
"""Numbers that only documentation can satisfy, each with why. There is none."""
NAME = re.compile(r"(?<![a-z0-9])s([1-5])_(\d\d)(?:_to_s\1_(\d\d))?(?![0-9])")


def names() -> Iterator[str]:
    """The names of all tests."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node.name


def numbers_in(name: str) -> set[str]:
    """The numbers that a test's name has; `s4_17_to_s4_21` are all from the first to the last."""
    found = set()
    for section, first, last in NAME.findall(name):
        found |= {f"S{section}-{number:02d}" for number in range(int(first), int(last or first) + 1)}
    return found


def test_every_number_is_named_by_a_test_or_says_why_not() -> None:
    wanted = {f"{section}-{number:02d}" for section, numbers in NUMBERS.items() for number in numbers}
    named = set().union(*map(numbers_in, names()))
    assert sorted(wanted - named - WITHOUT_A_TEST.keys()) == []
    assert sorted(number for number in WITHOUT_A_TEST if number in named or number not in wanted) == []


def test_numbers_are_read_from_names() -> None:
    assert numbers_in("test_s4_17_to_s4_19_the_audit") == {"S4-17", "S4-18", "S4-19"}
    assert numbers_in("test_m11_s5_20_s5_22_later") == {"S5-20", "S5-22"}
    assert numbers_in("test_rs5_20_s5_201_nothing") == set()
