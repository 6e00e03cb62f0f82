"""How ManageEngine MDM in the cloud is connected, and what is counted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, ConnectorSettings, Manifest
from connectors.manageengine_mdm.source import ManageEngineMdm
from core.domain.text import T


class MdmSettings(ConnectorSettings):
    """Field names are those of the workspace file."""

    data_center: Literal["eu", "us", "uk", "in", "au", "jp", "ca", "cn", "sa"] = Field(
        "eu",
        title="Data centre",
        description="Where the account lives: the ending of the address after signing in (eu: manageengine.eu).",
    )
    client_id: str = Field(title="Client ID", description="From the Zoho API console; begins with 1000.")
    edition: Literal["standard", "msp"] = Field(
        "standard", title="Edition", description="standard: one organisation. msp: customers inside one account."
    )
    customer_id: str = Field(
        "tenant", title="Customer key", description="Only with standard: under this key the one customer is remembered."
    )
    customer_name: str = Field(
        "",
        title="Customer name",
        description="Only with standard: the name of the one customer. Empty: the portal's name.",
    )
    groups: list[str] = Field(
        [],
        title="Groups as customers",
        description="Only with standard: the id of each client's device group and its name, like 9007199254741555=Acme.",
    )
    billable_statuses: list[str] = Field(
        ["2"],
        title="Billable statuses",
        description="Values of managed_status that count. 2 is managed; devices without a status count always.",
    )
    corporate_is: Literal["1", "2"] = Field(
        "1", title="Corporate is", description="The value of owned_by that means corporate; the other one is personal."
    )
    page_size: int = Field(
        0, ge=0, title="Page size", description="Devices in one answer. 0 leaves it to the server, which gives 50."
    )


class MdmSecrets(ConnectorSecrets):
    client_secret: SecretStr = Field(title="Client secret", description="Of the same client in the Zoho API console.")
    refresh_token: SecretStr = Field(
        title="Refresh token", description="Got once for a grant code; it holds until it is revoked."
    )


MANIFEST = Manifest(
    slug="manageengine_mdm",
    name="ManageEngine MDM",
    kind=ConnectorKind.API,
    counts=T("Managed mobile devices, by platform and ownership, and their users"),
    settings=MdmSettings,
    secrets=MdmSecrets,
    connect=ManageEngineMdm,
    guide=(
        T("In the API console of Zoho accounts, in the account's own data centre, make a self client."),
        T(
            "Generate a grant code with the scope MDMOnDemand.MDMInventory.READ (edition msp: MDMOnDemand.MDMAdmin.READ too)."
        ),
        T("Exchange the code for a refresh token within three minutes; the connector's page shows how."),
        T("Enter client ID, client secret and refresh token here, and test."),
    ),
)
