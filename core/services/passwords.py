"""Passwords: which ones are good enough, how they are kept (argon2id), how they are checked in constant time."""

from __future__ import annotations

import secrets
from functools import cache

from pwdlib import PasswordHash

from core.domain.errors import InputError
from core.domain.text import T

SHORTEST = 10
LONGEST = 200
COMMON = frozenset(
    {"password", "wachtwoord", "welkom", "welcome", "contractbridge", "autotask", "qwertyuiop", "1234567890", "letmein"}
)
"""Whole passwords, digits and marks at their ends left off, that everybody tries first."""


@cache
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


@cache
def _nobody() -> str:
    """The hash of a password nobody knows: checking a wrong name takes as long as checking a wrong password."""
    return _hasher().hash(secrets.token_hex(16))


def check_rules(password: str, name: str = "") -> None:
    """Return when the password will do; raise InputError saying what it lacks. Length counts, not odd characters."""
    if len(password) < SHORTEST:
        raise InputError(T("A password needs at least {count} characters.", count=SHORTEST), kind="password")
    if len(password) > LONGEST:
        raise InputError(T("A password may have at most {count} characters.", count=LONGEST), kind="password")
    folded = password.casefold()
    core = folded.strip("0123456789!@#$%^&*()-_=+.,? ")
    if len(set(folded)) < 5 or folded in COMMON or core in COMMON or (name and core == name.casefold()):
        raise InputError(T("This password is too easy to guess: take a few words."), kind="password")


def hashed(password: str) -> str:
    """What is kept of a password."""
    return _hasher().hash(password)


def matches(password: str, kept: str) -> tuple[bool, str | None]:
    """Whether the password is right, and a new hash to keep where the old one was made with weaker settings.

    Takes as long for a person who has none, so that nobody can tell the names that exist.
    """
    right, better = _hasher().verify_and_update(password[:LONGEST], kept or _nobody())
    return (right and bool(kept)), better


def made_up() -> str:
    """A password for a person who will change it: 20 characters that are hard to confuse."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))
