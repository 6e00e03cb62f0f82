"""Every sentence of the program stands in the Dutch catalogue, with the same places in it."""

from __future__ import annotations

import ast
import string
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from core.domain.text import T
from core.i18n import LOCALE_DIRECTORY, LOCALES, translate

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*ROOT.glob("core/**/*.py"), *ROOT.glob("connectors/**/*.py"), *ROOT.glob("pages/**/*.py"), ROOT / "app.py"]
MARKERS = {"T", "tr"}


def templates() -> dict[str, str]:
    """Each template marked for translation, with the file and line where it stands."""
    found: dict[str, str] = {}
    for path in SOURCES:
        if not path.exists():
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKERS):
                continue
            if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                found.setdefault(node.args[0].value, f"{path.relative_to(ROOT)}:{node.lineno}")
    return found


def dutch() -> dict[str, str]:
    texts: dict[str, str] = {}
    for path in sorted((LOCALE_DIRECTORY / "nl").glob("*.po")):
        with path.open("rb") as file:
            texts.update({str(m.id): str(m.string) for m in read_po(file, locale="nl", abort_invalid=True) if m.id})
    return texts


def places(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_s1_81_every_sentence_has_a_dutch_translation() -> None:
    known = dutch()
    missing = [f"{where}: {template}" for template, where in templates().items() if not known.get(template)]
    assert not missing, "\n".join(missing)


def test_s1_81_translations_keep_their_places() -> None:
    wrong = [key for key, text in dutch().items() if text and places(key) != places(text)]
    assert not wrong, "\n".join(wrong)


def test_no_translation_is_left_over() -> None:
    """A sentence that is gone from the program goes from the catalogue too."""
    literals = {
        node.value
        for path in SOURCES
        if path.exists()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    left_over = sorted(set(dutch()) - literals - {"yes", "no"})
    assert not left_over, "\n".join(left_over)


@pytest.mark.parametrize(("language", "expected"), [("en", "1,315 · 05/10/2026"), ("nl", "1.315 · 5-10-2026")])
def test_s1_81_numbers_and_dates_follow_the_person(language: str, expected: str) -> None:
    from datetime import date

    assert translate(T("{units} · {day}", units=1315, day=date(2026, 10, 5)), language, LOCALES[language]) == expected
