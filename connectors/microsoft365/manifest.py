"""How Microsoft 365 is connected, and what is counted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, ConnectorSettings, Manifest
from connectors.microsoft365.source import Microsoft365
from core.domain.text import T

FREE = [
    "*_VIRAL", "FLOW_FREE", "POWER_BI_STANDARD", "TEAMS_EXPLORATORY", "WINDOWS_STORE", "STREAM", "RIGHTSMANAGEMENT_ADHOC",
    "PHONESYSTEM_VIRTUALUSER",
]  # fmt: skip
"""Free licences that people take themselves (Microsoft 365 §11, §13)."""


class Microsoft365Settings(ConnectorSettings):
    """Field names are those of the workspace file."""

    partner_tenant_id: str = Field(
        title="Partner tenant ID", description="Directory (tenant) ID of your own tenant, from the Entra admin centre."
    )
    client_id: str = Field(
        title="Application ID", description="Application (client) ID of the multi-tenant app registration."
    )
    customers_from: Literal["partner_center", "contracts", "delegated_admin", "list"] = Field(
        "partner_center",
        title="Customers from",
        description="partner_center: your CSP customers. contracts: Graph, reseller relationships. delegated_admin: Graph, "
        "GDAP relationships. list: only the tenants named below.",
    )
    tenants: list[str] = Field(
        [],
        title="Further tenants",
        description="Tenants that are in no list, such as your own, one per line: tenant ID = name.",
    )
    read_subscriptions: bool = Field(
        True, title="Read subscriptions", description="Seats bought through you, from Partner Center."
    )
    read_licences: bool = Field(
        True, title="Read licences", description="Seats owned and seats assigned in each tenant, from Microsoft Graph."
    )
    read_users: bool = Field(
        True, title="Count users", description="People with at least one licence, from Microsoft Graph."
    )
    users_of: list[str] = Field(
        [], title="Count users of", description="Only in these tenants (tenant IDs); empty: in all."
    )
    users_enabled_only: bool = Field(
        False,
        title="Only enabled users",
        description="Disabled accounts and shared mailboxes with a licence are not counted as users.",
    )
    users_members_only: bool = Field(
        False, title="Only members", description="Guests with a licence are not counted as users."
    )
    count_grace: bool = Field(
        False,
        title="Count grace",
        description="Seats of expired subscriptions that still work (about 30 days) count as owned.",
    )
    count_company_wide: bool = Field(
        False,
        title="Count licences of the whole tenant",
        description="Products that are never assigned to people are not counted unless this is on.",
    )
    count_suspended: bool = Field(
        False,
        title="Count suspended",
        description="Suspended subscriptions are not counted unless this is on. The policy `suspended` acts only on those counted.",
    )
    count_one_time: bool = Field(
        False,
        title="Count one-time purchases",
        description="Perpetual software and other purchases billed once are not counted unless this is on.",
    )
    excluded_skus: list[str] = Field(
        FREE,
        title="Licences left out",
        description="Part numbers or SKU IDs, * stands for anything. By default the free ones that people take themselves.",
    )
    names_file: str = Field(
        "",
        title="Names of licences",
        description="Path of Microsoft's CSV of product names on this machine, for names newer than the ones built in.",
    )
    graph_access: Literal["automatic", "application", "delegated"] = Field(
        "automatic",
        title="Graph access",
        description="application: the app's own permissions. delegated: a partner user's, through GDAP. automatic: delegated "
        "when there is a refresh token.",
    )
    partner_center_access: Literal["automatic", "application", "delegated"] = Field(
        "automatic",
        title="Partner Center access",
        description="application: the app itself. delegated: app and user, as Microsoft recommends. automatic: delegated when "
        "there is a refresh token.",
    )
    partner_center_sign_in: Literal["v1", "v2"] = Field(
        "v1",
        title="Partner Center sign-in",
        description="Version of the sign-in interface for Partner Center. With a certificate it is always v2.",
    )
    partner_center_resource: str = Field(
        "",
        title="Partner Center resource",
        description="Only for sign-in v1, when Microsoft wants another resource than the documented one. Usually empty.",
    )
    partner_center_url: str = Field(
        "", title="Partner Center address", description="Only for a proxy or a test server. Usually empty."
    )
    cloud: Literal["global", "us_government", "china"] = Field(
        "global", title="Cloud", description="Where the tenants are."
    )


class Microsoft365Secrets(ConnectorSecrets):
    client_secret: SecretStr = Field(
        SecretStr(""), title="Client secret", description="Of the app registration. Not needed with a certificate."
    )
    certificate: SecretStr = Field(
        SecretStr(""),
        title="Certificate",
        description="Private key (without passphrase) and certificate of the app registration, both in PEM, one after the other.",
    )
    refresh_token: SecretStr = Field(
        SecretStr(""),
        title="Refresh token",
        description="Only for delegated access (secure application model): from one sign-in of a partner user with MFA.",
    )


MANIFEST = Manifest(
    slug="microsoft365",
    name="Microsoft 365",
    kind=ConnectorKind.API,
    counts=T("Seats bought, owned and assigned, and licensed users, each as a product of its own"),
    settings=Microsoft365Settings,
    secrets=Microsoft365Secrets,
    connect=Microsoft365,
    rotating="refresh_token",
    guide=(
        T(
            "In the Entra admin centre of your partner tenant, make a multi-tenant app registration with a secret or a certificate."
        ),
        T("Give it the application permissions LicenseAssignment.Read.All and User.Read.All of Microsoft Graph."),
        T("Have it consented to in each customer tenant: by Partner Center, or by the admin consent link."),
        T("For Partner Center, register the app there under Account settings → App management."),
        T("Copy tenant ID, application ID and the secret into the fields here, and test."),
    ),
)
