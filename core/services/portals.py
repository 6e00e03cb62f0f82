"""Portals: the configured sources, their settings, secrets, schedule, mode and policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from core.domain.connector import Feed
from core.domain.due import Schedule, next_due
from core.domain.errors import ContractBridgeError, InputError
from core.domain.pickup import PickupSource
from core.domain.policy import Mode, Policy, PolicyOverride
from core.domain.text import T
from core.domain.validation import checked
from core.services.access import Actor, Role, require, require_confirmed
from core.services.audited import note
from core.services.autotask_settings import TestResult, zone
from core.services.forms import FormField
from core.services.pickup_peek import peek
from core.services.portal_cards import (
    ConnectorCard,
    PortalCard,
    PortalDetail,
    PortalState,
    list_connectors,
    list_portals,
    portal_detail,
)
from core.store import portals as store
from core.store import secrets as secret_store

if TYPE_CHECKING:
    from core.domain.usage import Reading
    from core.services.context import Context

__all__ = [
    "ConnectorCard",
    "FormField",
    "PortalCard",
    "PortalDetail",
    "PortalState",
    "TestResult",
    "archive_portal",
    "create_portal",
    "find",
    "list_connectors",
    "list_portals",
    "pause_portal",
    "portal_detail",
    "pull",
    "set_mode",
    "set_policy",
    "set_schedule",
    "test_portal",
    "test_settings",
    "update_portal",
]

LONGEST_NAME = 80


def find(session: Session, name: str) -> store.Portal:
    """The portal of this name. Raises InputError (kind `unknown_portal`) naming those there are."""
    portal = store.by_name(session, name)
    if portal is None:
        known = tuple(p.name for p in store.all_portals(session))
        raise InputError(
            T("There is no portal {name}. There are: {known}.", name=name, known=known)
            if known
            else T("There is no portal {name}; none is connected yet.", name=name),
            kind="unknown_portal",
        )
    return portal


def create_portal(  # noqa: PLR0913 - a form's worth of named fields
    ctx: Context,
    actor: Actor,
    name: str,
    connector: str,
    *,
    settings: Mapping[str, object],
    secrets: Mapping[str, str],
    mode: Mode = Mode.REVIEW,
    schedule: Mapping[str, object] | None = None,
    policy: Policy | None = None,
) -> None:
    """Connect a portal; settings, secrets and schedule are checked first. For operators."""
    require(actor, Role.OPERATOR)
    kind = ctx.connectors.get(connector)
    clean = _clean_name(name)
    kept = clean_settings(kind.settings, settings, clean)
    checked(kind.secrets, _given(secrets), clean)
    timed = clean_schedule(schedule, clean)
    due = _due(ctx, connector, timed)

    def work(session: Session) -> None:
        _must_be_free(session, clean)
        portal = store.save(
            session,
            store.Portal(
                name=clean,
                connector=connector,
                settings=kept,
                mode=mode,
                policy=policy or Policy(),
                schedule=timed,
                next_due_at=due,
            ),
            ctx.clock.now(),
        )
        secret_store.put(session, ctx.secrets, owner_of(portal), _given(secrets), ctx.clock.now())
        note(ctx, session, actor, "portal.created", clean, after=_shown(portal))

    ctx.database.run(work)


def update_portal(
    ctx: Context,
    actor: Actor,
    portal: str,
    *,
    name: str | None = None,
    settings: Mapping[str, object] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> None:
    """Change name, settings (all of them) or secrets (those given, the others stay). For operators.

    Confirmed where the portal has secrets, unless only its name changes: another address would be sent them.
    """
    require(actor, Role.OPERATOR)

    def work(session: Session) -> None:
        found = find(session, portal)
        kind = ctx.connectors.get(found.connector)
        fresh = found
        if name is not None and _clean_name(name) != found.name:
            _must_be_free(session, _clean_name(name))
            fresh = replace(fresh, name=_clean_name(name))
        if settings is not None:
            fresh = replace(fresh, settings=clean_settings(kind.settings, settings, found.name))
        given = _given(secrets or {})
        if given or fresh.settings != found.settings:
            have = secret_store.get(session, ctx.secrets, owner_of(found))
            if have:
                require_confirmed(ctx, actor)
        if given:
            checked(kind.secrets, have | given, found.name)
            secret_store.put(session, ctx.secrets, owner_of(found), given, ctx.clock.now())
        store.save(session, fresh, ctx.clock.now())
        extra = {"secrets_replaced": sorted(given)} if given else {}
        if fresh != found or given:
            note(ctx, session, actor, "portal.changed", found.name, before=_shown(found), after=_shown(fresh) | extra)

    ctx.database.run(work)


def set_mode(ctx: Context, actor: Actor, portal: str, mode: Mode) -> None:
    """Automatic, or every change waits for a person. For operators."""
    _change(ctx, actor, portal, lambda found: replace(found, mode=mode))


def set_schedule(ctx: Context, actor: Actor, portal: str, schedule: Mapping[str, object] | None) -> None:
    """When the portal is read (as in the workspace file); None: only when somebody asks. For operators."""
    require(actor, Role.OPERATOR)
    timed = clean_schedule(schedule, portal)
    with ctx.database.session() as session:
        due = _due(ctx, find(session, portal).connector, timed)
    _change(
        ctx, actor, portal, lambda found: replace(found, schedule=timed, next_due_at=due if found.enabled else None)
    )


def set_policy(
    ctx: Context, actor: Actor, portal: str, policy: Policy, overrides: Sequence[PolicyOverride] = ()
) -> None:
    """How careful the portal is, with exceptions per customer and product. For operators."""
    _change(ctx, actor, portal, lambda found: replace(found, policy=policy, overrides=tuple(overrides)))


def pause_portal(ctx: Context, actor: Actor, portal: str, paused: bool) -> None:
    """Stop reading and planning a portal for a while; its lines stay as they are. For operators."""
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        known = find(session, portal)
    due = None if paused else _due(ctx, known.connector, known.schedule)
    _change(ctx, actor, portal, lambda found: replace(found, enabled=not paused, next_due_at=due))


def archive_portal(ctx: Context, actor: Actor, portal: str) -> None:
    """Put a portal away for good: history and audit stay, its secrets go. For operators."""
    require(actor, Role.OPERATOR)

    def work(session: Session) -> None:
        found = find(session, portal)
        store.archive(session, found.id, ctx.clock.now())
        secret_store.remove(session, owner_of(found))
        note(ctx, session, actor, "portal.archived", found.name, before=_shown(found))

    ctx.database.run(work)


def test_portal(ctx: Context, actor: Actor, portal: str) -> TestResult:
    """Whether a stored portal can be read, in words. For operators."""
    require(actor, Role.OPERATOR)
    found, secrets = _opened(ctx, portal)
    return _tested(ctx, found.connector, found.name, found.settings, secrets)


def test_settings(
    ctx: Context,
    actor: Actor,
    connector: str,
    settings: Mapping[str, object],
    secrets: Mapping[str, str],
    *,
    portal: str = "",
) -> TestResult:
    """The same for settings that are not stored yet; secrets left empty are taken from the stored `portal`. For operators,
    confirmed where stored secrets would go to another address.
    """
    require(actor, Role.OPERATOR)
    have = stored_secrets(ctx, actor, portal, settings) if portal else {}
    return _tested(ctx, connector, portal or connector, settings, have | _given(secrets))


def stored_secrets(ctx: Context, actor: Actor, portal: str, settings: Mapping[str, object]) -> dict[str, str]:
    """The stored secrets of a portal, to be used with settings that are not stored: those may lead anywhere. For operators."""
    require(actor, Role.OPERATOR)
    found, have = _opened(ctx, portal)
    if have and dict(settings) != dict(found.settings):
        require_confirmed(ctx, actor)
    return have


def pull(ctx: Context, actor: Actor, portal: str) -> Reading:
    """One fetch, stored nowhere; of files that are picked up the newest one. For operators.

    Raises what is wrong (SettingsError, RemoteError).
    """
    require(actor, Role.OPERATOR)
    found, secrets = _opened(ctx, portal)
    source = ctx.source(found.connector, found.name, found.settings, secrets)
    return peek(ctx, found, source) if isinstance(source, PickupSource) else source.read(ctx.clock.now())


def owner_of(portal: store.Portal) -> str:
    """Under which name the portal's secrets are kept."""
    return f"portal:{portal.id}"


