"""Channels, and messages on their way to them: the intent first, then each attempt, until one is the last."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from core.domain.paging import Page, PageQuery
from core.domain.text import Text
from core.store.bulk import chunks, insert_or_nothing, inserting
from core.store.codec import from_json, text_from_json, text_to_json, to_json
from core.store.tables import table
from core.store.tables.alerts import AlertAttemptRow, AlertChannelRow, AlertMessageItemRow, AlertMessageRow

CHANNEL, MESSAGE = table(AlertChannelRow), table(AlertMessageRow)
ITEM, ATTEMPT = table(AlertMessageItemRow), table(AlertAttemptRow)
WAITING, SENDING, DELIVERED, ACCEPTED, FAILED, DROPPED = (
    "waiting",
    "sending",
    "delivered",
    "accepted",
    "failed",
    "dropped",
)
OPEN = (WAITING, SENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChannel:
    """One channel; `id` is 0 until it is stored. `settings` hold no secret. See the table for the other fields."""

    id: int = 0
    name: str
    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    recipients: tuple[str, ...] = ()
    language: str = "en"
    locale: str = ""
    enabled: bool = True
    digest_at: str = "08:00"
    digest_weekday: str = "monday"
    failures: int = 0
    off_reason: Text | None = None
    address: str = ""
    appeared: bool | None = None
    appeared_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message. `kind`: alerts, test, statement."""

    id: int
    channel_id: int
    channel: str
    key: str
    kind: str
    state: str
    next_at: datetime
    attempts: int
    notice: Mapping[str, Any] | None
    options: Mapping[str, Any]
    reference: str
    error: Text | None
    created_at: datetime
    ended_at: datetime | None


def channels(session: Session, *, enabled: bool | None = None) -> list[StoredChannel]:
    """All channels by name, or those that are (not) enabled."""
    query = select(CHANNEL).order_by(CHANNEL.c.name)
    if enabled is not None:
        query = query.where(CHANNEL.c.enabled == enabled)
    return [_channel(row) for row in session.execute(query)]


def save_channel(session: Session, one: StoredChannel, now: datetime) -> int:
    """Store a channel, new (`id` 0) or known; gives its number."""
    values = {
        "name": one.name, "kind": one.kind, "settings": dict(one.settings), "recipients": list(one.recipients),
        "language": one.language, "locale": one.locale, "enabled": one.enabled, "digest_at": one.digest_at,
        "digest_weekday": one.digest_weekday, "failures": one.failures,
        "off_reason": text_to_json(one.off_reason) if one.off_reason else None, "address": one.address,
        "appeared": one.appeared, "appeared_at": one.appeared_at,
    }  # fmt: skip
    if one.id:
        session.execute(CHANNEL.update().where(CHANNEL.c.id == one.id).values(values))
        return one.id
    return int(session.execute(CHANNEL.insert().values(**values, created_at=now).returning(CHANNEL.c.id)).scalar_one())


def delete_channel(session: Session, channel_id: int) -> None:
    """Remove a channel with its messages."""
    session.execute(CHANNEL.delete().where(CHANNEL.c.id == channel_id))


def note_success(session: Session, channel_id: int) -> None:
    """It works: failures are counted anew."""
    session.execute(CHANNEL.update().where(CHANNEL.c.id == channel_id).values(failures=0))


def note_failure(session: Session, channel_id: int, reason: Text, most: int) -> bool:
    """One more refusal for good; True when that was the last one it is allowed, and it was switched off."""
    count = session.execute(
        CHANNEL.update()
        .where(CHANNEL.c.id == channel_id)
        .values(failures=CHANNEL.c.failures + 1)
        .returning(CHANNEL.c.failures)
    ).scalar_one()
    if count < most:
        return False
    session.execute(
        CHANNEL.update().where(CHANNEL.c.id == channel_id).values(enabled=False, off_reason=text_to_json(reason))
    )
    return True


def put(
    session: Session,
    channel_id: int,
    key: str,
    kind: str,
    due: datetime,
    now: datetime,
    options: Mapping[str, Any] | None = None,
) -> int | None:
    """Put a message into the outbox; gives its number, also where the same one is there already. None where that was sent."""
    values = {
        "channel_id": channel_id, "key": key, "kind": kind, "state": WAITING, "next_at": due, "attempts": 0,
        "options": dict(options or {}), "reference": "", "created_at": now,
    }  # fmt: skip
    session.execute(insert_or_nothing(session, MESSAGE, ["channel_id", "key"]).values(values))
    query = select(MESSAGE.c.id, MESSAGE.c.state, MESSAGE.c.attempts).where(
        MESSAGE.c.channel_id == channel_id, MESSAGE.c.key == key
    )
    row = session.execute(query).one()
    return row.id if row.state == WAITING and not row.attempts else None


