"""What Graph's refusals mean for files (D2)."""

from __future__ import annotations

from connectors._kit.http import Answer
from connectors._kit.select import find
from core.domain.errors import RemoteError, ShapeChanged
from core.domain.pickup import Problem
from core.domain.text import T


class Resync(RemoteError):
    """The token of the changes is too old. `location` is where to begin anew; empty where Graph does not say."""

    def __init__(self, location: str, place: str) -> None:
        super().__init__(
            T("Graph wants everything to be listed anew."), retryable=False, place=place, kind="resync", status=410
        )
        self.location = location


def fault_of(answer: Answer, client_id: str, site: str) -> RemoteError | None:
    """The error behind a status that says something of its own about files; None for all others."""
    match answer.status:
        case 403:
            return RemoteError(
                T("{site} is not granted to the app {app}.", site=site, app=client_id),
                retryable=False,
                place=answer.where,
                remedy=T(
                    "An administrator must grant the site to the app {app}: role write, or read if files stay.",
                    app=client_id,
                ),
                detail=_code(answer),
                kind=Problem.DENIED,
                status=403,
            )
        case 404:
            return _of(answer, Problem.GONE)
        case 409:
            return _of(answer, Problem.EXISTS)
        case 410:
            return Resync(answer.headers.get("location", ""), answer.where)
        case 412:
            return _of(answer, Problem.CHANGED)
        case 423:
            return _of(answer, Problem.LOCKED)
    return None


WORDS = {
    Problem.GONE: T("The file, folder or site is not there."),
    Problem.EXISTS: T("There is a file of this name already."),
    Problem.CHANGED: T("The file was changed meanwhile."),
    Problem.LOCKED: T("The file is open somewhere."),
}


def _of(answer: Answer, kind: Problem) -> RemoteError:
    return RemoteError(
        WORDS[kind], retryable=False, place=answer.where, detail=_code(answer), kind=kind, status=answer.status
    )


def _code(answer: Answer) -> str:
    try:
        body = answer.json()
    except ShapeChanged:
        return str(answer.status)
    return f"{answer.status} {find(body, 'error.code') or ''}".strip()
