"""Which devices count as what (MDM §4, §10; MSP §5, §10). Live servers write nearly everything as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from connectors._kit.api import Api
from connectors._kit.reading import ReadingBuilder
from connectors._kit.select import Record, text, yes
from connectors._manageengine.lists import device_pages
from core.domain.errors import SettingsError, ShapeChanged
from core.domain.text import T

__all__ = ["PENDING", "RETIRED", "Rules", "Tally", "note_what_is_odd", "refuse_mixed", "tally"]

PENDING = ("1", "3")
RETIRED = ("10", "11")
KNOWN_STATES = frozenset({"2", *PENDING, *RETIRED})
PLATFORM_IDS: Mapping[str, str] = MappingProxyType({"1": "ios", "2": "android", "3": "windows", "4": "other"})
PLATFORM_WORDS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("ios", "ipados", "macos", "mac", "tvos", "apple"), "ios")
    | {"android": "android", "windows": "windows", "chrome": "other", "chromeos": "other"}
)


@dataclass(frozen=True, slots=True)
class Rules:
    """Values of `managed_status` that are billed, and the value of `owned_by` that means corporate."""

    billable: frozenset[str]
    corporate: str


@dataclass(slots=True)
class Tally:
    """Counts over one customer's devices; each device is looked at once and forgotten, only ids stay."""

    rules: Rules
    ids: set[str] = field(default_factory=set)
    managed: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    """Devices that are neither managed nor removed, by status."""
    removed: int = 0
    users: set[str] = field(default_factory=set)
    serials: Counter[str] = field(default_factory=Counter)
    platforms: Counter[str] = field(default_factory=Counter)
    """Managed devices of platforms that are not known."""
    customers: set[str] = field(default_factory=set)
    more_than_told: bool = False

    def add(self, identity: str, row: Record) -> None:
        self.ids.add(identity)
        if owner := text(row, "customer_id", ""):
            self.customers.add(owner)
        status = text(row, "managed_status", "")
        if yes(row, "is_removed"):
            self.removed += 1
        elif status and status not in self.rules.billable:
            self.states[status] += 1
        else:
            self._add_managed(row)

    def _add_managed(self, row: Record) -> None:
        self.managed["managed"] += 1
        self.managed[self._platform(row)] += 1
        owned = text(row, "owned_by", "").lower()
        if owned in ("corporate", self.rules.corporate):
            self.managed["corporate"] += 1
        elif owned in ("personal", "1", "2"):
            self.managed["personal"] += 1
        if user := text(row, "user.user_id", ""):
            self.users.add(user)
        if serial := text(row, "serial_number", ""):
            self.serials[serial] += 1

    def _platform(self, row: Record) -> str:
        told = text(row, "platform_type_id", "")
        word = text(row, "platform_type", "").lower().replace(" ", "")
        found = PLATFORM_IDS.get(told) if told else PLATFORM_WORDS.get(word)
        if found is None:
            self.platforms[told or word or "?"] += 1
        return found or "other"

    @property
    def retired(self) -> int:
        return self.removed + sum(self.states[one] for one in RETIRED)


def tally(
    api: Api,
    rules: Rules,
    *,
    customer_id: str = "",
    params: Mapping[str, str] = MappingProxyType({}),
    page_size: int = 0,
) -> Tally:
    """The devices of one customer (or all, without `customer_id`). A list that does not have as many as it says is read again.

    Raises ShapeChanged when it still has fewer, and SettingsError when another customer's devices come: that would bill
    one customer for everybody's.
    """
    found, total = Tally(rules), None
    for _ in range(2):
        found, total = Tally(rules), None
        headers = {"X-Customer": customer_id} if customer_id else {}
        for page in device_pages(api, headers=headers, params=params, page_size=page_size):
            total = page.total if page.total is not None else total
            for identity, row in page.devices.items():
                found.add(identity, row)
        if customer_id and found.customers - {customer_id}:
            raise _not_separated(api.http.name, customer_id, found.customers)
        if total is None or len(found.ids) == total:
            return found
    if total is not None and len(found.ids) < total:
        raise ShapeChanged(
            T("The list {name} came with fewer records than it says it has.", name="devices"),
            detail=f"{len(found.ids)} of {total}",
        )
    found.more_than_told = True
    return found


def refuse_mixed(name: str, found: Iterable[tuple[str, Tally]]) -> None:
    """Raise SettingsError when a device came for two customers: rows without a customer do not tell that by themselves."""
    owners: dict[str, str] = {}
    for customer_id, one in found:
        for identity in one.ids:
            first = owners.setdefault(identity, customer_id)
            if first != customer_id:
                raise _not_separated(name, customer_id, {first})


def _not_separated(name: str, asked: str, came: Iterable[str]) -> SettingsError:
    other = next(iter(sorted(set(came) - {asked})))
    return SettingsError(
        T(
            "{name} gave devices of customer {other} for customer {asked}: nothing is counted.",
            name=name,
            other=other,
            asked=asked,
        ),
        remedy=T("Something on the way may drop the header X-Customer; look at proxies."),
        kind="customers_mixed",
    )


def note_what_is_odd(builder: ReadingBuilder, found: Iterable[tuple[str, Tally]]) -> None:
    """States and platforms that are not known, with their number, and devices that look like one device twice."""
    states: Counter[str] = Counter()
    platforms: Counter[str] = Counter()
    for customer, one in found:
        states.update({state: number for state, number in one.states.items() if state not in KNOWN_STATES})
        platforms.update(one.platforms)
        twice = tuple(serial for serial, number in one.serials.items() if number > 1)
        if twice:
            builder.note(
                T(
                    "{customer}: several managed devices have the serial number {serials}.",
                    customer=customer,
                    serials=twice,
                )
            )
        if one.more_than_told:
            builder.note(
                T("{customer}: more devices came than the list says it has; all were counted.", customer=customer)
            )
    for state, number in sorted(states.items()):
        builder.note(T("{count} devices with the unknown status {status} are not counted.", count=number, status=state))
    for platform, number in sorted(platforms.items()):
        builder.note(
            T("{count} devices of the unknown platform {platform} count as other.", count=number, platform=platform)
        )