def has_key(session: Session, key: str) -> bool:
    """Whether any channel has or had this message."""
    return session.execute(select(MESSAGE.c.id).where(MESSAGE.c.key == key).limit(1)).first() is not None


def add_items(session: Session, message_id: int, alerts: Mapping[int, bool]) -> None:
    """Let a message tell these alerts: number → whether it was told before."""
    for chunk in chunks(alerts):
        rows = [{"message_id": message_id, "alert_id": number, "again": alerts[number]} for number in chunk]
        session.execute(inserting(session, ITEM).on_conflict_do_nothing(), rows)


def items(session: Session, message_id: int) -> dict[int, bool]:
    """The alerts that a message tells, and which of them again."""
    query = select(ITEM.c.alert_id, ITEM.c.again).where(ITEM.c.message_id == message_id)
    return {row[0]: row[1] for row in session.execute(query)}


def told_elsewhere(session: Session, channel_id: int, alerts: Collection[int], since: datetime) -> set[int]:
    """Those of the alerts that a message to this channel tells, waiting or sent since an instant."""
    query = (
        select(ITEM.c.alert_id)
        .join(MESSAGE, MESSAGE.c.id == ITEM.c.message_id)
        .where(MESSAGE.c.channel_id == channel_id, MESSAGE.c.state != FAILED, MESSAGE.c.created_at >= since)
    )
    return {
        row[0] for chunk in chunks(sorted(alerts)) for row in session.execute(query.where(ITEM.c.alert_id.in_(chunk)))
    }


def sent_or_due(session: Session, alerts: Collection[int]) -> dict[int, tuple[datetime | None, datetime | None]]:
    """Of each alert: when a message that tells it last got through, and when the next one that waits is due."""
    through = case((MESSAGE.c.state.in_((DELIVERED, ACCEPTED)), MESSAGE.c.ended_at))
    waits = case((MESSAGE.c.state.in_(OPEN), MESSAGE.c.next_at))
    query = (
        select(ITEM.c.alert_id, func.max(through), func.min(waits))
        .join(MESSAGE, MESSAGE.c.id == ITEM.c.message_id)
        .group_by(ITEM.c.alert_id)
    )
    return {
        row[0]: (row[1], row[2])
        for chunk in chunks(sorted(alerts))
        for row in session.execute(query.where(ITEM.c.alert_id.in_(chunk)))
    }


def due(session: Session, now: datetime, limit: int = 50) -> list[Message]:
    """Messages whose turn it is, the longest waiting first; none of channels that are switched off."""
    query = (
        _messages()
        .where(MESSAGE.c.state == WAITING, MESSAGE.c.next_at <= now, CHANNEL.c.enabled)
        .order_by(MESSAGE.c.next_at, MESSAGE.c.id)
        .limit(limit)
    )
    return [_message(row) for row in session.execute(query)]


def busy(session: Session, now: datetime) -> bool:
    """Whether there is anything to send, or something that a process may have left behind."""
    query = (
        select(MESSAGE.c.id)
        .join(CHANNEL, CHANNEL.c.id == MESSAGE.c.channel_id)
        .where(
            or_(
                MESSAGE.c.state == SENDING,
                and_(MESSAGE.c.state == WAITING, MESSAGE.c.next_at <= now, CHANNEL.c.enabled),
            )
        )
    )
    return session.execute(query.limit(1)).first() is not None


def waiting(session: Session, channel_id: int) -> list[Message]:
    """All messages that wait for this channel."""
    query = _messages().where(MESSAGE.c.channel_id == channel_id, MESSAGE.c.state == WAITING)
    return [_message(row) for row in session.execute(query.order_by(MESSAGE.c.id))]


def restart(session: Session, message_id: int, now: datetime) -> bool:
    """Send a message that failed once more, as if it never was tried; False where it did not fail."""
    changed = session.execute(
        MESSAGE.update()
        .where(MESSAGE.c.id == message_id, MESSAGE.c.state == FAILED)
        .values(state=WAITING, next_at=now, attempts=0, error=None, ended_at=None)
        .returning(MESSAGE.c.id)
    )
    return changed.first() is not None


def claim(session: Session, message_id: int, now: datetime, notice: Mapping[str, Any], address: str) -> int | None:
    """Take a message before it is sent, and keep what is sent; gives the attempt's number, None where it is not waiting."""
    taken = session.execute(
        MESSAGE.update()
        .where(MESSAGE.c.id == message_id, MESSAGE.c.state == WAITING)
        .values(state=SENDING, claimed_at=now, attempts=MESSAGE.c.attempts + 1, notice=to_json(notice))
        .returning(MESSAGE.c.id)
    )
    if taken.first() is None:
        return None
    values = {"message_id": message_id, "at": now, "address": address, "outcome": SENDING}
    return int(session.execute(ATTEMPT.insert().values(values).returning(ATTEMPT.c.id)).scalar_one())


