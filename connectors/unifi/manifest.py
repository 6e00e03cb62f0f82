"""How UniFi is connected, and what is counted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, Manifest, OwnServerSettings
from connectors.unifi.devices import PRODUCTS, Product
from connectors.unifi.source import UniFi
from core.domain.text import T


class UniFiSettings(OwnServerSettings):
    """Field names are those of the workspace file."""

    api: Literal["site_manager", "integration", "classic"] = Field(
        "site_manager",
        title="Interface",
        description="site_manager: all consoles of one key, in the cloud. integration: one controller from UniFi Network 9 on. "
        "classic: older self-hosted controllers.",
    )
    base_url: str = Field(
        "",
        title="Address of the controller",
        description="For example https://unifi.example:8443. Empty for the cloud (site_manager, or integration with a console ID).",
    )
    console_id: str = Field(
        "",
        title="Console ID",
        description="Only with integration: reach this console through the cloud, with a Site Manager key.",
    )
    username: str = Field(
        "",
        title="User name",
        description="Only with classic: a local account without MFA that may view all sites. Empty to use a key on UniFi OS.",
    )
    customer: Literal["site", "console"] = Field(
        "site",
        title="A customer is",
        description="site: each site is a customer. console: all sites of a console together, only with site_manager.",
    )
    products: list[Product] = Field(
        list(PRODUCTS),
        title="Counts",
        description="What is counted. Take off what an old console does not tell, or what is not needed.",
    )
    count_offline: bool = Field(
        True,
        title="Count offline devices",
        description="Offline devices are still adopted and count. Off: only devices that are reachable.",
    )
    page_size: int = Field(
        500,
        ge=1,
        title="Page size",
        description="Records in one answer of the Site Manager. 500 unless it refuses that.",
    )


class UniFiSecrets(ConnectorSecrets):
    api_key: SecretStr = Field(
        SecretStr(""),
        title="API key",
        description="Of the Site Manager (unifi.ui.com), or made under Integrations in the Network application.",
    )
    password: SecretStr = Field(SecretStr(""), title="Password", description="Only with classic: of the local account.")


MANIFEST = Manifest(
    slug="unifi",
    name="UniFi",
    kind=ConnectorKind.API,
    counts=T("Managed devices per site: access points, switches, gateways and others"),
    settings=UniFiSettings,
    secrets=UniFiSecrets,
    connect=UniFi,
    guide=(
        T("Many consoles: make an API key on unifi.ui.com under API. It is shown once and can only read."),
        T(
            "One controller with UniFi Network 9 or later: make a key under Integrations and give the controller's address."
        ),
        T("An older controller: make a local account without MFA that may view all sites."),
        T("A controller with its own certificate: give its authority's certificate, or pin the certificate itself."),
    ),
)
