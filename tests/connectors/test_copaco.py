"""Copaco over real HTTP against fakes of both doors; one test for each conformance case (Copaco §8)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connectors._kit.retry import Backoff
from connectors.copaco.manifest import MANIFEST
from connectors.copaco.source import Copaco
from core.domain.errors import RateLimited, RemoteError, SettingsError, ShapeChanged, Unauthorized
from core.domain.file_settings import FileSettings
from core.domain.period import add_months
from core.domain.provisioning.subscription import dates_of, type_of
from core.domain.subscription.words import Status, status_of
from core.domain.usage import Reading, Scope
from core.files.importer import import_file, inspect
from tests.connectors.cloudblue_fake import Marketplace, customer, product, subscription
from tests.connectors.fakes import Server, serving

NOW = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
KEY = "k3y-that-nobody-sees"
SKU = "CFQ7TTC0LCHC-P1Y-M"
QUICK = Backoff(attempts=4, first=0.02, longest=0.1)


def line(quantity: object = 25, kind: str = "Recurring fee", month: int = 10, **fields: Any) -> dict[str, Any]:
    days = {"StartDate": f"2026-{month:02}-01", "EndDate": f"2026-{month:02}-{30 if month in (9, 11) else 31}"}
    return {
        "LineId": 1, "SKU": SKU, "Description": f"Microsoft 365 Business Premium - {kind}", "Quantity": quantity,
        "QuantityType": "license", "UnitPrice": 17.94, "ExtendedPrice": 1, "Duration": "1", "DurationType": "month",
        "InvoiceRowHash": "9f2c", **days, **fields,
    }  # fmt: skip


def bill(number: str, made: str, *lines: dict[str, Any], kind: str = "Invoice", plan: int = 512) -> dict[str, Any]:
    owner = {"AccountID": 1000281, "CompanyName": "Bakkerij De Halm B.V.", "CustomerNumber": "D1004", "CostCenter": ""}
    under = {
        "SubscriptionID": 1000178, "SubscriptionName": "Microsoft 365 NCE", "PlanID": plan, "PlanName": "M365 NCE annual/monthly",
        "BillingModel": 2, "StartDate": "2025-10-25", "PriceLines": list(lines),
    }  # fmt: skip
    header = {"InvoiceID": number, "Date": made, "Currency": "EUR", "Type": kind, "TypeIdentifier": 1}
    return {"Header": header, "Customers": [{**owner, "Subscriptions": [under]}]}


def sample() -> dict[str, Any]:
    """The made-up reply of the notes."""
    return bill(
        "30112233",
        "2026-11-23",
        line(),
        line(3, "1st term fee", StartDate="2026-10-15", UnitPrice=9.84),
        line(-1, month=9),
    )


def as_xml(value: Any, name: str) -> str:
    if isinstance(value, list):
        return f"<{name}>{''.join(as_xml(one, name.removesuffix('s')) for one in value)}</{name}>"
    if isinstance(value, dict):
        return f"<{name}>{''.join(as_xml(one, key) for key, one in value.items())}</{name}>"
    return f"<{name}>{escape(str(value))}</{name}>"


@dataclass
class KeyDoor:
    """Copaco's key interface, and switches for its bad days. `takes` says how it wants the key."""

    invoices: list[dict[str, Any]] = field(default_factory=lambda: [sample()])
    specifications: list[dict[str, Any]] = field(default_factory=list)
    takes: tuple[str, str] = ("authorization", f"Bearer {KEY}")
    refusal: int = 401
    forbids: dict[str, int] = field(default_factory=dict)
    xml: bool = False
    before: list[Response] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/api/v1/{path}", self.answer)])

    async def answer(self, request: Request) -> Response:
        path = request.path_params["path"]
        if request.headers.get(self.takes[0], request.query_params.get(self.takes[0])) != self.takes[1]:
            return JSONResponse({"melding": "Geen toegang"}, status_code=self.refusal)
        if path in self.forbids:
            return JSONResponse({"melding": "Niet toegestaan"}, status_code=self.forbids[path])
        if self.before:
            return self.before.pop(0)
        first, last = (date.fromisoformat(request.query_params[name]) for name in ("startDate", "endDate"))
        rows = {"invoices": self.invoices, "customer-specifications": self.specifications}.get(path, [])
        body = [one for one in rows if first <= date.fromisoformat(one["Header"]["Date"]) <= last]
        if self.xml:
            return Response(f"<?xml version='1.0'?>{as_xml(body, 'Invoices')}", media_type="application/xml")
        return JSONResponse({"Invoices": body})


