"""Channels as people set them up: settings and secrets, a test, and what came of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from core.domain.alerts.pacing import MAIL, is_time
from core.domain.due import Weekday
from core.domain.errors import InputError, SettingsError
from core.domain.text import T, Text
from core.domain.validation import checked
from core.i18n import LANGUAGES
from core.notify.opening import SECRETS, SETTINGS
from core.services.access import Actor, Role, require, require_confirmed
from core.services.alerts.delivering import owner_of, send
from core.services.alerts.notices import PUBLIC_URL
from core.services.audited import note
from core.services.autotask_settings import TestResult
from core.services.forms import FormField, form_of
from core.store import alert_outbox as outbox
from core.store import secrets as secret_store
from core.store import workspace
from core.store.alert_outbox import StoredChannel
from core.store.codec import digest

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelCard:
    """One channel without its secrets. `address` is a Teams address as it may be shown: its host and last four characters.

    `last_state` and `last_at` are of the last message that came to its end; `secrets_set` names the secrets that are stored.
    """

    id: int
    name: str
    kind: str
    settings: Mapping[str, Any]
    recipients: tuple[str, ...]
    language: str
    enabled: bool
    digest_at: str
    digest_weekday: str
    off_reason: Text | None
    appeared: bool | None
    appeared_at: datetime | None
    secrets_set: frozenset[str]
    address: str
    last_state: str
    last_at: datetime | None


def channels(ctx: Context, actor: Actor) -> list[ChannelCard]:
    """All channels by name. For operators."""
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        stored = outbox.channels(session)
        kept = secret_store.fields(session, [owner_of(one.id) for one in stored])
        last = outbox.last_sent(session)
        shown = {
            one.id: _shown(secret_store.get(session, ctx.secrets, owner_of(one.id)).get("url", ""))
            for one in stored
            if one.kind == "teams"
        }
    return [
        ChannelCard(
            id=one.id, name=one.name, kind=one.kind, settings=one.settings, recipients=one.recipients, language=one.language,
            enabled=one.enabled, digest_at=one.digest_at, digest_weekday=one.digest_weekday, off_reason=one.off_reason,
            appeared=one.appeared, appeared_at=one.appeared_at, secrets_set=kept[owner_of(one.id)],
            address=shown.get(one.id, ""), last_state=last[one.id][0] if one.id in last else "",
            last_at=last[one.id][1] if one.id in last else None,
        )
        for one in stored
    ]  # fmt: skip


def channel_form(kind: str) -> tuple[tuple[FormField, ...], tuple[FormField, ...]]:
    """The fields of a kind of channel: settings, secrets."""
    return form_of(SETTINGS[kind]), form_of(SECRETS[kind])


def save_channel(
    ctx: Context, actor: Actor, channel_id: int, kind: str, values: Mapping[str, Any], secrets: Mapping[str, str]
) -> int:
    """Set up a channel (`channel_id` 0) or change one; gives its number. For admins; to
    change one, confirmed: another address would be sent its secrets.

    `values`: name, settings, recipients, language, digest_at, digest_weekday. Secrets that are not given stay as they are.
    Raises InputError and SettingsError for what is not right.
    """
    require(actor, Role.ADMIN)
    if channel_id:
        require_confirmed(ctx, actor)
    given = {name: value.strip() for name, value in secrets.items() if value.strip()}
    fresh = _clean(channel_id, kind, values)

    def work(session: Session) -> int:
        known = {one.id: one for one in outbox.channels(session)}
        before = known.get(channel_id)
        if channel_id and before is None:
            raise _gone()
        if any(one.name.casefold() == fresh.name.casefold() and one.id != channel_id for one in known.values()):
            raise InputError(T("There is a channel {name} already.", name=fresh.name), kind="channel")
        kept = secret_store.get(session, ctx.secrets, owner_of(channel_id)) if channel_id else {}
        _check_secrets(kind, fresh.settings, kept | given)
        wanted = _carried(fresh, before, given)
        number = outbox.save_channel(session, wanted, ctx.clock.now())
        secret_store.put(session, ctx.secrets, owner_of(number), given, ctx.clock.now())
        note(
            ctx, session, actor, "channel.changed" if before else "channel.made", fresh.name,
            before=_told(before) if before else None,
            after=_told(wanted) | ({"secrets_replaced": sorted(given)} if given else {}),
        )  # fmt: skip
        return number

    return ctx.database.run(work)


def switch_channel(ctx: Context, actor: Actor, channel_id: int, *, on: bool) -> None:
    """Use a channel or not. One that failed too often is tried again when it is switched on. For admins."""

    def change(one: StoredChannel) -> StoredChannel:
        return replace(one, enabled=on, failures=0, off_reason=None)

    _change(ctx, actor, channel_id, "channel.switched", change, Role.ADMIN)


def remove_channel(ctx: Context, actor: Actor, channel_id: int) -> None:
    """Remove a channel, its secrets and its messages. For admins."""
    require(actor, Role.ADMIN)

    def work(session: Session) -> None:
        before = _find(session, channel_id)
        outbox.delete_channel(session, channel_id)
        secret_store.remove(session, owner_of(channel_id))
        note(ctx, session, actor, "channel.removed", before.name, before=_told(before))

    ctx.database.run(work)


def test_channel(ctx: Context, actor: Actor, channel_id: int) -> TestResult:
    """Send a test now, and tell in words how that went. For operators."""
    require(actor, Role.OPERATOR)

    def work(session: Session) -> tuple[StoredChannel, int | None]:
        channel = _find(session, channel_id)
        now = ctx.clock.now()
        number = outbox.put(session, channel_id, f"test|{uuid.uuid4().hex}", "test", now, now)
        note(ctx, session, actor, "channel.tested", channel.name)
        return channel, number

    channel, number = ctx.database.run(work)
    with ctx.database.session() as session:
        message = outbox.message(session, number or 0)
    sent = send(ctx, message) if message else None
    if sent is None:
        return TestResult(ok=True, message=T("The test waits for its turn: this channel was used a moment ago."))
    if sent.state == outbox.FAILED:
        return TestResult(ok=False, message=sent.error or T("It failed."), remedy=sent.remedy)
    if channel.kind == "teams":
        return TestResult(
            ok=True, message=T("Teams accepted the card. Did it appear in the channel?"), remedy=sent.error
        )
    if sent.state == outbox.ACCEPTED:
        return TestResult(ok=True, message=T("Microsoft accepted the mail and delivers it soon."), remedy=sent.error)
    return TestResult(ok=True, message=T("The mail server took the mail."), remedy=sent.error)


def tell_appeared(ctx: Context, actor: Actor, channel_id: int, *, appeared: bool) -> None:
    """The answer to "did it appear in the channel?": Teams itself tells nobody. For operators."""
    now = ctx.clock.now()
    _change(
        ctx, actor, channel_id, "channel.appeared",
        lambda one: replace(one, appeared=appeared, appeared_at=now), Role.OPERATOR,
    )  # fmt: skip


def public_url(ctx: Context, actor: Actor) -> str:
    """Where these pages are for the readers of a message; empty until somebody entered it. For viewers."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return str(workspace.get(session, PUBLIC_URL, ""))


