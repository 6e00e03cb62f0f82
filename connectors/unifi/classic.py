"""The classic interface of controllers: undocumented, known from long-lived clients (UniFi §3, §4)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import orjson
import structlog

from connectors._kit.api import Api, Call
from connectors._kit.auth import ApiKey, Auth, Token, TokenAuth, credentials_refused, with_header
from connectors._kit.http import Answer, Http, Request
from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.retry import Backoff, retrying
from connectors._kit.select import Record, text, whole, yes
from connectors._kit.throttle import Throttle
from connectors.unifi.devices import Device, Site, add_sites, kind_of_type, mac_of
from core.domain.errors import RemoteError, ShapeChanged, Unauthorized
from core.domain.text import T

if TYPE_CHECKING:
    from connectors.unifi.manifest import UniFiSecrets, UniFiSettings

log = structlog.get_logger(__name__)

OFFLINE, PENDING = 0, 2
CONSOLE = "proxy/network/"
"""Goes before every path of the Network application on UniFi OS."""
COOKIE = re.compile(r"(?:^|[,;]\s*)(unifises|TOKEN)=([^;,\s]+)")
FEW = 4096
"""Bytes: an answer that reports an error is shorter."""


class Classic:
    """A controller or console, with one session per reading that is ended afterwards."""

    def __init__(self, settings: UniFiSettings, secrets: UniFiSecrets, http: Http) -> None:
        self.settings = settings
        self._http = http
        self._password = secrets.password.get_secret_value()
        self._base = settings.base_url.rstrip("/")
        self._console: bool | None = None
        self._cookie = ""
        self._csrf = ""
        key = secrets.api_key.get_secret_value()
        auth: Auth = TokenAuth(self._sign_in, lambda request, cookie: with_header(request, "Cookie", cookie))
        if not settings.username:
            self._console = True
            auth = ApiKey("X-API-KEY", key)
        self.api = Api(
            http=http,
            base_url=self._base,
            auth=auth,
            throttle=Throttle(at_once=2),
            backoff=Backoff(attempts=4, first=2.0, longest=15.0),
            throttled=frozenset({429, 503}),
            wait=10.0,
            check=self._check,
        )

    def test(self) -> None:
        try:
            self._sites()
        finally:
            self._sign_out()

    def read(self, builder: ReadingBuilder) -> None:
        try:
            sites = {site.customer.id: site for site in self._sites()}
            found = builder.gather(
                [site.customer for site in sites.values()], lambda one: self._devices(sites[one.id]), at_once=2
            )
        finally:
            self._sign_out()
        add_sites(
            builder,
            [(sites[customer.id], devices) for customer, devices in found],
            products=self.settings.products,
            count_offline=self.settings.count_offline,
            source="GET /api/s/{site}/stat/device-basic",
        )

    def _sites(self) -> list[Site]:
        found = []
        for one in self.api.all(Call(path=self._path("api/self/sites")), None, "data", key="_id"):
            name = text(one, "name")
            found.append(Site(Customer(text(one, "_id"), text(one, "desc", "") or name), name, name))
        return found

    def _devices(self, site: Site) -> list[Device]:
        rows = self._rows(site)
        return [
            Device(mac_of(text(one, "mac")), kind_of_type(text(one, "type", "")), whole(one, "state") == OFFLINE)
            for one in rows
            if _is_adopted(one) and text(one, "site_id", site.customer.id) == site.customer.id
        ]

    def _rows(self, site: Site) -> Iterable[Record]:
        """The slim list; controllers that do not have it give the long one."""
        for name in ("device-basic", "device"):
            try:
                return list(self.api.all(Call(path=self._path(f"api/s/{site.key}/stat/{name}")), None, "data"))
            except RemoteError as error:
                if "NoSiteContext" in error.detail or "NoPermission" in error.detail:
                    raise _refused(error.detail) from error
                if error.status != 404 or name == "device":
                    raise
        raise AssertionError("unreachable: the last name returns or raises")

    def _path(self, path: str) -> str:
        if self._console is None:
            self._console = retrying(self._is_console, self.api.backoff)
        return f"{CONSOLE if self._console else ''}{path}"

    def _is_console(self) -> bool:
        """UniFi OS answers its start page, a classic controller redirects; following that would hide it (UniFi §3)."""
        answer = self._http.send(Request(method="GET", url=f"{self._base}/"))
        if answer.status != 200 and not 300 <= answer.status < 400:
            raise RemoteError(
                T("{name} answers with error {status}.", name="UniFi", status=str(answer.status)),
                retryable=answer.status >= 500,
                place=answer.where,
                status=answer.status,
            )
        return answer.status == 200

    def _sign_in(self) -> Token:
        names: dict[str, object] = {"username": self.settings.username, "password": self._password}
        path = "api/login"
        if self._console:
            names["rememberMe"] = True
            path = "api/auth/login"
        answer = self._http.send(Request(method="POST", url=f"{self._base}/{path}", json=names))
        if not answer.ok:
            self._raise_refused(answer)
        self._check(answer)
        found = COOKIE.search(answer.headers.get("set-cookie", ""))
        if found is None:
            raise ShapeChanged(T("{name} gave no token at sign-in.", name="UniFi"), place=answer.where)
        self._cookie = f"{found[1]}={found[2]}"
        return Token(self._cookie)

    def _raise_refused(self, answer: Answer) -> None:
        """A refused sign-in is never tried again: too many of them lock the account (UniFi §9.5)."""
        detail = self._http.mask(f"{answer.status} {answer.start()}")
        if answer.status == 499 or b"2fa" in answer.content.lower():
            raise Unauthorized(
                T("This UniFi account wants a second factor (MFA)."),
                place=answer.where,
                remedy=T("Make a local account without MFA, with the role to view all sites, and use that."),
                detail=detail,
            )
        if answer.status == 429:
            raise Unauthorized(
                T("UniFi does not take sign-ins for a while, because there were too many."),
                place=answer.where,
                remedy=T("Wait some time before the next test; each attempt makes it longer."),
                detail=detail,
            )
        if answer.status >= 500:
            raise RemoteError(
                T("{name} answers with error {status}.", name="UniFi", status=str(answer.status)),
                retryable=True,
                place=answer.where,
                detail=detail,
                status=answer.status,
            )
        raise credentials_refused(self._http, answer)

    def _sign_out(self) -> None:
        """End the session; that it fails spoils nothing, the session ends by itself then."""
        if not self._cookie:
            return
        path = "api/auth/logout" if self._console else "logout"
        headers = {"Cookie": self._cookie, **({"X-CSRF-Token": self._csrf} if self._csrf else {})}
        self._cookie = ""
        try:
            self._http.send(Request(method="POST", url=f"{self._base}/{path}", headers=headers))
        except RemoteError as error:
            log.info("unifi.sign_out_failed", detail=error.detail)

    def _check(self, answer: Answer) -> None:
        self._csrf = answer.headers.get("x-updated-csrf-token") or answer.headers.get("x-csrf-token") or self._csrf
        if not answer.content.lstrip().startswith(b"{"):
            raise RemoteError(
                T("UniFi answers with a page instead of data."),
                retryable=True,
                place=answer.where,
                remedy=T("It may be starting; if it stays so, check the address."),
                detail=answer.start(),
                kind="starting",
            )
        if len(answer.content) > FEW:
            return
        meta = orjson.loads(answer.content).get("meta")
        if isinstance(meta, dict) and meta.get("rc") == "error":
            raise _refused(str(meta.get("msg")))


def _is_adopted(device: Record) -> bool:
    """Only adopted devices are managed. Pending ones are listed in every site of the controller (UniFi §4)."""
    if "adopted" not in device and whole(device, "state") != PENDING:
        raise ShapeChanged(T("A record has no {path}.", path="adopted"))
    return yes(device, "adopted")


def _refused(reason: str) -> RemoteError:
    if "NoSiteContext" in reason or "NoPermission" in reason:
        return RemoteError(
            T("The account may not see this site."),
            retryable=False,
            remedy=T("Give the account the role to view all sites."),
            detail=reason,
            kind="forbidden",
            status=403,
        )
    return RemoteError(T("UniFi refuses this: {reason}.", reason=reason[:60]), retryable=False, detail=reason)
