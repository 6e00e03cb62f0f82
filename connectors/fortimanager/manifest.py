"""How FortiManager is connected, and what is counted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, Manifest, OwnServerSettings
from connectors.fortimanager.devices import Product, Shared
from connectors.fortimanager.source import FortiManager
from core.domain.text import T


class FortiManagerSettings(OwnServerSettings):
    """Field names are those of the workspace file."""

    base_url: str = Field(
        title="Address of FortiManager",
        description="For example https://fmg.example, or https://{account}.{region}.fortimanager.forticloud.com for the cloud.",
    )
    sign_in: Literal["key", "password", "cloud"] = Field(
        "key",
        title="Sign in with",
        description="key: API key, from FortiManager 7.2.2 on. password: an administrator's session. cloud: FortiManager Cloud.",
    )
    username: str = Field(
        "", title="User name", description="With password: the administrator. With cloud: the ID of the IAM API user."
    )
    customer: Literal["adom", "meta"] = Field(
        "adom", title="A customer is", description="adom: each ADOM. meta: the value of a meta field of the device."
    )
    meta_field: str = Field(
        "Company/Organization",
        min_length=1,
        title="Meta field",
        description="With meta: the name of the field, upper and lower case as in FortiManager.",
    )
    ignored_adoms: list[str] = Field(
        [], title="Ignored ADOMs", description="Names of ADOMs that are no customers, for example root."
    )
    products: list[Product] = Field(
        ["devices", "appliances", "vdoms", "devices_by_model"],
        title="Counts",
        description="What is counted. Contracts take one more request.",
    )
    shared_devices: Shared = Field(
        "root",
        title="Devices of several customers",
        description="root: counted for the customer whose ADOM has the virtual domain root. vdoms: only the virtual domains count.",
    )
    model_bit: int = Field(
        64,
        ge=1,
        title="Bit of model devices",
        description="Only where FortiManager writes flags as a number: the bit that stands for is_model.",
    )


class FortiManagerSecrets(ConnectorSecrets):
    api_key: SecretStr = Field(
        SecretStr(""), title="API key", description="With key: of an administrator of the type API. Shown once."
    )
    password: SecretStr = Field(SecretStr(""), title="Password", description="With password or cloud.")


MANIFEST = Manifest(
    slug="fortimanager",
    name="FortiManager",
    kind=ConnectorKind.API,
    counts=T("Managed firewalls, units and virtual domains per customer"),
    settings=FortiManagerSettings,
    secrets=FortiManagerSecrets,
    connect=FortiManager,
    guide=(
        T("In FortiManager, make a read-only administrator with JSON API access Read for the ADOMs of all customers."),
        T("From 7.2.2 on choose the type REST API admin and copy its key; before, use a name and password."),
        T("Appliances have a certificate of their own: pin it, or give its authority's certificate."),
    ),
)
