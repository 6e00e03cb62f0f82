"""Contract services and contract service bundles: two worlds with the same rules and other names (Autotask reference §8.5)."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.autotask.models import CatalogueRow, LineRow, UnitWire, names
from core.domain.contract import LineKind


@dataclass(frozen=True, slots=True)
class Family:
    """The names of one world. `child` is the collection under a contract where lines are created."""

    kind: LineKind
    catalogue: str
    lines: str
    units: str
    adjustments: str
    child: str
    line_key: str
    item_key: str
    line_fields: tuple[str, ...]
    unit_fields: tuple[str, ...]
    has_cost: bool

    def item_of(self, row: LineRow | UnitWire) -> int | None:
        """The service or bundle of a row."""
        return row.service_id if self.kind is LineKind.SERVICE else row.service_bundle_id

    def line_of(self, row: UnitWire) -> int | None:
        """The contract line of a unit row; null on rare rows (reference §8.3)."""
        return row.contract_service_id if self.kind is LineKind.SERVICE else row.contract_service_bundle_id


def _without(fields: tuple[str, ...], *unwanted: str) -> tuple[str, ...]:
    return tuple(field for field in fields if field not in unwanted)


SERVICES = Family(
    kind=LineKind.SERVICE,
    catalogue="Services",
    lines="ContractServices",
    units="ContractServiceUnits",
    adjustments="ContractServiceAdjustments",
    child="Services",
    line_key="contractServiceID",
    item_key="serviceID",
    line_fields=_without(names(LineRow), "serviceBundleID"),
    unit_fields=_without(names(UnitWire), "serviceBundleID", "contractServiceBundleID"),
    has_cost=True,
)
BUNDLES = Family(
    kind=LineKind.BUNDLE,
    catalogue="ServiceBundles",
    lines="ContractServiceBundles",
    units="ContractServiceBundleUnits",
    adjustments="ContractServiceBundleAdjustments",
    child="ServiceBundles",
    line_key="contractServiceBundleID",
    item_key="serviceBundleID",
    line_fields=_without(names(LineRow), "serviceID", "unitCost"),
    unit_fields=_without(names(UnitWire), "serviceID", "contractServiceID"),
    has_cost=False,
)
FAMILIES = {family.kind: family for family in (SERVICES, BUNDLES)}
CATALOGUE_FIELDS = names(CatalogueRow)
