"""What the use cases know of a connector: how it presents itself, and how a source is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel

from core.domain.consumption import ConsumptionReading
from core.domain.consumption_settings import ConsumptionSettings
from core.domain.file_settings import FileSettings
from core.domain.ports import Source
from core.domain.text import Text
from core.domain.usage import Reading


class ConnectorKind(StrEnum):
    """Shown beside each source (S1-85)."""

    API = "api"
    """Made for one portal, over its official interface."""
    UNIVERSAL = "universal"
    """For any portal: files, REST endpoints, webhooks."""


class Feed(StrEnum):
    """How readings come in."""

    PULL = "pull"
    """Fetched, on a schedule or on demand."""
    PUSH = "push"
    """Brought: an upload or a webhook. There is nothing to fetch."""
    PICKUP = "pickup"
    """Files in a folder, looked for on a schedule or on demand (`core.domain.pickup`)."""


Result = TypeVar("Result")


class RotatingSecret(Protocol):
    """A secret that is dead once it was used, and replaced by another: a rotating refresh token."""

    def exchange(self, use: Callable[[str], tuple[str, Result]]) -> Result:
        """Give the newest value to `use`, and keep the one it returns before handing on the result.

        Only one exchange is under way at a time, over all threads and processes. When `use` raises, the value stays.
        """
        ...


Rotation = Callable[[str, str], RotatingSecret]
"""Field and value of a secret → the way to use it."""


FileReader = Callable[[bytes, str, FileSettings, str, datetime], Reading]
"""Content and name of a file, its mapping, portal and moment → its reading. Raises InputError for a file that cannot be read."""


def _no_files(_data: bytes, _name: str, _settings: FileSettings, _portal: str, _now: datetime) -> Reading:
    raise NotImplementedError("no file reader is wired")


BillingReader = Callable[[Sequence[Path], ConsumptionSettings, str, datetime], ConsumptionReading]
"""Billing files, what is taken of them, portal and moment → the amounts. Raises InputError for files that cannot be read."""


def _no_billing(
    _paths: Sequence[Path], _settings: ConsumptionSettings, _portal: str, _now: datetime
) -> ConsumptionReading:
    raise NotImplementedError("no reader of billing files is wired")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a connector needs of the workspace beside its settings.

    `allowed_hosts` are the hosts an administrator opened for addresses inside; `read_file` reads answers that are files,
    `read_billing` billing files. `own_places` are folders of this machine that are the product's own.
    """

    allowed_hosts: Callable[[], frozenset[str]] = frozenset
    read_file: FileReader = _no_files
    read_billing: BillingReader = _no_billing
    own_places: tuple[Path, ...] = ()


class Connector(Protocol):
    """One kind of portal. `settings` and `secrets` are pydantic models; every field has a title and a description for people,
    both English templates of the catalogues. Fields of `secrets` are all `SecretStr`.
    """

    @property
    def slug(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> ConnectorKind: ...

    @property
    def feed(self) -> Feed: ...

    @property
    def consumption(self) -> bool:
        """Whether its sources are `core.domain.ports.ConsumptionSource` too: they tell amounts of money."""
        ...

    @property
    def counts(self) -> Text:
        """What it counts: "MFA users and devices"."""
        ...

    @property
    def guide(self) -> tuple[Text, ...]:
        """The steps of connecting it, in order (S1-84)."""
        ...

    @property
    def settings(self) -> type[BaseModel]: ...

    @property
    def secrets(self) -> type[BaseModel]: ...

    def open(
        self,
        portal: str,
        settings: Mapping[str, object],
        secrets: Mapping[str, str],
        rotation: Rotation | None = None,
        surroundings: Surroundings | None = None,
    ) -> Source:
        """A source of readings of the named portal. Raises SettingsError naming the fields that are wrong."""
        ...


class Connectors(Protocol):
    """All kinds of portals there are."""

    def all(self) -> tuple[Connector, ...]: ...

    def get(self, slug: str) -> Connector:
        """Raises SettingsError listing the known ones for an unknown slug."""
        ...
