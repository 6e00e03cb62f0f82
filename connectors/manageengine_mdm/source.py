"""Reads ManageEngine MDM in the cloud: devices of one tenant, of its groups, or of an MSP's customers (MDM §4, §5, §10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

from connectors._kit.api import Api
from connectors._kit.http import Answer, Http
from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.retry import Backoff
from connectors._kit.throttle import Throttle
from connectors._manageengine.lists import root_of, tenants
from connectors._manageengine.tally import Rules, Tally, note_what_is_odd, refuse_mixed, tally
from connectors.manageengine_mdm.zoho import DATA_CENTERS, Grant, zoho_auth
from core.domain.errors import SettingsError, Unauthorized
from core.domain.text import T
from core.domain.usage import Origin, Reading, UsageLine

if TYPE_CHECKING:
    from connectors.manageengine_mdm.manifest import MdmSecrets, MdmSettings

NAME = "ManageEngine MDM"
SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "standard": "MDMOnDemand.MDMInventory.READ",
        "msp": "MDMOnDemand.MDMInventory.READ, MDMOnDemand.MDMAdmin.READ",
    }
)
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "devices_managed": "Managed devices",
        "devices_ios": "Managed devices: iOS",
        "devices_android": "Managed devices: Android",
        "devices_windows": "Managed devices: Windows",
        "devices_other": "Managed devices: other platforms",
        "devices_corporate": "Managed devices: corporate",
        "devices_personal": "Managed devices: personal",
        "devices_removed": "Removed devices",
        "devices_pending": "Devices not yet managed",
        "users_with_devices": "Users with devices",
    }
)


class ManageEngineMdm:
    """One account of Mobile Device Manager Plus."""

    def __init__(self, portal: str, settings: MdmSettings, secrets: MdmSecrets) -> None:
        self.portal = portal
        self.settings = settings
        self.rules = Rules(frozenset(settings.billable_statuses), settings.corporate_is)
        center = DATA_CENTERS[settings.data_center]
        secret, refresh = secrets.client_secret.get_secret_value(), secrets.refresh_token.get_secret_value()
        http = Http(NAME, secrets=[secret, refresh])
        self.api = Api(
            http=http,
            base_url=root_of(settings.base_url or center.api),
            auth=zoho_auth(http, Grant(settings.auth_url or center.accounts, settings.client_id, secret, refresh)),
            throttle=Throttle(at_once=2),
            backoff=Backoff(attempts=5, first=1.0, longest=30.0),
            check=_check,
            remedy=T(
                "Check the scopes of the refresh token ({scopes}) and the rights of its user.",
                scopes=SCOPES[settings.edition],
            ),
        )

    def test(self) -> None:
        """Raises what is wrong, in words."""
        if self.settings.edition == "msp":
            tenants(self.api)
        else:
            self.api.get("devices", limit="1")

    def read(self, now: datetime) -> Reading:
        builder = ReadingBuilder(self.portal, now)
        if self.settings.edition == "msp":
            customers = [tenant.customer for tenant in tenants(self.api).values()]
            found = builder.gather(customers, lambda one: self._tally(customer_id=one.id), at_once=2)
            refuse_mixed(NAME, [(customer.id, one) for customer, one in found])
        elif self.settings.groups:
            found = builder.gather(_groups(self.settings.groups), lambda one: self._tally(group_id=one.id), at_once=2)
            _note_overlap(builder, found)
        else:
            only = Customer(self.settings.customer_id, self.settings.customer_name or self.portal)
            found = [(only, self._tally())]
        if self.settings.edition != "msp":
            _refuse_several(found)
        for customer, one in found:
            for line in _lines(customer, one):
                builder.add(line)
        note_what_is_odd(builder, [(customer.name, one) for customer, one in found])
        return builder.reading()

    def _tally(self, customer_id: str = "", group_id: str = "") -> Tally:
        params = {"group_id": group_id} if group_id else {}
        return tally(self.api, self.rules, customer_id=customer_id, params=params, page_size=self.settings.page_size)


def _lines(customer: Customer, found: Tally) -> Iterator[UsageLine]:
    counts = {
        **{f"devices_{name}": found.managed[name] for name in ("managed", "ios", "android", "windows", "other")},
        **{f"devices_{name}": found.managed[name] for name in ("corporate", "personal")},
        "devices_removed": found.removed,
        "devices_pending": found.states.total(),
        "users_with_devices": len(found.users),
    }
    for key, quantity in counts.items():
        yield UsageLine(
            customer_id=customer.id,
            customer=customer.name,
            product_key=key,
            product=NAMES[key],
            quantity=Decimal(quantity),
            unit="user" if key.startswith("users") else "device",
            origin=Origin("GET /devices", customer.id),
        )


def _groups(lines: list[str]) -> list[Customer]:
    """`id=name`, one for each customer; raises SettingsError for anything else."""
    found = []
    for line in lines:
        identity, _, name = (part.strip() for part in line.partition("="))
        if not identity or not name:
            raise SettingsError(
                T("{text} is no group with a name.", text=line),
                remedy=T("Write it like {example}.", example="9007199254741555=Acme"),
                kind="groups",
            )
        found.append(Customer(identity, name))
    return found


def _note_overlap(builder: ReadingBuilder, found: list[tuple[Customer, Tally]]) -> None:
    for position, (customer, one) in enumerate(found):
        for other, another in found[position + 1 :]:
            if both := len(one.ids & another.ids):
                builder.note(
                    T(
                        "{count} devices are in the groups {first} and {second}, and count in both.",
                        count=both,
                        first=customer.name,
                        second=other.name,
                    )
                )


def _refuse_several(found: list[tuple[Customer, Tally]]) -> None:
    """Devices of several customers under one name would be billed to one of them."""
    owners = {owner for _, one in found for owner in one.customers}
    if len(owners) > 1:
        raise SettingsError(
            T("This account has devices of {count} customers.", count=len(owners)),
            place=NAME,
            remedy=T("Choose the edition msp."),
            kind="edition",
        )


def _check(answer: Answer) -> None:
    """A page with a good status is a login page: the host is wrong, or the plan has no interface. Never no devices."""
    if not answer.content.lstrip().startswith((b"{", b"[")):
        raise Unauthorized(
            T("{name} answers with a page instead of data.", name=NAME),
            place=answer.where,
            remedy=T("Check the data centre and the address, and whether the plan includes the API."),
        )
