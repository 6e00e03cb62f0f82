"""The main job in the terminal, and the JSON that people script against (DESIGN §6). One workspace for each test."""

from __future__ import annotations

from datetime import date

from connectors.autotask.sandbox import Fault, SandboxServer
from tests.days import today

from .conftest import Inside, Terminal, connected, export

CHANGE_KEYS = {
    "id", "company", "contract_id", "contract_service_id", "service", "from", "to", "effective_date", "status", "reason",
    "sources",
}  # fmt: skip


def bring(terminal: Terminal) -> None:
    assert terminal("import", "M365", export(terminal, "m.csv", "Acme,BP,31", "Fysio,BB,9")).code == 0
    assert terminal("import", "AV", export(terminal, "a.csv", "Krakeling,AV,11")).code == 0


def test_from_workspace_file_to_updated_contract_lines(
    terminal: Terminal, inside: Inside, sandbox: SandboxServer
) -> None:
    """What brings, plans and writes runs in processes of its own, as with people; what only looks, in this one."""
    workspace = connected(terminal, sandbox)
    inside.environment = workspace.environment
    done = workspace("import", "M365", export(workspace, "m.csv", "Acme,BP,31", "Fysio,BB,9"), "--json")
    assert done.code == 0
    assert done.json["outcome"] == "ok"
    assert done.json["lines"][0] | {"customer": "Acme", "product_key": "BP", "quantity": 31} == done.json["lines"][0]
    assert done.json["notes"] == done.json["errors"] == []
    bring_av = inside("import", "AV", export(workspace, "a.csv", "Krakeling,AV,11"), "--json")
    assert bring_av.code == 0

    plan = inside("plan", "--json")
    assert plan.code == 0
    assert set(plan.json) >= {"changes", "findings"}
    changes = {(change["company"], change["service"]): change for change in plan.json["changes"]}
    acme = changes["Acme B.V.", "Microsoft 365 Business Premium"]
    assert set(acme) >= CHANGE_KEYS
    assert (acme["from"], acme["to"], acme["status"]) == (28, 31, "ready")
    assert acme["sources"][0]["origin"].startswith("m.csv")
    antivirus = changes["Bakkerij De Gouden Krakeling B.V.", "Antivirus per endpoint"]
    assert antivirus["status"] == "needs_approval"

    sync = workspace("sync", "--json")
    assert sync.json["status"] == "partly"
    assert set(sync.json) >= {"run_id", "status", "portals", "changes", "findings", "autotask_requests", "duration_s"}
    assert set(sync.json["changes"]) >= {"planned", "applied", "held", "failed", "unchanged"}
    assert sync.json["changes"]["applied"] == 2
    assert [set(portal) for portal in sync.json["portals"]] == [{"name", "status", "lines", "error"}] * 2
    day = date.fromisoformat(acme["effective_date"])
    assert day == today()
    assert sandbox.units(acme["contract_service_id"], day) == 31
    assert sandbox.units(antivirus["contract_service_id"], day) == 9

    done = inside("apply", "--change", antivirus["id"], "--json")
    assert (done.code, done.json["changes"]["applied"]) == (0, 1)
    assert sandbox.units(antivirus["contract_service_id"], day) == 11
    again = inside("sync", "--json")
    assert (again.code, again.json["status"]) == (0, "done")
    assert (again.json["changes"]["planned"], again.json["changes"]["unchanged"]) == (0, 3)
    assert len(sandbox.adjustments()) == 3

    proposed = inside("reverse", str(sync.json["run_id"]), "--json")
    back = {change["company"]: (change["from"], change["to"]) for change in proposed.json["changes"]}
    assert (proposed.code, back["Acme B.V."]) == (0, (31, 28))
    assert len(sandbox.adjustments()) == 3
    assert {change["status"] for change in proposed.json["changes"]} == {"needs_approval"}, (
        "nothing goes back by itself"
    )
    undone = inside("apply", "--all", "--json")
    assert (undone.code, undone.json["changes"]["applied"]) == (0, 2)
    tomorrow = date.fromisoformat(proposed.json["changes"][0]["effective_date"])
    assert sandbox.units(acme["contract_service_id"], tomorrow) == 28, "Autotask takes one change of a line a day"
    later = inside("sync", "--json").json["changes"]
    assert (later["applied"], later["dismissed"]) == (0, 2), "M14: what was taken back is not made again"
    assert len(sandbox.adjustments()) == 5

    verified = inside("audit", "verify", "--json")
    assert (verified.code, verified.json["ok"]) == (0, True)
    assert inside("audit", "export", "audit.csv").code == 0
    assert "mapping.customer" in (workspace.home / "audit.csv").read_text(encoding="utf-8-sig")
    same = inside("workspace", "apply", "w.yaml")
    assert same.out.strip() == "Nothing to change: the workspace is as the file says."


