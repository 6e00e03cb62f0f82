"""What a sandbox starts with, built by a few calls: companies, contracts, services, lines with units."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from connectors.autotask.sandbox.entities import ENTITIES
from connectors.autotask.sandbox.lines import BUNDLE, SERVICE, Adjustment, Kind, adjustment_dict
from connectors.autotask.sandbox.state import Effect
from connectors.autotask.sandbox.values import Record

RECURRING_CODE, MATERIAL_CODE, LABOUR_CODE = 29683501, 29683502, 29683503
_CREATED = "2020-01-06T08:30:00.000"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The API user that the sandbox knows. The defaults are no secret: they open nothing but a sandbox."""

    user_name: str = "api@sandbox.example"
    secret: str = field(default="sandbox-secret", repr=False)
    integration_code: str = "SANDBOXSANDBOXSANDBOXSANDBX"


@dataclass
class SandboxData:
    """Records to start with. `today` decides the default dates. Every method returns the id of what it made."""

    today: date = date(2026, 11, 20)
    credentials: Credentials = field(default_factory=Credentials)
    records: dict[str, list[Record]] = field(default_factory=dict)
    adjustments: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)
    _last: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "Companies" not in self.records:
            self.company("Eigen Bedrijf IT B.V.", id=0)
            self.billing_code("Recurring services", 5, id=RECURRING_CODE)
            self.billing_code("Licenties en materiaal", 4, id=MATERIAL_CODE)
            self.billing_code("Helpdesk", 1, id=LABOUR_CODE)

    def add(self, entity: str, **values: object) -> int:
        """Any record of any entity; fields that are not given get their defaults. An `id` may be given."""
        spec = ENTITIES[entity]
        next_id = max(self._last.get(entity, 0) + 1, _FIRST_ID.get(entity, 1))
        given = values.pop("id", next_id)
        assert isinstance(given, int)
        key = given
        record: Record = {name: known.default for name, known in spec.fields.items()}
        record |= {name: _CREATED for name, known in spec.fields.items() if known.touch or known.created}
        record |= {name: _text(value) for name, value in values.items()}
        record["id"] = key
        self._last[entity] = max(key, self._last.get(entity, 0))
        self.records.setdefault(entity, []).append(record)
        return key

    def company(self, name: str, **values: object) -> int:
        defaults = {"companyType": 1, "ownerResourceID": 29682885, "phone": "010-1234567", "isActive": True}
        return self.add("Companies", companyName=name, **{**defaults, **values})

    def billing_code(self, name: str, use_type: int, **values: object) -> int:
        defaults = {"billingCodeType": 0, "isActive": True}
        return self.add("BillingCodes", name=name, useType=use_type, **{**defaults, **values})

    def service(
        self, name: str, price: float = 10.0, cost: float | None = 7.0, period: int = 2, **values: object
    ) -> int:
        defaults = {"billingCodeID": RECURRING_CODE, "periodType": period, "unitPrice": price, "unitCost": cost}
        return self.add("Services", name=name, **{**defaults, **values})

    def bundle(self, name: str, services: list[int], price: float, period: int = 2, **values: object) -> int:
        defaults = {"billingCodeID": RECURRING_CODE, "periodType": period, "unitPrice": price}
        key = self.add("ServiceBundles", name=name, **{**defaults, **values})
        for service in services:
            self.add("ServiceBundleServices", serviceBundleID=key, serviceID=service)
        return key

    def contract(
        self,
        company: int,
        name: str = "Managed services",
        *,
        start: date | None = None,
        end: date | None = None,
        period: int | None = 2,
        **values: object,
    ) -> int:
        """A contract of type 7 from 1 January of last year until the end of next year, unless told otherwise."""
        defaults = {
            "contractType": 7,
            "status": 1,
            "timeReportingRequiresStartAndStopTimes": 0,
            "contractPeriodType": period,
            "startDate": start or date(self.today.year - 1, 1, 1),
            "endDate": end or date(self.today.year + 1, 12, 31),
        }
        return self.add("Contracts", companyID=company, contractName=name, **{**defaults, **values})

    def line(self, contract: int, service: int, units: int = 0, *, since: date | None = None, **values: object) -> int:
        """A contract line; its units hold from `since` (default: the start of the contract). 0: no adjustment at all."""
        return self._line(SERVICE, contract, service, units, since, values)

    def bundle_line(
        self, contract: int, bundle: int, units: int = 0, *, since: date | None = None, **values: object
    ) -> int:
        return self._line(BUNDLE, contract, bundle, units, since, values)

    def adjust(self, line: int, change: int, day: date, *, kind: str = "service") -> None:
        """A change in the past or the future of a line."""
        text = day.isoformat()
        number = len(self.adjustments) + 1
        self.adjustments.append((kind, line, adjustment_dict(Adjustment(number, text, change, text))))

    def _line(
        self, kind: Kind, contract: int, item: int, units: int, since: date | None, values: dict[str, Any]
    ) -> int:
        found = self._record(kind.catalogue, item)
        price = values.pop("price", found.get("unitPrice"))
        cost = values.pop("cost", found.get("unitCost"))
        prices = dict.fromkeys(("unitPrice", "internalCurrencyUnitPrice", "internalCurrencyAdjustedPrice"), price)
        values |= {"unitCost": cost} if kind is SERVICE else {}
        keys = {"contractID": contract, kind.item_key: item}
        line = self.add(kind.lines, **{**keys, **prices, "_cost": cost, **values})
        if units:
            start = self._record("Contracts", contract)["startDate"]
            self.adjust(line, units, since or date.fromisoformat(start), kind=kind.name)
        return line

    def _record(self, entity: str, key: int) -> Record:
        records = self.records[entity]
        first = records[0]["id"]
        if 0 <= key - first < len(records) and records[key - first]["id"] == key:
            found: Record = records[key - first]
            return found
        return next(record for record in records if record["id"] == key)

    def effects(self) -> list[Effect]:
        """Everything as effects, in an order in which each finds what it refers to."""
        effects: list[Effect] = [["put", name, record] for name in ENTITIES for record in self.records.get(name, [])]
        effects += [["adjust", kind, line, values] for kind, line, values in self.adjustments]
        return effects


_FIRST_ID = {
    "Companies": 1001,
    "Contracts": 7001,
    "ContractServices": 8001,
    "ContractServiceBundles": 9001,
    "Services": 301,
    "ServiceBundles": 401,
    "Products": 501,
    "Tickets": 20001,
}


def _text(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value
