"""Companies, catalogue, contracts and lines, read in bulk (core.domain.ports.TargetDirectory; M16)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import structlog

from connectors._kit.threads import in_parallel
from connectors.autotask.answers import Row
from connectors.autotask.bulk import read_all, read_chunks
from connectors.autotask.client import UNKNOWN_FIELD, AutotaskClient, Filter, Query, where
from connectors.autotask.families import BUNDLES, CATALOGUE_FIELDS, FAMILIES, SERVICES, Family
from connectors.autotask.models import (
    BillingCodeRow,
    CatalogueRow,
    CompanyRow,
    ContractRow,
    LineRow,
    Wire,
    lacks,
    names,
    parsed,
)
from connectors.autotask.picklists import period_labels, period_type, picklist
from connectors.autotask.units import UnitReader
from core.domain.contract import CatalogueItem, Company, Contract, ContractLine, ItemRef, LineKind, LineRef, UnitRow
from core.domain.errors import Refused
from core.domain.ports import ApiBudget, BillingCode

log = structlog.get_logger(__name__)

RECURRING = 7
"""contractType of a recurring service contract; the one number that is the same everywhere (reference §8.1)."""
ACTIVE = 1
OWN_COMPANY = 0
BUNDLES_KNOWN_SECONDS = 600.0


class Directory:
    """Bulk reads. Several entities and both families are read at the same time."""

    def __init__(self, client: AutotaskClient) -> None:
        self._client = client
        self._units = UnitReader(client, self._families)

    def companies(self, since: datetime | None = None) -> list[Company]:
        """Active companies other than the MSP's own; with `since`, those modified after it, inactive ones too."""
        query = Query("Companies", names(CompanyRow), (where("gt", "id", OWN_COMPANY),))
        rows = self._changed(query, "lastTrackedModifiedDateTime", since, where("eq", "isActive", True))
        return [
            Company(row.id, row.company_name, row.is_active is not False, row.company_number, row.company_type)
            for row in parsed(CompanyRow, rows, "Companies")
            if row.id != OWN_COMPANY and (since or row.is_active is not False)
        ]

    def items(self, since: datetime | None = None) -> list[CatalogueItem]:
        """Active services and bundles; with `since`, those modified after it, inactive ones too."""
        found = in_parallel([self._items_reader(family, since) for family in FAMILIES.values()])
        return [item for items in found for item in items]

    def _items_reader(self, family: Family, since: datetime | None) -> Callable[[], list[CatalogueItem]]:
        def read() -> list[CatalogueItem]:
            query = Query(family.catalogue, CATALOGUE_FIELDS, optional=frozenset({"sku"}))
            rows = self._changed(query, "lastModifiedDate", since, where("eq", "isActive", True))
            labels = period_labels(self._client, family.catalogue, "periodType") if rows else {}
            return [
                CatalogueItem(
                    ref=ItemRef(family.kind, row.id),
                    name=row.name,
                    active=row.is_active is not False,
                    period_type=period_type(row.period_type, labels),
                    unit_price=row.unit_price,
                    unit_cost=row.unit_cost,
                    sku=row.sku,
                )
                for row in parsed(CatalogueRow, rows, family.catalogue)
                if since or row.is_active is not False
            ]

        return read

    def contracts(self, since: datetime | None = None) -> list[Contract]:
        """Active recurring service contracts of customers; with `since`, those modified after it, inactive ones too."""
        recurring = (where("eq", "contractType", RECURRING), where("noteq", "companyID", OWN_COMPANY))
        query = Query("Contracts", names(ContractRow), recurring)
        rows = self._changed(query, "lastModifiedDateTime", since, where("eq", "status", ACTIVE))
        labels = period_labels(self._client, "Contracts", "contractPeriodType") if rows else {}
        found = parsed(ContractRow, rows, "Contracts")
        _some_have(found, "Contracts", "start_date", "startDate")
        return [contract for row in found if (contract := contract_of(row, labels)) and (since or contract.active)]

    def _changed(self, query: Query, modified: str, since: datetime | None, active: Filter) -> list[Row]:
        """Active rows; or all rows modified since then, which on tenants without that field are simply all rows."""
        if since is None:
            return read_all(self._client, query.also(active))
        known = (query.entity, modified.casefold()) not in self._client.shared.lacking
        if known:
            try:
                return read_all(self._client, query.also(where("gte", modified, _instant(since))))
            except Refused as error:
                match = UNKNOWN_FIELD.search(error.detail)
                if not match or match[1].casefold() != modified.casefold():
                    raise
                self._client.shared.lacking.add((query.entity, modified.casefold()))
                log.info("delta.impossible", entity=query.entity, field=modified)
        return read_all(self._client, query)

    def lines(self, contract_ids: Collection[int] | None = None) -> list[ContractLine]:
        """Lines of both families: of the named contracts, or all there are."""
        families = [SERVICES, BUNDLES] if contract_ids is None else self._families()
        found = in_parallel([self._lines_reader(family, contract_ids) for family in families])
        return [line for lines in found for line in lines]

    def _lines_reader(self, family: Family, contract_ids: Collection[int] | None) -> Callable[[], list[ContractLine]]:
        def read() -> list[ContractLine]:
            query = Query(family.lines, family.line_fields)
            if contract_ids is None:
                rows = read_all(self._client, query)
                if family is BUNDLES:
                    self._client.memory.put("bundles", bool(rows))
            else:
                rows = read_chunks(self._client, query, "contractID", contract_ids)
            wires = parsed(LineRow, rows, family.lines)
            _some_have(wires, family.lines, "contract_id", "contractID")
            return [line for row in wires if (line := _line(family, row))]

        return read

    def _families(self) -> list[Family]:
        """The families in use: one request tells whether there is any bundle on any contract."""
        known = self._client.memory.get("bundles", BUNDLES_KNOWN_SECONDS)
        if known is None:
            known = self._client.first(Query(BUNDLES.lines, ("id",))) is not None
            self._client.memory.put("bundles", known)
        return [SERVICES, BUNDLES] if known else [SERVICES]

    def units(
        self,
        first: date,
        last: date | None = None,
        lines: Collection[LineRef] | None = None,
        contracts: Collection[int] | None = None,
    ) -> dict[LineRef, list[UnitRow]]:
        """Unit rows that touch the days from `first` to `last`, per line, in order of start. Lines without rows are absent.

        By `lines` or by `contracts` (if both are given, lines win), else all.
        """
        return self._units.read(first, last, lines, contracts)

    def prices(self, lines: Collection[LineRef]) -> dict[LineRef, tuple[Decimal | None, Decimal | None]]:
        """Unit price and unit cost as the lines carry them now; bundles have no cost."""
        found: dict[LineRef, tuple[Decimal | None, Decimal | None]] = {}
        for family in FAMILIES.values():
            ids = [line.id for line in lines if line.kind is family.kind]
            fields = ("id", "unitPrice", "unitCost") if family.has_cost else ("id", "unitPrice")
            rows = read_chunks(self._client, Query(family.lines, fields, bulk=False), "id", ids)
            for row in parsed(LineRow, rows, family.lines):
                found[LineRef(family.kind, row.id)] = (row.unit_price, row.unit_cost)
        return found

    def billing_codes(self) -> list[BillingCode]:
        """Active billing codes. Names repeat: choose by `use_type` (reference §8.8)."""
        rows = read_all(self._client, Query("BillingCodes", names(BillingCodeRow), (where("eq", "isActive", True),)))
        return [
            BillingCode(row.id, row.name, row.use_type or 0, active=True)
            for row in parsed(BillingCodeRow, rows, "BillingCodes")
        ]

    def picklist(self, entity: str, field: str) -> Mapping[int, str]:
        """Number → label of a picklist field, kept for an hour. Raises SettingsError for a field that is none."""
        return picklist(self._client, entity, field)

    def budget(self) -> ApiBudget:
        """The hourly limit as Autotask counts it; one request."""
        return self._client.budget()


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _some_have(rows: Sequence[Wire], entity: str, attribute: str, field: str) -> None:
    """One record without a needed field is odd and left out; when all lack it, the API has changed."""
    if rows and all(getattr(row, attribute) is None for row in rows):
        raise lacks(entity, rows[0], field)


def contract_of(row: ContractRow, labels: Mapping[int, str]) -> Contract | None:
    """A row as a recurring contract of a customer; None for anything else."""
    if row.contract_type != RECURRING or row.company_id in (None, OWN_COMPANY):
        return None
    if row.start_date is None:
        log.warning("contract.undated", contract=row.id)
        return None
    return Contract(
        id=row.id,
        company_id=row.company_id or OWN_COMPANY,
        name=row.contract_name,
        start=row.start_date,
        end=row.end_date or date.max,
        period_type=period_type(row.contract_period_type, labels),
        active=row.status == ACTIVE,
        number=row.contract_number,
    )


def _line(family: Family, row: LineRow) -> ContractLine | None:
    item = family.item_of(row)
    if row.contract_id is None or item is None:
        log.warning("line.incomplete", entity=family.lines, line=row.id)
        return None
    return ContractLine(
        ref=LineRef(family.kind, row.id),
        contract_id=row.contract_id,
        item=ItemRef(family.kind, item),
        unit_price=row.unit_price,
        unit_cost=row.unit_cost,
        description=row.internal_description or row.invoice_description,
    )


assert set(FAMILIES) == set(LineKind)