@contextmanager
def by_key(fake: KeyDoor, **settings: object) -> Iterator[tuple[Copaco, Server]]:
    with serving(fake.app()) as server:
        options = {"door": "key", "base_url": f"{server.url}/api/v1", **settings}
        source = MANIFEST.open("Copaco", options, {"api_key": KEY})
        assert isinstance(source, Copaco)
        source.backoff = QUICK
        yield source, server


@contextmanager
def by_marketplace(fake: Marketplace, **settings: object) -> Iterator[tuple[Copaco, Server]]:
    with serving(fake.app()) as server:
        options = {"base_url": f"{server.url}/marketplace/eu/", "user": fake.user, **settings}
        source = MANIFEST.open("Copaco", options, {"password": "s3cret-pass", "subscription_key": "s3cret-key"})
        assert isinstance(source, Copaco)
        source.market_backoff = QUICK
        yield source, server


def read_invoices(*invoices: dict[str, Any], now: datetime = NOW, **settings: object) -> Reading:
    with by_key(KeyDoor(invoices=list(invoices)), key_style="bearer", **settings) as (source, _):
        return source.read(now)


def read_market(fake: Marketplace, **settings: object) -> Reading:
    with by_marketplace(fake, **settings) as (source, _):
        return source.read(NOW)


def quantities(reading: Reading) -> dict[tuple[str, str], Decimal]:
    totals: dict[tuple[str, str], Decimal] = {}
    for one in reading.lines:
        totals[one.customer, one.product_key] = totals.get((one.customer, one.product_key), Decimal(0)) + one.quantity
    return totals


DE_HALM = ("Bakkerij De Halm B.V.", SKU)


def test_case_01_rows_without_name_and_periods_are_accepted() -> None:
    rows = [
        subscription(
            "1000178", product(), creationDate="2025-10-25", renewalDate="2026-10-23", lastModifiedDate="2025-10-25"
        )
    ]
    (found,) = read_market(Marketplace(subscriptions=rows)).lines
    assert (found.customer, found.product_key, found.quantity) == (
        "Bakkerij De Halm B.V.",
        "CFQ7TTC0LCHC:0002_P1Y:M",
        25,
    )
    assert (found.term, found.billing_frequency, found.subscription_id) == ("", "", "1000178")
    assert (found.unit_price, found.unit_cost, found.currency) == (Decimal("20.60"), None, "EUR")
    assert found.attributes["external_id"] == "D1004"


def test_case_02_pages_of_ten_give_all_twelve() -> None:
    rows = [subscription(str(number), product(quantity=1)) for number in range(12)]
    with by_marketplace(Marketplace(subscriptions=rows, most=10)) as (source, server):
        assert len(source.read(NOW).lines) == 12
    asked = [one.query for one in server.asked if one.path.endswith("/subscriptions")]
    assert ["offset=0" in asked[0], "offset=10" in asked[1], len(asked)] == [True, True, 2]


def test_case_03_a_marketplace_that_moved_names_the_other_door() -> None:
    fake = Marketplace(token_answer=HTMLResponse("<h1>Not here</h1>", status_code=404))
    with by_marketplace(fake) as (source, server), pytest.raises(RemoteError, match="new cloud platform") as caught:
        source.test()
    assert "API key" in str(caught.value)
    assert server.paths() == ["POST /marketplace/eu/token"]


def test_case_04_the_way_to_send_the_key_is_found_and_remembered() -> None:
    with by_key(KeyDoor(takes=("apikey", KEY))) as (source, server):
        source.test()
        first = [one.path for one in server.asked]
        source.read(NOW)
        again = MANIFEST.open("Copaco", {"door": "key", "base_url": f"{server.url}/api/v1"}, {"api_key": KEY})
        again.test()
    assert first == ["/api/v1/example-invoices"] * 3 + ["/api/v1/invoices"]
    assert [one.path for one in server.asked[4:]].count("/api/v1/example-invoices") == 0


