"""Ingram Micro over real HTTP against a marketplace's fake; one test for each conformance case (Ingram §12)."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from connectors._kit.retry import Backoff
from connectors.ingram.manifest import MANIFEST
from connectors.ingram.source import BASE_URL, Ingram
from core.domain.errors import RemoteError, SettingsError, Unauthorized
from core.domain.provisioning.subscription import dates_of, type_of
from core.domain.subscription.words import auto_renew_of, commitment_end
from core.domain.usage import Reading
from tests.connectors.cloudblue_fake import Marketplace, customer, product, subscription
from tests.connectors.fakes import Server, serving

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
PREMIUM = "CFQ7TTC0LCHC:0002_P1Y:M"
GRACE = 0.2
"""Seconds in which a server's clock and a client's may differ."""


@dataclass
class Expiring(Marketplace):
    """Its tokens really end, and its answers take a while."""

    pause: float = 0.1
    ends: float = 0.0
    refused: int = 0

    async def token(self, request: Request) -> Response:
        self.ends = time.monotonic() + self.seconds + GRACE
        return await super().token(request)

    async def detail(self, request: Request) -> Response:
        if time.monotonic() > self.ends:
            self.refused += 1
            return JSONResponse({"status": 401}, status_code=401)
        await asyncio.sleep(self.pause)
        return await super().detail(request)


@contextmanager
def connected(fake: Marketplace, slash: str = "", **settings: object) -> Iterator[tuple[Ingram, Server]]:
    with serving(fake.app()) as server:
        options = {"base_url": f"{server.url}/marketplace/eu{slash}", "user": fake.user, **settings}
        if settings.get("sign_in") == "openid":
            options["auth_url"] = f"{server.url}/auth/token"
        secrets = {"password": "s3cret-pass", "subscription_key": "s3cret-key", "openid_secret": "hush-hush"}
        source = MANIFEST.open("Ingram", options, secrets)
        assert isinstance(source, Ingram)
        source.market.api.backoff = Backoff(attempts=6, first=0.01, longest=0.05)
        source.market.backoff = source.market.api.backoff
        yield source, server


def read(fake: Marketplace, **settings: object) -> Reading:
    with connected(fake, **settings) as (source, _):
        return source.read(NOW)


def quantities(reading: Reading) -> dict[tuple[str, str], Decimal]:
    totals: dict[tuple[str, str], Decimal] = {}
    for one in reading.lines:
        totals[one.customer_id, one.product_key] = (
            totals.get((one.customer_id, one.product_key), Decimal(0)) + one.quantity
        )
    return totals


def many(count: int) -> list[dict[str, Any]]:
    return [subscription(str(number), product(quantity=1)) for number in range(count)]


def no(status: int, **headers: str) -> Response:
    body = {"timestamp": "2026-10-05T08:11:02.120+0000", "status": status, "error": "no", "correlationId": "c-1"}
    return JSONResponse(body, status_code=status, headers=headers)


@pytest.mark.parametrize("slash", ["", "/"])
def test_case_01_the_sign_in_is_as_the_marketplace_wants_it(slash: str) -> None:
    with connected(Marketplace(code="be"), slash, marketplace="be") as (source, server):
        source.test()
    asked, listed = server.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/marketplace/eu/token", b'{"marketplace":"be"}')
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"An.API:s3cret-pass").decode()
    assert asked.headers["content-type"] == "application/json"
    assert (asked.headers["x-subscription-key"], listed.headers["x-subscription-key"]) == ("s3cret-key",) * 2
    assert (listed.path, listed.headers["authorization"]) == ("/marketplace/eu/customers", "Bearer t1")


def test_case_02_a_server_that_caps_pages_is_followed_to_the_end() -> None:
    people = [customer(str(number)) for number in range(237)]
    bought = [subscription(f"s{number}", product(quantity=1), owner=str(number)) for number in range(237)]
    fake = Marketplace(people, bought, most=50, products_in_list=True)
    with connected(fake) as (source, server):
        reading = source.read(NOW)
    asked = [one.query for one in server.asked if one.path.endswith("/customers")]
    assert asked == [f"offset={start}&limit=100" for start in (0, 50, 100, 150, 200)]
    assert len({line.customer_id for line in reading.lines}) == 237
    assert {line.customer for line in reading.lines} == {"Bakkerij De Halm B.V."}


def test_case_03_a_list_that_shrinks_ends_and_has_no_row_twice() -> None:
    fake = Marketplace(subscriptions=many(120), most=50, shrinks=True, products_in_list=True)
    fake.customers += [customer(str(number)) for number in range(5)]
    with connected(fake) as (source, server):
        reading = source.read(NOW)
    found = [line.subscription_id for line in reading.lines]
    assert len(found) == len(set(found)) >= 118
    assert sum(one.path.endswith("/subscriptions") for one in server.asked) <= 6


def test_case_04_a_row_on_two_pages_counts_once() -> None:
    fake = Marketplace(subscriptions=many(120), most=50, overlap=3, products_in_list=True)
    assert quantities(read(fake)) == {("1000281", PREMIUM): 120}


def test_case_05_a_token_refused_on_the_40th_call_is_replaced_once() -> None:
    fake = Marketplace(subscriptions=many(60), ends_after=39)
    assert quantities(read(fake)) == {("1000281", PREMIUM): 60}
    assert fake.tokens == 2


def test_case_06_tokens_are_renewed_before_they_end() -> None:
    fake = Expiring(subscriptions=many(24), seconds=1)
    assert quantities(read(fake)) == {("1000281", PREMIUM): 24}
    assert (fake.tokens >= 2, fake.refused) == (True, 0)


def halm() -> Marketplace:
    """The made-up replies of the notes."""
    defender = product(
        "CFQ7TTC0LHSF:0001_P1Y:M", 0, name="Defender for Office 365 (Plan 1)",
        unitPrice={"currency": "EUR", "amount": "1.80", "priceTiers": [{"lowerLimit": "0", "amount": "1.80"}]},
    )  # fmt: skip
    premium = product(
        quantity=28, vendor="Microsoft", unitCost={"currency": "EUR", "amount": "17.9400"}, vendorSubscriptionId="b0b9"
    )
    people = [{"type": "admin", "firstName": "An", "lastName": "Bos", "email": "an@DeHalm.example"}]
    return Marketplace(
        [customer("1004511", taxRegId="NL001234567B01", contactPersons=people)],
        [
            subscription(
                "1002177", premium, defender, owner="1004511", name="Microsoft 365 (NCE) annual", creationDate="2025-11-03",
                renewalDate="2026-10-27", expirationDate="2026-11-02", lastModifiedDate="2026-06-18",
                billingModel="chargeBeforeBillingPeriod", billingPeriod={"type": "month", "duration": 1},
                subscriptionPeriod={"type": "year", "duration": 1}, planId=10412,
            )
        ],
    )  # fmt: skip


def test_case_07_the_sample_counts_what_is_used() -> None:
    (line,) = read(halm()).lines
    assert (line.customer_id, line.customer, line.product_key) == ("1004511", "Bakkerij De Halm B.V.", PREMIUM)
    assert (line.product, line.quantity, line.unit) == ("Microsoft 365 Business Premium", 28, "licence")
    assert (line.term, line.billing_frequency, line.subscription_id) == ("P1Y", "monthly", "1002177")
    assert (line.unit_price, line.unit_cost, line.currency) == (Decimal("20.60"), Decimal("17.9400"), "EUR")
    assert (line.period_start, line.period_end) == (date(2025, 11, 3), date(2026, 11, 2))
    assert dict(line.attributes) == {
        "external_id": "D1004", "tax_id": "NL001234567B01", "domain": "dehalm.example", "vendor": "Microsoft",
        "subscription": "Microsoft 365 (NCE) annual", "status": "active", "vendor_subscription": "b0b9",
        "created": "2025-11-03", "auto_renew": "true",
    }  # fmt: skip
    assert dates_of(type_of(line), [line], date(2026, 10, 1)) == (date(2025, 11, 3), date(2026, 11, 2))
    assert (commitment_end(line), auto_renew_of(line)) == (date(2026, 11, 2), True)


def test_case_08_two_subscriptions_of_one_product_are_both_there() -> None:
    rows = [subscription("1", product(quantity=10)), subscription("2", product(quantity=15))]
    reading = read(Marketplace(subscriptions=rows))
    assert quantities(reading) == {("1000281", PREMIUM): 25}
    assert {line.subscription_id: line.quantity for line in reading.lines} == {"1": 10, "2": 15}


def test_case_09_text_is_a_number_and_halves_are_not_rounded() -> None:
    people = [customer(), customer("7", "Halve Maan")]
    rows = [subscription("1", product(quantity="12.0")), subscription("2", product(quantity="12.5"), owner="7")]
    reading = read(Marketplace(people, rows))
    assert quantities(reading) == {("1000281", PREMIUM): 12}
    assert "12.5" in str(reading.failed_customers["7"])


def test_case_10_removed_is_skipped_and_a_bad_moment_is_waited_out() -> None:
    fake = Marketplace(subscriptions=[subscription("1", product(quantity=3)), subscription("2", product(quantity=4))])
    fake.before = {"1": [no(404)], "2": [no(500)] * 3}
    reading = read(fake)
    assert quantities(reading) == {("1000281", PREMIUM): 4}
    assert reading.failed_customers == {}
    assert [str(note) for note in reading.notes] == [
        "Subscription 1 was removed while the list was read; it is not counted."
    ]


def test_case_11_what_cannot_be_read_keeps_its_quantities() -> None:
    people = [customer(), customer("7", "Molen")]
    rows = [subscription("1", product()), subscription("2", product()), subscription("3", product(), owner="7")]
    reading = read(Marketplace(people, rows, before={"2": [no(500)] * 9}))
    assert quantities(reading) == {("7", PREMIUM): 25}
    assert list(reading.failed_customers) == ["1000281"]
    assert (reading.proves_absence("1000281"), reading.proves_absence("7")) == (False, True)


@pytest.mark.parametrize(("count_hold", "expected"), [(True, {("1000281", PREMIUM): 5}), (False, {})])
def test_case_12_suspended_counts_by_setting_and_ended_never(
    count_hold: bool, expected: dict[tuple[str, str], int]
) -> None:
    states = {"hold": 5, "terminated": 7, "removed": 3, "pending": 2}
    rows = [subscription(state, product(quantity=seats), status=state) for state, seats in states.items()]
    reading = read(Marketplace(subscriptions=rows), count_hold=count_hold)
    assert quantities(reading) == expected
    assert reading.notes == ()


def test_case_13_a_throttled_call_waits_as_told() -> None:
    fake = Marketplace(subscriptions=[subscription("1", product())], before={"1": [no(429, **{"Retry-After": "3"})]})
    with connected(fake) as (source, server):
        assert len(source.read(NOW).lines) == 1
    first, second = (one.at for one in server.asked if one.path.endswith("/subscriptions/1"))
    assert second - first >= 3


def test_case_14_a_page_of_html_is_retried_and_told_in_words() -> None:
    busy = HTMLResponse("<html><h1>Service Unavailable</h1></html>", status_code=503)
    assert len(read(Marketplace(subscriptions=many(1), before={"customers": [busy]})).lines) == 1
    with pytest.raises(RemoteError) as caught:
        read(Marketplace(subscriptions=many(1), before={"customers": [busy] * 9}))
    assert "Ingram Micro" in str(caught.value)


def test_case_15_openid_is_a_password_grant_and_the_calls_stay_as_they_are() -> None:
    fake = Marketplace(subscriptions=many(1), openid=("client", "hush-hush"))
    with connected(fake, sign_in="openid", openid_client="client", client_id="third-party") as (source, server):
        assert len(source.read(NOW).lines) == 1
    signed, *calls = server.asked
    assert signed.headers["content-type"] == "application/x-www-form-urlencoded"
    assert b"grant_type=password" in signed.body and b"username=An.API" in signed.body
    assert {(one.headers["x-subscription-key"], one.headers["authorization"]) for one in calls} == {
        ("s3cret-key", "Bearer t1")
    }
    assert {one.headers["x-client-id"] for one in calls} == {"third-party"}


def test_openid_says_what_is_missing() -> None:
    with pytest.raises(SettingsError, match="auth_url, openid_client, openid_secret"):
        MANIFEST.open("Ingram", {"user": "u", "sign_in": "openid"}, {"password": "p", "subscription_key": "k"})


def test_the_address_is_europe_unless_told() -> None:
    for options in ({}, {"base_url": ""}):
        source = MANIFEST.open("Ingram", {"user": "u", **options}, {"password": "p", "subscription_key": "k"})
        assert isinstance(source, Ingram)
        assert source.market.api.base_url == BASE_URL


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (no(401), "user and password"),
        (JSONResponse({"message": "Access denied due to invalid subscription key."}, status_code=401), "key"),
        (no(400), "marketplace code nl"),
        (no(403), "marketplace code nl"),
    ],
)
def test_refusals_are_told_apart(answer: Response, said: str) -> None:
    with connected(Marketplace(token_answer=answer)) as (source, server), pytest.raises(Unauthorized, match=said):
        source.test()
    assert len(server.asked) == 1


def test_an_address_without_a_marketplace_says_where_to_look() -> None:
    wrong = Marketplace(token_answer=HTMLResponse("<h1>Nothing here</h1>", status_code=404))
    with connected(wrong) as (source, _), pytest.raises(RemoteError, match="Marketplace API page"):
        source.test()


def test_pay_per_use_has_no_seats_and_tiers_replace_the_price() -> None:
    tiers = [{"lowerLimit": "0", "amount": "1.80"}, {"lowerLimit": "50", "amount": "1.70"}]
    seats = product(quantity=60, unitPrice={"currency": "EUR", "amount": "9.99", "priceTiers": tiers})
    rows = [subscription("1", seats), subscription("2", product(), billingModel="chargeExternalRating")]
    assert [(line.quantity, line.unit_price) for line in read(Marketplace(subscriptions=rows)).lines] == [
        (60, Decimal("1.70"))
    ]


def test_a_product_without_number_goes_by_the_platforms_own() -> None:
    rows = [subscription("1", product("", quantity=2, id="770123"))]
    assert quantities(read(Marketplace(subscriptions=rows))) == {("1000281", "770123"): 2}
