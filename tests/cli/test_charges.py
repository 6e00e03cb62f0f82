"""Consumption on the command line: from a workspace file and an export to charges in Autotask (S1-61, S1-65, S1-69)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from connectors.autotask.sandbox import SandboxData, SandboxServer
from connectors.autotask.sandbox.data import MATERIAL_CODE
from tests.days import one_day
from tests.files.azure_exports import ZON, row, write

from .conftest import Inside

WORKSPACE = """\
autotask: {{user_name: {user}, secret: "${{AT_SECRET}}", integration_code: "${{AT_CODE}}", base_url: "{base}"}}
portals:
  - name: Azure
    connector: azure_export
    mode: review
    charges: {{billing_code_id: {code}, name: "{{product}} {{month}}", product_names: {{usage: Azure Plan}}, language: en}}
customers:
  - {{portal: Azure, customer: "{tenant}", company_id: 1001}}
"""


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    data = SandboxData(one_day(minutes=1))
    data.contract(data.company("Brouwerij De Zon B.V."))
    with SandboxServer(data) as running:
        yield running


def test_s1_65_from_export_to_charge_and_back(inside: Inside, server: SandboxServer) -> None:
    today = one_day(minutes=1)
    # Two months ago: invoiced by now.
    first = date(today.year - (today.month <= 2), (today.month - 3) % 12 + 1, 1)
    user = server.credentials
    inside.environment = {"AT_SECRET": user.secret, "AT_CODE": user.integration_code}
    file = inside.home / "workspace.yaml"
    file.write_text(
        WORKSPACE.format(user=user.user_name, base=server.base_url, code=MATERIAL_CODE, tenant=ZON), encoding="utf-8"
    )
    assert inside("workspace", "apply", str(file)).code == 0
    exported = inside.home / "out.yaml"
    assert inside("workspace", "export", str(exported)).code == 0
    assert "product_names" in exported.read_text(encoding="utf-8")

    last = date(first.year + first.month // 12, first.month % 12 + 1, 1).toordinal() - 1
    days = {
        "billingPeriodStartDate": f"{first:%m/%d/%Y}",
        "billingPeriodEndDate": f"{date.fromordinal(last):%m/%d/%Y}",
        "date": f"{first:%m/%d/%Y}",
    }
    amounts = ("284.60", "38.20", "12.50")
    rows = [row(**days, costInBillingCurrency=amount, meterName=amount) for amount in amounts]
    export = write(inside.home / "part_0.csv", rows)
    done = inside("import", "Azure", str(export), "--json")
    assert (done.code, done.json["outcome"][:2], done.json["lines"]) == (0, "ok", [])

    sync = inside("sync", "--json")
    assert sync.json["charges"] | {"planned": 1, "applied": 0, "waiting": 1} == sync.json["charges"]
    shown = inside("charges", "--period", f"{first:%Y-%m}", "--json")
    assert (shown.code, shown.json["total"], shown.json["sums"]) == (0, 335.3, {"EUR": 335.3})
    [change] = shown.json["changes"]
    assert (change["status"], change["to"]) == ("needs_approval", 335.3)

    applied = inside("charges", "--apply", change["id"], "--json")
    assert (applied.code, applied.json["changes"]) == (0, [])
    [charge] = applied.json["charges"]
    assert (charge["status"], charge["in_autotask"], charge["company"]) == ("right", 335.3, "Brouwerij De Zon B.V.")
    assert charge["name"] == f"Azure Plan {first:%B}"
    assert len(server.ledger("ContractCharges")) == 1
    table = inside("charges")
    assert "Azure Plan" in table.out

    back = inside("charges", "--reverse", str(sync.json["run_id"]))
    assert back.code != 0
    assert inside("charges", "--period", "nonsense").code == 2
    assert inside("charges", "--apply", "charge-unknown").code == 2
