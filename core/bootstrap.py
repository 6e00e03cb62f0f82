"""The one place that wires adapters to ports: database, secrets, Autotask, connectors."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from connectors import autotask
from connectors._kit.observed import observing, stage_of
from connectors._kit.posting import guarded_posting
from connectors._kit.registry import Registry
from connectors._openid import OpenIdProviders
from core.domain.connector import Surroundings
from core.domain.notice import Channel, ChannelSpec
from core.domain.ports import SharedLimits, Source, Target
from core.notify.opening import open_channel
from core.secrets import SecretBox, load_box
from core.services import keys, people
from core.services.access import SYSTEM
from core.services.autotask_settings import connection, zone_name
from core.services.consumption_files import read_billing
from core.services.context import Context, Lookout, Pace
from core.services.database_clock import DatabaseClock
from core.services.network import allowed_hosts
from core.services.rest_files import read_file
from core.services.rotation import Rotations
from core.services.shared_limits import DatabaseLimits
from core.settings import PROGRAM, Settings
from core.store import migrate
from core.store.db import Database

ZONE_SECONDS = 10.0
"""So long a changed time zone may go unnoticed by a process that runs."""


@dataclass(frozen=True, slots=True)
class App:
    """The product, wired. `context` goes to every use case."""

    settings: Settings
    context: Context

    @property
    def zone(self) -> str:
        """The workspace's time zone (`Europe/Amsterdam`)."""
        with self.context.database.session() as session:
            return zone_name(session)

    def close(self) -> None:
        """Close all connections to the database."""
        self.context.database.dispose()


class WorkspaceClock:
    """One clock for all machines on a database; days are those of the workspace's time zone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._clock = DatabaseClock(database)
        self._lock = threading.Lock()
        self._known: tuple[float, ZoneInfo] | None = None

    def now(self) -> datetime:
        return self._clock.now()

    def today(self) -> date:
        return self.now().astimezone(self._zone()).date()

    def _zone(self) -> ZoneInfo:
        with self._lock:
            if self._known is None or time.monotonic() - self._known[0] > ZONE_SECONDS:
                with self._database.session() as session:
                    self._known = (time.monotonic(), ZoneInfo(zone_name(session)))
            return self._known[1]


def build(settings: Settings, *, pace: Pace | None = None) -> App:
    """Everything, ready for work; brings the database up to date first.

    Raises SettingsError when the database does not answer or the key is not usable.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    migrate.upgrade(settings.database)
    database = Database(settings.database)
    box = load_box(settings.home, _clear(settings.secret_key))
    registry = Registry()
    clock = WorkspaceClock(database)
    pace = pace or Pace()
    # A SQLite file has one process that works; PostgreSQL any number.
    limits = None if database.is_sqlite else DatabaseLimits(database, clock, pace.lease / 2)

    def opened_hosts() -> frozenset[str]:
        with database.session() as session:
            return allowed_hosts(session)

    surroundings = Surroundings(
        allowed_hosts=opened_hosts, read_file=read_file, read_billing=read_billing, own_places=(settings.home, *PROGRAM)
    )

    def source(slug: str, portal: str, values: Mapping[str, object], secrets: Mapping[str, str]) -> Source:
        kept = Rotations(database, box, clock, slug, portal)
        return registry.get(slug).open(portal, values, secrets, kept, surroundings)

    def channel(spec: ChannelSpec) -> Channel:
        return open_channel(spec, guarded_posting("Microsoft", opened_hosts), clock.now)

    context = Context(
        database=database,
        clock=clock,
        secrets=box,
        autotask=lambda: connect_autotask(database, box, limits),
        source=source,
        connectors=registry,
        home=settings.home,
        pace=pace,
        channels=channel,
        identity=OpenIdProviders().open,
        lookout=Lookout(observing, stage_of),
    )
    if box.has_older_keys:
        keys.seal_again(context, SYSTEM)
    people.first_admin_from_environment(context, _clear(settings.admin_password))
    return App(settings, context)


def connect_autotask(database: Database, box: SecretBox, limits: SharedLimits | None = None) -> Target:
    """Autotask as the workspace's settings say; raises SettingsError while it is not set up."""
    with database.session() as session:
        known = connection(session, box)
    return autotask.connect(
        autotask.AutotaskSettings(
            user_name=known.user_name,
            secret=SecretStr(known.secret),
            integration_code=SecretStr(known.integration_code),
            base_url=known.base_url,
        ),
        limits,
    )


def _clear(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
