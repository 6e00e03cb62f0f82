"""The doctor's codes: each stands in the documentation, and each is made to happen in a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from core.domain.ports import Stage
from core.services.portal_cards import PortalState

ROOT = Path(__file__).resolve().parents[2]
LOOKING = (ROOT / "core/services/doctor.py", *sorted((ROOT / "core/services/examining").glob("*.py")))
CODE = re.compile(r"[a-z_]+\.[a-z_]+")


@cache
def all_codes() -> frozenset[str]:
    """Those that stand in the source, and those that it puts together."""
    source = "".join(file.read_text(encoding="utf-8") for file in LOOKING)
    literal = {
        code for code in re.findall(r'"([a-z_]+\.[a-z_]+)"', source) if not code.startswith(("fuse.", "doctor."))
    }
    made = {f"host.{stage.value}" for stage in Stage}
    made |= {f"portal.{state.value}" for state in PortalState}
    made |= {f"{of}.{what}" for of in ("autotask", "portal") for what in ("credentials", "busy", "fails")}
    made |= {f"chain.{name}{broken}" for name in ("audit", "ledger") for broken in ("", "_broken")}
    return frozenset(literal | made)


def named(node: ast.AST) -> Iterator[str]:
    """Codes that stand in a piece of a test, but for those that it says are not there."""
    if isinstance(node, ast.Compare) and any(isinstance(one, ast.NotIn) for one in node.ops):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
        yield node.value
    for inner in ast.iter_child_nodes(node):
        yield from named(inner)


@cache
def tried() -> frozenset[str]:
    """Codes that tests name which look with the doctor."""
    found: set[str] = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        text = file.read_text(encoding="utf-8")
        if file == Path(__file__) or not re.search(r"examining|examine\(|doctor", text):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.update(one for statement in node.body for one in named(statement))
    return frozenset(found)


def test_every_code_stands_in_the_docs_and_no_other() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").split("## The doctor")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", page, re.MULTILINE)) == all_codes()


def test_every_code_is_made_to_happen_in_a_test() -> None:
    assert sorted(all_codes() - tried()) == []
