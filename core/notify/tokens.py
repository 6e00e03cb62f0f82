"""The token that Microsoft's services want."""

from __future__ import annotations

import json
import threading
import time
from urllib.parse import urlencode

from core.domain.errors import RateLimited, RemoteError, SettingsError
from core.domain.posting import Post
from core.domain.text import T

TOKEN_SLACK = 120.0
"""Seconds before its end in which a token is not used any more."""


class ClientCredentials:
    """A token of Microsoft's sign-in (OAuth 2.0 client credentials), kept until shortly before its end. Safe for threads."""

    def __init__(self, post: Post, token_url: str, client_id: str, client_secret: str, scope: str) -> None:
        self._post = post
        self._token_url = token_url
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "scope": scope,
        }
        self._lock = threading.Lock()
        self._known: tuple[str, float] | None = None

    def token(self, *, renewed: bool = False) -> str:
        """The token; `renewed` asks for another one than before. Raises SettingsError when the sign-in refuses."""
        with self._lock:
            if renewed or self._known is None or time.monotonic() > self._known[1]:
                self._known = self._fetch()
            return self._known[0]

    def _fetch(self) -> tuple[str, float]:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        answer = self._post(self._token_url, headers, urlencode(self._form).encode())
        if answer.status == 429:
            raise RateLimited(T("Microsoft's sign-in is busy."), retry_after=answer.retry_after)
        if answer.status >= 500:
            raise RemoteError(
                T("Microsoft's sign-in does not work at the moment."), retryable=True, status=answer.status
            )
        try:
            told = json.loads(answer.content)
            if answer.status == 200:
                return str(told["access_token"]), time.monotonic() + float(told.get("expires_in", 3600)) - TOKEN_SLACK
            reason = str(told.get("error", answer.status))
        except (ValueError, KeyError, TypeError, AttributeError):
            reason = str(answer.status)
        raise SettingsError(
            T("Microsoft refuses the sign-in of the notification channel ({reason}).", reason=reason),
            remedy=T("Check tenant, client id and client secret; the secret may have expired."),
            kind="sign_in",
        )
