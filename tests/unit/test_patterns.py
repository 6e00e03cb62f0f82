"""Patterns that people write: they mean what they mean in Python, and no text makes them slow."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.file_settings import FileSettings
from core.domain.grouping import renamed
from core.domain.mapping import Rename
from core.domain.patterns import LONGEST_PATTERN, compile_pattern, wildcard
from tests.looking import tries

PATTERNS = st.sampled_from(
    [
        r"^Customer: (?P<customer>.+)$", r"^(\S+) ", r"^\s*Klant\s*[:=]\s*(.*?)\s*$", r"(\d{4})-(\d\d)", r"\w+ B\.?V\.?$",
        r"[\w.-]+@[\w.-]+", r"[^\d\s]+", r"^[]a]+$", r"^[^]a]+$", r"a|b|", r"\$\d+", r"[$]", r"\u20ac ?(\d+)", r"^$", r"[\D]x",
        r"[a\]b]+c", r"[\[a]+",
    ]
)  # fmt: skip
WORDS = st.lists(
    st.sampled_from(["Customer: ", "Klant", ":", "=", " ", "\n", "Café", "é", "B.V.", "a", "]", "[", "x", "$5", "€ 7", "2026-09", "\u00a0", "٣", "𝔘"]) | st.text(max_size=3),
    max_size=8,
).map("".join)  # fmt: skip


@tries(400)
@given(PATTERNS, WORDS.filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)), st.booleans())
def test_a_pattern_finds_what_pythons_would(pattern: str, text: str, ignore_case: bool) -> None:
    wanted = re.compile(pattern, re.IGNORECASE if ignore_case else 0).search(text)
    found = compile_pattern(pattern, ignore_case=ignore_case).search(text)
    assert (found is None) == (wanted is None)
    if found and wanted:  # `$` takes a last line end along, which names are stripped of
        assert (str(found[0]).removesuffix("\n"), found.groupdict()) == (
            wanted[0].removesuffix("\n"),
            wanted.groupdict(),
        )


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 30_000 + "!"),
        ("(a|a)*b", "a" * 30_000),
        (r"^Klant:\s*(.*?)\s*$", "Klant:" + " " * 30_000 + "x\n\n"),
        (r"(.*)(.*)(.*)(.*)(.*)(.*)x", "a" * 30_000),
    ],
)
def test_no_text_makes_a_pattern_slow(pattern: str, text: str) -> None:
    """With `re` each of these takes minutes to centuries: the test's own limit would end it."""
    assert compile_pattern(pattern).search(text) is None or pattern.startswith("^Klant")


def test_a_group_line_meets_a_file_made_against_it() -> None:
    settings = FileSettings.model_validate(
        {"shape": "grouped", "product": "P", "quantity": "Q", "customer": "P", "group_line": r"^((\w+\s*)+):$"}
    )
    assert compile_pattern(settings.group_line).search("a " * 10_000) is None


@pytest.mark.parametrize("pattern", ["(?=a)", "(?<!a)b", r"(a)\1", "(?P<x>a)(?P=x)", "[", "(", "a{2000}", "(a{1000}){1000}", r"[\W]", "x" * (LONGEST_PATTERN + 1)])  # fmt: skip
def test_what_cannot_be_had_is_refused_when_it_is_saved(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        compile_pattern(pattern)
    with pytest.raises(ValueError, match=r"."):
        FileSettings.model_validate({"product": "P", "quantity": "Q", "customer": "C", "stop": pattern})


@tries(200)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_a_pattern_or_refused_in_words(pattern: str, text: str) -> None:
    try:
        compiled = compile_pattern(pattern)
    except ValueError:
        return
    compiled.search(text)


PARTS = st.text(st.sampled_from("ab.*?+(é]"), max_size=10)


@tries(300)
@given(PARTS, PARTS)
def test_wildcards_are_those_of_file_names(pattern: str, text: str) -> None:
    assert wildcard(pattern).fits(text) == fnmatchcase(text, pattern)


def test_a_wildcard_of_many_stars_is_quick() -> None:
    assert renamed([Rename("P", "*a" * 40 + "b", "new")], "P", "a" * 20_000) == "a" * 20_000
