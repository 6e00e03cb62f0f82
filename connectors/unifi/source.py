"""Reads UniFi over the interface that was chosen (UniFi §2)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from connectors._kit.http import Http
from connectors._kit.reading import ReadingBuilder
from connectors.unifi.classic import Classic
from connectors.unifi.devices import Reader
from connectors.unifi.integration import Integration
from connectors.unifi.site_manager import SiteManager
from core.domain.errors import SettingsError
from core.domain.text import T
from core.domain.usage import Reading

if TYPE_CHECKING:
    from connectors.unifi.manifest import UniFiSecrets, UniFiSettings

READERS: dict[str, type[SiteManager | Integration | Classic]] = {
    "site_manager": SiteManager,
    "integration": Integration,
    "classic": Classic,
}


class UniFi:
    """The sites of one Site Manager key, one console or one controller."""

    def __init__(self, portal: str, settings: UniFiSettings, secrets: UniFiSecrets) -> None:
        self.portal = portal
        _complete(portal, settings, secrets)
        http = Http(
            "UniFi",
            tls=settings.tls,
            secrets=[secrets.api_key.get_secret_value(), secrets.password.get_secret_value()],
        )
        self.reader: SiteManager | Integration | Classic = READERS[settings.api](settings, secrets, http)
        self.api = self.reader.api

    def test(self) -> None:
        """Raises what is wrong, in words."""
        self.reader.test()

    def read(self, now: datetime) -> Reading:
        builder = ReadingBuilder(self.portal, now)
        reader: Reader = self.reader
        reader.read(builder)
        return builder.reading()


def _complete(portal: str, settings: UniFiSettings, secrets: UniFiSecrets) -> None:
    """What each interface needs differs; raises SettingsError for what is missing."""
    if settings.api == "classic" and settings.username:
        missing = "" if secrets.password.get_secret_value() else "password"
    else:
        missing = "" if secrets.api_key.get_secret_value() else "api_key"
    if not missing and not settings.base_url and (settings.api == "classic" or not _through_cloud(settings)):
        missing = "base_url"
    if missing:
        raise SettingsError(
            T("The interface {api} needs {field}.", api=settings.api, field=missing), place=portal, kind="missing"
        )


def _through_cloud(settings: UniFiSettings) -> bool:
    return settings.api == "site_manager" or bool(settings.console_id)
