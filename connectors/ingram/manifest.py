"""How Ingram Micro's marketplace is connected, and what is counted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, ConnectorSettings, Manifest
from connectors.ingram.source import BASE_URL, Ingram
from core.domain.text import T


class IngramSettings(ConnectorSettings):
    """Field names are those of the workspace file."""

    base_url: str = Field(
        BASE_URL,
        title="Address",
        description="The base URL on the Marketplace API page. Europe ends in /marketplace/eu, America in /marketplace/na.",
    )
    marketplace: str = Field(
        "nl",
        title="Marketplace code",
        description="The country in the address of the control panel: nl in cp.nl.eu.cloud.im; be, de, uk, us and so on.",
    )
    user: str = Field(title="API user", description="Shown on the Marketplace API page; its name ends in .api.")
    count_hold: bool = Field(
        True,
        title="Count suspended subscriptions",
        description="Subscriptions on hold are normally still charged by Ingram Micro. The policy `suspended` acts only on those "
        "counted.",
    )
    client_id: str = Field(
        "", title="Application id", description="Sent as X-Client-Id where Ingram Micro asks for it. Usually empty."
    )
    sign_in: Literal["marketplace", "openid"] = Field(
        "marketplace",
        title="Way to sign in",
        description="openid only where the operator of the platform says so; it needs the sign-in address and a client.",
    )
    auth_url: str = Field(
        "", title="Sign-in address", description="Only for openid: the whole address that gives tokens. Usually empty."
    )
    openid_client: str = Field("", title="OpenID client", description="Only for openid: the client's id.")


class IngramSecrets(ConnectorSecrets):
    password: SecretStr = Field(title="Password", description="Of the API user, set when it was activated.")
    subscription_key: SecretStr = Field(title="Subscription key", description="Shown on the Marketplace API page.")
    openid_secret: SecretStr = Field(
        SecretStr(""), title="OpenID client secret", description="Only for openid: the client's secret."
    )


MANIFEST = Manifest(
    slug="ingram",
    name="Ingram Micro Cloud",
    kind=ConnectorKind.API,
    counts=T("Cloud products and seats: the quantity of each line of a subscription"),
    settings=IngramSettings,
    secrets=IngramSecrets,
    connect=Ingram,
    guide=(
        T("In the control panel, order the free product Marketplace API and activate the API user that it makes."),
        T("Copy base URL, user and subscription key from the Marketplace API page, and set the user's password."),
        T("Fill in the marketplace code: the country in the address of the control panel."),
        T("Test the connection, then look at the first reading."),
    ),
)
