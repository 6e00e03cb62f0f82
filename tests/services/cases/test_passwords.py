"""Passwords that will do, and how they are checked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from argon2 import Type, extract_parameters
from pwdlib import PasswordHash

from core.domain.errors import InputError
from core.services import passwords


@pytest.mark.parametrize("word", ["short", "aaaaaaaaaaaa", "Password123!", "Welkom2026!!", "annabakker2026", "x" * 201])
def test_easy_passwords_are_refused_in_words(word: str) -> None:
    with pytest.raises(InputError, match="password"):
        passwords.check_rules(word, "AnnaBakker")


@pytest.mark.parametrize("word", ["correct horse battery", "één zin met letters", "k7#-vb2!qq0z"])
def test_a_few_words_will_do(word: str) -> None:
    passwords.check_rules(word, "Anna")


def test_a_password_made_up_passes_its_own_rules() -> None:
    passwords.check_rules(passwords.made_up())


def test_each_try_costs_memory_and_time(quick_passwords: Callable[[], PasswordHash]) -> None:
    """At least what OWASP asks of argon2id: 19 MiB and two passes."""
    found = extract_parameters(quick_passwords().hash("correct horse battery"))
    assert (found.type, found.memory_cost >= 19 * 1024, found.time_cost >= 2) == (Type.ID, True, True)


def test_only_the_right_password_matches_and_nobody_never_does() -> None:
    kept = passwords.hashed("correct horse battery")
    assert kept.startswith("$argon2id$")
    assert passwords.matches("correct horse battery", kept)[0]
    assert not passwords.matches("correct horse batterz", kept)[0]
    assert not passwords.matches("correct horse battery", "")[0]
