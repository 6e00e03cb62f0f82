"""Channels and alert rules of a workspace file: looked at, made so, and written again. Secrets are variables, as with portals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from core.domain.alerts.rules import AlertRule
from core.domain.errors import InputError, SettingsError
from core.domain.text import T, Text
from core.domain.validation import problems_of
from core.services.access import Actor, Role, require
from core.services.alerts.channels import checked_channel, remove_channel, save_channel, switch_channel
from core.services.alerts.delivering import owner_of
from core.services.alerts.rules import remove_rule, save_rule, stored_rules
from core.services.workspace_export import escaped, plain, secrets_of
from core.services.workspace_file import AlertRuleEntry, ChannelEntry, Parsed
from core.services.workspace_portals import Steps
from core.store import alert_outbox as outbox
from core.store import alerts as store
from core.store import portals as portal_store
from core.store import secrets as secret_store
from core.store.alert_outbox import StoredChannel

if TYPE_CHECKING:
    from core.services.context import Context

NO_VALUE = "?"
"""Stands for a stored secret whose variable is not set, while the rest is looked at."""
KEPT = {"muted_until", "mute_reason"}
"""What a rule keeps when the file changes it: for how long it is muted is no part of the set-up."""
SAME_RULE = ("kind", "portal_id", "product", "baseline", "per")
"""Rules that have these in common are one rule that was changed."""


def alert_problems(ctx: Context, parsed: Parsed, portals: set[str]) -> Iterator[tuple[str, Text]]:
    """All that is wrong with the channels and rules of the file. `portals` are the names that there will be."""
    with ctx.database.session() as session:
        stored = {one.name: one for one in outbox.channels(session)}
        kept = secret_store.fields(session, [owner_of(one.id) for one in stored.values()])
    for number, entry in enumerate(parsed.content.channels or ()):
        before = stored.get(entry.name)
        have = kept[owner_of(before.id)] if before is not None and before.kind == entry.kind else frozenset[str]()
        yield from _channel(parsed, entry, f"channels.{number}", have)
    names = {one.name for one in parsed.content.channels} if parsed.content.channels is not None else set(stored)
    for number, rule in enumerate(parsed.content.alert_rules or ()):
        yield from _rule(rule, f"alert_rules.{number}", portals, names)


def _channel(parsed: Parsed, entry: ChannelEntry, path: str, have: frozenset[str]) -> Iterator[tuple[str, Text]]:
    for name in entry.secrets:
        where = f"{path}.secrets.{name}"
        if where in parsed.missing and name not in have:
            yield where, T("The environment variable {name} is not set.", name=parsed.missing[where])
            return
    secrets = dict.fromkeys(have, "https://kept.example" if entry.kind == "teams" else NO_VALUE) | _given(
        parsed, entry, path
    )
    try:
        checked_channel(entry.kind, _values(entry), secrets)
    except (InputError, SettingsError) as error:
        yield path, error.message


def _rule(entry: AlertRuleEntry, path: str, portals: set[str], channels: set[str]) -> Iterator[tuple[str, Text]]:
    if entry.portal and entry.portal not in portals:
        known = tuple(sorted(portals)) or ("-",)
        yield f"{path}.portal", T("There is no portal {name}. There are: {known}.", name=entry.portal, known=known)
    for name in entry.channels:
        if name not in channels:
            known = tuple(sorted(channels)) or ("-",)
            yield f"{path}.channels", T("There is no channel {name}. There are: {known}.", name=name, known=known)
    try:
        AlertRule.model_validate(_fields(entry) | {"portal_id": 1 if entry.portal else None})
    except ValidationError as error:
        for problem in problems_of(error, AlertRule):
            yield f"{path}.{problem.path}" if problem.path else path, problem.message


def apply_alerts(ctx: Context, actor: Actor, parsed: Parsed, steps: Steps) -> None:
    """Make channels and rules those of the file, where the file has any. For admins."""
    require(actor, Role.ADMIN)
    if parsed.content.channels is not None:
        _apply_channels(ctx, actor, parsed, parsed.content.channels, steps)
    if parsed.content.alert_rules is not None:
        _apply_rules(ctx, actor, parsed.content.alert_rules, steps)


def _apply_channels(ctx: Context, actor: Actor, parsed: Parsed, entries: Sequence[ChannelEntry], steps: Steps) -> None:
    with ctx.database.session() as session:
        known = {one.name: one for one in outbox.channels(session)}
        have = {name: secret_store.get(session, ctx.secrets, owner_of(one.id)) for name, one in known.items()}
    kinds = {entry.name: entry.kind for entry in entries}
    for name, one in list(known.items()):
        if kinds.get(name) != one.kind:
            remove_channel(ctx, actor, one.id)
            del known[name]
            if name not in kinds:
                steps.count(T("Channel {name}", name=name), "deleted")
    for number, entry in enumerate(entries):
        path = f"channels.{number}"
        for name in entry.secrets:
            if f"{path}.secrets.{name}" in parsed.missing:
                steps.kept_secret(entry.name, name, parsed.missing[f"{path}.secrets.{name}"])
        before = known.get(entry.name)
        secrets = _given(parsed, entry, path)
        stored = have[entry.name] if before is not None else {}
        fresh = {name: value for name, value in secrets.items() if stored.get(name) != value}
        changed = _set_channel(ctx, actor, entry, before, fresh, stored | secrets)
        how = "created" if before is None else "changed" if changed else "unchanged"
        steps.count(T("Channel {name}", name=entry.name), how)


def _set_channel(
    ctx: Context, actor: Actor, entry: ChannelEntry, before: StoredChannel | None, fresh: Mapping[str, str],
    secrets: Mapping[str, str],
) -> bool:  # fmt: skip
    wanted = checked_channel(entry.kind, _values(entry), secrets)
    changed = before is None or _told(before) != _told(wanted) or bool(fresh)
    number = before.id if before is not None else 0
    if changed:
        number = save_channel(ctx, actor, number, entry.kind, _values(entry), fresh)
    with ctx.database.session() as session:
        on = next(one.enabled for one in outbox.channels(session) if one.id == number)
    # One that was switched off because it does not work stays off, unless something about it changed.
    worked = before is None or before.off_reason is None
    if on == entry.paused and (worked or changed):
        switch_channel(ctx, actor, number, on=not entry.paused)
        return True
    return changed


def _apply_rules(ctx: Context, actor: Actor, entries: Sequence[AlertRuleEntry], steps: Steps) -> None:
    have = stored_rules(ctx)
    with ctx.database.session() as session:
        portals = {portal.name: portal.id for portal in portal_store.all_portals(session)}
        channels = {one.name: one.id for one in outbox.channels(session)}
    wanted = [
        AlertRule.model_validate(
            _fields(entry)
            | {
                "portal_id": portals[entry.portal] if entry.portal else None,
                "channels": tuple(sorted(channels[name] for name in entry.channels)),
            }
        )
        for entry in entries
    ]
    left, unchanged = list(have), 0
    new: list[AlertRule] = []
    for rule in wanted:
        same = next((one for one in left if _content(one) == _content(rule)), None)
        if same is None:
            new.append(rule)
        else:
            left.remove(same)
            unchanged += 1
    changed = 0
    for rule in new:
        like = next((one for one in left if _alike(one) == _alike(rule)), None)
        if like is not None:
            left.remove(like)
            changed += 1
        kept = {name: getattr(like, name) for name in KEPT} if like is not None else {}
        save_rule(ctx, actor, rule.model_dump() | kept | {"id": like.id if like is not None else 0})
    for one in left:
        remove_rule(ctx, actor, one.id)
    steps.count_many(T("Alert rules"), len(new) - changed, changed, len(left), unchanged)


def alerts_content(session: Session, variables: Mapping[str, str]) -> dict[str, Any]:
    """The channels and rules as the file has them; what is as usual is left out."""
    channels = outbox.channels(session)
    fields = secret_store.fields(session, [owner_of(one.id) for one in channels])
    names = {one.id: one.name for one in channels}
    content: dict[str, Any] = {}
    if channels:
        content["channels"] = [
            escaped(_channel_content(one)) | secrets_of("channel", one.name, fields[owner_of(one.id)], variables)
            for one in channels
        ]
    rules = sorted(store.rules(session), key=lambda one: (one.reach, one.portal, one.product, one.kind, one.id))
    content["alert_rules"] = [_rule_content(one, names) for one in rules]
    return content


def _channel_content(one: StoredChannel) -> dict[str, Any]:
    usual = ChannelEntry(name="-", kind="-")
    entry: dict[str, Any] = {"name": one.name, "kind": one.kind, "settings": dict(one.settings)}
    entry["recipients"] = list(one.recipients)
    entry |= {
        name: getattr(one, name)
        for name in ("language", "digest_at", "digest_weekday")
        if getattr(one, name) != getattr(usual, name)
    }
    # One that was switched off because it failed is not meant to be off.
    entry["paused"] = not one.enabled and one.off_reason is None
    return {name: value for name, value in entry.items() if value not in ({}, [], False)}


def _rule_content(rule: AlertRule, channels: Mapping[int, str]) -> dict[str, Any]:
    told = rule.model_dump(exclude={"id", "kind", "portal_id", "enabled", "channels", *KEPT}, exclude_defaults=True)
    entry = {name: value.value if hasattr(value, "value") else plain(value) for name, value in told.items()}
    if rule.channels:
        entry["channels"] = sorted(channels[one] for one in rule.channels if one in channels)
    return {"kind": rule.kind.value} | entry | ({} if rule.enabled else {"paused": True})


def _given(parsed: Parsed, entry: ChannelEntry, path: str) -> dict[str, str]:
    return {name: value for name, value in entry.secrets.items() if f"{path}.secrets.{name}" not in parsed.missing}


def _values(entry: ChannelEntry) -> dict[str, Any]:
    return entry.model_dump(include={"name", "settings", "recipients", "language", "digest_at", "digest_weekday"})


def _told(one: StoredChannel) -> tuple[Any, ...]:
    return (one.kind, dict(one.settings), one.recipients, one.language, one.digest_at, one.digest_weekday)


def _fields(entry: AlertRuleEntry) -> dict[str, Any]:
    return entry.model_dump(exclude={"portal", "paused", "channels"}) | {"enabled": not entry.paused}


def _content(rule: AlertRule) -> dict[str, Any]:
    told = rule.model_dump(exclude={"id", "portal", *KEPT})
    return told | {"channels": tuple(sorted(rule.channels))}


def _alike(rule: AlertRule) -> tuple[Any, ...]:
    return tuple(getattr(rule, name) for name in SAME_RULE)
