"""Names as they are searched and sorted: without case, the same on both engines."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_
from sqlalchemy.sql.elements import ColumnElement


def folded(*words: str) -> str:
    """All words in one text without case."""
    return " ".join(dict.fromkeys(word.casefold().strip() for word in words if word))


def contains(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Whether a folded column contains every word of what somebody typed."""
    return and_(True, *(column.contains(word, autoescape=True) for word in text.casefold().split()))
