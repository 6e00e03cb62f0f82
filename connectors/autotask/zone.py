"""Which of Autotask's numbered zones holds the tenant (Autotask reference §1)."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import structlog

from connectors._kit.http import Http, Request
from connectors._kit.retry import Backoff, retrying
from connectors.autotask.limits import Shared
from connectors.autotask.settings import AutotaskSettings
from core.domain.errors import RemoteError, SettingsError, ShapeChanged
from core.domain.text import T

log = structlog.get_logger(__name__)

VERSION = "V1.0/"


class Zone:
    """The REST root, found once and kept for all clients of the tenant; a set `base_url` is used as it is."""

    def __init__(self, settings: AutotaskSettings, http: Http, shared: Shared, backoff: Backoff) -> None:
        self._settings = settings
        self._http = http
        self._shared = shared
        self._backoff = backoff
        self._fixed = rest_root(settings.base_url, "base_url") if settings.base_url else ""

    def root(self) -> str:
        """The address that entity names are appended to: `https://…/ATServicesRest/V1.0/`."""
        if self._fixed:
            return self._fixed
        with self._shared.lock:
            if not self._shared.zone:
                self._shared.zone = self._discover()
            return self._shared.zone

    def moved(self, refused: str) -> bool:
        """After a 401 at the root `refused`: look again; True when the tenant is at another address now."""
        if self._fixed:
            return False
        with self._shared.lock:
            if self._shared.zone == refused:
                self._shared.zone = self._discover()
            return self._shared.zone != refused

    def _discover(self) -> str:
        found = retrying(self._ask, self._backoff)
        log.info("zone.found", host=urlsplit(found).hostname)
        return found

    def _ask(self) -> str:
        host = rest_root(self._settings.discovery_url, "discovery_url")
        user = quote(self._settings.user_name, safe="")
        self._shared.meter.count()
        answer = self._http.send(Request(method="GET", url=f"{host}zoneInformation?user={user}"))
        try:
            body = answer.json()
        except ShapeChanged:
            if answer.ok:
                raise
            body = None
        if isinstance(body, dict) and (body.get("errors") or answer.status in (401, 404)):
            raise self._unknown_user()
        if not answer.ok:
            raise RemoteError(
                T("Autotask has trouble (HTTP status {status}).", status=answer.status),
                retryable=answer.status >= 500 or answer.status == 429,
                place=answer.where,
                kind="trouble",
                status=answer.status,
            )
        url = body.get("url") if isinstance(body, dict) else None
        if not isinstance(url, str) or not url:
            raise self._unknown_user()
        if urlsplit(url).scheme != "https" and urlsplit(host).scheme == "https":
            raise ShapeChanged(T("Autotask names a zone without encryption."), place=answer.where, detail=url)
        return rest_root(url, "url")

    def _unknown_user(self) -> SettingsError:
        return SettingsError(
            T("Autotask knows no API user with the name {user}.", user=self._settings.user_name),
            place="user_name",
            remedy=T("Copy the user name of the API user from Autotask: it looks like an e-mail address."),
            kind="zone",
        )


def rest_root(url: str, place: str) -> str:
    """The address with a closing slash and the version. Raises SettingsError for what is no web address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(
            T("{url} is not a web address.", url=url),
            place=place,
            remedy=T("It looks like https://webservices19.autotask.net/ATServicesRest/."),
            kind="address",
        )
    if parts.scheme == "http" and parts.hostname.endswith("autotask.net"):
        raise SettingsError(T("Autotask is only reached with https."), place=place, kind="address")
    root = url if url.endswith("/") else f"{url}/"
    return root if root.lower().endswith(f"/{VERSION.lower()}") else f"{root}{VERSION}"
