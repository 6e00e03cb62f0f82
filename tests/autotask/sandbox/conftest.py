"""One sandbox for all these tests, made new before each: real HTTP on the loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from connectors.autotask.sandbox import SandboxData, SandboxServer, SandboxSwitches

TODAY = date(2026, 11, 20)
EVERYTHING = {"op": "gte", "field": "id", "value": 0}


class Api:
    """Plain requests with the headers of the sandbox's API user."""

    def __init__(self, server: SandboxServer) -> None:
        self.server = server
        self.http = httpx.Client(base_url=f"{server.base_url}V1.0/", headers=server.headers, timeout=60)

    def query(self, entity: str, *filters: dict[str, Any], **more: Any) -> httpx.Response:
        return self.http.post(f"{entity}/query", json={"Filter": list(filters) or [EVERYTHING], **more})

    def items(self, entity: str, *filters: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        answer = self.query(entity, *filters, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    def ids(self, entity: str, *filters: dict[str, Any]) -> list[int]:
        return [item["id"] for item in self.items(entity, *filters)]

    def adjust(self, line: int, change: int | None, day: str, **more: Any) -> httpx.Response:
        body = {"contractServiceID": line, "effectiveDate": day, **more}
        if change is not None:
            body["unitChange"] = change
        return self.http.post("ContractServiceAdjustments", json=body)

    def rows(self, line: int) -> list[dict[str, Any]]:
        found = self.items("ContractServiceUnits", {"op": "eq", "field": "contractServiceID", "value": line})
        return sorted(found, key=lambda row: row["startDate"])


def errors(answer: httpx.Response, status: int = 500) -> str:
    """The text of a refusal."""
    assert answer.status_code == status, answer.text
    return "; ".join(answer.json()["errors"])


@pytest.fixture(scope="session")
def _server() -> Iterator[SandboxServer]:
    noon = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
    with SandboxServer(SandboxData(TODAY), clock=lambda: noon) as server:
        yield server


@pytest.fixture
def data() -> SandboxData:
    """Company 1001 with monthly contract 7001 (2026), services 301 and 302, line 8001 with 10 units, line 8002 with none."""
    data = SandboxData(TODAY)
    company = data.company("Acme B.V.")
    contract = data.contract(company, "Acme beheer", start=date(2026, 1, 1), end=date(2026, 12, 31))
    first = data.service("Business Premium", 20.0, 15.0)
    second = data.service("MFA", 3.0, 2.0)
    data.line(contract, first, 10)
    data.line(contract, second)
    return data


@pytest.fixture
def box(_server: SandboxServer, data: SandboxData) -> SandboxServer:
    for name, value in SandboxSwitches():
        setattr(_server.switches, name, value)
    _server.reset(data)
    return _server


@pytest.fixture
def api(box: SandboxServer) -> Iterator[Api]:
    api = Api(box)
    yield api
    api.http.close()
