"""Autotask, connected: everything that core.domain.ports.Target asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from connectors._kit.http import Http, Timeouts, Tls
from connectors.autotask.charges import Charges
from connectors.autotask.check import check
from connectors.autotask.client import AutotaskClient
from connectors.autotask.directory import Directory
from connectors.autotask.limits import Meter
from connectors.autotask.provisioning import Provisioner
from connectors.autotask.rights import missing
from connectors.autotask.settings import AutotaskSettings
from connectors.autotask.sharing import shared_by
from connectors.autotask.writer import Writer
from core.domain.ports import Right, RightsFor, SharedLimits


class Autotask(Directory, Writer, Charges, Provisioner):
    """One tenant. Safe for several threads; makes no request before it is asked for something. Close it in the end."""

    def __init__(self, settings: AutotaskSettings, shared_limits: SharedLimits | None = None) -> None:
        limits = settings.limits
        self._http = Http(
            "Autotask",
            timeouts=Timeouts(connect=limits.connect_timeout, read=limits.read_timeout, total=limits.read_timeout * 3),
            tls=Tls(settings.ca, settings.pinned_certificate),
            secrets=settings.secrets,
        )
        address = settings.base_url or settings.discovery_url
        shared = shared_by(address, settings.user_name, settings.secrets[1], limits=shared_limits)
        client = AutotaskClient(settings, self._http, shared)
        Directory.__init__(self, client)
        Writer.__init__(self, client)
        Charges.__init__(self, client)
        Provisioner.__init__(self, client)

    @property
    def requests_made(self) -> int:
        """Requests sent by this object, all entities together."""
        return sum(self._client.requests.values())

    @property
    def requests_by_entity(self) -> Mapping[str, int]:
        """Requests sent by this object, per entity."""
        return dict(self._client.requests)

    def meter(self) -> Meter:
        """How much of the hourly limit is used, without asking anybody."""
        return self._client.meter()

    def check(self) -> None:
        """Return when Autotask answers and this user may do what is needed; raise what is wrong in words."""
        check(self._client)

    def missing_rights(self, uses: Collection[RightsFor]) -> list[Right]:
        """Rights that this user lacks for what the workspace does."""
        return missing(self._client, uses)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
