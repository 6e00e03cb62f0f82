"""Every sentence of the program stands in the Dutch catalogue, with the same places in it."""

from __future__ import annotations

import ast
import string
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from core.domain.text import T
from core.i18n import LOCALE_DIRECTORY, LOCALES, translate

pytestmark = pytest.mark.xdist_group("texts")
"""All in one worker, which reads the whole source once."""
ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*ROOT.glob("core/**/*.py"), *ROOT.glob("connectors/**/*.py"), *ROOT.glob("pages/**/*.py"), ROOT / "app.py"]
MARKERS = {"T", "tr"}


@cache
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


@cache
def entries() -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """English and Dutch of each entry: the sentence for one thing first, where it has one of its own."""
    found = []
    for path in sorted((LOCALE_DIRECTORY / "nl").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="nl", abort_invalid=True):
                if message.id:
                    pair = message.id, message.string
                    english, dutch = ((text,) if isinstance(text, str) else tuple(text) for text in pair)
                    found.append((english, dutch))
    return found


def dutch() -> dict[str, str]:
    return {english[-1]: said[-1] for english, said in entries()}


def places(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_s1_81_every_sentence_has_a_dutch_translation() -> None:
    known = dutch()
    missing = [f"{where}: {template}" for template, where in templates().items() if not known.get(template)]
    assert not missing, "\n".join(missing)


def test_s1_81_translations_keep_their_places() -> None:
    wrong = [
        english
        for english, said in entries()
        if any(text and places(text) != places(english[-1]) for text in (*english, *said))
    ]
    assert not wrong, "\n".join(map(str, wrong))


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


@pytest.mark.parametrize(
    ("count", "english", "said"),
    [
        (1, "1 change waits for a decision", "1 wijziging wacht op een beslissing"),
        (Decimal(1), "1 change waits for a decision", "1 wijziging wacht op een beslissing"),
        ("1", "1 change waits for a decision", "1 wijziging wacht op een beslissing"),
        (2, "2 changes wait for a decision", "2 wijzigingen wachten op een beslissing"),
        (0, "0 changes wait for a decision", "0 wijzigingen wachten op een beslissing"),
    ],
)
def test_s1_81_one_of_something_is_said_as_one(count: object, english: str, said: str) -> None:
    text = T("{count} changes wait for a decision", count=count)
    assert (translate(text), translate(text, "nl")) == (english, said)
