"""What the Portals page shows: the kinds of portals there are, and each portal with its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from core.domain.connector import Connector, Feed
from core.domain.due import Schedule, describe
from core.domain.errors import InputError, SettingsError
from core.domain.file_settings import FileSettings
from core.domain.pickup_settings import columns_of
from core.domain.policy import Mode, Policy, PolicyOverride
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.forms import FormField, form_of
from core.store import consumption, history, runs
from core.store import portals as store
from core.store import secrets as secret_store
from core.store.history import ReadingInfo
from core.store.numbers import PortalNumbers, portal_numbers

if TYPE_CHECKING:
    from core.services.context import Context


class PortalState(StrEnum):
    """The one word on a portal's card."""

    NEVER_READ = "never_read"
    OK = "ok"
    STALE = "stale"
    FAILING = "failing"
    READING = "reading"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalCard:
    """A portal as the Portals page shows it. `schedule` is in words, `next_due` the UTC instant of its next reading."""

    id: int
    name: str
    connector: str
    connector_name: str
    kind: str
    pulls: bool
    takes_files: bool
    picks_up: bool
    counts: Text
    state: PortalState
    message: Text
    mode: Mode
    schedule: Text
    next_due: datetime | None
    last_read: datetime | None
    lines: int
    customers: int
    unmapped_customers: int
    unmapped_products: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalDetail:
    """All settings of one portal. Secrets are never here: `secrets_set` names those that are stored.

    `columns` are those of the settings that say how a file of it is read.
    """

    card: PortalCard
    settings: Mapping[str, object]
    secrets_set: frozenset[str]
    policy: Policy
    overrides: tuple[PolicyOverride, ...]
    schedule: Mapping[str, object]

    @property
    def columns(self) -> Mapping[str, object]:
        return columns_of(self.settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorCard:
    """One kind of portal with its forms."""

    slug: str
    name: str
    kind: str
    pulls: bool
    takes_files: bool
    picks_up: bool
    counts: Text
    guide: tuple[Text, ...]
    settings: tuple[FormField, ...]
    secrets: tuple[FormField, ...]


def list_connectors(ctx: Context, actor: Actor) -> list[ConnectorCard]:
    """All kinds of portals, in order of name."""
    require(actor, Role.VIEWER)
    cards = [
        ConnectorCard(
            slug=c.slug,
            name=c.name,
            kind=c.kind.value,
            pulls=c.feed is not Feed.PUSH,
            takes_files=c.settings is FileSettings,
            picks_up=c.feed is Feed.PICKUP,
            counts=c.counts,
            guide=c.guide,
            settings=_fields(c),
            secrets=form_of(c.secrets),
        )
        for c in ctx.connectors.all()
    ]
    return sorted(cards, key=lambda card: card.name.casefold())


def list_portals(ctx: Context, actor: Actor) -> list[PortalCard]:
    """Every portal that is not put away, in order of name."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        portals = store.all_portals(session)
        numbers = portal_numbers(session)
        latest = history.latest_readings(session, [portal.id for portal in portals])
        amounts = consumption.last_readings(session)
        reading = _being_read(runs.unfinished(session))
    cards = [
        _card(ctx, portal, numbers.get(portal.id, PortalNumbers()), latest.get(portal.id), busy=_busy(portal, reading))
        for portal in portals
    ]
    return [_with_amounts(card, *amounts[card.id]) if card.id in amounts else card for card in cards]


def _with_amounts(card: PortalCard, told: datetime, lines: int) -> PortalCard:
    """A portal that tells amounts, and maybe nothing else, was read when it told them."""
    if card.last_read is not None and card.last_read >= told:
        return card
    if card.state is PortalState.NEVER_READ:
        card = replace(card, state=PortalState.OK, message=T("Amounts were read."), lines=lines)
    return replace(card, last_read=told)


def portal_detail(ctx: Context, actor: Actor, portal: str) -> PortalDetail:
    """One portal with its settings. Raises InputError (kind `unknown_portal`)."""
    card = next((card for card in list_portals(ctx, actor) if card.name == portal), None)
    if card is None:
        raise InputError(T("There is no portal {name}.", name=portal), kind="unknown_portal")
    with ctx.database.session() as session:
        found = store.by_id(session, card.id)
        owner = f"portal:{card.id}"
        kept = secret_store.fields(session, [owner])[owner]
    assert found is not None
    return PortalDetail(
        card=card,
        settings=found.settings,
        secrets_set=kept,
        policy=found.policy,
        overrides=found.overrides,
        schedule=found.schedule,
    )


def _fields(connector: Connector) -> tuple[FormField, ...]:
    """What is asked when a portal is connected; the columns of files that are picked up are chosen with an example."""
    fields = form_of(connector.settings)
    if connector.feed is not Feed.PICKUP:
        return fields
    return tuple(field for field in fields if field.name not in FileSettings.model_fields)


def _being_read(unfinished: list[runs.Run]) -> frozenset[str] | None:
    """Names of portals that a run reads now; None: all."""
    names: set[str] = set()
    for run in unfinished:
        if run.status == runs.RUNNING and run.kind == "sync":
            if not run.portals:
                return None
            names |= set(run.portals)
    return frozenset(names)


def _busy(portal: store.Portal, reading: frozenset[str] | None) -> bool:
    return portal.enabled and (reading is None or portal.name in reading)


def _card(
    ctx: Context, portal: store.Portal, numbers: PortalNumbers, latest: ReadingInfo | None, *, busy: bool
) -> PortalCard:
    connector = _connector(ctx, portal.connector)
    pulls = connector is not None and connector.feed is not Feed.PUSH
    state, message = _state(ctx.clock.now(), portal, latest, busy=busy and pulls)
    if connector is None:
        state, message = PortalState.FAILING, T("The connector {name} is not installed.", name=portal.connector)
    return PortalCard(
        id=portal.id,
        name=portal.name,
        connector=portal.connector,
        connector_name=connector.name if connector else portal.connector,
        kind=connector.kind.value if connector else "",
        pulls=pulls,
        takes_files=connector is not None and connector.settings is FileSettings,
        picks_up=connector is not None and connector.feed is Feed.PICKUP,
        counts=connector.counts if connector else T("Nothing"),
        state=state,
        message=message,
        mode=portal.mode,
        schedule=_schedule(portal, connector),
        next_due=portal.next_due_at,
        last_read=_last_read(portal, connector, latest),
        lines=numbers.lines,
        customers=numbers.customers,
        unmapped_customers=numbers.customers_pending,
        unmapped_products=numbers.products_pending,
    )


def _last_read(portal: store.Portal, connector: Connector | None, latest: ReadingInfo | None) -> datetime | None:
    """When the portal was last read wholly; where events come by themselves, when the last one did."""
    used = latest.taken_at if latest and latest.status == "used" else None
    by_events = connector is not None and connector.feed is Feed.PUSH and connector.settings is not FileSettings
    if portal.read_at and used and by_events:
        return max(portal.read_at, used)
    return portal.read_at or used


def _connector(ctx: Context, slug: str) -> Connector | None:
    try:
        return ctx.connectors.get(slug)
    except SettingsError:
        return None


def _state(now: datetime, portal: store.Portal, latest: ReadingInfo | None, *, busy: bool) -> tuple[PortalState, Text]:
    if not portal.enabled:
        return PortalState.PAUSED, T("Paused: not read, and its contract lines stay as they are.")
    if busy:
        return PortalState.READING, T("Is being read now.")
    if latest is None:
        return PortalState.NEVER_READ, T("Not read yet.")
    if latest.status not in ("used", "discarded"):
        return PortalState.FAILING, latest.error or T("The last reading could not be used.")
    limit = portal.policy.stale_after_days
    read_at = portal.read_at or latest.taken_at
    if limit is not None and now - read_at > timedelta(days=limit):
        return PortalState.STALE, T(
            "Older than {days} days: its lines are not changed until there is a new reading.", days=limit
        )
    if latest.failed_customers:
        return PortalState.OK, T("Read, but {count} customers could not be.", count=len(latest.failed_customers))
    return PortalState.OK, T("Read.")


def _schedule(portal: store.Portal, connector: Connector | None) -> Text:
    if portal.schedule:
        return describe(Schedule.model_validate(portal.schedule))
    if connector is None or connector.feed is not Feed.PUSH:
        return T("when somebody asks")
    by_file = connector.settings is FileSettings or getattr(connector, "consumption", False)
    return T("when a file is brought") if by_file else T("when an event comes in")