def clean_settings(model: Any, settings: Mapping[str, object], place: str) -> dict[str, Any]:
    """Settings as they are stored: checked, without what is left at its default. Raises SettingsError naming the wrong ones."""
    stored: dict[str, Any] = checked(model, settings, place).model_dump(mode="json", exclude_defaults=True)
    return stored


def clean_schedule(schedule: Mapping[str, object] | None, place: str) -> dict[str, Any]:
    """A schedule as it is stored; empty for none. Raises SettingsError."""
    if not schedule:
        return {}
    stored: dict[str, Any] = checked(Schedule, schedule, place).model_dump(mode="json", exclude_defaults=True)
    return stored


def _change(ctx: Context, actor: Actor, portal: str, change: Callable[[store.Portal], store.Portal]) -> None:
    require(actor, Role.OPERATOR)

    def work(session: Session) -> None:
        before = find(session, portal)
        after = change(before)
        if after != before:
            store.save(session, after, ctx.clock.now())
            note(ctx, session, actor, "portal.changed", before.name, before=_shown(before), after=_shown(after))

    ctx.database.run(work)


def _opened(ctx: Context, portal: str) -> tuple[store.Portal, dict[str, str]]:
    with ctx.database.session() as session:
        found = find(session, portal)
        return found, secret_store.get(session, ctx.secrets, owner_of(found))


