"""What ALSO's XML faults say; they come with status 500, or even 200 (ALSO §8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from connectors._kit.http import Answer
from core.domain.errors import RemoteError, Unauthorized
from core.domain.text import T

LARGEST = 16 * 1024
NO_MFA = T("ALSO does not let users with MFA use the API.")
USE_ANOTHER = T("Use an API user of its own, without MFA.")


class Fault(NamedTuple):
    """A fault's sentence, empty when it could not be read."""

    message: str = ""
    session_over: bool = False


def fault_in(answer: Answer) -> Fault | None:
    """The fault an answer holds; None for an answer that is no XML. Large ones and those with a DOCTYPE are not parsed."""
    if not is_xml(answer):
        return None
    if len(answer.content) > LARGEST:
        return Fault()
    try:
        root = fromstring(answer.content.strip(), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        return Fault()
    texts = {element.tag.rpartition("}")[2]: (element.text or "").strip() for element in root.iter()}
    return Fault(texts.get("Message") or texts.get("Text") or "", texts.get("IsSessionExpired", "").lower() == "true")


def is_xml(answer: Answer) -> bool:
    told = answer.headers.get("content-type", "")
    return answer.content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" or ("xml" in told and bool(answer.content.strip()))


def session_over(answer: Answer) -> bool:
    """Whether this call has to be repeated with a new session."""
    fault = fault_in(answer)
    return answer.status == 401 or (fault is not None and fault.session_over)


def as_error(answer: Answer, mask: Callable[[str], str]) -> RemoteError | None:
    """The error of a call other than the sign-in; None where the status alone tells."""
    fault = fault_in(answer)
    if fault is None or answer.status in (401, 403, 429):
        return None
    if fault.session_over:
        return Unauthorized(
            T("ALSO ends each session at once."),
            place=answer.where,
            remedy=T("Check whether the API user is released for the API and not used elsewhere at the same time."),
        )
    if not fault.message:
        return RemoteError(
            T("ALSO answers with an error that cannot be read."),
            retryable=False,
            place=answer.where,
            detail=f"{answer.status}, {len(answer.content)} bytes of XML",
            status=answer.status,
        )
    return RemoteError(
        T("ALSO refuses this: {reason}", reason=mask(fault.message)[:200]),
        retryable=False,
        place=answer.where,
        kind="refused",
        status=answer.status,
    )


def refused_sign_in(answer: Answer) -> RemoteError:
    """Why signing in failed. Nothing of the answer is repeated: it may hold what was sent."""
    words = answer.content[:LARGEST].decode("utf-8", "replace").lower()
    if "users with enabled mfa are not supported" in words:
        return Unauthorized(NO_MFA, place=answer.where, remedy=USE_ANOTHER)
    if answer.status in (401, 403) or "check your username and password" in words:
        return Unauthorized(
            T("ALSO does not accept the user name and password."),
            place=answer.where,
            remedy=T("Check both, and whether ALSO support has released the user for the API."),
        )
    return RemoteError(
        T("ALSO does not let this user sign in."),
        retryable=answer.status >= 500 and not is_xml(answer),
        place=answer.where,
        remedy=T("Ask ALSO support whether the user and this machine's public address are released for the API."),
        detail=str(answer.status),
        status=answer.status,
    )
