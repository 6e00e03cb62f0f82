"""Reads FortiManager: ADOMs, their devices, and contracts where asked for (FortiManager §4, §9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.select import Record, records, text
from connectors.fortimanager.contracts import contract_lines, valid_until
from connectors.fortimanager.devices import UNASSIGNED, Fleet, device_of, meta_value
from connectors.fortimanager.rpc import OK, Part, Rpc
from core.domain.errors import RemoteError, SettingsError, ShapeChanged
from core.domain.text import T
from core.domain.usage import Reading

if TYPE_CHECKING:
    from connectors.fortimanager.manifest import FortiManagerSecrets, FortiManagerSettings

AT_ONCE = 10
"""ADOMs in one request."""
ROOT, GLOBAL = "root", "rootp"
FIELDS = [
    "name", "sn", "platform_str", "os_type", "mgmt_mode", "flags", "conn_status", "ha_mode", "ha_slave", "vdom",
]  # fmt: skip
"""Never whole devices: they hold passwords and keys (FortiManager §4.3)."""


class Adom(NamedTuple):
    name: str
    customer: Customer


class FortiManager:
    """One FortiManager of an MSP, with an ADOM or a meta field for each customer."""

    def __init__(self, portal: str, settings: FortiManagerSettings, secrets: FortiManagerSecrets) -> None:
        self.portal = portal
        self.settings = settings
        by_key = settings.sign_in == "key"
        given = (
            secrets.api_key.get_secret_value() if by_key else settings.username and secrets.password.get_secret_value()
        )
        if not given:
            missing = "api_key" if by_key else "username" if not settings.username else "password"
            raise SettingsError(
                T("Signing in with {way} needs {field}.", way=settings.sign_in, field=missing),
                place=portal,
                kind="missing",
            )
        self.rpc = Rpc(settings, secrets)
        self.api = self.rpc.api

    def test(self) -> None:
        """Raises what is wrong, in words."""
        with self.rpc.session():
            self._adoms()

    def read(self, now: datetime) -> Reading:
        builder = ReadingBuilder(self.portal, now)
        with self.rpc.session():
            fleet = self._fleet(builder)
            counts = fleet.counts(builder)
            for one in fleet.lines(self.settings.products, counts):
                builder.add(one)
            if {"contracts_valid", "contracts_expiring"} & set(self.settings.products):
                contracts = self._contracts(now.date())
                for one in contract_lines(
                    fleet.owned(), fleet.customers, contracts, now.date(), self.settings.products
                ):
                    builder.add(one)
        return builder.reading()

    def _adoms(self) -> list[Adom]:
        status = self.rpc.one("get", {"url": "/sys/status"})
        if not isinstance(status, Mapping):
            raise ShapeChanged(T("The answer of the server is not that of FortiManager."), place="/sys/status")
        if text(status, '"Admin Domain Configuration"', "Enabled").casefold() in ("disabled", "disable", "0"):
            return [Adom(ROOT, Customer(ROOT, ROOT))]
        part = {
            "url": "/dvmdb/adom",
            "fields": ["name", "desc", "oid", "uuid", "restricted_prds"],
            "filter": ["restricted_prds", "==", "fos"],
            "loadsub": 0,
        }
        rows = records({"data": self.rpc.one("get", part)}, "data", place="/dvmdb/adom")
        ignored = {GLOBAL, *self.settings.ignored_adoms}
        adoms = [_adom(row) for row in rows if text(row, "name") not in ignored and _for_firewalls(row)]
        if not adoms:
            raise RemoteError(
                T("The FortiManager administrator sees no ADOM with firewalls."),
                retryable=False,
                place="/dvmdb/adom",
                remedy=T("Give the administrator the ADOMs of all customers."),
                kind="forbidden",
            )
        return adoms

    def _fleet(self, builder: ReadingBuilder) -> Fleet:
        """All devices of all ADOMs. An ADOM that cannot be read spoils no other."""
        fleet = Fleet(self.settings.shared_devices)
        by_adom = self.settings.customer == "adom"
        known_field = managed = False
        for adom, rows in self._lists(builder):
            if by_adom:
                fleet.customers[adom.customer] = None
            for row in rows:
                device = device_of(row, self.settings.model_bit)
                if device is None:
                    continue
                customer = adom.customer
                if not by_adom:
                    value = meta_value(row, self.settings.meta_field)
                    managed = managed or device.state == "managed"
                    known_field = known_field or value is not None
                    customer = Customer(value, value) if value else UNASSIGNED
                fleet.add(customer, device)
        if managed and not known_field:
            raise RemoteError(
                T("No device has the meta field {name}.", name=self.settings.meta_field),
                retryable=False,
                place="/dvmdb/adom/{adom}/device",
                remedy=T("Upper and lower case matter. Check the name under Device Manager, meta fields."),
                kind="meta_field",
            )
        return fleet

    def _lists(self, builder: ReadingBuilder) -> Iterator[tuple[Adom, list[Record]]]:
        """The devices of each ADOM, some ADOMs in one request; what fails is marked."""
        adoms = self._adoms()
        for start in range(0, len(adoms), AT_ONCE):
            some = adoms[start : start + AT_ONCE]
            for adom, part in zip(some, self.rpc.get(*(_device_list(adom) for adom in some)), strict=True):
                try:
                    yield adom, self._rows(adom, part)
                except RemoteError as error:
                    if self.settings.customer == "adom":
                        builder.failed(
                            adom.customer, T("{customer}: {reason}", customer=adom.customer.name, reason=error.message)
                        )
                    else:
                        builder.incomplete(T("{customer}: {reason}", customer=adom.name, reason=error.message))

    def _rows(self, adom: Adom, part: Part) -> list[Record]:
        """No data at all is an empty ADOM only when its count says so too (M2)."""
        place = f"/dvmdb/adom/{adom.name}/device"
        if part.code != OK:
            raise part.problem(place)
        if part.data is None:
            counted = self.rpc.one("get", {"url": place, "option": ["count"]})
            if counted in (None, 0, "0", []):
                return []
            raise ShapeChanged(
                T("The list {name} came with fewer records than it says it has.", name=place), place=place
            )
        return records({"data": part.data}, "data", place=place)

    def _contracts(self, today: date) -> dict[str, dict[str, date]]:
        found = self.rpc.one("exec", {"url": "/um/device/list", "data": {"os_type": 0}})
        found = found[0] if isinstance(found, list) and len(found) == 1 else found
        rows = records(found, "dev_object", place="/um/device/list")
        return {text(row, "serial"): valid_until(row, today) for row in rows}


def _device_list(adom: Adom) -> dict[str, Any]:
    return {"url": f"/dvmdb/adom/{adom.name}/device", "fields": FIELDS, "loadsub": 1, "option": ["get meta"]}


def _adom(row: Record) -> Adom:
    name = text(row, "name")
    return Adom(name, Customer(text(row, "uuid", "") or text(row, "oid"), text(row, "desc", "") or name))


def _for_firewalls(row: Record) -> bool:
    """The server filters; names are looked at once more, integers are its own business."""
    products = row.get("restricted_prds")
    names = [products] if isinstance(products, str) else products
    return "fos" in names if isinstance(names, list) else True