@pytest.mark.parametrize("status", [401, 403])
def test_case_05_no_way_accepted_is_one_error(status: int, capsys: pytest.CaptureFixture[str]) -> None:
    fake = KeyDoor(takes=("authorization", "something else"), refusal=status)
    with by_key(fake) as (source, server), pytest.raises(Unauthorized) as caught:
        source.test()
    assert len(server.asked) == 5
    assert KEY not in f"{caught.value} {caught.value.detail} {capsys.readouterr()}"


def test_case_05_a_known_key_without_the_right_is_told_apart() -> None:
    fake = KeyDoor(forbids={"example-invoices": 403})
    with by_key(fake) as (source, _):
        source.test()
    with by_key(KeyDoor(forbids={"invoices": 403})) as (source, _), pytest.raises(RemoteError, match="Get Invoices"):
        source.test()


def test_case_06_the_sample_counts_25() -> None:
    reading = read_invoices(sample())
    assert quantities(reading) == {DE_HALM: Decimal(25)}
    (found,) = reading.lines
    assert (found.customer_id, found.product, found.unit) == ("1000281", "Microsoft 365 Business Premium", "licence")
    assert (found.unit_cost, found.currency) == (Decimal("17.94"), "EUR")
    assert (found.period_start, found.period_end) == (date(2026, 10, 1), date(2026, 10, 31))
    assert found.attributes["customer_number"] == "D1004"


@pytest.mark.parametrize("kind", ["CreditNote", "Creditnota", "Document"])
def test_case_07_credit_notes_are_left_out(kind: str) -> None:
    assert quantities(read_invoices(sample(), bill("30112234", "2026-11-24", line(-25), kind=kind))) == {
        DE_HALM: Decimal(25)
    }


def test_case_08_invoices_of_two_vendors_both_count() -> None:
    other = bill("30112240", "2026-11-23", line(7, SKU="ACR-WS", Description="Acronis - Recurring fee"), plan=9)
    assert quantities(read_invoices(sample(), other)) == {DE_HALM: Decimal(25), (DE_HALM[0], "ACR-WS"): Decimal(7)}


def test_case_08_a_vendor_whose_invoice_comes_later_keeps_its_last_one() -> None:
    other = bill(
        "30112199", "2026-10-26", line(7, month=9, SKU="ACR-WS", Description="Acronis - Recurring fee"), plan=9
    )
    assert quantities(read_invoices(sample(), other))[DE_HALM[0], "ACR-WS"] == 7


def test_case_09_only_the_newest_invoice_counts() -> None:
    october = bill("30100000", "2026-10-23", line(20, month=9), line(5, month=9, SKU="GONE"))
    assert quantities(read_invoices(october, sample())) == {DE_HALM: Decimal(25)}


def test_case_10_before_the_new_invoice_the_previous_one_is_used_and_dated() -> None:
    october = bill("30100000", "2026-10-23", line(20, month=9))
    reading = read_invoices(october, now=datetime(2026, 11, 10, tzinfo=UTC))
    assert quantities(reading) == {DE_HALM: Decimal(20)}
    assert reading.lines[0].attributes["invoiced"] == "2026-10-23"
    assert not reading.notes
    old = read_invoices(bill("30090000", "2026-09-23", line(20, month=8)), now=datetime(2026, 11, 10, tzinfo=UTC))
    assert quantities(old) == {DE_HALM: Decimal(20)}
    assert "Stale" in str(old.notes[0])


def test_case_10_no_invoice_at_all_lowers_nothing() -> None:
    reading = read_invoices(absent_is_gone=True)
    assert not reading.complete
    assert not reading.proves_absence("1000281")


def test_case_11_the_consumer_gets_the_quantity() -> None:
    rows = [line(), line(4, ConsumerCompanyName="Fysio Jansen", ConsumerCompanyNumber="C9")]
    reading = read_invoices(bill("1", "2026-11-23", *rows))
    assert quantities(reading) == {DE_HALM: Decimal(25), ("Fysio Jansen", SKU): Decimal(4)}
    assert {one.customer_id for one in reading.lines} == {"1000281", "C9"}


