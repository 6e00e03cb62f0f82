"""How Azure Cost Management is connected, and what is read."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, ConnectorSettings, Manifest
from connectors.azure_cost.source import AzureCost
from core.domain.text import T


class AzureCostSettings(ConnectorSettings):
    """Field names are those of the workspace file."""

    tenant_id: str = Field(title="Tenant ID", description="Directory (tenant) ID in which the app registration lives.")
    client_id: str = Field(title="Application ID", description="Application (client) ID of the app registration.")
    scopes: list[str] = Field(
        title="Scopes",
        description="What is asked for cost, one per line: subscriptions/ID, or the path of a billing account or customer below "
        "providers/Microsoft.Billing. Behind = the customer's name, where it is not told otherwise.",
    )
    metric: Literal["actual", "amortized"] = Field(
        "actual",
        title="Cost",
        description="actual: as invoiced. amortized: reservations and saving plans spread over their term.",
    )
    report: Literal["summary", "detailed"] = Field(
        "summary",
        title="Report",
        description="summary: sums by one grouping, quick. detailed: each resource, meter and tag, as in an export; takes minutes.",
    )
    split_by: Literal["ResourceGroupName", "MeterCategory", "ServiceName", "SubscriptionId", "ResourceId", "tag"] = (
        Field(
            "ResourceGroupName",
            title="Split by",
            description="Besides the charge type: what amounts are told apart by. The interface allows two groupings.",
        )
    )
    tag: str = Field("", title="Tag", description="Name of the tag to split by, where split by tag is chosen.")
    cost_column: str = Field(
        "Cost",
        title="Cost column",
        description="Cost, or PreTaxCost where the agreement has that instead.",
    )
    currency: str = Field(
        "EUR", title="Currency", description="The currency you are billed in; amounts in others are kept apart."
    )
    as_products: bool = Field(
        False,
        title="Amounts as products too",
        description="The running month's amounts also appear as products with the amount for quantity. Usually off: amounts become "
        "charges.",
    )


class AzureCostSecrets(ConnectorSecrets):
    client_secret: SecretStr = Field(title="Client secret", description="Of the app registration.")


MANIFEST = Manifest(
    slug="azure_cost",
    name="Azure Cost Management",
    kind=ConnectorKind.API,
    counts=T("Azure consumption as amounts per customer, by resource group, service or tag"),
    settings=AzureCostSettings,
    secrets=AzureCostSecrets,
    connect=AzureCost,
    placed=True,
    consumption=True,
    guide=(
        T("In the Entra admin centre, make an app registration with a client secret."),
        T("Give it the role Cost Management Reader on each subscription, or billing reader on the billing account."),
        T("Enter the scopes, one per line: the subscriptions or the customers of the billing account."),
        T("Copy tenant ID, application ID and the secret into the fields here, and test."),
    ),
)
