"""From an HTTP answer to a value or to the right error (Autotask reference §6).

Validation errors come as HTTP 500 with `{"errors": [...]}` and must never be repeated; a 500 without such a body is a
failure like any other. What a failed *write* left behind is unknown unless the answer proves that it was refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors._kit.http import Answer
from core.domain.errors import OutcomeUnknown, RateLimited, Refused, RemoteError, ShapeChanged, Unauthorized
from core.domain.text import T, Text

Row = dict[str, Any]

THREADS = re.compile(r"Itgenatr005|thread threshold", re.IGNORECASE)
HOURLY = re.compile(
    r"(request|hourly|external).{0,40}(threshold|limit).{0,80}exceed|exceed.{0,60}request threshold", re.IGNORECASE
)
TRANSIENT = re.compile(r"deadlock|timeout expired|timed out", re.IGNORECASE)
"""Database troubles in the clothes of a validation error: whether the write happened is not said."""

REASONS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("same_day", re.compile(r"duplicate data into contract_service", re.IGNORECASE)),
    ("negative", re.compile(r"\bnegative\b|below zero", re.IGNORECASE)),
    ("zero", re.compile(r"greater than (zero|0)\b|(must|can)\s?not be (zero|0)\b|\bzero units\b", re.IGNORECASE)),
    ("outside_contract", re.compile(r"between the start date and end date", re.IGNORECASE)),
    ("posted", re.compile(r"approved and posted", re.IGNORECASE)),
    (
        "inactive_reference",
        re.compile(r"does not exist or is invalid|does not reference an existing entity", re.IGNORECASE),
    ),
    ("permission", re.compile(r"permission", re.IGNORECASE)),
)

SENTENCES: Mapping[str, Text] = {
    "same_day": T("The line already has a change on this date: {text}"),
    "negative": T("The line would have less than 0 units: {text}"),
    "zero": T("Autotask does not let this line go to 0 units: {text}"),
    "outside_contract": T("The date lies outside the contract: {text}"),
    "posted": T("The period is already approved and posted: {text}"),
    "inactive_reference": T("Something the request refers to is inactive or does not exist: {text}"),
    "permission": T("The API user lacks a permission: {text}"),
    "other": T("Autotask refuses: {text}"),
}


def understood(answer: Answer, *, writes: bool) -> Row | None:
    """The body of a good answer; None for an empty one. Raises what the answer means.

    Refused, RateLimited and Unauthorized prove that nothing was changed; for a write, everything doubtful is OutcomeUnknown.
    """
    if answer.status == 401:
        raise Unauthorized(
            T("Autotask does not accept the user name, secret or integration code."),
            place=answer.where,
            remedy=T("Check all three in Autotask under Admin, Resources, API users, and that the user is active."),
        )
    body = _body(answer, writes=writes)
    errors = _errors(body)
    limited = _limited(answer, " ".join(errors))
    if limited:
        raise limited
    if errors:
        raise _refused(answer, " ".join(errors)[:500], writes=writes)
    if not answer.ok:
        raise _failed(answer, body, writes=writes)
    return body


def _body(answer: Answer, *, writes: bool) -> Row | None:
    try:
        body = answer.json()
        if body is not None and not isinstance(body, dict):
            raise ShapeChanged(T("The answer is not the JSON it should be."), place=answer.where, detail=answer.start())
    except ShapeChanged as error:
        if not answer.ok:
            return None
        if writes:
            raise _unknown(answer) from error
        raise
    if body is None and answer.ok and writes:
        raise _unknown(answer)
    return body


def _errors(body: Row | None) -> list[str]:
    errors = (body or {}).get("errors")
    if isinstance(errors, str):
        return [errors]
    return [str(error) for error in errors] if isinstance(errors, list) else []


def _limited(answer: Answer, errors: str) -> RateLimited | None:
    """A limit of requests, by status or, as statuses differ (reference §5), by its text."""
    said = errors if answer.ok else f"{errors} {answer.start()}"
    if THREADS.search(said):
        message = T("Autotask takes no more requests at the same time.")
    elif answer.status == 429 or HOURLY.search(errors):
        message = T("Autotask's limit of requests is reached.")
    else:
        return None
    return RateLimited(message, retry_after=answer.retry_after(), place=answer.where, detail=said[:300])


def _refused(answer: Answer, text: str, *, writes: bool) -> RemoteError:
    if TRANSIENT.search(text):
        return _unknown(answer) if writes else _trouble(answer)
    return refusal(text, status=answer.status, place=answer.where)


def refusal(text: str, *, status: int, place: str) -> Refused:
    """The refusal in words, with its reason as one word."""
    reason = next((word for word, pattern in REASONS if pattern.search(text)), "other")
    if reason == "other" and status == 403:
        reason = "permission"
    sentence = T(SENTENCES[reason].template, text=text or str(status))
    return Refused(sentence, reason=reason, place=place, detail=text, status=status)


def _failed(answer: Answer, body: Row | None, *, writes: bool) -> RemoteError:
    """A redirect of a write is doubtful too: somebody in between may have taken it."""
    if answer.status >= 500 or answer.status == 408 or (writes and answer.status < 400):
        return _unknown(answer) if writes else _trouble(answer)
    said = str((body or {}).get("Message") or (body or {}).get("message") or answer.start())
    if answer.status in (400, 403):
        return refusal(said, status=answer.status, place=answer.where)
    return RemoteError(
        T("Autotask answers with HTTP status {status}.", status=answer.status),
        retryable=False,
        place=answer.where,
        remedy=T("Check the address of Autotask."),
        detail=said,
        kind="status",
        status=answer.status,
    )


def _trouble(answer: Answer) -> RemoteError:
    return RemoteError(
        T("Autotask has trouble (HTTP status {status}).", status=answer.status),
        retryable=True,
        place=answer.where,
        detail=answer.start(),
        kind="trouble",
        status=answer.status,
    )


def _unknown(answer: Answer) -> OutcomeUnknown:
    return OutcomeUnknown(
        T("Autotask's answer (HTTP status {status}) does not tell whether the change was made.", status=answer.status),
        place=answer.where,
        detail=answer.start(),
    )