def save_public_url(ctx: Context, actor: Actor, url: str) -> None:
    """Enter it. For admins. Raises SettingsError for what is no web address."""
    require(actor, Role.ADMIN)
    text = url.strip().rstrip("/")
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query):
        raise SettingsError(
            T("{address} is no web address.", address=text[:120]),
            place=PUBLIC_URL,
            remedy=T("Write it as in the browser: https://contracts.example.com"),
        )

    def work(session: Session) -> None:
        before = str(workspace.get(session, PUBLIC_URL, ""))
        if before != text:
            workspace.put(session, {PUBLIC_URL: text})
            note(ctx, session, actor, "settings.changed", PUBLIC_URL, before=before, after=text)

    ctx.database.run(work)


def checked_channel(kind: str, values: Mapping[str, Any], secrets: Mapping[str, str]) -> StoredChannel:
    """The channel that these values make, not stored yet. Raises InputError and SettingsError as `save_channel` does."""
    fresh = _clean(0, kind, values)
    _check_secrets(kind, fresh.settings, secrets)
    return fresh


def _clean(channel_id: int, kind: str, values: Mapping[str, Any]) -> StoredChannel:
    from core.services.reports.statements import ADDRESS

    if kind not in SETTINGS:
        raise SettingsError(T("There is no kind of channel {kind}.", kind=kind), kind="unknown_channel")
    name = " ".join(str(values.get("name", "")).split())[:80]
    recipients = tuple(dict.fromkeys(one.strip() for one in values.get("recipients", ()) if one.strip()))
    settings = checked(SETTINGS[kind], values.get("settings", {}), name or kind)
    at, weekday = str(values.get("digest_at", "08:00")), str(values.get("digest_weekday", "monday"))
    language = str(values.get("language", "en"))
    if not name:
        raise InputError(T("Give the channel a name."), kind="channel")
    wrong = tuple(address for address in recipients if not ADDRESS.fullmatch(address))
    if wrong:
        raise InputError(T("These are no e-mail addresses: {addresses}.", addresses=wrong), kind="recipients")
    if kind in MAIL and not recipients:
        raise InputError(T("Give at least one e-mail address."), kind="recipients")
    if not is_time(at) or weekday not in set(Weekday) or language not in LANGUAGES:
        raise InputError(T("Give a time of the day, such as 02:00."), kind="channel")
    return StoredChannel(
        id=channel_id, name=name, kind=kind, settings=settings.model_dump(mode="json", exclude_defaults=True),
        recipients=recipients if kind in MAIL else (), language=language, digest_at=at, digest_weekday=weekday,
    )  # fmt: skip


