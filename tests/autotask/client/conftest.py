"""An Autotask client against a sandbox of its own, over real HTTP; waiting is short."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import pytest

from connectors.autotask import Autotask, AutotaskLimits, AutotaskSettings, connect
from connectors.autotask.sandbox import SandboxData, SandboxServer

TODAY = date(2026, 11, 20)
QUICK = {"first_wait": 0.01, "longest_wait": 0.05, "slow_pause": 0.05, "connect_timeout": 30.0, "read_timeout": 30.0}

Connect = Callable[..., Autotask]


@pytest.fixture
def data() -> SandboxData:
    """Fill it before `server` is first used."""
    return SandboxData(TODAY)


@pytest.fixture
def server(data: SandboxData) -> Iterator[SandboxServer]:
    with SandboxServer(data) as running:
        yield running


@pytest.fixture
def connected(server: SandboxServer) -> Iterator[Connect]:
    """`connected(in_flight=1)`: a client with other limits; `connected(settings={"secret": "x"})`: other settings."""
    opened: list[Autotask] = []

    def make(settings: dict[str, object] | None = None, **limits: object) -> Autotask:
        user = server.credentials
        values: dict[str, object] = {
            "user_name": user.user_name,
            "secret": user.secret,
            "integration_code": user.integration_code,
            "base_url": server.base_url,
            "limits": AutotaskLimits.model_validate({**QUICK, **limits}),
        }
        opened.append(connect(AutotaskSettings.model_validate({**values, **(settings or {})})))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def autotask(connected: Connect) -> Autotask:
    return connected()
