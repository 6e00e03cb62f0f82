"""The portals of a workspace file, made so: missing ones connected, others changed, those not in it put away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.charges import charge_settings, save_settings
from core.services.portals import (
    archive_portal,
    clean_schedule,
    clean_settings,
    create_portal,
    owner_of,
    pause_portal,
    set_mode,
    set_policy,
    set_schedule,
    update_portal,
)
from core.services.provisioning_settings import contract_policy, save_contract_policy
from core.services.workspace_file import Parsed, PortalEntry
from core.store import portals as store
from core.store import secrets as secret_store

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(slots=True)
class Steps:
    """What was done so far."""

    created: int = 0
    changed: int = 0
    deleted: int = 0
    unchanged: int = 0
    words: list[Text] = field(default_factory=list)
    notes: list[Text] = field(default_factory=list)

    def count(self, what: Text, how: str) -> None:
        """Count one thing as created, changed, deleted or unchanged."""
        setattr(self, how, getattr(self, how) + 1)
        if how != "unchanged":
            self.words.append(T("{what}: {how}", what=what, how=T(how)))

    def count_many(self, what: Text, created: int, changed: int, deleted: int, unchanged: int) -> None:
        """Count many things of one kind, told in one line."""
        self.created += created
        self.changed += changed
        self.deleted += deleted
        self.unchanged += unchanged
        if created or changed or deleted:
            self.words.append(
                T(
                    "{what}: {created} created, {changed} changed, {deleted} removed",
                    what=what,
                    created=created,
                    changed=changed,
                    deleted=deleted,
                )
            )

    def kept_secret(self, owner: str, name: str, variable: str) -> None:
        self.notes.append(
            T("{variable} is not set: {owner} keeps the stored {name}.", variable=variable, owner=owner, name=name)
        )


def apply_portals(ctx: Context, actor: Actor, parsed: Parsed, steps: Steps) -> None:
    """Make the portals those of the file, where the file has any. For admins."""
    require(actor, Role.ADMIN)
    if parsed.content.portals is None:
        return
    with ctx.database.session() as session:
        known = {portal.name: portal for portal in store.all_portals(session)}
    wanted = {entry.name for entry in parsed.content.portals}
    for name in known:
        if name not in wanted:
            archive_portal(ctx, actor, name)
            steps.count(T("Portal {name}", name=name), "deleted")
    for number, entry in enumerate(parsed.content.portals):
        given = _given(parsed, entry, f"portals.{number}.secrets", steps)
        before = known.get(entry.name)
        if before is not None and before.connector != entry.connector:
            archive_portal(ctx, actor, entry.name)
            before = None
        if before is None:
            _create(ctx, actor, entry, given)
            _set_charges(ctx, actor, entry)
            _set_contracts(ctx, actor, entry)
            steps.count(T("Portal {name}", name=entry.name), "created")
        else:
            changed = _change(ctx, actor, before, entry, given) | _set_charges(ctx, actor, entry)
            changed |= _set_contracts(ctx, actor, entry)
            steps.count(T("Portal {name}", name=entry.name), "changed" if changed else "unchanged")


def _given(parsed: Parsed, entry: PortalEntry, path: str, steps: Steps) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in entry.secrets.items():
        variable = parsed.missing.get(f"{path}.{name}")
        if variable is None:
            given[name] = value
        else:
            steps.kept_secret(entry.name, name, variable)
    return given


def _create(ctx: Context, actor: Actor, entry: PortalEntry, secrets: Mapping[str, str]) -> None:
    create_portal(
        ctx,
        actor,
        entry.name,
        entry.connector,
        settings=entry.settings,
        secrets=secrets,
        mode=entry.mode,
        schedule=entry.schedule,
        policy=entry.policy,
    )
    if entry.overrides:
        set_policy(ctx, actor, entry.name, entry.policy, entry.overrides)
    if entry.paused:
        pause_portal(ctx, actor, entry.name, True)


def _change(ctx: Context, actor: Actor, before: store.Portal, entry: PortalEntry, secrets: Mapping[str, str]) -> bool:
    wanted = replace(
        before,
        settings=clean_settings(ctx.connectors.get(entry.connector).settings, entry.settings, entry.name),
        mode=entry.mode,
        policy=entry.policy,
        overrides=entry.overrides,
        schedule=clean_schedule(entry.schedule, entry.name),
        enabled=not entry.paused,
    )
    with ctx.database.session() as session:
        have = secret_store.get(session, ctx.secrets, owner_of(before))
    fresh = {name: value for name, value in secrets.items() if have.get(name) != value}
    if wanted.settings != before.settings or fresh:
        update_portal(ctx, actor, entry.name, settings=entry.settings, secrets=fresh)
    if wanted.mode != before.mode:
        set_mode(ctx, actor, entry.name, entry.mode)
    if (wanted.policy, wanted.overrides) != (before.policy, before.overrides):
        set_policy(ctx, actor, entry.name, entry.policy, entry.overrides)
    if wanted.enabled != before.enabled:
        pause_portal(ctx, actor, entry.name, entry.paused)
    if wanted.schedule != before.schedule:
        set_schedule(ctx, actor, entry.name, entry.schedule)
    return wanted != before or bool(fresh)


def _set_charges(ctx: Context, actor: Actor, entry: PortalEntry) -> bool:
    """How the portal's consumption is charged; what the file does not say stays."""
    if entry.charges is None or entry.charges == charge_settings(ctx, actor, entry.name):
        return False
    save_settings(ctx, actor, entry.name, entry.charges)
    return True


def _set_contracts(ctx: Context, actor: Actor, entry: PortalEntry) -> bool:
    """The portal's contract policy; what the file does not say stays."""
    if entry.contracts is None or entry.contracts == contract_policy(ctx, actor, entry.name):
        return False
    save_contract_policy(ctx, actor, entry.name, entry.contracts)
    return True


def portal_content(portal: store.Portal, secrets: Mapping[str, str]) -> dict[str, Any]:
    """A portal as the workspace file has it; what is as usual is left out."""
    content: dict[str, Any] = {"name": portal.name, "connector": portal.connector}
    parts = {
        "settings": dict(portal.settings),
        "secrets": dict(secrets),
        "schedule": dict(portal.schedule),
        "policy": portal.policy.model_dump(mode="json", exclude_defaults=True),
        "overrides": [override.model_dump(mode="json", exclude_none=True) for override in portal.overrides],
    }
    content |= {name: value for name, value in parts.items() if value}
    content["mode"] = portal.mode.value
    if not portal.enabled:
        content["paused"] = True
    return content
