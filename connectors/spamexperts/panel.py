"""The Control Panel API: all is GET, all is in the path, and errors come with status 200 (SpamExperts §2–§4, §7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import orjson

from connectors._kit.api import Api, Call
from connectors._kit.auth import Basic
from connectors._kit.http import Answer, Http, Timeouts
from connectors._kit.redact import redact_url
from connectors._kit.retry import Backoff
from connectors._kit.throttle import Throttle
from core.domain.errors import RemoteError, ShapeChanged, Unauthorized
from core.domain.text import T, Text

if TYPE_CHECKING:
    from connectors.spamexperts.manifest import SpamExpertsSecrets, SpamExpertsSettings

Mask = Callable[[str], str]
GONE = "gone"
USAGE = "usage"
NOT_ALLOWED = "not_allowed"
BROKEN = (b"SQLSTATE", b"fatalerror.php")


class Panel:
    """Asks the control panel, and gives what stands in `result`."""

    def __init__(self, settings: SpamExpertsSettings, secrets: SpamExpertsSecrets) -> None:
        password = secrets.password.get_secret_value()
        auth = Basic(settings.user, password)
        http = Http(
            "SpamExperts",
            timeouts=Timeouts(read=120.0),
            tls=settings.tls,
            secrets=[password, auth.value],
            show=_without_values if settings.hide_names else redact_url,
        )
        self.api = Api(
            http=http,
            base_url=_base(settings.base_url or settings.host),
            auth=auth,
            throttle=Throttle(at_once=2),
            backoff=Backoff(attempts=4, first=2.0, longest=30.0),
            throttled=frozenset({429, 503}),
            wait=None,
            check=lambda answer: _check(answer, http.mask),
            fault=lambda answer: _told(answer, http.mask),
            remedy=T("Check the user name and password, and that the account may use the Control Panel API."),
        )

    def ask(self, action: str, **values: str) -> object:
        """The result of `controller/action`. Raises RemoteError with kind GONE, USAGE or NOT_ALLOWED where the text says so."""
        parts = [part for name, value in values.items() for part in (name, _safe(value))]
        answer = self.api.fetch(
            Call(path="/".join([action, "format", "json", *parts] if parts else [action, "format", "json", ""]))
        )
        return _result(answer, self.api.http.mask)


def _safe(value: str) -> str:
    """A value in the path; an empty one or one with a slash would ask something else (SpamExperts §9)."""
    if not value or "/" in value or value in (".", ".."):
        raise RemoteError(
            T("{value} cannot be asked for: the name is empty or has a slash.", value=value or "?"),
            retryable=False,
            kind=NOT_ALLOWED,
        )
    return quote(value, safe="")


def _base(address: str) -> str:
    url = (address if "://" in address else f"https://{address}").rstrip("/")
    return url if urlsplit(url).path.endswith("/api") else f"{url}/api"


def _without_values(url: str) -> str:
    return re.sub(r"(/format/json)/.+", r"\1/…", redact_url(url))


def _check(answer: Answer, mask: Mask) -> None:
    _result(answer, mask)


def _told(answer: Answer, mask: Mask) -> RemoteError | None:
    """The error an answer with a bad status tells about; None when its body says nothing known."""
    try:
        _result(answer, mask)
    except RemoteError as error:
        return error if error.kind not in ("shape_changed", "refused", "server_fault") else None
    return None


def _result(answer: Answer, mask: Mask) -> object:
    """What the panel answers; raises what it says is wrong. Plain answers of older clusters are taken too (SpamExperts §4)."""
    content = answer.content.strip()
    if any(sign in content for sign in BROKEN) or content.startswith(b"<"):
        raise RemoteError(
            T("{name} answers with an error page.", name="SpamExperts"),
            retryable=True,
            place=answer.where,
            kind="server_fault",
        )
    if not content:
        raise ShapeChanged(T("The answer is empty."), place=answer.where)
    try:
        body: object = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = content.decode("utf-8", "replace")
    if isinstance(body, Mapping) and ("messages" in body or "result" in body):
        errors = _errors(body.get("messages"))
        if errors:
            raise _as_error(mask(" ".join(errors)), answer.where)
        return body.get("result")
    if isinstance(body, str) and not body.strip().isdecimal():
        raise _as_error(mask(body), answer.where)
    return body


def _errors(messages: object) -> list[str]:
    """`messages` is a list when there are none, otherwise an object (typical PHP)."""
    told = messages.get("error") if isinstance(messages, Mapping) else None
    if isinstance(told, Mapping):
        told = list(told.values())
    return [str(one) for one in (told if isinstance(told, list) else [told] if told else [])]


def _as_error(text: str, where: str) -> RemoteError:
    low = text.lower()
    if "credential is invalid" in low:
        return Unauthorized(T("SpamExperts does not accept the user name and password."), place=where)
    if "has status 'inactive'" in low:
        return Unauthorized(T("This account of SpamExperts is switched off."), place=where)
    if "have permissions to access the api" in low:
        return _forbidden(
            T("This account may not use the API."), T("Allow Control Panel API usage in its permissions."), where
        )
    if "no access to this api, current ip address" in low:
        seen = re.search(r"ip address\W+([0-9a-f.:]*[0-9a-f])", low)
        return _forbidden(
            T(
                "SpamExperts lets this account in from other addresses only; it sees {address}.",
                address=seen[1] if seen else "?",
            ),
            T("Allow that address for the account."),
            where,
        )
    if "no permissions" in low or "not allowed to manage" in low:
        return RemoteError(
            T("This belongs to another owner, or the account may not see it."),
            retryable=False, place=where, kind=NOT_ALLOWED, status=403,
        )  # fmt: skip
    if "is not registered on" in low or "no such domain" in low:
        return RemoteError(T("There is no such domain."), retryable=False, place=where, kind=GONE, status=404)
    if "incorrect usage of api" in low:
        return RemoteError(T("SpamExperts does not know this request."), retryable=False, place=where, kind=USAGE)
    return RemoteError(T("SpamExperts says: {text}", text=text[:200]), retryable=False, place=where, kind="refused")


def _forbidden(message: Text, remedy: Text, where: str) -> RemoteError:
    return RemoteError(message, retryable=False, place=where, remedy=remedy, kind="forbidden", status=403)
