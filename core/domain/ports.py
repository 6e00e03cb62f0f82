"""What the use cases need of the outside: a source of readings, and the target they write to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, runtime_checkable

from core.domain.billed_seats import Reported
from core.domain.charges.keys import ChargeKey
from core.domain.charges.plan import ChargeValues, ExistingCharge
from core.domain.consumption import ConsumptionReading, ConsumptionReport
from core.domain.contract import CatalogueItem, Company, Contract, ContractLine, ItemRef, LineRef, UnitRow
from core.domain.provisioning.steps import Step
from core.domain.selection.selector import Joined
from core.domain.text import Text
from core.domain.usage import Reading


class Source(Protocol):
    """A portal, connected. Made by a connector from settings and secrets."""

    def test(self) -> None:
        """Return when the portal can be read; raise SettingsError, Unauthorized or RemoteError saying what is wrong."""

    def read(self, now: datetime) -> Reading:
        """Fetch everything once. Never an empty reading for an error: raise, or mark the customers that failed."""


@runtime_checkable
class ReportSource(Protocol):
    """A source whose quantities stand in reports, each of which names only what was billed in its period."""

    def read_reports(self, now: datetime, watermark: str) -> Reported:
        """All reports after the one with this watermark, or where there is none the newest: of what several reports name, the
        newest counts, so that no report is skipped, however many days nobody looked (S2-09). For "", at the first time, those of
        a whole year: what is billed by the year stands on one of them.
        """


class ConsumptionSource(Protocol):
    """A portal that also tells what was used and what it cost. Its connector's `consumption` is True."""

    def read_consumption(self, now: datetime, first: date, last: date) -> ConsumptionReading:
        """The amounts of the months that the days from `first` to `last` touch. Raises, or says `complete=False`; never a
        reading without lines for an error.
        """

    def reports_since(self, watermark: str) -> tuple[ConsumptionReport, ...]:
        """Reports that became ready after the one with this watermark, in their order: none is skipped, however many days nobody
        looked (S2-09). For "", at the first time, the newest alone. Nothing where any month can be asked for at any time.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleAnswer:
    """One answer of a portal as it came, for a person to map: its parsed `document`, or the `file` it is.

    `request` is what was asked, without secrets; `parent` is the record of a first call it belongs to, `joined` are the look-ups;
    `size` is in bytes; `kind` is what the answer was read as (`json`, `ndjson`, `csv`, `xml`, `file`).
    """

    request: str
    kind: str
    size: int
    document: object = None
    parent: object = None
    joined: tuple[Joined, ...] = ()
    file: bytes = b""
    notes: tuple[Text, ...] = ()


@runtime_checkable
class Sampler(Protocol):
    """A source that can show one answer before it is mapped."""

    def sample(self, now: datetime) -> SampleAnswer:
        """The first page, asked as a reading would. Raises what is wrong, in words."""


@runtime_checkable
class VendorSignIn(Protocol):
    """A source that a person opens by signing in at the vendor's own page (OAuth 2.0 authorisation code with PKCE)."""

    def sign_in_page(self, redirect: str, state: str, challenge: str) -> str:
        """The address of that page. It sends the browser back to `redirect`; `challenge` is the S256 digest of the verifier."""

    def signed_in(self, code: str, redirect: str, verifier: str) -> Mapping[str, str]:
        """The secrets that the code is exchanged for, by field: to be stored before anything else. The code counts once."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One write to Autotask: change units, price or cost of one line from a plain date on (Autotask reference §7.3).

    `unit_change` is signed; 0 only together with a price or cost.
    """

    contract_id: int
    line: LineRef
    effective_date: date
    unit_change: int
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class NewLine:
    """A service or bundle to put on a contract; its units follow as an Adjustment."""

    contract_id: int
    item: ItemRef
    description: str = ""


@dataclass(frozen=True, slots=True)
class BillingCode:
    id: int
    name: str
    use_type: int
    active: bool


