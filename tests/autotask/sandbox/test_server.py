"""The server around it: control routes, ledger, journal, restart, a killed process, demo and generated data."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from datetime import date

import httpx
import pytest

from connectors.autotask.sandbox import SandboxData, SandboxServer, serve
from connectors.autotask.sandbox.demo import demo_data
from connectors.autotask.sandbox.generate import generate

from .conftest import TODAY, Api

DAY = "2026-11-20"


def control(box, method, route, **values):
    answer = httpx.request(method, f"{box.root_url}/__sandbox__/{route}", json=values or None, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_ledger_requests_and_state_over_http(api, box):
    api.adjust(8001, 2, DAY)
    api.adjust(8001, -99, "2026-11-21")
    (entry,) = control(box, "GET", "ledger")["ledger"]
    assert (entry["entity"], entry["by"], entry["values"]["unitChange"]) == ("ContractServiceAdjustments", "api", 2)
    report = control(box, "GET", "requests")
    assert report["counts"] == {"ContractServiceAdjustments": {"create": 2}}
    assert [request["status"] for request in report["requests"]] == [200, 500]
    assert report["requests"][0]["path"].endswith("/V1.0/ContractServiceAdjustments")
    assert box.credentials.secret not in str(report)
    state = control(box, "GET", f"state?day={DAY}")
    assert [(line["id"], line["units"]) for line in state["lines"]] == [(8001, 12), (8002, 0)]
    assert state["lines"][0] == {"kind": "service", "id": 8001, "contractID": 7001, "serviceID": 301, "units": 12}


def test_everything_can_be_steered_over_http(api, box):
    assert control(box, "PATCH", "switches", zero_units="refuse")["zero_units"] == "refuse"
    assert api.adjust(8001, -10, DAY).status_code == 500
    control(box, "POST", "faults", action="status", entity="Companies")
    assert api.http.get("Companies/0").status_code == 503
    assert control(box, "GET", "faults")["fired"][0]["action"] == "status"
    control(box, "DELETE", "faults")
    control(box, "POST", "faults/random", rate=1.0, seed=1, entity="Services")
    control(box, "POST", "faults/release")
    assert api.http.get("Companies/0").status_code == 200
    control(box, "DELETE", "faults")
    control(box, "POST", "adjust", line_id=8001, change=3, day=DAY)
    assert box.units(8001) == 13
    control(box, "POST", "edit", entity="Services", id=301, values={"isActive": False})
    assert api.http.get("Services/301").json()["item"]["isActive"] is False
    assert control(box, "POST", "post-period", day="2026-01-31")["billing_items"] == 1
    assert control(box, "POST", "renew", contract_id=7001)["contract_id"] == 7002
    assert [entry.by for entry in box.ledger()] == ["ui"] * 4
    control(box, "DELETE", "requests")
    assert box.request_counts() == {}
    control(box, "POST", "reset", data="generate", companies=2, lines=20, months=12, seed=3)
    assert len(api.ids("ContractServices")) == 20
    control(box, "POST", "reset", data="empty")
    assert api.ids("Contracts") == []


@pytest.mark.parametrize(
    ("method", "route", "values", "status"),
    [
        ("GET", "nonsense", {}, 404),
        ("POST", "faults", {"action": "explode"}, 400),
        ("PATCH", "switches", {"zero_units": "perhaps"}, 400),
        ("PATCH", "switches", {"unknown": 1}, 400),
        ("POST", "adjust", {"line_id": 8001, "change": -99, "day": DAY}, 400),
        ("POST", "reset", {"data": "other"}, 400),
    ],
)
def test_wrong_control_requests(box, method, route, values, status):
    answer = httpx.request(method, f"{box.root_url}/__sandbox__/{route}", json=values)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_control_requests_are_not_in_the_log(box):
    control(box, "GET", "state")
    assert box.requests() == []


def test_stopping_and_starting_keeps_port_and_state(data):
    server = SandboxServer(data)
    with server:
        port = server.port
        assert Api(server).adjust(8001, 1, DAY).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.base_url}V1.0/Companies/0", headers=server.headers)
    with server:
        assert server.port == port
        assert Api(server).adjust(8001, 1, "2026-11-21").status_code == 200
        assert len(server.adjustments(8001)) == 2


def test_the_journal_brings_everything_back(data, tmp_path):
    journal = tmp_path / "deep" / "sandbox.jsonl"
    with SandboxServer(data, state_file=journal) as first:
        api = Api(first)
        api.adjust(8001, 2, DAY)
        api.http.patch("Contracts", json={"id": 7001, "contractNumber": "K-1"})
        charge = {"name": "C", "datePurchased": DAY, "chargeType": 1, "unitQuantity": 1, "billingCodeID": 29683502}
        key = api.http.post("Contracts/7001/Charges", json=charge).json()["itemId"]
        api.http.delete(f"Contracts/7001/Charges/{key}")
        first.sandbox.post_period(date(2026, 2, 1))
        rows, ledger, items = api.rows(8001), first.ledger(), api.items("BillingItems")
        api.http.patch("Contracts", json={"id": 7001, "endDate": "2026-12-15"})
    with journal.open("ab") as file:
        file.write(b'{"effects": [["put", "Contr')  # what a crash leaves behind
    with SandboxServer(SandboxData(TODAY), state_file=journal) as second:
        api = Api(second)
        assert second.ledger()[:-1] == ledger
        assert api.items("BillingItems") == items
        assert api.rows(8001)[:-1] == rows[:-1]
        assert api.rows(8001)[-1]["endDate"] == "2026-12-15T00:00:00Z"
        assert api.adjust(8001, 1, DAY).status_code == 500
        assert api.adjust(8001, 1, "2026-12-01").status_code == 200
    with SandboxServer(state_file=journal) as third:
        assert third.units(8001, date(2026, 12, 1)) == 13


def start_process(journal):
    process = subprocess.Popen(
        [sys.executable, "-m", "connectors.autotask.sandbox", "--port", "0", "--state", str(journal), "--today", DAY],
        stdout=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    return process, re.search(r"http://\S+/ATServicesRest/", line).group()


def test_a_killed_process_comes_back_with_what_it_committed(tmp_path):
    journal = tmp_path / "sandbox.jsonl"
    headers = SandboxData(TODAY).credentials
    headers = {"ApiIntegrationCode": headers.integration_code, "UserName": headers.user_name, "Secret": headers.secret}
    body = {"contractServiceID": 8001, "effectiveDate": DAY, "unitChange": 2}
    process, url = start_process(journal)
    try:
        assert httpx.post(f"{url}V1.0/ContractServiceAdjustments", json=body, headers=headers).status_code == 200
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    process, url = start_process(journal)
    try:
        again = httpx.post(f"{url}V1.0/ContractServiceAdjustments", json=body, headers=headers)
        assert "duplicate" in again.text
        ledger = httpx.get(url.replace("ATServicesRest/", "__sandbox__/ledger")).json()["ledger"]
        assert [entry["values"]["unitChange"] for entry in ledger] == [2]
    finally:
        process.terminate()
        assert process.wait(60) == 0
        process.stdout.close()


def test_serve_runs_beside_whoever_calls_it(data, tmp_path):
    server = serve(data, journal=tmp_path / "journal")
    try:
        assert Api(server).adjust(8001, 1, DAY).status_code == 200
        with pytest.raises(OSError):
            serve(data, port=server.port)
    finally:
        server.stop()
    again = serve(journal=tmp_path / "journal")
    assert again.units(8001, TODAY) == 11
    again.stop()


@pytest.mark.parametrize("today", [date(2026, 11, 20), date(2028, 2, 29), date(2026, 1, 1), date(2026, 12, 31)])
def test_the_demo_company_is_believable_on_any_day(today):
    data = demo_data(today)
    sandbox = SandboxServer(data).sandbox
    companies = sandbox.records("Companies")
    customers = [company for company in companies if company["companyType"] == 1 and company["id"]]
    assert len(customers) >= 12
    assert any(not company["isActive"] for company in customers)
    contracts = sandbox.records("Contracts")
    day = today.isoformat()
    assert any(contract["endDate"] < day for contract in contracts)
    assert any(contract["status"] == 0 for contract in contracts)
    assert any(contract["contractType"] != 7 for contract in contracts)
    assert {contract["contractPeriodType"] for contract in contracts} >= {2, 5}
    assert any(contract["companyID"] == 0 for contract in contracts)
    units = sandbox.all_units(today)
    assert sum(line["units"] for line in units) > 500
    assert {line["kind"] for line in units} == {"service", "bundle"}
    assert data.effects() == demo_data(today).effects()


def test_generated_data_is_the_same_for_the_same_seed():
    data = generate(companies=20, lines=105, months=36, seed=5, today=TODAY)
    assert data.effects() == generate(companies=20, lines=105, months=36, seed=5, today=TODAY).effects()
    assert data.effects() != generate(companies=20, lines=105, months=36, seed=6, today=TODAY).effects()
    with SandboxServer(data) as server:
        api = Api(server)
        assert len(api.ids("ContractServices")) == 105
        count = api.http.post(
            "ContractServiceUnits/query/count", json={"Filter": [{"op": "gt", "field": "units", "value": 0}]}
        )
        assert count.json() == {"queryCount": 105 * 36}
        assert all(line["units"] > 0 for line in server.sandbox.all_units(TODAY))
