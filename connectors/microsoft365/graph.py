"""Reads one tenant's licences and licensed users from Microsoft Graph (Microsoft 365 §5, §12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from connectors._kit.api import Api, Call
from connectors._kit.paging import NextUrl
from connectors._kit.reading import Customer
from connectors._kit.select import Record, number, records, text, yes
from connectors.microsoft365.names import Sku
from core.domain.text import T, Text
from core.domain.usage import Origin, UsageLine

if TYPE_CHECKING:
    from connectors.microsoft365.manifest import Microsoft365Settings

PAGES = NextUrl(at='"@odata.nextLink"')
LICENSED = Call(
    path="users",
    params={
        "$select": "id,displayName,userPrincipalName,accountEnabled,userType,assignedLicenses",
        "$filter": "assignedLicenses/$count ne 0",
        "$count": "true",
        "$top": "999",
    },
    headers={"ConsistencyLevel": "eventual"},
)
"""The header is needed on every page, and goes along with each."""
CAPABILITIES = {"Enabled", "Warning", "Suspended", "Deleted", "LockedOut"}


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant's Graph, and what to make of it. `notes` collects what people should know."""

    api: Api
    settings: Microsoft365Settings
    names: Mapping[str, Sku]
    notes: list[Text]

    def lines(self, customer: Customer) -> Iterator[UsageLine]:
        """Owned and assigned licences, and licensed users; each a product of its own."""
        skus = list(self.api.all(Call(path="subscribedSkus"), PAGES, "value", key="id"))
        counted = [sku for sku in skus if self._is_counted(sku)]
        if self.settings.read_licences:
            for sku in counted:
                yield from self._licences(customer, sku)
        if self.settings.read_users and self._wants_users_of(customer):
            free = {text(sku, "skuId").lower() for sku in skus if self._is_excluded(sku)}
            users = self._count_users(free)
            if users or counted:
                yield _line(customer, "graph:users.licensed", "Licensed users", users, unit="user", source="GET /users")

    def _licences(self, customer: Customer, sku: Record) -> Iterator[UsageLine]:
        identity, part = text(sku, "skuId").lower(), text(sku, "skuPartNumber")
        known = self.names.get(identity)
        name = known.name if known else part
        owned = number(sku, "prepaidUnits.enabled", place=part)
        assigned = number(sku, "consumedUnits", place=part)
        usable = owned + number(sku, "prepaidUnits.warning", Decimal(0))
        if self.settings.count_grace:
            owned = usable
        if assigned > usable:
            self.notes.append(
                T(
                    "{customer}: more licences of {product} are assigned ({assigned}) than owned ({owned}).",
                    customer=customer.name, product=name, assigned=assigned, owned=usable,
                )
            )  # fmt: skip
        state = text(sku, "capabilityStatus", "")
        if state and state not in CAPABILITIES:
            self.notes.append(T("Licences with the unknown status {status} are counted by their seats.", status=state))
        more = {"sku": part, "status": state, "subscriptions": ", ".join(sku.get("subscriptionIds") or ())}
        source = "GET /subscribedSkus"
        yield _line(customer, f"graph:owned:{identity}", name, owned, unit="licence", source=source, more=more)
        title = f"{name} (assigned)"
        yield _line(customer, f"graph:assigned:{identity}", title, assigned, unit="licence", source=source, more=more)

    def _count_users(self, free: set[str]) -> int:
        """People with at least one licence that is not excluded."""
        count = 0
        for user in self.api.all(LICENSED, PAGES, "value", key="id"):
            if self.settings.users_enabled_only and not yes(user, "accountEnabled", True):
                continue
            if self.settings.users_members_only and text(user, "userType", "Member") != "Member":
                continue
            held = {text(licence, "skuId").lower() for licence in records(user, "assignedLicenses")}
            count += any(sku not in free and not self._is_free_elsewhere(sku) for sku in held)
        return count

    def _is_free_elsewhere(self, sku_id: str) -> bool:
        """Excluded by its known part number, for a licence that is held but no longer listed by the tenant."""
        known = self.names.get(sku_id)
        return known is not None and self._matches(known.part_number, sku_id)

    def _is_counted(self, sku: Record) -> bool:
        if text(sku, "appliesTo", "User") == "Company" and not self.settings.count_company_wide:
            return False
        return not self._is_excluded(sku)

    def _is_excluded(self, sku: Record) -> bool:
        return self._matches(text(sku, "skuPartNumber"), text(sku, "skuId"))

    def _matches(self, part_number: str, sku_id: str) -> bool:
        """`*` stands for anything; part numbers have brackets, which stand for themselves."""
        patterns: Iterable[str] = (one.strip().lower().replace("[", "[[]") for one in self.settings.excluded_skus)
        return any(fnmatchcase(part_number.lower(), one) or sku_id.lower() == one for one in patterns)

    def _wants_users_of(self, customer: Customer) -> bool:
        wanted = {tenant.strip().lower() for tenant in self.settings.users_of}
        return not wanted or customer.id in wanted


def _line(
    customer: Customer,
    key: str,
    name: str,
    quantity: Decimal | int,
    *,
    unit: str,
    source: str,
    more: Mapping[str, str] | None = None,
) -> UsageLine:
    return UsageLine(
        customer_id=customer.id,
        customer=customer.name,
        product_key=key,
        product=name,
        quantity=Decimal(quantity),
        unit=unit,
        attributes={name: value for name, value in (more or {}).items() if value},
        origin=Origin(source, customer.id),
    )
