"""How Partner Center's billing is connected, and what is read."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, ConnectorSettings, Manifest
from connectors.partner_center_billing.source import PartnerCenterBilling
from core.domain.text import T


class PartnerCenterBillingSettings(ConnectorSettings):
    """Field names are those of the workspace file."""

    partner_tenant_id: str = Field(
        title="Partner tenant ID", description="Directory (tenant) ID of your own tenant, from the Entra admin centre."
    )
    client_id: str = Field(title="Application ID", description="Application (client) ID of the app registration.")
    currency: str = Field("EUR", title="Currency", description="The currency you are billed in, such as EUR.")
    usage_from: Literal["graph", "line_items"] = Field(
        "graph",
        title="Usage from",
        description="graph: export jobs of Microsoft Graph, the current way. line_items: Partner Center's own list, the older one.",
    )
    read_licences: bool = Field(
        True, title="Count billed seats", description="The seats that the newest invoice bills, per subscription."
    )
    read_purchases: bool = Field(
        True,
        title="Read purchases",
        description="Reservations, saving plans, marketplace and perpetual products of the invoice, as amounts.",
    )
    as_products: bool = Field(
        False,
        title="Amounts as products too",
        description="The running month's amounts also appear as products with the amount for quantity. Usually off: amounts become "
        "charges.",
    )
    partner_center_url: str = Field(
        "", title="Partner Center address", description="Only for a proxy or a test server. Usually empty."
    )


class PartnerCenterBillingSecrets(ConnectorSecrets):
    client_secret: SecretStr = Field(title="Client secret", description="Of the app registration.")
    refresh_token: SecretStr = Field(
        SecretStr(""),
        title="Refresh token",
        description="From one sign-in of a partner user with MFA: Partner Center wants app and user for invoices.",
    )


MANIFEST = Manifest(
    slug="partner_center_billing",
    name="Partner Center billing",
    kind=ConnectorKind.API,
    counts=T("Azure usage and purchases as amounts per customer, and the seats of the newest invoice"),
    settings=PartnerCenterBillingSettings,
    secrets=PartnerCenterBillingSecrets,
    connect=PartnerCenterBilling,
    rotating="refresh_token",
    consumption=True,
    guide=(
        T("In the Entra admin centre of your partner tenant, make an app registration with a client secret."),
        T("Give it the application permission PartnerBilling.Read.All of Microsoft Graph, with admin consent."),
        T("Register the app in Partner Center under Account settings → App management."),
        T("For invoices, let a partner user with a billing role sign in once with MFA and enter the refresh token."),
    ),
)