@dataclass(frozen=True, slots=True)
class SubscriptionContract:
    """A recurring contract that carries a subscription's id in the user-defined field; also one that is not active any more."""

    contract: Contract
    subscription_id: str


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A service or product as it stands in the catalogue, found by its SKU."""

    id: int
    name: str
    sku: str
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class RowAmount:
    """What one unit row bills: extended amounts of the row, not of one unit (Autotask reference §7.2)."""

    start: date
    end: date
    units: int
    price: Decimal | None
    cost: Decimal | None
    posted: bool = False


@dataclass(frozen=True, slots=True)
class ApiBudget:
    """Autotask's hourly request limit, shared by all integrations (Autotask reference §5)."""

    limit: int
    used: int
    window_minutes: int


class RightsFor(StrEnum):
    """Which part of the product needs a right in Autotask."""

    ALWAYS = "always"
    ADD_LINES = "add_lines"
    CHARGES = "charges"
    PROVISIONING = "provisioning"


@dataclass(frozen=True, slots=True)
class Right:
    """A right of the API user: `action` is create, delete, query or update. `partial`: it holds for some records only."""

    entity: str
    action: str
    use: RightsFor
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Product:
    """A product of Autotask's catalogue that a charge can be booked on. Its own price is never read nor written (S2-15)."""

    id: int
    name: str
    sku: str = ""


@dataclass(frozen=True, slots=True)
class ChargeWrite:
    """One write of a charge: `charge_id` None makes a new one, `values` None deletes the one there is."""

    contract_id: int
    key: ChargeKey
    charge_id: int | None
    values: ChargeValues | None


class ChargeTarget(Protocol):
    """Contract charges in Autotask, found by our keys. The same errors as `TargetWriter`."""

    def products(self) -> list[Product]:
        """Active products."""

    def charges(self, periods: Collection[date], ids: Collection[int] = ()) -> list[ExistingCharge]:
        """All charges with keys of periods that begin on these days, and those with these numbers whatever they carry."""

    def charges_by_key(self, keys: Collection[ChargeKey], ids: Collection[int] = ()) -> list[ExistingCharge]:
        """Charges with exactly these keys, and those with these numbers: what became of writes."""

    def write_charge(self, write: ChargeWrite) -> None: ...


class TargetDirectory(Protocol):
    """Bulk reads of Autotask: requests follow pages, never lines (M16). `since` asks for records modified after an instant.

    Company 0, inactive records and contracts that are not recurring are returned by none of these, except that a delta read
    (`since` given) returns records that became inactive with `active=False`.
    """

    def companies(self, since: datetime | None = None) -> list[Company]: ...

    def items(self, since: datetime | None = None) -> list[CatalogueItem]: ...

    def contracts(self, since: datetime | None = None) -> list[Contract]: ...

    def lines(self, contract_ids: Collection[int] | None = None) -> list[ContractLine]: ...

    def units(
        self,
        first: date,
        last: date | None = None,
        lines: Collection[LineRef] | None = None,
        contracts: Collection[int] | None = None,
    ) -> dict[LineRef, list[UnitRow]]:
        """Unit rows that touch the days from `first` to `last` (None: to the end), in order of start, per line."""

    def prices(self, lines: Collection[LineRef]) -> dict[LineRef, tuple[Decimal | None, Decimal | None]]:
        """Unit price and unit cost as the lines carry them now."""

    def billing_codes(self) -> list[BillingCode]: ...

    def picklist(self, entity: str, field: str) -> Mapping[int, str]: ...

    def budget(self) -> ApiBudget: ...


@dataclass(frozen=True, slots=True)
class Slot:
    """A place among the requests that Autotask lets in at the same time for one entity."""

    entity: str
    number: int


@dataclass(frozen=True, slots=True)
class Metered:
    """The hourly limit as all processes together know it.

    `told` is what Autotask said last (None: nothing within its time frame), `since` how many requests went out after that,
    `own` how many in the whole time frame.
    """

    told: ApiBudget | None
    since: int
    own: int