def end_attempt(session: Session, attempt_id: int, outcome: str, detail: Text | None = None) -> None:
    """What became of an attempt."""
    values = {"outcome": outcome, "detail": text_to_json(detail) if detail else None}
    session.execute(ATTEMPT.update().where(ATTEMPT.c.id == attempt_id).values(values))


def end(
    session: Session, message_id: int, state: str, now: datetime, *, reference: str = "", error: Text | None = None
) -> None:
    """The last word about a message."""
    values = {"state": state, "ended_at": now, "reference": reference, "error": text_to_json(error) if error else None}
    session.execute(MESSAGE.update().where(MESSAGE.c.id == message_id).values(values))


def wait(session: Session, message_id: int, until: datetime, error: Text | None = None) -> None:
    """Send it (again) later."""
    values: dict[str, Any] = {"state": WAITING, "next_at": until}
    if error is not None:
        values["error"] = text_to_json(error)
    session.execute(MESSAGE.update().where(MESSAGE.c.id == message_id).values(values))


def free_dead(session: Session, now: datetime) -> int:
    """Messages whose process ended while it sent them wait again: whether they went out nobody knows. Gives how many.

    Only for the one that may send: nobody else is sending then.
    """
    freed = session.execute(
        MESSAGE.update().where(MESSAGE.c.state == SENDING).values(state=WAITING, next_at=now).returning(MESSAGE.c.id)
    ).all()
    for chunk in chunks([row[0] for row in freed]):
        session.execute(
            ATTEMPT.update()
            .where(ATTEMPT.c.message_id.in_(chunk), ATTEMPT.c.outcome == SENDING)
            .values(outcome="unknown")
        )
    return len(freed)


def posts(session: Session, address: str, since: datetime) -> list[datetime]:
    """When something was posted to an address, in order of time."""
    query = select(ATTEMPT.c.at).where(ATTEMPT.c.address == address, ATTEMPT.c.at > since).order_by(ATTEMPT.c.at)
    return list(session.execute(query).scalars())


def page(session: Session, query: PageQuery) -> Page[Message]:
    """Messages, newest first; `status` is the state, `text` is searched in the channel's name."""
    rows = _messages()
    if query.status:
        rows = rows.where(MESSAGE.c.state == query.status)
    if query.text:
        rows = rows.where(CHANNEL.c.name.icontains(query.text, autoescape=True))
    total = session.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
    found = session.execute(rows.order_by(MESSAGE.c.id.desc()).limit(query.size).offset(query.offset))
    return Page(tuple(_message(row) for row in found), total)


def message(session: Session, message_id: int) -> Message | None:
    """One message."""
    row = session.execute(_messages().where(MESSAGE.c.id == message_id)).first()
    return _message(row) if row else None


def item_counts(session: Session, numbers: Sequence[int]) -> dict[int, int]:
    """How many alerts each of these messages tells."""
    query = select(ITEM.c.message_id, func.count()).where(ITEM.c.message_id.in_(list(numbers)))
    return {row[0]: row[1] for row in session.execute(query.group_by(ITEM.c.message_id))}


def last_sent(session: Session) -> dict[int, tuple[str, datetime]]:
    """State and moment of each channel's last message that came to its end."""
    last = select(func.max(MESSAGE.c.id)).where(MESSAGE.c.ended_at.is_not(None)).group_by(MESSAGE.c.channel_id)
    query = select(MESSAGE.c.channel_id, MESSAGE.c.state, MESSAGE.c.ended_at).where(MESSAGE.c.id.in_(last))
    return {row[0]: (row[1], row[2]) for row in session.execute(query)}


def prune(session: Session, before: datetime) -> None:
    """Forget messages that came to their end before an instant."""
    session.execute(MESSAGE.delete().where(MESSAGE.c.ended_at < before))


def _messages() -> Select[Any]:
    return select(MESSAGE, CHANNEL.c.name.label("channel")).join(CHANNEL, CHANNEL.c.id == MESSAGE.c.channel_id)


def _message(row: Row[Any]) -> Message:
    return Message(
        id=row.id, channel_id=row.channel_id, channel=row.channel, key=row.key, kind=row.kind, state=row.state,
        next_at=row.next_at, attempts=row.attempts, notice=from_json(row.notice) if row.notice else None, options=row.options,
        reference=row.reference, error=text_from_json(row.error), created_at=row.created_at, ended_at=row.ended_at,
    )  # fmt: skip


def _channel(row: Row[Any]) -> StoredChannel:
    return StoredChannel(
        id=row.id, name=row.name, kind=row.kind, settings=row.settings, recipients=tuple(row.recipients),
        language=row.language, locale=row.locale, enabled=row.enabled, digest_at=row.digest_at,
        digest_weekday=row.digest_weekday, failures=row.failures, off_reason=text_from_json(row.off_reason),
        address=row.address, appeared=row.appeared, appeared_at=row.appeared_at,
    )  # fmt: skip
