"""How Altaro (Hornetsecurity backup) is connected, and what is counted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, Manifest, OwnServerSettings
from connectors.altaro.source import connect
from core.domain.text import T


class AltaroSettings(OwnServerSettings):
    """Field names are those of the workspace file. A field of the report that is not there is given as `-`."""

    door: Literal["report", "local", "control_panel"] = Field(
        "report",
        title="Door",
        description="report: the report API link of the MSP console, for billing. "
        "local: one VM Backup installation on this machine. "
        "control_panel: only to try the Control Panel API, which tells names and no quantities.",
    )
    base_url: str = Field(
        "",
        title="Address",
        description="Only with local: of the REST API, for example https://localhost:36013/api/rest. "
        "Otherwise for a proxy or a test server.",
    )
    rows_path: str = Field(
        "", title="Path of the rows", description="Where the list stands in a JSON report, with dots. Usually empty."
    )
    customer_id_field: str = Field(
        "customerId",
        title="Field of the customer's ID",
        description="Enter - where the report has none: then the name counts.",
    )
    customer_name_field: str = Field(
        "customerName", title="Field of the customer's name", description="As in the report."
    )
    product_field: str = Field("product", title="Field of the product", description="Product line, as in the report.")
    item_field: str = Field(
        "item", title="Field of the item", description="What is counted. Enter - where there is none."
    )
    quantity_field: str = Field(
        "quantity",
        title="Field of the quantity",
        description="Enter - for an itemised report without quantities: then each row counts one.",
    )
    period_field: str = Field("month", title="Field of the month", description="Enter - where the report has none.")
    period: str = Field("", title="Month", description="For example 2026-11. Empty: the newest month in the report.")
    period_rule: Literal["newest", "highest"] = Field(
        "newest",
        title="Number of the month",
        description="newest: as the report says now. highest: the highest number seen this month, as the invoice counts, "
        "for as long as the program runs.",
    )
    product_map: dict[str, str] = Field(
        {},
        title="Products",
        description="Texts of the report and the product each one is: product, item, or both as 'product / item'.",
    )
    decimal_sign: Literal["auto", "point", "comma"] = Field(
        "auto",
        title="Decimal sign",
        description="Of quantities written as text. auto refuses 1.234, which may be either.",
    )
    least_customers: int = Field(
        0,
        ge=0,
        title="Fewest customers",
        description="A report with fewer customers lowers nothing. 0: compare with the report before, while the program runs.",
    )
    customer_id: str = Field("", title="Customer ID", description="Only with local: any fixed text for this customer.")
    customer_name: str = Field("", title="Customer", description="Only with local: whose installation this is.")
    user: str = Field("", title="User name", description="Only with local: a Windows user who may manage VM Backup.")
    domain: str = Field("", title="Domain", description="Only with local: of that user, empty for a local user.")
    server_port: int = Field(
        36014, title="Management port", description="Only with local: 36014 from version 9.1 on, 35107 for version 8."
    )
    app_id: str = Field("", title="App ID", description="Only with control_panel.")
    header_style: Literal["token", "cp_token"] = Field(
        "token",
        title="How the token is sent",
        description="Only with control_panel. token: Authorization and App-ID. cp_token: CP-TOKEN and APP-VERSION.",
    )


class AltaroSecrets(ConnectorSecrets):
    report_link: SecretStr = Field(
        SecretStr(""), title="Report API link", description="The whole address, exactly as the console shows it."
    )
    api_key: SecretStr = Field(
        SecretStr(""), title="API key of the link", description="Shown once when the link is made."
    )
    password: SecretStr = Field(SecretStr(""), title="Password", description="Only with local.")
    token: SecretStr = Field(SecretStr(""), title="Token", description="Only with control_panel.")


MANIFEST = Manifest(
    slug="altaro",
    name="Altaro / Hornetsecurity backup",
    kind=ConnectorKind.API,
    counts=T("Backup: Microsoft 365 users, virtual machines, servers and endpoints per customer"),
    settings=AltaroSettings,
    secrets=AltaroSecrets,
    connect=connect,
    guide=(
        T(
            "In the Control Panel, under Subscription Billing, choose Export itemised billing report and Create report API link."
        ),
        T("Make a link for ContractBridge alone, for all customers: each link may be called once in five minutes."),
        T("Copy link and key, and test the connection: where the report has other fields, the message names them."),
    ),
)
