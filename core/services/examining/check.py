"""One thing that was looked at, with its code, its sentence and its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.domain.text import Text

if TYPE_CHECKING:
    from core.services.context import Context

OK, TODO, WRONG = "ok", "todo", "wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `state`: ok, todo (not set up yet, or soon due), wrong. `code` is stable: docs/operations.md
    has them all, and scripts may look for them.
    """

    name: str
    state: str
    message: Text
    remedy: Text | None = None
    code: str = ""


Look = Callable[["Context"], Iterator[Check]]
"""Looks at one part. Raises ContractBridgeError where that breaks: the doctor makes a finding of it."""
