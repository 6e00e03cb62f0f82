"""docs/money-rules.md speaks of code and tests that are really there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "money-rules.md").read_text(encoding="utf-8")
RULES = dict(re.findall(r"^## (M\d+) [^\n]*\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_every_rule_has_its_section() -> None:
    assert list(RULES) == [f"M{number}" for number in range(1, 17)]


@pytest.mark.parametrize("rule", list(RULES))
def test_every_rule_names_its_code_and_its_tests(rule: str) -> None:
    assert "\nCode: `" in RULES[rule]
    assert "\nTests: `" in RULES[rule]


def test_files_and_tests_it_names_exist() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    known = set(re.findall(r"def (test_\w+)", sources))
    named = set(re.findall(r"`([\w/.]+)`", PAGE))
    missing = {name for name in named if name.startswith("test_") and name not in known}
    missing |= {name for name in named if "/" in name and not (ROOT / name).exists()}
    assert not missing
