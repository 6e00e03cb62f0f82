"""How SentinelOne is connected, and what is counted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, ConnectorSettings, Manifest
from connectors.sentinelone.source import SentinelOne
from core.domain.text import T


class SentinelOneSettings(ConnectorSettings):
    """Field names are those of the workspace file."""

    base_url: str = Field(title="Console address", description="For example https://euce1-msp01.sentinelone.net.")
    customer_level: Literal["site", "account"] = Field(
        "site",
        title="A customer is",
        description="site: one site per customer, the usual way. account: one account per customer.",
    )
    two_bundles: Literal["mixed", "highest"] = Field(
        "mixed",
        title="Sites with two endpoint bundles",
        description="mixed: a product of its own. highest: all agents count as the highest bundle.",
    )
    split_machines: bool = Field(
        False,
        title="Servers and workstations apart",
        description="Two products more per site. Two requests more per site.",
    )
    modules: bool = Field(
        False, title="Count modules", description="One product more for each module of a site (MDR, Ranger …)."
    )
    users: bool = Field(False, title="Count user bundles", description="Users of identity and mobile bundles.")
    bill_trials: bool = Field(False, title="Count trial sites", description="Trial sites are left out otherwise.")
    bill_expired: bool = Field(
        False, title="Count expired sites", description="Expired sites are reported and left out otherwise."
    )


class SentinelOneSecrets(ConnectorSecrets):
    api_token: SecretStr = Field(title="API token", description="Of a service user with the role Viewer on all sites.")


MANIFEST = Manifest(
    slug="sentinelone",
    name="SentinelOne",
    kind=ConnectorKind.API,
    counts=T("Agents per site and package: in use, and reserved licences"),
    settings=SentinelOneSettings,
    secrets=SentinelOneSecrets,
    connect=SentinelOne,
    guide=(
        T("In the SentinelOne console, open Settings → Users → Service users and make one with the role Viewer."),
        T("Choose a scope that covers all customers: sites outside it would look as if they had been removed."),
        T("Copy the token (shown once) and the console's address into the fields here, and test."),
    ),
)