def test_case_12_m12_what_is_measured_keeps_its_unit() -> None:
    storage = line(2.5, "Usage fee", SKU="BCK-GB", QuantityType="GB")
    reading = read_invoices(bill("1", "2026-11-23", line(), storage))
    assert {(one.product_key, one.quantity, one.unit) for one in reading.lines} == {
        (SKU, Decimal(25), "licence"), ("BCK-GB", Decimal("2.5"), "GB"),
    }  # fmt: skip
    same = read_invoices(bill("1", "2026-11-23", line(), line(2.5, QuantityType="GB")))
    assert {(one.product_key, one.quantity) for one in same.lines} == {
        (SKU, Decimal(25)),
        (f"{SKU}:GB", Decimal("2.5")),
    }


def test_case_13_xml_tells_the_same() -> None:
    invoices = [sample(), bill("30112240", "2026-11-24", line(7, SKU="ACR & CO"), kind="Invoice", plan=9)]
    with by_key(KeyDoor(invoices=invoices, xml=True), key_style="bearer") as (source, _):
        xml = source.read(NOW)
    json = read_invoices(*invoices)
    assert xml.lines == json.lines
    assert len(xml.lines) == 2


def test_case_13_xml_with_traps_is_refused() -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><Invoices>&b;</Invoices>'
    for content in (bomb, "<Invoices><Invoice>"):
        with (
            by_key(KeyDoor(before=[Response(content, media_type="text/xml")]), key_style="bearer") as (source, _),
            pytest.raises(ShapeChanged, match="neither JSON nor XML"),
        ):
            source.read(NOW)


def test_case_14_an_export_is_read_by_its_dutch_headings() -> None:
    rows = "Aantal;Klantnaam;Artikelnummer\n1.250,00;Bakkerij De Halm B.V.;CFQ7TTC0LCHC\n3,00;Brasserie Zürich;CFQ7TTC0LH18\n"
    export = rows.encode("cp1252")
    seen = {one.role: one.heading for one in inspect(export, "copaco.csv").suggestions}
    assert (seen["customer"], seen["quantity"]) == ("Klantnaam", "Aantal")
    settings = FileSettings.model_validate({"customer": "Klantnaam", "product": "Artikelnummer", "quantity": "Aantal"})
    result = import_file(export, "copaco.csv", settings)
    assert [(one.customer, one.product, one.quantity) for one in result.lines] == [
        ("Bakkerij De Halm B.V.", "CFQ7TTC0LCHC", 1250), ("Brasserie Zürich", "CFQ7TTC0LH18", 3),
    ]  # fmt: skip


def test_case_15_unknown_properties_are_ignored_on_every_level() -> None:
    def sown(value: Any) -> Any:
        if isinstance(value, dict):
            return {**{name: sown(one) for name, one in value.items()}, "Nieuw": {"Iets": [1]}}
        return [sown(one) for one in value] if isinstance(value, list) else value

    assert quantities(read_invoices(sown(sample()))) == {DE_HALM: Decimal(25)}


def test_m2_an_invoice_without_its_lists_is_no_empty_invoice() -> None:
    for cut in ("Customers", "Header"):
        broken = deepcopy(sample())
        if cut == "Header":
            del broken["Customers"][0]["Subscriptions"][0]["PriceLines"]
        else:
            del broken["Customers"]
        with pytest.raises(ShapeChanged):
            read_invoices(broken)


def test_m2_what_is_not_invoiced_is_not_gone_unless_told_so() -> None:
    assert read_invoices(sample()).scope is Scope.LINES
    assert read_invoices(sample(), absent_is_gone=True).proves_absence("somebody")


def test_invoices_that_name_no_charges_count_as_a_whole() -> None:
    plain = bill("1", "2026-11-23", line(5, "licentie"), line(2, "licentie"), line(-3, "correctie", SKU="MINUS"))
    reading = read_invoices(plain)
    assert quantities(reading) == {DE_HALM: Decimal(7), (DE_HALM[0], "MINUS"): Decimal(0)}
    assert "0 is counted" in str(reading.notes[0])


