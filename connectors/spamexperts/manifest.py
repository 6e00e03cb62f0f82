"""How SpamExperts (N-able Mail Assure) is connected, and what is counted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, Manifest, OwnServerSettings
from connectors.spamexperts.source import SpamExperts
from core.domain.text import T


class SpamExpertsSettings(OwnServerSettings):
    """Field names are those of the workspace file."""

    host: str = Field(
        "api.antispamcloud.com",
        title="Host",
        description="The hosted service and Mail Assure use api.antispamcloud.com; a cluster of one's own has its own name.",
    )
    user: str = Field(
        title="User name",
        description="Name or e-mail address of an admin that may use the Control Panel API, without two-factor sign-in.",
    )
    customer_level: Literal["sub_admin", "domain", "owner"] = Field(
        "sub_admin",
        title="A customer is",
        description="sub_admin: each sub-admin (reseller) with its domains. domain: each domain. "
        "owner: the owner asked for each domain, slow; for clusters that do not list domains with sub-admins.",
    )
    parents_include_children: bool = Field(
        True,
        title="Outgoing users of a parent include those below it",
        description="For sub-admins with sub-admins of their own: what the lower ones have is taken off.",
    )
    alias_domains: bool = Field(
        False, title="Count alias domains", description="For information; one request more per domain."
    )
    hide_names: bool = Field(
        False,
        title="Keep names out of messages and logs",
        description="Addresses of requests hold domains and user names; with this on only the kind of request is written.",
    )


class SpamExpertsSecrets(ConnectorSecrets):
    password: SecretStr = Field(title="Password", description="Of that admin.")


MANIFEST = Manifest(
    slug="spamexperts",
    name="SpamExperts / N-able Mail Assure",
    kind=ConnectorKind.API,
    counts=T("Mail filtering: domains by product, filtered mailboxes and outgoing users per customer"),
    settings=SpamExpertsSettings,
    secrets=SpamExpertsSecrets,
    connect=SpamExperts,
    guide=(
        T("In the control panel, make an admin for this purpose, without two-factor sign-in."),
        T("In its permissions allow Control Panel API usage; where addresses are limited, allow this machine's."),
        T("Give its name and password, choose what a customer is, and test the connection."),
    ),
)
