"""The table of roles: every use case refuses who may not, before it looks at anything else."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from core.domain.errors import AccessDenied
from core.services import (
    activity,
    autotask_settings,
    decisions,
    demo,
    doctor,
    invoice_check,
    leakage,
    mapping,
    margin,
    month_end,
    overview,
    people,
    planning,
    portals,
    products,
    reports,
    reversing,
    runs,
    sync,
    uploads,
    workspace,
)
from core.services.access import Actor, Role, require, terminal
from core.services.context import Context
from core.services.reports import statement, statements

OPEN = {
    "needs_first_admin", "create_first_admin", "first_admin_from_environment", "sign_in", "actor_of_token", "sign_out",
    "oidc_actor",
}  # fmt: skip
"""What happens before anybody is signed in."""

NEEDED: dict[Role, set[str]] = {
    Role.VIEWER: {
        "activity.audit", "activity.audit_people", "activity.export_audit", "activity.export_lines", "activity.export_runs", "activity.run_log",
        "activity.runs", "activity.verify", "activity.verify_chains", "autotask_settings.time_zone",
        "invoice_check.check_report", "invoice_check.export_check", "invoice_check.get_check",
        "invoice_check.invoice_settings", "invoice_check.list_checks", "leakage.leakage", "margin.margin",
        "month_end.evidence", "month_end.glance", "month_end.month_end", "month_end.month_report", "month_end.months",
        "month_end.verify_evidence", "mapping.company_options", "mapping.customers", "overview.live_run", "overview.overview",
        "overview.overview_rows", "overview.waiting", "people.change_own_password", "people.change_own_preferences",
        "people.list_sessions", "people.sign_out_everywhere", "planning.change_detail", "planning.changes",
        "planning.current_plan", "planning.findings", "planning.plan_head", "portals.list_connectors",
        "portals.list_portals", "portals.portal_detail", "products.item_options", "products.line_questions",
        "products.preview_rule", "products.products", "products.renames", "products.rules", "reports.build",
        "reports.export", "reports.style_of", "runs.run_state", "statement.sender", "statements.schedules", "uploads.list_uploads",
    },
    Role.OPERATOR: {
        "autotask_settings.test_autotask", "decisions.approve", "decisions.approve_all", "decisions.dismiss",
        "decisions.hold", "decisions.restore", "decisions.withdraw", "demo.choose_lines", "demo.map_customers",
        "demo.map_products", "invoice_check.check_invoice", "invoice_check.inspect_invoice",
        "invoice_check.mute_difference", "invoice_check.preview_invoice", "invoice_check.save_invoice_settings",
        "invoice_check.unmute_difference", "month_end.sign_off", "mapping.accept_exact_suggestions", "mapping.paste_customers",
        "mapping.save_customer_edits", "mapping.undo_last", "planning.named_plan", "planning.replan", "portals.archive_portal",
        "portals.create_portal", "portals.pause_portal", "portals.pull", "portals.set_mode", "portals.set_policy",
        "portals.set_schedule", "portals.test_portal", "portals.test_settings", "portals.update_portal",
        "products.accept_exact_products", "products.choose_line", "products.delete_rule", "products.ignore_products",
        "products.link_products", "products.save_renames", "products.save_rule", "reversing.reverse_run",
        "runs.request_apply", "runs.request_plan", "runs.request_sync", "statement.statement", "statements.claim",
        "statements.due", "statements.give_back", "statements.remove_schedule", "statements.save_schedule", "sync.apply_now", "sync.run_sync",
        "uploads.accept_upload", "uploads.confirm_review", "uploads.discard_upload", "uploads.import_file",
        "uploads.inspect_upload", "uploads.preview_upload",
    },
    Role.ADMIN: {
        "autotask_settings.autotask_settings", "autotask_settings.save_autotask", "autotask_settings.save_time_zone",
        "demo.seed_demo", "doctor.examine", "people.add_person", "people.change_person", "people.list_people",
        "people.oidc_groups", "people.save_oidc_groups", "people.set_password", "statement.save_sender", "workspace.apply_workspace",
        "workspace.export_workspace",
    },
}  # fmt: skip

MODULES = (
    activity, autotask_settings, decisions, demo, doctor, invoice_check, leakage, margin, month_end, mapping, overview, people, planning, portals, products,
    reports, reversing, runs, statement, statements, sync, uploads, workspace,
)  # fmt: skip


def use_cases(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """Public functions that take a context and an actor first."""
    short = module.__name__.rpartition(".")[2]
    names = getattr(module, "__all__", None) or [
        name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__
    ]
    found = {}
    for name in names:
        value = getattr(module, name)
        if inspect.isfunction(value) and not name.startswith("_"):
            parameters = list(inspect.signature(value).parameters)
            if parameters[:2] == ["ctx", "actor"]:
                found[f"{short}.{name}"] = value
    return found


ALL = {name: function for module in MODULES for name, function in use_cases(module).items()}
DENIED = [
    (name, role)
    for needed, names in NEEDED.items()
    for name in sorted(names)
    for role in Role
    if not role.covers(needed)
]


def test_every_use_case_stands_in_the_table_of_roles() -> None:
    table = set().union(*NEEDED.values())
    named = {name for name in ALL if name.split(".")[1] not in OPEN}
    assert named - table == set()
    assert table - set(ALL) == set()


def arguments(function: Callable[..., Any]) -> dict[str, Any]:
    """Something for each further argument that has no default; it must never be looked at."""
    parameters = list(inspect.signature(function).parameters.values())[2:]
    return {
        p.name: "x" if p.annotation == "str" else _Untouchable()
        for p in parameters
        if p.default is inspect.Parameter.empty
    }


class _Untouchable:
    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"looked at {name} before the role")


@pytest.mark.parametrize(("name", "role"), DENIED)
def test_who_may_not_is_refused_before_anything_is_looked_at(ctx: Context, name: str, role: Role) -> None:
    actor = Actor(99, "x", role)
    with pytest.raises(AccessDenied):
        result = ALL[name](ctx, actor, **arguments(ALL[name]))
        list(result)


def test_somebody_elses_sessions_are_an_admins_business(ctx: Context) -> None:
    with pytest.raises(AccessDenied):
        people.sign_out_everywhere(ctx, Actor(2, "Otto", Role.OPERATOR), person_id=1)


def test_each_role_may_do_what_the_one_before_may() -> None:
    assert [[role.covers(needed) for needed in Role] for role in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]
    require(terminal("root"), Role.ADMIN)
