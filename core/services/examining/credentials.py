"""Credentials and certificates that end: by what they tell of themselves, what people entered, and how long they lie unused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain.text import T
from core.secrets.ends import LONGEST, ends
from core.services.alerts.credentials import ends_by_name
from core.services.examining.check import OK, TODO, WRONG, Check
from core.store import alert_outbox
from core.store import portals as portal_store
from core.store import secrets as secret_store

if TYPE_CHECKING:
    from core.services.context import Context

SOON = timedelta(days=30)
UNUSED = timedelta(days=75)
"""Refresh tokens that are not used die after 90 days with most vendors."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Something of somebody that is good until an instant. `what` is the name of a field; empty for all credentials of a portal."""

    owner: str
    what: str
    end: datetime


def look(ctx: Context) -> Iterator[Check]:
    """What ended, and what ends within a month."""
    now = ctx.clock.now()
    with ctx.database.session() as session:
        portals = portal_store.all_portals(session)
        names = {"autotask": "Autotask", **{f"portal:{portal.id}": portal.name for portal in portals}}
        names |= {f"channel:{one.id}": one.name for one in alert_outbox.channels(session)}
        entered = ends_by_name(session)
        kept = [one for one in secret_store.everything(session, ctx.secrets) if one.owner in names and one.value]
    known = [Ending(name, "", datetime.combine(day, time.max, UTC)) for name, day in entered.items()]
    known += [Ending(names[one.owner], one.field, end) for one in kept if (end := ends(one.value or ""))]
    known += [
        Ending(portal.name, field, end)
        for portal in portals
        for field, text in _certificates(portal.settings)
        if (end := ends(text))
    ]
    for one in known:
        if one.end - now <= SOON:
            yield _ending(one, over=one.end <= now)
    for each in kept:
        if "refresh_token" in each.field and now - each.updated_at > UNUSED:
            yield _unused(names[each.owner], each)
    if known:
        text = T("Of {count} it is known when they end.", count=len(known))
        yield Check("Credentials", OK, text, code="credentials.known")


def _ending(one: Ending, *, over: bool) -> Check:
    values = {"owner": one.owner, "what": one.what or T("the credentials"), "day": one.end.date()}
    return Check(
        "Credentials",
        WRONG if over else TODO,
        T("{owner}: {what} ended on {day}.", **values) if over else T("{owner}: {what} ends on {day}.", **values),
        T("Get a new one at the vendor, and enter it before that day."),
        "credentials.ended" if over else "credentials.ending",
    )


def _certificates(settings: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Settings that are a certificate, or the path of one."""
    for name, value in settings.items():
        if isinstance(value, str) and value and "certificate" in name:
            yield name, value if "-----BEGIN" in value else _content(value)


def _content(path: str) -> str:
    try:
        with Path(path).open(encoding="ascii", errors="replace") as file:
            return file.read(LONGEST)
    except (OSError, ValueError):
        return ""


def _unused(owner: str, kept: secret_store.Kept) -> Check:
    return Check(
        "Credentials",
        TODO,
        T("{owner}: {what} was not renewed since {day}.", owner=owner, what=kept.field, day=kept.updated_at.date()),
        T("Sync this portal, or sign in again: most vendors forget it after 90 days."),
        "credentials.unused",
    )
