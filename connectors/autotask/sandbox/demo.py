"""A small Dutch MSP: customers, contracts, catalogue and units as one meets them, relative to a day.

Portals spell these customers differently (legal form, diacritics, order of words): the names here are Autotask's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypedDict

from connectors.autotask.sandbox.data import SandboxData
from connectors.autotask.sandbox.grid import plus_months


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Ids of what is sold, so that tests and sample exports can name them."""

    business_premium: int
    business_basic: int
    business_basic_yearly: int
    exchange_online: int
    duo_mfa: int
    edr: int
    rmm: int
    backup_server: int
    backup_m365: int
    antivirus: int
    old_antivirus: int
    helpdesk: int
    workplace: int


def demo_data(today: date | None = None) -> SandboxData:
    """Everything `manage.py sandbox` and `run --demo` begin with; the same for the same day (default: today, UTC)."""
    data = SandboxData(today or datetime.now(UTC).date())
    things = _catalogue(data)
    _udfs(data)
    _managed_customers(data, things)
    _cloud_customers(data, things)
    _odd_ones(data, things)
    _tickets_products(data)
    return data


def _catalogue(data: SandboxData) -> Catalogue:
    microsoft = data.company("Microsoft Nederland", companyType=6, companyNumber="V-0001")
    premium = data.service(
        "Microsoft 365 Business Premium", 22.50, 18.13, sku="CFQ7TTC0LCHC-P1M", vendorCompanyID=microsoft,
        invoiceDescription="Microsoft 365 Business Premium per gebruiker",
    )  # fmt: skip
    basic = data.service("Microsoft 365 Business Basic", 6.75, 4.94, sku="CFQ7TTC0LH18-P1M", vendorCompanyID=microsoft)
    basic_yearly = data.service(
        "Microsoft 365 Business Basic (jaar)", 67.20, 56.40, period=5, sku="CFQ7TTC0LH18-P1Y", vendorCompanyID=microsoft
    )
    exchange = data.service("Exchange Online (Plan 1)", 4.50, 3.29, sku="CFQ7TTC0LH16-P1M", vendorCompanyID=microsoft)
    duo = data.service("MFA per gebruiker (Duo)", 3.75, 2.60, sku="DUO-ESSENTIALS")
    edr = data.service("EDR SentinelOne per endpoint", 6.50, 3.95, sku="S1-CONTROL")
    rmm = data.service("RMM-agent beheerde werkplek", 12.50, 2.10, sku="RMM-WS")
    server = data.service("Back-up server", 45.00, 27.50, sku="BCK-SRV")
    m365 = data.service("Back-up Microsoft 365 per gebruiker", 3.00, 1.55, sku="BCK-M365")
    antivirus = data.service("Antivirus per endpoint", 2.95, 1.20, sku="AV-EP")
    old = data.service("Antivirus (oud pakket)", 2.50, 1.00, isActive=False)
    helpdesk = data.service("Servicedesk per gebruiker", 18.00, 0.00, sku="SD-USER")
    workplace = data.bundle("Werkplek Compleet", [premium, rmm, edr], 52.50, sku="WP-COMPLEET", unitCost=24.18)
    return Catalogue(
        premium, basic, basic_yearly, exchange, duo, edr, rmm, server, m365, antivirus, old, helpdesk, workplace
    )


def _udfs(data: SandboxData) -> None:
    data.add("UserDefinedFieldDefinitions", name="Sync key", udfType=4, dataType=1)
    data.add("UserDefinedFieldDefinitions", name="CSP tenant", udfType=1, dataType=1)


class _Term(TypedDict):
    start: date
    end: date


def _running(data: SandboxData, months_ago: int = 10, years: int = 3) -> _Term:
    """A contract that began on the first of a month and runs for whole years."""
    first = plus_months(data.today.replace(day=1), -months_ago)
    return _Term(start=first, end=plus_months(first, 12 * years) - date.resolution)


def _managed_customers(data: SandboxData, things: Catalogue) -> None:
    month = data.today.replace(day=1)
    acme = data.company("Acme B.V.", companyNumber="D-1001", city="Rotterdam")
    data.records["Companies"][-1]["_udf"] = {"CSP tenant": "acme.onmicrosoft.com"}
    contract = data.contract(acme, "Acme managed services", contractNumber="MS-1001", **_running(data))
    first = data.line(contract, things.business_premium, 25)
    data.adjust(first, 3, plus_months(month, -2))
    data.line(contract, things.duo_mfa, 28)
    data.line(contract, things.edr, 31)
    data.line(contract, things.rmm, 31)
    data.line(contract, things.backup_m365, 25)

    bakker = data.company("Bakkerij De Gouden Krakeling B.V.", companyNumber="D-1002", city="Gouda")
    contract = data.contract(bakker, "Beheer werkplekken", **_running(data, 17, 3))
    data.line(contract, things.business_basic, 14)
    data.line(contract, things.antivirus, 9)
    data.line(contract, things.backup_server, 1)

    cafe = data.company("Café Brasserie Zürich", companyNumber="D-1003", city="Amsterdam")
    contract = data.contract(cafe, "IT-beheer", **_running(data, 4, 1))
    data.line(contract, things.business_premium, 6)
    data.line(contract, things.duo_mfa, 6)
    data.line(contract, things.edr, 4)

    dijk = data.company("Van Dijk & Zonen Transport B.V.", companyNumber="D-1004", city="Venlo")
    contract = data.contract(dijk, "Werkplek Compleet", **_running(data, 7, 2))
    data.bundle_line(contract, things.workplace, 42)
    data.line(contract, things.backup_server, 3)
    data.line(contract, things.duo_mfa, 40)