def _tested(
    ctx: Context, connector: str, name: str, settings: Mapping[str, object], secrets: Mapping[str, str]
) -> TestResult:
    try:
        ctx.source(connector, name, settings, secrets).test()
    except ContractBridgeError as error:
        return TestResult(ok=False, message=error.message, remedy=error.remedy)
    if ctx.connectors.get(connector).feed is Feed.PUSH:
        return TestResult(ok=True, message=T("Nothing to reach: this portal reads what is brought to it."))
    return TestResult(ok=True, message=T("The portal answers."))


def _due(ctx: Context, connector: str, schedule: Mapping[str, Any]) -> datetime | None:
    """When the portal is read next; None where nothing is fetched, or only when somebody asks."""
    if not schedule or ctx.connectors.get(connector).feed is Feed.PUSH:
        return None
    return next_due(Schedule.model_validate(schedule), ctx.clock.now(), zone(ctx))


def _given(secrets: Mapping[str, str]) -> dict[str, str]:
    """An empty field of a form means: leave it as it is."""
    return {name: value for name, value in secrets.items() if value}


def _clean_name(name: str) -> str:
    clean = " ".join(name.split())
    if not clean or len(clean) > LONGEST_NAME or not clean.isprintable():
        raise InputError(T("A name of 1 to {count} characters is needed.", count=LONGEST_NAME), kind="name")
    return clean


def _must_be_free(session: Session, name: str) -> None:
    if store.by_name(session, name):
        raise InputError(T("There is a portal with the name {name} already.", name=name), kind="name")


def _shown(portal: store.Portal) -> dict[str, object]:
    """What the audit tells of a portal."""
    return {
        "name": portal.name,
        "connector": portal.connector,
        "settings": dict(portal.settings),
        "mode": portal.mode.value,
        "schedule": dict(portal.schedule),
        "policy": portal.policy.model_dump(mode="json", exclude_defaults=True),
        "overrides": [override.model_dump(mode="json", exclude_none=True) for override in portal.overrides],
        "enabled": portal.enabled,
    }
