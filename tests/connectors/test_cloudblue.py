"""What all marketplaces of CloudBlue's SimpleAPI share, beyond what each distributor's own tests try."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors._cloudblue.sign_in import Marketplace as Settings
from connectors._cloudblue.sign_in import OpenId
from connectors._cloudblue.simple_api import SimpleApi
from connectors._kit.retry import Backoff
from core.domain.errors import Unauthorized
from tests.connectors.cloudblue_fake import Marketplace, customer, product, subscription
from tests.connectors.fakes import Server, serving

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


@contextmanager
def connected(
    fake: Marketplace, openid: tuple[str, str] | None = None, **settings: Any
) -> Iterator[tuple[SimpleApi, Server]]:
    with serving(fake.app()) as server:
        of = Settings(
            name="Market",
            base_url=f"{server.url}/marketplace/eu",
            marketplace="nl",
            user=fake.user,
            password=fake.password,
            subscription_key=fake.key,
            openid=OpenId(f"{server.url}/auth/token", *openid) if openid else None,
            **settings,
        )
        yield SimpleApi(of, Backoff(attempts=5, first=0.02, longest=0.1)), server


def test_signing_in_by_openid_leaves_the_calls_as_they_are() -> None:
    fake = Marketplace(subscriptions=[subscription("1", product())], openid=("client", "hush-hush"))
    with connected(fake, ("client", "hush-hush"), client_id="third-party") as (market, server):
        assert market.test() == 1
        assert len(market.read("Market", NOW).lines) == 1
    assert server.paths().count("POST /auth/token") == 1
    gets = [one.headers for one in server.asked if one.method == "GET"]
    assert all((one["x-subscription-key"], one["x-client-id"]) == (fake.key, "third-party") for one in gets)


def test_a_token_of_half_a_minute_is_used_for_as_long_as_it_lasts() -> None:
    fake = Marketplace(subscriptions=[subscription(str(number), product()) for number in range(5)], seconds=30)
    with connected(fake) as (market, _):
        assert len(market.read("Market", NOW).lines) == 5
    assert fake.tokens == 1


def test_a_capped_page_is_followed_by_the_rows_received() -> None:
    fake = Marketplace(customers=[customer(str(number)) for number in range(237)], most=50)
    with connected(fake) as (market, server):
        reading = market.read("Market", NOW)
    asked = [one.query for one in server.asked if one.path.endswith("/customers")]
    assert [query.split("&")[0] for query in asked] == [f"offset={start}" for start in (0, 50, 100, 150, 200)]
    assert reading.complete


def test_a_key_that_is_refused_later_ends_the_reading() -> None:
    fake = Marketplace(subscriptions=[subscription("1", product())])
    with connected(fake) as (market, _):
        market.test()
        fake.key = "replaced"
        with pytest.raises(Unauthorized):
            market.read("Market", NOW)


def test_a_subscription_of_an_unlisted_customer_is_kept_under_its_number() -> None:
    fake = Marketplace(customers=[], subscriptions=[subscription("1", product(), owner="77")])
    with connected(fake) as (market, _):
        assert [(one.customer_id, one.customer) for one in market.read("Market", NOW).lines] == [("77", "77")]
