"""`invoice`, `report margin|leakage`, `month-end`: money on the command line."""

from __future__ import annotations

from tests.days import one_day

from .conftest import Terminal, export
from .test_main_job import bring

COLUMNS = '{"product": "Item", "quantity": "Qty", "customer": "Customer"}'


def test_an_invoice_is_checked_and_the_exit_code_says_whether_it_differs(workspace: Terminal) -> None:
    day = one_day(minutes=1)
    month = f"{day:%Y-%m}"
    bring(workspace)
    (workspace.home / "invoice.csv").write_text("Customer,Item,Qty\nAcme,BP,31\nFysio,BB,12\n", encoding="utf-8")
    asked = ("invoice", "M365", "invoice.csv", "--month", month, "--columns", COLUMNS, "--day", str(day.day),
             "--count", "day")  # fmt: skip
    done = workspace(*asked, "--json")
    assert done.code == 1
    rows = {row["customer"]: row for row in done.json["rows"]}
    assert (rows["Acme"]["invoice"], rows["Acme"]["own"]) == (31, 31)
    assert (rows["Fysio"]["difference"], rows["Fysio"]["state"]) == (3, "different")
    assert workspace("report", "invoice", "--month", month, "--format", "json").json["rows"][1]["customer"] == "Fysio"
    (workspace.home / "right.csv").write_text("Customer,Item,Qty\nAcme,BP,31\nFysio,BB,9\n", encoding="utf-8")
    told = workspace("invoice", "M365", "right.csv", "--month", month, "--preview", "--language", "nl")
    assert "Fysio" in told.out
    assert workspace("invoice", "M365", "right.csv", "--columns", "nonsense").code == 2
    assert workspace("invoice", "M365", "right.csv", "--count", "guess").code == 2


def test_month_end_from_look_to_evidence(workspace: Terminal) -> None:
    month = f"{one_day(minutes=1):%Y-%m}"
    bring(workspace)
    assert workspace("sync", "--json").code in (0, 1)
    shown = workspace("month-end", "show", month, "--json")
    assert {table["name"] for table in shown.json["tables"]} >= {"lines", "companies", "gates"}
    assert "Acme B.V." in workspace("month-end", "show", month).out
    assert workspace("month-end", "sign", month, "--remark", "test").code == 0
    assert workspace("month-end", "evidence", month, "--output", "pack.zip").code == 0
    assert workspace("month-end", "verify", "pack.zip", "--json").json["ok"] is True
    content = (workspace.home / "pack.zip").read_bytes()
    (workspace.home / "bad.zip").write_bytes(content[: len(content) // 2])
    assert workspace("month-end", "verify", "bad.zip").code == 1
    assert workspace("month-end", "show", "november").code == 2
    for name in ("leakage", "margin", "next-invoice"):
        assert workspace("report", name, "--format", "json").json["report"] == name


def test_nobody_signed_is_said(workspace: Terminal) -> None:
    export(workspace, "x.csv")
    done = workspace("month-end", "evidence", "2020-01", "--output", "pack.zip")
    assert (done.code, "Nobody signed for 2020-01" in done.err) == (1, True)
