"""How Copaco is connected, and what is counted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, ConnectorSettings, Manifest
from connectors.copaco.source import Copaco
from core.domain.text import T


class CopacoSettings(ConnectorSettings):
    """Field names are those of the workspace file."""

    door: Literal["marketplace", "key"] = Field(
        "marketplace",
        title="Door",
        description="marketplace: Marketplace API with user, password and subscription key. key: API key of the partner portal, "
        "quantities from invoices.",
    )
    base_url: str = Field(
        "",
        title="Address",
        description="For the marketplace: the base URL shown with the API user. With an API key usually empty.",
    )
    marketplace: str = Field(
        "nl", title="Marketplace code", description="As in the address of the panel, for example nl or be."
    )
    user: str = Field("", title="API user", description="The user whose name ends in .API; it must be activated first.")
    count_hold: bool = Field(
        True,
        title="Count subscriptions on hold",
        description="They are normally still charged by Copaco. The policy `suspended` acts only on those counted.",
    )
    key_style: Literal["automatic", "bearer", "x_api_key", "api_key", "authorization", "subscription_key", "query"] = (
        Field(
            "automatic",
            title="How the key is sent",
            description="automatic finds it out. Choose one when Copaco tells you which.",
        )
    )
    key_name: str = Field(
        "", title="Name of the key", description="Another name for the header or query parameter. Usually empty."
    )
    seat_charges: list[str] = Field(
        ["recurring fee", "periodieke kosten"],
        title="Charges that tell the seats",
        description="Invoice lines with one of these words count. Where an invoice names no kind of charge, all its lines do.",
    )
    credit_types: list[str] = Field(
        ["credit", "381"],
        title="Credit notes",
        description="Words in the type of a document, or its code, that make it a credit note. Credit notes are left out.",
    )
    absent_is_gone: bool = Field(
        False,
        title="No longer invoiced means gone",
        description="Only if everything is invoiced each month: what is paid yearly is not on most invoices and would drop to 0.",
    )
    read_prices: bool = Field(
        True, title="Read sales prices", description="From customer specifications; one request more."
    )


class CopacoSecrets(ConnectorSecrets):
    password: SecretStr = Field(SecretStr(""), title="Password", description="Of the API user of the marketplace.")
    subscription_key: SecretStr = Field(
        SecretStr(""), title="Subscription key", description="Shown with the API user of the marketplace."
    )
    api_key: SecretStr = Field(
        SecretStr(""), title="API key", description="From the partner portal, shown once. Only for the door key."
    )


MANIFEST = Manifest(
    slug="copaco",
    name="Copaco Cloud",
    kind=ConnectorKind.API,
    counts=T("Cloud products and seats: of each subscription, or as invoiced"),
    settings=CopacoSettings,
    secrets=CopacoSecrets,
    connect=Copaco,
    guide=(
        T("Order the Marketplace API in the reseller panel: Marketplace → Reseller Services → Cloud Platform Add-Ons."),
        T("Activate the API user, and copy base URL, user, password and subscription key into the fields here."),
        T(
            "Already on Copaco's new platform? Make an API key for PRODUCTION in the partner portal, and choose the door key."
        ),
        T("With neither, export the list of subscriptions and connect it as a file import."),
    ),
)
