"""Exports whose headings are known from their makers: a mapping ready to use (import rules, Part 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from core.domain.file_settings import FileSettings
from core.domain.text import T, Text
from core.files.headings import Header


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One known export. `recognise` are headings that together belong to no other; `hint` says what a person should know."""

    name: str
    title: str
    recognise: tuple[str, ...]
    settings: Mapping[str, Any]
    hint: Text

    def fits(self, header: Header) -> bool:
        return all(header.places(heading) for heading in self.recognise)

    def mapping(self) -> FileSettings:
        return FileSettings.model_validate(dict(self.settings))


_ALL = (
    Preset(
        name="bitwarden",
        title="Bitwarden, client invoice report",
        recognise=("Client", "Assigned", "Used", "Remaining", "Plan"),
        settings={"customer": "Client", "product": "Plan", "quantity": "Assigned"},
        hint=T("Assigned seats are billed; choose Used if that is what you invoice."),
    ),
    Preset(
        name="acronis_csv_v2_0",
        title="Acronis, usage report csv_v2_0",
        recognise=("tenant.id", "tenant.kind", "name", "usage.absolute.production"),
        settings={
            "customer": "tenant.id",
            "product": "name",
            "quantity": "usage.absolute.production",
            "filter": {"tenant.kind": ["customer"]},
        },
        hint=T(
            "The report names tenants by their id; storage is counted in bytes. Trial use and partner rows are left out."
        ),
    ),
    Preset(
        name="trend_micro_lmp",
        title="Trend Micro Licensing Management Platform, usage report",
        recognise=("Partner Company", "Company ID", "Product/Service", "Chargeable"),
        settings={
            "customer": "Partner Company",
            "customer_id": "Company ID",
            "product": "Product/Service",
            "quantity": "Chargeable",
        },
        hint=T("Chargeable is what is billed, not Units or Provisioned."),
    ),
    Preset(
        name="msp360",
        title="MSP360, usage history",
        recognise=("Type", "Company", "Endpoint", "Status", "Purchased", "Deactivated"),
        settings={
            "shape": "seats",
            "customer": "Company",
            "product": "Type",
            "filter": {"Status": ["Paid"], "Deactivated": [""]},
        },
        hint=T("Every row is a licence; paid ones that are not deactivated are counted."),
    ),
    Preset(
        name="axcient_x360cloud",
        title="Axcient x360Cloud, usage and protection",
        recognise=("Item Type", "Item Name", "Protection Status", "Charged"),
        settings={
            "shape": "seats",
            "customer": {"file_name": r"^(?P<customer>.+?) \d{4}-\d\d-\d\d "},
            "product": "Item Type",
            "filter": {"Charged": ["Yes"]},
        },
        hint=T("There is a file for each customer; the customer stands in the file's name. Charged rows are counted."),
    ),
    Preset(
        name="watchguard_cloud",
        title="WatchGuard Cloud, allocation and usage",
        recognise=("Account", "Product", "Quantity Used", "Start Date"),
        settings={
            "shape": "daily",
            "customer": "Account",
            "product": "Product",
            "quantity": "Quantity Used",
            "date": "Start Date",
            "aggregate": "last",
        },
        hint=T(
            "With detailed usage every change is a row: the newest one counts. Fireboxes and access points are not in it."
        ),
    ),
    Preset(
        name="streamone_ion",
        title="StreamOne Ion, report",
        recognise=("Customer Name", "SKU Name", "Seat Count"),
        settings={"customer": "Customer Name", "product": "SKU Name", "quantity": "Seat Count"},
        hint=T("The currency stands in the heading of the cost column and may differ per account."),
    ),
    Preset(
        name="rushfiles",
        title="RushFiles, billing",
        recognise=("Name", "ParentName", "UsersSold", "UsersUsed", "Decommissioned"),
        settings={
            "customer": "Name",
            "product": {"constant": "RushFiles user"},
            "quantity": "UsersSold",
            "filter": {"Decommissioned": ["false", "0", "no", ""]},
        },
        hint=T(
            "The first element is your own company: leave it out under customers. Choose UsersUsed to bill what is used."
        ),
    ),
    Preset(
        name="knowbe4",
        title="KnowBe4, accounts",
        recognise=("Organization", "Domain", "Billing Type", "Seats"),
        settings={
            "customer": "Organization",
            "product": "Billing Type",
            "quantity": "Seats",
            "filter": {"Billing Type": ["Paid", "Diamond", "Platinum"]},
        },
        hint=T("Free and trial accounts are left out; seats are billed, not users."),
    ),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in _ALL})


def preset(name: str) -> FileSettings:
    """The mapping of a known export. Raises KeyError for a name that is not in `PRESETS`."""
    return PRESETS[name].mapping()


def recognised(header: Header) -> Preset | None:
    """The known export these headings belong to."""
    return next((known for known in _ALL if known.fits(header)), None)