def test_seats_that_changed_within_the_month_count_once() -> None:
    rows = [line(25, EndDate="2026-10-14"), line(20, StartDate="2026-10-15"), line(3)]
    assert quantities(read_invoices(bill("1", "2026-11-23", *rows))) == {DE_HALM: Decimal(23)}
    shifted = [
        line(9, StartDate="2026-09-12", EndDate="2026-10-11"),
        line(9, StartDate="2026-10-12", EndDate="2026-11-11"),
    ]
    assert quantities(read_invoices(bill("1", "2026-11-23", *shifted))) == {DE_HALM: Decimal(9)}


def test_sales_prices_come_from_the_specifications() -> None:
    specified = bill("S1", "2026-11-23", line(UnitPrice=20.6))
    with by_key(KeyDoor(specifications=[specified]), key_style="bearer") as (source, server):
        (found,) = source.read(NOW).lines
        assert len(server.asked) == 4
    assert (found.unit_cost, found.unit_price) == (Decimal("17.94"), Decimal("20.6"))
    with by_key(KeyDoor(forbids={"customer-specifications": 403}), key_style="bearer") as (source, _):
        reading = source.read(NOW)
    assert "Sales prices" in str(reading.notes[0])
    assert quantities(reading) == {DE_HALM: Decimal(25)}


def test_dates_are_asked_for_month_by_month() -> None:
    with by_key(KeyDoor(), key_style="bearer", read_prices=False) as (source, server):
        source.read(datetime(2027, 1, 5, tzinfo=UTC))
    assert [one.query for one in server.asked] == [
        "startDate=20270101&endDate=20270131", "startDate=20261201&endDate=20261231", "startDate=20261101&endDate=20261130",
    ]  # fmt: skip


@pytest.mark.parametrize(("status", "words"), [(400, "dates"), (404, "does not offer")])
def test_refusals_are_told_in_words(status: int, words: str) -> None:
    with (
        by_key(KeyDoor(forbids={"invoices": status}), key_style="bearer") as (source, _),
        pytest.raises(RemoteError, match=words),
    ):
        source.read(NOW)


def test_throttling_is_waited_out_and_given_up() -> None:
    busy = [JSONResponse({}, status_code=429)] * 3
    with by_key(KeyDoor(before=list(busy)), key_style="bearer") as (source, server):
        assert quantities(source.read(NOW)) == {DE_HALM: Decimal(25)}
    with by_key(KeyDoor(before=busy * 2), key_style="bearer") as (source, server), pytest.raises(RateLimited):
        source.read(NOW)
    assert len(server.asked) == 4
    with serving(KeyDoor().app()) as server:
        source = MANIFEST.open("Copaco", {"door": "key", "base_url": server.url}, {"api_key": KEY})
    assert isinstance(source, Copaco)
    assert (source.backoff.first, source.backoff.factor, source.backoff.longest) == (5, 3, 45)


def test_the_key_can_go_in_the_query_or_under_another_name() -> None:
    with by_key(KeyDoor(takes=("code", KEY)), key_style="query", key_name="code") as (source, _):
        assert quantities(source.read(NOW)) == {DE_HALM: Decimal(25)}
    with by_key(KeyDoor(takes=("x-copaco", KEY)), key_style="x_api_key", key_name="X-Copaco") as (source, _):
        source.test()


def test_each_door_says_what_it_still_needs() -> None:
    with pytest.raises(SettingsError, match="base_url, user, password, subscription_key"):
        MANIFEST.open("Copaco", {}, {})
    with pytest.raises(SettingsError, match="api_key"):
        MANIFEST.open("Copaco", {"door": "key"}, {})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "other"}, "activated"),
        ({"key": "other"}, "subscription key"),
        ({"code": "be"}, "marketplace code nl"),
    ],
)
def test_a_refused_sign_in_names_what_is_wrong(changes: dict[str, Any], words: str) -> None:
    with by_marketplace(Marketplace(**changes)) as (source, server), pytest.raises(Unauthorized, match=words) as caught:
        source.test()
    assert len(server.asked) == 1
    assert "s3cret" not in f"{caught.value} {caught.value.detail}"