def test_a_dry_run_writes_nothing(workspace: Terminal, sandbox: SandboxServer) -> None:
    bring(workspace)
    done = workspace("sync", "--no-apply", "--json")
    assert done.json["changes"]["applied"] == 0
    assert done.json["changes"]["planned"] == 3
    assert sandbox.adjustments() == []


def test_m6_what_is_held_waits_and_the_exit_code_says_so(workspace: Terminal, sandbox: SandboxServer) -> None:
    workspace("import", "M365", export(workspace, "m.csv", "Acme,BP,290", "Fysio,BB,9"))
    done = workspace("sync", "--json")
    assert (done.code, done.json["changes"]["held"], done.json["changes"]["applied"]) == (1, 1, 1)
    unknown = workspace("apply", "--change", "nonsense", "--json")
    assert (unknown.code, unknown.json["error"]["kind"]) == (2, "unknown_change")
    plan = workspace("plan", "--json").json
    assert [change["status"] for change in plan["changes"]] == ["held"]
    assert plan["changes"][0]["holds"]
    done = workspace("apply", "--all", "--json")
    assert (done.code, done.json["changes"]["applied"]) == (0, 1)


def test_m2_a_rejected_or_doubtful_file_is_told_and_changes_nothing(workspace: Terminal) -> None:
    bring(workspace)
    doubtful = workspace("import", "M365", export(workspace, "d.csv", "Acme,BP,many", "Fysio,BB,9"), "--json")
    assert (doubtful.code, doubtful.json["outcome"], doubtful.json["stored"]) == (1, "needs_review", True)
    error = doubtful.json["errors"][0]
    assert {"kind", "sheet", "row", "column", "text", "message"} <= set(error)
    assert (error["kind"], error["row"], error["column"], error["text"]) == ("not_a_number", 2, "C", "many")
    rejected = workspace("import", "M365", "w.yaml", "--json")
    assert (rejected.code, rejected.json["outcome"], rejected.json["stored"]) == (1, "rejected", False)
    twice = workspace("import", "M365", "m.csv", "--json")
    assert (twice.code, twice.json["errors"][0]["kind"]) == (1, "duplicate_file")
    assert workspace("import", "M365", "m.csv", "--again").code == 0


def test_a_refused_change_is_told_and_the_exit_code_says_so(workspace: Terminal, sandbox: SandboxServer) -> None:
    bring(workspace)
    sandbox.faults.add(
        Fault(action="errors", text="This contract is locked.", entity="ContractServiceAdjustments", times=9)
    )
    done = workspace("sync", "--portal", "M365", "--json")
    assert (done.code, done.json["status"]) == (1, "partly")
    assert (done.json["changes"]["applied"], done.json["changes"]["failed"]) == (0, 2)
    assert sandbox.adjustments() == []


def test_portal_list_and_pull(workspace: Terminal) -> None:
    bring(workspace)
    listed = workspace("portal", "list", "--json").json["portals"]
    assert [(portal["name"], portal["connector"], portal["status"], portal["lines"]) for portal in listed] == [
        ("AV", "file", "ok", 1),
        ("M365", "file", "ok", 2),
    ]
    done = workspace("portal", "pull", "M365", "--json")
    assert done.code == 1
    assert set(done.json) == {"error"}
    tried = workspace("portal", "test", "M365", "--json")
    assert (tried.code, tried.json["ok"]) == (0, True)


def test_reports_at_any_day(workspace: Terminal) -> None:
    bring(workspace)
    rows = workspace("report", "as-of", "--format", "json").json["rows"]
    assert [(row["customer"], row["company"], row["quantity"]) for row in rows if row["portal"] == "AV"] == [
        ("Krakeling", "Bakkerij De Gouden Krakeling B.V.", 11)
    ]
    assert workspace("report", "vendor").out.splitlines()[-1].startswith("total,")
    assert workspace("report", "as-of", "--date", "2020-01-01", "--format", "json").json["rows"] == []
    for form, start in (("xlsx", b"PK"), ("pdf", b"%PDF-")):
        done = workspace("report", "vendor", "--format", form, "--output", f"report.{form}", "--language", "nl")
        assert (done.code, done.out) == (0, "")
        assert (workspace.home / f"report.{form}").read_bytes().startswith(start)