class SharedLimits(Protocol):
    """Autotask's limits, counted over all processes on one database. `integration` names the address, user and integration code.

    A slot is held for `held` seconds at a time; one whose process died comes free. Safe for several threads.
    Raises RemoteError (`not_sent`, retryable) while nobody can tell how much is in use.
    """

    held: float

    def take(self, integration: str, entities: Sequence[str], at_most: int) -> list[Slot]:
        """A place for each entity, or none at all ([]) while one of them has no room: then ask again a little later."""

    def give(self, integration: str, slots: Sequence[Slot], linger: float) -> None:
        """The places are free; they count for `linger` seconds longer."""

    def keep(self, integration: str, slots: Sequence[Slot]) -> None:
        """Hold the places for as long from now on."""

    def count(self, integration: str, requests: int) -> None:
        """So many requests went out."""

    def told(self, integration: str, budget: ApiBudget) -> None:
        """Autotask's own figure."""

    def claim_question(self, integration: str, ask_every: int) -> bool:
        """Whether so many requests went out since somebody asked Autotask; True for one caller only."""

    def look(self, integration: str) -> Metered:
        """How much is used now."""


class TargetWriter(Protocol):
    """Writes to Autotask. Safe for several threads; keeps Autotask's thread limit by itself.

    Raises Refused (never resend), RateLimited and RemoteError (known not to have happened), OutcomeUnknown (read back first).
    """

    def adjust(self, adjustment: Adjustment) -> None: ...

    def add_line(self, line: NewLine) -> LineRef: ...

    def only_while(self, allowed: Callable[[], bool]) -> None:
        """From now on ask this right before a write leaves, when nothing is waited for any more. False: it stays at home (M4)."""


class TargetProvisioner(Protocol):
    """Fields, services, products and contracts that are missing. `field` is the name of the user-defined field that joins
    contracts and subscriptions. Raises as TargetWriter does; nothing is found again by its answer, but by its key.
    """

    def has_contract_field(self, field: str) -> bool: ...

    def subscription_contracts(self, field: str) -> list[SubscriptionContract]:
        """All recurring contracts that have a value in the field, which must exist."""

    def services_by_sku(self, skus: Collection[str]) -> list[CatalogueEntry]:
        """Active services with these SKUs."""

    def products_by_sku(self, skus: Collection[str]) -> list[CatalogueEntry]:
        """Active products with these SKUs."""

    def row_amounts(self, lines: Collection[LineRef], first: date, last: date) -> dict[LineRef, list[RowAmount]]:
        """What the unit rows of these lines bill that touch the days from `first` to `last`, in order of start."""

    def add_contract_field(self, step: Step) -> None: ...

    def add_service(self, step: Step) -> None: ...

    def price_service(self, service_id: int, step: Step) -> None: ...

    def add_product(self, step: Step) -> None: ...

    def add_contract(self, company_id: int, step: Step, field: str) -> None: ...

    def mark_contract(self, contract_id: int, subscription_id: str, field: str) -> None:
        """Write the subscription's id into the contract's field."""

    def extend_contract(self, contract_id: int, end: date) -> None: ...

    def rename_contract(self, contract_id: int, name: str) -> None: ...


class Target(TargetDirectory, TargetWriter, ChargeTarget, TargetProvisioner, Protocol):
    """Autotask, connected."""

    @property
    def requests_made(self) -> int: ...

    def check(self) -> None:
        """Return when Autotask answers with these credentials; raise what is wrong in words."""

    def missing_rights(self, uses: Collection[RightsFor]) -> list[Right]:
        """Rights that the API user lacks for these uses, as far as Autotask tells."""

    def close(self) -> None: ...


class Stage(StrEnum):
    """How far a connection came that was not made."""

    NAME = "name"
    """The name of the host is not known (DNS)."""
    CONNECTION = "connection"
    """Nothing listens there, or a firewall is in between (TCP)."""
    TLS = "tls"
    """There is no encrypted connection: a certificate, or a protocol."""
    ANSWER = "answer"
    """Connected, but what came is no answer (HTTP)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One answer that came from a host: when (UTC, by our clock), the time that the host told, and when its certificate ends."""

    host: str
    at: datetime
    told: datetime | None = None
    certificate_end: datetime | None = None


class Clock(Protocol):
    def now(self) -> datetime:
        """The present UTC instant."""

    def today(self) -> date:
        """The present day in the workspace's time zone."""
