"""How Duo is connected, and what is counted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, ConnectorSettings, Manifest
from connectors.duo.source import Duo
from core.domain.text import T


class DuoSettings(ConnectorSettings):
    """Field names are those of the workspace file."""

    base_url: str = Field(
        title="API host", description="Of the parent account, for example https://api-1234abcd.duosecurity.com."
    )
    integration_key: str = Field(
        title="Integration key", description="Begins with DI; of the application in the Admin Panel."
    )
    application: Literal["accounts", "admin"] = Field(
        "accounts",
        title="Application",
        description="accounts: Accounts API of an MSP, all child accounts. admin: Admin API, its own account only.",
    )
    customer: str = Field(
        "", title="Customer name", description="Only with the Admin API: the name of the one account."
    )
    statuses: list[str] = Field(
        ["active", "bypass", "locked out", "disabled"],
        title="Billable statuses",
        description="Users with one of these count: active, bypass, disabled, locked out, pending deletion.",
    )
    quick: bool = Field(
        False,
        title="Quick count",
        description="Takes the number of users from the summary, two requests per account, without looking at statuses.",
    )
    count_enrolled: bool = Field(
        False, title="Count enrolled users", description="One product more: users with a device."
    )
    count_phones: bool = Field(False, title="Count phones", description="One product more: phones per account.")
    count_free: bool = Field(
        False, title="Count Duo Free", description="Accounts of the free edition are left out otherwise."
    )
    allowed_hosts: list[str] = Field(
        [".duosecurity.com", ".duofederal.com"],
        title="Allowed hosts",
        description="Child accounts on hosts that end otherwise are not called.",
    )


class DuoSecrets(ConnectorSecrets):
    secret_key: SecretStr = Field(
        title="Secret key", description="Of the same application. It signs requests and is never sent."
    )


MANIFEST = Manifest(
    slug="duo",
    name="Duo",
    kind=ConnectorKind.API,
    counts=T("MFA users per account, by edition; enrolled users and phones if wanted"),
    settings=DuoSettings,
    secrets=DuoSecrets,
    connect=Duo,
    guide=(
        T(
            "In the Duo Admin Panel of the parent account, protect an application: Accounts API (Duo approves this for MSPs)."
        ),
        T("For one account alone, protect Admin API with Grant read information and Grant read resource."),
        T("Copy API host, integration key and secret key into the fields here, and test."),
    ),
)
