"""Paths into a document: JMESPath, checked when they are saved, and quick where they are plain."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError, LexerError, ParseError

from core.domain.text import T, Text

__all__ = ["SCOPE_NAMES", "PathError", "Scope", "compile_path", "get", "quoted", "row_getter"]

SCOPE_NAMES = ("item", "parent", "parents", "key", "keys", "document", "joined")
LONGEST = 500
_PLAIN = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
Getter = Callable[[Any], Any]


class PathError(ValueError):
    """A path that cannot be read. `message` says which, and near what."""

    def __init__(self, message: Text) -> None:
        super().__init__(message)
        self.message = message


class Scope:
    """What a field's path sees: the names of `SCOPE_NAMES`, and every field of the item itself.

    `parents` are the records around the item, the outermost first; `parent` is the nearest. `key` is the name under which the item
    stands in a map, `keys` are those of all maps around it, the outermost first. A name of the scope wins over a field of the
    item: that one is reached as `item.key`.
    """

    __slots__ = ("document", "item", "joined", "key", "keys", "parent", "parents")

    def __init__(self, item: Any, parents: tuple[Any, ...] = (), key: str | None = None, document: Any = None) -> None:
        self.item = item
        self.parents = parents
        self.parent = parents[-1] if parents else None
        self.key = key
        self.keys: tuple[str, ...] = () if key is None else (key,)
        self.document = document
        self.joined: Mapping[str, Any] = {}

    def get(self, name: str) -> Any:
        """A name of the scope, or a field of the item. JMESPath asks for fields by this name."""
        if name in SCOPE_NAMES:
            value = getattr(self, name)
            return list(value) if name in ("parents", "keys") else value
        return self.item.get(name) if isinstance(self.item, dict) else None


def quoted(name: str) -> str:
    """A key as one step of a path: names with other signs than letters, digits and _ stand between quotes."""
    if _IDENTIFIER.fullmatch(name):
        return name
    escaped = (
        name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    )
    return f'"{escaped}"'


def normal(path: str) -> str:
    """A path without the `$` that other languages begin with."""
    text = path.strip()
    if text == "$":
        return ""
    return text[2:] if text.startswith("$.") else text[1:] if text.startswith("$[") else text


def compile_path(path: str) -> Getter:
    """The way to look a path up in a document or a Scope; "" is the whole. Raises PathError saying where it is wrong."""
    return _compiled(path)


def row_getter(path: str) -> Getter:
    """The same for Scopes alone: plain paths, which nearly all are, are looked up without asking what they are looked up in."""
    text = normal(path)
    if not _PLAIN.fullmatch(text) or text.partition(".")[0] in SCOPE_NAMES[1:]:
        return _compiled(path)
    steps = tuple(text.removeprefix("item.").split(".")) if text != "item" else ()
    if len(steps) == 1:
        name = steps[0]

        def one(row: Any) -> Any:
            item = row.item
            return item.get(name) if item.__class__ is dict else None

        return one

    def several(row: Any) -> Any:
        here = row.item
        for step in steps:
            if here.__class__ is not dict:
                return None
            here = here.get(step)
        return here

    return several


def get(body: Any, path: str) -> Any:
    """What stands at a path; None where there is nothing."""
    return _compiled(path)(body)


@lru_cache(maxsize=1024)
def _compiled(path: str) -> Getter:
    text = normal(path)
    if len(text) > LONGEST:
        raise PathError(T("A path may have {limit} characters at most.", limit=LONGEST))
    if not text:
        return lambda body: body.item if isinstance(body, Scope) else body
    if _PLAIN.fullmatch(text):
        return _plain(tuple(text.split(".")))
    if path.strip().startswith("$.."):
        raise PathError(
            T(
                "The path {path} uses “..”, which is not understood here: name each step, such as customers[*].qty.",
                path=path,
            )
        )
    try:
        expression = jmespath.compile(text)
    except (ParseError, LexerError) as error:
        raise PathError(_told(text, error)) from error
    except (JMESPathError, RecursionError, ValueError) as error:
        raise PathError(T("The path {path} is not understood.", path=path)) from error
    search = expression.search

    def look(body: Any) -> Any:
        try:
            return search(body)
        except (JMESPathError, RecursionError, TypeError, AttributeError, ValueError):
            return None

    return look


def _told(path: str, error: ParseError | LexerError) -> Text:
    position = getattr(error, "lex_position", len(path))
    if position is None or position >= len(path):
        return T("The path {path} is not complete: something is missing at its end.", path=path)
    return T("The path {path} is not understood at “{rest}”.", path=path, rest=path[position : position + 20])


def _plain(steps: tuple[str, ...]) -> Getter:
    if steps[0] in SCOPE_NAMES:
        return _from_scope(steps)
    if len(steps) == 1:
        return _one(steps[0])

    def look(body: Any) -> Any:
        here = body.item if isinstance(body, Scope) else body
        for step in steps:
            if not isinstance(here, dict):
                return None
            here = here.get(step)
        return here

    return look


def _one(name: str) -> Getter:
    def look(body: Any) -> Any:
        here = body.item if isinstance(body, Scope) else body
        return here.get(name) if isinstance(here, dict) else None

    return look


def _from_scope(steps: tuple[str, ...]) -> Getter:
    first, rest = steps[0], steps[1:]

    def look(body: Any) -> Any:
        here = body.get(first) if isinstance(body, Scope | dict) else None
        for step in rest:
            if not isinstance(here, dict):
                return None
            here = here.get(step)
        return here

    return look
