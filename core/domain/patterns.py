"""Patterns that people write: regular expressions and wildcards whose cost grows with the text and no faster.

`re` tries one way after another, so that an innocent pattern and a text made for it can keep a process busy for years. What people
write here is matched by RE2 instead, which reads each text once. It has no look-around and no references back to a group: those are
refused when the pattern is saved. `\\d`, `\\w` and `\\s` mean digits, letters and spaces of any script, as everywhere in Python;
`\\b` knows the letters a to z only.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Protocol, cast

import re2

__all__ = ["LONGEST_PATTERN", "Found", "UserPattern", "compile_pattern", "wildcard"]

LONGEST_PATTERN = 500
_SPACES = r"\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
_INSIDE = {"d": r"\p{Nd}", "w": r"\p{L}\p{N}_", "s": _SPACES, "D": r"\P{Nd}"}
_ALONE = {
    "d": r"\p{Nd}", "D": r"\P{Nd}", "w": r"[\p{L}\p{N}_]", "W": r"[^\p{L}\p{N}_]", "s": f"[{_SPACES}]", "S": f"[^{_SPACES}]",
    "Z": r"\z",
}  # fmt: skip
_TOKEN = re.compile(r"\\u(?P<code>[0-9A-Fa-f]{4})|\\(?P<escaped>.)|(?P<mark>[\[\]$])|[^\\\[\]$]+", re.DOTALL)


class Found(Protocol):
    """What a pattern found in a text."""

    def groupdict(self) -> dict[str, str | None]: ...

    def __getitem__(self, group: int) -> str | None: ...


class UserPattern:
    """A compiled pattern. Reading a text takes time in proportion to its length, whatever the pattern. Safe for several threads."""

    __slots__ = ("_compiled", "groups")

    def __init__(self, source: str, *, ignore_case: bool = False) -> None:
        options = re2.Options()
        options.log_errors = False
        options.case_sensitive = not ignore_case
        self._compiled = re2.compile(source, options)
        self.groups: int = self._compiled.groups

    def search(self, text: str) -> Found | None:
        """The first place where the pattern fits, or None."""
        return cast("Found | None", self._compiled.search(_encodable(text)))

    def fits(self, text: str) -> bool:
        """Whether the pattern fits the whole text."""
        return self._compiled.fullmatch(_encodable(text)) is not None


@lru_cache(maxsize=512)
def compile_pattern(text: str, *, ignore_case: bool = False) -> UserPattern:
    """A regular expression that a person wrote. Raises ValueError, in English for a log, for what is none or cannot be had."""
    if len(text) > LONGEST_PATTERN:
        raise ValueError(f"longer than {LONGEST_PATTERN} characters")
    try:
        return UserPattern(_translated(_encodable(text)), ignore_case=ignore_case)
    except re2.error as error:
        told = error.args[0] if error.args else ""
        raise ValueError(told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)) from error


@lru_cache(maxsize=2048)
def wildcard(text: str) -> UserPattern:
    """`*` is any text and `?` one character; everything else is meant as it stands. For `fits`."""
    plain = (re2.escape(part) if part not in "*?" else {"*": ".*", "?": ".", "": ""}[part] for part in _pieces(text))
    return UserPattern("(?s)" + "".join(plain))


def _pieces(text: str) -> list[str]:
    return re.split(r"([*?])", re.sub(r"\*{2,}", "*", _encodable(text)))


def _encodable(text: str) -> str:
    """RE2 reads UTF-8, which half a pair of surrogates (JSON may hold one) has no place in."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _translated(text: str) -> str:
    """The same pattern in RE2's words: classes of any script, and `$` before a last line end too."""
    out: list[str] = []
    inside = False
    end = "$" if "(?m" in text else r"(?:\n?\z)"
    for token in _TOKEN.finditer(text):
        mark, escaped = token["mark"], token["escaped"]
        if token["code"]:
            out.append(rf"\x{{{token['code']}}}")
        elif escaped:
            out.append((_INSIDE if inside else _ALONE).get(escaped) or _kept(escaped, inside=inside))
        elif mark == "$":
            out.append("$" if inside else end)
        elif mark == "[":
            out.append(r"\[" if inside else "[")
            inside = True
        elif mark == "]":
            # the first sign of a class is a bracket like any other: []a] and [^]a]
            first = inside and re.search(r"(?:^|[^\\])\[\^?\Z", "".join(out)[-3:]) is not None
            out.append(r"\]" if first else "]")
            inside = first
        else:
            out.append(token[0])
    return "".join(out)


def _kept(escaped: str, *, inside: bool) -> str:
    if inside and escaped in "WS":
        raise ValueError(rf"\{escaped} cannot stand between [ and ]")
    return "\\" + escaped