def _cloud_customers(data: SandboxData, things: Catalogue) -> None:
    month = data.today.replace(day=1)
    eemland = data.company("Stichting Zorggroep Eemland", companyNumber="D-1005", city="Amersfoort")
    monthly = data.contract(eemland, "Cloud maandelijks", contractNumber="CSP-1005-M", **_running(data, 12, 3))
    line = data.line(monthly, things.business_premium, 120)
    data.adjust(line, 8, plus_months(month, 1))
    data.line(monthly, things.backup_m365, 120)
    data.line(monthly, things.duo_mfa, 118)
    yearly = data.contract(eemland, "Cloud jaarlijks", contractNumber="CSP-1005-Y", period=5, **_running(data, 5, 3))
    data.line(yearly, things.business_basic_yearly, 60)

    fysio = data.company("Fysiotherapie Jansen", companyNumber="D-1006", city="Zwolle")
    contract = data.contract(fysio, "Microsoft 365", **_running(data, 2, 1))
    data.line(contract, things.business_basic, 8)
    data.line(contract, things.exchange_online, 3)

    grotius = data.company("Grotius Advocaten N.V.", companyNumber="D-1007", city="Den Haag")
    contract = data.contract(grotius, "Managed services Grotius", **_running(data, 22, 3))
    data.line(contract, things.business_premium, 47)
    data.line(contract, things.edr, 52)
    data.line(contract, things.rmm, 52)
    data.line(contract, things.helpdesk, 47)

    heijden = data.company("Installatiebedrijf van der Heijden", companyNumber="D-1008", city="Breda")
    contract = data.contract(heijden, "Beheer", **_running(data, 9, 2))
    data.line(contract, things.business_premium, 11)
    data.line(contract, things.antivirus)


def _odd_ones(data: SandboxData, things: Catalogue) -> None:
    """What a sync must not stumble over: expired, inactive, other types, two lines that look alike, two contracts."""
    today = data.today
    iris = data.company("Iris Optiek Groep B.V.", companyNumber="D-1009", city="Eindhoven")
    old = plus_months(today.replace(day=1), -26)
    contract = data.contract(iris, "Beheer (oud)", start=old, end=plus_months(old, 24) - date.resolution)
    data.line(contract, things.business_premium, 18)
    contract = data.contract(iris, "Beheer", start=plus_months(old, 24), end=plus_months(old, 48) - date.resolution)
    data.line(contract, things.business_premium, 19)
    data.line(contract, things.edr, 20)

    kroon = data.company("Kroon Accountants & Adviseurs B.V.", companyNumber="D-1010", city="Utrecht")
    contract = data.contract(kroon, "Kantoor Utrecht", **_running(data, 8, 2))
    data.line(contract, things.business_premium, 22, internalDescription="Utrecht")
    data.line(contract, things.business_premium, 9, internalDescription="Amersfoort")
    data.contract(kroon, "Strippenkaart 2025", contractType=4, period=None, **_running(data, 8, 1))

    lente = data.company("De Lente Kinderopvang", companyNumber="D-1011", city="Almere")
    contract = data.contract(lente, "Microsoft 365 kantoor", **_running(data, 6, 2))
    data.line(contract, things.business_basic, 30)
    contract = data.contract(lente, "Microsoft 365 locaties", **_running(data, 3, 1))
    data.line(contract, things.business_basic, 55)
    contract = data.contract(lente, "Geannuleerd", status=0, **_running(data, 14, 2))
    data.line(contract, things.old_antivirus, 12)

    mol = data.company("Garage Mol (opgeheven)", companyNumber="D-1012", isActive=False)
    contract = data.contract(mol, "Beheer", **_running(data, 15, 2))
    data.line(contract, things.antivirus, 4)

    own = data.contract(0, "Eigen gebruik", **_running(data, 11, 3))
    data.line(own, things.business_premium, 9)
    data.line(own, things.duo_mfa, 9)


def _tickets_products(data: SandboxData) -> None:
    code = data.records["BillingCodes"][1]["id"]
    data.add(
        "Products", name="Azure-verbruik", isActive=True, isSerialized=False, productBillingCodeID=code, unitPrice=1.0,
        unitCost=0.85, sku="AZURE",
    )  # fmt: skip
    data.add(
        "Products", name="Extra opslag per GB", isActive=True, isSerialized=False, productBillingCodeID=code,
        unitPrice=0.12, unitCost=0.08, sku="STORAGE-GB",
    )  # fmt: skip
    company = data.records["Companies"][2]["id"]
    data.add("Tickets", companyID=company, title="Printer op kantoor", status=5, priority=3, queueID=29682833)
