"""ALSO over real HTTP against a fake of its SimpleAPI; one test for each conformance case (ALSO §11)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors._kit.retry import Backoff
from connectors.also.manifest import MANIFEST
from connectors.also.source import Also
from core.domain.errors import RemoteError, ShapeChanged, Unauthorized
from core.domain.provisioning.subscription import dates_of, type_of
from core.domain.subscription.words import Status, auto_renew_of, status_of
from core.domain.usage import Reading
from tests.connectors.fakes import Server, serving

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
PATH = "/SimpleAPI/SimpleAPIService.svc/rest"
QUICK = Backoff(attempts=5, first=0.01, longest=0.05)
FAULT = (
    '<Fault xmlns="http://schemas.microsoft.com/ws/2005/05/envelope/none"><Code><Value>Sender</Value></Code>'
    '<Reason><Text xml:lang="en-US">{0}</Text></Reason><Detail><ServiceException xmlns="http://schemas.datacontract.org/2004/07/'
    'Nervogrid.Platform.API" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><IsSessionExpired>{1}</IsSessionExpired>'
    '<IssueToken i:nil="true"/><Message>{0}</Message></ServiceException></Detail></Fault>'
)
COMPANIES = [
    {
        "AccountId": 410022, "ParentAccountId": 400001, "CompanyName": "Bakkerij De Halm B.V.", "AccountState": "Active",
        "AccountType": "Company", "NumericId": "770431", "CustomerId": "D1004", "VATID": "NL001234567B01",
        "Domain": ["dehalm.example"], "Country": "NL", "Currency": "EUR", "Marketplace": 31007, "Marketplaces": [31007],
    },
    {"AccountId": 410057, "ParentAccountId": 400001, "CompanyName": "Oude Klant V.O.F.", "AccountState": "Terminated", "CustomerId": None},
]  # fmt: skip


def fault(text: str, *, over: bool = False, status: int = 500) -> Response:
    return Response(FAULT.format(text, str(over).lower()), status, media_type="application/xml")


def named(**values: Any) -> list[dict[str, Any]]:
    return [{"Name": name, "DisplayName": name, "Value": value} for name, value in values.items()]


def price(name: str | None, cost: float, **more: Any) -> dict[str, Any]:
    return {
        "PriceableItemId": 88, "PriceableItemType": "Monthly", "IsUDRCField": name is not None, "FieldName": name,
        "ChargeType": "Recurring", "PurchasePrice": cost, "Currency": "EUR", **more,
    }  # fmt: skip


def service(number: int, code: str, name: str = "", **more: Any) -> dict[str, Any]:
    return {
        "AccountId": number, "AccountState": "Active", "ServiceName": code, "ServiceDisplayName": name or code,
        "ParentAccountId": 410022, "CompanyAccountId": 410022, "ParentType": "Company", "Fields": [], "PriceableItems": [], **more,
    }  # fmt: skip


def premium(number: int = 520901, quantity: Any = 25, **more: Any) -> dict[str, Any]:
    return service(
        number, "MS-NCE-BUSPREM-P1Y-M", "Microsoft 365 Business Premium", VendorDisplayName="Microsoft",
        ContractEndDate="2027-02-28T00:00:00", AdvancePeriodEndAction="Renew", ContractId="PO-7781",
        Fields=named(Quantity=quantity, MicrosoftTenantId="0b7e…"),
        PriceableItems=[price("Quantity", 17.94, SalesPrice=20.60, CommitementPeriodInMonths=12)], **more,
    )  # fmt: skip


ACRONIS = service(
    520944, "ACR-CYBER-PROTECT", "Acronis Cyber Protect Cloud", Fields=named(Workstations="38", Servers=2),
    PriceableItems=[price("Workstations", 2.10), price("Servers", 9.75)],
)  # fmt: skip


@dataclass
class Fake:
    """A marketplace, and switches for its bad days."""

    companies: list[dict[str, Any]] = field(default_factory=lambda: list(COMPANIES))
    services: dict[int, Any] = field(default_factory=lambda: {410022: [premium(), ACRONIS]})
    others: dict[str, Any] = field(default_factory=dict)
    token: str = "abc=="
    login: Response | None = None
    before: dict[str, list[Response]] = field(default_factory=dict)
    always_over: bool = False

    def app(self) -> Starlette:
        return Starlette(routes=[Route(f"{PATH}/{{operation}}", self.answer, methods=["POST"])])

    async def answer(self, request: Request) -> Response:
        body = orjson.loads(await request.body())
        operation = request.path_params["operation"]
        if operation == "GetSessionToken":
            if body != {"username": "api@reseller.example", "password": "pa55-word"}:
                return fault(f"Please check your username and password ({body['password']})")
            return self.login or JSONResponse(self.token)
        if request.headers.get("authenticate") != f"CCPSessionId {self.token}" or self.always_over:
            return fault("Session has expired.", over=True)
        if operation == "TerminateSessionToken":
            return Response()
        if self.before.get(operation):
            return self.before[operation].pop(0)
        if operation == "GetCompanies":
            return JSONResponse(self.companies)
        if operation == "GetSubscriptions":
            found = self.services.get(body["parentAccountId"], [])
            return found if isinstance(found, Response) else JSONResponse(found)
        return JSONResponse(
            self.others[operation](body) if callable(self.others[operation]) else self.others[operation]
        )


@contextmanager
def connected(fake: Fake, password: str = "pa55-word", **settings: object) -> Iterator[tuple[Also, Server]]:
    with serving(fake.app()) as server:
        options = {"base_url": server.url, "user": "api@reseller.example", **settings}
        source = MANIFEST.open("ALSO", options, {"password": password})
        assert isinstance(source, Also)
        source.api.backoff = source.session.backoff = QUICK
        yield source, server


def read(fake: Fake, **settings: object) -> Reading:
    with connected(fake, **settings) as (source, _):
        return source.read(NOW)


def quantities(reading: Reading) -> dict[tuple[str, str], Decimal]:
    return {(line.customer_id, line.product_key): line.quantity for line in reading.lines}


def asked(server: Server, operation: str) -> int:
    return server.paths().count(f"POST {PATH}/{operation}")


@pytest.mark.parametrize(
    "login",
    [JSONResponse("abc=="), PlainTextResponse("abc=="), JSONResponse({"Value": "abc=="})],
    ids=["case 1, JSON", "case 2, plain", "an object"],
)
def test_case_01_and_02_the_token_goes_into_a_header_of_its_own(login: Response) -> None:
    with connected(Fake(login=login)) as (source, server):
        source.test()
    calls = [one for one in server.asked if not one.path.endswith("GetSessionToken")]
    assert calls
    assert all(one.headers["authenticate"] == "CCPSessionId abc==" for one in calls)
    assert all("authorization" not in one.headers for one in server.asked)
    assert all(one.headers["content-type"] == "application/json" for one in server.asked)


@pytest.mark.parametrize(
    "login", [Response(), PlainTextResponse("<html>"), JSONResponse(None), PlainTextResponse("a<b")]
)
def test_a_sign_in_without_a_token_is_refused(login: Response) -> None:
    with connected(Fake(login=login)) as (source, server), pytest.raises(RemoteError):
        source.test()
    assert asked(server, "GetCompanies") == 0


def test_case_03_a_user_with_mfa_is_told_so_at_once() -> None:
    refusal = fault("Sign-in of api@reseller.example / pa55-word: users with enabled MFA are not supported")
    with (
        structlog.testing.capture_logs() as logs,
        connected(Fake(login=refusal)) as (source, server),
        pytest.raises(Unauthorized, match="MFA") as caught,
    ):
        source.test()
    assert len(server.asked) == 1
    assert "pa55-word" not in f"{caught.value} {caught.value.detail} {logs}"


def test_a_wrong_password_is_told_at_once() -> None:
    with connected(Fake(), password="wr0ng-word") as (source, server), pytest.raises(Unauthorized) as caught:
        source.test()
    assert len(server.asked) == 1
    assert "wr0ng-word" not in f"{caught.value} {caught.value.detail}"


def test_case_04_a_session_that_ends_is_begun_again_once() -> None:
    fake = Fake(before={"GetSubscriptions": [fault("Session has expired.", over=True)]})
    with connected(fake) as (source, server):
        reading = source.read(NOW)
    assert len(reading.lines) == 3
    assert reading.complete
    assert asked(server, "GetSessionToken") == 2
    assert asked(server, "GetSubscriptions") == 2


def test_case_05_sessions_that_never_hold_end_the_reading() -> None:
    with connected(Fake(always_over=True)) as (source, server), pytest.raises(Unauthorized):
        source.read(NOW)
    assert asked(server, "GetSessionToken") == 2
    assert asked(server, "GetCompanies") == 2


def test_case_06_the_sample_of_the_documentation() -> None:
    with connected(Fake(), reseller_id=400001) as (source, server):
        reading = source.read(NOW)
    assert quantities(reading) == {
        ("410022", "MS-NCE-BUSPREM-P1Y-M"): Decimal(25), ("410022", "ACR-CYBER-PROTECT:Workstations"): Decimal(38),
        ("410022", "ACR-CYBER-PROTECT:Servers"): Decimal(2),
    }  # fmt: skip
    first, stations, _ = reading.lines
    assert (first.term, first.billing_frequency, first.unit_cost, first.unit_price, first.currency) == (
        "P1Y", "monthly", Decimal("17.94"), Decimal("20.6"), "EUR",
    )  # fmt: skip
    assert (stations.product, stations.term, stations.unit_cost) == (
        "Acronis Cyber Protect Cloud – Workstations", "P1M", Decimal("2.1"),
    )  # fmt: skip
    told = [first.attributes[name] for name in ("customer_number", "vat", "domain", "contract_end")]
    assert told == ["D1004", "NL001234567B01", "dehalm.example", "2027-02-28"]
    bodies = {one.path.rpartition("/")[2]: orjson.loads(one.body) for one in server.asked}
    assert bodies["GetCompanies"] == {"parentAccountId": 400001}
    assert bodies["GetSubscriptions"] == {"parentAccountId": 410022}
    assert asked(server, "TerminateSessionToken") == 1


def test_case_07_m2_a_company_that_fails_spoils_no_other() -> None:
    fake = Fake(companies=[*COMPANIES, {"AccountId": 410060, "CompanyName": "Iris", "AccountState": "Active"}])
    fake.services[410060] = fault("You have no access to this account.")
    reading = read(fake)
    assert len(reading.lines) == 3
    assert list(reading.failed_customers) == ["410060"]
    assert "no access" in str(reading.failed_customers["410060"])
    assert not reading.proves_absence("410060")
    assert reading.proves_absence("410022")


def test_case_08_services_of_users_add_up_with_their_companys() -> None:
    rows = [premium(), premium(520950, 1, ParentAccountId=777, ParentType="User")]
    reading = read(Fake(services={410022: rows}))
    assert quantities(reading) == {("410022", "MS-NCE-BUSPREM-P1Y-M"): Decimal(26)}
    assert reading.lines[0].attributes["subscriptions"] == "520901, 520950"
    with connected(Fake(), user_level=False) as (source, server):
        source.read(NOW)
    assert (
        orjson.loads(next(one for one in server.asked if "GetSubscriptions" in one.path).body)["excludeUserLevel"]
        is True
    )


def test_case_09_terminated_ones_are_not_counted_and_unknown_states_are_named() -> None:
    rows = [
        premium(1, 10, AccountState="Terminated"), premium(2, 20, ScheduledTerminationDate="2026-12-31T00:00:00"),
        premium(3, 40, AccountState="Dreaming"),
    ]  # fmt: skip
    reading = read(Fake(services={410022: rows}))
    assert quantities(reading) == {("410022", "MS-NCE-BUSPREM-P1Y-M"): Decimal(20)}
    assert "Dreaming" in str(reading.notes)


@pytest.mark.parametrize("value", [None, True, "many", [1]])
def test_case_10_m2_a_quantity_that_is_not_told_is_unknown(value: Any) -> None:
    reading = read(Fake(services={410022: [premium(quantity=value), ACRONIS]}))
    assert reading.lines == ()
    assert "Microsoft 365 Business Premium" in str(reading.failed_customers["410022"]) or value is not None
    assert not reading.proves_absence("410022")
    without = read(Fake(services={410022: [premium(quantity=value), ACRONIS]}), leave_out=["MS-NCE-BUSPREM-P1Y-M"])
    assert len(without.lines) == 2


def test_case_11_a_flat_fee_counts_one() -> None:
    rows = [service(1, "SUPPORT", Fields=named(StorageGb=500), PriceableItems=[price(None, 40.0)])]
    reading = read(Fake(services={410022: rows}))
    assert quantities(reading) == {("410022", "SUPPORT"): Decimal(1)}
    assert reading.lines[0].unit_cost == Decimal(40)


def test_without_a_counted_field_quantity_is_taken_and_the_monthly_price() -> None:
    items = [price(None, 99.0, PriceableItemType="OneTime"), price(None, 3.5)]
    rows = [
        service(1, "OLD", Fields=named(StorageGb=500, Quantity="7"), PriceableItems=items),
        service(2, "NONE", PriceableItems=None),
    ]
    reading = read(Fake(services={410022: rows}))
    assert quantities(reading) == {("410022", "OLD"): Decimal(7), ("410022", "NONE"): Decimal(1)}
    assert reading.lines[0].unit_cost == Decimal("3.5")


def test_case_12_throttling_waits_as_told() -> None:
    busy = [PlainTextResponse("", status_code=429, headers={"Retry-After": "0.3"}) for _ in range(2)]
    with connected(Fake(before={"GetSubscriptions": busy})) as (source, server):
        reading = source.read(NOW)
    times = [one.at for one in server.asked if one.path.endswith("GetSubscriptions")]
    assert len(reading.lines) == 3
    assert len(times) == 3
    assert all(later - earlier >= 0.28 for earlier, later in itertools.pairwise(times))


def test_case_12_a_403_is_throttling_where_the_setting_says_so() -> None:
    busy = {"GetSubscriptions": [PlainTextResponse("", status_code=403)]}
    assert len(read(Fake(before=dict(busy)), forbidden_is_busy=True).lines) == 3
    assert list(read(Fake(before={"GetSubscriptions": [PlainTextResponse("", status_code=403)]})).failed_customers) == [
        "410022"
    ]


def test_case_13_the_own_company_comes_as_a_list_or_as_one() -> None:
    own = {"AccountId": 400001, "CompanyName": "Reseller"}
    for body in (own, [own]):
        with connected(Fake(others={"GetCompany": body}), reseller_id=400001) as (source, server):
            source.test()
        assert asked(server, "GetCompany") == 1
    with (
        connected(Fake(others={"GetCompany": []}), reseller_id=1) as (source, _),
        pytest.raises(RemoteError, match="numeric"),
    ):
        source.test()


def test_case_14_unknown_properties_and_other_spelling_are_taken() -> None:
    def strange(body: Any) -> Any:
        if isinstance(body, list):
            return [strange(one) for one in body]
        if isinstance(body, dict):
            return {
                **{name[0].lower() + name[1:]: strange(value) for name, value in body.items()},
                "newThing": {"a": [1]},
            }
        return body

    fake = Fake(companies=strange(COMPANIES), services={410022: strange([premium(), ACRONIS])})
    assert len(read(fake).lines) == 3


def test_case_15_large_faults_and_doctypes_are_not_parsed() -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "boom-of-entities">]><Fault><Text>&a;</Text></Fault>'
    for body in (bomb, bomb + " " * 1024 * 1024):
        fake = Fake(before={"GetCompanies": [Response(body, 500, media_type="text/xml")]})
        with connected(fake) as (source, server), pytest.raises(RemoteError, match="cannot be read") as caught:
            source.read(NOW)
        assert "boom" not in f"{caught.value} {caught.value.detail}"
        assert asked(server, "GetCompanies") == 1


def test_xml_with_a_good_status_is_an_error_too() -> None:
    reading = read(Fake(services={410022: fault("Wrong account.", status=200)}))
    assert "Wrong account" in str(reading.failed_customers["410022"])


@pytest.mark.parametrize("body", [None, {"Rows": []}])
def test_m2_an_answer_that_is_no_list_is_never_no_companies(body: Any) -> None:
    with connected(Fake(companies=body)) as (source, _), pytest.raises(ShapeChanged):
        source.read(NOW)


def test_add_ons_count_once_wherever_they_stand() -> None:
    addon = service(77, "ADDON", Fields=named(Quantity=4), DependencyAccountId=520901, DependencyServiceName="MS")
    assert quantities(read(Fake(services={410022: [premium(Addons=[addon]), addon]})))["410022", "ADDON"] == 4
    fake = Fake(others={"GetSubscriptionWithAddons": lambda body: {**premium(body["accountId"]), "Addons": [addon]}})
    assert quantities(read(fake, ask_addons=True))["410022", "ADDON"] == 4


def test_quantities_at_renewal_and_billed_ones_are_products_of_their_own() -> None:
    charge = {
        "AccountId": 520901, "ServiceId": "MS-NCE-BUSPREM-P1Y-M", "ServiceName": "Microsoft 365 Business Premium",
        "UDRCValue": 24.0, "CostsOfUnit": 17.94, "Costs": 430.56, "Currency": "EUR", "BillableParameter": "Quantity",
    }  # fmt: skip
    invoice = {
        "CompanyAccountId": 410022,
        "CompanyName": "Bakkerij De Halm B.V.",
        "BillingInterval": "2026-10",
        "Charges": [charge],
    }
    fake = Fake(services={410022: [premium(RenewFields=named(Quantity=20))]}, others={"GetLatestInvoices": [invoice]})
    assert quantities(read(fake, renewal=True, billed=True)) == {
        ("410022", "MS-NCE-BUSPREM-P1Y-M"): Decimal(25), ("410022", "renewal:MS-NCE-BUSPREM-P1Y-M"): Decimal(20),
        ("410022", "billed:MS-NCE-BUSPREM-P1Y-M"): Decimal(24),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "base"),
    [
        ({}, f"https://marketplace.also.nl{PATH}"),
        ({"host": "marketplacexpe.intcomexcloud.com"}, f"https://marketplacexpe.intcomexcloud.com{PATH}"),
        ({"base_url": f"https://proxy.example{PATH}/"}, f"https://proxy.example{PATH}"),
    ],
)
def test_any_host_will_do(settings: dict[str, str], base: str) -> None:
    source = MANIFEST.open("ALSO", {"user": "u", **settings}, {"password": "x"})
    assert isinstance(source, Also)
    assert source.api.base_url == base
    assert source.session.url == f"{base}/GetSessionToken"


def test_a_fault_that_repeats_the_session_is_masked() -> None:
    reading = read(
        Fake(services={410022: fault("Token s3ssion-of-today is not for this account.")}, token="s3ssion-of-today")
    )
    assert "not for this account" in str(reading.failed_customers["410022"])
    assert "s3ssion-of-today" not in str(reading.failed_customers)


def test_s2_25_subscriptions_can_be_told_apart_each_with_its_dates() -> None:
    rows = [
        premium(BillingStartDate="2026-03-01T00:00:00"),
        premium(520950, 1, BillingStartDate="2025-02-01T00:00:00") | {"AdvancePeriodEndAction": "Terminate"},
        ACRONIS | {"BillingStartDate": "2024-05-01T00:00:00", "ContractEndDate": "2025-04-30T00:00:00"},
    ]  # fmt: skip
    services: dict[int, Any] = {410022: rows}
    first, user, stations, servers = read(Fake(services=services), by_subscription=True, renewal=True).lines
    assert [line.subscription_id for line in (first, user, stations, servers)] == [
        "520901",
        "520950",
        "520944",
        "520944",
    ]
    assert dates_of(type_of(first), [first], NOW.date()) == (date(2026, 3, 1), date(2027, 2, 28))
    assert (auto_renew_of(first), auto_renew_of(user), status_of(first)) == (True, False, Status.ACTIVE)
    assert (stations.period_start, stations.period_end) == (date(2024, 5, 1), None), "active after its end: it goes on"
    (added, *_) = read(Fake(services=services)).lines
    assert (added.subscription_id, added.quantity, added.period_start, auto_renew_of(added)) == ("", 26, None, None)
    assert (added.period_end, added.attributes["contract_end"]) == (date(2027, 2, 28), "2027-02-28")
