"""Who may do what: every use case, page, route and download with the least role that it needs.

`tests/services/cases/test_access.py`, `tests/web/test_access_routes.py` and `tests/pages/test_access_pages.py` walk all of it and
find each refusal; what is missing here, or is not there any more, fails there. `.venv/bin/python -m tests.roles` writes
`docs/roles.md` from it.
"""

from __future__ import annotations

from pathlib import Path

from core.services.access import Role

DOCS = Path(__file__).resolve().parents[1] / "docs" / "roles.md"

USE_CASES: dict[Role, dict[str, str]] = {
    Role.VIEWER: {
        "activity": "audit audit_people export_audit export_lines export_runs run_log runs verify verify_chains",
        "alerts.channels": "public_url",
        "alerts.credentials": "credential_ends",
        "alerts.raised": "alerts counts",
        "alerts.rules": "products_of rules",
        "autotask_settings": "time_zone",
        "charge_preview": "template_preview variables",
        "charge_sources": "charged_customers is_source readings source_check sources",
        "charge_views": "board companies findings going months totals",
        "charges": "billing_codes charge_detail charge_settings overview products",
        "consumption_files": "charge_rows",
        "invoice_check": "check_report export_check get_check invoice_settings list_checks",
        "leakage": "leakage",
        "line_choices": "line_questions",
        "mapping": "company_options customers",
        "margin": "margin",
        "month_end": "glance month_end month_report months",
        "month_end_evidence": "evidence verify_evidence",
        "new_subscription": "found",
        "new_subscription_list": "new_count new_one new_rows",
        "overview": "live_run overview overview_rows waiting",
        "people": "change_own_password change_own_preferences has_password",
        "pickup_pages": "folder list_picked",
        "planning": "change_detail changes current_plan findings plan_head",
        "policy_exceptions": "exception_names",
        "portal_cards": "list_connectors list_portals portal_detail",
        "products": "item_options products renames rules",
        "provisioning_settings": "contract_policy",
        "reports.choices": "choices version",
        "reports.line_sources": "line_sources",
        "reports.lineage": "behind raw",
        "reports.registry": "build export style_of",
        "reports.statement": "sender",
        "reports.statements": "schedules",
        "rules": "preview_rule",
        "runs": "run_state",
        "sessions": "end_session list_sessions sign_out_everywhere",
        "signing_in": "check_own_password confirm_password",
        "subscriptions": "badge_counts calendar calendar_view portals_shown subscription_detail subscriptions",
        "uploads": "list_uploads",
        "views_history": "line_steps used_on",
        "webhooks": "deliveries hook_card",
    },
    Role.OPERATOR: {
        "alerts.channels": "channels tell_appeared test_channel",
        "alerts.credentials": "set_credential_end",
        "alerts.delivering": "deliver",
        "alerts.evaluating": "evaluate",
        "alerts.raised": "messages mute_alert send_again",
        "alerts.rules": "mute_rule remove_rule save_rule switch_rule",
        "alerts.statements": "queue_statements",
        "autotask_settings": "test_autotask",
        "amount_doubts": "end_doubts",
        "charge_views": "approve_filtered",
        "charges": "choose_contract save_settings",
        "charging_decisions": "approve approve_all dismiss hold restore reverse_charges",
        "consumption": "record_consumption",
        "consumption_files": "bring_files",
        "decisions": "approve approve_all dismiss hold restore withdraw",
        "demo": "choose_lines map_customers map_products",
        "invoice_check": (
            "check_invoice inspect_invoice mute_difference preview_invoice save_invoice_settings unmute_difference"
        ),
        "line_choices": "choose_line",
        "mapping": "accept_exact_suggestions paste_customers save_customer_edits undo_last",
        "month_end": "sign_off",
        "network": "list_allowed_hosts",
        "new_subscription": "confirm propose",
        "pickup_pages": "choose_columns host_key sample",
        "planning": "named_plan replan",
        "policy_exceptions": "remove_exception save_exception",
        "portals": (
            "archive_portal create_portal pause_portal pull set_mode set_policy set_schedule stored_secrets "
            "test_portal test_settings update_portal"
        ),
        "products": "accept_exact_products delete_rule ignore_products link_products save_renames save_rule",
        "provisioning_settings": "policy_choices save_contract_policy",
        "receiving": "receive",
        "reports.statement": "statement",
        "reports.statements": "claim due give_back remove_schedule save_schedule",
        "rest_answers": "preview_answer",
        "rest_forms": "endpoint_forms",
        "rest_mapping": "check export_declaration fetch_sample import_declaration preview save",
        "rest_sign_in": "begin finish outcome",
        "reversing": "reverse_run",
        "runs": "request_apply request_plan request_sync",
        "sync": "apply_now run_sync",
        "uploads": "accept_upload confirm_review discard_upload import_file inspect_upload preview_upload",
        "webhooks": "delivery_body make_address mark_seen replay rotate_secret save_settings switch try_body",
    },
    Role.ADMIN: {
        "alerts.channels": "remove_channel save_channel save_public_url switch_channel",
        "alerts.raised": "tidy",
        "autotask_settings": "autotask_settings save_autotask save_time_zone",
        "backup": "make make_into",
        "demo": "seed_demo",
        "demo_subscriptions": "seed_subscriptions",
        "doctor": "examine",
        "keys": "rotate seal_again",
        "network": "set_allowed_hosts",
        "openid_settings": "oidc_groups openid_settings remove_openid save_oidc_groups save_openid",
        "people": "add_person change_person list_people set_password",
        "reports.statement": "save_sender",
        "sessions": "save_session_limits session_limits",
        "views_settings": "api_budget",
        "workspace": "apply_workspace export_workspace",
        "workspace_alerts": "apply_alerts",
        "workspace_mappings": "apply_mappings",
        "workspace_portals": "apply_portals",
    },
}
"""Functions of `core.services` that take a context and an actor, by module: the role they refuse below."""

