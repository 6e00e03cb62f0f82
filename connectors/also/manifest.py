"""How an ALSO Cloud Marketplace is connected, and what is counted."""

from __future__ import annotations

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, ConnectorSettings, Manifest
from connectors.also.source import Also
from core.domain.text import T


class AlsoSettings(ConnectorSettings):
    """Field names are those of the workspace file."""

    host: str = Field(
        "marketplace.also.nl",
        title="Marketplace",
        description="Host name of the marketplace of your country, or of a sister marketplace with the same software.",
    )
    user: str = Field(
        title="API user", description="A user for this purpose alone, without MFA, made known to ALSO support."
    )
    reseller_id: int | None = Field(
        None,
        title="Account ID of the reseller",
        description="AccountId of your own company, not the numeric ID that the portal shows. Empty: all companies the user sees.",
    )
    reseller_context: int | None = Field(
        None,
        title="Reseller context",
        description="Only when the user works for several resellers: the AccountId of the one meant. Usually empty.",
    )
    user_level: bool = Field(
        True,
        title="Count services of users",
        description="Services bought for single users add up with those of their company.",
    )
    by_subscription: bool = Field(
        False,
        title="Tell subscriptions apart",
        description="Each subscription is a line of its own, with its start and end, instead of one line per product. Their units "
        "still add up on a contract line.",
    )
    ask_addons: bool = Field(
        False,
        title="Ask for add-ons separately",
        description="Only when add-ons are not in the list of subscriptions: one request more per subscription.",
    )
    leave_out: list[str] = Field(
        [],
        title="Services left out",
        description="Product codes (ServiceName) that are not read, for example one whose quantity ALSO leaves empty.",
    )
    renewal: bool = Field(
        False,
        title="Read quantities at renewal",
        description="Adds the quantity a subscription will renew with as a product of its own.",
    )
    billed: bool = Field(
        False,
        title="Read billed quantities",
        description="Adds the quantities of the last closed month's invoices as products of their own.",
    )
    forbidden_is_busy: bool = Field(
        False,
        title="Treat 403 as too busy",
        description="Some marketplaces answer 403 when asked too often: then wait and try again.",
    )


class AlsoSecrets(ConnectorSecrets):
    password: SecretStr = Field(title="Password", description="Of the API user.")


MANIFEST = Manifest(
    slug="also",
    name="ALSO Cloud Marketplace",
    kind=ConnectorKind.API,
    counts=T("Cloud products and seats: the quantity of each service of each company"),
    settings=AlsoSettings,
    secrets=AlsoSecrets,
    connect=Also,
    guide=(
        T("In the marketplace, make a user for the API alone that may only view, without MFA."),
        T("Have ALSO support release the user for the API, and this machine's public address where they keep a list."),
        T("Give the marketplace's host name, the user and the password, and test the connection."),
    ),
)
