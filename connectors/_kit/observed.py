"""Looking on while a connection is tried: whom it spoke to, what time it is there, and how long its certificate is good.

Only what is done inside `observing` is seen, threads included. Nothing is tried twice there: who looks wants to know how it is now.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from core.domain.errors import RemoteError
from core.domain.ports import Contact, Stage

__all__ = ["answered", "is_observed", "observing", "stage_of"]

_seen: ContextVar[list[Contact] | None] = ContextVar("contacts", default=None)


@contextmanager
def observing() -> Iterator[list[Contact]]:
    """Collects every answer of the work inside; fulfils `core.domain.ports.Observing`."""
    found: list[Contact] = []
    token = _seen.set(found)
    try:
        yield found
    finally:
        _seen.reset(token)


def is_observed() -> bool:
    """Whether somebody looks on: then nothing is tried again."""
    return _seen.get() is not None


def answered(url: str, headers: Mapping[str, str], stream: Any) -> None:
    """An answer came; `stream` is the network stream of the HTTP library."""
    found = _seen.get()
    if found is None:
        return
    tls = stream.get_extra_info("ssl_object") if stream is not None else None
    certificate = (tls.getpeercert() if tls is not None else None) or {}
    end = certificate.get("notAfter")
    found.append(
        Contact(
            host=urlsplit(url).hostname or "",
            at=datetime.now(UTC),
            told=_date(headers.get("date", "")),
            certificate_end=datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC) if end else None,
        )
    )


def stage_of(error: BaseException) -> Stage | None:
    """How far a connection came that failed with this error; None where the error tells of something else."""
    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return Stage.NAME
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Stage.TLS
    if any(isinstance(cause, RemoteError) and cause.kind == "no_answer" for cause in causes):
        return Stage.ANSWER
    return Stage.CONNECTION if any(isinstance(cause, OSError) for cause in causes) else None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    known: set[int] = set()
    while error is not None and id(error) not in known:
        known.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