ASK_THEMSELVES = {
    "backup.move": Role.ADMIN,
    "backup.restore": Role.ADMIN,
    "rest_answers.inspect_answer": Role.OPERATOR,
}
"""Those that take an actor without a context."""

ALSO_OTHERS = {
    "sessions.list_sessions": "everybody's sessions",
    "sessions.end_session": "somebody else's session",
    "sessions.sign_out_everywhere": "somebody else's sessions",
}
"""For one's own a viewer may; for those of others only an administrator."""

CONFIRMED = {
    "alerts.channels.save_channel": "of a channel that is there",
    "autotask_settings.save_autotask": "",
    "network.set_allowed_hosts": "",
    "openid_settings.remove_openid": "",
    "openid_settings.save_oidc_groups": "",
    "openid_settings.save_openid": "",
    "people.add_person": "",
    "people.change_person": "",
    "people.set_password": "",
    "portals.stored_secrets": "with other settings than the stored ones",
    "portals.update_portal": "of a portal with secrets",
    "rest_sign_in.begin": "of a portal that is there",
    "sessions.save_session_limits": "",
    "webhooks.make_address": "to replace one",
    "webhooks.rotate_secret": "",
    "webhooks.save_settings": "when it changes who is believed",
    "workspace.apply_workspace": "",
}
"""What is refused in a browser until the person has shown again who they are; and when, where not always."""

NOBODY_YET = {
    "known_browsers.mark": "after signing in",
    "known_browsers.recognised": "with what the browser was given",
    "openid.begin_openid": "to the identity provider",
    "openid.finish_openid": "back from it: its answer is checked",
    "openid.leave_openid": "with the token of a session",
    "openid_settings.openid_is_set_up": "whether to offer it",
    "people.create_first_admin": "while there is no administrator",
    "people.first_admin_from_environment": "while there is no administrator",
    "people.needs_first_admin": "whether to ask for one",
    "sessions.actor_of_token": "with the token of a session",
    "sessions.close": "with the token of a session",
    "signing_in.pause": "how long the door waits",
    "signing_in.sign_in": "with name and password",
    "signing_in.sign_out": "with the token of a session",
}
"""What happens before anybody is signed in, and what it needs."""

PAGES: dict[str, Role] = {
    "account": Role.VIEWER,
    "activity": Role.VIEWER,
    "alerts": Role.OPERATOR,
    "changes": Role.VIEWER,
    "consumption": Role.VIEWER,
    "customers": Role.VIEWER,
    "history": Role.VIEWER,
    "month_end": Role.VIEWER,
    "overview": Role.VIEWER,
    "portals": Role.VIEWER,
    "products": Role.VIEWER,
    "reports": Role.VIEWER,
    "settings": Role.ADMIN,
    "subscriptions": Role.VIEWER,
}
"""Nobody sees a page without a session; what a page offers beyond looking is refused by its use cases."""

