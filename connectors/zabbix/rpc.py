"""Zabbix's JSON-RPC: one endpoint, credentials where the server's version wants them, errors by their text (Zabbix §2–§4, §8)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import structlog

from connectors._kit.api import Api, Call
from connectors._kit.auth import Basic
from connectors._kit.http import Answer, Http, Timeouts
from connectors._kit.retry import Backoff
from connectors._kit.select import Record, records, text, whole
from connectors._kit.throttle import Throttle
from core.domain.errors import RemoteError, SettingsError, ShapeChanged, Unauthorized
from core.domain.text import T, Text

if TYPE_CHECKING:
    from connectors.zabbix.manifest import ZabbixSecrets, ZabbixSettings

log = structlog.get_logger(__name__)

ENDPOINT = "api_jsonrpc.php"
HEADER_SINCE = (6, 4)
"""From here on credentials travel in the header; before, a header is ignored."""
HEADER_ONLY_SINCE = (7, 2)
VERSION = re.compile(r"(\d+)\.(\d+)")
NOT_ACCEPTED = ("not authori", "api token expired", "incorrect user name", "session terminated", "temporarily blocked")
"""Beginnings or parts of `error.data`; the code does not tell sign-in from validation (Zabbix §8)."""
PASSING_CODE = 1
"""The code of a database that is down."""


class SessionEnded(Unauthorized):
    """The session is over; signing in again helps, once."""


class Rpc:
    """The calls of one server. One at a time: the session is one, and PHP's limits are reached sooner than the network's."""

    def __init__(self, settings: ZabbixSettings, secrets: ZabbixSecrets) -> None:
        self._token = secrets.api_token.get_secret_value()
        self._user = settings.username
        self._password = secrets.password.get_secret_value()
        self._credential = ""
        self._signed_in = 0
        self.version = (0, 0)
        self._numbers = count(1)
        front = secrets.front_password.get_secret_value()
        self._front = Basic(settings.front_username, front) if settings.front_username else None
        folder, self._endpoint = _endpoint(settings.base_url)
        self.api = Api(
            http=Http(
                "Zabbix",
                tls=settings.tls,
                timeouts=Timeouts(read=60.0),
                connections=1,
                secrets=[secret for secret in (self._token, self._password, front) if secret],
            ),
            base_url=folder,
            throttle=Throttle(at_once=1),
            backoff=Backoff(attempts=4, first=1.0, longest=15.0),
            throttled=frozenset({429, 503}),
            wait=10.0,
            check=self._check,
            remedy=T("If the web server itself asks for a password, give it as user and password of the web server."),
        )

    @contextmanager
    def session(self) -> Iterator[None]:
        """Find out the version, sign in, and sign out at the end, also after an error. Upgrades change how to sign in."""
        found = VERSION.match(str(self._call("apiinfo.version", [])))
        if found is None:
            raise ShapeChanged(T("The answer of the server is not that of Zabbix."), place=self.api.base_url)
        self.version = (int(found[1]), int(found[2]))
        if self._front is not None and self.version >= HEADER_ONLY_SINCE:
            raise SettingsError(
                T("Zabbix from 7.2 on cannot be reached through a web server with a password of its own."),
                remedy=T("Let the web server pass {path} without a password.", path=ENDPOINT),
                kind="basic",
            )
        self._signed_in = 0
        self._credential = self._token
        if not self._token:
            self._sign_in()
        try:
            yield
        finally:
            self._sign_out()

    def records(self, method: str, **params: Any) -> list[Record]:
        """The rows of a `get`. Raises ShapeChanged when the result is no list."""
        return records({"result": self.call(method, params)}, "result", place=method)

    def number(self, method: str, **params: Any) -> int:
        """The result of a `get` with `countOutput`."""
        found = whole({"result": self.call(method, {**params, "countOutput": True})}, "result")
        if found is None:
            raise ShapeChanged(T("A record has no number at {path}.", path="result"), place=method)
        return found

    def call(self, method: str, params: Mapping[str, Any]) -> object:
        """The result of one call within a session. A session that ended is replaced once in a reading, a token never."""
        try:
            return self._call(method, params)
        except SessionEnded:
            if self._token or self._signed_in > 1:
                raise
            self._sign_in()
            return self._call(method, params)

    def _sign_in(self) -> None:
        self._credential = ""
        self._signed_in += 1
        found = self._call("user.login", {"username": self._user, "password": self._password})
        session = text(found, "sessionid", "") if isinstance(found, Mapping) else str(found or "")
        if not session:
            raise ShapeChanged(T("{name} gave no token at sign-in.", name="Zabbix"), place="user.login")
        self.api.http.mask.learn(session)
        self._credential = session

    def _sign_out(self) -> None:
        """Sessions pile up on the server otherwise. A token has none."""
        if self._token or not self._credential:
            return
        try:
            self._call("user.logout", [])
        except RemoteError as error:
            log.info("zabbix.sign_out_failed", error=str(error.message))
        self._credential = ""

    def _call(self, method: str, params: Mapping[str, Any] | Sequence[Any]) -> object:
        open_to_all = method in ("apiinfo.version", "user.login")
        body: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params, "id": next(self._numbers)}
        headers = {} if self._front is None else {self._front.name: self._front.header}
        if not open_to_all:
            if self.version >= HEADER_SINCE and self._front is None:
                headers["Authorization"] = f"Bearer {self._credential}"
            else:
                body["auth"] = self._credential
        try:
            answer = self.api.fetch(Call(path=self._endpoint, method="POST", json=body, headers=headers))
        except RemoteError as error:
            if error.status == 500:
                raise _php_failed(error) from error
            raise
        found = answer.json()
        if not isinstance(found, Mapping) or "result" not in found:
            raise ShapeChanged(T("The answer of the server is not that of Zabbix."), place=method)
        return found["result"]

    def _check(self, answer: Answer) -> None:
        """Errors come with status 200."""
        body = answer.json()
        error = body.get("error") if isinstance(body, Mapping) else None
        if error is None:
            return
        if not isinstance(error, Mapping):
            raise ShapeChanged(T("The answer of the server is not that of Zabbix."), place=answer.where)
        code, said = _whole_number(error.get("code")), str(error.get("data") or error.get("message") or "")
        detail = self.api.http.mask(f"{code} {said}")[:300]
        lower = said.lower()
        if "no permissions to call" in lower:
            raise RemoteError(
                T("The role of the Zabbix account does not allow this call."),
                retryable=False,
                place=answer.where,
                remedy=T("Allow access to the API in its role, with the methods that the connector's page names."),
                detail=detail,
                kind="forbidden",
                status=403,
            )
        if any(words in lower for words in NOT_ACCEPTED):
            kind = SessionEnded if "session terminated" in lower else Unauthorized
            raise kind(
                T("{name} does not accept the credentials.", name="Zabbix"),
                place=answer.where,
                remedy=_what_to_check(lower),
                detail=detail,
            )
        raise RemoteError(
            T("Zabbix reports an error: {message}", message=self.api.http.mask(said)[:200]),
            retryable=code == PASSING_CODE,
            place=answer.where,
            detail=detail,
        )


def _endpoint(address: str) -> tuple[str, str]:
    """Folder and file name of the endpoint; people give the frontend's address or the whole one (Zabbix §2)."""
    folder, _, file = address.rpartition("/")
    return (folder, file) if file.lower().endswith(".php") else (address, ENDPOINT)


def _whole_number(value: object) -> int:
    """An error's code as number; 0 when there is none."""
    return int(value) if isinstance(value, int | str) and str(value).lstrip("-").isdigit() else 0


def _what_to_check(said: str) -> Text:
    if "expired" in said:
        return T("The token is past its end date: make a new one in Zabbix.")
    if "user name" in said or "blocked" in said:
        return T("Check user name and password. After several wrong ones Zabbix blocks the account for a while.")
    return T("Check that the token or account exists, is enabled and has not ended.")


def _php_failed(error: RemoteError) -> RemoteError:
    """PHP that runs out of memory or time answers 500 without a word."""
    return RemoteError(
        T("{name} answers with error {status}.", name="Zabbix", status="500"),
        retryable=True,
        place=error.place,
        remedy=T(
            "Look in the error log of PHP on the Zabbix server; memory_limit or max_execution_time may be too low."
        ),
        detail=error.detail,
        status=500,
    )
