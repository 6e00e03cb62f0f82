"""How Pax8 is connected, and what is counted."""

from __future__ import annotations

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, ConnectorSettings, Manifest
from connectors.pax8.source import Pax8
from core.domain.text import T


class Pax8Settings(ConnectorSettings):
    """Field names are those of the workspace file."""

    client_id: str = Field(title="Client ID", description="From Pax8: Integrations → API credentials.")
    audience: str = Field(
        "https://api.pax8.com",
        title="Audience",
        description="Leave as it is unless Pax8 names another one with your credentials.",
    )
    count_activated: bool = Field(
        False,
        title="Count one-off products",
        description="Subscriptions with status Activated are one-off purchases and are not counted unless this is on.",
    )
    usage: bool = Field(
        False,
        title="Read usage amounts",
        description="Adds the charges of consumption products (Azure and alike) as amounts. One request more per subscription.",
    )


class Pax8Secrets(ConnectorSecrets):
    client_secret: SecretStr = Field(
        title="Client secret", description="Shown once by Pax8 when the credentials are made."
    )


MANIFEST = Manifest(
    slug="pax8",
    name="Pax8",
    kind=ConnectorKind.API,
    counts=T("Cloud products and seats: the quantity of each subscription"),
    settings=Pax8Settings,
    secrets=Pax8Secrets,
    connect=Pax8,
    guide=(
        T("In Pax8, open Integrations → API credentials and make a new set."),
        T("Copy the client ID and the secret (it is shown once) into the fields here."),
        T("Test the connection, then look at the first reading."),
    ),
)
