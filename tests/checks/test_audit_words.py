"""The audit page says in words what the program notes as `noun.verb`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pages._ui.audit_words as audit_words

CORE = Path(__file__).resolve().parents[2] / "core"
NOTING = {"note", "Audited", "_entry", "_decide", "_change", "_audited", "_note", "_after_mute"}


def noted() -> set[str]:
    found: set[str] = set()
    for path in CORE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if not any(f"{name}(" in text for name in NOTING):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NOTING:
                given = [*node.args, *(keyword.value for keyword in node.keywords)]
                words = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                found |= {word for word in words if re.fullmatch(r"[a-z_]+\.[a-z_]+", word)}
    return found


def test_every_event_has_its_words(monkeypatch) -> None:
    monkeypatch.setattr(audit_words, "tr", lambda text: text)
    nouns, verbs = audit_words._nouns(), audit_words._verbs()
    events = noted()
    assert len(events) > 50
    assert sorted(one for one in events if one.split(".")[0] not in nouns or one.split(".")[1] not in verbs) == []
    assert audit_words.what("person.signed_in") == "Person: signed in"
