"""Door B: one VM Backup installation, asked on its own machine (Altaro §7, §8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import quote

import structlog

from connectors._kit.api import Api
from connectors._kit.http import Answer, Http
from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.retry import Backoff
from connectors._kit.select import Record, find, records, text
from connectors._kit.throttle import Throttle
from connectors.altaro.products import KNOWN
from core.domain.errors import RemoteError, SettingsError, ShapeChanged
from core.domain.text import T
from core.domain.usage import Reading

if TYPE_CHECKING:
    from connectors.altaro.manifest import AltaroSecrets, AltaroSettings

log = structlog.get_logger(__name__)

BASE_URL = "https://localhost:36013/api/rest"
LOST = "session_lost"


class Local:
    """One installation, which is one customer."""

    def __init__(self, portal: str, settings: AltaroSettings, secrets: AltaroSecrets) -> None:
        for name in ("customer_id", "customer_name", "user"):
            if not getattr(settings, name):
                raise SettingsError(T("With local, {field} is needed.", field=name), place=name, kind="missing")
        self.portal = portal
        self.settings = settings
        self.customer = Customer(settings.customer_id, settings.customer_name)
        self.password = secrets.password.get_secret_value()
        self.api = Api(
            http=Http("VM Backup", tls=settings.tls, secrets=[self.password]),
            base_url=settings.base_url or BASE_URL,
            throttle=Throttle(at_once=1),
            backoff=Backoff(attempts=3),
            check=self._check,
        )

    def test(self) -> None:
        """Raises what is wrong, in words."""
        self._machines()

    def read(self, now: datetime) -> Reading:
        builder = ReadingBuilder(self.portal, now)
        configured = [one for one in self._machines() if _is_configured(one)]
        machines = {_identity(one) for one in configured}
        hosts = {text(one, "HostName", "").casefold() for one in configured} - {""}
        for key, count in (("vm_backup_vms", len(machines)), ("vm_backup_hosts", len(hosts))):
            builder.count(
                self.customer, key, KNOWN[key].name, Decimal(count), unit=KNOWN[key].unit, source="GET /vms/list"
            )
        return builder.reading()

    def _machines(self) -> list[Record]:
        """Machines that are configured for backup; a session that is lost is begun once more."""
        try:
            return self._listed()
        except RemoteError as error:
            if error.kind != LOST:
                raise
        return self._listed()

    def _listed(self) -> list[Record]:
        with self._session() as token:
            return records(self.api.get(f"vms/list/{token}/1"), "VirtualMachines", place="vms/list")

    @contextmanager
    def _session(self) -> Iterator[str]:
        """A session that is always ended: a forgotten one keeps everybody out for minutes (Altaro §7)."""
        settings = self.settings
        body = self.api.post(
            "sessions/start",
            {
                "ServerAddress": "localhost", "ServerPort": str(settings.server_port), "Username": settings.user,
                "Password": self.password, "Domain": settings.domain,
            },
        )  # fmt: skip
        told = find(body, "Data")
        if not isinstance(told, str) or not told.strip():
            raise ShapeChanged(T("{name} gave no token at sign-in.", name="VM Backup"), place="sessions/start")
        self.api.http.mask.learn(told)
        token = quote(told, safe="")
        try:
            yield token
        finally:
            try:
                self.api.post(f"sessions/end/{token}")
            except RemoteError as error:
                log.info("session.not_ended", portal=self.portal, reason=str(error.message))

    def _check(self, answer: Answer) -> None:
        """Errors come with status 200 and Success false (Altaro §8)."""
        body = answer.json()
        if not isinstance(body, Mapping) or body.get("Success") is True:
            return
        told = self.api.http.mask(str(body.get("ErrorMessage") or body.get("ErrorCode") or "?"))
        raise RemoteError(
            T("VM Backup says: {text}", text=told[:200]),
            retryable=False,
            place=answer.where,
            kind=LOST if "invalid token" in told.lower() else "refused",
        )


def _is_configured(machine: Record) -> bool:
    told = machine.get("Configured")
    if not isinstance(told, bool):
        raise ShapeChanged(T("A record has no {path}.", path="Configured"), place="vms/list")
    return told


def _identity(machine: Record) -> str:
    """The hypervisor's id stays when a machine is added again; the installation's own does not."""
    return text(machine, "HypervisorVirtualMachineUuid", "").lower() or text(machine, "AltaroVirtualMachineRef")
