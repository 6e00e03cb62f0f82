"""What the doctor finds out about the company account: providers that are away, are another one, or sign in a way nobody can check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors._kit.observed import observing, stage_of
from connectors._openid import OpenIdProviders
from core.services import people
from core.services.access import Role
from core.services.context import Context, Lookout
from core.services.examining import company_account, outside
from core.services.examining.check import Check
from core.services.openid_settings import note_success
from tests.connectors.fakes import Server, serving

from .conftest import ADMIN, NOW

KEY = {"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig",
       "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}  # fmt: skip


class Fake:
    """A provider of which only what it publishes is there. `told` and `keys` may be changed."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}
        self.keys: list[dict[str, str]] = [KEY]
        self.headers: dict[str, str] = {}
        self.status = 200

    def app(self) -> Starlette:
        async def answer(request: Request) -> JSONResponse:
            base = str(request.base_url).rstrip("/")
            document = {"keys": self.keys}
            if request.url.path != "/keys":
                places = {name: f"{base}/{name}" for name in ("authorization_endpoint", "token_endpoint")}
                document = {"issuer": base, "jwks_uri": f"{base}/keys", **places, **self.told}
            return JSONResponse(document, status_code=self.status, headers=self.headers)

        return Starlette(routes=[Route("/{rest:path}", answer)])


@pytest.fixture
def looking(ctx: Context) -> Context:
    return replace(ctx, lookout=Lookout(observing, stage_of), identity=OpenIdProviders().open)


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def provider(looking: Context, fake: Fake) -> Iterator[Server]:
    with serving(fake.app(), date_header=False) as server:
        set_up(looking, server.url)
        yield server


def set_up(ctx: Context, issuer: str, **more: bool) -> None:
    people.save_openid(ctx, ADMIN, issuer=issuer, client_id="us", client_secret="of ours", **more)


def found(ctx: Context) -> dict[str, Check]:
    return {check.code: check for check in company_account.look(ctx, [])}


def test_nothing_is_said_where_it_is_not_set_up(looking: Context) -> None:
    assert found(looking) == {}


def test_a_provider_that_answers_and_nobody_who_gets_in(looking: Context, provider: Server) -> None:
    told = found(looking)
    assert set(told) == {"openid.answers", "openid.no_groups", "openid.never_used"}
    assert [told[code].state for code in ("openid.answers", "openid.no_groups", "openid.never_used")] == [
        "ok",
        "wrong",
        "todo",
    ]
    assert "with 1 keys" in str(told["openid.answers"].message)
    people.save_oidc_groups(looking, ADMIN, {"*": Role.ADMIN})
    assert "administrator" in str(found(looking)["openid.everybody_is_admin"].message)
    people.save_oidc_groups(looking, ADMIN, {"*": Role.VIEWER, "msp-admins": Role.ADMIN})
    looking.database.run(lambda session: note_success(session, "https://bridge.example.com/auth/openid/done", NOW))
    told = found(looking)
    assert set(told) == {"openid.answers", "openid.used"}
    assert "https://bridge.example.com/auth/openid/done" in str(told["openid.used"].message)
    looking.database.run(lambda session: note_success(session, "http://bridge.example.com/auth/openid/done", NOW))
    assert found(looking)["openid.not_encrypted"].state == "wrong"


def test_a_provider_whose_answers_cannot_be_used(looking: Context, provider: Server, fake: Fake) -> None:
    fake.keys = [{"kty": "oct", "k": "c2VjcmV0"}, {"kty": "EC", "crv": "P-256"}]
    fake.told = {"claims_supported": ["sub", "groups"]}
    told = found(looking)
    assert told["openid.no_keys"].state == "wrong"
    assert told["openid.no_time"].remedy is not None
    assert "openid.answers" not in told
    set_up(looking, provider.url, confirm_without_time=True)
    assert "openid.no_time" not in found(looking)
    fake.told = {"issuer": "https://login.example.com"}
    assert "calls itself https://login.example.com" in str(found(looking)["openid.settings"].message)
    fake.told = {"token_endpoint": "http://login.example.com/token"}
    assert "no safe address for token_endpoint" in str(found(looking)["openid.settings"].message)
    fake.status = 503
    assert "503" in str(found(looking)["openid.fails"].message)


def test_a_provider_that_is_not_reached_and_one_whose_clock_is_off(
    looking: Context, provider: Server, fake: Fake
) -> None:
    fake.headers = {"date": (datetime.now(UTC) + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")}
    codes = {check.code for check in outside.look(looking)}
    assert {"openid.answers", "clock.machine_off"} <= codes, (
        "signatures are judged by our clock: it is looked at with the others"
    )
    set_up(looking, "https://login.invalid")
    away = next(check for check in outside.look(looking) if check.name == "Company account")
    assert (away.code, away.state) == ("host.name", "wrong")
    assert "login.invalid is not reached" in str(away.message)
