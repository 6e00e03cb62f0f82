"""Reports worked out once and kept while nothing changed: turning a page or sorting does not ask the database again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from core.services import reports
from core.services.reports import Asked, Report, choices
from core.services.reports.choices import Choices
from pages._ui import auth

Result = TypeVar("Result")


def known() -> Choices:
    """What can be chosen: the same for everybody."""
    context, actor = auth.context(), auth.actor()
    as_of = (choices.version(context, actor), context.clock.today())
    return context.looks.get("choices", as_of, lambda: choices.choices(context, actor))


def built(name: str, asked: Asked) -> Report:
    """A report; the same object as long as no reading came in and nobody changed anything."""
    return once((name, asked), lambda: reports.build(auth.context(), auth.actor(), name, asked))


def once(what: Hashable, make: Callable[[], Result], *, seconds: float | None = None) -> Result:
    """What `make` gives, kept for everybody of this role and language until something was read, a person did something, or the day
    ended; for so many seconds at most.
    """
    context, actor = auth.context(), auth.actor()
    as_of = (choices.version(context, actor), context.clock.today())
    return context.looks.get((what, actor.role, actor.language, actor.locale), as_of, make, seconds=seconds)


def forget(what: Hashable) -> None:
    """Work it out once more, the next time."""
    actor = auth.actor()
    auth.context().looks.forget((what, actor.role, actor.language, actor.locale))
