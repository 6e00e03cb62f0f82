"""FortiManager's JSON-RPC: sign-in by key, session or FortiCloud, a code for each part of a request (FortiManager §2, §3, §6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from connectors._kit.api import Api, Call
from connectors._kit.auth import Token
from connectors._kit.http import Http, Timeouts
from connectors._kit.retry import Backoff
from connectors._kit.select import text, whole
from connectors._kit.throttle import Throttle
from core.domain.errors import RemoteError, ShapeChanged, Unauthorized
from core.domain.text import T

if TYPE_CHECKING:
    from connectors.fortimanager.manifest import FortiManagerSecrets, FortiManagerSettings

log = structlog.get_logger(__name__)

CLOUD_SIGN_IN = "https://customerapiauth.fortinet.com/api/v1/oauth/token/"
CLOUD_TOKEN_SECONDS = 3600
OK, INTERNAL, NO_PERMISSION, LOGIN_FAILED = 0, -1, -11, -22


class Part(NamedTuple):
    """The answer to one part of a request."""

    code: int
    message: str
    data: Any

    def problem(self, place: str) -> RemoteError:
        """The error that a code other than 0 stands for."""
        if self.code == NO_PERMISSION:
            return RemoteError(
                T("FortiManager does not permit this to the administrator."),
                retryable=False,
                place=place,
                remedy=T(
                    "Give the administrator JSON API access (rpc-permit read), and check its trusted hosts and ADOMs."
                ),
                detail=f"{self.code} {self.message}"[:200],
                kind="forbidden",
                status=403,
            )
        return RemoteError(
            T(
                "FortiManager answers with code {code}: {message}",
                code=str(self.code),
                message=self.message[:120] or "?",
            ),
            retryable=False,
            place=place,
        )


class Rpc:
    """The calls of one FortiManager, one at a time: a session must not be used by two threads (FortiManager §3)."""

    def __init__(self, settings: FortiManagerSettings, secrets: FortiManagerSecrets) -> None:
        self._settings = settings
        self._key = secrets.api_key.get_secret_value() if settings.sign_in == "key" else ""
        self._password = secrets.password.get_secret_value()
        self._session = ""
        self._signed_in = 0
        self._numbers = count(1)
        self.cloud_token: Token | None = None
        self.api = Api(
            http=Http(
                "FortiManager",
                tls=settings.tls,
                timeouts=Timeouts(read=60.0),
                connections=1,
                secrets=[secret for secret in (self._key, self._password) if secret],
            ),
            base_url=settings.base_url.rstrip("/").removesuffix("/jsonrpc"),
            throttle=Throttle(at_once=1),
            backoff=Backoff(attempts=4, first=1.0, longest=15.0),
            throttled=frozenset({429, 503}),
            wait=10.0,
        )
        # FortiCloud signs people in on a host of its own, with other credentials.
        self.sign_in_api = Api(
            http=Http("FortiCloud", secrets=[self._password] if self._password else []),
            base_url=settings.auth_url or CLOUD_SIGN_IN,
            backoff=self.api.backoff,
        )

    @contextmanager
    def session(self) -> Iterator[None]:
        """Sign in, and sign out at the end, also after an error: the number of sessions is limited."""
        self._signed_in = 0
        if not self._key:
            self._sign_in()
        try:
            yield
        finally:
            self._sign_out()

    def get(self, *parts: Mapping[str, Any]) -> list[Part]:
        """The answers to each part, in order, whatever their codes."""
        return self._request("get", parts)

    def one(self, method: str, part: Mapping[str, Any]) -> Any:
        """The data of a request with one part. Raises RemoteError for any code but 0."""
        found = self._request(method, [part])[0]
        if found.code != OK:
            raise found.problem(str(part["url"]))
        return found.data

    def _request(self, method: str, parts: Sequence[Mapping[str, Any]]) -> list[Part]:
        """An internal error is tried once more. No permission may be a session that ended: signed in anew, once (§3, §6)."""
        found = self._parts(method, parts)
        if any(part.code == NO_PERMISSION for part in found):
            if self._key:
                raise Unauthorized(
                    T("FortiManager does not accept the API key, or does not permit this to it."),
                    place=str(parts[0]["url"]),
                    remedy=T("Check the key, and that its administrator has JSON API access (rpc-permit read)."),
                )
            if self._signed_in > 1:
                raise found[0]._replace(code=NO_PERMISSION).problem(str(parts[0]["url"]))
            self._sign_in()
            found = self._parts(method, parts)
            refused = next((part for part in found if part.code == NO_PERMISSION), None)
            if refused is not None:
                raise refused.problem(str(parts[0]["url"]))
        if any(part.code == INTERNAL for part in found):
            found = self._parts(method, parts)
        return found

    def _parts(self, method: str, parts: Sequence[Mapping[str, Any]]) -> list[Part]:
        body = self._send(method, parts)
        results = body.get("result")
        # A few answers of `exec` are an object instead of a list.
        results = [results] if isinstance(results, Mapping) else results
        if not isinstance(results, list) or len(results) != len(parts):
            raise ShapeChanged(T("The answer of the server is not that of FortiManager."), place=str(parts[0]["url"]))
        return [_part(result) for result in results]

    def _send(self, method: str, parts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        body: dict[str, Any] = {"id": next(self._numbers), "method": method, "params": list(parts), "verbose": 1}
        headers: dict[str, str] = {}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        elif self._session:
            body["session"] = self._session
        answer = self.api.fetch(Call(path="jsonrpc", method="POST", json=body, headers=headers)).json()
        if not isinstance(answer, Mapping):
            raise ShapeChanged(T("The answer of the server is not that of FortiManager."), place="jsonrpc")
        return answer

    def _sign_in(self) -> None:
        """A refused sign-in is never tried again: it would lock the administrator out."""
        self._session = ""
        self._signed_in += 1
        body = self._cloud_session() if self._settings.sign_in == "cloud" else self._password_session()
        self._session = text(body, "session", "")
        if not self._session:
            raise ShapeChanged(T("{name} gave no token at sign-in.", name="FortiManager"), place="sys/login/user")
        self.api.http.mask.learn(self._session)

    def _password_session(self) -> Mapping[str, Any]:
        credentials = {"user": self._settings.username, "passwd": self._password}
        body = self._send("exec", [{"url": "sys/login/user", "data": credentials}])
        results = body.get("result")
        result = _part(results[0] if isinstance(results, list) and results else results)
        if result.code == LOGIN_FAILED:
            raise Unauthorized(
                T("{name} does not accept the credentials.", name="FortiManager"),
                place="sys/login/user",
                remedy=T(
                    "Check user name and password. After several wrong ones FortiManager locks the administrator out."
                ),
            )
        if result.code != OK:
            raise result.problem("sys/login/user")
        return body

    def _cloud_session(self) -> Mapping[str, Any]:
        if self.cloud_token is None or not self.cloud_token.holds():
            fields = {
                "username": self._settings.username,
                "password": self._password,
                "client_id": "FortiManager",
                "grant_type": "password",
            }
            found = self.sign_in_api.post(self.sign_in_api.base_url, fields)
            token = text(found, "access_token", "") if isinstance(found, Mapping) else ""
            if not token:
                raise Unauthorized(
                    T("{name} does not accept the credentials.", name="FortiCloud"), place="FortiCloud",
                    remedy=T("Check the API user and its password in FortiCloud IAM."),
                )  # fmt: skip
            self.api.http.mask.learn(token)
            self.cloud_token = Token.lasting(token, whole(found, "expires_in") or CLOUD_TOKEN_SECONDS)
        body = self.api.post("p/forticloud_jsonrpc_login/", {"access_token": self.cloud_token.value})
        return body if isinstance(body, Mapping) else {}

    def _sign_out(self) -> None:
        if not self._session:
            return
        try:
            self._send("exec", [{"url": "sys/logout"}])
        except RemoteError as error:
            log.info("fortimanager.sign_out_failed", error=str(error.message))
        self._session = ""


def _part(result: object) -> Part:
    status = result.get("status") if isinstance(result, Mapping) else None
    code = status.get("code") if isinstance(status, Mapping) else None
    if not isinstance(result, Mapping) or not isinstance(status, Mapping) or not isinstance(code, int):
        raise ShapeChanged(T("The answer of the server is not that of FortiManager."), place="jsonrpc")
    return Part(code, str(status.get("message") or ""), result.get("data"))
