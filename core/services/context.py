"""What use cases need of the outside, handed to each of them first. `core.bootstrap` makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain.connector import Connectors
from core.domain.errors import SettingsError
from core.domain.identity import IdentityProvider, OpenIdSettings
from core.domain.notice import Channel, ChannelSpec
from core.domain.ports import Clock, Contact, Source, Stage, Target
from core.domain.text import T
from core.services.looks import Looks
from core.store.db import Database

if TYPE_CHECKING:
    from core.secrets import SecretBox

AutotaskFactory = Callable[[], Target]
"""Autotask as the workspace's settings say; raises SettingsError while it is not set up. Close what you opened."""

SourceFactory = Callable[[str, str, Mapping[str, object], Mapping[str, str]], Source]
"""Connector slug, portal name, settings, secrets → a source of readings; raises SettingsError."""


ChannelFactory = Callable[[ChannelSpec], Channel]
"""A way to tell people, as its settings say; raises SettingsError for settings that are not right."""


def no_channels(_: ChannelSpec) -> Channel:
    """Where no channels are wired."""
    raise SettingsError(T("Nothing can be sent from here."), kind="no_channels")


@dataclass(frozen=True, slots=True)
class Lookout:
    """To look on while connections are tried. `observing` collects the answers that come meanwhile, and keeps everything from being
    tried twice; `stage` tells how far a connection came that failed with an error.
    """

    observing: Callable[[], AbstractContextManager[list[Contact]]] = lambda: nullcontext([])
    stage: Callable[[BaseException], Stage | None] = lambda _: None


IdentityFactory = Callable[[OpenIdSettings], IdentityProvider]
"""The company's own sign-in, as its settings say."""


def no_identity(_: OpenIdSettings) -> IdentityProvider:
    """Where no identity provider is wired."""
    raise SettingsError(T("Nobody can sign in at an identity provider from here."), kind="no_identity")


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the money path waits, in seconds.

    `portal_limit`: a portal that has not answered by then failed, without delaying the others. `lease`: after so long without a
    heartbeat a run's process counts as dead. `settle`: so long after a write whose outcome nobody knows, it is read back for the
    first time; it may be sent again only after `in_flight` (M4). `lock_wait`: so long a run waits for another one to end.
    """

    portal_limit: float = 600.0
    lease: float = 60.0
    settle: float = 10.0
    lock_wait: float = 900.0

    @property
    def in_flight(self) -> float:
        """So long Autotask may still be working on a request when its connection broke or its sender died: as long as somebody
        would have waited for the answer (120 seconds).
        """
        return 12 * self.settle


@dataclass(frozen=True, slots=True)
class Context:
    """`home` is the data directory. Every thread may use it: nothing in it belongs to one thread."""

    database: Database
    clock: Clock
    secrets: SecretBox
    autotask: AutotaskFactory
    source: SourceFactory
    connectors: Connectors
    home: Path
    pace: Pace = field(default_factory=Pace)
    channels: ChannelFactory = no_channels
    identity: IdentityFactory = no_identity
    lookout: Lookout = field(default_factory=Lookout)
    looks: Looks = field(default_factory=Looks)