def _check_secrets(kind: str, settings: Mapping[str, Any], have: Mapping[str, str]) -> None:
    checked(SECRETS[kind], have, kind)
    if kind == "teams":
        parts = urlsplit(have["url"])
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise SettingsError(
                T("The address of the Teams channel is not a web address."),
                remedy=T("Copy the whole address from the flow “Send webhook alerts to a channel” in Teams."),
                place="url",
            )
    needed = {"password": "password", "oauth": "client_secret"}.get(settings.get("sign_in", "password"), "")
    if kind == "smtp" and needed and not have.get(needed):
        raise SettingsError(
            T("The password is needed to sign in.") if needed == "password" else T("OAuth needs the client secret."),
            place=needed,
        )


def _carried(fresh: StoredChannel, before: StoredChannel | None, given: Mapping[str, str]) -> StoredChannel:
    """What stays of the channel as it was. Another Teams address is another channel: nobody has seen anything in it yet."""
    address = digest(given["url"]) if "url" in given else (before.address if before else "")
    if before is None or (given or dict(before.settings) != dict(fresh.settings)):
        return replace(fresh, address=address)
    return replace(
        fresh, address=address, enabled=before.enabled, failures=before.failures, off_reason=before.off_reason,
        appeared=before.appeared, appeared_at=before.appeared_at,
    )  # fmt: skip


def _change(ctx: Context, actor: Actor, channel_id: int, event: str, change: Any, role: Role) -> None:
    require(actor, role)

    def work(session: Session) -> None:
        before = _find(session, channel_id)
        after = change(before)
        outbox.save_channel(session, after, ctx.clock.now())
        note(ctx, session, actor, event, before.name, before=_told(before), after=_told(after))

    ctx.database.run(work)


def _find(session: Session, channel_id: int) -> StoredChannel:
    found = next((one for one in outbox.channels(session) if one.id == channel_id), None)
    if found is None:
        raise _gone()
    return found


def _gone() -> InputError:
    return InputError(T("This channel is not there any more."), kind="channel")


def _told(one: StoredChannel) -> dict[str, Any]:
    return {
        "name": one.name, "kind": one.kind, "settings": dict(one.settings), "recipients": list(one.recipients),
        "language": one.language, "enabled": one.enabled, "digest_at": one.digest_at, "digest_weekday": one.digest_weekday,
        "appeared": one.appeared,
    }  # fmt: skip


def _shown(url: str) -> str:
    return f"{urlsplit(url).hostname} …{url[-4:]}" if url else ""
