"""How an MDM MSP server is connected, and what is counted."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, Manifest, OwnServerSettings
from connectors.manageengine_mdm_msp.source import ManageEngineMdmMsp
from core.domain.text import T


class MdmMspSettings(OwnServerSettings):
    """Field names are those of the workspace file."""

    base_url: str = Field(
        title="Address of the server", description="With its port, for example https://mdm.msp.example:9383."
    )
    billable_statuses: list[str] = Field(
        ["2"],
        title="Billable statuses",
        description="Values of managed_status that count. 2 is managed; devices without a status count always.",
    )
    corporate_is: Literal["1", "2"] = Field(
        "1", title="Corporate is", description="The value of owned_by that means corporate; the other one is personal."
    )
    key_made_on: date | None = Field(
        None,
        title="Key made on",
        description="The day the API key was made, like 2026-05-31. A reminder comes after five months; keys hold six.",
    )
    page_size: int = Field(
        0, ge=0, title="Page size", description="Devices in one answer. 0 leaves it to the server, which gives 50."
    )
    allow_http: bool = Field(
        False,
        title="Allow http",
        description="Take an address without encryption. The key can then be read on the way.",
    )


class MdmMspSecrets(ConnectorSecrets):
    api_key: SecretStr = Field(
        title="API key", description="Made under Admin → Integrations → API Key Generation; holds six months."
    )


MANIFEST = Manifest(
    slug="manageengine_mdm_msp",
    name="ManageEngine MDM MSP",
    kind=ConnectorKind.API,
    counts=T("Managed mobile devices per customer, by platform and ownership"),
    settings=MdmMspSettings,
    secrets=MdmMspSecrets,
    connect=ManageEngineMdmMsp,
    guide=(
        T("On the server, sign in as a technician who may see the customers to be counted."),
        T("Open Admin → Integrations → API Key Generation and make a key. It holds six months."),
        T("Give the address of the server with its port, and its certificate if it is self-signed."),
    ),
)
