"""How Datto RMM is connected, and what is counted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, ConnectorSettings, Manifest
from connectors.datto_rmm.source import DattoRmm
from core.domain.text import T


class DattoRmmSettings(ConnectorSettings):
    """Field names are those of the workspace file."""

    base_url: str = Field(
        title="API address",
        description="The API URL shown beside the API key in Datto RMM, for example https://merlot-api.centrastage.net.",
    )
    api_key: str = Field(title="API key", description="Of a user made for this: Setup → Users → generate API keys.")
    route: Literal["sites", "account"] = Field(
        "sites",
        title="How devices are read",
        description="sites: one list per site, exact. account: one list of all devices, for more than 400 sites.",
    )
    count_suspended: bool = Field(
        True, title="Count suspended devices", description="Devices whose monitoring is suspended still take a licence."
    )
    inactive_days: int = Field(
        0,
        ge=0,
        title="Leave out devices not seen for days",
        description="0 counts every device, however long ago it was seen.",
    )
    split_workstations: bool = Field(
        False,
        title="Desktops and laptops apart",
        description="Counts them as two products instead of one, workstations.",
    )
    antivirus: bool = Field(
        False,
        title="Count antivirus products",
        description="One product more for each antivirus found running on devices.",
    )
    not_billable: list[str] = Field(
        ["_NotBillable"],
        title="Not billable",
        description="Devices in a site, a device filter or with a user-defined field of this name are not counted.",
    )
    ignored_sites: list[str] = Field(
        ["Deleted Devices"], title="Ignored sites", description="Names of sites that are no customers."
    )


class DattoRmmSecrets(ConnectorSecrets):
    api_secret: SecretStr = Field(
        title="API secret", description="Shown once with the API key; a new pair ends the old one."
    )


MANIFEST = Manifest(
    slug="datto_rmm",
    name="Datto RMM",
    kind=ConnectorKind.API,
    counts=T("Managed devices per site: servers, workstations, network devices, printers"),
    settings=DattoRmmSettings,
    secrets=DattoRmmSecrets,
    connect=DattoRmm,
    guide=(
        T("In Datto RMM, switch on API access: Setup → Global settings → Access control."),
        T("Make a user that may only look, and generate API keys for it: Setup → Users."),
        T("Copy the API address, key and secret into the fields here, and test."),
    ),
)
