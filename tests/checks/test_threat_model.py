"""docs/threat-model.md speaks of code and tests that are really there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
THREATS = [name for name in SECTIONS if name not in ("What there is to protect", "Who might try")]


def test_there_are_threats() -> None:
    assert len(THREATS) >= 10


@pytest.mark.parametrize("threat", THREATS)
def test_every_threat_names_its_code_and_its_tests(threat: str) -> None:
    _, code, tests = re.split(r"^(?:Code|Tests): ", SECTIONS[threat], flags=re.MULTILINE)
    files = re.findall(r"`([\w/.]+)`", code)
    assert files
    assert [name for name in files if not (ROOT / name).is_file()] == []
    assert re.findall(r"`(test_\w+)`", tests)


def test_the_tests_it_names_exist() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    known = set(re.findall(r"def (test_\w+)", sources))
    assert set(re.findall(r"`(test_\w+)`", PAGE)) - known == set()
