"""Reads an MDM MSP server: its customers, and the devices of each (MSP §4, §5, §10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from connectors._kit.api import Api
from connectors._kit.auth import ApiKey
from connectors._kit.http import Answer, Http
from connectors._kit.reading import ReadingBuilder
from connectors._kit.retry import Backoff
from connectors._kit.select import whole
from connectors._kit.throttle import Throttle
from connectors._manageengine.lists import Tenant, root_of, tenants
from connectors._manageengine.tally import PENDING, Rules, Tally, note_what_is_odd, refuse_mixed, tally
from core.domain.errors import RemoteError, SettingsError
from core.domain.text import T
from core.domain.usage import Origin, Reading, UsageLine

if TYPE_CHECKING:
    from connectors.manageengine_mdm_msp.manifest import MdmMspSecrets, MdmMspSettings

NAME = "ManageEngine MDM MSP"
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "devices_managed": "Managed devices",
        "devices_ios": "Managed devices: iOS",
        "devices_android": "Managed devices: Android",
        "devices_windows": "Managed devices: Windows",
        "devices_other": "Managed devices: other platforms",
        "devices_corporate": "Managed devices: corporate",
        "devices_personal": "Managed devices: personal",
        "devices_retired": "Retired devices",
        "devices_pending": "Pending devices",
        "portal_device_count": "Devices: number shown by the server",
        "portal_no_of_devices": "Devices: allotment shown by the server",
    }
)
KEY_LIFE = timedelta(days=182)
REMIND_AFTER = timedelta(days=150)
"""A key holds six months; the reminder comes after five (MSP §3)."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class ManageEngineMdmMsp:
    """One MDM MSP server, one request at a time: big lists are slow there."""

    def __init__(self, portal: str, settings: MdmMspSettings, secrets: MdmMspSecrets) -> None:
        self.portal = portal
        self.settings = settings
        self.rules = Rules(frozenset(settings.billable_statuses), settings.corporate_is)
        _refuse_plain_http(portal, settings)
        key = secrets.api_key.get_secret_value()
        self.api = Api(
            http=Http(NAME, tls=settings.tls, secrets=[key]),
            base_url=root_of(settings.base_url),
            auth=ApiKey("Authorization", key),
            throttle=Throttle(at_once=1),
            backoff=Backoff(attempts=4, first=2.0, longest=30.0),
            throttled=frozenset({429, 503}),
            wait=None,
            check=_check,
            remedy=T(
                "Keys hold six months, then a new one must be made by hand. Check also the rights of its technician."
            ),
        )

    def test(self) -> None:
        """Raises what is wrong, in words."""
        self._tenants()

    def read(self, now: datetime) -> Reading:
        builder = ReadingBuilder(self.portal, now)
        known = self._tenants()
        found = builder.gather(
            [tenant.customer for tenant in known.values()],
            lambda one: tally(self.api, self.rules, customer_id=one.id, page_size=self.settings.page_size),
            at_once=1,
        )
        refuse_mixed(NAME, [(customer.id, one) for customer, one in found])
        for customer, one in found:
            tenant = known[customer.id]
            for line in _lines(tenant, one):
                builder.add(line)
            _note_difference(builder, tenant, one)
        note_what_is_odd(builder, [(customer.name, one) for customer, one in found])
        self._remind(builder, now.date())
        return builder.reading()

    def _tenants(self) -> dict[str, Tenant]:
        """Without a customer header; a server that redirects to its login page is addressed wrongly."""
        try:
            return tenants(self.api)
        except RemoteError as error:
            if error.status in REDIRECTS:
                raise _wrong_address(error.place, error.detail) from error
            raise

    def _remind(self, builder: ReadingBuilder, today: date) -> None:
        made = self.settings.key_made_on
        if made is not None and today - made >= REMIND_AFTER:
            builder.note(
                T("The API key of {made} ends about {end}: make a new one in time.", made=made, end=made + KEY_LIFE)
            )


def _lines(tenant: Tenant, found: Tally) -> Iterator[UsageLine]:
    customer = tenant.customer
    counts: dict[str, int] = {
        **{f"devices_{name}": found.managed[name] for name in ("managed", "ios", "android", "windows", "other")},
        **{f"devices_{name}": found.managed[name] for name in ("corporate", "personal")},
        "devices_retired": found.retired,
        "devices_pending": sum(found.states[state] for state in PENDING),
        **{f"portal_{name}": number for name, number in _shown(tenant).items()},
    }
    for key, quantity in counts.items():
        source = "GET /customers" if key.startswith("portal_") else "GET /devices"
        yield UsageLine(
            customer_id=customer.id,
            customer=customer.name,
            product_key=key,
            product=NAMES[key],
            quantity=Decimal(quantity),
            unit="device",
            origin=Origin(source, customer.id),
        )


def _shown(tenant: Tenant) -> dict[str, int]:
    """The two numbers the server shows; which of them is the allotment is not certain (MSP §4)."""
    shown = {name: whole(tenant.record, name) for name in ("device_count", "no_of_devices")}
    return {name: number for name, number in shown.items() if number is not None}


def _note_difference(builder: ReadingBuilder, tenant: Tenant, found: Tally) -> None:
    shown = tuple(_shown(tenant).values())
    counted = found.managed["managed"]
    if shown and counted not in shown:
        builder.note(
            T(
                "{customer}: {count} managed devices were counted; the server shows {shown}.",
                customer=tenant.customer.name,
                count=counted,
                shown=tuple(map(str, shown)),
            )
        )


def _refuse_plain_http(portal: str, settings: MdmMspSettings) -> None:
    parts = urlsplit(settings.base_url)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme == "http" and not settings.allow_http and not local:
        raise SettingsError(
            T("This address is not encrypted: the key could be read on the way."),
            place=portal,
            remedy=T("Give the https address and port of the server."),
            kind="plain_http",
        )


def _check(answer: Answer) -> None:
    if not answer.content.lstrip().startswith((b"{", b"[")):
        raise _wrong_address(answer.where, answer.start())


def _wrong_address(place: str, detail: str) -> SettingsError:
    return SettingsError(
        T("{name} answers with a page instead of data.", name=NAME),
        place=place,
        remedy=T("Check address and port: a login page is not the interface. A proxy in front may answer too."),
        detail=detail,
        kind="address",
    )