ANYONE = "anyone"
SESSION = "a session"
ROUTES: dict[str, tuple[str, str]] = {
    "GET /healthz": (ANYONE, "tells nothing but that the process lives"),
    "GET /readyz": (ANYONE, "tells whether work can be done"),
    "GET /metrics": (ANYONE, "numbers without names; the proxy keeps it inside"),
    "GET /auth/login": (ANYONE, "the form"),
    "POST /auth/login": (ANYONE, "with the form's own token; wrong tries are slowed down"),
    "GET /auth/setup": (ANYONE, "while there is no administrator"),
    "POST /auth/setup": (ANYONE, "while there is no administrator"),
    "GET /auth/logout": (ANYONE, "ends the session of this browser, from our own pages; asks first otherwise"),
    "POST /auth/logout": (ANYONE, "ends the session of this browser, with the form's own token"),
    "GET /auth/openid": (ANYONE, "leads to the identity provider"),
    "GET /auth/openid/done": (ANYONE, "with what the browser was given on the way there, and the provider's answer"),
    "GET /auth/openid/confirm": (SESSION, "for the session's own person"),
    "GET /auth/vendor": (SESSION, "of an operator who began to sign in at a vendor in this browser"),
    "GET /hooks/{token}": (ANYONE, "answers a sender who asks whether the address is there, with its token"),
    "POST /hooks/{token}": (ANYONE, "with the token of a portal, and its signature where one is set"),
}
"""Our own routes beside the pages: who gets further than a refusal, and with what."""

DOWNLOADS: dict[str, tuple[str, ...]] = {
    "audit_list": ("activity.export_audit",),
    "month_end_sign": ("month_end_evidence.evidence",),
    "report_parts": ("reports.registry.export", "invoice_check.export_check"),
    "report_statement": ("reports.statement.statement",),
    "rest_file": ("rest_mapping.export_declaration",),
    "run_list": ("activity.export_runs", "activity.export_lines"),
    "settings_workspace": ("workspace.export_workspace",),
}
"""Parts of pages (`pages/_ui`) that offer files, and the use cases that make them."""


def needed() -> dict[str, Role]:
    """`module.function` → the least role."""
    return {
        f"{module}.{name}": role
        for role, modules in USE_CASES.items()
        for module, names in modules.items()
        for name in names.split()
    }


INTRODUCTION = """# Who may do what

A *viewer* looks, an *operator* maps, approves and applies, an *administrator* manages settings and people. Who is not signed in gets
nothing but what stands under *Routes*. Every use case asks for the role itself, before it looks at anything else, whatever page, command
or route it is called from. The tests walk through all of this and find each refusal; this page is made from the same table
(`.venv/bin/python -m tests.roles`). Who has a terminal on the server may do everything: they could read the database.
"""


def table() -> str:
    """`docs/roles.md`."""
    use_cases = sorted((needed() | ASK_THEMSELVES).items())
    parts = (
        INTRODUCTION,
        _section("Pages", [(name, role, "signed out: leads to signing in") for name, role in PAGES.items()]),
        "## Routes\n\n| route | who | |\n|---|---|---|\n"
        + "".join(f"| `{route}` | {who} | {words} |\n" for route, (who, words) in ROUTES.items()),
        _section(
            "Files to take along", [(f"`{name}`", needed()[name], "") for made in DOWNLOADS.values() for name in made]
        ),
        "## Only after showing again who one is\n\nIn a browser these are refused unless the person signed in, or confirmed it, a few"
        " minutes ago.\n\n" + "".join(f"* `{name}`{f' {when}' if when else ''}\n" for name, when in CONFIRMED.items()),
        "## Before anybody is signed in\n\n" + "".join(f"* `{name}`: {words}\n" for name, words in NOBODY_YET.items()),
        _section(
            "Use cases",
            [
                (f"`{name}`", role, f"{ALSO_OTHERS[name]}: admin" if name in ALSO_OTHERS else "")
                for name, role in use_cases
            ],
        ),
    )
    return "\n".join(parts)


def _section(title: str, rows: list[tuple[str, Role, str]]) -> str:
    lines = [f"## {title}\n", "| | viewer | operator | admin | |", "|---|---|---|---|---|"]
    for name, role, words in rows:
        lines.append(f"| {name} | {' | '.join('yes' if one.covers(role) else '–' for one in Role)} | {words} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    DOCS.write_text(table(), encoding="utf-8")