def test_the_marketplace_counts_by_status_and_keeps_terms_and_prices() -> None:
    tiers = [{"lowerLimit": "0", "amount": "1.80"}, {"lowerLimit": "50", "amount": "1.70"}]
    tiered = product(
        "TIER",
        60,
        unitPrice={"currency": "EUR", "amount": "9", "priceTiers": tiers},
        unitCost={"currency": "EUR", "amount": "1.10"},
    )
    year = {"subscriptionPeriod": {"type": "year", "duration": 1}, "billingPeriod": {"type": "month", "duration": 1}}
    rows = [
        subscription("1", tiered, product("NONE", 0), creationDate="2026-03-05", **year), subscription("2", product(quantity="5.0"), status="hold"),
        subscription("3", product(quantity=7), status="terminated"), subscription("4", product(quantity=9), status="dreaming"),
        subscription("5", product(quantity=999), billingModel="chargeExternalRating"),
    ]  # fmt: skip
    reading = read_market(Marketplace(subscriptions=rows))
    assert {one.product_key: one.quantity for one in reading.lines} == {"TIER": 60, "CFQ7TTC0LCHC:0002_P1Y:M": 5}
    found = next(one for one in reading.lines if one.product_key == "TIER")
    assert (found.term, found.billing_frequency) == ("P1Y", "monthly")
    assert (found.unit_price, found.unit_cost) == (Decimal("1.70"), Decimal("1.10"))
    began = date(2026, 3, 5)
    ends = add_months(began, 12) - timedelta(days=1)
    assert dates_of(type_of(found), [found], began) == (began, ends), "without an end the term tells it (S2-25)"
    held = next(one for one in reading.lines if one is not found)
    assert status_of(held) is Status.SUSPENDED
    assert "dreaming" in str(reading.notes[0])
    assert [one.product_key for one in read_market(Marketplace(subscriptions=rows), count_hold=False).lines] == ["TIER"]


def test_a_subscription_that_fails_spoils_its_customer_alone() -> None:
    other = customer("2", "Fysio Jansen")
    rows = [
        subscription("1", product()),
        subscription("2", product(quantity=4), owner="2"),
        subscription("3", product(quantity="12.5")),
    ]
    reading = read_market(Marketplace(customers=[customer(), other], subscriptions=rows))
    assert list(reading.failed_customers) == ["1000281"]
    assert quantities(reading) == {("Fysio Jansen", "CFQ7TTC0LCHC:0002_P1Y:M"): Decimal(4)}


def test_a_subscription_removed_meanwhile_is_told_and_gateways_are_tried_again() -> None:
    bad = [HTMLResponse("<h1>503</h1>", status_code=503), Response(status_code=500), JSONResponse({}, status_code=429)]
    fake = Marketplace(
        subscriptions=[subscription("1", product()), subscription("2", product(quantity=4))],
        before={"1": [JSONResponse({"status": 404}, status_code=404)], "2": bad},
    )
    reading = read_market(fake)
    assert [one.quantity for one in reading.lines] == [4]
    assert "removed" in str(reading.notes[0])


def test_a_token_that_ends_is_renewed_once() -> None:
    fake = Marketplace(subscriptions=[subscription(str(number), product()) for number in range(3)], ends_after=3)
    assert len(read_market(fake).lines) == 3
    assert fake.tokens == 2


def test_products_in_the_list_need_no_details() -> None:
    fake = Marketplace(subscriptions=[subscription("1", product())], products_in_list=True)
    with by_marketplace(fake) as (source, server):
        assert len(source.read(NOW).lines) == 1
    assert not any(path.endswith("/subscriptions/1") for path in server.paths())


def test_lists_that_move_end_and_have_each_row_once() -> None:
    rows = [subscription(str(number), product(quantity=1)) for number in range(30)]
    fake = Marketplace(subscriptions=rows, most=10, overlap=2, products_in_list=True)
    assert len(read_market(fake).lines) == 30
    fake.overlap, fake.shrinks = 0, True
    assert len(read_market(fake).lines) <= 30


def test_a_full_page_without_a_total_is_an_error() -> None:
    full = JSONResponse({"data": [customer(str(number)) for number in range(100)]})
    with pytest.raises(ShapeChanged, match="whether there are more"):
        read_market(Marketplace(before={"customers": [full]}))
    part = JSONResponse({"data": [customer()]})
    assert read_market(Marketplace(before={"customers": [part]}, subscriptions=[subscription("1", product())])).lines
