"""The workspace file applied and exported: after `apply` the workspace is what the file says, and a second time nothing changes.

    parse ─▶ all settings checked ─▶ Autotask ─▶ company account ─▶ names found ─▶ portals ─▶ mappings ─▶ channels and alert rules

Everything that can be wrong is looked at before portals and mappings are touched. The connection to Autotask goes first, because
names of companies and services can only be looked up with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.domain.text import T, Text
from core.services.access import Actor, Role, require, require_confirmed
from core.services.alerts.rules import stored_rules
from core.services.autotask_settings import save_autotask, save_time_zone
from core.services.network import set_allowed_hosts
from core.services.openid_settings import save_oidc_groups, save_openid
from core.services.workspace_alerts import alerts_content, apply_alerts
from core.services.workspace_checks import check_everything
from core.services.workspace_export import content_of
from core.services.workspace_file import Parsed, WorkspaceFileError, dump, parse
from core.services.workspace_mappings import apply_mappings, find_ambiguous
from core.services.workspace_names import find_names
from core.services.workspace_portals import Steps, apply_portals
from core.store import workspace as settings_store

if TYPE_CHECKING:
    from core.services.context import Context

VARIABLES = "workspace.variables"
"""Setting that remembers which environment variable each secret came from, for the next export."""


@dataclass(frozen=True, slots=True)
class WorkspaceResult:
    """What `apply` did: counts of things, and each step in words."""

    created: int
    changed: int
    deleted: int
    unchanged: int
    steps: tuple[Text, ...]
    notes: tuple[Text, ...]

    @property
    def summary(self) -> Text:
        if not (self.created or self.changed or self.deleted):
            return T("Nothing to change: the workspace is as the file says.")
        return T(
            "{created} created, {changed} changed, {deleted} removed, {unchanged} unchanged.",
            created=self.created,
            changed=self.changed,
            deleted=self.deleted,
            unchanged=self.unchanged,
        )


def apply_workspace(
    ctx: Context, actor: Actor, text: str, environment: Mapping[str, str], *, place: str = "workspace.yaml"
) -> WorkspaceResult:
    """Make the workspace equal to the file. Parts that the file leaves out stay as they are. For admins, confirmed.

    Raises WorkspaceFileError with every mistake and its line; RemoteError when names must be looked up in vain.
    """
    require(actor, Role.ADMIN)
    require_confirmed(ctx, actor)
    parsed = parse(text, environment, place)
    problems = check_everything(ctx, parsed)
    if problems:
        raise WorkspaceFileError(problems, place)
    steps = Steps()
    _apply_settings(ctx, actor, parsed, steps)
    _apply_company_account(ctx, actor, parsed, steps)
    found = find_names(ctx, parsed)
    with ctx.database.session() as session:
        problems = [*found.problems, *find_ambiguous(session, parsed)]
    if problems:
        raise WorkspaceFileError(problems, place)
    apply_portals(ctx, actor, parsed, steps)
    apply_mappings(ctx, actor, parsed, found, steps)
    apply_alerts(ctx, actor, parsed, steps)
    _remember_variables(ctx, parsed)
    return WorkspaceResult(
        created=steps.created,
        changed=steps.changed,
        deleted=steps.deleted,
        unchanged=steps.unchanged,
        steps=tuple(steps.words),
        notes=tuple(steps.notes),
    )


def export_workspace(ctx: Context, actor: Actor) -> str:
    """The workspace as a file; secrets as `${VARIABLE}`, under the names they were applied with. For admins."""
    require(actor, Role.ADMIN)
    stored_rules(ctx)
    with ctx.database.session() as session:
        variables = settings_store.get(session, VARIABLES, {})
        return dump(content_of(session, variables) | alerts_content(session, variables))


def _apply_settings(ctx: Context, actor: Actor, parsed: Parsed, steps: Steps) -> None:
    content = parsed.content
    if content.time_zone is not None:
        changed = save_time_zone(ctx, actor, content.time_zone)
        steps.count(T("Time zone {name}", name=content.time_zone), "changed" if changed else "unchanged")
    if content.allowed_hosts is not None:
        changed = set_allowed_hosts(ctx, actor, content.allowed_hosts)
        steps.count(T("Hosts of your own network"), "changed" if changed else "unchanged")
    if content.autotask is not None:
        entry = content.autotask
        given = {
            name: None if f"autotask.{name}" in parsed.missing else value
            for name, value in (("secret", entry.secret), ("integration_code", entry.integration_code))
        }
        changed = save_autotask(
            ctx,
            actor,
            user_name=entry.user_name,
            base_url=entry.base_url,
            secret=given["secret"],
            integration_code=given["integration_code"],
        )
        steps.count(T("Connection to Autotask"), "changed" if changed else "unchanged")
        for name, value in given.items():
            if value is None:
                steps.kept_secret("autotask", name, parsed.missing[f"autotask.{name}"])


def _apply_company_account(ctx: Context, actor: Actor, parsed: Parsed, steps: Steps) -> None:
    entry, path = parsed.content.company_account, "company_account.client_secret"
    if entry is None:
        return
    changed = save_openid(
        ctx, actor, issuer=entry.issuer, client_id=entry.client_id, scopes=entry.scopes, groups_claim=entry.groups_claim,
        client_secret=None if path in parsed.missing else entry.client_secret,
        confirm_without_time=entry.confirm_without_time,
    )  # fmt: skip
    steps.count(T("Company account"), "changed" if changed else "unchanged")
    changed = save_oidc_groups(ctx, actor, entry.groups)
    steps.count(T("Groups and their roles"), "changed" if changed else "unchanged")
    if path in parsed.missing:
        steps.kept_secret("company_account", "client_secret", parsed.missing[path])


def _remember_variables(ctx: Context, parsed: Parsed) -> None:
    names = dict(parsed.variables)
    owners = [(f"portals.{n}", f"portal:{one.name}") for n, one in enumerate(parsed.content.portals or ())]
    owners += [(f"channels.{n}", f"channel:{one.name}") for n, one in enumerate(parsed.content.channels or ())]
    known = {path: name for path, name in names.items() if path.startswith(("autotask.", "company_account."))}
    for place, owner in owners:
        start = f"{place}.secrets."
        known |= {f"{owner}:{path.removeprefix(start)}": name for path, name in names.items() if path.startswith(start)}
    with ctx.database.session() as session:
        before = settings_store.get(session, VARIABLES, {})
    after = before | known
    if after != before:
        ctx.database.run(lambda session: settings_store.put(session, {VARIABLES: after}))
