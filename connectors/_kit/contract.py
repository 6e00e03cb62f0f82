"""What a connector is: one folder with a `manifest.py` that holds a `MANIFEST`."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from connectors._kit.http import Tls
from core.domain.connector import ConnectorKind, Feed, Result, RotatingSecret, Rotation, Surroundings
from core.domain.ports import Source
from core.domain.text import Text
from core.domain.validation import checked

__all__ = [
    "ConnectorKind",
    "ConnectorSecrets",
    "ConnectorSettings",
    "Feed",
    "InMemory",
    "Manifest",
    "NoSecrets",
    "OwnServerSettings",
    "RotatingSecret",
]


class ConnectorSettings(BaseModel):
    """Base of every connector's settings. Give each field a `title` and a `description`: the form is drawn from them."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    base_url: str = Field(
        "", title="Address", description="Only for a proxy, a sovereign cloud or a test server. Usually empty."
    )
    auth_url: str = Field(
        "",
        title="Sign-in address",
        description="Only where signing in goes to another host than usual. Usually empty.",
    )


class OwnServerSettings(ConnectorSettings):
    """For portals on a server of one's own, whose certificate is often not one of a public authority. Verification is never off."""

    ca_certificate: str = Field(
        "",
        title="Certificate authority",
        description="PEM text or path of a PEM file of the authority behind the server's certificate, if it is not a public one.",
    )
    pinned_certificate: str = Field(
        "",
        title="Pinned certificate",
        description="PEM text or path of the server's own self-signed certificate: then exactly this one is trusted.",
    )

    @property
    def tls(self) -> Tls:
        return Tls(self.ca_certificate, self.pinned_certificate)


class ConnectorSecrets(BaseModel):
    """Base of every connector's secrets: all fields are `SecretStr`, and an error never shows what was typed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class NoSecrets(ConnectorSecrets):
    """For a source that needs none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """How a connector presents itself, and how it is opened. Fulfils `core.domain.connector.Connector`.

    `connect(portal, settings, secrets)` gets the portal's name and instances of the two models; it returns a Source and makes
    no request yet. `counts` says what it counts, `guide` the steps of connecting it. With `rotating`, the field of a secret that
    changes with each use, `connect` gets a RotatingSecret as fourth argument. With `consumption` the Source is also a
    `core.domain.ports.ConsumptionSource`.
    """

    slug: str
    name: str
    kind: ConnectorKind
    counts: Text
    connect: Callable[..., Source]
    settings: type[BaseModel] = ConnectorSettings
    secrets: type[BaseModel] = NoSecrets
    feed: Feed = Feed.PULL
    guide: tuple[Text, ...] = ()
    rotating: str = ""
    placed: bool = False
    consumption: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.slug):
            raise ValueError(f"slug {self.slug!r}: lower case letters, digits and _ only")
        for model in (self.settings, self.secrets):
            bare = [name for name, field in model.model_fields.items() if not (field.title and field.description)]
            if bare:
                raise ValueError(f"{self.slug}: {model.__name__} lacks a title or description for {', '.join(bare)}")
        plain = [name for name, field in self.secrets.model_fields.items() if not _is_secret(field.annotation)]
        if plain:
            raise ValueError(f"{self.slug}: secrets must be SecretStr: {', '.join(plain)}")

    def open(
        self,
        portal: str,
        settings: Mapping[str, object],
        secrets: Mapping[str, str],
        rotation: Rotation | None = None,
        surroundings: Surroundings | None = None,
    ) -> Source:
        """A source of the named portal. Raises SettingsError naming the wrong fields; secrets are never in its words."""
        known, hidden = checked(self.settings, settings, portal), checked(self.secrets, secrets, portal)
        last = (surroundings or Surroundings(),) if self.placed else ()
        if not self.rotating:
            return self.connect(portal, known, hidden, *last)
        value: SecretStr = getattr(hidden, self.rotating)
        make = rotation or (lambda _field, first: InMemory(first))
        return self.connect(portal, known, hidden, make(self.rotating, value.get_secret_value()), *last)


class InMemory:
    """A rotating secret for as long as the process lives: where there is no store."""

    def __init__(self, value: str) -> None:
        self.value = value
        self._lock = threading.Lock()

    def exchange(self, use: Callable[[str], tuple[str, Result]]) -> Result:
        with self._lock:
            self.value, result = use(self.value)
            return result


def _is_secret(annotation: object) -> bool:
    return annotation is SecretStr or annotation == SecretStr | None
